"""Timers of a loop: wishes in world time and in machine time; the same timer again replaces the earlier wish.

Each time has a heap of its own. What is replaced stays in its heap, dead, until it comes to the top or the dead are more
than the living and swept out together (lazy deletion): a wish costs O(log n), and how long to wait is read off the top.
"""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

from messages.inner import AnyTimer, Tick, WakeAt, WakeIn
from polybot.runtime.base.clock import Clock, mono_s

_When = TypeVar("_When", int, float)
_FEW_DEAD = 64  # so many are not worth a sweep


class Timers:
    """What the core asked to be woken for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._world: _Wishes[int] = _Wishes()
        self._machine: _Wishes[float] = _Wishes()

    def set(self, wish: WakeAt | WakeIn) -> None:
        """A new wish; it replaces one for the same timer in either time."""
        match wish:
            case WakeAt():
                self._machine.forget(wish.timer)
                self._world.set(wish.timer, wish.at_ns)
            case WakeIn():
                self._world.forget(wish.timer)
                self._machine.set(wish.timer, mono_s() + wish.after_s)

    def due(self) -> Iterator[Tick]:
        """The wishes that have come, those of world time first, in each time earliest first, ties as they were wished for.

        What is wished for while these are heard comes with the next call, however ripe it is; what they replace comes not.
        """
        if self._world.first is not None:
            for timer in self._world.taken(self._clock.now_ns()):
                yield Tick(timer=timer, mono_s=mono_s())
        if self._machine.first is not None:
            now_s = mono_s()
            for timer in self._machine.taken(now_s):
                yield Tick(timer=timer, mono_s=now_s)

    def wait_s(self) -> float:
        """Machine seconds until the next wish may be due; at most one second."""
        wait = 1.0
        if self._machine.first is not None:
            wait = min(wait, self._machine.first - mono_s())
        if self._world.first is not None:
            wait = min(wait, self._clock.wait_s(self._world.first))
        return max(0.0, wait)


class _Wishes(Generic[_When]):
    """Those of one time. `first`: when the earliest is due; None = there are none."""

    def __init__(self) -> None:
        self._heap: list[tuple[_When, int, AnyTimer]] = []  # (when, number of the wish, timer); the top is never dead
        self._standing: dict[AnyTimer, int] = {}  # timer → number of the wish that stands
        self._count = 0

    @property
    def first(self) -> _When | None:
        return self._heap[0][0] if self._heap else None

    def set(self, timer: AnyTimer, when: _When) -> None:
        """Whatever was wished for this timer is dead."""
        self._count += 1
        self._standing[timer] = self._count
        heapq.heappush(self._heap, (when, self._count, timer))
        self._bury()

    def forget(self, timer: AnyTimer) -> None:
        """Nothing is wished for this timer any more."""
        if self._standing.pop(timer, None) is not None:
            self._bury()

    def taken(self, now: _When) -> Iterator[AnyTimer]:
        """Those that are ripe at this moment, each gone once it is yielded."""
        ripe: list[tuple[_When, int, AnyTimer]] = []
        while self._heap and self._heap[0][0] <= now:
            ripe.append(heapq.heappop(self._heap))
        self._bury()
        for entry in ripe:
            if self._stands(entry):
                del self._standing[entry[2]]
                yield entry[2]

    def _stands(self, entry: tuple[_When, int, AnyTimer]) -> bool:
        return self._standing.get(entry[2]) == entry[1]

    def _bury(self) -> None:
        """The dead on the top go at once; all of them when they are more than the living."""
        while self._heap and not self._stands(self._heap[0]):
            heapq.heappop(self._heap)
        if len(self._heap) > 2 * len(self._standing) + _FEW_DEAD:
            self._heap = [entry for entry in self._heap if self._stands(entry)]
            heapq.heapify(self._heap)
