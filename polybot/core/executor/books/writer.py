"""Write-ahead: an entry is on disk, then folded in, then spoken of. Nothing else ever changes the books."""

from collections.abc import Iterable, Iterator

from messages import Word
from messages.inner import Compact, Persist
from polybot.core.executor.books.entries import VERSION, AnyEntry, Written, to_bytes
from polybot.core.executor.books.events import newest
from polybot.core.executor.books.fold import apply, snapshot
from polybot.core.executor.books.state import Books

# Entries; or a quarter of all there are, so that snapshots of a long history stay a constant share.
SNAPSHOT_EVERY = 2000


class Writer:
    """broken: the disk refused; from then on nothing is written and the books stand still, since they must never know more
    than the journal. What the venue says meanwhile is heard again after the restart.
    """

    def __init__(self) -> None:
        self.books = Books()
        self.broken = ""

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

    def compact(self) -> Iterator[Word]:
        """Now and then, off the path of orders: a new segment that opens with everything."""
        since = self.books.seq - self.books.snapshot_seq
        if not self.broken and since >= max(SNAPSHOT_EVERY, self.books.seq // 4):
            yield Compact(snapshot=snapshot(self.books), seq=self.books.seq)
