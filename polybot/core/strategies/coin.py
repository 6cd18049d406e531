"""coin: a fair coin that falls the same way in every run: the first bit of the slug's SHA-256, not luck."""

import hashlib
from typing import ClassVar

from messages import Outcome
from polybot.core.strategies import Decision, Params, Timeframe, View


def side_of(slug: str) -> Outcome:
    """How the coin of this window falls."""
    return "UP" if hashlib.sha256(slug.encode()).digest()[0] < 128 else "DOWN"


class Coin:
    """UP or DOWN by a hash of the window's slug."""

    name = "coin"
    description = "baseline: a fair coin, a hash of the window's slug"
    timeframe: Timeframe = ""
    default_params: ClassVar[Params] = {}

    def check(self, params: Params, has_volumes: bool) -> None:
        """No parameters."""

    def decide(self, view: View, params: Params) -> Decision:
        return Decision(side_of(view.slug), "baseline", "low")


STRATEGY = Coin()
