"""Rules on how rough the market is: the range of the last five minutes, and volatility."""

from messages import OrderIntent
from polybot.core.risk.view import RiskView


def price_range(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when the range of the last five minutes is above max_range_pct."""
    limit = view.settings.risk.max_range_pct
    if view.range_pct is None or view.range_pct <= limit:
        return None
    return f"5-minute range {view.range_pct:.3f} % exceeds max_range_pct = {limit:g}"


def volatility(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when volatility is unknown or above max_volatility_ratio times its baseline."""
    seen, limit = view.volatility, view.settings.risk.max_volatility_ratio
    if seen.now is None and seen.baseline is not None:
        return f"volatility is unknown: {seen.off}; max_volatility_ratio = {limit:g}"
    ratio = seen.ratio
    if ratio is None or ratio <= limit:
        return None
    return f"volatility is {ratio:.2f} times its baseline of the last hour, max_volatility_ratio = {limit:g}"
