"""candle_direction: follow, or fade, the last closed five-minute candle when it had a direction at all.

1. Its body |close − open| is at least `min_body` (0.5) of its range high − low, and its range at least `min_range_bps` (5)
   basis points of its open; else no signal. A candle without any range has no direction.
2. `fade = false` bets on its direction, `fade = true` against it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.protocol import Decision, Params, Sides, Timeframe, Value, must


class CandleDirection:
    """Bets with or against the last five-minute candle's direction; see the head of this file."""

    name = "candle_direction"
    description = "follows, or fades, the last five-minute candle when its body and its range are large enough"
    timeframe: Timeframe = "5m"
    default_params: ClassVar[Params] = {"min_body": 0.5, "min_range_bps": 5.0, "fade": False}
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {
        "min_body": (0.3, 0.5, 0.7),
        "min_range_bps": (0.0, 5.0, 10.0, 20.0),
        "fade": (False, True),
    }
    warm_up = 1

    def check(self, params: Params, has_volumes: bool) -> None:
        body, span = float(params["min_body"]), float(params["min_range_bps"])
        must(0 <= body <= 1, f"min_body = {body:g} must be 0 … 1, a part of the candle's range")
        must(span >= 0, f"min_range_bps = {span:g} must not be negative")

    def evaluate(
        self, candles: Any, min_body: float = 0.5, min_range_bps: float = 5.0, fade: bool = False
    ) -> tuple[Sides, Any]:
        """Confidence: the body as a part of the range."""
        body, span_bps, moved = _shape(candles_of(candles))
        fits = (body >= min_body) & (span_bps >= min_range_bps)
        sides = np.where(fits, np.sign(moved), 0) * (-1 if fade else 1)
        return sides.astype(np.int8), body

    def explain(self, candles: Candles, **params: Any) -> Decision:
        body, span_bps, moved = (float(column[-1]) for column in _shape(candles))
        if np.isnan(candles.close[-1]):
            text = "nobody traded in the last five-minute candle"
            return Decision(None, "none", reason_code="INSUFFICIENT_DATA", reason=text)
        seen = {"body": body, "range_bps": span_bps, "moved": moved}
        side = int(self.evaluate(candles, **params)[0][-1])
        if side == 0:
            text = (
                f"body {body:.2f} of the range, min_body = {params['min_body']:g}; "
                f"range {span_bps:.1f} bp, min_range_bps = {params['min_range_bps']:g}"
            )
            return Decision(None, "no_signal", indicators=seen, reason_code="NO_SIGNAL", reason=text)
        return Decision("UP" if side > 0 else "DOWN", "fade" if params["fade"] else "follow", indicators=seen)


def _shape(candles: Candles) -> tuple[Any, Any, Any]:
    """(body as a part of the range, range in bp of the open, close − open): 0 where there is no range or no trade."""
    moved = np.nan_to_num(candles.close - candles.open)
    span = np.nan_to_num(candles.high - candles.low)
    has_range = span > 0
    body = np.divide(np.abs(moved), span, out=np.zeros(len(span)), where=has_range)
    span_bps = np.divide(span * 10_000, candles.open, out=np.zeros(len(span)), where=has_range)
    return body, span_bps, moved


STRATEGY = CandleDirection()
