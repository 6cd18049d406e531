"""Envelopes of what an actor says: numbered, stamped, and encoded once however many want the bytes. Pure."""

from messages import Envelope, Event, Word, encode, name_of, tag_of, topic_of
from polybot.core.recent import Recent

# Topics whose numbering is remembered: each window has some of its own, and none is said again days later.
MOST_TOPICS = 10_000


class Stamped:
    """A word in its envelope. topic is "" for anything but an event."""

    __slots__ = ("_data", "envelope", "topic")

    def __init__(self, envelope: Envelope, topic: str) -> None:
        self.envelope, self.topic, self._data = envelope, topic, b""

    @property
    def data(self) -> bytes:
        """The envelope's bytes, made when they are first asked for."""
        if not self._data:
            self._data = encode(self.envelope)
        return self._data


class Stamper:
    """Wraps words in envelopes: counts `seq` per full topic, stamps source, boot, time and cause."""

    def __init__(self, source: str, boot: int) -> None:
        self.source, self.boot = source, boot
        self._seq: Recent[str, int] = Recent(MOST_TOPICS)

    def stamp(self, word: Word, at_ns: int, cause: str) -> Stamped:
        """The word as it goes out: an event counts in its topic, anything else carries seq 0."""
        topic = topic_of(word) if isinstance(word, Event) else ""
        return Stamped(self.envelope(word, at_ns, cause, topic), topic)

    def wrap(self, word: Word, at_ns: int, cause: str) -> tuple[str, bytes]:
        """(topic, encoded envelope) of the word as it goes out."""
        stamped = self.stamp(word, at_ns, cause)
        return stamped.topic, stamped.data

    def envelope(self, word: Word, at_ns: int, cause: str, topic: str = "") -> Envelope:
        """The envelope itself; counts when a topic is given."""
        seq = 0
        if topic:
            seq = self._seq[topic] = self._seq.get(topic, 0) + 1
        return Envelope(
            source=self.source,
            boot=self.boot,
            seq=seq,
            at_ns=at_ns,
            cause=cause,
            body=word,
        )


def source_of(actor: str) -> str:
    """The source in envelopes of words from inside an actor's own house; they consume no sequence of what it says."""
    return f"{actor}.source"


def cause_of(envelope: Envelope, own: str) -> str:
    """How what is said while handling this is caused: by its name if it came over the bus; a word from inside this
    actor's own house passes on what caused it.
    """
    if envelope.source in (own, source_of(own)):
        return envelope.cause or f"inner:{tag_of(envelope.body)}"
    return name_of(envelope)
