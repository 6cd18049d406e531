"""`replay ACTOR`: the actor's core, fed again with what it heard, must say again what it said, byte for byte.

Segments of one boot follow each other; the first opens with the boot itself or, when older ones were dropped, with the core
as it stood. What a killed process wrote last may be cut: there the recording must be the beginning of what is said again.
After a Persist that failed the loop said nothing more of that sentence; neither does the comparison ask for it.
"""

import importlib
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from messages import BadBytes, Envelope, decode_envelope, tag_of
from messages.inner import Compact, Persist, PersistFailed, Started
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.cli.support.options import AsJson
from polybot.runtime.base.paths import Paths
from polybot.runtime.config import plugin_paths, plugins
from polybot.runtime.loop.bus import Stamper, cause_of
from polybot.runtime.store.flight import BOOT, IN, OUT, SNAPSHOT, Line, read, segments_of
from polybot.settings import settings_from
from polybot.topology import TABLE

WITHOUT_CORE = ("venue",)


@dataclass
class Replayed:
    """What a replay came to. difference: the first, in words."""

    actor: str
    boots: int = 0
    heard: int = 0
    said: int = 0
    unread_boots: int = 0
    difference: str = ""

    def facts(self) -> dict[str, Any]:
        """The result as a JSON object, for programs."""
        return {
            "actor": self.actor,
            "same": not self.difference,
            "boots": self.boots,
            "heard": self.heard,
            "said": self.said,
            "unread_boots": self.unread_boots,
            "difference": self.difference,
        }


def core_of(actor: str) -> Any:
    """A fresh core of this actor: `SignalCore` of polybot.core.signal or of the module that its process imports it from."""
    process = importlib.import_module(f"actors.{actor}")
    name = "".join(part.capitalize() for part in actor.split("_")) + "Core"
    found = getattr(process, name, None) or next(
        v for k, v in vars(process).items() if k.endswith("Core") and k != "Core" and isinstance(v, type)
    )
    return found()


@dataclass
class _Turn:
    """One thing heard and what was said to it."""

    heard: Line
    said: list[Line]
    is_last: bool = False
    failed: bool = False  # a Persist among them failed


def replay(actor: str, folder: Path) -> Replayed:
    """Every boot that is still on disk, oldest first, up to the first difference."""
    result = Replayed(actor)
    for boot, lines in boots_of(folder):
        result.boots += 1
        if not _replay_boot(result, boot, lines):
            break
    return result


def boots_of(folder: Path) -> Iterator[tuple[int, list[Path]]]:
    """Each boot's number with its recorded segments, oldest first."""
    boots: dict[int, list[Path]] = {}
    for path in segments_of(folder):
        first = next(read(path), None)
        if first is not None and first.kind == BOOT:
            boots.setdefault(int(first.payload), []).append(path)
    yield from boots.items()


def _replay_boot(result: Replayed, boot: int, segments: list[Path]) -> bool:
    _name_plugins(result.actor, segments)
    core, stamper = core_of(result.actor), Stamper(result.actor, boot)
    lines = chain.from_iterable(read(path) for path in segments)
    started = False
    for turn in turns(lines):
        if turn.heard.kind == SNAPSHOT:
            if not started:
                core, stamper = pickle.loads(turn.heard.payload)  # our own file, in a folder that is ours alone
            started = True
            continue
        if not started and not _opens(turn):
            result.unread_boots += 1
            return True  # its beginning was dropped, and no core was kept
        started = True
        if not _replay_turn(result, core, stamper, turn):
            result.difference = f"boot {boot}, {result.difference}"
            return False
    return True


def _name_plugins(actor: str, segments: list[Path]) -> None:
    """Other people's strategies as this boot was started with them; a snapshot holds but their names."""
    if actor != "signal":
        return
    heard = (decode_envelope(line.payload).body for line in chain.from_iterable(map(read, segments)) if line.kind == IN)
    started = next(heard, None)
    specs = settings_from(started.config).bot.strategies if isinstance(started, Started) else ()
    if any(":" in spec for spec in specs) or plugin_paths.may_exist():
        for problem in plugins.load(specs):
            sys.stderr.write(f"refused: {problem}\n")


