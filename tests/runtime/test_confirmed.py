"""The record that opens live: for one session, one wallet, one life of the machine."""

from pathlib import Path

import pytest

from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt, live_confirmation

ADDRESS = "0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def test_without_a_record_nobody_may_start(paths: Paths) -> None:
    assert "live was not confirmed for session live-1" in live_confirmation.why_not(paths, "live-1", "")
    with pytest.raises(SystemExit) as left:
        live_confirmation.require(paths, "live-1", "")
    assert left.value.code == 77


def test_it_names_who_when_and_which_wallet_and_opens_its_own_session_only(paths: Paths) -> None:
    made = live_confirmation.write(paths, "live-1", ADDRESS, "")
    assert (made.address, made.session) == (ADDRESS, "live-1")
    assert "(process " in made.by and made.at.endswith("Z")
    assert (paths.run / "confirmed.json").stat().st_mode & 0o777 == 0o600
    assert live_confirmation.why_not(paths, "live-1", "") == ""
    assert "not for live-2" in live_confirmation.why_not(paths, "live-2", "")
    assert "not for (none)" in live_confirmation.why_not(paths, "", "")


def test_another_wallet_is_refused(paths: Paths) -> None:
    live_confirmation.write(paths, "live-1", ADDRESS, "")
    live_confirmation.require_wallet(paths, ADDRESS.lower())
    with pytest.raises(SystemExit) as left:
        live_confirmation.require_wallet(paths, "0x" + "11" * 20)
    assert left.value.code == 77


def test_a_rehearsals_record_does_not_open_the_public_hosts_nor_the_other_way(paths: Paths) -> None:
    venue = "http://127.0.0.1:8700"
    for stood_in, stands_in in ((venue, ""), ("", venue), (venue, "http://127.0.0.1:8701")):
        live_confirmation.write(paths, "live-1", ADDRESS, stood_in)
        assert live_confirmation.why_not(paths, "live-1", stood_in) == ""
        why = live_confirmation.why_not(paths, "live-1", stands_in)
        assert f"confirmed for {stood_in or 'the public hosts'}, not for {stands_in or 'the public hosts'}" in why
        with pytest.raises(SystemExit) as left:
            live_confirmation.require(paths, "live-1", stands_in)
        assert left.value.code == 77


def test_it_ends_with_the_machines_life_and_with_the_clean_stop(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    live_confirmation.write(paths, "live-1", ADDRESS, "")
    monkeypatch.setattr(live_confirmation, "_machine", lambda: "another boot")
    assert "before this machine was restarted" in live_confirmation.why_not(paths, "live-1", "")
    monkeypatch.undo()
    live_confirmation.forget(paths)
    assert "was not confirmed" in live_confirmation.why_not(paths, "live-1", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"session": "live-1"}', '{"session": 1, "address": 2, "by": 3}'])
def test_a_record_that_cannot_be_read_opens_nothing(paths: Paths, text: str) -> None:
    (paths.run / "confirmed.json").write_text(text)
    assert live_confirmation.why_not(paths, "live-1", "") != ""
