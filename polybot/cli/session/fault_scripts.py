"""`run --faults file.toml`, and `polybot-ctl venue fault …` for a venue that runs."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.runtime.base.paths import Paths, replace_synced

app = typer.Typer(help="What the local venue does on its bad days.", no_args_is_help=True)
State = Annotated[
    str | None,
    typer.Option(help="the venue's state folder; default: the demo's while it runs, else that of `polybot-ctl venue`"),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object")]


def script_text_or_leave(given: str | None, profile: str) -> str:
    """The script's text once it is known to be good; 78 with a sentence otherwise; "" where none was given."""
    if given is None:
        return ""
    if profile == "live":
        leave(78, "--faults is for the local venue: the real one has its own")
    from polybot.venue.faults.script import ScriptError, read_script

    path = Path(given).expanduser()
    try:
        text = path.read_text()
        read_script(text)
    except OSError as exc:
        leave(78, f"{path} cannot be read: {exc.strerror}")
    except ScriptError as exc:
        leave(78, f"{path}: {exc}")
    return text


def put_script(paths: Paths, text: str) -> None:
    """Where the session's venue finds it, whenever it starts."""
    if text:
        paths.venue.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_synced(paths.fault_script, text)
    else:
        paths.fault_script.unlink(missing_ok=True)


def alone() -> Paths:
    """Where `polybot-ctl venue` lives when it is told nothing else: beside the bot's folder."""
    return Paths.of(Paths.of().state.with_name("state-venue"))


@app.command("kinds")
def kinds() -> None:
    """Every kind of fault, what it does, and its fields with their defaults."""
    from polybot.venue.faults.script import KINDS

    for name, kind in KINDS.items():
        facts = kind.takes | ({"for_s": kind.for_s} if kind.for_s else {})
        typer.echo(f"{name:<18} {kind.does}")
        if facts:
            typer.echo(f"{'':<18}   {' '.join(f'{k}={v}' for k, v in facts.items())}")


@app.command("switches")
def switches() -> None:
    """How a venue is built where the real one's behaviour is not known: a script's [switches], with their defaults."""
    from polybot.sim.venue.switches import sentences
    from polybot.venue.faults.script import HONEST

    for name, does in sentences().items():
        typer.echo(f"{name:<24} {str(getattr(HONEST, name)).lower():<6} {does}")


@app.command("list")
def show(state: State = None, as_json: AsJson = False) -> None:
    """Faults of the running venue: whether each is on, and how often it struck."""
    _tell(_call(state, "GET", "/faults"), as_json)


@app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="see `kinds`")],
    fields: Annotated[list[str] | None, typer.Argument(help="field=value, as in a script")] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Arm a fault from now on, e.g. `add late_answer delay_s=5 times=1`."""
    row: dict[str, Any] = {"kind": kind}
    for field in fields or []:
        name, found, text = field.partition("=")
        if not found:
            leave(2, f'"{field}" is not field=value')
        row[name] = _value(text)
    _tell(_call(state, "POST", "/faults", row), as_json)


@app.command("clear")
def clear(
    name: Annotated[str, typer.Argument(help="a fault's name; none: all")] = "",
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Take away one fault by its name, or all of them."""
    _tell(_call(state, "DELETE", f"/faults?name={name}" if name else "/faults"), as_json)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _call(state: str | None, method: str, path: str, row: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer of the first venue that is there."""
    body = json.dumps(row).encode() if row is not None else None
    silent = []
    for paths in [Paths.of(state)] if state else [Paths.of(), alone()]:
        answer = _asked(paths, method, path, body)
        if isinstance(answer, dict):
            break
        silent.append(answer)
    else:
        leave(NOT_RUNNING, "; ".join(silent))
    return answer


def _asked(paths: Paths, method: str, path: str, body: bytes | None) -> dict[str, Any] | str:
    """What the venue of this folder says, or why none does."""
    import urllib.error
    import urllib.request

    try:
        known = json.loads((paths.venue / "control.json").read_text())
    except FileNotFoundError:
        return f"no venue has run in {paths.state}"
    request = urllib.request.Request(
        known["url"] + path, body, {"Authorization": f"Bearer {known['token']}"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return told
    except urllib.error.HTTPError as exc:
        if exc.code == 401:  # its port is another venue's now
            return f"the venue of {paths.state} is gone"
        leave(FAILED, json.loads(exc.read()).get("error", str(exc)))
    except (urllib.error.URLError, OSError):
        return f"the venue of {paths.state} does not answer at {known['url']}"


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(told)
        return
    for fault in told["faults"]:
        on = "on " if fault["on"] else "off"
        typer.echo(f"{on} {fault['name']:<20} struck {fault['struck']:>4}  {fault['does']}")
    if not told["faults"]:
        typer.echo("no faults")
