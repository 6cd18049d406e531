"""`status`: what runs, what it says of itself, whether it may trade. The first of 4, 5, 3, 0 that holds is the code."""

import sys
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from messages import Account, Health, Heartbeat, Positions, RiskState
from messages.units import usd_text
from polybot.cli.common import DEGRADED, HALTED, NOT_RUNNING, say_json, settings_or_leave
from polybot.core.windows import WINDOW_S
from polybot.runtime import halt, locks, session, supervise
from polybot.runtime.bus import Subscriber
from polybot.runtime.clock import peek_ns
from polybot.runtime.paths import Paths
from polybot.runtime.session import Session
from polybot.runtime.topology import actors_of

LISTEN_S = 1.5  # hearts beat each half second, levels are said each second
_FRESH_MS = 3000


@dataclass
class Heard:
    """The newest of each level within LISTEN_S."""

    hearts: dict[str, Heartbeat] = field(default_factory=dict)
    health: Health | None = None
    account: Account | None = None
    positions: Positions | None = None
    risk: RiskState | None = None
    world_ns: int = 0


def listen(paths: Paths, actors: set[str]) -> Heard:
    """Until everyone has been heard, or LISTEN_S is over."""
    heard = Heard()
    ears = Subscriber(paths.sockets, sorted(actors), (Heartbeat, Health, Account, Positions, RiskState))
    deadline = time.monotonic() + LISTEN_S
    while (left_s := deadline - time.monotonic()) > 0:
        envelope = ears.recv(int(left_s * 1000))
        if envelope is None:
            break
        heard.world_ns = max(heard.world_ns, envelope.at_ns)
        match envelope.body:
            case Heartbeat() as beat:
                heard.hearts[beat.actor] = beat
            case Health() as health:
                heard.health = health
            case Account() as account:
                heard.account = account
            case Positions() as positions:
                heard.positions = positions
            case RiskState() as risk:
                heard.risk = risk
        if actors <= set(heard.hearts) and heard.health and heard.account and heard.positions and heard.risk:
            break
    ears.close()
    return heard


def gather(paths: Paths) -> tuple[dict[str, Any], int]:
    """The whole status as JSON facts, and the exit code."""
    found = session.read(paths) if paths.state.is_dir() else None
    profile = found.profile if found else settings_or_leave().bot.profile
    rows = actors_of(profile)
    running = {a.name for a in rows if locks.holder(paths, a.name)}
    supervised = _supervised(paths)
    heard = listen(paths, {a.name for a in rows}) if running else Heard()
    actors = {a.name: _actor(paths, a.name, heard, supervised) for a in rows}
    standing = halt.look(paths) if paths.state.is_dir() else None
    facts = {
        "profile": profile,
        "state": str(paths.state),
        "trading_state": _trading_state(heard, standing, bool(running)),
        "halt": standing._asdict() if standing else None,
        "actors": actors,
        "session": _session(found, heard.world_ns or (peek_ns(paths.state) if found else 0) or 0),
        "account": _account(heard),
        "limits": msgspec.to_builtins(heard.risk.limits) if heard.risk else [],
        "refused": heard.risk.refused if heard.risk else {},
    }
    if not running and not supervised:
        return facts, NOT_RUNNING
    if standing is not None or facts["trading_state"] == "HALTED":
        return facts, HALTED
    return facts, DEGRADED if any(a["state"] != "up" for a in actors.values()) else 0


def _supervised(paths: Paths) -> dict[str, dict[str, Any]]:
    try:
        return {str(info["name"]): info for info in supervise.Supervisor.of(paths, 2.0).processes()}
    except supervise.Unreachable:
        return {}


