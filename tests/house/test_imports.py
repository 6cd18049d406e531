"""Nobody waits for what he does not use: which heavy packages each verb and each actor has imported when its own work begins.

Only names are asserted here; milliseconds are measured by `python -m bench.imports`.
"""

import subprocess
import sys
from collections.abc import Iterable

import pytest
from typer.main import get_command

from polybot.cli import plain
from polybot.cli.app import FAMILIES, composed, families_for
from polybot.runtime.base.paths import ROOT
from polybot.topology import TABLE

HEAVY = (
    *(
        "typer",
        "click",
        "rich",
        "pydantic",
        "numpy",
        "talib",
        "requests",
        "urllib3",
        "starlette",
        "uvicorn",
        "websockets",
    ),
    *("websocket", "coincurve", "Crypto", "supervisor", "polymarket", "sqlite3", "asyncio", "xmlrpc", "difflib"),
    *("polybot.sim", "polybot.venue", "polybot.backtest", "polybot.adapters", "polybot.core.strategies.registry"),
)

NEEDED_BY_VERB = {
    "halt": (),
    "status": ("xmlrpc",),  # supervisord is asked who runs
    "limits": ("sqlite3",),  # the printer of tables also opens the books
    "windows": ("sqlite3",),
    "orders": ("sqlite3",),
    "fills": ("sqlite3",),
    "positions": ("sqlite3",),
    "account": ("sqlite3",),
    "statement": ("sqlite3",),
    "why": ("sqlite3",),
}

OUTSIDE = ("polybot.adapters", "websocket")  # a socket to the venue or to the exchange
NEEDED_BY_ACTOR: dict[str, tuple[str, ...]] = {
    "price_feed": OUTSIDE,
    "market_feed": OUTSIDE,
    "signal": ("numpy", "talib", "difflib", "polybot.core.strategies.registry"),  # strategies, and their near names
    "executor": (*OUTSIDE, "coincurve", "Crypto"),  # it signs
    "recorder": ("sqlite3",),  # the index
    "venue": ("asyncio",),  # a server; its world is imported once it is asked for one
    "watchdog": ("xmlrpc",),  # it speaks to supervisord
}


def heavy_in(modules: Iterable[str]) -> set[str]:
    """The names of HEAVY that are among these modules."""
    return set(HEAVY) & set(modules)


def run(program: str) -> set[str]:
    """The modules that are imported when the program calls `tell()`."""
    tell = "import os, sys\ndef tell(*_a, **_k):\n    print(*sys.modules)\n    sys.stdout.flush()\n    os._exit(0)\n"
    done = subprocess.run([sys.executable, "-c", tell + program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def reached(verb: str, family: str, function: str, words: tuple[str, ...]) -> set[str]:
    """What polybot-ctl has imported when it calls the function that answers these words."""
    return run(
        "from polybot.cli import main\n"
        f"from polybot.cli.commands import {family}\n"
        f"{family}.{function} = tell\n"
        f"sys.argv = {['polybot-ctl', verb, *words]!r}\n"
        "main()\n"
    )


# --- verbs


def verbs_of(families: Iterable[str]) -> tuple[str, ...]:
    """The verbs of a command line of these families in the help's order, without `actor`, which every one has."""
    commands = get_command(composed(families)).commands  # type: ignore[attr-defined]
    assert "actor" in commands
    return tuple(verb for verb in commands if verb != "actor")


@pytest.mark.parametrize("verb", plain.VERBS)
def test_a_short_question_imports_what_its_answer_needs(verb: str) -> None:
    known = plain.VERBS[verb]
    assert heavy_in(reached(verb, known.family, verb, known.words)) == set(NEEDED_BY_VERB[verb])


def test_the_switch_waits_for_nothing() -> None:
    modules = reached("halt", "halt", "main", ())
    assert heavy_in(modules) == set()
    assert {"msgspec", "messages", "zmq", "polybot.cli.plain"} & modules == set()


@pytest.mark.parametrize(("verb", "needed"), [("logs", ()), ("venue", ()), ("pause", ()), ("up", ("xmlrpc",))])
def test_a_verb_imports_its_own_family_and_no_other(verb: str, needed: tuple[str, ...]) -> None:
    modules = run(f"from polybot.cli import app\napp.composed(app.families_for([{verb!r}]))\ntell()")
    assert heavy_in(modules) - {"typer", "rich", "pydantic", "difflib", "sqlite3"} == set(needed)
    assert {"doctor", "replay", "report"} & {
        name.rpartition(".")[2] for name in modules if ".commands." in name
    } == set()


def test_every_family_registers_the_verbs_it_is_looked_up_by() -> None:
    assert {family: verbs_of([family]) for family in FAMILIES} == FAMILIES
    assert verbs_of(families_for(["actor", "risk"])) == ()


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["--install-completion"], ["statis"], ["--json", "status"]])
def test_who_names_no_verb_is_answered_by_the_whole(argv: list[str]) -> None:
    assert families_for(argv) == tuple(FAMILIES)
    assert plain.arguments(argv) is None


