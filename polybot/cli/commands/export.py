"""`export`: the session as text files: predictions.jsonl, trades.jsonl, equity_curve.csv."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from messages.units import decimal_text
from polybot.cli.commands.windows import of_session, session_or_leave
from polybot.cli.render import tables
from polybot.cli.render.labels import books_label, labelled
from polybot.core.market.windows import WINDOW_S
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_read import Row

MONEY = ("stake_e6", "limit_e6", "order_id", "filled_e6", "price_e6", "fee_e6", "pnl_e6")


def write(folder: Path, rows: list[Row]) -> dict[str, int]:
    """Write the three files; returns how many lines each has."""
    folder.mkdir(parents=True, exist_ok=True)
    thoughts = [{k: v for k, v in row.items() if k not in MONEY} for row in rows]
    trades = [row for row in rows if row["state"] == "traded"]
    counts = {"predictions.jsonl": len(thoughts), "trades.jsonl": len(trades), "equity_curve.csv": 0}
    for name, facts in (("predictions.jsonl", thoughts), ("trades.jsonl", trades)):
        with (folder / name).open("w") as file:
            file.writelines(json.dumps(fact) + "\n" for fact in facts)
    with (folder / "equity_curve.csv").open("w", newline="") as table:
        lines = csv.writer(table)
        lines.writerow(("end_s", "n", "strategy", "slug", "pnl_usd", "equity_usd", "provisional"))
        for row in rows:
            if row["equity_after_e6"] is None:
                continue
            counts["equity_curve.csv"] += 1
            money = (decimal_text(row["pnl_e6"]), decimal_text(row["equity_after_e6"]))
            lines.writerow(
                (row["start_s"] + WINDOW_S, row["n"], row["strategy"], row["slug"], *money, int(row["provisional"]))
            )
    return counts


def export(
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write into; the state folder's report/.")] = None,
) -> None:
    """Write the session's predictions, trades and equity curve as text files."""
    paths = Paths.of()
    folder = out or paths.report
    index = tables.index_or_leave(paths)
    rows = labelled(of_session(paths, index.windows()), books_label(session_or_leave(paths), index))
    for name, count in write(folder, rows).items():
        sys.stdout.write(f"{folder / name}: {count} rows\n")


def register(app: typer.Typer) -> None:
    """Add `export` to the command line."""
    app.command()(export)
