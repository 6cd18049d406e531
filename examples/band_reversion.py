"""Bets that a price which has left its Bollinger band comes back: below the band on Up, above it on Down.

It tells what it saw and why, in the window's row and in `bin/polybot why`.

    bin/polybot run --strategy examples/band_reversion.py:BandReversion
"""

import numpy as np

from polybot.strategy import ByExplaining, Decision, bollinger, must


class BandReversion(ByExplaining):
    name = "band_reversion"
    description = "against a one-minute close outside its Bollinger band"
    timeframe = "1m"
    default_params = {"period": 20, "width": 2.0}
    param_grid = {"period": (10, 20, 30), "width": (1.5, 2.0, 2.5)}
    warm_up = 60

    def check(self, params, has_volumes):
        must(2 <= params["period"] <= self.warm_up, f"period = {params['period']} must be 2 to {self.warm_up}")
        must(params["width"] > 0, f"width = {params['width']:g} must be above 0, in standard deviations")

    def explain(self, candles, period=20, width=2.0):
        close = candles.close[-period:]
        if len(close) < period or np.isnan(close).any():
            text = f"{np.count_nonzero(~np.isnan(close))} of the last {period} minutes are known"
            return Decision(None, "none", reason_code="INSUFFICIENT_DATA", reason=text)
        lower, mean, upper = (band[-1] for band in bollinger(close, period, width))
        seen = {"close": close[-1], "lower": lower, "upper": upper}
        if lower <= close[-1] <= upper:
            text = f"{close[-1]:.2f} lies within {lower:.2f} to {upper:.2f}"
            return Decision(None, "inside", indicators=seen, reason_code="NO_SIGNAL", reason=text)
        side = "UP" if close[-1] < lower else "DOWN"
        text = f"{close[-1]:.2f} lies outside {lower:.2f} to {upper:.2f}, mean {mean:.2f}"
        return Decision(side, "outside", "medium", indicators=seen, reason=text)
