"""rsi_macd (rules §5): closed one-minute bars only, the last 120 of them, at least WARM_UP.

1. As in rsi_ema: more than 1 in 20 bars missing → INSUFFICIENT_DATA; more than half unchanged → FLAT_FEED.
2. UP when RSI(14) was < 30 at any of the last `rsi_within_bars` (10) closes and MACD(12, 26, 9) crossed above its signal
   within the last `cross_bars` (3); DOWN mirrored (> 70, crossed below). Both at once is no signal.
   `rsi_within_bars = 0` is the literal rule of the source: RSI beyond its bound at the newest close itself. It fires on
   0.2 % of minutes, with 10 on 4.5 %.
3. The exchange's imbalance (bid size / ask size) > 1.1 speaks for UP, < 0.9 for DOWN. It raises the label to high where it
   agrees, lowers it to low where it speaks against; with `require_imbalance` it must agree, else NO_IMBALANCE. A recording
   without volumes has none: there the setting is refused at start.
4. No signal is a skip (NO_SIGNAL): `on_no_signal` belongs to rsi_ema.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from messages import Outcome
from polybot.core.strategies.builtin._series import filled, known_or_none, unfit
from polybot.core.strategies.candles import Candles
from polybot.core.strategies.decision import ByExplaining
from polybot.core.strategies.indicators import Floats, floats, macd, rsi
from polybot.core.strategies.protocol import Decision, Params, Timeframe, Value, must

BARS = 120
MAX_MISSING_PER_60 = 3
WARM_UP = 26 + 9 - 1  # first bar with a MACD signal
MOST_BACK = 10
BID_HEAVY, ASK_HEAVY = 1.1, 0.9


class RsiMacd(ByExplaining):
    """Bets when the MACD crosses soon after an RSI extreme, on one-minute bars; see the head of this file."""

    name = "rsi_macd"
    description = "MACD crosses its signal soon after an RSI extreme, on closed one-minute bars"
    timeframe: Timeframe = "1m"
    default_params: ClassVar[Params] = {
        "rsi_low": 30.0,
        "rsi_high": 70.0,
        "rsi_within_bars": 10,
        "cross_bars": 3,
        "require_imbalance": False,
    }
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {
        "rsi_within_bars": (0, 5, 10),
        "cross_bars": (1, 3, 5),
    }
    warm_up = BARS

    def check(self, params: Params, has_volumes: bool) -> None:
        low, high = float(params["rsi_low"]), float(params["rsi_high"])
        must(0 <= low < high <= 100, f"rsi_low = {low:g} and rsi_high = {high:g} must be 0 ≤ low < high ≤ 100")
        for key, least in (("rsi_within_bars", 0), ("cross_bars", 1)):
            must(least <= int(params[key]) <= MOST_BACK, f"{key} = {params[key]} must be {least} … {MOST_BACK}")
        must(
            has_volumes or not params["require_imbalance"],
            "require_imbalance = true cannot be met: the tape was recorded without volumes",
        )

    def explain(self, candles: Candles, **params: Any) -> Decision:
        bars = _from_first_known(known_or_none(candles.close)[-BARS:])
        imbalance = None if math.isnan(candles.imbalance[-1]) else float(candles.imbalance[-1])
        reason = unfit(bars, WARM_UP + int(params["cross_bars"]), MAX_MISSING_PER_60, "minute bars")
        if reason is not None:
            return Decision(None, "none", reason_code=reason.code, reason=reason.text)
        values = floats(filled(bars))
        strength, histogram = rsi(values), macd(values)[2]
        seen = {"rsi": float(strength[-1]), "macd_histogram": float(histogram[-1])}
        if imbalance is not None:
            seen["imbalance"] = imbalance
        side = _side(strength, histogram, params)
        if side is None:
            text = f"RSI {strength[-1]:.1f}, MACD histogram {histogram[-1]:.4g}: no extreme followed by a crossing"
            return Decision(None, "no_signal", indicators=seen, reason_code="NO_SIGNAL", reason=text)
        return _with_imbalance(side, imbalance, bool(params["require_imbalance"]), seen)


def _side(strength: Floats, histogram: Floats, params: Params) -> Outcome | None:
    """The side that RSI and MACD agree on, None without one (rule 2)."""
    lately = strength[-max(1, int(params["rsi_within_bars"])) :]
    recent = histogram[-1 - int(params["cross_bars"]) :]
    before, after = recent[:-1], recent[1:]
    up = bool((lately < float(params["rsi_low"])).any()) and bool(((before <= 0) & (after > 0)).any())
    down = bool((lately > float(params["rsi_high"])).any()) and bool(((before >= 0) & (after < 0)).any())
    if up == down:
        return None
    return "UP" if up else "DOWN"


def _with_imbalance(side: Outcome, imbalance: float | None, required: bool, seen: dict[str, float]) -> Decision:
    """The decision for this side, its label by the exchange's imbalance (rule 3)."""
    lean = 0
    if imbalance is not None:
        lean = 1 if imbalance > BID_HEAVY else -1 if imbalance < ASK_HEAVY else 0
    agrees = lean if side == "UP" else -lean
    if required and agrees <= 0:
        what = "unknown" if imbalance is None else f"{imbalance:.2f}"
        bound = f"above {BID_HEAVY}" if side == "UP" else f"below {ASK_HEAVY}"
        text = f"imbalance {what} does not agree with {side}: it must be {bound}"
        return Decision(None, "macd_cross", indicators=seen, reason_code="NO_IMBALANCE", reason=text)
    return Decision(side, "macd_cross", {1: "high", 0: "medium", -1: "low"}[agrees], indicators=seen)


def _from_first_known(values: Sequence[float | None]) -> Sequence[float | None]:
    """Without the bars from before the record begins."""
    first = next((i for i, value in enumerate(values) if value is not None), len(values))
    return values[first:]


STRATEGY = RsiMacd()
