"""The watchdog's decisions, on machine time told to it."""

from collections.abc import Iterable

from messages import ActorDied, Health, Word
from messages.inner import (
    KillActor,
    LookAround,
    ProcessGone,
    ProcessState,
    StopProgram,
    Tick,
    WakeIn,
    WakeSupervisor,
    WatchPid,
    WriteHalt,
)
from polybot.core.watchdog.core import MOST_EXITS, SILENT_S, START_S, WatchCore
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
