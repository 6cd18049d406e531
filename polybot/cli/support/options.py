"""Options that several verbs have, as typer reads them."""

from collections.abc import Callable
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Preset = Annotated[
    str | None,
    typer.Option(help="Values of presets/NAME.toml, below those of config.toml: small is a purse of 75 USD."),
]


def add_verb_with_json(app: typer.Typer, verb: Callable[[bool], None]) -> None:
    """Register a verb under its own name and docstring; --json is its one option. The verb's file needs no typer for it."""

    def run(as_json: AsJson = False) -> None:
        verb(as_json)

    app.command(verb.__name__, help=verb.__doc__)(run)
