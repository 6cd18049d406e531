"""What market_feed said of windows while we were away: asked for once at a start, since the bus does not repeat itself.

Nothing depends on an answer: an official outcome is also read from the venue, and a provisional one only sizes the next stake.
"""

from collections.abc import Iterator

from messages import Envelope, MarketResolved, Resend, Resent, WindowObserved, Word, decode_envelope
from messages.inner import NoReply
from polybot.topology import speaker_of

SPEAKER = speaker_of(WindowObserved).name
TOPICS = ("WindowObserved/", "MarketResolved/")
MOST_TRIES = 5
Heard = WindowObserved | MarketResolved


class Backfill:
    """One open question at a time; its id names this boot."""

    def __init__(self) -> None:
        self._boot = self._count = self._tries = 0
        self._since_ns = 0
        self._topics: list[str] = []
        self._skip = 0
        self._asked = ""

    def begin(self, boot: int, since_ns: int) -> Iterator[Word]:
        """Ask for everything that was said of windows since this world time."""
        self._boot, self._since_ns, self._topics = boot, since_ns, list(TOPICS)
        yield from self._ask()

    def _ask(self) -> Iterator[Word]:
        if self._topics:
            self._count += 1
            self._asked = f"executor/{self._boot}/resend/{self._count}"
            yield Resend(id=self._asked, to=SPEAKER, topic=self._topics[0], since_ns=self._since_ns, skip=self._skip)

    def heard(self, reply: Resent) -> list[Heard]:
        """The words themselves, oldest first; `go_on` asks for the rest."""
        if reply.id != self._asked:
            return []
        self._asked = ""
        self._skip += len(reply.envelopes)
        if not reply.more:
            self._topics, self._skip = self._topics[1:], 0
        envelopes: list[Envelope] = [decode_envelope(data) for data in reply.envelopes]
        return [e.body for e in envelopes if isinstance(e.body, WindowObserved | MarketResolved)]

    def go_on(self) -> Iterator[Word]:
        """Ask for the next page, unless a question is still under way."""
        if not self._asked:
            yield from self._ask()

    def unanswered(self, word: NoReply) -> Iterator[Word]:
        """Ask again, at most MOST_TRIES times: market_feed may be starting, too."""
        if word.id == self._asked:
            self._asked = ""
            self._tries += 1
            if self._tries < MOST_TRIES:
                yield from self._ask()
