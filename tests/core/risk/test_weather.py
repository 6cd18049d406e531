"""How rough the market may be."""

import pytest

from messages import (
    Candle,
    Candles,
    History,
)
from messages.units import NS
from tests.build import NOW_NS, T0, a_book, a_flat_candle, a_market, a_print, a_tick, a_window
from tests.core.risk.conftest import Kit


@pytest.mark.parametrize(("high", "code"), [(102.999, ""), (103.0, ""), (103.001, "RANGE")])
def test_five_minute_range(kit: Kit, high: float, code: str) -> None:
    bench = kit.Bench()
    bench.snapshot(9.0)
    bench.hear(10.0, a_tick(traded_ns=NOW_NS - NS, price=100.0), a_tick(price=high))
    bench.hear(10.0, a_market(), a_window(), a_print(), a_book())
    assert bench.judge().reason_code == code


def a_shaken_hour(last_bp: float) -> tuple[Candle, ...]:
    made, close = [], 64000.0
    for i in range(150):
        close *= 1 + (1 if i % 2 else -1) * (last_bp if i >= 140 else 5.0) / 10_000
        made.append(a_flat_candle(T0 - 30 * (149 - i), close))
    return tuple(made)


@pytest.mark.parametrize(("last_bp", "code"), [(9.9, ""), (10.1, "VOLATILITY")])
def test_volatility_above_twice_its_baseline(kit: Kit, last_bp: float, code: str) -> None:
    bench = kit.Bench()
    asked = bench.all(History)[-1]
    bench.hear(
        0.5, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=a_shaken_hour(last_bp), complete=True)
    )
    assert bench.ready().judge().reason_code == code


@pytest.mark.parametrize(("missing", "code"), [(1, ""), (2, "VOLATILITY")])
def test_with_a_baseline_an_unknown_volatility_is_a_refusal(kit: Kit, missing: int, code: str) -> None:
    hour = a_shaken_hour(5.0)
    known = hour[: -1 - missing] + hour[-1:]
    bench = kit.Bench()
    asked = bench.all(History)[-1]
    bench.hear(0.5, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=known, complete=True))
    verdict = bench.ready().judge()
    assert verdict.reason_code == code
    assert not code or "volatility is unknown: fewer than 8 of the last 10 returns are known" in verdict.reason


def test_without_an_hour_of_bars_the_volatility_rule_is_off_and_the_level_says_so(kit: Kit) -> None:
    bench = kit.Bench().ready()
    assert bench.judge().approved
    (use,) = [u for u in bench.state.limits if u.rule == "VOLATILITY"]
    assert use.used.startswith("off: ")
