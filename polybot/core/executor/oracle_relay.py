"""PolyBolt's prints on their way to market_feed, and whether they come (FeedStatus "polybolt").

The executor holds this socket because it wants the credentials that nobody else may read; it judges nothing.
Where no such source was wired (no credentials good for the host: paper) nothing is ever said of it.
"""

from collections.abc import Iterator

from messages import OracleRelayed, Word
from messages.inner import SourceState, Started
from polybot.core.market.feed_health import FeedHealth
from polybot.core.market.windows import STALE_ORACLE_S

SOURCE = "polybolt"


class OracleRelay:
    """Passes PolyBolt's prints on; idle until its source has said anything."""

    def __init__(self) -> None:
        self._health: FeedHealth | None = None
        self._speed, self._mono_s = 1.0, 0.0

    def start(self, word: Started) -> None:
        """Take from the first word how fast the world turns and what machine time it is."""
        self._speed, self._mono_s = word.speed, word.mono_s

    def hear(self, word: OracleRelayed | SourceState, now_ns: int) -> Iterator[Word]:
        """Take in a print, which is passed on as it is, or the socket's state."""
        health = self._health
        if health is None:
            health = FeedHealth(SOURCE, SOURCE, "print", STALE_ORACLE_S, self._speed, self._mono_s)
            self._health = health
        match word:
            case OracleRelayed():
                yield word
                yield from health.arrived(now_ns, word.prints[-1].observed_ns if word.prints else None)
            case SourceState():
                yield from health.source_state(word, now_ns)

    def beat(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Say PolyBolt's FeedStatus; called each machine second."""
        self._mono_s = mono_s
        if self._health is not None:
            yield from self._health.beat(mono_s, now_ns)

    def woken(self, now_ns: int) -> Iterator[Word]:
        """A timer has come: say the status anew if what came last has grown stale."""
        if self._health is not None:
            yield from self._health.woken(now_ns)
