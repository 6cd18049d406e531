"""The halt file as a core hears of it: the file is the switch, and what it says is told when it has changed."""

from messages.inner import HaltSeen
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt

HALT_LOOK_S = 0.1


class HaltWatch:
    """seen: the id of the halt that stood at the last look, "" = none. next_s: machine time of the next look."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self.seen = ""
        self.next_s = 0.0

    def look(self) -> HaltSeen | None:
        """None while the file says what it said before."""
        standing = halt.look(self._paths)
        seen = standing.id if standing else ""
        if seen == self.seen:
            return None
        self.seen = seen
        return HaltSeen(
            halt_id=seen,
            by=standing.by if standing else "",
            reason_code=standing.reason_code if standing else "",
            reason=standing.reason if standing else "",
        )

    def look_if_due(self, now_s: float) -> HaltSeen | None:
        """Look at the halt file every HALT_LOOK_S machine seconds."""
        if now_s < self.next_s:
            return None
        self.next_s = now_s + HALT_LOOK_S
        return self.look()
