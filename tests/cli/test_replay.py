"""Replay compares byte for byte: a flipped bit is found, a killed writer's cut sentence is not mistaken for one."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from messages import Candles, Envelope, PriceTick, Word, encode
from messages.inner import Persist, PersistFailed, SayLevels, Started, Tick, WakeIn
from polybot.backtest.replay import LostBeginning, Replayed
from polybot.backtest.replay import replay as replay_of
from polybot.cli.commands import replay
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.loop.stamping import Stamper, cause_of
from polybot.runtime.store import flight
from polybot.runtime.store.flight import FlightRecorder, read, segments_of
from polybot.settings import Settings
from tests import build
from tests.build import a_candle, a_start

STARTED = a_start(config=msgspec.json.encode(Settings()).decode())


class Echo:
    """Says a tick for each tick, counting; persists on a candle."""

    def __init__(self) -> None:
        self.count = 0

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Started() | Tick():
                for _ in range(2):
                    self.count += 1
                    yield a_tick(self.count)
                yield WakeIn(timer=SayLevels(), after_s=1.0)
            case Candles():
                yield Persist(record=b"r", seq=1)
                yield a_tick(-1)


def a_tick(n: int) -> PriceTick:
    return build.a_tick(price=float(n), trade_id=n)


class Loop:
    """What the real loop writes to its flight recorder."""

    def __init__(self, folder: Path, core: Any, boot: int = 1) -> None:
        self.core, self.boot = core, boot
        self.flight = FlightRecorder(folder, boot, 1 << 30)
        self.stamper, self.inner = Stamper("signal", boot), Stamper("signal.source", boot)

    def hear(self, word: Word, now_ns: int = 5, cut_after: int | None = None, spoil: bool = False) -> None:
        envelope = self.inner.envelope(word, now_ns, "")
        self.flight.heard(now_ns, encode(envelope))
        for i, said in enumerate(self.core.handle(word, now_ns)):
            _, data = self.stamper.wrap(said, now_ns, cause_of(envelope, "signal"))
            if cut_after is not None and i >= cut_after:
                return
            if spoil:
                changed: Any = msgspec.structs.replace(said, price=9.0) if isinstance(said, PriceTick) else said
                _, data = Stamper("signal", self.boot).wrap(changed, now_ns, "")
            self.flight.said(now_ns, data)


def replayed(folder: Path) -> Replayed:
    return replay_of("signal", folder, Echo)


def test_a_recording_says_itself_again(tmp_path: Path) -> None:
    for boot in (1, 2):
        loop = Loop(tmp_path, Echo(), boot)
        for word in (STARTED, Tick(timer=SayLevels(), mono_s=1.0)):
            loop.hear(word)
    result = replayed(tmp_path)
    assert (result.difference, result.boots, result.heard, result.said) == ("", 2, 4, 12)


def test_one_changed_word_is_found_and_named(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Echo())
    loop.hear(STARTED)
    loop.hear(Tick(timer=SayLevels(), mono_s=1.0), spoil=True)
    result = replayed(tmp_path)
    assert "boot 1, word 2 heard (Tick from signal.source at 5)" in result.difference
    assert "price=9.0" in result.difference and "price=3.0" in result.difference


def test_a_missing_word_in_the_middle_is_a_difference_at_the_end_it_is_a_kill(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Echo())
    loop.hear(STARTED, cut_after=1)
    assert replayed(tmp_path).difference == ""
    loop.hear(Tick(timer=SayLevels(), mono_s=1.0))
    assert "recorded nothing, replayed Envelope" in replayed(tmp_path).difference


def test_a_word_the_core_does_not_say_again_is_a_difference(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Echo())
    loop.hear(STARTED)
    loop.flight.said(5, loop.stamper.wrap(a_tick(77), 5, "")[1])
    assert "replayed nothing" in replayed(tmp_path).difference


def test_after_a_failed_persist_nothing_more_of_that_sentence_is_asked_for(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Echo())
    loop.hear(STARTED)
    candles = Candles(id="c", symbol="b", interval_s=60, candles=(), complete=True)
    loop.hear(candles, cut_after=1)
    loop.hear(PersistFailed(seq=1, why="no room"))
    assert replayed(tmp_path).difference == ""


def a_long_boot(folder: Path, old_build: bool = False) -> Loop:
    """A boot in two segments; an older build began the second one with its core as it stood."""
    loop = Loop(folder, Echo())
    loop.hear(STARTED)
    loop.flight._begin()
    if old_build:
        loop.flight._write(flight._line(b"s", 5, b"\x80\x04K*."))
    loop.hear(Tick(timer=SayLevels(), mono_s=2.0), now_ns=7)
    return loop


@pytest.mark.parametrize("old_build", [False, True])
def test_a_boot_in_several_segments_is_one_boot_whoever_wrote_it(tmp_path: Path, old_build: bool) -> None:
    a_long_boot(tmp_path, old_build)
    whole = replayed(tmp_path)
    assert (whole.difference, whole.boots, whole.heard, whole.lost) == ("", 1, 2, [])
    assert whole.begins_ns == 5


@pytest.mark.parametrize("old_build", [False, True])
def test_a_boot_whose_beginning_is_gone_is_named_and_the_next_one_compared(tmp_path: Path, old_build: bool) -> None:
    a_long_boot(tmp_path, old_build)
    segments_of(tmp_path)[0].unlink()
    rest = replayed(tmp_path)
    assert (rest.difference, rest.heard, rest.lost) == ("", 0, [LostBeginning(boot=1, from_ns=7)])
    assert (rest.begins_ns, rest.verdict, rest.facts()["same"]) == (None, "nothing to compare", None)
    Loop(tmp_path, Echo(), boot=2).hear(STARTED, now_ns=9)
    more = replayed(tmp_path)
    assert (more.difference, more.heard, more.lost) == ("", 1, [LostBeginning(boot=1, from_ns=7)])
    assert (more.begins_ns, more.facts()["same"]) == (9, True)


def test_a_process_that_ended_before_it_heard_anything_has_lost_nothing(tmp_path: Path) -> None:
    FlightRecorder(tmp_path, 1, 1 << 30)
    Loop(tmp_path, Echo(), boot=2).hear(STARTED)
    result = replayed(tmp_path)
    assert (result.boots, result.heard, result.lost) == (2, 1, [])


def test_a_word_of_another_build_that_cannot_be_read_is_a_difference(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, 1, 1 << 30)
    recorder.heard(5, b"gibberish")
    assert "a line heard at 5 does not decode" in replayed(tmp_path).difference


def test_the_verb_prints_counts_and_fails_at_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    monkeypatch.setattr(replay, "core_of", lambda actor: Echo())
    app = typer.Typer()
    replay.register(app)
    assert CliRunner().invoke(app, []).exit_code == 4
    loop = Loop(tmp_path / "flight" / "signal", Echo())
    loop.hear(STARTED)
    done = CliRunner().invoke(app, ["--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["replay"][0]["same"] is True
    loop.hear(Tick(timer=SayLevels(), mono_s=1.0), spoil=True)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 1 and "DIFFERENT" in done.stdout
    assert CliRunner().invoke(app, ["venue"]).exit_code == 2


def test_the_verb_says_which_boot_lost_its_beginning_and_from_when_on_it_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    monkeypatch.setattr(replay, "core_of", lambda actor: Echo())
    app, folder = typer.Typer(), tmp_path / "flight" / "signal"
    replay.register(app)
    a_long_boot(folder)
    segments_of(folder)[0].unlink()
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0 and "nothing to compare" in done.stdout
    assert (
        "boot 1 was not compared: its beginning is no longer on disk, the rest is from 1970-01-01 00:00:00 UTC"
        in done.stdout
    )
    Loop(folder, Echo(), boot=2).hear(STARTED, now_ns=86_400 * 10**9)
    assert "what there is to replay: from 1970-01-02 00:00:00 UTC on" in CliRunner().invoke(app, []).stdout


def test_the_recorders_own_core_replays_from_envelopes(tmp_path: Path) -> None:
    recorder, core, stamper = FlightRecorder(tmp_path, 1, 1 << 30), RecorderCore(), Stamper("recorder", 1)
    heard = [
        Stamper("recorder.source", 1).envelope(STARTED, 5, ""),
        Envelope(source="price_feed", boot=1, seq=1, at_ns=5, cause="", body=a_candle()),
    ]
    for envelope in heard:
        recorder.heard(5, encode(envelope))
        word: Any = envelope.body if envelope.source == "recorder.source" else envelope
        for said in core.handle(word, 5):
            recorder.said(5, stamper.wrap(said, 5, cause_of(envelope, "recorder"))[1])
    result = replay_of("recorder", tmp_path, RecorderCore)
    assert (result.difference, result.heard) == ("", 2) and result.said > 0
    assert len(list(read(segments_of(tmp_path)[0]))) == 3 + result.said