def _opens(turn: _Turn) -> bool:
    return tag_of(decode_envelope(turn.heard.payload).body) == "Started"


def turns(lines: Iterator[Line]) -> Iterator[_Turn]:
    """Lines grouped: each heard word with what was said to it."""
    turn: _Turn | None = None
    for line in lines:
        if line.kind == OUT and turn is not None:
            turn.said.append(line)
        elif line.kind in (IN, SNAPSHOT):
            if turn is not None:
                turn.failed = line.kind == IN and _is_persist_failed(line)
                yield turn
            turn = _Turn(line, [])
    if turn is not None:
        turn.is_last = True
        yield turn


def _is_persist_failed(line: Line) -> bool:
    return b"PersistFailed" in line.payload and isinstance(decode_envelope(line.payload).body, PersistFailed)


def _replay_turn(result: Replayed, core: Any, stamper: Stamper, turn: _Turn) -> bool:
    """Compare one turn; False at a difference."""
    try:
        envelope = decode_envelope(turn.heard.payload)
    except BadBytes as exc:
        result.difference = f"a line heard at {turn.heard.now_ns} does not decode: {exc}"
        return False
    result.heard += 1
    inside = envelope.source == f"{result.actor}.source"
    heard: Any = envelope if getattr(core, "wants_envelopes", False) and not inside else envelope.body
    recorded = iter(turn.said)
    for word in core.handle(heard, turn.heard.now_ns):
        _, again = stamper.wrap(word, turn.heard.now_ns, cause_of(envelope, result.actor))
        line = next(recorded, None)
        if line is None:
            if turn.is_last:
                return True  # the process was killed in the middle of this sentence
            return _differs(result, envelope, turn, None, again)
        if line.payload != again:
            return _differs(result, envelope, turn, line.payload, again)
        result.said += 1
        if isinstance(word, Persist | Compact) and turn.failed and turn.said[-1] is line:
            return True
    extra = next(recorded, None)
    return True if extra is None else _differs(result, envelope, turn, extra.payload, None)


def _differs(result: Replayed, heard: Envelope, turn: _Turn, recorded: bytes | None, again: bytes | None) -> bool:
    before, after = _shown(recorded), _shown(again)
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    result.difference = (
        f"word {result.heard} heard ({tag_of(heard.body)} from {heard.source} at {turn.heard.now_ns}):"
        f" recorded {_around(before, same)}, replayed {_around(after, same)}"
    )
    return False


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


# --- the verb


def replay_verb(
    actors: Annotated[
        list[str] | None, typer.Argument(metavar="[ACTOR]...", help="Whose recording; everybody's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Feed recorded cores again and compare what they say, byte for byte. 1 at the first difference."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    flight = Paths.of().flight
    names = actors or [a.name for a in TABLE if a.name not in WITHOUT_CORE and (flight / a.name).is_dir()]
    if not names:
        leave(NOT_RUNNING, f"no recordings in {flight}: nothing ran there yet")
    results = []
    for name in names:
        if name in WITHOUT_CORE:
            leave(2, f"{name} is a program without a core: there is nothing to replay")
        if not (flight / name).is_dir():
            leave(2, f'no recording of "{name}" in {flight}')
        results.append(replay(name, flight / name))
        if not as_json:
            _print(results[-1])
    if as_json:
        say_json({"replay": [r.facts() for r in results]})
    if any(r.difference for r in results):
        raise typer.Exit(FAILED)


def _print(r: Replayed) -> None:
    verdict = "DIFFERENT" if r.difference else "the same, byte for byte"
    sys.stdout.write(f"{r.actor:<12} {r.boots} boots, {r.heard} words heard, {r.said} said again: {verdict}\n")
    if r.unread_boots:
        sys.stdout.write(f"{'':12} {r.unread_boots} boots whose beginning is no longer on disk were not compared\n")
    if r.difference:
        sys.stdout.write(f"{'':12} {r.difference}\n")
    sys.stdout.flush()


def register(app: typer.Typer) -> None:
    """Add `replay` to the command line."""
    app.command("replay")(replay_verb)
