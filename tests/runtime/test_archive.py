"""The journal's older segments: what has left the books is told from there, and comes back from there."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from messages import OrderUpdate, Outcome
from messages.inner import ReadPastEvents, ReadPastWindow
from polybot.core.executor.books import past
from polybot.core.executor.books.entries import Recalled, WindowResolved, Written, from_bytes, to_bytes
from polybot.core.executor.books.events import MoneyEvent, newest
from polybot.core.executor.books.fold import apply, restored, snapshot
from polybot.core.executor.books.settlement import streak_of
from polybot.core.executor.books.state import Books
from polybot.runtime.store.archive import Archive
from polybot.runtime.store.journal import SNAPSHOT, Journal, records_of, segments_of
from tests.histories import days_of_trading

WINDOWS, EVERY = 220, 300


class Lived:
    """A journal on disk with a snapshot every EVERY entries, the books it left, and everything said on the way."""

    def __init__(self, folder: Path, entries: Iterator[Written]) -> None:
        self.journal, self.books = Journal(folder), Books()
        self.told: list[MoneyEvent] = []
        for one in entries:
            self.journal.append(to_bytes(one.entry, one.seq, one.at_ns), one.seq)
            apply(self.books, one)
            self.told += newest(self.books)
            if one.seq % EVERY == 0:
                self.journal.compact(snapshot(self.books), one.seq)


@pytest.fixture
def lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lived:
    monkeypatch.setattr(past, "KEPT_S", 6_000)
    return Lived(tmp_path / "journal", days_of_trading(WINDOWS, random.Random(4)))


def test_a_start_reads_from_the_newest_snapshot_only(lived: Lived, tmp_path: Path) -> None:
    """Nothing of the archive is opened: not even damage in it can stop a bot that needs none of it."""
    folder = tmp_path / "journal"
    older = segments_of(folder)[:-2]
    assert len(older) > 3
    for path in older:
        path.write_bytes(b"no segment of ours")
    again = Journal(folder)
    assert again.records[0].kind == SNAPSHOT and len(again.records) <= EVERY + 1
    books = restored(tuple(record.data for record in again.records))
    books.snapshot_seq = lived.books.snapshot_seq
    assert books == lived.books
    again.append(b"x", lived.books.seq + 1)
    assert [record.data for record in records_of(segments_of(folder)[-1])][-1] == b"x"


def test_a_segment_of_the_archive_that_is_missing_is_named(lived: Lived, tmp_path: Path) -> None:
    (tmp_path / "journal" / "2.log").unlink()
    with pytest.raises(Exception, match=r"2\.log is missing"):
        Journal(tmp_path / "journal")


def test_events_of_before_the_books_memory_are_told_as_they_were_said(lived: Lived, tmp_path: Path) -> None:
    archive, after = Archive.of(tmp_path / "journal"), 0
    told: list[object] = []
    assert lived.books.notes_since > 0
    while True:
        page = archive.events(ReadPastEvents(id="x", after=after, limit=97))
        assert page.known
        told += page.events
        if not page.more:
            break
        after = page.events[-1].journal_seq
    assert told == lived.told


def test_a_window_comes_back_by_order_intent_and_slug_and_takes_its_correction(lived: Lived, tmp_path: Path) -> None:
    archive = Archive.of(tmp_path / "journal")
    signed = next(e for e in lived.told if isinstance(e, OrderUpdate) and e.slug not in lived.books.windows)
    found = {v: archive.window(ReadPastWindow(value=v)) for v in (signed.order_id, signed.intent_id, signed.slug)}
    assert len({read.past for read in found.values()}) == 1 and all(read.known for read in found.values())
    assert archive.window(ReadPastWindow(value="0xnever")).past == b""
    whole = Books()
    for record in (r for path in segments_of(tmp_path / "journal") for r in records_of(path)):
        if record.kind != SNAPSHOT:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(past, "KEPT_S", 10**9)
                apply(whole, from_bytes(record.data))
    window = whole.windows[signed.slug]
    other: Outcome = "UP" if window.winner != "UP" else "DOWN"
    correction = WindowResolved(slug=signed.slug, start_s=window.start_s, end_s=window.end_s, winner=other)
    recalled = Recalled(past=found[signed.slug].past)
    for books, more in ((lived.books, (recalled, correction)), (whole, (correction,))):
        for entry in more:
            apply(books, Written(version=1, seq=books.seq + 1, at_ns=books.last_ns, entry=entry))
    assert lived.books.accounts == whole.accounts and lived.books.realised_e6 == whole.realised_e6
    assert [streak_of(lived.books, s) for s in "abc"] == [streak_of(whole, s) for s in "abc"]


def test_a_damaged_archive_is_unknown_not_empty(lived: Lived, tmp_path: Path) -> None:
    path = tmp_path / "journal" / "1.log"
    path.write_bytes(b"garbage that was never a segment of ours, and is long enough to be one" * 3)
    page = Archive.of(tmp_path / "journal").events(ReadPastEvents(id="x", after=0, limit=10))
    assert not page.known and "1.log" in page.why
