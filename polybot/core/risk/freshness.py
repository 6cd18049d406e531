"""Rules on freshness: is what we know of price, oracle and book young enough to trade on?"""

from messages import OrderIntent
from polybot.core.market.windows import Window
from polybot.core.reasons import Reason
from polybot.core.risk.view import RiskView, is_early


def no_strike(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a window without a strike; one that has not begun needs none."""
    if is_early(intent):
        return None
    return _text(view.market.no_strike(Window(intent.start_s)))


def stale_price(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when the exchange's price is older than its limit, or unknown."""
    return _text(view.market.stale_price(view.now_ns))


def stale_oracle(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when the oracle's feed that this market settles on is older than its limit, or unknown."""
    return _text(view.market.stale_oracle(intent.slug, view.now_ns))


def stale_book(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when this market's book is older than its limit, or unknown."""
    return _text(view.market.stale_book(intent.slug, view.now_ns))


def _text(reason: Reason | None) -> str | None:
    return reason.text if reason else None
