"""Which fault is on at this moment, and whether it strikes. Deterministic: a fault's n-th chance is decided by the seed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from polybot.core.market.windows import WINDOW_S
from polybot.runtime.base import log
from polybot.venue.faults.script import DESCRIPTIONS, KINDS, Fault, Script

NS = 1_000_000_000
Chain = Literal["CONFIRM", "RETRY", "FAIL"]


@dataclass(slots=True)
class Armed:
    """A fault in its place. seen: chances it had; struck: those it took; begun: when an activation began, by machine time."""

    fault: Fault
    world_ns: int
    machine_s: float
    seen: int = 0
    struck: int = 0
    begun: dict[int, float] = field(default_factory=dict)
    told: dict[int, None] = field(default_factory=dict)
    done: dict[int, None] = field(default_factory=dict)


class FaultEngine:
    """now_ns is world time, mono_s the machine's; speed turns seconds of the one into the other."""

    def __init__(
        self,
        script: Script,
        first_window_s: int,
        now_ns: Callable[[], int],
        mono_s: Callable[[], float],
        speed: float = 1.0,
    ) -> None:
        self.script, self.first_window_s, self.speed = script, first_window_s, speed
        self._now_ns, self._mono_s = now_ns, mono_s
        self.armed: dict[str, Armed] = {}
        for fault in script.faults:
            self.arm(fault)

    # --- which there are

    def arm(self, fault: Fault) -> None:
        """Switch a fault on; one of the same name is replaced."""
        self.armed[fault.name] = Armed(fault, self._now_ns(), self._mono_s())
        log.event("fault_armed", fault=fault.name, kind=fault.kind)

    def clear(self, name: str = "") -> list[str]:
        """Take away one, or all; the names of those that went."""
        gone = [n for n in self.armed if name in ("", n)]
        for each in gone:
            del self.armed[each]
            log.event("fault_cleared", fault=each)
        return gone

    def described(self) -> list[dict[str, Any]]:
        """Each fault for people: whether it is on, and how often it struck."""
        return [
            {
                "name": a.fault.name,
                "kind": a.fault.kind,
                "does": KINDS[a.fault.kind].does,
                "on": self._activation(a) is not None,
                "seen": a.seen,
                "struck": a.struck,
            }
            for a in self.armed.values()
        ]

    # --- whether one is on

    def on(self, kind: str, channel: str = "") -> tuple[Fault, float] | None:
        """The first of this kind that is on, and for how many seconds of its own clock. Counts nothing but its first."""
        for armed in self.armed.values() if self.armed else ():
            if armed.fault.kind == kind and channel in ("", armed.fault.channel):
                activation = self._activation(armed)
                if activation is not None:
                    if activation[0] not in armed.told:
                        armed.told[activation[0]] = None
                        self._strike(armed)
                    return armed.fault, activation[1]
        return None

    def strikes(self, kind: str, applies: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """One chance of this kind: the fault that takes it, if any."""
        for armed in self.armed.values() if self.armed else ():
            if armed.fault.kind == kind and applies(armed.fault) and self._activation(armed) is not None:
                armed.seen += 1
                if self._takes(armed):
                    self._strike(armed)
                    return armed.fault
        return None

    def once(self, kind: str) -> Fault | None:
        """The fault of this kind that has just come on, once an activation."""
        for armed in self.armed.values() if self.armed else ():
            if armed.fault.kind == kind:
                activation = self._activation(armed)
                if activation is not None and activation[0] not in armed.done:
                    armed.done[activation[0]] = None
                    self._strike(armed)
                    return armed.fault
        return None

    def of_window(self, kind: str, start_s: int) -> Fault | None:
        """The fault of this kind that is about this window, whatever the time: how it is listed comes before, how it is
        resolved after."""
        n = (start_s - self.first_window_s) // WINDOW_S + 1
        for armed in self.armed.values() if self.armed else ():
            fault = armed.fault
            if fault.kind == kind and (
                n in fault.window or (not fault.window and start_s + WINDOW_S >= self._from_s(armed))
            ):
                if n not in armed.done:
                    armed.done[n] = None
                    armed.seen += 1
                    if self._takes(armed):
                        self._strike(armed)
                        armed.begun[n] = 0.0
                if n in armed.begun:
                    return fault
        return None

    def flaws_of(self, start_s: int) -> tuple[str, ...]:
        """What is wrong with this window's market as it is listed."""
        return tuple(kind for kind in DESCRIPTIONS if self.of_window(kind, start_s) is not None) if self.armed else ()

    def fate(self, _trade_id: str) -> Chain:
        """What the chain will do with a wallet's trade that has just been matched."""
        fault = self.strikes("trade_fails")
        if fault is None:
            return "CONFIRM"
        return "FAIL" if fault.ends == "FAILED" else "RETRY"

    def machine_s(self, fault: Fault, seconds: float) -> float:
        """Seconds of the fault's clock as seconds to sleep."""
        return seconds if fault.clock == "machine" else seconds / max(self.speed, 1e-9)

    # --- inside

    def _from_s(self, armed: Armed) -> float:
        return armed.world_ns / NS + armed.fault.at_s

    def _activation(self, armed: Armed) -> tuple[int, float] | None:
        """(number of the activation, seconds since it began) while it is on."""
        fault = armed.fault
        number, elapsed = 0, (self._now_ns() - armed.world_ns) / NS - fault.at_s
        if fault.window:
            begun = [n for n in fault.window if self._begins_ns(fault, n) <= self._now_ns()]
            if not begun:
                return None
            number = max(begun)
            elapsed = (self._now_ns() - self._begins_ns(fault, number)) / NS
            if fault.clock == "machine":
                elapsed = self._mono_s() - armed.begun.setdefault(number, self._mono_s())
        elif fault.clock == "machine":
            elapsed = self._mono_s() - armed.machine_s - fault.at_s
        if elapsed < 0 or (fault.life_s and elapsed >= fault.life_s):
            return None
        return number, elapsed

    def _begins_ns(self, fault: Fault, n: int) -> int:
        return int((self.first_window_s + (n - 1) * WINDOW_S + fault.at_s) * NS)

    def _takes(self, armed: Armed) -> bool:
        fault = armed.fault
        if fault.times and armed.struck >= fault.times:
            return False
        if fault.nth:
            return armed.seen in fault.nth
        if fault.probability >= 1:
            return True
        digest = hashlib.sha256(f"{self.script.seed}/{fault.name}/{armed.seen}".encode()).digest()
        return int.from_bytes(digest[:8]) < fault.probability * 2**64

    def _strike(self, armed: Armed) -> None:
        armed.struck += 1
        if armed.struck <= 20:  # of a long one the first are enough
            log.event("fault_struck", fault=armed.fault.name, kind=armed.fault.kind, n=armed.struck)
