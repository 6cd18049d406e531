"""Indicators as functions on arrays: TA-Lib inside, element i from values ≤ i only, NaN while warming up.

Every input is a one-dimensional float64 array without NaN, oldest first; every output has its length.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import talib

Floats = npt.NDArray[np.float64]


def rsi(values: Floats, period: int = 14) -> Floats:
    """Wilder's relative strength index, 0 … 100. Warm-up: `period` values; the seed is the mean of the first changes.

    50 as long as nothing has moved since the first value: TA-Lib says 0 there, and 100 after one tick.
    source  Wilder, New Concepts in Technical Trading Systems (1978)
    """
    out = talib.RSI(values, period)
    moved = np.zeros(len(values), dtype=np.bool_)
    moved[1:] = np.logical_or.accumulate(np.diff(values) != 0)
    out[~moved & ~np.isnan(out)] = 50.0
    return out


def ema(values: Floats, period: int) -> Floats:
    """Exponential mean, α = 2 / (period + 1), seeded with the simple mean of the first `period` values (the warm-up)."""
    return talib.EMA(values, period)


def macd(values: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Floats, Floats, Floats]:
    """(line, signal, histogram): EMA(fast) − EMA(slow), its EMA, their difference. Warm-up: slow + signal − 2 values.

    Both means are seeded at the same value (TA-Lib); other libraries differ there and agree to 1e-11 after 100 values.
    """
    return talib.MACD(values, fast, slow, signal)


def floats(values: Any) -> Floats:
    """What TA-Lib takes: contiguous float64."""
    return np.ascontiguousarray(values, dtype=np.float64)
