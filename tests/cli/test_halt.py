"""`polybot-ctl halt`: the switch, the fence, the proof, over a real supervisord with an executor that only proves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import ask
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import supervisord
from tests.supervised import Supervised, environment
from tests.waiting import wait_for

# risk and executor as far as halting goes: they answer, and remember what the folder tells them to say.
STUB = """
import sys
from pathlib import Path
from messages import CancelAll, CancelProof, Done, Halt, Pause, Resume, Snapshot
from polybot.runtime.loop.loop import run

UNKNOWN = Path(__file__).with_name("unknown")

class Stub:
    def handle(self, word, now_ns):
        match word:
            case Halt() | Pause() | Resume():
                state = {Halt: "HALTED", Pause: "REDUCING", Resume: "ACTIVE"}[type(word)]
                yield Done(id=word.id, ok=True, trading_state=state)
            case Snapshot():
                yield Done(id=word.id, ok=True)
            case CancelAll():
                unknown = ("0xdoubt",) if UNKNOWN.exists() else ()
                yield CancelProof(id=word.id, cancelled=("0xa", "0xb"), open=0, unknown=unknown, pending_posts=(),
                                  fills_after=(), held=(), took_ms=1.0)

run(sys.argv[1], Stub())
"""
BIN = """#!/bin/sh
export POLYBOT_PARENT=$PPID PYTHONPATH={root}
[ -e "{folder}/refuses" ] && exit 78
exec {python} -P {folder}/stub.py "$2"
"""


class House(Supervised):
    """risk and executor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ("risk", "executor"), BIN, STUB)

    def begin(self) -> "House":
        self.wait_served("risk")
        self.wait_served("executor")
        return self

    def wait_served(self, name: str) -> None:
        from messages import Pause, Snapshot
        from messages.inner import NoReply

        request = Snapshot(id="up?") if name == "executor" else Pause(id="up?", by="test", reason="r")
        assert not isinstance(ask(self.paths.sockets, name, request, 30.0), NoReply)

    def pid(self, name: str) -> int:
        found = locks.holder(self.paths, name)
        assert found is not None
        return found.pid


def ctl(paths: Paths, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "polybot.cli", *argv],
        env=environment(paths),
        capture_output=True,
        text=True,
        timeout=60,
    )


def halted(paths: Paths, *argv: str) -> tuple[int, dict[str, Any]]:
    done = ctl(paths, "halt", "--json", *argv)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    try:
        yield house.begin()
    finally:
        house.end()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


# --- nobody there


def test_the_switch_is_moved_before_anything_heavy_is_imported() -> None:
    code = "import sys, polybot.cli, polybot.cli.commands.halt; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    heavy = ("typer", "click", "rich", "msgspec", "zmq", "messages", "subprocess", "dataclasses", "inspect", "tempfile")
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_without_a_bot_is_halted_named_and_exits_4(paths: Paths) -> None:
    code, proof = halted(paths, "--reason", "wrong folder")
    assert code == 4
    assert proof["state"] == str(paths.state)
    assert proof["halt"]["reason"] == "wrong folder"
    assert not proof["proven"]
    standing = halt.look(paths)
    assert standing is not None
    assert standing.is_manual


def test_a_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "nowhere")
    done = ctl(paths, "halt")
    assert done.returncode == 4
    assert "nothing was halted" in done.stderr
    assert not paths.state.exists()


def test_an_option_it_does_not_know_does_not_stop_it(paths: Paths) -> None:
    done = ctl(paths, "halt", "--jsno")
    assert halt.look(paths) is not None
    assert "not understood: --jsno" in done.stderr


def test_help_does_not_halt(paths: Paths) -> None:
    assert ctl(paths, "halt", "--help").returncode == 0
    assert halt.look(paths) is None


def test_a_disk_that_refuses_is_said_and_exits_nonzero(paths: Paths) -> None:
    paths.halt_spare.unlink()
    paths.halt_spare.mkdir()
    done = ctl(paths, "halt", "--json")
    assert done.returncode != 0
    assert json.loads(done.stdout)["not_written"]


# --- with a bot


def test_the_living_prove_it(house: House) -> None:
    code, proof = halted(house.paths)
    assert code == 0
    assert proof["v"] == 1
    assert proof["proven"]
    assert proof["how"] == "the executor answered"
    assert proof["risk"] == "HALTED"
    assert (proof["cancelled"], proof["open"], proof["unknown"]) == (["0xa", "0xb"], 0, [])
    assert proof["took_ms"] > 0
    assert sorted(proof["running"]) == ["executor", "risk"]


def test_an_order_in_doubt_is_not_proven(house: House) -> None:
    (house.folder / "unknown").touch()
    code, proof = halted(house.paths)
    assert code == 1
    assert not proof["proven"]
    assert proof["unknown"] == ["0xdoubt"]
    assert "NOT PROVEN" in ctl(house.paths, "halt").stdout


