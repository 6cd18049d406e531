"""How much CPU a program spends before its own work begins: the interpreter, then imports; for verbs also reading the words.

python -m bench.imports [ROUNDS]: prints user + system milliseconds, median and least of the rounds, above the floor of a
Python that does nothing. The cases take turns, so that a busy machine slows all of them alike. Compiled files are used, as
`bin/polybot` leaves them; a round that is not counted comes first and writes them.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from polybot.cli import plain
from polybot.topology import TABLE

ROOT = Path(__file__).resolve().parents[1]
TELL = "print(time.process_time()); sys.stdout.flush(); os._exit(0)"

FLOOR = "python"
LIBRARIES = (
    "msgspec",
    "zmq",
    "numpy",
    "typer",
    "pydantic",
    "rich.table",
)  # what some of us pay, to set our own beside it
MODULES = ("messages", "polybot.runtime.config.config", "polybot.runtime.loop.loop")


def importing(*modules: str) -> str:
    """A program that imports these and tells what it has spent."""
    lines = ("import os, sys, time", *(f"import {name}" for name in modules), TELL)
    return "\n".join(lines)


def becoming(actor: str) -> str:
    """What `bin/polybot actor NAME` imports until the actor's `main` is called, with the collector at rest as there."""
    return "import gc\ngc.disable()\n" + importing("polybot.cli.session.actor_entry", f"actors.{actor}")


def up_to(verb: str, family: str, function: str, words: tuple[str, ...]) -> str:
    """polybot-ctl with these words, up to the call of the function that answers."""
    return f"""
import os, sys, time
def tell(*_given, **_named):
    {TELL}
from polybot.cli import main
from polybot.cli.commands import {family}
{family}.{function} = tell
sys.argv = {["polybot-ctl", verb, *words]!r}
main()
"""


def programs() -> dict[str, str]:
    """Case → the program that is run for it."""
    cases = {FLOOR: importing()}
    cases |= {f"import {name}": importing(name) for name in (*LIBRARIES, *MODULES)}
    cases["halt"] = up_to("halt", "halt", "main", ())
    for verb, known in plain.VERBS.items():
        cases[verb] = up_to(verb, known.family, verb, known.words)
    cases |= {f"actor {row.name}": becoming(row.name) for row in TABLE}
    return cases


def cpu_ms(program: str) -> float:
    """CPU milliseconds the program had spent when it told. Raises subprocess.CalledProcessError when it does not get there."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return float(done.stdout) * 1000


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    cases = programs()
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, program in cases.items():
            took = cpu_ms(program)
            if number:
                spent[name].append(took)
    floor = statistics.median(spent[FLOOR])
    print(f"CPU ms, {rounds} rounds                     median   least   above python")
    for name, figures in spent.items():
        median = statistics.median(figures)
        print(f"{name:<38} {median:8.1f} {min(figures):7.1f} {median - floor:14.1f}")


if __name__ == "__main__":
    main()
