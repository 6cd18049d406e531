"""One window, one market, the prints of one stream → what is said of it. A function: the order of hearing cannot matter."""

from collections.abc import Mapping

from messages import MarketListed, SettleRule, WindowObserved
from polybot.core.market.windows import Observed, Window, observe

RULES: tuple[SettleRule, ...] = ("spot", "twap30", "twap60")


def rule_named(strike_source: str) -> tuple[str, SettleRule | None]:
    """ "polybolt_twap60" → whose print it was, and of which stream."""
    source, _, name = strike_source.partition("_")
    return source, next((rule for rule in RULES if rule == name), None)


E18 = 10**18


def concluded(
    window: Window, market: MarketListed | None, prints: Mapping[int, int], is_late: bool, source: str = "rtds"
) -> WindowObserved:
    """What is concluded about a window. prints: of the stream that market.rule names. is_late: no print of the end is
    expected any more. source: whose print the strike is.
    """
    strike = prints.get(window.start_s)
    seen = observe(strike, prints, window.end_s)
    has_ended = seen.end_e18 is not None or seen.outcome is not None or is_late
    if not has_ended:
        seen = Observed()  # why an end is missing is no news before it
    return WindowObserved(
        slug=window.slug,
        start_s=window.start_s,
        end_s=window.end_s,
        strike_e18=None if strike is None else str(strike),
        strike=None if strike is None else strike / E18,
        strike_source=f"{source}_{market.rule}" if strike is not None and market and market.rule else "",
        end_e18=None if seen.end_e18 is None else str(seen.end_e18),
        end_price=None if seen.end_e18 is None else seen.end_e18 / E18,
        outcome=seen.outcome,
        inferred=seen.inferred,
        move_bp=seen.move_bp,
        ended=has_ended,
        why=_why(market, seen) if has_ended else "",
    )


def _why(market: MarketListed | None, seen: Observed) -> str:
    if market is None:
        return "the venue did not describe this market: its settlement rule is unknown"
    if market.rule is None:
        return f"RULE_UNKNOWN: {market.rule_why}"
    return seen.why