def _actor(paths: Paths, name: str, heard: Heard, supervised: dict[str, dict[str, Any]]) -> dict[str, Any]:
    beat, info = heard.hearts.get(name), supervised.get(name)
    age_ms = int((time.monotonic_ns() - beat.mono_ns) / 1e6) if beat else None
    state = "down"
    if beat and age_ms is not None and age_ms < _FRESH_MS:
        state = "up"
    elif info:
        state = {"RUNNING": "silent", "STARTING": "starting", "STOPPED": "stopped"}.get(info["statename"], "down")
    return {
        "state": state,
        "pid": beat.pid if beat else (info["pid"] or None) if info else None,
        "uptime_s": beat.uptime_s if beat else None,
        "restarts": locks.restarts(paths, name),
        "heartbeat_age_ms": age_ms,
        "boot": beat.boot if beat else None,
        "gaps": beat.gaps if beat else None,
        "dropped": beat.dropped if beat else None,
    }


def _trading_state(heard: Heard, standing: halt.Standing | None, runs: bool) -> str:
    if standing is not None:
        return "HALTED"
    if heard.risk is not None:
        return heard.risk.state
    return "UNKNOWN" if runs else "STOPPED"


def _session(found: Session | None, world_ns: int) -> dict[str, Any] | None:
    if found is None:
        return None
    passed = (world_ns // 10**9 - found.first_window_s) // WINDOW_S
    return {
        "id": found.id,
        "windows_done": max(0, min(found.windows, passed)),
        "windows": found.windows,
        "speed": found.speed,
        "tape": found.tape,
        "seed": found.seed,
        "strategies": list(found.strategies),
    }


def _account(heard: Heard) -> dict[str, Any] | None:
    """The executor's own level, and rules §7's sums over strategies."""
    account = heard.account
    if account is None:
        return None
    streaks = account.streaks.values()
    facts: dict[str, Any] = msgspec.to_builtins(account)
    return facts | {
        "exposure_e6": account.reserved_e6 + account.positions_e6 + account.claims_e6,
        "win_streak": max((s.wins for s in streaks), default=0),
        "loss_streak": max((s.losses for s in streaks), default=0),
        "trades": sum(s.trades for s in streaks),
        "wins": sum(s.won for s in streaks),
        "losses": sum(s.lost for s in streaks),
        "positions": msgspec.to_builtins(heard.positions.positions) if heard.positions else [],
    }


# --- for people


def _show(facts: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    halted = facts["halt"]
    console.print(f"{facts['profile']} in {facts['state']}: [bold]{facts['trading_state']}[/bold]", highlight=False)
    if halted:
        console.print(f"halted by {halted['by'] or 'an unreadable file'}: {halted['reason_code']}: {halted['reason']}")
    if facts["session"]:
        s = facts["session"]
        console.print(f"session {s['id']}: window {s['windows_done']} of {s['windows']}", highlight=False)
    if facts["account"]:
        a = facts["account"]
        console.print(
            f"equity {usd_text(a['equity_e6'])} USD, free {usd_text(a['free_e6'])}, "
            f"{a['trades']} trades, {a['wins']} won, {a['losses']} lost, streak {a['win_streak']}",
            highlight=False,
        )
    table = Table(box=None, pad_edge=False)
    for column in ("actor", "state", "pid", "uptime", "restarts", "heart"):
        table.add_column(column, justify="left" if column in ("actor", "state") else "right")
    for name, actor in facts["actors"].items():
        uptime = f"{actor['uptime_s']:.0f} s" if actor["uptime_s"] is not None else "-"
        heart = f"{actor['heartbeat_age_ms']} ms" if actor["heartbeat_age_ms"] is not None else "-"
        table.add_row(name, actor["state"], _dash(actor["pid"]), uptime, _dash(actor["restarts"]), heart)
    console.print(table)


def _dash(value: object) -> str:
    return "-" if value is None else str(value)


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """What runs and whether it trades. Exit code 4 not running, 5 halted, 3 something is down, 0 well."""
    facts, code = gather(Paths.of())
    if as_json:
        say_json(facts)
    else:
        _show(facts)
        sys.stdout.flush()
    raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    """Compose."""
    app.command()(status)
