"""The loop's timers: in order, once, replaced by the same timer, in both times, and no heap that only grows."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.inner import AnyTimer, CancelAt, ProbeOrder, Reconcile, SayLevels, Tick, WakeAt, WakeIn, WindowLate
from polybot.runtime.loop import timers as module
from polybot.runtime.loop.timers import Timers

NS = 1_000_000_000


class FakeClock:
    """World time of our own; its seconds are the machine's unless speed says otherwise."""

    speed = 1.0

    def __init__(self) -> None:
        self.world_ns = 0
        self.machine_s = 0.0

    def now_ns(self) -> int:
        return self.world_ns

    def wait_s(self, until_ns: int) -> float:
        return max(0.0, (until_ns - self.world_ns) / 1e9 / self.speed)

    def was_set_ns(self) -> int:
        return 0

    def mono_s(self) -> float:
        return self.machine_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "mono_s", clock.mono_s)
    return clock


def probe(n: int) -> ProbeOrder:
    return ProbeOrder(order_id=f"0x{n:04x}")


def heard(timers: Timers) -> list[AnyTimer]:
    return [tick.timer for tick in timers.due()]


def entries(timers: Timers) -> int:
    """How much is kept, dead or alive."""
    return len(timers._world._heap) + len(timers._machine._heap)


def test_a_wish_comes_at_its_moment_and_once(clock: FakeClock) -> None:
    timers = Timers(clock)
    timers.set(WakeAt(timer=probe(1), at_ns=5))
    clock.world_ns = 4
    assert heard(timers) == []
    clock.world_ns, clock.machine_s = 5, 7.5
    assert list(timers.due()) == [Tick(timer=probe(1), mono_s=7.5)]
    assert heard(timers) == []


def test_machine_time_is_counted_from_the_wish(clock: FakeClock) -> None:
    timers = Timers(clock)
    clock.machine_s = 10.0
    timers.set(WakeIn(timer=Reconcile(), after_s=0.5))
    clock.machine_s = 10.499
    assert heard(timers) == []
    clock.machine_s = 10.5
    assert list(timers.due()) == [Tick(timer=Reconcile(), mono_s=10.5)]


def test_earliest_first_and_ties_as_they_were_wished_for(clock: FakeClock) -> None:
    timers = Timers(clock)
    for n, at_ns in ((3, 7), (9, 5), (1, 7), (2, 6), (4, 5)):
        timers.set(WakeAt(timer=probe(n), at_ns=at_ns))
    clock.world_ns = 7
    assert heard(timers) == [probe(9), probe(4), probe(2), probe(3), probe(1)]


@pytest.mark.parametrize("later", [True, False], ids=["later", "earlier"])
def test_the_same_timer_again_replaces_the_wish(clock: FakeClock, later: bool) -> None:
    timers = Timers(clock)
    timers.set(WakeAt(timer=probe(1), at_ns=5 if later else 9))
    timers.set(WakeAt(timer=probe(1), at_ns=9 if later else 5))
    clock.world_ns = 5
    assert heard(timers) == ([] if later else [probe(1)])
    clock.world_ns = 9
    assert heard(timers) == ([probe(1)] if later else [])


def test_a_wish_in_the_other_time_replaces_it_too(clock: FakeClock) -> None:
    timers = Timers(clock)
    timers.set(WakeAt(timer=CancelAt(order_id="a"), at_ns=5))
    timers.set(WakeIn(timer=CancelAt(order_id="a"), after_s=1.0))
    clock.world_ns = 100
    assert heard(timers) == []
    timers.set(WakeAt(timer=CancelAt(order_id="a"), at_ns=200))
    clock.machine_s = 100.0
    assert heard(timers) == []
    clock.world_ns = 200
    assert heard(timers) == [CancelAt(order_id="a")]


def test_kinds_and_fields_tell_timers_apart(clock: FakeClock) -> None:
    timers = Timers(clock)
    wished = [
        ProbeOrder(order_id="a"),
        ProbeOrder(order_id="b"),
        CancelAt(order_id="a"),
        SayLevels(),
        WindowLate(slug="a"),
    ]
    for timer in wished:
        timers.set(WakeAt(timer=timer, at_ns=1))
    clock.world_ns = 1
    assert heard(timers) == wished


def test_what_is_wished_for_meanwhile_comes_with_the_next_call(clock: FakeClock) -> None:
    """A core that wishes for "a moment later" must not keep the loop from everything else."""
    timers = Timers(clock)
    timers.set(WakeIn(timer=probe(1), after_s=0.0))
    rounds = 0
    for tick in timers.due():
        rounds += 1
        timers.set(WakeIn(timer=tick.timer, after_s=0.0))
        assert rounds < 10
    assert rounds == 1
    assert heard(timers) == [probe(1)]


def test_what_is_replaced_while_it_waits_its_turn_does_not_come(clock: FakeClock) -> None:
    timers = Timers(clock)
    timers.set(WakeAt(timer=probe(1), at_ns=1))
    timers.set(WakeAt(timer=probe(2), at_ns=2))
    timers.set(WakeAt(timer=probe(3), at_ns=3))
    clock.world_ns = 3
    told: list[AnyTimer] = []
    for tick in timers.due():
        if not told:
            timers.set(WakeAt(timer=probe(2), at_ns=50))
            timers.set(WakeIn(timer=probe(3), after_s=50.0))
        told.append(tick.timer)
    assert told == [probe(1)]
    clock.world_ns, clock.machine_s = 50, 50.0
    assert heard(timers) == [probe(2), probe(3)]


