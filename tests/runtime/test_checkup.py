"""Doctor's checks of the machine: each passed and each failed, with its mend."""

import os
import pwd
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from polybot.core.checks import Check, exit_code, failed, passed, unknown
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt, locks, wallet
from polybot.runtime.supervision import machine_checks
from polybot.settings import Bot, Keep, Live, Settings


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def test_the_worst_check_is_the_exit_code() -> None:
    good, bad, dark = passed("a", ""), failed("b", "", "mend"), unknown("c", "", "mend")
    assert [exit_code(c) for c in ([good], [good, dark], [good, dark, bad])] == [0, 3, 1]


def test_live_is_stopped_by_what_is_not_passed_unless_it_says_otherwise() -> None:
    assert not passed("a", "").stops_live
    assert failed("a", "", "").stops_live and unknown("a", "", "").stops_live
    assert not unknown("a", "", "", blocks=False).stops_live


def test_a_folder_that_others_may_enter_fails_with_the_chmod_line(paths: Paths) -> None:
    assert machine_checks.state_folder(paths).status == "passed"
    paths.state.chmod(0o750)
    check = machine_checks.state_folder(paths)
    assert (check.status, check.mend) == ("failed", f"chmod 700 {paths.state}")


def test_a_standing_halt_is_told_with_the_line_that_lifts_it_and_shuts_no_gate(paths: Paths) -> None:
    assert machine_checks.kill_switch(paths).status == "passed"
    halt.write(paths, by="risk", reason_code="DRAWDOWN", reason="equity 70 USD")
    check = machine_checks.kill_switch(paths)
    assert (check.status, check.stops_live) == ("failed", False)
    assert "polybot-ctl resume" in check.mend and check.mend.endswith("--override")


def test_disk_is_measured_against_what_the_recorders_may_take(paths: Paths) -> None:
    settings = Settings(keep=Keep(flight_mb=100))  # nine programs of the demo
    wanted = 9 * 100 + machine_checks.SPARE_MB

    def free(mb: int) -> Check:
        return machine_checks.disk(paths, settings, lambda _: SimpleNamespace(free=mb * machine_checks.MB))

    assert (free(wanted).status, free(wanted - 1).status) == ("passed", "failed")
    assert f"{wanted:,} MB may be wanted" in free(0).seen


def test_a_disk_that_cannot_be_asked_is_unknown(paths: Paths) -> None:
    def broken(_: Path) -> object:
        raise OSError(5, os.strerror(5))

    assert machine_checks.disk(paths, Settings(), broken).status == "unknown"


def test_supervisord_and_the_bus_path(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_checks.supervisor().status == machine_checks.bus_path(paths).status == "passed"
    monkeypatch.setattr(machine_checks, "version", lambda _: "4.2.5")
    assert machine_checks.supervisor().seen == "supervisor 4.2.5, 4.3 is needed"
    monkeypatch.setattr("tempfile.tempdir", "/" + "t" * 100)
    long = Paths(Path("/" + "s" * 100))
    assert machine_checks.bus_path(long).status == "failed"


def test_who_holds_the_locks_is_named(paths: Paths) -> None:
    assert machine_checks.program_locks(paths).seen == "nothing runs here"
    lock = locks.take(paths, "risk")
    assert f"risk ({os.getpid()})" in machine_checks.program_locks(paths).seen
    lock.release()


@pytest.mark.parametrize(
    ("command", "status"),
    [("", "passed"), ("sh -c true", "passed"), ("/nowhere/tell", "failed"), ("'open", "failed"), ("  ", "failed")],
)
def test_notify_cmd_must_be_a_program(command: str, status: str) -> None:
    assert machine_checks.notify_command(Settings(bot=Bot(notify_cmd=command))).status == status


def test_the_keys_file_is_read_only_when_it_is_ours_alone(paths: Paths, tmp_path: Path) -> None:
    key = tmp_path / "key"
    settings = Settings(bot=Bot(profile="live"), live=Live(key_file=str(key)))
    assert machine_checks.key_file(paths, settings)[0].status == "failed"
    key.write_text("0xsecret-canary\n")
    for mode, status, text in (
        (0o644, "failed", ""),
        (0o600, "passed", "0xsecret-canary"),
        (0o400, "passed", "0xsecret-canary"),
    ):
        key.chmod(mode)
        check, read = machine_checks.key_file(paths, settings)
        assert (check.status, read) == (status, text), oct(mode)
        assert "canary" not in repr(check)
    key.chmod(0o644)
    assert machine_checks.key_file(paths, settings)[0].mend == f"chmod 600 {key}"


def test_the_wallets_locks_lie_in_one_place_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could hold one wallet twice by another TMPDIR, HOME or XDG_STATE_HOME; and not in /tmp, which a service may have
    for itself.
    """
    place = wallet._folder()
    for name in ("TMPDIR", "HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert wallet._folder() == place
    assert place.is_relative_to(pwd.getpwuid(os.getuid()).pw_dir)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert wallet._folder() == Path(f"/tmp/polybot-wallets-{os.getuid()}"), "a user that no database knows"


def test_a_wallet_that_is_traded_with_from_elsewhere_fails(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wallet, "_folder", lambda: tmp_path / "wallets")
    assert machine_checks.wallet_lock(paths, "0xAb").status == "passed"
    fd = wallet.hold_or_exit("0xAb")
    assert machine_checks.wallet_lock(paths, "0xaB").status == "failed"
    own = locks.take(paths, "executor")
    assert "own executor" in machine_checks.wallet_lock(paths, "0xAb").seen
    own.release()
    os.close(fd)
    assert machine_checks.wallet_lock(paths, "0xAb").status == "passed"
