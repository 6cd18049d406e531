"""Wins in a row: a fold over a strategy's windows in the order of their starts, by final-else-provisional outcome (rules §4).

1. A window counts when something of it filled and stands; NO_FILL leaves everything as it is.
2. +1 when it won and at least half of the stake had filled; a smaller win leaves the streak. Any filled loss resets it.
3. SPLIT is a push: nothing changes.
4. A window without an outcome is passed over; `known` says whether the newest one has one.
5. Losses in a row count since the last win; a push leaves them.
6. A correction folds anew from the start; orders already sent never change.
"""

from collections.abc import Iterable

import msgspec

from messages import Outcome, Streak
from polybot.core.market.windows import WINDOW_S


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one strategy that filled. outcome "" = none yet; cost and stake before fee."""

    slug: str
    start_s: int
    held: Outcome
    outcome: str
    cost_e6: int
    stake_e6: int
    move_bp: float | None

    @property
    def is_won(self) -> bool:
        """True when the window's outcome, provisional or official, is the side held."""
        return self.outcome == self.held

    @property
    def is_lost(self) -> bool:
        """True when there is an outcome and it is the other side; a split is neither."""
        return self.outcome not in ("", "SPLIT", self.held)

    @property
    def counts(self) -> bool:
        """True when at least half of the stake had filled: only then a win adds to the streak (rule 2)."""
        return 2 * self.cost_e6 >= self.stake_e6


NONE = Streak(wins=0, losses=0, known=True, last_slug="", last_move_bp=None, trades=0, won=0, lost=0)


def fold(windows: Iterable[Traded]) -> list[Streak]:
    """The streak after each window, in their order."""
    after: list[Streak] = []
    streak = NONE
    for window in windows:
        streak = _step(streak, window)
        after.append(streak)
    return after


def _step(before: Streak, window: Traded) -> Streak:
    wins, losses, last_loss_s = before.wins, before.losses, before.last_loss_s
    if window.is_lost:
        wins, losses, last_loss_s = 0, losses + 1, window.start_s + WINDOW_S
    elif window.is_won:
        wins, losses, last_loss_s = wins + window.counts, 0, 0
    return Streak(
        wins=wins,
        losses=losses,
        known=window.outcome != "",
        last_slug=window.slug,
        last_move_bp=window.move_bp,
        trades=before.trades + 1,
        won=before.won + window.is_won,
        lost=before.lost + window.is_lost,
        last_loss_s=last_loss_s,
    )
