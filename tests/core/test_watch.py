"""The watchdog's decisions, on machine time told to it."""

from collections.abc import Iterable

import pytest

from messages import ActorDied, Health, Word
from messages.inner import (
    CancelAlone,
    KillActor,
    LookAround,
    ProcessGone,
    ProcessState,
    StartProgram,
    StopProgram,
    Tick,
    WakeIn,
    WakeSupervisor,
    WatchPid,
    WriteHalt,
)
from polybot.core.watchdog.core import (
    LONGEST_REST_S,
    MOST_EXITS,
    MOST_IN_HOUR,
    OFTEN,
    REST_S,
    SILENT_S,
    START_S,
    WatchCore,
)
from polybot.topology import TABLE, Actor
from tests.build import a_heartbeat, a_start


class Watch:
    """The core and its clock: `at` moves machine time on in looks of a quarter second."""

    def __init__(self) -> None:
        self.core = WatchCore()
        self.now_s = 100.0
        self.said: list[Word] = []
        self.hear(a_start(actor="watchdog", mono_s=100.0))

    def hear(self, word: Word) -> list[Word]:
        said = list(self.core.handle(word, int(self.now_s * 1e9)))
        self.said += said
        return said

    def look(self) -> list[Word]:
        return self.hear(Tick(timer=LookAround(), mono_s=self.now_s))

    def pass_s(self, seconds: float, beating: Iterable[tuple[str, int]] = ()) -> list[Word]:
        said: list[Word] = []
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            for actor, pid in beating:
                said += self.beat(actor, pid)
            said += self.look()
        return said

    def beat(self, actor: str, pid: int) -> list[Word]:
        return self.hear(a_heartbeat(actor=actor, pid=pid, mono_ns=int(self.now_s * 1e9)))

    def gone(self, actor: str, pid: int) -> list[Word]:
        return self.hear(ProcessGone(actor=actor, pid=pid, mono_s=self.now_s))

    def told(self, actor: str, state: str, pid: int = 0, expected: bool = False) -> list[Word]:
        return self.hear(ProcessState(actor=actor, state=state, pid=pid, expected=expected, mono_s=self.now_s))


def of(kind: type[Word], said: list[Word]) -> list[Word]:
    return [word for word in said if isinstance(word, kind)]


def test_a_beating_actor_is_up_and_left_alone() -> None:
    watch = Watch()
    said = watch.beat("risk", 7)
    assert of(WatchPid, said) == [WatchPid(actor="risk", pid=7)]
    said = watch.pass_s(20, [("risk", 7)])
    assert not of(KillActor, said)
    health = of(Health, said)[-1]
    assert isinstance(health, Health)
    assert [(a.actor, a.state, a.restarts) for a in health.actors] == [("risk", "up", 0)]


def test_an_actor_silent_for_exactly_the_limit_is_spared_and_a_look_later_killed_once() -> None:
    watch = Watch()
    watch.beat("risk", 7)
    assert not of(KillActor, watch.pass_s(SILENT_S))
    killed = of(KillActor, watch.pass_s(SILENT_S))
    assert [(k.actor, k.pid) for k in killed if isinstance(k, KillActor)] == [("risk", 7)]


def test_a_death_wakes_supervisord_and_is_counted_once_whoever_tells() -> None:
    watch = Watch()
    watch.beat("risk", 7)
    first = watch.gone("risk", 7)
    assert of(WakeSupervisor, first) == [WakeSupervisor(actor="risk", pid=7)]
    assert len(of(ActorDied, first)) == 1
    assert not of(ActorDied, watch.told("risk", "EXITED", 7))
    assert not of(WatchPid, watch.beat("risk", 7)), "said before it died, heard after"
    assert of(WatchPid, watch.beat("risk", 8)) == [WatchPid(actor="risk", pid=8)]
    health = of(Health, watch.pass_s(1, [("risk", 8)]))[-1]
    assert isinstance(health, Health)
    assert (health.actors[0].restarts, health.actors[0].exits_in_minute, health.actors[0].down_since_ns) == (1, 1, 0)


