"""The loop as a real process: it answers, remembers, refuses a second copy, leaves when told, and can be replayed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from messages import Done, Envelope, FeedStatus, Heartbeat, Query, Resend, Resent, Snapshot, decode_envelope
from messages.inner import NoReply
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber, ask
from polybot.runtime.loop.stamping import Stamper, cause_of
from polybot.runtime.store import flight
from polybot.runtime.store.journal import Journal

# An executor that counts the Snapshot requests it has ever answered, on disk before it says so.
CORE = """
from messages import Done, FeedStatus, Snapshot
from messages.inner import Persist, PersistFailed, Restored, SayLevels, Started, Tick, WakeIn, Leave

class Counting:
    def __init__(self):
        self.count = 0

    def handle(self, word, now_ns):
        match word:
            case Restored():
                self.count = len(word.records)
                yield WakeIn(timer=SayLevels(), after_s=0.05)
            case Snapshot(id="die"):
                raise RuntimeError("the impossible")
            case Snapshot():
                yield Persist(record=word.id.encode(), seq=self.count + 1)
                self.count += 1
                yield FeedStatus(feed="x", state="up", reason=word.id, age_s=0.0, since_ns=self.count)
                yield Done(id=word.id, ok=True, reason=str(self.count))
            case Tick():
                yield FeedStatus(feed="x", state="up", reason="level", age_s=0.0, since_ns=self.count)
                yield WakeIn(timer=SayLevels(), after_s=0.05)
"""
MAIN = (
    CORE
    + """
from polybot.runtime.loop.loop import run
run("executor", Counting())
"""
)

# Its wall clock leaps by what stands in $LEAP_S when a file of the name $LEAP_FILE appears.
LEAPING = """
import os, time
from pathlib import Path
from polybot.runtime.base import clock
from polybot.runtime.loop import context

def wall_ns():
    leap_s = float(os.environ["LEAP_S"]) if Path(os.environ["LEAP_FILE"]).exists() else 0.0
    return time.time_ns() + round(leap_s * 1e9)

