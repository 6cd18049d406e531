"""Serving `Resend`: what this actor said, read back from its own flight recorder."""

from collections.abc import Iterator
from pathlib import Path

from messages import BadBytes, Envelope, Event, Resend, Resent, decode_envelope, topic_of
from polybot.runtime.store.flight import OUT, first_time_ns, read, segments_of
from polybot.topology import CLASS_OF


class Resender:
    """Reads the segments anew for each request: rare, and the file is the truth also for boots before this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, wish: Resend) -> Resent:
        """One page, oldest first. lost: what is still on disk begins after what was asked for."""
        segments = segments_of(self._folder)
        first = _first_needed(segments, wish.since_ns)
        lost = bool(segments) and segments[0].stem != "1" and first == 0
        page: list[bytes] = []
        skipped = 0
        for payload in _matches(segments[first:], wish):
            if skipped < wish.skip:
                skipped += 1
            elif len(page) == wish.limit:
                return Resent(id=wish.id, envelopes=tuple(page), more=True, lost=lost)
            else:
                page.append(payload)
        return Resent(id=wish.id, envelopes=tuple(page), more=False, lost=lost)


def _first_needed(segments: list[Path], since_ns: int) -> int:
    """Index of the newest segment that begins at or before since_ns."""
    for i in range(len(segments) - 1, -1, -1):
        began_ns = first_time_ns(segments[i])
        if began_ns is not None and began_ns < since_ns:
            return i
    return 0


def _matches(segments: list[Path], wish: Resend) -> Iterator[bytes]:
    for segment in segments:
        for line in read(segment):
            if line.kind != OUT or line.now_ns < wish.since_ns:
                continue
            try:
                envelope = decode_envelope(line.payload)
            except BadBytes:
                continue
            if _is_wanted(envelope, wish):
                yield line.payload


def _is_wanted(envelope: Envelope, wish: Resend) -> bool:
    body = envelope.body
    if not isinstance(body, Event) or envelope.boot < wish.boot:
        return False
    if envelope.boot == wish.boot and envelope.seq < wish.from_seq:
        return False
    if not wish.topic:
        return CLASS_OF[type(body)] == "kept"
    return topic_of(body).startswith(wish.topic)
