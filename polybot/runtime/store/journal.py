"""The journal: what the executor must never forget, on disk before anything it says.

`state/journal/N.log`, append-only segments. A segment is a head (magic, version, number, last hash of the one before) and
records: length · crc32 · hash of the previous record · version · sequence · bytes. One `fdatasync` per append.
The crc finds torn and flipped bits, the chain finds a record lost, doubled or moved. A torn tail (nothing valid after
it, in the last segment) is cut; damage anywhere else refuses to start, naming file and offset.
Crash-only: after a failed write or sync the descriptor is never used again.
A segment that opens with a snapshot needs none before it: a start reads from the newest such one, so that it costs what
happened since, not what ever happened. The older ones are the archive (`archive.py`); nothing is ever taken from them.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# JournalError
# ├── JournalDamaged  the operator must restore a copy or accept the venue's word; we do not start (78)
# └── JournalFailed   the disk refused; nothing said after it may go out


class JournalError(Exception):
    """The journal cannot be trusted, or takes nothing more."""


class JournalDamaged(JournalError):
    """Bytes before the tail are not what was written."""


class JournalFailed(JournalError):
    """A write or sync failed; this journal takes no more."""


_HEAD = struct.Struct("<4sHI8s")  # magic, version, number, last hash of the segment before
_RECORD = struct.Struct("<II8sHBQ")  # length, crc32 of what follows, previous hash, version, kind, sequence
_MAGIC = b"PBJ1"
_VERSION = 1
_ZERO = bytes(8)
ENTRY, SNAPSHOT = 0, 1


@dataclass(frozen=True)
class Record:
    """One record read back: kind ENTRY or SNAPSHOT, the sequence it was appended with, its bytes."""

    kind: int
    seq: int
    data: bytes


class Journal:
    """Open, read once, then append. Raises JournalDamaged on open, JournalFailed on append."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = ""
        self.cut = ""  # what was cut from a torn tail, for the log
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hash = _ZERO
        self._number = 0
        self.first_read = 1  # number of the segment that `records` begin with
        self.records = self._read_all()
        self._fd = self._open_last()

    @property
    def last_seq(self) -> int:
        """Sequence of the newest record read at open; 0 for an empty journal."""
        return self.records[-1].seq if self.records else 0

    def append(self, data: bytes, seq: int, kind: int = ENTRY) -> None:
        """Append one record; it is on disk when this returns. Raises JournalFailed, then and for ever after."""
        if self.failed:
            raise JournalFailed(self.failed)
        body = self._hash + struct.pack("<HBQ", _VERSION, kind, seq) + data
        record = struct.pack("<II", len(data), zlib.crc32(body)) + body
        try:
            _write_all(self._fd, record)
            os.fdatasync(self._fd)
        except OSError as exc:
            self.failed = f"{self._path(self._number)}: {exc}"
            raise JournalFailed(self.failed) from exc
        self._hash = _hash_of(record)

    def compact(self, snapshot: bytes, seq: int) -> None:
        """Begin a new segment that opens with a full snapshot; the older segments stay as history."""
        if self.failed:
            raise JournalFailed(self.failed)
        try:
            fd = self._create(self._number + 1)
        except OSError as exc:
            self.failed = f"{self._path(self._number + 1)}: {exc}"
            raise JournalFailed(self.failed) from exc
        os.close(self._fd)
        self._fd, self._number = fd, self._number + 1
        self.append(snapshot, seq, SNAPSHOT)

    def close(self) -> None:
        """Close the file; every record is on disk already."""
        os.close(self._fd)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def _numbers(self) -> list[int]:
        return [int(p.stem) for p in segments_of(self.folder)]

    def _read_all(self) -> list[Record]:
        """Every record from the newest snapshot on, oldest first; with no snapshot, everything. The chain of hashes runs
        through all that is read. Older segments are the archive: they must be there, and are not opened.
        """
        numbers = self._numbers()
        for i, number in enumerate(numbers):
            if number != i + 1:
                raise JournalDamaged(f"{self._path(i + 1)} is missing: restore it, or the whole journal, from a backup")
        first = next((n for n in reversed(numbers) if opens_with_snapshot(self._path(n))), 1)
        records: list[Record] = []
        self.first_read = first
        for number in numbers[first - 1 :]:
            if number == first:
                self._hash = _hash_before(self._path(number))
            records += self._read_segment(number, last=number == numbers[-1])
        self._number = numbers[-1] if numbers else 0
        return records

    def _read_segment(self, number: int, last: bool) -> list[Record]:
        path = self._path(number)
        raw = path.read_bytes()
        if last and (len(raw) < _HEAD.size or raw == bytes(len(raw))) and not _looks_written(raw):
            self.cut = f"{path}: a segment that was being begun"
            self._rewrite(path, self._head(number))
            return []
        if raw[: _HEAD.size] != self._head(number):
            raise JournalDamaged(f"{path} at offset 0: the segment's head is not what was written")
        records, offset = [], _HEAD.size
        while offset < len(raw):
            record, size = _parse(raw, offset, self._hash)
            if record is None:
                self._cut_or_refuse(path, raw, offset, last)
                break
            records.append(record)
            self._hash = _hash_of(raw[offset : offset + size])
            offset += size
        return records

    def _cut_or_refuse(self, path: Path, raw: bytes, offset: int, last: bool) -> None:
        if not last or _valid_record_from(raw, offset):
            raise JournalDamaged(
                f"{path} at offset {offset}: a record is damaged and others follow it. Nothing was changed; "
                "restore the journal from a backup"
            )
        self.cut = f"{path}: {len(raw) - offset} bytes of a torn record at offset {offset}"
        self._rewrite(path, raw[:offset])

    def _rewrite(self, path: Path, good: bytes) -> None:
        fresh = path.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(good)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(self.folder)

    def _head(self, number: int) -> bytes:
        return _HEAD.pack(_MAGIC, _VERSION, number, self._hash)

    def _open_last(self) -> int:
        if self._number == 0:
            fd = self._create(1)
            self._number = 1
            return fd
        return os.open(self._path(self._number), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _create(self, number: int) -> int:
        fd = os.open(self._path(number), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _write_all(fd, self._head(number))
        os.fsync(fd)
        _sync_folder(self.folder)
        return fd


def segments_of(folder: Path) -> list[Path]:
    """The journal's segments, oldest first."""
    return sorted((p for p in folder.glob("*.log") if p.stem.isdigit()), key=lambda p: int(p.stem))


def records_of(path: Path) -> Iterator[Record]:
    """The records of one segment, up to a torn tail. Reads only; for the archive, beside a running writer.

    Raises JournalDamaged where it is no segment of ours, or a record is not whole and others follow it.
    """
    raw = path.read_bytes()
    if len(raw) >= _HEAD.size and _HEAD.unpack_from(raw)[:2] != (_MAGIC, _VERSION):
        raise JournalDamaged(f"{path} at offset 0: the segment's head is not what was written")
    before, offset = raw[_HEAD.size - 8 : _HEAD.size], _HEAD.size
    while offset < len(raw):
        record, size = _parse(raw, offset, before)
        if record is None:
            if _valid_record_from(raw, offset):
                raise JournalDamaged(f"{path} at offset {offset}: a record is damaged and others follow it")
            return
        yield record
        before = _hash_of(raw[offset : offset + size])
        offset += size


def restored_then(folder: Path, segment: int, last_seq: int) -> Iterator[Record]:
    """What a start read that began with this segment and ended with this sequence; nothing that was written after it.

    Raises JournalDamaged, and OSError where the segment is no longer there.
    """
    for path in segments_of(folder)[segment - 1 :]:
        for number, record in enumerate(records_of(path)):
            is_later = record.kind == SNAPSHOT and not (number == 0 and path.stem == str(segment))
            if record.seq > last_seq or is_later:
                return
            yield record


def opens_with_snapshot(path: Path) -> bool:
    """Does this segment begin with a whole snapshot? Then nothing before it is needed to fold what comes after."""
    with open(path, "rb") as file:
        head = file.read(_HEAD.size + _RECORD.size)
        if len(head) < _HEAD.size + _RECORD.size or _RECORD.unpack_from(head, _HEAD.size)[4] != SNAPSHOT:
            return False
        rest = file.read(_RECORD.unpack_from(head, _HEAD.size)[0])
    first, _ = _parse(head + rest, _HEAD.size, head[_HEAD.size - 8 : _HEAD.size])
    return first is not None


def _hash_before(path: Path) -> bytes:
    """What the segment says of the last record before it; nothing for one that is being begun."""
    with open(path, "rb") as file:
        head = file.read(_HEAD.size)
    return head[-8:] if len(head) == _HEAD.size else _ZERO


def _parse(raw: bytes, offset: int, previous: bytes) -> tuple[Record | None, int]:
    """The record at offset if it is whole, its crc is right and it follows `previous`; else None."""
    if offset + _RECORD.size > len(raw):
        return None, 0
    length, crc, before, version, kind, seq = _RECORD.unpack_from(raw, offset)
    end = offset + _RECORD.size + length
    if end > len(raw) or before != previous or version != _VERSION or zlib.crc32(raw[offset + 8 : end]) != crc:
        return None, 0
    return Record(kind, seq, raw[offset + _RECORD.size : end]), end - offset


def _valid_record_from(raw: bytes, start: int) -> bool:
    """Does this or any later offset hold a record whose crc is right? Then what is broken lies before the tail, or the record
    itself is not the one that belongs here: lost, doubled and moved records leave no torn bytes.
    """
    for offset in range(start, len(raw) - _RECORD.size + 1):
        length, crc, _, version, kind, _ = _RECORD.unpack_from(raw, offset)
        end = offset + _RECORD.size + length
        if version == _VERSION and kind <= SNAPSHOT and end <= len(raw) and zlib.crc32(raw[offset + 8 : end]) == crc:
            return True
    return False


def _looks_written(raw: bytes) -> bool:
    return len(raw) > _HEAD.size


def _hash_of(record: bytes) -> bytes:
    return hashlib.blake2b(record, digest_size=8).digest()


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
