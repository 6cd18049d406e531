"""`windows`: one row a window and strategy; and which rows are the session's."""

import sys
from typing import TYPE_CHECKING

from polybot.cli.render import tables
from polybot.cli.render.labels import books_label, labelled
from polybot.cli.support.common import leave, say_json
from polybot.runtime.base.paths import Paths
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.store.index_read import Row
from polybot.runtime.supervision import session
from polybot.runtime.supervision.session import Session

if TYPE_CHECKING:
    import typer


def windows(as_json: bool) -> None:
    """One row per window of the session and strategy: traded or skipped, and why."""
    paths = Paths.of()
    index = tables.index_or_leave(paths)
    rows = of_session(paths, index.windows())
    label = books_label(session_or_leave(paths), index)
    if as_json:
        say_json({"windows": labelled(rows, label)})
        return
    if label:
        sys.stderr.write(f"{label}\n")
    columns = (
        "n",
        "window",
        "strategy",
        "side",
        "strike",
        "end",
        "stake",
        "paid",
        "fee",
        "outcome",
        "P&L",
        "equity",
        "why",
    )
    tables.table(columns, (window_cells(row) for row in rows), "no window has passed yet")


def of_session(paths: Paths, rows: list[Row]) -> list[Row]:
    """The rows of the session that stands; all of them when none does."""
    found = session_or_leave(paths)
    if found is None:
        return rows
    return [r for r in rows if found.first_window_s <= r["start_s"] < found.end_s]


def session_or_leave(paths: Paths) -> Session | None:
    """The session that stands; 78 with one that cannot be read."""
    try:
        return session.read(paths)
    except ConfigError as exc:
        leave(78, str(exc))


def window_cells(row: Row) -> tuple[str, ...]:
    """One window's row as the cells of the table that `windows` prints."""
    outcome = row["outcome"] or "-"
    why = row["reason"] if not row["reason_code"] else f"{row['reason_code']}: {row['reason']}"
    return (
        str(row["n"]),
        tables.minute(row["start_s"]),
        row["strategy"],
        row["prediction"] or "-",
        tables.price(row["strike"]),
        tables.price(row["settle"]),
        tables.usd(row["stake_e6"]) if row["stake_e6"] else "-",
        tables.exact(row["price_e6"]),
        tables.usd(row["fee_e6"]) if row["fee_e6"] else "-",
        f"{outcome}?" if row["provisional"] and row["outcome"] else outcome,
        tables.usd(row["pnl_e6"], plus=True) if row["state"] == "traded" else "-",
        tables.usd(row["equity_after_e6"]),
        why,
    )


def register(app: "typer.Typer") -> None:
    """Add `windows` to the command line."""
    from polybot.cli.support.options import add_verb_with_json

    add_verb_with_json(app, windows)
