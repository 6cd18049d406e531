"""Bets that a window comes to the same as the last one that is over: before it opens, and only at 0.49 or better.

The order waits in the book and pays no fee. It is cancelled when the window opens: often nobody has come, and then there is
no bet.

    bin/polybot run --strategy examples/resting_early.py:RestingEarly
"""

from polybot.strategy import WINDOW_S, Bet, Decision, must, slug_of


class RestingEarly:
    name = "resting_early"
    description = "the last known outcome once more, resting in the book before the window opens"
    from_s, until_s = -40, -20  # seconds after the window's start: before it
    windows_back = 2
    default_params = {"price": 0.49}
    param_grid = {"price": (0.47, 0.48, 0.49, 0.50)}

    def check(self, params, has_volumes):
        must(0 < params["price"] < 1, f"price = {params['price']:g} must be between 0 and 1, dollars a share")

    def on_event(self, message, view, now_ns, price=0.49):
        start_s = view.window.start_s
        before = slug_of(start_s - 2 * WINDOW_S)  # the window just before this one is still running
        outcome = view.market.outcome(before)
        if outcome is None:
            text = f"the outcome of {before} is unknown"
            return [Bet(start_s, Decision(None, "none", reason_code="INSUFFICIENT_DATA", reason=text))]
        return [Bet(start_s, Decision(outcome, "again", limit=price, rests=True))]
