"""`replay ACTOR`: the actor's core, fed again with what it heard, must say again what it said, byte for byte."""

import importlib
import os
import sys
from functools import partial
from typing import Annotated, Any

import typer

from messages.units import NS
from polybot.backtest.replay import Replayed, replay
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.cli.support.options import AsJson
from polybot.core.utc import clock_text, day_of
from polybot.runtime.base.paths import Paths
from polybot.topology import BY_NAME, TABLE


def core_of(actor: str) -> Any:
    """A fresh core of this actor: `SignalCore` of polybot.core.signal or of the module that its process imports it from."""
    process = importlib.import_module(f"actors.{actor}")
    name = "".join(part.capitalize() for part in actor.split("_")) + "Core"
    found = getattr(process, name, None) or next(
        v for k, v in vars(process).items() if k.endswith("Core") and k != "Core" and isinstance(v, type)
    )
    return found()


def replay_verb(
    actors: Annotated[
        list[str] | None, typer.Argument(metavar="[ACTOR]...", help="Whose recording; everybody's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Feed recorded cores again and compare what they say, byte for byte. 1 at the first difference."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    flight = Paths.of().flight
    names = actors or [a.name for a in TABLE if a.has_core and (flight / a.name).is_dir()]
    if not names:
        leave(NOT_RUNNING, f"no recordings in {flight}: nothing ran there yet")
    results = []
    for name in names:
        if name in BY_NAME and not BY_NAME[name].has_core:
            leave(2, f"{name} is a program without a core: there is nothing to replay")
        if not (flight / name).is_dir():
            leave(2, f'no recording of "{name}" in {flight}')
        results.append(replay(name, flight / name, partial(core_of, name)))
        if not as_json:
            _print(results[-1])
    if as_json:
        say_json({"replay": [r.facts() for r in results]})
    if any(r.difference for r in results):
        raise typer.Exit(FAILED)


def _print(r: Replayed) -> None:
    told = [f"{r.boots} boots, {r.heard} words heard, {r.said} said again: {r.verdict}"]
    told += [
        f"boot {lost.boot} was not compared: its beginning is no longer on disk, the rest is from {_at(lost.from_ns)} on"
        for lost in r.lost
    ]
    if r.lost:
        begins = "nothing" if r.begins_ns is None else f"from {_at(r.begins_ns)} on"
        told.append(f"what there is to replay: {begins}")
    if r.difference:
        told.append(r.difference)
    for i, line in enumerate(told):
        sys.stdout.write(f"{'' if i else r.actor:<12} {line}\n")
    sys.stdout.flush()


def _at(at_ns: int) -> str:
    return f"{day_of(at_ns // NS)} {clock_text(at_ns)} UTC"


def register(app: typer.Typer) -> None:
    """Add `replay` to the command line."""
    app.command("replay")(replay_verb)
