"""Write-ahead: an entry is on disk, then folded in, then spoken of. Nothing else ever changes the books."""

from collections.abc import Iterable, Iterator

from messages import Word
from messages.inner import Compact, Persist, Restored
from polybot.core.executor.books.entries import VERSION, AnyEntry, Written, to_bytes
from polybot.core.executor.books.events import newest
from polybot.core.executor.books.fold import apply, restored, snapshot
from polybot.core.executor.books.state import Books

# Entries that a start may have to fold: about 25 µs each, however long the history is. A snapshot holds a day, not everything
# (past.py), so that writing one every so often costs what a day is large.
SNAPSHOT_EVERY = 2_000


class Writer:
    """broken: the disk refused; from then on nothing is written and the books stand still, since they must never know more
    than the journal. What the venue says meanwhile is heard again after the restart.
    """

    def __init__(self) -> None:
        self.books = Books()
        self.broken = ""

    def restore(self, word: Restored) -> None:
        """What the journal holds, folded."""
        self.books = restored(word.records)

    def fail(self, why: str) -> None:
        """Write nothing any more: the disk refused, and why."""
        self.broken = why

    def write(self, entry: AnyEntry, now_ns: int) -> Iterator[Word]:
        """Persist (if it fails the loop drops everything from here on), fold, tell."""
        if self.broken:
            return
        books = self.books
        written = Written(version=VERSION, seq=books.seq + 1, at_ns=max(now_ns, books.last_ns), entry=entry)
        yield Persist(record=to_bytes(entry, written.seq, written.at_ns), seq=written.seq)
        apply(books, written)
        yield from newest(books)

    def write_all(self, entries: Iterable[AnyEntry], now_ns: int) -> Iterator[Word]:
        """One after another; a generator of entries sees the books as the one before has left them."""
        for entry in entries:
            yield from self.write(entry, now_ns)

    def compact(self, least: int = SNAPSHOT_EVERY) -> Iterator[Word]:
        """Begin a new segment that opens with everything, once `least` entries would have to be folded at a start. Now and
        then, off the path of orders; and with `least` = 1 at a clean stop, so that the next start has nothing to fold.
        """
        if not self.broken and self.books.seq - self.books.snapshot_seq >= least:
            yield Compact(snapshot=snapshot(self.books), seq=self.books.seq)
