"""Bets on the side to which the market's own book leans, once it leans far enough.

Up's book leans to Up when at its best prices far more is bid for than offered: whoever sells there is soon used up. It is
looked at during the second minute of the window, and paid for up to 0.60 a share.

    bin/polybot run --strategy examples/book_lean.py:BookLean
"""

import numpy as np

from polybot.strategy import Bet, Book, Decision, book_imbalance, microprice, must


class BookLean:
    name = "book_lean"
    description = "the side for which the best bid is larger than the best offer by far"
    from_s, until_s = 60, 120  # seconds after the window's start
    default_params = {"lean": 0.5, "most": 0.60}
    param_grid = {"lean": (0.3, 0.5, 0.7), "most": (0.55, 0.60, 0.65)}

    def check(self, params, has_volumes):
        must(0 < params["lean"] < 1, f"lean = {params['lean']:g} must be between 0 and 1")
        must(0 < params["most"] < 1, f"most = {params['most']:g} must be between 0 and 1, dollars a share")

    def on_event(self, message, view, now_ns, lean=0.5, most=0.60):
        if not isinstance(message, Book) or message.slug != view.window.slug:
            return []  # nothing new of this window's book
        if not message.up_bids or not message.up_asks:
            return []  # one side is empty: it leans nowhere
        bid, bid_size = np.array(message.up_bids[:1]).T / 1e6  # the best level: price and size in millionths
        ask, ask_size = np.array(message.up_asks[:1]).T / 1e6
        imbalance = book_imbalance(bid_size, ask_size)[0]
        seen = {"imbalance": imbalance, "microprice": microprice(bid, ask, bid_size, ask_size)[0]}
        if abs(imbalance) < lean:
            text = f"imbalance {imbalance:+.2f}, lean = {lean:g}"
            return [
                Bet(view.window.start_s, Decision(None, "even", indicators=seen, reason_code="NO_SIGNAL", reason=text))
            ]
        side = "UP" if imbalance > 0 else "DOWN"
        return [Bet(view.window.start_s, Decision(side, "lean", indicators=seen, limit=most))]
