"""What a core is given back when it starts, so that it does not forget over a restart: out of its journal, or, of what it
said lately, out of its own flight recorder.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from messages import BadBytes, Word, decode_envelope, encode, tag_of
from messages.inner import Restored
from polybot.runtime.store.flight import OUT, first_time_ns, read, segments_of
from polybot.runtime.store.journal import SNAPSHOT, Journal


def persisted(journal: Journal) -> Restored:
    """The newest snapshot and what came after it; with no snapshot, everything."""
    records = journal.records
    first = max((i for i, r in enumerate(records) if r.kind == SNAPSHOT), default=0)
    restored = Restored(records=tuple(r.data for r in records[first:]), last_seq=journal.last_seq)
    return msgspec.structs.replace(restored, segment=journal.first_read)


def recalled(folder: Path, words: Iterable[type[Word]], since_ns: int) -> Restored:
    """The bodies of these words said after since_ns, oldest first, encoded. Damaged lines end their segment unread.

    The tag stands in the encoded envelope, so that only a few of the lines need decoding: a segment is full of books.
    """
    kinds = tuple(words)
    tags = tuple(tag_of(kind).encode() for kind in kinds)
    records: list[bytes] = []
    for segment in _since(segments_of(folder), since_ns):
        for line in read(segment):
            if line.kind != OUT or line.now_ns < since_ns or not any(tag in line.payload for tag in tags):
                continue
            try:
                body = decode_envelope(line.payload).body
            except BadBytes:  # said by a build with another schema
                continue
            if isinstance(body, kinds):
                records.append(encode(body))
    return Restored(records=tuple(records), last_seq=0)


def _since(segments: list[Path], since_ns: int) -> list[Path]:
    """The newest segments, back to the one that was begun before since_ns."""
    wanted: list[Path] = []
    for segment in reversed(segments):
        wanted.insert(0, segment)
        began_ns = first_time_ns(segment)
        if began_ns is not None and began_ns < since_ns:
            break
    return wanted
