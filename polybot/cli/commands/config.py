"""`config explain`, `config check` and `config supervisor`."""

import difflib
import re
import shutil
import sys
import textwrap
from typing import Annotated, Any

import typer

from polybot.cli.support.common import leave, say_json, use_preset
from polybot.cli.support.options import Preset
from polybot.runtime.base.paths import ROOT
from polybot.runtime.config import config

config_app = typer.Typer(help="The knobs: what they are, where they were set, whether they fit.", no_args_is_help=True)
WIDEST = 100  # a sentence over the whole of a wide screen is hard to read
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def sentences() -> dict[str, str]:
    """What each knob does, in the words that stand above it in the config.toml we ship."""
    found: dict[str, str] = {}
    table = ""
    words: list[str] = []
    for line in (ROOT / "config.toml").read_text().splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            table, words = header[1], []
        elif named := re.match(r"(?:# )?(\w+) = ", line):
            found[f"{table}.{named[1]}"], words = " ".join(words), []
        elif line.startswith("# "):
            words.append(line[2:])
        elif not line:
            words = []
    return found


def _rows() -> list[dict[str, Any]]:
    try:
        loaded = config.load()
    except config.ConfigError as exc:
        leave(78, str(exc))
    said, rows = sentences(), []
    for knob, default in config.known_knobs().items():
        table, name = knob.split(".")
        origin, place = loaded.origins.get(knob, ("default", ""))
        value = getattr(getattr(loaded.settings, table), name)
        row = {"knob": knob, "value": value, "default": default, "origin": origin, "place": place}
        rows.append(row | {"does": said.get(knob, ""), "environment": config.variable_of(knob)})
    for strategy, parameters in loaded.settings.strategy.items():
        for name, value in parameters.items():
            knob = f"strategy.{strategy}.{name}"
            origin, place = loaded.origins.get(knob, ("default", ""))
            row = {"knob": knob, "value": value, "default": None, "origin": origin, "place": place}
            rows.append(row | {"does": f"parameter of {strategy}", "environment": config.variable_of(knob)})
    return rows


@config_app.command()
def explain(
    knob: Annotated[str, typer.Argument(help="Only this knob, or this table.")] = "",
    preset: Preset = None,
    as_json: Json = False,
) -> None:
    """Every knob: its value, where it was set, and what it does."""
    use_preset(preset)
    rows = _rows()
    chosen = [r for r in rows if not knob or r["knob"] == knob or r["knob"].startswith(f"{knob}.")]
    if not chosen:
        near = difflib.get_close_matches(knob, [r["knob"] for r in rows], 1)
        leave(2, f'unknown knob "{knob}"' + (f": did you mean {near[0]}?" if near else ""))
    if as_json:
        say_json({"config": chosen})
        return
    width = min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
    sys.stdout.write("\n\n".join(told(row, width) for row in chosen) + "\n")


def told(row: dict[str, Any], width: int) -> str:
    """A knob for people: its value, where that was set at the right margin, and its sentence below, within `width` columns."""
    place = str(row["place"] or row["origin"]).replace(f"{ROOT}/", "")
    head = f"{row['knob']} = {_plain(row['value'])}"
    gap = width - len(head) - len(place)
    first = f"{head}{' ' * gap}{place}" if gap >= 2 else f"{head}\n{place:>{width}}"
    below = textwrap.wrap(row["does"], width, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return "\n".join([first, *below])


def _plain(value: Any) -> str:
    """As it is written in config.toml, nearly."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(_plain(each) for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


@config_app.command()
def check(preset: Preset = None, as_json: Json = False) -> None:
    """Would this configuration start? 78 and a sentence when not."""
    use_preset(preset)
    try:
        loaded = config.load()
    except config.ConfigError as exc:
        if as_json:
            say_json({"ok": False, "error": str(exc)})
        leave(78, str(exc))
    if as_json:
        say_json({"ok": True, "file": str(loaded.file), "profile": loaded.settings.bot.profile})
    else:
        sys.stdout.write(f"{loaded.file}: good, profile {loaded.settings.bot.profile}\n")


@config_app.command()
def supervisor() -> None:
    """Print supervisor.conf as the table of programs makes it; the one in the checkout is to be the same."""
    from polybot.runtime.supervision import supervisord

    sys.stdout.write(supervisord.render_default())


def register(app: typer.Typer) -> None:
    """Add the `config` commands to the command line."""
    app.add_typer(config_app, name="config")
