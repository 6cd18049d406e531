"""The two levels everyone else's view of money is a cache of."""

from dataclasses import dataclass, field

from messages import Account, OrderUpdate, Position, Positions, Streak
from messages.units import NS
from polybot.core.executor.books import activity, double_entry
from polybot.core.executor.books.events import order_now
from polybot.core.executor.books.settlement import Holding, holdings, outcome_of
from polybot.core.executor.books.state import BookedWindow, Books
from polybot.core.executor.orders.admission import blocking
from polybot.core.utc import day_of

LATE_S = 900  # world seconds after its end in which a window must have an official outcome (rules §4)


@dataclass(frozen=True)
class View:
    """What of the levels is not in the journal. wallet_e6: as the venue last said, -1 before the first read."""

    now_ns: int
    account: str
    is_ready: bool
    why_not_ready: str
    wallet_e6: int
    is_halted: bool
    halt_reason: str
    reconciled_ns: int
    venue_state: str
    venue_why: str = ""
    pulse_state: str = "off"
    pulse_why: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)


def account(books: Books, view: View, purse_e6: int, streaks: dict[str, Streak]) -> Account:
    """The Account level. purse_e6 is shown until the journal has a purse."""
    pending = [w for w in unsettled(books) if w.end_s * NS <= view.now_ns]
    unknown = blocking(books)
    today = day_of(view.now_ns // NS)
    cash = double_entry.cash_e6(books)
    wallet = cash if view.wallet_e6 < 0 else view.wallet_e6
    return Account(
        account=view.account,
        ready=view.is_ready,
        why_not_ready=view.why_not_ready,
        purse_e6=books.purse_e6 or purse_e6,
        wallet_e6=wallet,
        cash_pnl_e6=double_entry.cash_pnl_e6(books),
        free_e6=double_entry.free_e6(books, wallet),
        reserved_e6=double_entry.reserved_e6(books),
        positions_e6=double_entry.positions_e6(books),
        claims_e6=double_entry.balance_e6(books, double_entry.CLAIMS),
        equity_e6=double_entry.equity_e6(books) if books.purse_e6 else purse_e6,
        realised_e6=books.realised_e6,
        peak_equity_e6=books.peak_equity_e6 or purse_e6,
        max_drawdown_e6=books.max_drawdown_e6,
        fees_e6=double_entry.balance_e6(books, double_entry.FEES),
        streaks=streaks,
        halted=view.is_halted,
        halt_reason=view.halt_reason,
        unknown_orders=tuple(order.order_id for order in unknown),
        open_orders=len(books.open),
        unresolved=len(pending),
        late=sum(not w.winner and (w.end_s + LATE_S) * NS < view.now_ns for w in pending),
        blocked_slugs=tuple(dict.fromkeys(order.intent.slug for order in unknown)),
        last_window_s=books.last_window_s,
        day=today,
        day_pnl_e6=sum(books.days.get(today, {}).values()),
        reconciled_ns=view.reconciled_ns,
        journal_seq=books.seq,
        venue_state=view.venue_state,
        venue_why=view.venue_why,
        pulse_state=view.pulse_state,
        pulse_why=view.pulse_why,
        open_e6=sum(double_entry.order_reserved_e6(books, i) for i in books.open if books.orders[i].seen),
        days=activity.days(books, unsettled(books), today),
        sent=activity.sent(books, view.now_ns),
        unfilled=activity.unfilled(books, view.now_ns),
        unreadable=view.unreadable,
    )


def positions(books: Books, view: View) -> Positions:
    """All positions not paid out, and all orders not final."""
    held = [p for w in unsettled(books) for h in holdings(books, w).values() for p in _positions(books, h, view)]
    open_orders: list[OrderUpdate] = [order_now(books, order_id) for order_id in books.open]
    return Positions(
        account=view.account,
        positions=tuple(held),
        orders=tuple(open_orders),
        foreign=tuple(books.foreign),
        journal_seq=books.seq,
    )


def _positions(books: Books, holding: Holding, view: View) -> list[Position]:
    window = holding.window
    if not window.winner and (window.end_s + LATE_S) * NS < view.now_ns:
        state = "late"
    else:
        state = "claim" if outcome_of(window) else "open"
    shares = max(1, sum(holding.shares.values()))
    return [
        Position(
            account=view.account,
            strategy=holding.strategy,
            slug=window.slug,
            token_id=token,
            outcome=holding.outcome_of[token],
            size_e6=size,
            cost_e6=holding.cost[token] + holding.fees_e6 * size // shares,
            provisional_e6=size - holding.confirmed.get(token, 0),
            end_s=window.end_s,
            state=state,  # type: ignore[arg-type]
        )
        for token, size in holding.shares.items()
        if size > 0
    ]


def unsettled(books: Books) -> list[BookedWindow]:
    """Windows in which something is held, or owed, oldest first."""
    return sorted((books.windows[slug] for slug in books.pending), key=lambda w: w.start_s)
