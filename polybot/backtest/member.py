"""One actor in the simulator: its present life, what survives that, and the ports by which its words go out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from messages import Envelope, Event, Reply, Request, Word, encode
from messages.inner import (
    AnyTimer,
    Compact,
    Leave,
    Persist,
    PersistFailed,
    ReadPastEvents,
    ReadPastWindow,
    Restored,
    Store,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.core.protocol import Core
from polybot.runtime.loop.performer import Performer
from polybot.runtime.loop.stamping import Stamped
from polybot.runtime.store.archive import Archive, Segment
from polybot.runtime.store.journal import ENTRY, SNAPSHOT, Record
from polybot.topology import BY_NAME, CLASS_OF


class Killed(Exception):
    """This actor's process has just ended, in the middle of a sentence."""


class Surroundings(Protocol):
    """What a member's words reach: the simulator."""

    @property
    def wall_ns(self) -> int:
        """What the machine's clock shows."""
        ...

    def note(self, member: "Member", envelope: Envelope) -> None:
        """A word is said."""
        ...

    def publish(self, member: "Member", envelope: Envelope) -> None:
        """To everyone who hears it."""
        ...

    def reply(self, envelope: Envelope) -> None:
        """To the one who asked."""
        ...

    def ask(self, member: "Member", request: Request, envelope: Envelope) -> None:
        """Of its server, or NoReply after its patience."""
        ...

    def wake(self, member: "Member", wish: WakeAt | WakeIn) -> None:
        """Ring this timer when its time has come."""
        ...

    def write_halt(self, word: WriteHalt) -> None:
        """The first writer wins."""
        ...

    def write_pause(self, word: WritePause) -> None:
        """The newest word stands."""
        ...

    def store(self, word: Store) -> None:
        """A row of the index."""
        ...

    def effect(self, member: "Member", word: Word) -> Word | None:
        """In the world outside."""
        ...


@dataclass
class Member:
    """One actor and all that survives its death: `records` (what it persisted), `kept` and the boot number.

    older     its journal's segments before the newest snapshot
    kept      its flight recorder, as far as others or itself may ask for it
    said      words of this life; crash_at: the one that it dies of, instead of saying it
    wishes    timer name → the wish that stands, with its number
    """

    name: str
    make: Callable[[], Core]
    around: Surroundings
    core: Any = None
    boot: int = 0
    alive: bool = False
    records: list[bytes] = field(default_factory=list)
    older: list[list[Record]] = field(default_factory=list)
    last_seq: int = 0
    kept: list[Envelope] = field(default_factory=list)
    said: int = 0
    crash_at: int | None = None
    wishes: dict[AnyTimer, tuple[int, WakeAt | WakeIn]] = field(default_factory=dict)
    halt_told: str = ""

    def __post_init__(self) -> None:
        self.row = BY_NAME[self.name]

    def be_born(self) -> None:
        """A new process: a fresh core, and nothing of the old one's wishes."""
        self.core, self.alive, self.boot = self.make(), True, self.boot + 1
        self.said, self.wishes = 0, {}
        self.performer = Performer(self.name, self.boot, self.core, MemberPorts(self))

    def restored(self) -> Restored | None:
        """What the table lets it be given back after Started; None where that is nothing."""
        if self.row.journal:
            return Restored(records=tuple(self.records), last_seq=self.last_seq)
        if words := self.row.recalls.words:
            said = tuple(encode(e.body) for e in self.kept if isinstance(e.body, words))
            return Restored(records=said, last_seq=0)
        return None

    def segments(self) -> list[Segment]:
        """Its journal as the archive reads it; a segment's sequences count from its own first record."""
        kinds = [SNAPSHOT if self.older else ENTRY, *[ENTRY] * len(self.records)]
        first = self.last_seq - len(self.records) + 1
        running = [
            Record(kind, first + i, data) for i, (kind, data) in enumerate(zip(kinds, self.records, strict=False))
        ]
        return [partial(iter, each) for each in (*self.older, running)]

    def keeps(self, word: Word) -> bool:
        """May it be asked for again, by others or by its next life?"""
        is_kept = isinstance(word, Event) and CLASS_OF[type(word)] == "kept"
        return is_kept or isinstance(word, self.row.recalls.words)


class MemberPorts:
    """Words go out into the simulator; any of them may be the last."""

    def __init__(self, member: Member) -> None:
        self._member, self._around = member, member.around

    def now_ns(self) -> int:
        """What the machine's clock shows."""
        return self._around.wall_ns

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """Nothing is recorded of what was heard."""

    def said(self, said: Stamped, now_ns: int) -> None:
        """Raises Killed instead of saying it, when this is the word to die of."""
        member, envelope = self._member, said.envelope
        member.said += 1
        if member.crash_at is not None and member.said >= member.crash_at:
            raise Killed
        self._around.note(member, envelope)
        if member.keeps(envelope.body):
            member.kept.append(envelope)

    def publish(self, event: Event, said: Stamped) -> None:
        """Hand the event to every hearer on the simulator's bus."""
        self._around.publish(self._member, said.envelope)

    def answer(self, reply: Reply, said: Stamped) -> None:
        """Hand the reply to who asked, on the simulator's bus."""
        self._around.reply(said.envelope)

    def ask(self, request: Request, said: Stamped) -> None:
        """Hand the request to its server, on the simulator's bus."""
        self._around.ask(self._member, request, said.envelope)

    def wake(self, wish: WakeAt | WakeIn) -> None:
        """Put the wish on the simulator's heap."""
        self._around.wake(self._member, wish)

    def persist(self, word: Persist | Compact) -> PersistFailed | None:
        """This disk never refuses."""
        match word:
            case Persist():
                self._member.records.append(word.record)
            case Compact():
                self._member.older = [list(segment()) for segment in self._member.segments()]
                self._member.records = [word.snapshot]
        self._member.last_seq = word.seq
        return None

    def halt(self, word: WriteHalt) -> None:
        """One file for all."""
        self._around.write_halt(word)

    def pause(self, word: WritePause) -> None:
        """One file for all."""
        self._around.write_pause(word)

    def leave(self, word: Leave) -> None:
        """At once; as after any death, supervision starts it again."""
        raise Killed

    def effect(self, word: Word, cause: str) -> Word | None:
        """Rows are kept here, everything else is the outside's."""
        if isinstance(word, Store):
            self._around.store(word)
            return None
        if isinstance(word, ReadPastEvents):
            return Archive(self._member.segments).events(word)
        if isinstance(word, ReadPastWindow):
            return Archive(self._member.segments).window(word)
        return self._around.effect(self._member, word)