context.WallClock = lambda: clock.WallClock(wall_ns)
"""


class Process:
    """One actor process in its own state folder."""

    def __init__(self, state: Path, main: str = MAIN, **environment: str) -> None:
        self.paths = Paths.of(state)
        env = {**os.environ, "POLYBOT_STATE": str(state), **environment}
        self.popen = subprocess.Popen(
            [sys.executable, "-c", main], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ask(self, name: str, deadline_s: float = 10.0) -> object:
        return ask(self.paths.sockets, "executor", Snapshot(id=name), deadline_s)

    def end(self) -> str:
        self.popen.kill()
        return self.popen.communicate(timeout=10)[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def begin() -> Process:
        started.append(Process(tmp_path / "state"))
        return started[-1]

    yield begin
    for process in started:
        process.end()


def test_a_request_is_journalled_before_it_is_answered_and_survives_kill_9(start: Callable[[], Process]) -> None:
    first = start()
    assert first.ask("a") == Done(id="a", ok=True, reason="1")
    assert first.ask("b") == Done(id="b", ok=True, reason="2")
    first.popen.kill()
    first.popen.wait(10)
    second = start()
    assert second.ask("c") == Done(id="c", ok=True, reason="3")
    second.end()
    assert [r.data for r in Journal(second.paths.journal).records] == [b"a", b"b", b"c"]


def test_a_second_copy_leaves_at_once_with_75_and_names_the_holder(start: Callable[[], Process]) -> None:
    first = start()
    first.ask("a")
    second = start()
    out, _ = second.popen.communicate(timeout=10)
    assert second.popen.returncode == 75
    assert str(first.popen.pid) in out
    assert first.ask("b") == Done(id="b", ok=True, reason="2"), "the first is undisturbed, its socket not stolen"


def test_sigterm_ends_it_within_two_seconds_with_0(start: Callable[[], Process]) -> None:
    process = start()
    process.ask("a")
    began = time.monotonic()
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.wait(10) == 0
    assert time.monotonic() - began < 2.0


def test_the_impossible_kills_it_loudly(start: Callable[[], Process]) -> None:
    process = start()
    assert isinstance(process.ask("die", 1.0), NoReply)
    out, _ = process.popen.communicate(timeout=10)
    assert process.popen.returncode not in (0, 75, 78)
    assert "the impossible" in out


@pytest.mark.parametrize(("leap_s", "ends"), [("300", True), ("-86400", True), ("0.4", False)])
def test_a_leap_of_the_wall_clock_ends_it_to_start_anew_in_the_new_time(
    tmp_path: Path, leap_s: str, ends: bool
) -> None:
    leap = tmp_path / "leap"
    process = Process(tmp_path / "state", LEAPING + MAIN, LEAP_S=leap_s, LEAP_FILE=str(leap))
    try:
        assert process.ask("a") == Done(id="a", ok=True, reason="1")
        leap.touch()
        if ends:
            out, _ = process.popen.communicate(timeout=10)
            assert process.popen.returncode == 70, "not one of the codes that supervisord leaves alone"
            assert f"the wall clock was set by {float(leap_s):+.3f} s" in out
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.popen.wait(1.5)
            assert process.ask("b") == Done(id="b", ok=True, reason="2")
    finally:
        process.popen.kill()
        process.popen.wait(10)


def test_a_damaged_journal_is_refused_with_78_naming_file_and_offset(start: Callable[[], Process]) -> None:
    process = start()
    process.ask("a")
    process.ask("b")
    process.end()
    path = process.paths.journal / "1.log"
    raw = bytearray(path.read_bytes())
    raw[30] ^= 1
    path.write_bytes(raw)
    again = start()
    out, _ = again.popen.communicate(timeout=10)
    assert again.popen.returncode == 78
    assert "1.log" in out
    assert "offset" in out


def test_it_says_its_heart_and_serves_nothing_it_does_not_know(start: Callable[[], Process]) -> None:
    process = start()
    process.ask("a")
    hearer = Subscriber(process.paths.sockets, ["executor"], [Heartbeat])
    end = time.monotonic() + 10
    beat = None
    while beat is None and time.monotonic() < end:
        beat = hearer.recv(100)
    hearer.close()
    assert beat is not None
    assert isinstance(beat.body, Heartbeat)
    assert (beat.body.pid, beat.body.boot) == (process.popen.pid, 1)
    assert isinstance(ask(process.paths.sockets, "executor", Query(id="q"), 0.3), NoReply)
    assert process.ask("b") == Done(id="b", ok=True, reason="2")


def test_what_was_said_can_be_asked_again_after_a_restart(start: Callable[[], Process]) -> None:
    first = start()
    first.ask("a")
    first.end()
    second = start()
    second.ask("b")
    wish = Resend(id="r", to="executor", topic="FeedStatus/x", limit=10_000)
    resent = ask(second.paths.sockets, "executor", wish, 5.0)
    assert isinstance(resent, Resent)
    said = [decode_envelope(e) for e in resent.envelopes]
    assert {e.boot for e in said} == {1, 2}
    assert {"a", "b"} <= {e.body.reason for e in said if isinstance(e.body, FeedStatus)}


def test_its_recording_replays_to_identical_bytes(start: Callable[[], Process], tmp_path: Path) -> None:
    process = start()
    for name in ("a", "b", "a"):
        process.ask(name)
    process.popen.send_signal(signal.SIGTERM)
    process.popen.wait(10)
    space: dict[str, type] = {}
    exec(CORE, space)
    core, stamper, compared = space["Counting"](), Stamper("executor", 1), 0
    expected: list[bytes] = []
    for line in flight.read(process.paths.flight / "executor" / "1.bin"):
        if line.kind == flight.IN:
            assert not expected, "a word was said in replay that was not said then"
            envelope: Envelope = decode_envelope(line.payload)
            cause = cause_of(envelope, "executor")
            expected = [stamper.wrap(w, line.now_ns, cause)[1] for w in core.handle(envelope.body, line.now_ns)]
        elif line.kind == flight.OUT:
            assert line.payload == expected.pop(0)
            compared += 1
    assert compared > 9
