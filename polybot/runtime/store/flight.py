"""The flight recorder: every word a core heard and said, as it happened; replay and Resend read it.

`state/flight/<actor>/N.bin`, a line each: length · crc32 · kind · world time · encoded envelope. Written unbuffered (it
survives kill -9; it is not synced: the journal is what must survive a power cut). Each segment opens with a BOOT; a boot that
fills one goes on in the next. Of a boot whose first segment has been dropped nothing can be replayed: what its core was by
then is written nowhere.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = struct.Struct("<IIcq")  # length of payload, crc32 of (kind, time, payload), kind, now_ns
IN, OUT, BOOT = b"i", b"o", b"b"  # "s" stands in older recordings (a core as it stood), and is passed over
SEGMENT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """kind IN heard, OUT said, BOOT whose the lines after it are (payload: the boot's number as text)."""

    kind: bytes
    now_ns: int
    payload: bytes


class FlightRecorder:
    """Append lines; keep at most keep_bytes on disk, oldest segments dropped and counted."""

    def __init__(self, folder: Path, boot: int, keep_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._boot, self._keep = folder, boot, keep_bytes
        self._number = max((int(p.stem) for p in folder.glob("*.bin")), default=0)
        self._fd = -1
        self._size = 0
        self._begin()

    def heard(self, now_ns: int, envelope: bytes) -> None:
        """Note a word before the core hears it."""
        self._write(_line(IN, now_ns, envelope))

    def said(self, now_ns: int, envelope: bytes) -> None:
        """Note what the core said before it goes out."""
        self._write(_line(OUT, now_ns, envelope))

    def roll_if_full(self) -> None:
        """Begin a new segment when this one is full: between two sentences, so that none is cut in two."""
        if self._size >= SEGMENT_BYTES:
            self._begin()

    def close(self) -> None:
        """Close the file; every word is written already."""
        os.close(self._fd)

    def _begin(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._number += 1
        self._fd = os.open(
            self._folder / f"{self._number}.bin",
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
            0o600,
        )
        self._size = 0
        self._drop_oldest()
        self._write(_line(BOOT, 0, str(self._boot).encode()))

    def _drop_oldest(self) -> None:
        segments = segments_of(self._folder)
        total = sum(p.stat().st_size for p in segments)
        while len(segments) > 1 and total > self._keep:
            oldest = segments.pop(0)
            total -= oldest.stat().st_size
            oldest.unlink()

    def _write(self, line: bytes) -> None:
        written = os.write(self._fd, line)
        while written < len(line):
            written += os.write(self._fd, line[written:])
        self._size += len(line)


def segments_of(folder: Path) -> list[Path]:
    """The files of an actor's flight recorder, the oldest first."""
    return sorted(folder.glob("*.bin"), key=lambda p: int(p.stem))


def read(path: Path) -> Iterator[Line]:
    """The lines of one segment up to the first that is torn or damaged (a killed writer's last one). A kind of line that this
    build does not write is passed over.
    """
    if path.stat().st_size < _LINE.size:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        offset = 0
        while offset + _LINE.size <= len(raw):
            length, crc, kind, now_ns = _LINE.unpack_from(raw, offset)
            end = offset + _LINE.size + length
            if end > len(raw) or zlib.crc32(raw[offset + 8 : end]) != crc:
                return
            if kind in (IN, OUT, BOOT):
                yield Line(kind, now_ns, raw[offset + _LINE.size : end])
            offset = end


def _line(kind: bytes, now_ns: int, payload: bytes) -> bytes:
    body = struct.pack("<cq", kind, now_ns) + payload
    return struct.pack("<II", len(payload), zlib.crc32(body)) + body


def first_time_ns(path: Path) -> int | None:
    """World time of the segment's first word; None for one that holds none yet."""
    return next((line.now_ns for line in read(path) if line.kind in (IN, OUT)), None)
