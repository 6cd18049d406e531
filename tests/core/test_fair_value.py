"""fair_value's own reasons: what it looks at must be known, and fresh."""

import pytest

from messages.units import NS
from polybot.core.market.view import MarketView
from polybot.core.market.windows import Window
from polybot.core.strategies.builtin.fair_value import STRATEGY
from polybot.core.strategies.candles import candles_from
from polybot.settings import Settings
from polybot.strategy import Decision, EventView
from tests.build import T0, a_book, a_flat_candle, a_market, a_print, a_window

NOW_NS = (T0 + 100) * NS


def decided(spot_age_ns: int, speed: float = 1.0) -> Decision:
    """At 100 s into a window on TWAP, whose own feed printed just now; Up is worth a half and offered at 0.40."""
    market = MarketView(Settings(), speed)
    book = a_book(up_asks=((400_000, 100_000_000),), down_asks=((620_000, 100_000_000),), received_ns=NOW_NS)
    spot_ns = NOW_NS - spot_age_ns
    spot = a_print(feed="spot", observed_ns=spot_ns, received_ns=spot_ns)
    twap = a_print(observed_ns=NOW_NS, received_ns=NOW_NS)
    for word in (a_market(), a_window(), spot, twap, book):
        market.hear(word, NOW_NS)
    bars = [a_flat_candle(T0 + 120 - 30 * i, 64000.0 + 10 * (i % 2)) for i in range(60, 0, -1)]
    view = EventView(market, candles_from(bars, T0 + 90 - 1800, 30, None), Window(T0))
    (bet,) = STRATEGY.on_event(book, view, NOW_NS, **STRATEGY.default_params)
    return bet.decision


@pytest.mark.parametrize(
    ("age_ns", "speed", "code"),
    [
        (5 * NS, 1.0, ""),
        (5 * NS + 1, 1.0, "STALE_ORACLE"),
        (200 * NS, 1.0, "STALE_ORACLE"),
        (9 * NS, 60.0, ""),
        (9 * NS + 1, 60.0, "STALE_ORACLE"),
    ],
)
def test_a_silent_spot_feed_is_no_price_though_the_twap_is_alive(age_ns: int, speed: float, code: str) -> None:
    decision = decided(age_ns, speed)
    assert decision.reason_code == code
    assert decision.side == (None if code else "UP")


def test_the_sentence_names_the_feed_its_age_and_the_bound() -> None:
    assert decided(200 * NS).reason == "oracle's spot feed is 200.0 s old, limit 5 s"
