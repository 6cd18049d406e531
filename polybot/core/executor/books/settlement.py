"""What a window came to, in money: derived from its outcome and its fills, so that a correction of either comes out by itself.

A provisional outcome moves claims and streaks, the official one makes it final, the wallet's rise makes it paid. Whatever of
a Settlement changes is booked as the difference and said again; `corrected` when it is not merely final or paid now.
"""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from messages import Outcome, Settlement, Streak
from polybot.core.executor.books import double_entry, streaks
from polybot.core.executor.books.order_state import standing
from polybot.core.executor.books.state import BookedOrder, BookedWindow, Books, Settled, SettledNote
from polybot.core.executor.books.streaks import Run, Traded
from polybot.core.utc import day_of


@dataclass
class Holding:
    """What a strategy has of one window: shares by token, net cost by token (what sold shares brought is taken off)."""

    strategy: str
    window: BookedWindow
    shares: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)
    fees_e6: int = 0
    bought_e6: int = 0
    stake_e6: int = 0
    outcome_of: dict[str, Outcome] = field(default_factory=dict)
    confirmed: dict[str, int] = field(default_factory=dict)

    def add(self, order: BookedOrder) -> None:
        """Count one order of this window in: its stake, and its fills that stand."""
        intent = order.intent
        sign = 1 if intent.side == "BUY" else -1
        self.outcome_of[intent.token_id] = intent.outcome
        if intent.side == "BUY":
            self.stake_e6 += intent.stake_e6
        for fill in standing(order):
            token = intent.token_id
            self.shares[token] = self.shares.get(token, 0) + sign * fill.size_e6
            self.cost[token] = self.cost.get(token, 0) + sign * fill.cost_e6
            self.fees_e6 += fill.fee_e6
            self.bought_e6 += fill.cost_e6 if sign > 0 else 0
            if fill.status == "CONFIRMED":
                self.confirmed[token] = self.confirmed.get(token, 0) + sign * fill.size_e6

    @property
    def cost_e6(self) -> int:
        """What was paid for shares less what was received for them, before fee, pUSD millionths."""
        return sum(self.cost.values())

    @property
    def held(self) -> Outcome:
        """The side it stands on; of both, the larger."""
        token = max(self.outcome_of, key=lambda t: (self.shares.get(t, 0), t))
        return self.outcome_of[token]

    def payout_e6(self, outcome: str) -> int:
        """Face value under an outcome; a split pays one half a share."""
        if outcome == "SPLIT":
            return sum(self.shares.values()) // 2
        return sum(n for token, n in self.shares.items() if self.outcome_of[token] == outcome)


def holdings(books: Books, window: BookedWindow) -> dict[str, Holding]:
    """What each strategy whose orders filled holds in a window."""
    found: dict[str, Holding] = {}
    for order_id in window.orders:
        order = books.orders[order_id]
        strategy = order.intent.strategy
        found.setdefault(strategy, Holding(strategy, window)).add(order)
    return {s: h for s, h in found.items() if h.shares or key_of(s, window.slug) in books.settled}


def key_of(strategy: str, slug: str) -> str:
    """How a strategy's window is named in the books."""
    return f"{strategy}/{slug}"


def outcome_of(window: BookedWindow) -> str:
    """The window's official outcome, else the provisional one; "" while there is none."""
    return window.winner or window.outcome or ""


def note_traded(books: Books, window: BookedWindow) -> dict[str, int]:
    """Bring the streaks' view of one window up to date with its fills and outcome; by strategy the place in its run from
    which streaks may have changed.
    """
    changed: dict[str, int] = {}
    held = holdings(books, window)
    for strategy in dict.fromkeys(books.orders[order_id].intent.strategy for order_id in window.orders):
        holding = held.get(strategy)
        if holding is None or not holding.bought_e6:  # of what filled nothing stands, perhaps not any more
            if strategy in books.runs:
                changed[strategy] = books.runs[strategy].take_out(window.slug, window.start_s)
            continue
        run = books.runs.setdefault(strategy, Run())
        row = Traded(
            slug=window.slug,
            start_s=window.start_s,
            held=holding.held,
            outcome=outcome_of(window),
            cost_e6=holding.bought_e6,
            stake_e6=holding.stake_e6,
            move_bp=window.move_bp,
        )
        changed[strategy] = run.put(row)
    return changed


def streak_of(books: Books, strategy: str) -> Streak:
    """After its newest window."""
    return books.runs[strategy].last if strategy in books.runs else streaks.NONE


