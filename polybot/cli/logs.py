"""`logs`: what the programs wrote."""

import difflib
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from polybot.cli.common import NOT_RUNNING, leave
from polybot.runtime.paths import Paths
from polybot.runtime.topology import BY_NAME


def logs(
    actor: Annotated[str, typer.Argument(help="Only this one; without it, all of them.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as they write.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of each to begin with.")] = 20,
) -> None:
    """The last lines of each program's log, and what follows."""
    names = [*BY_NAME, "supervisord"]
    if actor and actor not in names:
        near = difflib.get_close_matches(actor, names, 1)
        leave(2, f'unknown actor "{actor}"' + (f": did you mean {near[0]}?" if near else ""))
    folder = Paths.of().logs
    chosen = [actor] if actor else names
    files = {name: folder / f"{name}.log" for name in chosen}
    if not any(file.exists() for file in files.values()):
        leave(NOT_RUNNING, f"no logs in {folder}")
    width = max(map(len, chosen))
    ends = {name: _show_last(name, file, lines, width, alone=bool(actor)) for name, file in files.items()}
    while follow:
        try:
            time.sleep(0.2)
        except KeyboardInterrupt:
            return
        for name, file in files.items():
            ends[name] = _show_more(name, file, ends[name], width, alone=bool(actor))


def _show_last(name: str, file: Path, lines: int, width: int, *, alone: bool) -> int:
    if not file.exists():
        return 0
    raw = file.read_bytes()
    _print(name, raw.decode(errors="replace").splitlines()[-lines:] if lines else [], width, alone)
    return len(raw)


def _show_more(name: str, file: Path, begin: int, width: int, *, alone: bool) -> int:
    """What was written since; from the start where the log was rotated."""
    if not file.exists():
        return 0
    size = file.stat().st_size
    begin = begin if begin <= size else 0
    with file.open("rb") as opened:
        opened.seek(begin)
        raw = opened.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    _print(name, whole.decode(errors="replace").splitlines(), width, alone)
    return begin + len(whole)


def _print(name: str, said: list[str], width: int, alone: bool) -> None:
    for line in said:
        sys.stdout.write(f"{line}\n" if alone else f"{name:<{width}}  {line}\n")
    sys.stdout.flush()


def register(app: typer.Typer) -> None:
    """Compose."""
    app.command()(logs)
