"""Wins in a row: a fold over a strategy's windows in the order of their starts, by final-else-provisional outcome (rules §4).

1. A window counts when something of it filled and stands; NO_FILL leaves everything as it is.
2. +1 when it won and at least half of the stake had filled; a smaller win leaves the streak. Any filled loss resets it.
3. SPLIT is a push: nothing changes.
4. A window without an outcome is passed over; `known` says whether the newest one has one.
5. Losses in a row count since the last win; a push leaves them.
6. A correction folds anew from the window that it corrects; orders already sent never change.
"""

from bisect import bisect_left
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


class Run(msgspec.Struct, kw_only=True):
    """A strategy's traded windows that are still kept, by start, and the streak after each; `before` the first of them.

    A window is put in, changed or taken out at the cost of those after it: one for the newest, whatever the history.
    """

    before: Streak = NONE
    rows: list[Traded] = []
    after: list[Streak] = []

    def put(self, row: Traded) -> int:
        """Insert it, or replace the row of its slug; the place from which streaks may have changed."""
        place = self._place(row)
        if place < len(self.rows) and self.rows[place].slug == row.slug:
            if self.rows[place] == row:
                return len(self.rows)
            self.rows[place] = row
        else:
            self.rows.insert(place, row)
        self._fold_from(place)
        return place

    def take_out(self, slug: str, start_s: int) -> int:
        """Nothing of it stands any more; the place from which streaks may have changed."""
        place = bisect_left(self.rows, (start_s, slug), key=_order)
        if place == len(self.rows) or self.rows[place].slug != slug:
            return len(self.rows)
        del self.rows[place]
        self._fold_from(place)
        return place

    def up_to(self, start_s: int, slug: str) -> Streak:
        """The streak after this window, or where it would stand."""
        place = bisect_left(self.rows, (start_s, slug), key=_order)
        if place < len(self.rows) and self.rows[place].slug == slug:
            place += 1
        return self.after[place - 1] if place else self.before

    @property
    def last(self) -> Streak:
        """After the newest window."""
        return self.after[-1] if self.after else self.before

    def let_go(self, count: int) -> None:
        """The first `count` windows are history: only the streak after them is kept."""
        if count:
            self.before = self.after[count - 1]
            del self.rows[:count], self.after[:count]

    def _place(self, row: Traded) -> int:
        return bisect_left(self.rows, _order(row), key=_order)

    def _fold_from(self, place: int) -> None:
        streak = self.after[place - 1] if place else self.before
        del self.after[place:]
        for row in self.rows[place:]:
            streak = _step(streak, row)
            self.after.append(streak)


def _order(row: Traded) -> tuple[int, str]:
    return row.start_s, row.slug


def fold(windows: Iterable[Traded]) -> list[Streak]:
    """The streak after each window, in their order: all of it anew, which `Run` is held against."""
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
