"""`polybot-ctl venue …`: looking at the local venue's world."""

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polybot.cli.session import fault_scripts
from polybot.cli.support.common import say_json

if TYPE_CHECKING:
    from polybot.sim.world.fairness_tests import WorldReport

app = typer.Typer(help="The local venue and its worlds.")
app.add_typer(fault_scripts.app, name="fault")


@app.callback(invoke_without_command=True)
def venue(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65_000, help="first of a row of ports; 0: any free ones")] = 8700,
    world: Annotated[
        str, typer.Option(help="synthetic; mirror: real books, play money; tape with --tape")
    ] = "synthetic",
    seed: Annotated[int, typer.Option(help="the synthetic world's seed")] = 7,
    speed: Annotated[float, typer.Option(min=0.01, help="1: the wall's time")] = 1.0,
    grant: Annotated[float, typer.Option(min=0, help="play money for an address not seen before, USD")] = 1000.0,
    tape: Annotated[str, typer.Option(help="folder of a recorded day")] = "",
    scenario: Annotated[str, typer.Option(help="a special day: see polybot-ctl venue scenarios")] = "",
    faults_file: Annotated[str | None, typer.Option("--faults", help="fault script (TOML); see presets/faults")] = None,
    state: Annotated[str | None, typer.Option(help="its own state folder; default: <state>/../state-venue")] = None,
) -> None:
    """The local venue by itself, until Ctrl-C: prints one JSON line with its addresses when it is ready."""
    if ctx.invoked_subcommand is None:
        tape_world = "tape" if tape else world
        from polybot.cli.session import venue_server

        venue_server.serve(
            state,
            tape_world,
            faults_file,
            port=port,
            seed=seed,
            speed=speed,
            grant_usd=grant,
            tape=tape,
            scenario=scenario,
        )


@app.command()
def scenarios(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """The special days that --scenario knows, one line each."""
    from polybot.sim.world.scenarios import SCENARIOS

    if as_json:
        say_json({"scenarios": [{"name": s.name, "shows": s.shows} for s in SCENARIOS]})
        return
    for scenario in SCENARIOS:
        typer.echo(f"{scenario.name:<10} {scenario.shows}")


@app.command("check-world")
def check_world(
    windows: Annotated[int, typer.Option(min=20, help="windows to look at")] = 2_000,
    seed: Annotated[int, typer.Option(help="the world's seed")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Is the synthetic world honest? Its figures beside the measured ones, and four tests. Exit 1 if one fails."""
    from polybot.sim.world import fairness_tests

    report = _with_progress(fairness_tests.check_world, seed, windows)
    if as_json:
        typer.echo(json.dumps(as_object(report), separators=(",", ":")))
    else:
        typer.echo(as_text(report))
    raise typer.Exit(0 if report.is_honest else 1)


def _with_progress(check: Any, seed: int, windows: int) -> "WorldReport":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("windows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("windows", total=windows)
        report: WorldReport = check(seed, windows, lambda done: bar.update(task, completed=done))
    return report


def as_object(report: "WorldReport") -> dict[str, Any]:
    """The report as a JSON object, for programs."""
    return {
        "v": 1,
        "seed": report.seed,
        "windows": report.windows,
        "level_bp": report.level_bp,
        "honest": report.is_honest,
        "figures": [figure._asdict() for figure in report.figures],
        "tests": [{**asdict(test), "values": _without_nan(test.values)} for test in report.tests],
    }


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: a decile no mid ever fell into is null."""

    def one(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {k: [one(x) for x in v] if isinstance(v, list) else one(v) for k, v in values.items()}


def as_text(report: "WorldReport") -> str:
    """The report as text for people; its first line says that the books are synthetic."""
    lines = [
        "synthetic books: no evidence of profit",
        f"world of seed {report.seed}: {report.windows} windows, its own level {report.level_bp:.2f} bp/√s",
        "",
        "figures at the measured day's level (0.47 bp/√s)",
    ]
    for figure in report.figures:
        lines += [
            figure.name,
            f"  measured  {_row(figure.measured)}",
            f"  world     {_row(figure.world)}",
        ]
    makers = next(t for t in report.tests if t.name == "makers")
    lines += ["", "makers' mids by decile"]
    lines += [f"  said      {_row(makers.values['said'])}", f"  happened  {_row(makers.values['happened'])}"]
    lines += ["", "the four tests of an honest world"]
    lines += [f"  {'holds' if t.holds else 'FAILS'}  {t.name:<8} {t.text}" for t in report.tests]
    return "\n".join(lines)


def _row(values: Any) -> str:
    return " ".join(f"{v:>8.3f}" if abs(v) < 10 else f"{v:>8.1f}" for v in values)


def register(above: typer.Typer) -> None:
    """Add the `venue` commands to the command line."""
    above.add_typer(app, name="venue")
