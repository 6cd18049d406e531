"""The journal keeps an exact prefix, or refuses by name and offset."""

import os
import resource
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polybot.runtime.store.journal import (
    ENTRY,
    SNAPSHOT,
    Journal,
    JournalDamaged,
    JournalFailed,
    records_of,
    restored_then,
    segments_of,
)


def written(folder: Path, count: int = 5) -> list[bytes]:
    """A journal of `count` records; what was appended."""
    journal = Journal(folder)
    data = [f"record {i}".encode() * (i + 1) for i in range(count)]
    for i, record in enumerate(data):
        journal.append(record, i + 1)
    journal.close()
    return data


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    data = written(tmp_path / "journal")
    records = Journal(tmp_path / "journal").records
    assert [r.data for r in records] == data
    assert [r.seq for r in records] == [1, 2, 3, 4, 5]
    assert {r.kind for r in records} == {ENTRY}


def test_a_new_segment_opens_with_its_snapshot_and_keeps_the_chain(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"one", 1)
    journal.compact(b"all of it", 1)
    journal.append(b"two", 2)
    journal.close()
    again = Journal(tmp_path)
    assert [(r.kind, r.data) for r in again.records] == [(SNAPSHOT, b"all of it"), (ENTRY, b"two")]
    again.append(b"three", 3)
    assert [r.data for path in segments_of(tmp_path) for r in records_of(path)] == [
        b"one",
        b"all of it",
        b"two",
        b"three",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.log", "2.log"]


def test_a_torn_tail_is_cut_at_every_byte(tmp_path: Path) -> None:
    data = written(tmp_path / "whole")
    whole = (tmp_path / "whole" / "1.log").read_bytes()
    before_last = len(whole) - 27 - len(data[-1])
    for cut in range(before_last, len(whole)):
        folder = tmp_path / "torn"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "1.log").write_bytes(whole[:cut])
        journal = Journal(folder)
        assert [r.data for r in journal.records] == data[:4]
        journal.append(b"goes on", 5)
        journal.close()
        assert Journal(folder).records[-1].data == b"goes on"


def test_a_bit_flipped_anywhere_gives_an_exact_prefix_or_a_refusal_with_file_and_offset(tmp_path: Path) -> None:
    data = written(tmp_path / "whole")
    whole = (tmp_path / "whole" / "1.log").read_bytes()
    refused = 0
    for place in range(len(whole) * 8):
        folder = tmp_path / "flipped"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << (place % 8)
        (folder / "1.log").write_bytes(damaged)
        try:
            read = [r.data for r in Journal(folder).records]
        except JournalDamaged as exc:
            refused += 1
            assert "1.log" in str(exc)
            assert "offset" in str(exc)
            assert (folder / "1.log").read_bytes() == damaged, "a refusal changes nothing"
        else:
            assert read == data[: len(read)]
            assert len(read) == 4, "only the last record may be taken for a torn tail"
    assert refused > len(whole) * 6


def test_garbage_at_the_tail_is_cut(tmp_path: Path) -> None:
    data = written(tmp_path)
    with open(tmp_path / "1.log", "ab") as file:
        file.write(os.urandom(200))
    journal = Journal(tmp_path)
    assert [r.data for r in journal.records] == data
    assert "200 bytes" in journal.cut


def test_a_missing_segment_is_refused_by_name(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"one", 1)
    journal.compact(b"snapshot", 1)
    journal.close()
    (tmp_path / "1.log").unlink()
    with pytest.raises(JournalDamaged, match=r"1\.log is missing"):
        Journal(tmp_path)


def test_records_moved_between_segments_break_the_chain(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", 7)
    raw_a, raw_b = ((tmp_path / x / "1.log").read_bytes() for x in "ab")
    (tmp_path / "a" / "1.log").write_bytes(raw_a[:-20] + raw_b[-200:])
    with pytest.raises(JournalDamaged):
        Journal(tmp_path / "a")


@pytest.mark.parametrize("order", [(0, 2), (1,), (0, 0, 1, 2), (0, 2, 1), (0, 1, 2, 2)])
def test_a_record_lost_doubled_or_moved_is_refused_though_its_every_bit_is_right(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    journal = Journal(tmp_path)
    path, ends = tmp_path / "1.log", [(tmp_path / "1.log").stat().st_size]
    for n in range(1, 4):
        journal.append(b"of equal length", n)
        ends.append(path.stat().st_size)
    journal.close()
    raw = path.read_bytes()
    records = [raw[ends[n] : ends[n + 1]] for n in range(3)]
    path.write_bytes(raw[: ends[0]] + b"".join(records[n] for n in order))
    with pytest.raises(JournalDamaged, match="damaged"):
        Journal(tmp_path)


def test_every_append_is_written_then_synced_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    sync = os.fdatasync

    def watched(fd: int) -> None:
        sync(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", watched)
    journal, sizes = Journal(tmp_path), []
    for n in range(1, 4):
        journal.append(b"record", n)
        sizes.append((tmp_path / "1.log").stat().st_size)
    assert synced == sizes, "one sync an append, after all of it was written"


def test_after_a_failed_write_the_journal_takes_no_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"good", 1)
    size = (tmp_path / "1.log").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
        with pytest.raises(JournalFailed):
            journal.append(b"does not fit any more", 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    with pytest.raises(JournalFailed):
        journal.append(b"space is back, but this descriptor failed", 2)
    journal.close()
    assert [r.data for r in Journal(tmp_path).records] == [b"good"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.binary(max_size=300), max_size=12), compact_at=st.integers(0, 12))
def test_any_records_come_back(tmp_path: Path, records: list[bytes], compact_at: int) -> None:
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    journal = Journal(folder)
    for i, record in enumerate(records):
        if i == compact_at:
            journal.compact(b"snapshot", i)
        journal.append(record, i + 1)
    journal.close()
    first = compact_at if compact_at < len(records) else 0
    assert [r.data for r in Journal(folder).records if r.kind == ENTRY] == records[first:]
    kept = [r.data for path in segments_of(folder) for r in records_of(path) if r.kind == ENTRY]
    assert kept == records


def test_what_a_start_read_is_read_again_later_whatever_was_written_since(tmp_path: Path) -> None:
    """A recording of that start names the segment and the sequence only."""
    journal = Journal(tmp_path)
    for seq in (1, 2, 3):
        journal.append(b"%d" % seq, seq)
    journal.compact(b"snapshot of 3", 3)
    journal.append(b"4", 4)
    journal.close()
    again = Journal(tmp_path)
    read = [record.data for record in again.records]
    first, last = again.first_read, again.last_seq
    assert (first, last, read) == (2, 4, [b"snapshot of 3", b"4"])
    again.append(b"5", 5)
    again.compact(b"snapshot of 5", 5)
    again.append(b"6", 6)
    assert [record.data for record in restored_then(tmp_path, first, last)] == read
    assert [record.data for record in restored_then(tmp_path, 1, 3)] == [b"1", b"2", b"3"]
