"""`report`: what a session came to, as text, as a picture, as one page. Says first when it proves nothing."""

import html
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from polybot.cli.commands.books import current_statement
from polybot.cli.commands.windows import of_session
from polybot.cli.render import equity_svg, tables
from polybot.cli.render.labels import books_label
from polybot.cli.render.statistics import Figures, figures, refusals, wilson, worst_drawdown
from polybot.cli.support.common import say_json
from polybot.cli.support.options import AsJson
from polybot.core.market.windows import STALE_BOOK_S, STALE_ORACLE_S, STALE_PRICE_S, WINDOW_S, staleness_s
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_read import Row
from polybot.runtime.supervision import session


def gather(paths: Paths) -> tuple[dict[str, Any], list[Row]]:
    """All figures as JSON facts, and the rows they come from."""
    index = tables.index_or_leave(paths)
    found = session.read(paths)
    rows = of_session(paths, index.windows())
    start_e6 = rows[0]["equity_before_e6"] if rows else 0
    end_e6 = next((r["equity_after_e6"] for r in reversed(rows) if r["equity_after_e6"] is not None), start_e6)
    whole = figures("all", rows)
    depth_e6, depth_share = worst_drawdown(start_e6, rows)
    speed = found.speed if found else 1.0
    facts: dict[str, Any] = {
        "warning": books_label(found, index),
        "session": msgspec.structs.asdict(found) if found else None,
        "equity": {"start_e6": start_e6, "end_e6": end_e6, "drawdown_e6": depth_e6, "drawdown": depth_share},
        "all": _facts(whole),
        "strategies": [
            _facts(figures(name, [r for r in rows if r["strategy"] == name]))
            for name in dict.fromkeys(r["strategy"] for r in rows)
        ],
        "refusals": [
            {"reason_code": r.code, "count": r.count, "example": r.example, "by_strategy": r.by_strategy}
            for r in refusals(rows)
        ],
        "provisional": sum(1 for r in rows if r["provisional"]),
        "staleness": _staleness(speed),
        "world": _world(paths),
        "recorder": index.counters(),
    }
    return facts, rows


def _facts(f: Figures) -> dict[str, Any]:
    interval = wilson(f.won, f.won + f.lost)
    return asdict(f) | {
        "hit": f.hit,
        "hit_95": list(interval) if interval else None,
        "even": f.even,
        "drag": f.fee_drag,
    }


def _staleness(speed: float) -> dict[str, Any]:
    """The limits as they were in force: speed stretches them (architecture §4)."""
    limits = {"price": STALE_PRICE_S, "book": STALE_BOOK_S, "oracle": STALE_ORACLE_S}
    used = {name: {"limit_s": limit, "used_s": staleness_s(limit, speed)} for name, limit in limits.items()}
    return {"speed": speed, **used}


