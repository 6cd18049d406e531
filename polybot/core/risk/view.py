"""What the rules look at: everything risk knows, as of one moment. In-flight orders are part of it, at once and in full."""

from collections.abc import Callable
from dataclasses import dataclass

from messages import Account, OrderIntent, Outcome, Positions
from polybot.core.market_view import MarketView
from polybot.core.reasons import Reason
from polybot.core.settings import Settings
from polybot.core.turbulence import Volatility
from polybot.core.windows import Session, Window


@dataclass(frozen=True)
class RiskView:
    """Everything a rule may look at, as of now_ns. account_age_s is machine time; range_pct None = nothing traded."""

    now_ns: int
    settings: Settings
    session: Session
    halted: Reason | None
    reducing: Reason | None
    has_snapshot: bool
    account: Account | None
    account_age_s: float
    positions: Positions | None
    in_flight: tuple[OrderIntent, ...]
    market: MarketView
    range_pct: float | None
    volatility: Volatility


Rule = Callable[[OrderIntent, RiskView], str | None]
"""A sentence with the value and the bound, or None where the rule holds."""


def known(view: RiskView) -> tuple[Account, Positions]:
    """For rules below account_unknown in the table, which makes sure of both."""
    assert view.account is not None
    assert view.positions is not None
    return view.account, view.positions


def entries(view: RiskView) -> list[tuple[str, str, str, Outcome]]:
    """(what, slug, strategy, outcome) of every position held, order open or order in flight."""
    positions = known(view)[1]
    held = [(f"a position of {p.strategy}", p.slug, p.strategy, p.outcome) for p in positions.positions]
    orders = [(f"order {o.intent_id}", o.slug, o.strategy, o.outcome) for o in positions.orders]
    flying = [(f"order {i.id} in flight", i.slug, i.strategy, i.outcome) for i in view.in_flight]
    return held + orders + flying


def is_early(intent: OrderIntent) -> bool:
    """A bet on a window to come: gone when it opens."""
    return Window(intent.start_s).is_early(intent.cancel_at_ns)
