"""How rough the market may be."""

from typing import Any

import pytest

from messages import (
    Candle,
    Candles,
    History,
)
from messages.units import NS

T0 = 1_795_132_800


@pytest.mark.parametrize(("high", "code"), [(102.999, ""), (103.0, ""), (103.001, "RANGE")])
def test_five_minute_range(kit: Any, high: float, code: str) -> None:
    at_ns = (T0 + 10) * NS
    bench = kit.Bench()
    bench.snapshot(9.0)
    bench.hear(10.0, kit.a_tick(at_ns - NS, 100.0), kit.a_tick(at_ns, high))
    bench.hear(10.0, kit.a_market(), kit.a_window(), kit.a_print(at_ns), kit.a_book(at_ns))
    assert bench.judge().reason_code == code


def a_shaken_hour(last_bp: float) -> tuple[Candle, ...]:
    made, close = [], 64000.0
    for i in range(150):
        close *= 1 + (1 if i % 2 else -1) * (last_bp if i >= 140 else 5.0) / 10_000
        end_s = T0 - 30 * (149 - i)
        made.append(
            Candle(
                symbol="BTCUSDT",
                interval_s=30,
                start_ns=(end_s - 30) * NS,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=1.0,
                traded=True,
                source="binance",
            )
        )
    return tuple(made)


@pytest.mark.parametrize(("last_bp", "code"), [(9.9, ""), (10.1, "VOLATILITY")])
def test_volatility_above_twice_its_baseline(kit: Any, last_bp: float, code: str) -> None:
    bench = kit.Bench()
    asked = bench.all(History)[-1]
    bench.hear(
        0.5, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=a_shaken_hour(last_bp), complete=True)
    )
    assert bench.ready().judge().reason_code == code


@pytest.mark.parametrize(("missing", "code"), [(1, ""), (2, "VOLATILITY")])
def test_with_a_baseline_an_unknown_volatility_is_a_refusal(kit: Any, missing: int, code: str) -> None:
    hour = a_shaken_hour(5.0)
    known = hour[: -1 - missing] + hour[-1:]
    bench = kit.Bench()
    asked = bench.all(History)[-1]
    bench.hear(0.5, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=known, complete=True))
    verdict = bench.ready().judge()
    assert verdict.reason_code == code
    assert not code or "volatility is unknown: fewer than 8 of the last 10 returns are known" in verdict.reason


def test_without_an_hour_of_bars_the_volatility_rule_is_off_and_the_level_says_so(kit: Any) -> None:
    bench = kit.Bench().ready()
    assert bench.judge().approved
    (use,) = [u for u in bench.state.limits if u.rule == "VOLATILITY"]
    assert use.used.startswith("off: ")
