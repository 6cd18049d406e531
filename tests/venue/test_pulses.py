"""The venue's dead-man switch, by itself and as the bot's own adapter meets it."""

from pathlib import Path

import pytest

from messages.inner import HeartbeatSent, SendHeartbeat
from polybot.adapters.net.reads import Known
from polybot.adapters.polymarket.clob import Clob
from polybot.runtime.base.paths import Paths
from polybot.runtime.store import heartbeat_id as heartbeat
from polybot.venue.accounts.dead_man import LAPSE_S, Pulses
from tests.venue.conftest import Bench


def test_a_chain_of_ids_and_a_stale_one_extends_nothing() -> None:
    pulses = Pulses()
    taken, first = pulses.beat("key", "", 0.0)
    assert taken
    taken, second = pulses.beat("key", first, 5.0)
    assert taken and second != first
    assert pulses.beat("key", first, 9.0) == (False, second)
    assert pulses.beat("key", "", 9.0) == (False, second)
    assert pulses.lapsed(5.0 + LAPSE_S) == []
    assert pulses.lapsed(5.0 + LAPSE_S + 0.001) == ["key"]
    assert pulses.lapsed(60.0) == [], "once"


def test_after_a_lapse_the_chain_goes_on_or_begins_anew() -> None:
    for begin_anew in (True, False):
        pulses = Pulses()
        _, first = pulses.beat("key", "", 0.0)
        assert pulses.lapsed(LAPSE_S + 1) == ["key"]
        taken, _ = pulses.beat("key", "" if begin_anew else first, 20.0)
        assert taken


def test_keys_that_never_beat_never_lapse() -> None:
    assert Pulses().lapsed(1e9) == []


@pytest.fixture
def clob(bench: Bench) -> Clob:
    made = Clob(bench.urls["clob"], bench.client.wallet, lambda: bench.clock.ns // 1_000_000_000)
    assert isinstance(made.login(), Known)
    return made


def test_our_adapter_beats_and_reads_a_mismatch(clob: Clob) -> None:
    first = clob.heartbeat("")
    assert first.outcome == "acked" and first.heartbeat_id
    second = clob.heartbeat(first.heartbeat_id)
    assert second.outcome == "acked"
    stale = clob.heartbeat(first.heartbeat_id)
    assert stale == HeartbeatSent(outcome="mismatch", heartbeat_id=second.heartbeat_id)
    assert clob.heartbeat(stale.heartbeat_id).outcome == "acked"


def test_credentials_the_venue_does_not_know_are_a_failure_with_its_words(clob: Clob, bench: Bench) -> None:
    known = bench.house.keys.by_key.copy()
    bench.house.keys.by_key.clear()
    answer = clob.heartbeat("")
    bench.house.keys.by_key.update(known)
    assert answer.outcome == "failed" and "401" in answer.why


def test_the_newest_id_is_kept_on_disk_and_sent_after_a_start(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert heartbeat.with_kept(paths, SendHeartbeat(heartbeat_id="")) == ""
    heartbeat.keep(paths, HeartbeatSent(outcome="acked", heartbeat_id="one"))
    heartbeat.keep(paths, HeartbeatSent(outcome="mismatch", heartbeat_id="two"))
    heartbeat.keep(paths, HeartbeatSent(outcome="failed", heartbeat_id="", why="x"))
    assert heartbeat.with_kept(paths, SendHeartbeat(heartbeat_id="")) == "one"
    assert heartbeat.with_kept(paths, SendHeartbeat(heartbeat_id="three")) == "three"
    assert paths.heartbeat.stat().st_mode & 0o777 == 0o600
    paths.heartbeat.write_bytes(b"\xff\xfe")
    assert heartbeat.kept(paths) == ""
