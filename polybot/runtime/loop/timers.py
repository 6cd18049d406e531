"""Timers of a loop: named wishes in world time and in machine time; the same name again replaces the earlier wish."""

from collections.abc import Iterator

from messages.inner import Tick, WakeAt, WakeIn
from polybot.runtime.base.clock import Clock, mono_s


class Timers:
    """What the core asked to be woken for. Few names, so plain dicts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._world: dict[str, int] = {}
        self._machine: dict[str, float] = {}

    def set(self, wish: WakeAt | WakeIn) -> None:
        """A new wish; it forgets the same name in either time."""
        self._world.pop(wish.name, None)
        self._machine.pop(wish.name, None)
        match wish:
            case WakeAt():
                self._world[wish.name] = wish.at_ns
            case WakeIn():
                self._machine[wish.name] = mono_s() + wish.after_s

    def due(self) -> Iterator[Tick]:
        """The wishes that have come, earliest first, each taken once."""
        if self._world:
            now_ns = self._clock.now_ns()
            ripe = sorted((at, name) for name, at in self._world.items() if at <= now_ns)
            for _, name in ripe:
                del self._world[name]
                yield Tick(name=name, mono_s=mono_s())
        if self._machine:
            now_s = mono_s()
            for _, name in sorted((at, name) for name, at in self._machine.items() if at <= now_s):
                del self._machine[name]
                yield Tick(name=name, mono_s=now_s)

    def wait_s(self) -> float:
        """Machine seconds until the next wish may be due; at most one second."""
        wait = 1.0
        if self._machine:
            wait = min(wait, min(self._machine.values()) - mono_s())
        if self._world:
            wait = min(wait, self._clock.wait_s(min(self._world.values())))
        return max(0.0, wait)
