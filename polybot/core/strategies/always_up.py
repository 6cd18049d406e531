"""always_up: a baseline, so that every report has something to beat."""

from typing import ClassVar

from polybot.core.strategies import Decision, Params, Timeframe, View


class AlwaysUp:
    """UP, every window."""

    name = "always_up"
    description = "baseline: UP in every window"
    timeframe: Timeframe = ""
    default_params: ClassVar[Params] = {}

    def check(self, params: Params, has_volumes: bool) -> None:
        """No parameters."""

    def decide(self, view: View, params: Params) -> Decision:
        return Decision("UP", "baseline", "low")


STRATEGY = AlwaysUp()
