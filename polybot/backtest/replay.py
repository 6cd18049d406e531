"""A recording held against its core: fed again with what it heard, it must say again what it said, byte for byte.

The performer is the loop's; its ports send nothing and compare each word with the recorded one. A boot is compared from its
beginning on: one whose first segment has been dropped cannot be. What a killed process wrote last may be cut: there the
recording must be the beginning of what is said again. After a Persist that failed the loop said nothing more of that
sentence; neither does the comparison ask for it.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from messages import BadBytes, Envelope, Event, Reply, Request, Word, decode_envelope, tag_of
from messages.inner import (
    Compact,
    Leave,
    Persist,
    PersistFailed,
    Restored,
    Started,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.core.protocol import Core
from polybot.runtime.config import plugin_paths, plugins
from polybot.runtime.loop.performer import Performer
from polybot.runtime.loop.stamping import Stamped
from polybot.runtime.store.flight import BOOT, IN, OUT, Line, read, segments_of
from polybot.runtime.store.journal import JournalDamaged, restored_then
from polybot.settings import settings_from


@dataclass(frozen=True)
class LostBeginning:
    """A boot of which only the rest is on disk: from this world time on."""

    boot: int
    from_ns: int


@dataclass
class Replayed:
    """What a replay came to. difference: the first, in words. begins_ns: from this world time on there is something to replay,
    None = there is nothing.
    """

    actor: str
    boots: int = 0
    heard: int = 0
    said: int = 0
    begins_ns: int | None = None
    lost: list[LostBeginning] = field(default_factory=list)
    difference: str = ""

    @property
    def verdict(self) -> str:
        """What the replay came to, in words for people."""
        if self.difference:
            return "DIFFERENT"
        return "nothing to compare" if self.begins_ns is None else "the same, byte for byte"

    def facts(self) -> dict[str, Any]:
        """As JSON. same is null where nothing was compared."""
        return {
            "actor": self.actor,
            "same": None if self.begins_ns is None else not self.difference,
            "boots": self.boots,
            "heard": self.heard,
            "said": self.said,
            "begins_ns": self.begins_ns,
            "lost_beginnings": [{"boot": lost.boot, "from_ns": lost.from_ns} for lost in self.lost],
            "difference": self.difference,
        }


# --- recordings


@dataclass
class _Turn:
    """One word heard and what was said to it."""

    heard: Line
    said: list[Line]
    is_last: bool = False  # of its boot: the process may have been killed in the middle of it
    failed: bool = False  # a Persist among them failed


def boots_of(folder: Path) -> Iterator[tuple[int, list[Path]]]:
    """(boot number, its segments)."""
    boots: dict[int, list[Path]] = {}
    for path in segments_of(folder):
        first = next(read(path), None)
        if first is not None and first.kind == BOOT:
            boots.setdefault(int(first.payload), []).append(path)
    yield from boots.items()


def turns(lines: Iterator[Line]) -> Iterator[_Turn]:
    """Lines grouped: each heard word with what was said to it."""
    turn: _Turn | None = None
    for line in lines:
        if line.kind == OUT and turn is not None:
            turn.said.append(line)
        elif line.kind == IN:
            if turn is not None:
                turn.failed = _is_persist_failed(line)
                yield turn
            turn = _Turn(line, [])
    if turn is not None:
        turn.is_last = True
        yield turn


def _is_persist_failed(line: Line) -> bool:
    return b"PersistFailed" in line.payload and isinstance(decode_envelope(line.payload).body, PersistFailed)


def _first_heard(segments: list[Path]) -> Line | None:
    """None where the process ended, or was asked, before its core heard anything."""
    return next((line for line in chain.from_iterable(map(read, segments)) if line.kind == IN), None)


def _body_of(line: Line) -> Word | None:
    """None for what another build wrote in another schema: the comparison says so."""
    try:
        return decode_envelope(line.payload).body
    except BadBytes:
        return None


# --- comparing


class _Differs(Exception):
    """recorded and again: the bytes of either, None = nothing was said there."""

    def __init__(self, recorded: bytes | None, again: bytes | None) -> None:
        super().__init__()
        self.recorded, self.again = recorded, again


class _Cut(Exception):
    """The recording ends in the middle of this sentence, and so may what is said again."""


class ComparingPorts:
    """Nothing goes out: each word must be the recorded one. `take` a turn before its word is heard."""

    def __init__(self) -> None:
        self.said_again = 0
        self._turn = _Turn(Line(IN, 0, b""), [])
        self._recorded: Iterator[Line] = iter(())
        self._newest: Line | None = None

    def take(self, turn: _Turn) -> None:
        """What is said from here on answers this turn's word."""
        self._turn, self._recorded = turn, iter(turn.said)

    def finish(self) -> None:
        """The sentence is over. Raises _Differs where more was said then."""
        extra = next(self._recorded, None)
        if extra is not None:
            raise _Differs(extra.payload, None)

    def now_ns(self) -> int:
        """When the word was heard then."""
        return self._turn.heard.now_ns

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """It stands in the recording."""

    def said(self, said: Stamped, now_ns: int) -> None:
        """Raises _Differs, or _Cut where the recording was."""
        line = self._newest = next(self._recorded, None)
        if line is None and self._turn.is_last:
            raise _Cut
        if line is None or line.payload != said.data:
            raise _Differs(line.payload if line else None, said.data)
        self.said_again += 1

    def persist(self, word: Persist | Compact) -> PersistFailed | None:
        """Refused where it was refused then; the word that says so is the next one of the recording."""
        if self._turn.failed and self._turn.said[-1] is self._newest:
            return PersistFailed(seq=word.seq, why="as recorded")
        return None

    def effect(self, word: Word, cause: str) -> Word | None:
        """What came of it stands in the recording."""
        return None

    def publish(self, event: Event, said: Stamped) -> None:
        """Compared is all that happens to it; the same holds for the other kinds."""

    def answer(self, reply: Reply, said: Stamped) -> None: ...
    def ask(self, request: Request, said: Stamped) -> None: ...
    def wake(self, wish: WakeAt | WakeIn) -> None: ...
    def halt(self, word: WriteHalt) -> None: ...
    def pause(self, word: WritePause) -> None: ...
    def leave(self, word: Leave) -> None: ...


