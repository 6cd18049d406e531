"""The state folder: where it is, who may enter, and where sockets go when its name is long."""

import os
import stat
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT, Paths, UnsafeMode, check_secret
from polybot.runtime.safety import halt
from polybot.topology import TABLE


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_lies_beside_the_code_and_the_environment_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYBOT_STATE", raising=False)
    assert Paths.of().state == ROOT / "state"
    monkeypatch.setenv("POLYBOT_STATE", "~/bot")
    assert Paths.of().state == Path("~/bot").expanduser()
    assert Paths.of("/elsewhere").state == Path("/elsewhere")


def test_prepare_makes_private_folders_and_the_spare(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    halt.prepare(paths)
    assert [mode_of(p) for p in (paths.state, paths.run, paths.logs)] == [0o700] * 3
    assert mode_of(paths.halt_spare) == 0o600
    assert not paths.halt.exists()


def test_an_empty_folder_is_taken_over_and_a_full_open_one_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    halt.prepare(Paths(empty))
    assert mode_of(empty) == 0o700
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").touch()
    full.chmod(0o750)
    with pytest.raises(UnsafeMode, match=f"chmod 700 {full}"):
        halt.prepare(Paths(full))


def test_sockets_lie_in_run_as_long_as_the_longest_path_fits() -> None:
    room = 100 - len("/run/supervisor.sock.4194304")
    fits, too_long = Paths(Path("/" + "x" * (room - 1))), Paths(Path("/" + "x" * room))
    assert fits.sockets == fits.run
    assert too_long.sockets != too_long.run
    longest = max(len(f"{a.name}.pub") for a in TABLE)
    assert longest <= len("supervisor.sock.4194304")


def test_far_sockets_have_a_private_folder_that_the_state_names(tmp_path: Path) -> None:
    paths = Paths(tmp_path / ("x" * 100) / "state")
    halt.prepare(paths)
    try:
        assert mode_of(paths.sockets) == 0o700
        assert (paths.run / "sockets").read_text().strip() == str(paths.sockets)
        assert Paths(paths.state).sockets == paths.sockets, "every process finds the same"
        assert len(os.fsencode(paths.sockets)) < 80
    finally:
        paths.sockets.rmdir()


@pytest.mark.parametrize(
    ("mode", "is_fine"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o700, False)]
)
def test_a_secret_is_ours_alone(tmp_path: Path, mode: int, is_fine: bool) -> None:
    key = tmp_path / "key"
    key.touch()
    key.chmod(mode)
    if is_fine:
        check_secret(key)
    else:
        with pytest.raises(UnsafeMode, match=f"chmod 600 {key}"):
            check_secret(key)
