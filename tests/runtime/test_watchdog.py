"""The watchdog and supervisord, the real ones, over two actors that only beat."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from messages import ActorDied, Envelope, Health, Heartbeat
from polybot.runtime.base import process
from polybot.runtime.base.paths import ROOT
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import supervisord
from tests.supervised import Supervised
from tests.waiting import wait_for

ACTORS = ("risk", "executor", "recorder", "watchdog")
STUB = """
import sys
from polybot.runtime.loop.loop import run

class Idle:
    def handle(self, word, now_ns):
        return ()

run(sys.argv[1], Idle())
"""
# Stands where bin/polybot stands: the watchdog is the real one, the others only beat.
BIN = """#!/bin/sh
export POLYBOT_PARENT=$PPID PYTHONPATH={root}
[ -e "{folder}/broken.$2" ] && exit 1
[ "$2" = watchdog ] && exec {python} -P -m actors.watchdog
exec {python} -P {folder}/stub.py "$2"
"""


class House(Supervised):
    """With an ear on its bus."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ACTORS, BIN, STUB)
        self.ears = Subscriber(self.paths.sockets, ACTORS, (Heartbeat, Health, ActorDied))

    def hear(self, wanted: Callable[[Envelope], bool], within_s: float = 30.0) -> Envelope:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            envelope = self.ears.recv(200)
            if envelope is not None and wanted(envelope):
                return envelope
        raise AssertionError(f"not heard within {within_s} s; watchdog's log:\n{self.log('watchdog')}")

    def beat_of(self, name: str, other_than: int = 0) -> int:
        """The pid of its next heartbeat that is not the given one."""

        def is_it(envelope: Envelope) -> bool:
            beat = envelope.body
            return isinstance(beat, Heartbeat) and beat.actor == name and beat.pid != other_than

        beat = self.hear(is_it).body
        assert isinstance(beat, Heartbeat)
        return beat.pid

    def log(self, name: str) -> str:
        return (self.paths.logs / f"{name}.log").read_text()[-3000:]

    def end(self) -> None:
        self.ears.close()
        super().end()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.end()


def test_a_killed_actor_comes_back_and_its_death_is_told(house: House) -> None:
    house.beat_of("watchdog")
    before = house.beat_of("risk")
    os.kill(before, signal.SIGKILL)
    died = house.hear(lambda e: isinstance(e.body, ActorDied)).body
    assert isinstance(died, ActorDied)
    assert (died.actor, died.pid, died.exits_in_minute) == ("risk", before, 1)
    after = house.beat_of("risk", other_than=before)
    assert after != before

    def has_counted(envelope: Envelope) -> bool:
        health = envelope.body
        return isinstance(health, Health) and any(a.actor == "risk" and a.restarts == 1 for a in health.actors)

    house.hear(has_counted)


def test_a_hanging_actor_is_killed_and_replaced(house: House) -> None:
    house.beat_of("watchdog")
    before = house.beat_of("executor")
    os.kill(before, signal.SIGSTOP)
    assert house.beat_of("executor", other_than=before) != before
    assert not process.is_alive(before)


def test_the_sixth_death_within_a_minute_halts_and_ends_the_restarts(house: House) -> None:
    house.beat_of("watchdog")
    house.beat_of("risk")
    (house.folder / "broken.risk").touch()
    os.kill(house.beat_of("risk"), signal.SIGKILL)
    wait_for(lambda: halt.look(house.paths) is not None, "the halt to be written", 40)
    standing = halt.look(house.paths)
    assert standing is not None
    assert (standing.by, standing.reason_code) == ("watchdog", "CRASH_LOOP")

    def is_stopped() -> bool:
        states = {p["name"]: p["statename"] for p in supervisord.Supervisor.of(house.paths).processes()}
        return bool(states["risk"] == "STOPPED" and states["executor"] == "RUNNING")

    wait_for(is_stopped, "the supervision to give up")


def test_for_an_executor_that_is_given_up_a_lone_one_cancels(house: House) -> None:
    house.beat_of("watchdog")
    before = house.beat_of("executor")
    (house.folder / "broken.executor").touch()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: "cancelled_alone" in house.log("watchdog"), "a lone executor to have tried", 60)


def test_a_recorder_that_ends_again_and_again_rests_and_comes_back_while_trading_goes_on(house: House) -> None:
    house.beat_of("watchdog")
    before = house.beat_of("recorder")
    (house.folder / "broken.recorder").touch()
    os.kill(before, signal.SIGKILL)

    def is_dropped(envelope: Envelope) -> bool:
        return isinstance(envelope.body, ActorDied) and envelope.body.loop == "dropped"

    house.hear(is_dropped, 40)
    (house.folder / "broken.recorder").unlink()
    assert house.beat_of("recorder", other_than=before) != before
    assert halt.look(house.paths) is None


def test_a_killed_supervisord_leaves_no_orphan_and_a_second_one_runs_the_house_again(house: House) -> None:
    pids = {name: house.beat_of(name) for name in ACTORS}
    house.supervisord.kill()
    house.supervisord.wait()
    wait_for(lambda: not any(process.is_alive(pid) for pid in pids.values()), "everyone to be gone")
    house.supervisord = house.start()
    for name, pid in pids.items():
        assert house.beat_of(name, other_than=pid) != pid


def test_a_second_copy_leaves_with_75_and_names_the_first(house: House) -> None:
    first = house.beat_of("risk")
    env = {**os.environ, "POLYBOT_STATE": str(house.paths.state), "PYTHONPATH": str(ROOT)}
    second = subprocess.run(
        [sys.executable, "-P", str(house.folder / "stub.py"), "risk"],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 75
    assert f"held by process {first} (risk)" in second.stderr
    assert house.beat_of("risk") == first


def test_the_watchdog_kills_only_the_holder_of_the_lock(house: House) -> None:
    from messages.inner import KillActor
    from polybot.runtime.supervision.listener import Hands

    house.beat_of("risk")
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        hands = Hands(house.paths, supervisord.Supervisor.of(house.paths))
        hands.kill(KillActor(actor="risk", pid=innocent.pid, why="a pid used anew"))
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_killed_watchdog_is_back_at_once_and_its_sentinel_gone(house: House) -> None:
    before = house.beat_of("watchdog")
    (sentinel,) = children_of(before)
    os.kill(before, signal.SIGKILL)
    after = house.beat_of("watchdog", other_than=before)
    wait_for(lambda: not process.is_alive(sentinel), "the sentinel to be gone")
    assert len(children_of(after)) == 1


def children_of(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_clean_stop_is_no_death(house: House) -> None:
    for name in ACTORS:
        house.beat_of(name)
    sentinels = children_of(house.beat_of("watchdog"))
    supervisord.Supervisor.of(house.paths).shutdown()
    assert house.supervisord.wait(30) == 0
    assert not any(process.is_alive(pid) for pid in sentinels)
    assert not any(locks.holder(house.paths, name) for name in ACTORS)
    assert halt.look(house.paths) is None
    noted = json.loads(house.paths.supervisor_note.read_text())
    assert noted["socket"] == str(house.paths.sockets / "supervisor.sock")
