"""`logs [ACTOR] [-f]`: what the programs wrote, merged by time; follows through rotation and restarts."""

import difflib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import typer

from polybot.cli.support.common import NOT_RUNNING, leave
from polybot.runtime.base.paths import Paths

LOOK_S = 0.2
_TAIL_BYTES = 512 * 1024


@dataclass
class FollowedLog:
    """One growing file; reopened when it is rotated or cut."""

    path: Path
    file: BufferedReader | None = None
    inode: int = 0
    rest: bytes = b""

    def fresh(self) -> Iterator[str]:
        """Whole lines that were written since the last look."""
        try:
            seen = os.stat(self.path)
        except FileNotFoundError:
            return
        if self.file is None or seen.st_ino != self.inode or seen.st_size < self.file.tell():
            yield from self._lines()  # the end of the old file first
            if self.file is not None:
                self.file.close()
            self.file, self.inode, self.rest = open(self.path, "rb"), seen.st_ino, b""  # noqa: SIM115 (kept open)
        yield from self._lines()

    def _lines(self) -> Iterator[str]:
        if self.file is None:
            return
        *whole, self.rest = (self.rest + self.file.read()).split(b"\n")
        for raw in whole:
            yield raw.decode(errors="replace")


def newest(path: Path, count: int) -> list[str]:
    """The last `count` lines of a file, oldest first; looks at its newest _TAIL_BYTES only."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().splitlines()
    return [raw.decode(errors="replace") for raw in lines[len(lines) - min(count, len(lines)) :]]


def _time_of(line: str) -> str:
    """The `at=` of a line; "" for one without (a traceback): it stays behind the line before it."""
    _, found, rest = line.partition(" at=")
    return rest[:12] if found else ""


def merged(files: dict[str, Path], count: int) -> list[tuple[str, str]]:
    """(program, line): the newest lines of several files in the order of their times."""
    lines: list[tuple[str, int, str, str]] = []
    for name, path in files.items():
        last = ""
        for line in newest(path, count):
            last = _time_of(line) or last
            lines.append((last, len(lines), name, line))
    lines.sort()
    return [(name, text) for _, _, name, text in lines[len(lines) - min(count, len(lines)) :]]


def logs(
    actor: Annotated[str, typer.Argument(metavar="[ACTOR]", help="One program; all.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines are written. Ctrl-C leaves.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many lines to begin with.")] = 50,
) -> None:
    """What the programs logged, merged by time."""
    folder = Paths.of().logs
    files = {p.stem: p for p in sorted(folder.glob("*.log"))} if folder.is_dir() else {}
    if not files:
        leave(NOT_RUNNING, f"no logs in {folder}: nothing ran there yet")
    if actor and actor not in files:
        near = difflib.get_close_matches(actor, files, 1)
        leave(2, f'no log of "{actor}"' + (f": did you mean {near[0]}?" if near else f"; there are {', '.join(files)}"))
    chosen = {actor: files[actor]} if actor else files
    followed = {name: _at_end(path) for name, path in chosen.items()} if follow else {}
    width = 0 if actor else max(map(len, chosen)) + 2
    _say(merged(chosen, count), width)
    try:
        while followed:
            _say([(name, line) for name, file in followed.items() for line in file.fresh()], width)
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _say(lines: list[tuple[str, str]], width: int) -> None:
    """One program alone needs no name before its lines."""
    for name, line in lines:
        sys.stdout.write(f"{name:<{width}}{line}\n" if width else f"{line}\n")
    sys.stdout.flush()


def _at_end(path: Path) -> FollowedLog:
    file = FollowedLog(path)
    for _ in file.fresh():
        continue
    return file


def register(app: typer.Typer) -> None:
    """Add `logs` to the command line."""
    app.command()(logs)