def test_the_death_of_a_killed_actor_says_why() -> None:
    watch = Watch()
    watch.beat("signal", 7)
    watch.pass_s(SILENT_S + 1)
    died = of(ActorDied, watch.gone("signal", 7))[0]
    assert isinstance(died, ActorDied)
    assert died.how.startswith("killed: its heart was silent for 3.")


def test_five_exits_in_a_minute_are_suffered_and_the_sixth_halts() -> None:
    watch = Watch()
    for pid in range(1, MOST_EXITS + 1):
        watch.beat("risk", pid)
        assert not of(WriteHalt, watch.gone("risk", pid))
        watch.pass_s(5)
    watch.beat("risk", 99)
    said = watch.gone("risk", 99)
    halts = of(WriteHalt, said)
    assert isinstance(halts[0], WriteHalt)
    assert (halts[0].by, halts[0].reason_code) == ("watchdog", "CRASH_LOOP")
    assert halts[0].reason == "risk ended 6 times within 60 s, more than 5"
    assert of(StopProgram, said) == [StopProgram(actor="risk")]
    assert not of(WakeSupervisor, said)
    assert not of(WriteHalt, watch.told("risk", "EXITED", 100)), "halted once"


def test_exits_spread_over_more_than_a_minute_do_not_halt() -> None:
    watch = Watch()
    for pid in range(1, 20):
        watch.beat("risk", pid)
        assert not of(WriteHalt, watch.gone("risk", pid))
        watch.pass_s(12.25)


def test_an_expected_exit_is_stopped_and_not_restarted() -> None:
    watch = Watch()
    watch.told("executor", "RUNNING", 5)
    watch.told("executor", "EXITED", 5, expected=True)
    health = of(Health, watch.pass_s(1))[-1]
    assert isinstance(health, Health)
    assert health.actors[0].state == "stopped"


def test_nothing_is_done_while_supervisord_stops() -> None:
    watch = Watch()
    watch.beat("risk", 7)
    watch.told("", "STOPPING")
    assert watch.gone("risk", 7) == []
    said = watch.pass_s(10)
    assert {type(word) for word in said} <= {WakeIn, Health}


def test_after_a_pause_of_its_own_everyone_is_given_time_to_be_heard() -> None:
    watch = Watch()
    watch.beat("risk", 7)
    watch.look()
    watch.now_s += 30  # we were stopped, not they
    assert not of(KillActor, watch.look())
    assert not of(KillActor, watch.pass_s(2.5))
    assert of(KillActor, watch.pass_s(1)), "still silent"


def test_an_actor_that_never_beats_is_given_its_start_and_no_more() -> None:
    watch = Watch()
    watch.told("venue", "RUNNING", 5)
    assert not of(KillActor, watch.pass_s(START_S))
    assert of(KillActor, watch.pass_s(0.5))


# --- crash loops


def deaths(watch: Watch, actor: str, times: int, first_pid: int = 1, apart_s: float = 0.0) -> list[Word]:
    """It is born and leaves so many times; what was said about it."""
    said: list[Word] = []
    for pid in range(first_pid, first_pid + times):
        watch.beat(actor, pid)
        said += watch.gone(actor, pid)
        said += watch.pass_s(apart_s)
    return said


def loops(said: list[Word]) -> list[str]:
    return [word.loop for word in said if isinstance(word, ActorDied) and word.loop]


def test_who_may_be_missed_while_the_bot_trades() -> None:
    assert {a.name for a in TABLE if a.on_crash == "drop"} == {"recorder", "notifier"}


