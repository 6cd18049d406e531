"""The flight recorder's lines survive a kill and are read back exactly."""

from pathlib import Path

from messages import Resend, decode_envelope
from messages.feeds import Candle
from polybot.runtime.loop.resend import Resender
from polybot.runtime.loop.stamping import Stamper
from polybot.runtime.store import flight
from polybot.runtime.store.flight import BOOT, IN, OUT, FlightRecorder, read, segments_of
from tests.build import a_candle, a_tick


def a_minute(start_s: int) -> Candle:
    return a_candle(symbol="btcusdt", interval_s=60, start_ns=start_s * 10**9)


def test_lines_come_back_as_written(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, 4, 10**9)
    recorder.heard(10, b"in")
    recorder.said(11, b"out")
    lines = list(read(tmp_path / "1.bin"))
    assert [(x.kind, x.now_ns, x.payload) for x in lines] == [(BOOT, 0, b"4"), (IN, 10, b"in"), (OUT, 11, b"out")]


def test_a_torn_last_line_ends_the_reading(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, 1, 10**9)
    recorder.heard(10, b"whole")
    recorder.heard(11, b"this one is torn")
    recorder.close()
    raw = (tmp_path / "1.bin").read_bytes()
    (tmp_path / "1.bin").write_bytes(raw[:-3])
    assert [x.payload for x in read(tmp_path / "1.bin")] == [b"1", b"whole"]


def test_each_boot_begins_a_segment_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    for boot in range(1, 6):
        recorder = FlightRecorder(tmp_path, boot, keep_bytes=2500)
        recorder.heard(boot, b"x" * 1000)
        recorder.close()
    assert [p.name for p in segments_of(tmp_path)] == ["3.bin", "4.bin", "5.bin"]


def test_a_full_segment_is_followed_by_another_of_the_same_boot(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, 2, 10**9)
    recorder.heard(4, b"x")
    recorder.roll_if_full()
    assert len(segments_of(tmp_path)) == 1
    recorder.heard(5, b"y" * flight.SEGMENT_BYTES)
    recorder.roll_if_full()
    recorder.said(6, b"z")
    assert [(x.kind, x.payload) for x in read(tmp_path / "2.bin")] == [(BOOT, b"2"), (OUT, b"z")]


def test_a_kind_of_line_that_only_another_build_writes_is_passed_over(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, 2, 10**9)
    recorder._write(flight._line(b"s", 5, b"a core as it stood"))
    recorder.said(6, b"z")
    assert [x.kind for x in read(tmp_path / "1.bin")] == [BOOT, OUT]


def test_resend_pages_what_was_said_since_a_time(tmp_path: Path) -> None:
    recorder, stamper = FlightRecorder(tmp_path, 1, 10**9), Stamper("price_feed", 1)
    for i in range(10):
        recorder.said(i, stamper.wrap(a_minute(60 * i), i, "")[1])
        recorder.said(i, stamper.wrap(a_tick(), i, "")[1])
    resender = Resender(tmp_path)
    first = resender.answer(Resend(id="r", to="price_feed", topic="", since_ns=4, limit=4))
    rest = resender.answer(Resend(id="r", to="price_feed", topic="", since_ns=4, skip=4, limit=4))
    said = [decode_envelope(e).at_ns for e in first.envelopes + rest.envelopes]
    assert said == [4, 5, 6, 7, 8, 9], "kept topics only, in order, none twice"
    assert (first.more, rest.more, first.lost) == (True, False, False)
    by_topic = resender.answer(Resend(id="r", to="price_feed", topic="Candle/btcusdt/60", boot=1, from_seq=9))
    assert [decode_envelope(e).seq for e in by_topic.envelopes] == [9, 10]
