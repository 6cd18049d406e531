"""always_down: a baseline, so that every report has something to beat. Ties settle UP: slightly the worse of the two."""

from typing import ClassVar

from polybot.core.strategies import Decision, Params, Timeframe, View


class AlwaysDown:
    """DOWN, every window."""

    name = "always_down"
    description = "baseline: DOWN in every window"
    timeframe: Timeframe = ""
    default_params: ClassVar[Params] = {}

    def check(self, params: Params, has_volumes: bool) -> None:
        """No parameters."""

    def decide(self, view: View, params: Params) -> Decision:
        return Decision("DOWN", "baseline", "low")


STRATEGY = AlwaysDown()
