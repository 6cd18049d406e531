"""Bets that after three minutes in one direction the next five go the same way.

bin/polybot run --strategy examples/three_in_a_row.py:ThreeInARow
"""

import numpy as np

from polybot.strategy import candles_of


class ThreeInARow:
    name = "three_in_a_row"
    description = "after `run` minutes in one direction, the same again"
    timeframe = "1m"
    default_params = {"run": 3}
    param_grid = {"run": (2, 3, 4, 5)}
    warm_up = 10

    def evaluate(self, candles, run=3):
        candles = candles_of(candles)
        direction = np.sign(candles.close - candles.open)
        sides = np.zeros(len(direction))
        for i in range(run - 1, len(direction)):
            last = direction[i - run + 1 : i + 1]
            sides[i] = last[0] if (last == last[0]).all() else 0
        return sides
