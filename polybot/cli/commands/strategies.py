"""`strategies`: what there is to trade by, where it comes from, and its parameters."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from polybot.cli.support.common import FAILED, say_json


def rows() -> tuple[list[dict[str, Any]], list[str]]:
    """(one row each, one sentence for every plug-in that was refused)."""
    from polybot.core.strategies import indicator_registry
    from polybot.core.strategies import registry as strategy_registry
    from polybot.core.strategies.protocol import is_event_strategy
    from polybot.runtime.config import plugins

    problems = plugins.load()
    found = []
    for name, source in sorted(strategy_registry.known().items()):
        strategy = strategy_registry.by_name(name)
        kind = "events" if is_event_strategy(strategy) else "candles"
        found.append(_row(strategy, name, kind, source, getattr(strategy, "timeframe", "")))
    for name, source in sorted(indicator_registry.known().items()):
        found.append(_row(indicator_registry.by_name(name), name, "indicator", source, ""))
    return found, problems


def _row(thing: Any, name: str, kind: str, source: str, timeframe: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "timeframe": timeframe,
        "source": source,
        "description": thing.description,
        "params": dict(thing.default_params),
    }


def strategies(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """What there is to trade by: ours, drop-in files, installed packages. 1 when a plug-in was refused."""
    found, problems = rows()
    if as_json:
        say_json({"strategies": found, "problems": problems})
    else:
        width = max(len(row["name"]) for row in found)
        for row in found:
            kind = f"{row['kind']} {row['timeframe']}".strip()
            line = f"{row['name']:{width}}  {kind:11}  {row['source']:10}  {row['description']}{_params(row['params'])}"
            sys.stdout.write(f"{line}\n")
        for problem in problems:
            sys.stderr.write(f"refused: {problem}\n")
    if problems:
        raise typer.Exit(FAILED)


def _params(params: Mapping[str, Any]) -> str:
    shown = (f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in params.items())
    return f" ({', '.join(shown)})" if params else ""


def register(app: typer.Typer) -> None:
    """Add `strategies` to the command line."""
    app.command()(strategies)
