"""Bets that a straight move goes on, and leaves alone what wanders: with an indicator of its own, found by name.

Straightness is the way from the first to the last of some closes, as a part of the way that was walked: 1 is a straight
line, near 0 is noise (Kaufman calls it the efficiency ratio). Its sign is the direction.

    bin/polybot run --strategy examples/straight_moves.py:StraightMoves
"""

import numpy as np

from polybot.strategy import candles_of, indicator, must, register_indicator


@register_indicator
class Straightness:
    name = "straightness"
    description = "net move over the sum of all moves, -1 to 1; 0 where nothing moved"
    default_params = {"period": 10}

    def warm_up(self, period=10):
        return period + 1

    def compute(self, candles, period=10):
        moves = np.diff(candles.close, prepend=np.nan)
        out = np.full(len(moves), np.nan)
        for i in range(period, len(moves)):
            last = moves[i - period + 1 : i + 1]
            walked = np.abs(last).sum()
            out[i] = last.sum() / walked if walked != 0 else 0.0
        return out


class StraightMoves:
    name = "straight_moves"
    description = "with the last ten half minutes, where they went straight enough"
    timeframe = "30s"
    default_params = {"period": 10, "least": 0.5}
    param_grid = {"period": (6, 10, 20), "least": (0.4, 0.5, 0.6)}
    warm_up = 21

    def check(self, params, has_volumes):
        must(1 <= params["period"] < self.warm_up, f"period = {params['period']} must be 1 to {self.warm_up - 1}")
        must(0 < params["least"] <= 1, f"least = {params['least']:g} must be above 0, and at most 1")

    def evaluate(self, candles, period=10, least=0.5):
        straight = np.nan_to_num(indicator("straightness").compute(candles_of(candles), period=period))
        return np.where(np.abs(straight) >= least, np.sign(straight), 0), np.abs(straight)
