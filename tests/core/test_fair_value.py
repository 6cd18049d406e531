"""fair_value's own reasons: what it looks at must be known, and fresh."""

from typing import Any

import pytest

from messages import Book, Candle, FeeSchedule, MarketListed, OraclePrice, WindowObserved
from messages.units import NS
from polybot.core.strategies.builtin.fair_value import STRATEGY
from polybot.core.strategies.candles import candles_from
from polybot.settings import Settings
from polybot.strategy import Decision, EventView, MarketView, Window

T0 = 1_795_132_800
SLUG = Window(T0).slug
NOW_NS = (T0 + 100) * NS


def a_print(feed: Any, at_ns: int) -> OraclePrice:
    return OraclePrice(
        symbol="btc/usd",
        feed=feed,
        price=64000.0,
        value_e18="64000000000000000000000",
        observed_ns=at_ns,
        received_ns=at_ns,
        source="rtds",
    )


def a_candle(start_s: int, close: float) -> Candle:
    return Candle(
        symbol="BTCUSDT",
        interval_s=30,
        start_ns=start_s * NS,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
        traded=True,
        source="binance",
    )


def a_market() -> MarketListed:
    return MarketListed(
        slug=SLUG,
        condition_id="0x1",
        up_token="111",
        down_token="222",
        start_s=T0,
        end_s=T0 + 300,
        tick_e6=10_000,
        min_size_e6=5_000_000,
        fee=FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True),
        neg_risk=False,
        rule="twap60",
        rule_why="",
        synthetic_books=True,
    )


def decided(spot_age_ns: int, speed: float = 1.0) -> Decision:
    """At 100 s into a window on TWAP, whose own feed printed just now; Up is worth a half and offered at 0.40."""
    market, level = MarketView(Settings(), speed), ((400_000, 100_000_000),)
    book = Book(
        slug=SLUG,
        condition_id="0x1",
        up_bids=((380_000, 100_000_000),),
        up_asks=level,
        down_bids=((580_000, 100_000_000),),
        down_asks=((620_000, 100_000_000),),
        venue_ns=NOW_NS,
        received_ns=NOW_NS,
    )
    window = WindowObserved(
        slug=SLUG, start_s=T0, end_s=T0 + 300, strike_e18="1", strike=64000.0, strike_source="rtds_twap60"
    )
    for word in (a_market(), window, a_print("spot", NOW_NS - spot_age_ns), a_print("twap60", NOW_NS), book):
        market.hear(word, NOW_NS)
    bars = [a_candle(T0 + 90 - 30 * i, 64000.0 + 10 * (i % 2)) for i in range(60, 0, -1)]
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
