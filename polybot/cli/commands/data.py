"""`polybot-ctl data …`: what recorded data says."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polybot.cli.support.common import leave, say_json

if TYPE_CHECKING:
    from polybot.backtest.calibration import Score

app = typer.Typer(help="What recorded data says.", no_args_is_help=True)


@app.callback()
def data() -> None:
    """What recorded data says, such as how good the probabilities of fair_value were."""


@app.command()
def calibrate(
    tape: Annotated[Path, typer.Option(help="Folder of a recorded day.")],
    settle: Annotated[str, typer.Option(help="spot, or twap60 or twap30: counterfactual for a day on spot.")] = "spot",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """How good fair_value's probabilities are: Brier score and calibration 30, 60, 120 and 240 s before the end."""
    from polybot.backtest import calibration
    from polybot.core.strategies.fair_price import LOOKBACK_S
    from polybot.runtime.config.errors import ConfigError
    from polybot.runtime.supervision.session import tape_files
    from polybot.venue.tape_files import TapeError, read_markets, read_prints

    rule = next((known for known in LOOKBACK_S if known == settle), None)
    if rule is None:
        leave(2, f'--settle "{settle}": known are {", ".join(LOOKBACK_S)}')
    try:
        prices, markets = tape_files(tape)
        prints = {p.observed_s: p.value_e18 / 1e18 for p in read_prints(prices)}
        recorded = [
            (m.market.slug, m.market.start_s, m.market.end_s, m.strike_e18 and m.strike_e18 / 1e18, m.outcome == "UP")
            for m in read_markets(markets)
        ]
    except (TapeError, ConfigError) as exc:
        leave(78, str(exc))
    windows = calibration.windows_of(prints, recorded, rule)
    scores = _with_progress(len(windows), lambda tell: calibration.calibrate(prints, windows, rule, tell))
    if as_json:
        say_json(
            {
                "settle": settle,
                "counterfactual": rule != "spot",
                "windows": len(windows),
                "calibration": [_object(s) for s in scores],
            }
        )
        return
    sys.stdout.write(_text(scores, settle, len(windows)))


def _with_progress(total: int, work: Any) -> "list[Score]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("windows"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("windows", total=total)
        scores: list[Score] = work(lambda done: bar.update(task, completed=done))
    return scores


def _object(score: "Score") -> dict[str, Any]:
    tenths = [{"p": p, "up": up, "n": n} for p, up, n in score.deciles()]
    facts = {"model": score.model, "lead_s": score.lead_s, "n": len(score.pairs), "brier": score.brier}
    return facts | {"z_spread": score.z_spread, "deciles": tenths}


def _text(scores: "list[Score]", settle: str, windows: int) -> str:
    label = "" if settle == "spot" else "  (counterfactual: the day was settled on spot)"
    lines = [
        f"settled on {settle}, {windows} windows{label}",
        "",
        "before the end  model       n    Brier  half  z-scores",
    ]
    for score in scores:
        lines.append(
            f"{score.lead_s:>12} s  {score.model:10} {len(score.pairs):>3}   {score.brier:.3f}  .250  {score.z_spread:.2f}"
        )
    for score in scores:
        if score.model == "by rule":
            lines += ["", f"{score.lead_s} s before the end, by rule: said → was Up (windows)"]
            lines += [f"  {p:.2f} → {up:.2f}  ({n})" for p, up, n in score.deciles()]
    return "\n".join(lines) + "\n"


def register(above: typer.Typer) -> None:
    """Add the `data` commands to the command line."""
    above.add_typer(app, name="data")
