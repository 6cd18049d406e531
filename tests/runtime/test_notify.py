"""notify_cmd: run as its own program, with one line of JSON, without our environment; and by the actor itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from messages.inner import Notify
from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import halt
from polybot.runtime.supervision import notify_cmd
from polybot.runtime.supervision.notify_cmd import Notifier
from tests.waiting import wait_for


def a_notice() -> Notify:
    return Notify(kind="halt", key="h1", text="halted by risk: „ü“", at_ns=1_795_132_800 * 10**9, facts={"id": "h1"})


def a_script(folder: Path, body: str) -> Path:
    script = folder / "tell me.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o700)
    return script


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def a_notifier(paths: Paths, command: str) -> Notifier:
    return Notifier(command, paths, "live", "main")


def test_the_program_reads_one_line_and_inherits_no_secret(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYBOT_CANARY", "secret-canary")
    monkeypatch.setenv("AWS_SECRET", "secret-canary")
    out = tmp_path / "out"
    script = a_script(tmp_path, f'cat > "{out}"; env > "{out}.env"; printf %s "$1" > "{out}.arg"')
    a_notifier(paths, f"'{script}' 'two words; $(id)'")(a_notice())
    line = out.read_text()
    assert line.count("\n") == 1
    told = json.loads(line)
    assert (told["v"], told["event"], told["text"]) == (1, "halt", "halted by risk: „ü“")
    assert (told["profile"], told["account"], told["id"], told["at"]) == ("live", "main", "h1", "2026-11-20T00:00:00Z")
    assert (tmp_path / "out.arg").read_text() == "two words; $(id)", "no shell has seen it"
    assert "secret-canary" not in (tmp_path / "out.env").read_text()


def test_a_program_that_fails_is_tried_again_and_then_left(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notify_cmd, "PAUSE_S", 0.0)
    a_notifier(paths, str(a_script(tmp_path, f'echo x >> "{tmp_path}/tries"; exit 3')).replace(" ", "\\ "))(a_notice())
    assert (tmp_path / "tries").read_text() == "x\n" * notify_cmd.TRIES
    assert capsys.readouterr().out.count('why="ended with code 3"') == notify_cmd.TRIES


def test_a_program_that_hangs_is_killed_with_its_children(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notify_cmd, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(notify_cmd, "TRIES", 1)
    script = a_script(tmp_path, f'sleep 60 & echo $! > "{tmp_path}/child"; wait')
    a_notifier(paths, f"'{script}'")(a_notice())
    assert "did not end within 0.2 s" in capsys.readouterr().out
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: _is_gone(child), "the child to be gone")


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except FileNotFoundError:
        return True


def test_a_program_that_is_not_there_is_told_in_the_log(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notify_cmd, "PAUSE_S", 0.0)
    a_notifier(paths, "/nowhere/tell")(a_notice())
    assert "No such file" in capsys.readouterr().out


def test_the_actor_tells_a_halt_and_after_a_restart_not_again(paths: Paths, tmp_path: Path) -> None:
    out = tmp_path / "told"
    script = a_script(tmp_path, f'cat >> "{out}"')
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT")}
    env |= {"POLYBOT_STATE": str(paths.state), "POLYBOT__BOT__NOTIFY_CMD": f"'{script}'", "PYTHONPATH": str(ROOT)}

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "actors.notifier"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    first = start()
    try:
        assert first.stdout is not None
        next(
            line for line in first.stdout if line.startswith(b"started ")
        )  # its socket is there before it looks for a halt
        standing = halt.write(paths, by="risk", reason_code="DRAWDOWN", reason="equity 70 USD")
        wait_for(out.exists, "the halt to be told")
        told = json.loads(wait_for(out.read_text, "the line"))
        assert (told["event"], told["id"], told["reason_code"]) == ("halt", standing.id, "DRAWDOWN")
    finally:
        first.kill()
        first.communicate()
    second = start()
    try:
        boots = paths.boot("notifier")
        wait_for(lambda: boots.read_text().startswith("2 "), "its second life")
        halt.lift(paths, standing.id, override=True, reason="a test")
        another = halt.write(paths, by="user", reason_code="KILL_SWITCH", reason="enough")
        lines = wait_for(lambda: _lines(out, 2), "the second halt to be told")
        assert [json.loads(line)["id"] for line in lines] == [standing.id, another.id]
    finally:
        second.kill()
        second.communicate()


def _lines(file: Path, count: int) -> list[str]:
    lines = file.read_text().splitlines()
    return lines if len(lines) >= count else []