@pytest.mark.parametrize("row", [a for a in TABLE if a.name != "watchdog"], ids=lambda a: a.name)
def test_a_crash_loop_does_what_the_table_says(row: Actor) -> None:
    watch = Watch()
    assert not loops(deaths(watch, row.name, MOST_EXITS))
    said = deaths(watch, row.name, 1, first_pid=50)
    assert loops(said) == ["halted" if row.on_crash == "halt" else "dropped"]
    assert bool(of(WriteHalt, said)) == (row.on_crash == "halt")
    assert of(StopProgram, said) == [StopProgram(actor=row.name)]
    out = watch.told(row.name, "STOPPED")
    assert bool(of(CancelAlone, out)) == (row.name == "executor")
    again = of(StartProgram, watch.pass_s(LONGEST_REST_S))
    assert bool(again) == (row.on_crash == "drop")


def test_an_actor_that_is_dropped_rests_twice_as_long_each_time_and_no_longer_than_five_minutes() -> None:
    watch = Watch()
    (died,) = (w for w in deaths(watch, "recorder", MOST_EXITS + 1) if isinstance(w, ActorDied) and w.loop)
    rests = [died.retry_s]
    for pid in range(50, 57):
        watch.told("recorder", "STOPPED")
        assert not of(StartProgram, watch.pass_s(rests[-1] - 0.5))
        assert of(StartProgram, watch.pass_s(0.5)) == [StartProgram(actor="recorder")]
        (died,) = (w for w in deaths(watch, "recorder", 1, first_pid=pid) if isinstance(w, ActorDied))
        rests.append(died.retry_s)
    assert rests == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert not of(WriteHalt, watch.said)


def test_an_actor_that_is_dropped_and_lives_for_a_minute_is_forgiven() -> None:
    watch = Watch()
    deaths(watch, "recorder", MOST_EXITS + 1)
    watch.told("recorder", "STOPPED")
    watch.pass_s(REST_S)
    assert not of(StartProgram, watch.pass_s(70, [("recorder", 50)]))
    assert not loops(watch.gone("recorder", 50))


def test_a_watchdog_that_finds_a_recorder_stopped_starts_it_after_the_longest_rest() -> None:
    watch = Watch()
    watch.told("recorder", "STOPPED")
    watch.told("risk", "STOPPED")
    assert not of(StartProgram, watch.pass_s(LONGEST_REST_S - 0.5))
    assert of(StartProgram, watch.pass_s(0.5)) == [StartProgram(actor="recorder")]


def test_what_a_person_starts_again_is_counted_from_the_beginning_and_given_up_again() -> None:
    watch = Watch()
    deaths(watch, "executor", MOST_EXITS + 1)
    watch.told("executor", "STOPPED")
    watch.told("executor", "RUNNING", 50)
    assert not loops(watch.gone("executor", 50))
    said = deaths(watch, "executor", MOST_EXITS, first_pid=51)
    assert loops(said) == ["halted"]
    assert of(StopProgram, said) == [StopProgram(actor="executor")]


def test_a_slow_loop_is_told_after_twenty_exits_an_hour_and_halts_after_sixty() -> None:
    watch = Watch()
    said = deaths(watch, "risk", OFTEN, apart_s=15)
    assert not loops(said)
    said = deaths(watch, "risk", MOST_IN_HOUR - OFTEN, first_pid=100, apart_s=15)
    assert loops(said) == ["often"], "once an hour"
    assert not of(WriteHalt, said)
    said = deaths(watch, "risk", 1, first_pid=200)
    (halt,) = (w for w in said if isinstance(w, WriteHalt))
    assert halt.reason == "risk ended 61 times within an hour, more than 60"


def test_what_is_remembered_of_exits_has_a_bound() -> None:
    watch = Watch()
    deaths(watch, "recorder", 500)
    assert len(watch.core._actors["recorder"].exits) == MOST_IN_HOUR + 1


def test_a_starved_machine_is_no_hang() -> None:
    watch = Watch()
    watch.beat("risk", 7)
    watch.look()
    for _ in range(5):  # each look comes a second late, and nobody beats
        watch.now_s += 1.25
        assert not of(KillActor, watch.look()), f"after {watch.now_s - 100.0} s"
    assert of(KillActor, watch.pass_s(3)), "it did hang"
