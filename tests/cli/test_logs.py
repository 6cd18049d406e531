"""`logs` merges by time and follows through rotation."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from polybot.cli.commands import logs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    made = tmp_path / "logs"
    made.mkdir()
    (made / "risk.log").write_text("started at=00:00:01.000 actor=risk\nhalted at=00:00:03.000\n")
    (made / "signal.log").write_text("started at=00:00:02.000 actor=signal\nTraceback\n  of two lines\n")
    return made


def said(*argv: str) -> tuple[int, str]:
    app = typer.Typer()
    logs.register(app)
    done = CliRunner().invoke(app, list(argv))
    return done.exit_code, done.output


def test_lines_of_all_are_merged_by_time_and_a_traceback_stays_together(folder: Path) -> None:
    code, text = said()
    heads = [line.split()[:2] for line in text.splitlines()]
    assert code == 0
    assert heads == [
        ["risk", "started"],
        ["signal", "started"],
        ["signal", "Traceback"],
        ["signal", "of"],
        ["risk", "halted"],
    ]


def test_one_actor_and_a_wrong_name(folder: Path) -> None:
    assert said("risk", "-n", "1")[1].split()[0] == "halted"
    code, text = said("rsk")
    assert code == 2 and "did you mean risk?" in text


def test_no_logs_is_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    assert said()[0] == 4


def test_following_survives_rotation_and_half_lines(folder: Path) -> None:
    path = folder / "risk.log"
    file = logs.FollowedLog(path)
    assert list(file.fresh())[-1].startswith("halted")
    with path.open("a") as out:
        out.write("half a ")
    assert list(file.fresh()) == []
    with path.open("a") as out:
        out.write("line\nlast\n")
    assert list(file.fresh()) == ["half a line", "last"]
    with path.open("a") as out:
        out.write("before rotation\n")
    path.rename(folder / "risk.log.1")
    path.write_text("after rotation\n")
    assert list(file.fresh()) == ["before rotation", "after rotation"]