def claim_e6(books: Books, key: str) -> int:
    """What a settled window still owes the wallet; negative after a correction against us that was paid before."""
    row = books.settled.get(key)
    return row.said.payout_e6 - books.paid.get(key, 0) if row else 0


def note_pending(books: Books, window: BookedWindow) -> None:
    """Keep the list of windows in which something is held, or owed."""
    if any(_is_pending(books, holding) for holding in holdings(books, window).values()):
        books.pending[window.slug] = None
    else:
        books.pending.pop(window.slug, None)


def _is_pending(books: Books, holding: Holding) -> bool:
    key = key_of(holding.strategy, holding.window.slug)
    row = books.settled.get(key)
    if row is None or row.said.provisional:
        return any(holding.shares.values())
    return claim_e6(books, key) != 0


def resettle(books: Books, window: BookedWindow) -> None:
    """Bring the settlements of a window, and of those whose streak it changed, in line with outcomes, fills and payments."""
    changed = note_traded(books, window)
    for strategy, holding in holdings(books, window).items():
        run = books.runs.setdefault(strategy, Run())
        _settle(books, holding, run.up_to(window.start_s, window.slug).wins)
        for place in range(changed.get(strategy, len(run.rows)), len(run.rows)):
            row, streak = run.rows[place], run.after[place]
            said = books.settled.get(key_of(strategy, row.slug))
            if row.slug != window.slug and said is not None and said.said.win_streak != streak.wins:
                _settle(books, holdings(books, books.windows[row.slug])[strategy], streak.wins)


def _settle(books: Books, holding: Holding, win_streak: int) -> None:
    key = key_of(holding.strategy, holding.window.slug)
    row = books.settled.get(key)
    said = _settlement(books, holding, win_streak, row)
    if row is not None and _same(row.said, said):
        return
    if row is not None:
        double_entry.book_outcome(books, row.said.payout_e6, row.moved, sign=-1)
        _count(books, row.said, -1)
    books.settled[key] = Settled(said=said, moved=dict(holding.cost))
    double_entry.book_outcome(books, said.payout_e6, holding.cost)
    _count(books, said, 1)
    books.notes.append(SettledNote(seq=books.seq, said=said))


def _settlement(books: Books, holding: Holding, win_streak: int, row: Settled | None) -> Settlement:
    window, key = holding.window, key_of(holding.strategy, holding.window.slug)
    outcome: Literal["UP", "DOWN", "SPLIT"] = outcome_of(window)  # type: ignore[assignment]
    payout = holding.payout_e6(outcome)
    moved = bool(holding.shares)
    said = Settlement(
        account=books.account,
        strategy=holding.strategy,
        slug=window.slug,
        start_s=window.start_s,
        end_s=window.end_s,
        outcome=outcome,
        provisional=not window.winner,
        paid=bool(window.winner) and books.paid.get(key, 0) == payout,
        corrected=False,
        held=holding.held,
        cost_e6=holding.cost_e6,
        fee_e6=holding.fees_e6,
        payout_e6=payout,
        pnl_e6=payout - holding.cost_e6 - holding.fees_e6,
        win=moved and outcome == holding.held,
        win_streak=win_streak,
        settled_ns=books.last_ns,
        journal_seq=books.seq,
    )
    return said if row is None else _marked(said, row.said)


def _marked(now: Settlement, before: Settlement) -> Settlement:
    """The settlement marked as corrected when it differs from before, or when it once did."""
    fields = ("outcome", "payout_e6", "cost_e6", "fee_e6", "win_streak")
    differs = any(getattr(now, f) != getattr(before, f) for f in fields)
    if not (differs or before.corrected):
        return now
    return _with(now, corrected=True)


def _with(said: Settlement, **changes: object) -> Settlement:
    return msgspec.structs.replace(said, **changes)


def _same(a: Settlement, b: Settlement) -> bool:
    return _with(a, settled_ns=b.settled_ns, journal_seq=b.journal_seq) == b


def _count(books: Books, said: Settlement, sign: int) -> None:
    books.realised_e6 += sign * said.pnl_e6
    _count_day(books, said, sign)


def _count_day(books: Books, said: Settlement, sign: int) -> None:
    of_day = books.days.setdefault(day_of(said.end_s), {})
    of_day[said.strategy] = of_day.get(said.strategy, 0) + sign * said.pnl_e6


def count_days(books: Books) -> None:
    """What each day came to, anew from the settlements: for a snapshot of a version that kept it otherwise."""
    for row in books.settled.values():
        _count_day(books, row.said, 1)
