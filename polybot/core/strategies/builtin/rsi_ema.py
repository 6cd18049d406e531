"""rsi_ema (rules §5): a pure function of the last 60 thirty-second samples.

1. More than `max_missing` (3) of the 60 missing → INSUFFICIENT_DATA; more than half unchanged → FLAT_FEED. A missing one
   takes the value before it.
2. RSI(14) < 30 → UP; > 70 → DOWN. Label high.
3. Else the sign of EMA9 − EMA21 at the newest sample against its sign 10 samples (300 s) earlier, both from this buffer;
   a zero counts as the sign before it. They differ → UP or DOWN, as the newest says. Label medium. With nothing but zeros
   before there is no earlier sign, hence no change.
4. Else `on_no_signal`: up, down (label low), or skip (NO_SIGNAL). "down" is a default of the demo only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from polybot.core.strategies.builtin._series import filled, known_or_none, unfit
from polybot.core.strategies.candles import Candles
from polybot.core.strategies.decision import ByExplaining
from polybot.core.strategies.indicators import Floats, ema, floats, rsi
from polybot.core.strategies.protocol import Decision, Params, Timeframe, Value, must

SAMPLES = 60
MAX_MISSING = 3
FAST, SLOW = 9, 21
ON_NO_SIGNAL = ("up", "down", "skip")


def decide_from_samples(
    samples: Sequence[float | None],
    on_no_signal: str = "skip",
    rsi_period: int = 14,
    rsi_low: float = 30.0,
    rsi_high: float = 70.0,
    cross_samples: int = 10,
    max_missing: int = MAX_MISSING,
) -> Decision:
    """The whole strategy. samples: USD, oldest first; of more than 60 the last 60 count. None = missing."""
    samples = samples[-SAMPLES:]
    reason = unfit(samples, SAMPLES, max_missing, "samples")
    if reason is not None:
        return Decision(None, "none", reason_code=reason.code, reason=reason.text)
    values = floats(filled(samples))
    strength = float(rsi(values, rsi_period)[-1])
    gap = ema(values, FAST) - ema(values, SLOW)
    seen = {"rsi": strength, "ema_gap": float(gap[-1]), "ema_gap_before": float(gap[-1 - cross_samples])}
    if strength < rsi_low:
        return Decision("UP", "rsi", "high", indicators=seen)
    if strength > rsi_high:
        return Decision("DOWN", "rsi", "high", indicators=seen)
    now, before = _sign(gap), _sign(gap[:-cross_samples])
    if before and now != before:
        return Decision("UP" if now > 0 else "DOWN", "ema_cross", "medium", indicators=seen)
    if on_no_signal == "skip":
        text = f"RSI {strength:.1f} within {rsi_low:g} to {rsi_high:g}, EMA9 − EMA21 kept its sign"
        return Decision(None, "no_signal", indicators=seen, reason_code="NO_SIGNAL", reason=text)
    return Decision("UP" if on_no_signal == "up" else "DOWN", "no_signal", "low", indicators=seen)


def _sign(gap: Floats) -> int:
    """Sign of the last value, or of the newest before it that is not zero; 0 when there is none. NaN = warming up."""
    for value in gap[::-1]:
        if value > 0:
            return 1
        if value < 0:
            return -1
    return 0


class RsiEma(ByExplaining):
    """RSI extremes, else an EMA change of sign, on thirty-second samples; see the head of this file."""

    name = "rsi_ema"
    description = "RSI(14) extremes, else a change of sign of EMA9 − EMA21, on thirty-second samples"
    timeframe: Timeframe = "30s"
    default_params: ClassVar[Params] = {
        "on_no_signal": "skip",
        "rsi_period": 14,
        "rsi_low": 30.0,
        "rsi_high": 70.0,
        "cross_samples": 10,
        "max_missing": MAX_MISSING,
    }
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {
        "rsi_low": (20.0, 25.0, 30.0, 35.0),
        "rsi_high": (65.0, 70.0, 75.0, 80.0),
        "cross_samples": (5, 10, 20),
    }
    warm_up = SAMPLES

    def check(self, params: Params, has_volumes: bool) -> None:
        allowed = ", ".join(ON_NO_SIGNAL)
        must(params["on_no_signal"] in ON_NO_SIGNAL, f"on_no_signal = {params['on_no_signal']!r} is none of {allowed}")
        low, high = float(params["rsi_low"]), float(params["rsi_high"])
        must(0 <= low < high <= 100, f"rsi_low = {low:g} and rsi_high = {high:g} must be 0 ≤ low < high ≤ 100")
        most = SAMPLES - SLOW
        must(2 <= int(params["rsi_period"]) < SAMPLES, f"rsi_period must be 2 … {SAMPLES - 1}")
        must(0 <= int(params["max_missing"]) < SAMPLES // 2, f"max_missing must be 0 … {SAMPLES // 2 - 1}")
        must(1 <= int(params["cross_samples"]) <= most, f"cross_samples must be 1 … {most}")

    def explain(self, candles: Candles, **params: Any) -> Decision:
        return decide_from_samples(known_or_none(candles.close), **params)


STRATEGY = RsiEma()
