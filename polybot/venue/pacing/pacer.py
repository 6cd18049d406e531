"""The world waits. Above speed 1, world time stops at named instants until the actors concerned have answered.

Conservative time: the horizon never lies beyond the next hold, nor further ahead than `LOOKAHEAD_S` of machine time beyond
what the venue has generated, so a busy or dead venue stops the world instead of being overtaken by it. Every hold has a
machine-time cap and is counted; the report shows what was waited for. At speed ≤ 1 there are no holds.
"""

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from polybot.venue.net.ports import write_atomically

LOOKAHEAD_S = 0.02  # some turns of the driver's loop
SLOW_LOOKAHEAD_S = 1.0  # without holds, only a dead venue is to stop the world
CAPS_S = {
    "start": 30.0,
    "restart": 3.0,
    "books": 0.1,
    "early_decision": 0.5,
    "decision": 1.5,
    "late_decision": 1.5,
    "settlement_print": 1.0,
    "resolution": 1.0,
}


class PacedClock(Protocol):
    """The one clock whose horizon we hold."""

    speed: float

    def now_ns(self) -> int:
        """World time, nanoseconds since 1970."""
        ...

    def set_horizon(self, horizon_ns: int) -> None:
        """Promise the world up to this time; nobody's clock goes beyond it."""
        ...

    def jump(self, to_ns: int) -> None:
        """Set world time to to_ns at once."""
        ...


@dataclass(order=True)
class Hold:
    """Stand still at at_ns until answered() or the cap of the kind. prepare() is called once, on arrival."""

    at_ns: int
    number: int
    kind: str = field(compare=False)
    answered: Callable[[], bool] = field(compare=False)
    prepare: Callable[[], None] | None = field(compare=False, default=None)
    since_s: float | None = field(compare=False, default=None)


@dataclass
class Waited:
    """What one kind of hold has cost so far, in machine time."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    timeouts: int = 0

    def add(self, took_s: float, timed_out: bool) -> None:
        """Count one more wait, took_s machine seconds long."""
        ms = took_s * 1000
        self.count += 1
        self.total_ms += ms
        self.max_ms = max(self.max_ms, ms)
        self.timeouts += timed_out


class Pacer:
    """Owned by the driver's loop. `mono_s` is handed in, so that a test can be the clock."""

    def __init__(self, clock: PacedClock, mono_s: Callable[[], float]) -> None:
        self.clock, self._mono_s = clock, mono_s
        self.waits: dict[str, Waited] = {}
        self._holds: list[Hold] = []
        self._number = 0
        self._held_s = 0.0
        self._began_s, self._began_ns = 0.0, 0
        self.begin()

    def begin(self) -> None:
        """Note from when on the world ought to keep up with its speed."""
        self._held_s = 0.0
        self._began_s, self._began_ns = self._mono_s(), self.clock.now_ns()

    @property
    def waits_at_all(self) -> bool:
        """True for a world faster than people: only such a one waits."""
        return self.clock.speed > 1

    def hold(
        self, at_ns: int, kind: str, answered: Callable[[], bool], prepare: Callable[[], None] | None = None
    ) -> None:
        """Let the world wait at at_ns until the actors concerned have answered."""
        if self.waits_at_all:
            self._number += 1
            heapq.heappush(self._holds, Hold(at_ns, self._number, kind, answered, prepare))

    def advance(self) -> bool:
        """Move the horizon as far as it may go; True while the world is being held."""
        now_ns = self.clock.now_ns()
        while self._holds and self._holds[0].at_ns <= now_ns:
            if not self._release(self._holds[0]):
                self.clock.set_horizon(now_ns)
                return True
            heapq.heappop(self._holds)
        ahead_s = LOOKAHEAD_S if self.waits_at_all else SLOW_LOOKAHEAD_S
        horizon = now_ns + int(ahead_s * self.clock.speed * 1e9)
        if self._holds:
            horizon = min(horizon, self._holds[0].at_ns)
        self.clock.set_horizon(horizon)
        return False

    def _release(self, hold: Hold) -> bool:
        mono = self._mono_s()
        if hold.since_s is None:
            hold.since_s = mono
            if hold.prepare is not None:
                hold.prepare()
        answered = hold.answered()
        if not answered and mono - hold.since_s < CAPS_S[hold.kind]:
            return False
        self.count(hold.kind, mono - hold.since_s, not answered)
        return True

    def count(self, kind: str, took_s: float, timed_out: bool = False) -> None:
        """Count a wait of this kind, for the report."""
        self._held_s += took_s
        self.waits.setdefault(kind, Waited()).add(took_s, timed_out)

    def behind_s(self) -> float:
        """Machine seconds the world lagged what its speed promised, beyond the holds it chose to make."""
        elapsed = self._mono_s() - self._began_s
        promised = (self.clock.now_ns() - self._began_ns) / 1e9 / self.clock.speed
        return max(0.0, elapsed - promised - self._held_s - self._standing_s())

    def _standing_s(self) -> float:
        first = self._holds[0] if self._holds else None
        return self._mono_s() - first.since_s if first is not None and first.since_s is not None else 0.0

    def report(self) -> dict[str, Any]:
        """What was waited for, by kind, as waits.json has it under `waits`."""
        return {
            kind: {
                "count": w.count,
                "total_ms": round(w.total_ms, 1),
                "max_ms": round(w.max_ms, 1),
                "timeouts": w.timeouts,
            }
            for kind, w in sorted(self.waits.items())
        }

    def restore(self, path: Path, session: str) -> float:
        """Go on counting after a restart within the same session; returns how far behind the world was before."""
        try:
            known = json.loads(path.read_text())
            same = known.get("session") == session
        except (FileNotFoundError, ValueError, AttributeError):
            return 0.0
        for kind, w in known.get("waits", {}).items() if same else ():
            self.waits[kind] = Waited(w["count"], w["total_ms"], w["max_ms"], w["timeouts"])
        return float(known.get("behind_s", 0.0)) if same else 0.0


def write_waits(path: Path, report: dict[str, Any]) -> None:
    """Write the report to the file at path, state/run/waits.json."""
    write_atomically(path, json.dumps(report))