# --- the short questions, with and without typer


@pytest.mark.parametrize("verb", plain.VERBS)
def test_what_is_read_without_typer_is_what_typer_reads(verb: str) -> None:
    known = plain.VERBS[verb]
    params = get_command(composed([known.family])).commands[verb].params  # type: ignore[attr-defined]
    options = [p for p in params if p.param_type_name == "option"]
    assert all(p.is_flag and p.default is False for p in options), "a switch with a value is not plain"
    assert {(opt, p.name) for p in options for opt in p.opts} == set(known.switches)
    words = [p for p in params if p.param_type_name == "argument"]
    assert all(p.required and p.nargs == 1 for p in words)
    assert tuple(p.name for p in words) == known.words


def test_switches_may_stand_anywhere() -> None:
    expected = {"ident": "0xfeed", "as_json": True, "full": False}
    assert plain.arguments(["why", "0xfeed", "--json"]) == expected
    assert plain.arguments(["why", "--json", "0xfeed"]) == expected
    assert plain.arguments(["status"]) == {"as_json": False}


@pytest.mark.parametrize(
    "line",
    ["why", "why a b", "why -- a", "why a --ful", "status --help", "windows -h", "status x", "status --json=1", "halt"],
)
def test_whatever_is_not_plain_is_left_to_typer(line: str) -> None:
    assert plain.arguments(line.split()) is None


@pytest.mark.parametrize(("error", "code"), [("KeyboardInterrupt", 130), ("BrokenPipeError", 1), ("SystemExit(4)", 4)])
def test_a_short_question_ends_as_typer_would_end_it(error: str, code: int) -> None:
    program = (
        "import sys\nfrom polybot.cli import main\nfrom polybot.cli.commands import status\n"
        f"def status_(as_json):\n    print('said')\n    raise {error}\n"
        "status.status = status_\nsys.argv = ['polybot-ctl', 'status']\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


# --- actors


@pytest.mark.parametrize("actor", [row.name for row in TABLE])
def test_an_actor_imports_what_it_needs(actor: str) -> None:
    modules = run(f"import polybot.cli.session.actor_entry, actors.{actor}\ntell()")
    assert heavy_in(modules) == set(NEEDED_BY_ACTOR.get(actor, ()))
    assert not any(name.startswith("polybot.cli.commands.") for name in modules)


def test_knobs_that_are_right_are_read_without_near_names_and_without_a_world() -> None:
    program = "from polybot.runtime.config import config\nconfig.load({}, {})\ntell()"
    assert heavy_in(run(program)) == set()


def test_the_guard_sees_what_is_imported() -> None:
    assert heavy_in(run("import numpy, polybot.sim.world.scenarios\ntell()")) == {"numpy", "polybot.sim", "difflib"}
