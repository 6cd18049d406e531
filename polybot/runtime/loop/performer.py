"""How a core hears, and how what it says is carried out: the same for the loop, the lone executor, the simulator and replay.

1. One word is heard at a time. What the core says to it is stamped, recorded, and handed to the port of its kind, each word
   before the core is asked for its next one: a core may be stopped for ever between any two.
2. A word that could not be persisted ends its sentence: nothing said after it goes out.
3. What is answered at once (a signature, a disk that refused) is heard right after the sentence, in order.
What the ports do with a word is theirs: send it, count it, hold it against a recording.
"""

from collections import deque
from typing import Any, Protocol

from messages import Envelope, Event, Reply, Request, Word
from messages.inner import Compact, Leave, NoReply, Persist, PersistFailed, WakeAt, WakeIn, WriteHalt, WritePause
from polybot.core.protocol import Core
from polybot.runtime.loop.inbox import Heard
from polybot.runtime.loop.stamping import Stamped, Stamper, cause_of, source_of


class Ports(Protocol):
    """What an actor's words go out by, and its clock. A port that raises ends the sentence there and then."""

    def now_ns(self) -> int:
        """World time, in nanoseconds."""
        ...

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """Record a word before the core hears it. data: its envelope as it came over the bus, b"" = it came from inside."""
        ...

    def said(self, said: Stamped, now_ns: int) -> None:
        """Record a word before it goes out."""
        ...

    def publish(self, event: Event, said: Stamped) -> None:
        """To whoever hears it."""
        ...

    def answer(self, reply: Reply, said: Stamped) -> None:
        """To those who asked."""
        ...

    def ask(self, request: Request, said: Stamped) -> None:
        """Of the one who serves it; the answer, or NoReply, is heard later."""
        ...

    def wake(self, wish: WakeAt | WakeIn) -> None:
        """Set a timer, in place of an earlier wish for the same."""
        ...

    def persist(self, word: Persist | Compact) -> PersistFailed | None:
        """On disk when this returns None."""
        ...

    def halt(self, word: WriteHalt) -> None:
        """Write the halt file, if none stands."""
        ...

    def pause(self, word: WritePause) -> None:
        """Write the pause file, or take it away."""
        ...

    def leave(self, word: Leave) -> None:
        """The process is to end."""
        ...

    def effect(self, word: Word, cause: str) -> Word | None:
        """Anything else: carried out at once, with what it answers; or begun on a lane, and what comes of it is heard later."""
        ...


class Performer:
    """One life of one core. `hear` is not to be called by a port: what a port has to tell, it puts with `hear_next`."""

    def __init__(self, name: str, boot: int, core: Core, ports: Ports) -> None:
        self._name, self._core, self._ports = name, core, ports
        self.stamper = Stamper(name, boot)
        self._inside = Stamper(source_of(name), boot)
        self._wants_envelopes = bool(getattr(core, "wants_envelopes", False))
        self._next: deque[Heard] = deque()

    def hear(self, word: Word, cause: str = "") -> None:
        """A word from inside this actor's house: wrapped as one from outside, so that a recording has one format."""
        now_ns = self._ports.now_ns()
        self.sentence(self._inside.envelope(word, now_ns, cause), b"", now_ns)
        if self._next:
            self.hear_waiting()

    def hear_envelope(self, envelope: Envelope, data: bytes = b"") -> None:
        """A word from outside, with its bytes where there are any; then what waits."""
        self.sentence(envelope, data, self._ports.now_ns())
        if self._next:
            self.hear_waiting()

    def hear_next(self, word: Word, cause: str = "") -> None:
        """Put a word that is heard after the sentence under way. Safe in a signal handler."""
        self._next.append(Heard(word, cause))

    @property
    def has_waiting(self) -> bool:
        """True while words that were put are still to be heard."""
        return bool(self._next)

    def hear_waiting(self) -> None:
        """Hear what was put, and what is answered to that, until nothing waits."""
        while self._next:
            word, cause = self._next.popleft()
            now_ns = self._ports.now_ns()
            self.sentence(self._inside.envelope(word, now_ns, cause), b"", now_ns)

    def sentence(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """One word heard, and all that is said to it carried out. What is answered at once then waits to be heard."""
        ports, stamp = self._ports, self.stamper.stamp
        is_inside = envelope.source == self._inside.source
        heard: Any = envelope if self._wants_envelopes and not is_inside else envelope.body
        cause = ""
        ports.heard(envelope, data, now_ns)
        for word in self._core.handle(heard, now_ns):
            cause = cause or cause_of(envelope, self._name)  # of most words nothing is said
            said = stamp(word, now_ns, cause)
            ports.said(said, now_ns)
            answer = self._carry_out(word, said, cause)
            if answer is not None:
                self._next.append(Heard(answer, cause))
                if isinstance(answer, PersistFailed):
                    break

    def _carry_out(self, word: Word, said: Stamped, cause: str) -> Word | None:
        """By the port of its kind; what that answers at once."""
        ports = self._ports
        match word:
            case Event():
                ports.publish(word, said)
            case NoReply():
                raise TypeError(f"{self._name} said NoReply, which only a loop may say")
            case Reply():
                ports.answer(word, said)
            case Request():
                ports.ask(word, said)
            case WakeAt() | WakeIn():
                ports.wake(word)
            case Persist() | Compact():
                return ports.persist(word)
            case WriteHalt():
                ports.halt(word)
            case WritePause():
                ports.pause(word)
            case Leave():
                ports.leave(word)
            case _:
                return ports.effect(word, cause)
        return None
