"""The journal's older segments, read again: what was said before the books' memory, and windows that have left them.

Nothing here writes. Each segment but the first opens with a snapshot, so that a question costs the segments it is about. It
is asked on a lane of its own: a page of old events folds one segment, a window of long ago all that came after it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from messages.inner import PastEventsRead, PastWindowRead, ReadPastEvents, ReadPastWindow
from polybot.core.executor.books import entries, past
from polybot.core.executor.books.events import MoneyEvent, newest
from polybot.core.executor.books.fold import apply, restored
from polybot.core.executor.books.state import Books
from polybot.runtime.store.journal import SNAPSHOT, JournalDamaged, Record, records_of, segments_of

UNREADABLE = (OSError, JournalDamaged, msgspec.MsgspecError, entries.UnknownVersion, LookupError)


Segment = Callable[[], Iterator[Record]]  # opens it, and reads it from its first record on


class Archive:
    """Answers from the segments as they are when asked, the running one included, oldest first. One that cannot be read makes
    the answer unknown, with its name.
    """

    def __init__(self, segments: Callable[[], list[Segment]]) -> None:
        self._segments = segments

    @classmethod
    def of(cls, folder: Path) -> "Archive":
        """The archive of the journal in this folder."""
        return cls(lambda: [partial(records_of, path) for path in segments_of(folder)])

    def events(self, wish: ReadPastEvents) -> PastEventsRead:
        """A page of the money events after a sequence, oldest first, as they were said; those of one entry stay together."""
        found: list[MoneyEvent] = []
        try:
            for books, _ in self._steps(self._from(wish.after)):
                if books.seq > wish.after:
                    found += newest(books)
                if len(found) >= wish.limit:
                    return PastEventsRead(id=wish.id, known=True, events=tuple(found), more=True, why="")
        except UNREADABLE as exc:
            return PastEventsRead(id=wish.id, known=False, events=(), more=True, why=f"{type(exc).__name__}: {exc}")
        return PastEventsRead(id=wish.id, known=True, events=tuple(found), more=False, why="")

    def window(self, wish: ReadPastWindow) -> PastWindowRead:
        """The window of this order, intent or slug, as it left the books; b"" where the journal never had it."""
        try:
            data = self._window(wish)
        except UNREADABLE as exc:
            return PastWindowRead(wish=wish, known=False, past=b"", why=f"{type(exc).__name__}: {exc}")
        return PastWindowRead(wish=wish, known=True, past=data, why="")

    def _window(self, wish: ReadPastWindow) -> bytes:
        segments = self._segments()
        signed = next((i for i in range(len(segments) - 1, -1, -1) if _slug_in(segments[i], wish)), None)
        if signed is None:
            return b""
        slug, left, runs = _slug_in(segments[signed], wish), None, _Runs()
        for _, gone in self._steps(segments[signed:]):
            for window in gone.windows if gone else ():
                left = window if window.window.slug == slug else left
            for strategy, run in gone.runs.items() if gone else ():
                runs.hear(strategy, run, slug)
        return past.past_to_bytes(msgspec.structs.replace(left, runs=runs.found)) if left else b""

    def _from(self, after: int) -> list[Segment]:
        """The segments from the newest that opens with a snapshot of at most this sequence."""
        segments = self._segments()
        for i in range(len(segments) - 1, 0, -1):
            first = next(segments[i](), None)
            if first is not None and first.kind == SNAPSHOT and first.seq <= after:
                return segments[i:]
        return segments

    def _steps(self, segments: list[Segment]) -> Iterator[tuple[Books, past.Gone | None]]:
        """The books after each entry, and what left them for it. A snapshot on the way is passed over: the fold stands
        there already.
        """
        books: Books | None = None
        for record in (record for segment in segments for record in segment()):
            if books is None:
                books = restored((record.data,))
                yield books, None
            elif record.kind != SNAPSHOT:
                yield books, apply(books, entries.from_bytes(record.data))


class _Runs:
    """Gathers, of the strategies of one window, the rows that left from that window on, and the streak before it."""

    def __init__(self) -> None:
        self.found: dict[str, past.PastRun] = {}

    def hear(self, strategy: str, left: past.PastRun, slug: str) -> None:
        """Rows of a strategy's run that have left, in their order."""
        if (known := self.found.get(strategy)) is not None:
            self.found[strategy] = past.PastRun(before=known.before, rows=(*known.rows, *left.rows))
            return
        place = next((i for i, row in enumerate(left.rows) if row.slug == slug), None)
        if place is not None:
            before = past.run_of(left.before, left.rows[:place]).last
            self.found[strategy] = past.PastRun(before=before, rows=left.rows[place:])


def _slug_in(segment: Segment, wish: ReadPastWindow) -> str:
    """The window's slug, where this segment holds the signing of what is asked for; else ""."""
    for record in segment():
        if record.kind == SNAPSHOT or not _may_hold(record, wish):
            continue
        entry = entries.from_bytes(record.data).entry
        if isinstance(entry, entries.IntentSigned) and wish.value in (
            entry.order_id,
            entry.intent.id,
            entry.intent.slug,
        ):
            return entry.intent.slug
    return ""


def _may_hold(record: Record, wish: ReadPastWindow) -> bool:
    return wish.value.encode() in record.data