def replay(actor: str, folder: Path, make: Callable[[], Core]) -> Replayed:
    """Every boot that is still on disk from its beginning, oldest first, up to the first difference. make: a fresh core."""
    result = Replayed(actor)
    for boot, segments in boots_of(folder):
        result.boots += 1
        first = _first_heard(segments)
        if first is None:
            continue
        match _body_of(first):
            case None:
                pass
            case Started() as started:
                _name_plugins(actor, started)
            case _:
                result.lost.append(LostBeginning(boot, first.now_ns))
                continue
        if not _replay_boot(result, boot, segments, make(), folder.parent.parent / "journal"):
            break
    return result


def _name_plugins(actor: str, started: Started) -> None:
    """Other people's strategies, as this boot was started with them."""
    if actor != "signal":
        return
    specs = settings_from(started.config).bot.strategies
    if any(":" in spec for spec in specs) or plugin_paths.may_exist():
        for problem in plugins.load(specs):
            sys.stderr.write(f"refused: {problem}\n")


def _replay_boot(result: Replayed, boot: int, segments: list[Path], core: Core, journal: Path) -> bool:
    """False at a difference, which is then told in `result`."""
    ports = ComparingPorts()
    performer = Performer(result.actor, boot, core, ports)
    for turn in turns(chain.from_iterable(map(read, segments))):
        result.begins_ns = turn.heard.now_ns if result.begins_ns is None else result.begins_ns
        ports.take(turn)
        difference = _replay_turn(result, performer, ports, turn, journal)
        result.said += ports.said_again
        ports.said_again = 0
        if difference:
            result.difference = f"boot {boot}, {difference}"
            return False
    return True


def _replay_turn(result: Replayed, performer: Performer, ports: ComparingPorts, turn: _Turn, journal: Path) -> str:
    """What differs; "" = nothing."""
    try:
        envelope = _with_journal(decode_envelope(turn.heard.payload), journal)
    except BadBytes as exc:
        return f"a line heard at {turn.heard.now_ns} does not decode: {exc}"
    except (OSError, JournalDamaged) as exc:
        return f"the journal that this boot began with cannot be read: {exc}"
    result.heard += 1
    try:
        performer.sentence(envelope, turn.heard.payload, turn.heard.now_ns)
        ports.finish()
    except _Cut:
        return ""
    except _Differs as exc:
        return f"word {result.heard} heard {_told(envelope, turn, exc)}"
    return ""


def _with_journal(envelope: Envelope, folder: Path) -> Envelope:
    """A recording names what was read from the journal; here it is."""
    word = envelope.body
    if not isinstance(word, Restored) or not word.segment:
        return envelope
    records = tuple(record.data for record in restored_then(folder, word.segment, word.last_seq))
    return msgspec.structs.replace(envelope, body=msgspec.structs.replace(word, records=records))


def _told(heard: Envelope, turn: _Turn, found: _Differs) -> str:
    before, after = _shown(found.recorded), _shown(found.again)
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return (
        f"({tag_of(heard.body)} from {heard.source} at {turn.heard.now_ns}):"
        f" recorded {_around(before, same)}, replayed {_around(after, same)}"
    )


def _shown(data: bytes | None) -> str:
    if data is None:
        return "nothing"
    try:
        return repr(decode_envelope(data))
    except BadBytes:
        return data.hex()


def _around(text: str, at: int) -> str:
    """What is said, its head, and the place where the two part."""
    if len(text) <= 400:
        return text
    return f"{text[:120]}…{text[max(120, at - 60) : at + 160]}…"
