"""The market tape, kept modestly: what a decision or a settlement rests on, and a sample in between; the rest is counted.

1. prints of the oracle stamped at a window's start or end: always (they settle)
2. what a prediction names: the message that caused it, the newest price and book it was made on
3. else one per topic and `period_ns` of world time
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from messages import Book, Envelope, Event, OraclePrice, Prediction, PriceTick, name_of, topic_of
from messages.units import NS
from polybot.core.market.windows import WINDOW_S

RECENT = 64  # per topic; at 20 ticks a second three seconds, the longest a decision is good for
WANTED = 32


@dataclass
class Tape:
    """Chooses which market messages are written down."""

    period_ns: int = NS
    kept: int = 0
    shed: int = 0
    _recent: dict[str, deque[Envelope]] = field(default_factory=dict)
    _last_ns: dict[str, int] = field(default_factory=dict)
    _wanted: dict[str, None] = field(default_factory=dict)

    def begin(self, speed: float) -> None:
        """Set the speed: at a high one a sample covers more market time, at most about twenty rows a machine second and
        topic.
        """
        self.period_ns = int(max(1.0, speed * 0.05) * NS)

    def hear(self, envelope: Envelope, body: Event) -> Iterator[Envelope]:
        """A word that may be shed; said again when it is to be written down."""
        topic = topic_of(body)
        recent = self._recent.get(topic)
        if recent is None:
            recent = self._recent[topic] = deque(maxlen=RECENT)
            self._forget_old()
        recent.append(envelope)
        due = envelope.at_ns - self._last_ns.get(topic, 0) >= self.period_ns
        if due or _settles(body) or (self._wanted and self._is_wanted(envelope)):
            self._last_ns[topic] = envelope.at_ns
            self.kept += 1
            yield envelope
        else:
            self.shed += 1

    def decided(self, prediction: Prediction, cause: str) -> Iterator[Envelope]:
        """What this prediction was made on, as far as it is remembered; its cause may still be on its way to us."""
        found = [self._named(cause)]
        for topic, recent in self._recent.items():
            if topic.startswith("PriceTick/"):
                found.append(_newest(recent, prediction.price_ns or prediction.decided_ns))
            elif topic == f"Book/{prediction.slug}":
                found.append(_newest(recent, prediction.book_ns or prediction.decided_ns))
        if found[0] is None and cause.count(":") >= 3:
            self._wanted[cause] = None
            while len(self._wanted) > WANTED:
                del self._wanted[next(iter(self._wanted))]
        for envelope in found:
            if envelope is not None:
                self.kept += 1
                yield envelope

    def _named(self, name: str) -> Envelope | None:
        topic = name.partition(":")[2].partition(":")[2].rpartition(":")[0]
        return next((e for e in self._recent.get(topic, ()) if name_of(e) == name), None)

    def _is_wanted(self, envelope: Envelope) -> bool:
        name = name_of(envelope)
        if name not in self._wanted:
            return False
        del self._wanted[name]
        return True

    def _forget_old(self) -> None:
        """Books are a topic per window: keep the newest few windows in memory."""
        books = [t for t in self._recent if t.startswith(("Book/", "TradePrint/"))]
        for topic in books[:-12]:
            del self._recent[topic]
            self._last_ns.pop(topic, None)


def _settles(body: Event) -> bool:
    return isinstance(body, OraclePrice) and body.observed_ns % (WINDOW_S * NS) == 0


def _newest(recent: deque[Envelope], until_ns: int) -> Envelope | None:
    """The newest whose own stamp is not after until_ns."""
    return next((e for e in reversed(recent) if _stamp_ns(e) <= until_ns), None)


def _stamp_ns(envelope: Envelope) -> int:
    match envelope.body:
        case PriceTick():
            return envelope.body.traded_ns
        case Book():
            return envelope.body.received_ns
        case _:
            return envelope.at_ns
