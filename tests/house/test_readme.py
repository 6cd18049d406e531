"""The README's picture and table equal THE TABLE, and it names commands that exist."""

import re

from typer.core import TyperGroup
from typer.main import get_command

from polybot.cli.app import composed
from polybot.runtime.base.paths import ROOT
from polybot.runtime.supervision.diagram import BEGIN, END, markdown


def test_the_picture_equals_the_table() -> None:
    text = (ROOT / "README.md").read_text()
    shown = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert shown == markdown(), "draw it anew: python -m polybot.runtime.supervision.diagram"


def test_every_command_it_names_exists() -> None:
    text = (ROOT / "README.md").read_text()
    command = get_command(composed())
    assert isinstance(command, TyperGroup)
    known = set(command.commands) | {"test"}
    rows = [line for line in text.splitlines() if line.startswith("| `bin/polybot")]
    named = {word for line in rows for word in re.findall(r"`(?:bin/polybot )?([a-z]+)", line.split("|")[1])}
    named |= set(re.findall(r"^bin/polybot (\w+)", text, re.M))
    assert named - known == set()