def test_an_executor_that_does_not_move_is_fenced_and_its_successor_proves(house: House) -> None:
    hung = house.pid("executor")
    os.kill(hung, signal.SIGSTOP)
    code, proof = halted(house.paths)
    assert code == 0, proof
    assert f"process {hung}) did not answer and was killed" in proof["how"]
    assert house.pid("executor") != hung


def test_a_dead_risk_does_not_stop_it(house: House) -> None:
    supervisord.Supervisor.of(house.paths).stop("edge:risk")
    wait_for(lambda: locks.holder(house.paths, "risk") is None, "risk to be gone")
    code, proof = halted(house.paths)
    assert code == 0
    assert proof["risk"] == "did not answer"


def test_a_second_halt_keeps_the_first_and_proves_again(house: House) -> None:
    _, first = halted(house.paths, "--reason", "first")
    code, second = halted(house.paths, "--reason", "second")
    assert code == 0
    assert second["halt"] == first["halt"]


def test_an_executor_that_supervisord_holds_stopped_is_not_waited_for(house: House) -> None:
    stop(house, "executor", "executor")
    _, proof = halted(house.paths)
    assert proof["how"].startswith("supervisord holds the executor stopped")
    assert "lone executor" in proof["how"]


def test_an_executor_that_left_for_good_after_it_was_asked_is_not_waited_for(house: House) -> None:
    hung = house.pid("executor")
    (house.folder / "refuses").touch()
    os.kill(hung, signal.SIGSTOP)
    _, proof = halted(house.paths)
    assert "was killed; supervisord holds the executor stopped" in proof["how"], proof["how"]


# --- resume, pause


def stop(house: House, program: str, name: str) -> None:
    supervisord.Supervisor.of(house.paths).stop(program)
    wait_for(lambda: locks.holder(house.paths, name) is None, f"{name} to be gone")


@pytest.mark.parametrize("verb", ["resume", "up"])
def test_who_was_given_up_is_started_again(house: House, verb: str) -> None:
    stop(house, "edge:risk", "risk")
    stop(house, "executor", "executor")
    halt.write(house.paths, by="watchdog", reason_code="CRASH_LOOP", reason="executor ended 6 times")
    argv = ("resume", "--override", "--reason", "mended") if verb == "resume" else ("up",)
    done = ctl(house.paths, *argv)
    assert done.returncode == 0, done.stderr
    assert "started again: " in done.stdout
    for name in ("risk", "executor"):
        assert name in done.stdout
        assert locks.holder(house.paths, name) is not None
    assert (halt.look(house.paths) is None) == (verb == "resume")


@pytest.mark.parametrize("verb", ["resume", "up"])
def test_who_does_not_come_up_again_is_named_and_the_halt_stands(house: House, verb: str) -> None:
    stop(house, "executor", "executor")
    (house.folder / "refuses").touch()
    halt.write(house.paths, by="watchdog", reason_code="CRASH_LOOP", reason="executor ended 6 times")
    argv = ("resume", "--override", "--reason", "mended") if verb == "resume" else ("up",)
    done = ctl(house.paths, *argv)
    assert done.returncode == 1, done.stdout
    assert "executor does not come up again" in done.stderr
    assert halt.look(house.paths) is not None


def test_a_resume_that_is_refused_starts_nobody(house: House) -> None:
    stop(house, "executor", "executor")
    halt.write(house.paths, by="watchdog", reason_code="CRASH_LOOP", reason="executor ended 6 times")
    assert ctl(house.paths, "resume", "--reason", "mended").returncode == 5
    assert locks.holder(house.paths, "executor") is None


def test_up_where_everyone_runs_is_refused(house: House) -> None:
    assert ctl(house.paths, "up").returncode == 75


def test_a_halt_by_hand_is_resumed_with_a_reason(house: House) -> None:
    halted(house.paths)
    assert ctl(house.paths, "resume").returncode == 2, "no reason, no resume"
    assert halt.look(house.paths) is not None
    done = ctl(house.paths, "resume", "--reason", "test", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trading_state"] == "ACTIVE"
    assert halt.look(house.paths) is None


def test_an_automatic_halt_is_resumed_only_with_override(paths: Paths) -> None:
    halt.write(paths, by="risk", reason_code="DRAWDOWN", reason="equity 69.99 of 100.00")
    refused = ctl(paths, "resume", "--reason", "test")
    assert refused.returncode == 5
    assert "--override" in refused.stderr
    assert ctl(paths, "resume", "--reason", "test", "--override").returncode == 0
    assert halt.look(paths) is None


def test_resume_where_nothing_stands_and_nothing_runs_is_4(paths: Paths) -> None:
    assert ctl(paths, "resume", "--reason", "test").returncode == 4


def test_pause_asks_risk_and_says_when_it_is_not_there(house: House) -> None:
    done = ctl(house.paths, "pause")
    assert (done.returncode, done.stdout.strip()) == (0, "trading state REDUCING")
    supervisord.Supervisor.of(house.paths).stop("edge:risk")
    wait_for(lambda: locks.holder(house.paths, "risk") is None, "risk to be gone")
    assert ctl(house.paths, "pause").returncode == 4
