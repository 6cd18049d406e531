"""coin: a fair coin that falls the same way in every run: the first bit of the SHA-256 of the window's slug, not luck."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from messages import Outcome
from polybot.core.market.windows import WINDOW_S, slug_of
from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.protocol import Decision, Params, Sides, Timeframe, Value


def side_of(slug: str) -> Outcome:
    """How the coin of this window falls."""
    return "UP" if hashlib.sha256(slug.encode()).digest()[0] < 128 else "DOWN"


class Coin:
    """UP or DOWN by a hash of the slug of the window that a candle's start falls into."""

    name = "coin"
    description = "baseline: a fair coin, a hash of the window's slug"
    timeframe: Timeframe = ""
    default_params: ClassVar[Params] = {}
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {}

    def evaluate(self, candles: Any) -> Sides:
        starts = (int(time) // WINDOW_S * WINDOW_S for time in candles_of(candles).time)
        return np.array([1 if side_of(slug_of(start)) == "UP" else -1 for start in starts], dtype=np.int8)

    def explain(self, candles: Candles) -> Decision:
        return Decision("UP" if self.evaluate(candles)[-1] > 0 else "DOWN", "baseline", "low")


STRATEGY = Coin()
