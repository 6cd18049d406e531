"""What the rules look at: everything risk knows, as of one moment. In-flight orders are part of it, at once and in full."""

from collections.abc import Callable
from dataclasses import dataclass

from messages import Account, ClockOffset, OrderIntent, Outcome, Positions
from polybot.core.market.view import MarketView
from polybot.core.market.windows import SessionPlan, Window, window_of
from polybot.core.reasons import Reason
from polybot.core.risk.volatility import Volatility
from polybot.settings import Settings


@dataclass(frozen=True)
class RiskView:
    """Everything a rule may look at, as of now_ns. account_age_s is machine time; range_pct None = nothing traded.

    in_flight   orders handed on that no snapshot has shown yet       in_flight_ns  when each of them was, by intent id
    """

    now_ns: int
    settings: Settings
    session: SessionPlan
    halted: Reason | None
    reducing: Reason | None
    has_snapshot: bool
    account: Account | None
    account_age_s: float
    positions: Positions | None
    in_flight: tuple[OrderIntent, ...]
    in_flight_ns: dict[str, int]
    market: MarketView
    clocks: tuple[ClockOffset, ...]
    range_pct: float | None
    volatility: Volatility


Rule = Callable[[OrderIntent, RiskView], str | None]
"""A sentence with the value and the bound, or None where the rule holds."""


def known(view: RiskView) -> tuple[Account, Positions]:
    """Account and positions, for rules below account_unknown in the table, which makes sure of both."""
    assert view.account is not None
    assert view.positions is not None
    return view.account, view.positions


@dataclass(frozen=True)
class Stake:
    """Something of ours in a market: a position without a payout, an order that may fill, or one in flight.

    worst_e6  what it may cost at worst, fee included       is_open  its outcome is not known yet
    """

    what: str
    strategy: str
    slug: str
    outcome: Outcome
    end_s: int
    worst_e6: int
    is_open: bool


def stakes(view: RiskView) -> list[Stake]:
    """All of them. An order that fills in part is both a position and an order; what it may still cost shrinks with it."""
    positions = known(view)[1]
    held = [
        Stake(f"a position of {p.strategy}", p.strategy, p.slug, p.outcome, p.end_s, p.cost_e6, p.state != "claim")
        for p in positions.positions
    ]
    orders = [
        Stake(f"order {o.intent_id}", o.strategy, o.slug, o.outcome, _end_s(o.slug), o.reserved_e6, not o.final)
        for o in positions.orders
    ]
    flying = [
        Stake(f"order {i.id} in flight", i.strategy, i.slug, i.outcome, i.end_s, i.worst_e6, True)
        for i in view.in_flight
    ]
    return held + orders + flying


def _end_s(slug: str) -> int:
    window = window_of(slug)
    return window.end_s if window else 0


@dataclass(frozen=True)
class Sent:
    """An order of a running window or of the last minute, whatever became of it."""

    intent_id: str
    strategy: str
    slug: str
    at_ns: int


def sent(view: RiskView) -> list[Sent]:
    """Orders sent lately, by the executor's account and in flight: each once."""
    told = {s.intent_id: Sent(s.intent_id, s.strategy, s.slug, s.signed_ns) for s in known(view)[0].sent}
    flying = {i.id: Sent(i.id, i.strategy, i.slug, view.in_flight_ns[i.id]) for i in view.in_flight}
    return list((flying | told).values())


def is_early(intent: OrderIntent) -> bool:
    """A bet on a window to come: gone when it opens."""
    return Window(intent.start_s).is_early(intent.cancel_at_ns)
