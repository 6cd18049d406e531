"""always_down: a baseline, so that every report has something to beat."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.protocol import Decision, Params, Sides, Timeframe, Value


class AlwaysDown:
    """A baseline that bets on DOWN in every window."""

    name = "always_down"
    description = "baseline: DOWN in every window"
    timeframe: Timeframe = ""
    default_params: ClassVar[Params] = {}
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {}

    def evaluate(self, candles: Any) -> Sides:
        return np.full(len(candles_of(candles)), -1, dtype=np.int8)

    def explain(self, candles: Candles) -> Decision:
        return Decision("DOWN", "baseline", "low")


STRATEGY = AlwaysDown()
