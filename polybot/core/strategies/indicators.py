"""Indicators as functions on arrays: TA-Lib inside where it has them, element i from values ≤ i only, NaN while warming up.

Every input is a one-dimensional float64 array without NaN, oldest first; every output has its length. "Warm-up" is the
number of values up to and with the first that has an answer.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import talib

Floats = npt.NDArray[np.float64]


def rsi(values: Floats, period: int = 14) -> Floats:
    """Wilder's relative strength index, 0 … 100. Warm-up: period + 1 values; the seed is the mean of the first changes.

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
    """(line, signal, histogram): EMA(fast) − EMA(slow), its EMA, their difference. Warm-up: slow + signal − 1 values.

    Both means are seeded at the same value (TA-Lib); other libraries differ there and agree to 1e-11 after 100 values.
    """
    return talib.MACD(values, fast, slow, signal)


def sma(values: Floats, period: int) -> Floats:
    """Simple mean of the last `period` values (the warm-up)."""
    return talib.SMA(values, period)


def bollinger(values: Floats, period: int = 20, width: float = 2.0) -> tuple[Floats, Floats, Floats]:
    """(lower, middle, upper): the simple mean ± width standard deviations of the last `period` values (the warm-up).

    The deviation is that of the whole window (divided by n, not n − 1).
    source  Bollinger, Bollinger on Bollinger Bands (2001)
    """
    upper, middle, lower = talib.BBANDS(values, period, width, width)
    return lower, middle, upper


def atr(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Wilder's average true range, in the unit of the prices. Warm-up: period + 1 candles (the first has no close before)."""
    return talib.ATR(high, low, close, period)


def roc(values: Floats, period: int = 10) -> Floats:
    """Rate of change over `period` values, in percent. Warm-up: period + 1."""
    return talib.ROC(values, period)


def ewma(values: Floats, half_life: float) -> Floats:
    """Exponential mean whose weights halve every `half_life` values, each sum of weights made 1: no seed, no warm-up."""
    decay = 0.5 ** (1.0 / half_life)
    out, total, weight = np.empty(len(values)), 0.0, 0.0
    for i, value in enumerate(values.tolist()):
        total, weight = total * decay + value, weight * decay + 1.0
        out[i] = total / weight
    return out


def ewma_volatility(returns: Floats, half_life: float) -> Floats:
    """Root of the exponential mean of squared returns, mean return taken as zero; per the spacing of the returns.

    source  RiskMetrics Technical Document (1996), section 5.2, with weights that sum to 1
    """
    return np.sqrt(ewma(returns * returns, half_life))


def cusum(values: Floats, mean: float, sigma: float, slack: float = 0.5) -> tuple[Floats, Floats]:
    """(upper, lower) tabular cumulative sums in sigmas: how far the values have lately drifted above and below `mean`.

    slack     drift per value that is forgiven, in sigmas (half of the shift one wants to see)
    A shift is signalled where either exceeds its limit h: with slack 0.5 and h 5 falsely once in 465 values.
    source    Page (1954); Montgomery, Introduction to Statistical Quality Control, chapter 9
    """
    upper, lower, high, low = np.empty(len(values)), np.empty(len(values)), 0.0, 0.0
    for i, z in enumerate(((values - mean) / sigma).tolist()):
        high, low = max(0.0, high + z - slack), max(0.0, low - z - slack)
        upper[i], lower[i] = high, low
    return upper, lower


def book_imbalance(bid_size: Floats, ask_size: Floats) -> Floats:
    """(bid − ask) / (bid + ask) of the sizes at the top levels, −1 … 1; 0 where there is nothing on either side."""
    total = bid_size + ask_size
    return np.divide(bid_size - ask_size, total, out=np.zeros(len(total)), where=total > 0)


def microprice(bid: Floats, ask: Floats, bid_size: Floats, ask_size: Floats) -> Floats:
    """The mid leaning to the side that is about to give way: each price weighted by the other side's size; else the mid.

    source  Gatheral and Oomen, Zero-intelligence realized variance estimation (2010)
    """
    total = bid_size + ask_size
    lean = np.divide(bid_size, total, out=np.full(len(total), math.nan), where=total > 0)
    return np.where(np.isnan(lean), (bid + ask) / 2, bid + (ask - bid) * lean)


def floats(values: Any) -> Floats:
    """The values as TA-Lib takes them: a contiguous float64 array."""
    return np.ascontiguousarray(values, dtype=np.float64)