def test_how_long_to_wait(clock: FakeClock) -> None:
    timers = Timers(clock)
    assert timers.wait_s() == 1.0, "nothing is wished for"
    timers.set(WakeIn(timer=probe(1), after_s=0.75))
    assert timers.wait_s() == 0.75
    clock.speed = 4.0
    timers.set(WakeAt(timer=probe(2), at_ns=2 * NS))
    assert timers.wait_s() == 0.5, "the world turns four times as fast"
    timers.set(WakeAt(timer=probe(2), at_ns=400 * NS))
    assert timers.wait_s() == 0.75, "what was replaced does not wake"
    clock.machine_s = 3.0
    assert timers.wait_s() == 0.0


def test_two_thousand_timers_come_in_order(clock: FakeClock) -> None:
    timers = Timers(clock)
    moments = {probe(n): (n * 7919) % 2003 for n in range(2000)}
    for timer, at_ns in moments.items():
        timers.set(WakeAt(timer=timer, at_ns=at_ns))
    told: list[AnyTimer] = []
    for clock.world_ns in range(0, 2003, 10):
        now = heard(timers)
        assert all(clock.world_ns - 10 < moments[t] <= clock.world_ns for t in now)  # type: ignore[index]
        told += now
    clock.world_ns = 2003
    told += heard(timers)
    assert told == sorted(moments, key=lambda t: moments[t])
    assert entries(timers) == 0


def test_what_is_replaced_does_not_pile_up(clock: FakeClock) -> None:
    """Two thousand orders, each put off fifty times behind one that stays on top."""
    timers = Timers(clock)
    timers.set(WakeAt(timer=SayLevels(), at_ns=1))
    most = 0
    for again in range(50):
        for n in range(2000):
            timers.set(WakeAt(timer=probe(n), at_ns=10_000 + again))
            most = max(most, entries(timers))
    assert most <= 2 * 2001 + module._FEW_DEAD + 1
    clock.world_ns = 20_000
    assert heard(timers) == [SayLevels(), *(probe(n) for n in range(2000))]


def test_what_leaves_for_the_other_time_does_not_pile_up(clock: FakeClock) -> None:
    timers = Timers(clock)
    timers.set(WakeAt(timer=SayLevels(), at_ns=1))
    for n in range(5000):
        timers.set(WakeAt(timer=probe(n), at_ns=10_000))
        timers.set(WakeIn(timer=probe(n), after_s=1.0))
        clock.machine_s += 2.0
        assert heard(timers) == [probe(n)]
        assert entries(timers) <= 2 + module._FEW_DEAD + 1


class Naive:
    """What a table of wishes would do: the rule, written out."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock, self._count = clock, 0
        self._wishes: dict[AnyTimer, tuple[str, float, int]] = {}

    def set(self, wish: WakeAt | WakeIn) -> None:
        self._count += 1
        when = wish.at_ns if isinstance(wish, WakeAt) else self._clock.machine_s + wish.after_s
        self._wishes[wish.timer] = type(wish).__name__, when, self._count

    def due(self, hear: Callable[[AnyTimer], Any]) -> None:
        for time, now in (("WakeAt", self._clock.world_ns), ("WakeIn", self._clock.machine_s)):
            ripe = sorted(
                (when, number, timer)
                for timer, (kind, when, number) in self._wishes.items()
                if kind == time and when <= now
            )
            for _, number, timer in ripe:
                if self._wishes.get(timer, ("", 0, 0))[2] == number:
                    del self._wishes[timer]
                    hear(timer)

    def wait_s(self) -> float:
        waits = [
            self._clock.wait_s(int(when)) if kind == "WakeAt" else when - self._clock.machine_s
            for kind, when, _ in self._wishes.values()
        ]
        return max(0.0, min([1.0, *waits]))


_names = st.integers(0, 5)
_moments = st.integers(0, 12)
_wish = st.tuples(st.sampled_from(["at", "in"]), _names, _moments)
_steps = st.lists(st.one_of(_wish, st.tuples(st.just("pass"), _moments, _moments)), max_size=60)


def _made(wish: tuple[str, int, int]) -> WakeAt | WakeIn:
    way, n, moment = wish
    return WakeAt(timer=probe(n), at_ns=moment) if way == "at" else WakeIn(timer=probe(n), after_s=float(moment % 4))


@given(steps=_steps, while_heard=st.lists(_wish, max_size=12))
def test_the_heap_does_what_a_table_would(steps: list[tuple[str, int, int]], while_heard: list[Any]) -> None:
    """Also when the core wishes anew with each tick it hears."""
    told: list[list[AnyTimer | None]] = []
    waits: list[list[float]] = []
    for make in (Timers, Naive):
        clock = FakeClock()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "mono_s", clock.mono_s)
            timers: Any = make(clock)
            pending, waited = list(while_heard), list[float]()
            here: list[AnyTimer | None] = []  # None: between two steps

            def hear(
                timer: AnyTimer, timers: Any = timers, pending: list[Any] = pending, here: list[AnyTimer | None] = here
            ) -> None:
                here.append(timer)
                if pending:
                    timers.set(_made(pending.pop()))

            for step in steps:
                if step[0] != "pass":
                    timers.set(_made(step))
                    continue
                clock.world_ns += step[1]
                clock.machine_s += step[2] / 4
                if isinstance(timers, Naive):
                    timers.due(hear)
                else:
                    for tick in timers.due():
                        hear(tick.timer)
                here.append(None)
                waited.append(timers.wait_s())
            told.append(here)
            waits.append(waited)
    assert told[0] == told[1]
    assert waits[0] == waits[1]
