"""Hearing again what was missed: per source, everything kept since the last moment from which nothing is missing.

One wish per source at a time. A gap in any kept or level topic (levels are said each second, so they show a loss within a
second) and every new boot of a source owe a wish; it is asked for at the next turn, page by page, until answered. Until
then the source's mark on disk stays before the gap: a recorder that dies meanwhile asks again from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from messages import Resend, Resent
from messages.codec import decode_envelope
from polybot.core.recent import Recent

TRIES = 20
MOST_TOPICS = 100_000  # of all actors: each window has topics of its own, and none is said again days later
PAGE = 1000


@dataclass
class Mark:
    """How far a source has been heard. since_ns: owed from there, None = nothing is owed."""

    boot: int = 0
    last_ns: int = 0
    since_ns: int | None = None
    skip: int = 0
    asked: str = ""
    tries: int = 0

    @property
    def safe_ns(self) -> int:
        """The world time before which nothing of this source is missing."""
        return self.last_ns if self.since_ns is None else min(self.since_ns, self.last_ns)


@dataclass
class CatchUp:
    """The marks of all sources, and the sequences heard per source and topic."""

    sources: tuple[str, ...]
    boot: int = 0
    gaps: int = 0
    lost: int = 0
    given_up: int = 0
    marks: dict[str, Mark] = field(default_factory=dict)
    _seqs: Recent[tuple[str, str], tuple[int, int]] = field(default_factory=lambda: Recent(MOST_TOPICS))
    _count: int = 0

    def start(self, boot: int) -> None:
        """Every source owes what it said while we were away."""
        self.boot = boot
        for source in self.sources:
            mark = self.marks.setdefault(source, Mark())
            mark.since_ns = mark.last_ns

    def restore(self, source: str, boot: int, safe_ns: int) -> None:
        """How far a source had been heard before this recorder started."""
        self.marks[source] = Mark(boot=boot, last_ns=safe_ns)

    def follow(self, source: str, boot: int, topic: str, seq: int, at_ns: int) -> bool:
        """Note one event of a kept or level topic; False when it is of a boot older than one already heard."""
        mark = self.marks.get(source)
        if mark is None:
            mark = self.marks[source] = Mark(boot=boot, last_ns=at_ns)
        if boot < mark.boot:
            return False
        before_ns, is_new_boot = mark.last_ns, boot > mark.boot
        last = self._seqs.get((source, topic))
        missing = seq - last[1] - 1 if last is not None and last[0] == boot else 0
        self._seqs[source, topic] = (boot, seq)
        mark.boot, mark.last_ns = boot, max(before_ns, at_ns)
        if missing > 0:
            self.gaps += missing
        if (missing > 0 or is_new_boot) and source in self.sources:
            self._owe(mark, before_ns)
        return True

    def _owe(self, mark: Mark, since_ns: int) -> None:
        if mark.since_ns is None or since_ns < mark.since_ns:
            mark.since_ns, mark.skip = since_ns, 0
        mark.asked, mark.tries = "", 0  # a page under way may have been cut before this: ask anew

    def wishes(self) -> Iterator[Resend]:
        """A Resend for each source that owes one and was not asked yet."""
        for source in self.sources:
            mark = self.marks[source]
            if mark.since_ns is None or mark.asked:
                continue
            self._count += 1
            mark.asked = f"resend/{self.boot}/{self._count}"
            yield Resend(id=mark.asked, to=source, topic="", since_ns=max(mark.since_ns, 0), skip=mark.skip, limit=PAGE)

    def answered(self, source: str, at_ns: int, reply: Resent) -> None:
        """A page arrived: note where the next begins, or that all said before at_ns is here."""
        mark = self.marks.get(source)
        if mark is None or mark.asked != reply.id or mark.since_ns is None:
            return
        mark.asked, mark.tries = "", 0
        self.lost += reply.lost
        if not reply.more:
            mark.since_ns, mark.skip = None, 0
            mark.last_ns = max(mark.last_ns, at_ns)
            return
        last_ns = decode_envelope(reply.envelopes[-1]).at_ns
        if last_ns > mark.since_ns:
            mark.since_ns, mark.skip = last_ns, 0  # its neighbours of the same instant come twice: all is idempotent
        else:
            mark.skip += len(reply.envelopes)

    def unanswered(self, request_id: str) -> None:
        """Silence is not "nothing was said": asked again, for a while (a source that serves nothing must not be a loop)."""
        for mark in self.marks.values():
            if mark.asked == request_id:
                mark.asked = ""
                mark.tries += 1
                if mark.tries >= TRIES:
                    mark.since_ns, mark.tries = None, 0
                    self.given_up += 1

    def owes(self, *sources: str) -> bool:
        """Is something still to come from one of these?"""
        return any(m.since_ns is not None for s in sources if (m := self.marks.get(s)) is not None)