def _world(paths: Paths) -> dict[str, Any] | None:
    """What the local venue wrote of its holds; None when no world ran here."""
    try:
        known = json.loads((paths.run / "waits.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return known if isinstance(known, dict) else None


# --- as text


def _counted(strategies: list[str]) -> str:
    return "1 strategy" if len(strategies) == 1 else f"{len(strategies)} strategies"


def text(facts: dict[str, Any], balance: str) -> str:
    """The whole report as text for people; `balance` is the statement's last line."""
    lines = [facts["warning"], ""] if facts["warning"] else []
    if s := facts["session"]:
        world = f"tape {s['tape']}" if s["tape"] else f"seed {s['seed']}"
        world += f", scenario {s['scenario']}" if s["scenario"] else ""
        where = f", speed {s['speed']:g}, {world}" if s["profile"] == "demo" else ""
        if s["stand_in"]:
            where = f", speed {s['speed']:g}: a {s['profile']} rehearsal against a local venue ({s['stand_in']})"
        rows = facts["all"]["windows"]
        lines.append(f"session {s['id']}: {rows} rows, {s['windows']} windows × {_counted(s['strategies'])}{where}")
    lines += [*_result(facts), "", *_strategies(facts["strategies"]), "", *_refused(facts["refusals"])]
    lines += ["", *_world_lines(facts["world"]), *_house(facts)]
    return "\n".join([*lines, "", balance])


def _result(facts: dict[str, Any]) -> list[str]:
    e, a = facts["equity"], facts["all"]
    lines = [
        f"equity      {tables.usd(e['end_e6'])} USD from {tables.usd(e['start_e6'])}",
        f"P&L         {tables.usd(a['pnl_e6'], plus=True)} after fees of {tables.usd(a['fee_e6'])}",
        f"trades      {a['traded']} of {a['windows']} windows: {a['won']} won, {a['lost']} lost"
        + (f", {a['unsettled']} without an outcome yet" if a["unsettled"] else ""),
    ]
    if a["hit"] is not None:
        low, high = a["hit_95"]
        lines.append(
            f"hit rate    {a['hit']:.1%}, 95 % interval {low:.1%} to {high:.1%};"
            f" it takes {a['even']:.1%} to break even at the prices paid"
        )
    if a["drag"] is not None:
        lines.append(f"fee drag    {a['drag']:.2%} of {tables.usd(a['cost_e6'])} staked")
    lines.append(
        f"drawdown    {tables.usd(e['drawdown_e6'])} at worst ({e['drawdown']:.1%} below the highest before it)"
    )
    if facts["provisional"]:
        lines.append(f"provisional {facts['provisional']} windows without the venue's final word")
    return lines


def _strategies(strategies: list[dict[str, Any]]) -> list[str]:
    head = ("strategy", "windows", "traded", "won", "lost", "hit", "95 %", "even", "staked", "fees", "P&L")
    rows = [head]
    for s in strategies:
        low, high = s["hit_95"] or (None, None)
        rows.append(
            (
                s["name"],
                str(s["windows"]),
                str(s["traded"]),
                str(s["won"]),
                str(s["lost"]),
                _share(s["hit"]),
                f"{_share(low)}–{_share(high)}" if low is not None else "-",
                _share(s["even"]),
                tables.usd(s["cost_e6"]),
                tables.usd(s["fee_e6"]),
                tables.usd(s["pnl_e6"], plus=True),
            )
        )
    return _columns(rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f}"


def _refused(refused: list[dict[str, Any]]) -> list[str]:
    if not refused:
        return ["no window was skipped"]
    width = max(len(r["reason_code"]) for r in refused)
    names = list(dict.fromkeys(name for r in refused for name in r["by_strategy"]))
    lines = ["skipped"] + [f"  {r['count']:>4} {r['reason_code']:<{width}}  e.g. {r['example']}" for r in refused]
    if len(names) < 2:
        return lines
    table = [("by strategy", *names)]
    table += [(r["reason_code"], *(str(r["by_strategy"].get(name, 0)) for name in names)) for r in refused]
    return [*lines, "", *_columns(table)]


def _world_lines(world: dict[str, Any] | None) -> list[str]:
    if world is None:
        return []
    waits = world.get("waits", {})
    rows = [("the world waited for", "times", "total ms", "longest ms", "given up")]
    rows += [
        (kind, str(w["count"]), f"{w['total_ms']:.0f}", f"{w['max_ms']:.0f}", str(w["timeouts"]))
        for kind, w in sorted(waits.items())
    ]
    lines = _columns(rows) if waits else ["the world waited for nobody"]
    behind = float(world.get("behind_s") or 0.0)
    lines.append(
        f"behind its clock by {behind:.1f} s" + (": this machine is too slow for that speed" if behind > 1 else "")
    )
    if thinned := world.get("thinned"):
        said = ", ".join(f"{k} {v}" for k, v in thinned.items()) if isinstance(thinned, dict) else str(thinned)
        lines.append(f"thinned: {said}")
    return lines


def _house(facts: dict[str, Any]) -> list[str]:
    s, counts = facts["staleness"], facts["recorder"]
    limits = ", ".join(f"{n} {s[n]['used_s']:g} s (limit {s[n]['limit_s']:g} s)" for n in ("price", "book", "oracle"))
    lines = [f"stale after: {limits} at speed {s['speed']:g}"]
    if counts.get("gaps") or counts.get("resend_lost"):
        lines.append(
            f"recorder: {counts.get('gaps', 0)} messages asked again, {counts.get('resend_lost', 0)} pages lost"
        )
    return lines


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    made = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        made.append("  ".join(cells).rstrip())
    return made


# --- as picture and page


def picture(facts: dict[str, Any], rows: list[Row]) -> str:
    """The curve over the windows that have a result."""
    points = [
        equity_svg.CurvePoint(
            tables.minute(r["start_s"] + WINDOW_S)[6:],
            r["equity_after_e6"],
            None if r["state"] != "traded" else (r["pnl_e6"] or 0) > 0,
        )
        for r in rows
        if r["equity_after_e6"] is not None
    ]
    e, a, s = facts["equity"], facts["all"], facts["session"]
    title = f"polybot {s['id'] if s else ''}: equity {tables.usd(e['end_e6'])} USD, P&L {tables.usd(a['pnl_e6'], plus=True)}"
    subtitle = f"{a['traded']} trades in {a['windows']} windows; P&L after fees of {tables.usd(a['fee_e6'])}"
    warning = f" · {facts['warning']}" if facts["warning"] else ""
    return equity_svg.svg(title, subtitle + warning, e["start_e6"], points)


def _page(words: str, curve: str) -> str:
    style = "body{font-family:sans-serif;margin:2em;color:#1a1a1a}pre{font-size:14px}svg{max-width:100%;height:auto}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>polybot report</title><style>{style}</style>'
    return f"{head}<body>{curve}<pre>{html.escape(words)}</pre></body></html>\n"


def show(paths: Paths, page: Path | None = None) -> None:
    """Print the report; the equity curve goes to state/report/equity.svg."""
    facts, rows = gather(paths)
    curve = picture(facts, rows)
    paths.report.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = paths.report / "equity.svg"
    file.write_text(curve)
    words = text(facts, current_statement(paths).sum_text())
    sys.stdout.write(f"{words}equity curve: {file}\n")
    if page is not None:
        page.write_text(_page(words, curve))
        sys.stdout.write(f"page: {page}\n")


def report(
    as_json: AsJson = False,
    page: Annotated[Path | None, typer.Option("--html", help="Also write one page with text and picture.")] = None,
) -> None:
    """Equity, P&L after fees, hit rate with its interval, drawdown, refusals, and how the world behaved."""
    paths = Paths.of()
    if not as_json:
        show(paths, page)
        return
    facts, _ = gather(paths)
    say_json(facts | {"statement": current_statement(paths).sums()})


def register(app: typer.Typer) -> None:
    """Add `report` to the command line."""
    app.command()(report)
