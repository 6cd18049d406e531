"""`status`: what runs, what it says of itself, whether it may trade. The first of 4, 5, 3, 0 that holds is the code."""

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from messages import Account, ClockOffset, FeedStatus, Health, Heartbeat, Positions, RiskState
from messages.units import usd_text
from polybot.cli.render import feed_status
from polybot.cli.render.refusals import refusals_text
from polybot.cli.support.common import DEGRADED, HALTED, NOT_RUNNING, leave, say_json, settings_or_leave
from polybot.core.market.windows import WINDOW_S
from polybot.runtime.base.clock import peek_ns
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import session, supervisord
from polybot.runtime.supervision.session import Session
from polybot.topology import actors_of

if TYPE_CHECKING:
    import typer
    from rich.console import Console

LISTEN_S = 1.5  # hearts beat each half second, levels are said each second
_FRESH_MS = 3000
_CLOCKS = {"venue": "the venue's", "sntp": "a time server's"}


@dataclass
class HeardLevels:
    """The newest word of each level that was heard within LISTEN_S."""

    hearts: dict[str, Heartbeat] = field(default_factory=dict)
    health: Health | None = None
    account: Account | None = None
    positions: Positions | None = None
    risk: RiskState | None = None
    feeds: dict[str, tuple[str, FeedStatus]] = field(default_factory=dict)  # by feed: (who said it, what)
    clocks: dict[str, ClockOffset] = field(default_factory=dict)
    world_ns: int = 0


def listen(paths: Paths, actors: set[str]) -> HeardLevels:
    """Until everyone has been heard, or LISTEN_S is over."""
    heard = HeardLevels()
    ears = Subscriber(
        paths.sockets, sorted(actors), (Heartbeat, Health, Account, Positions, RiskState, FeedStatus, ClockOffset)
    )
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
            case FeedStatus() as feed:
                heard.feeds[feed.feed] = (envelope.source, feed)
            case ClockOffset() as clock:
                heard.clocks[clock.source] = clock
        if actors <= set(heard.hearts) and heard.health and heard.account and heard.positions and heard.risk:
            break
    ears.close()
    return heard


def gather(paths: Paths) -> tuple[dict[str, Any], int]:
    """The whole status as JSON facts, and the exit code."""
    found = session.read(paths) if paths.state.is_dir() else None
    profile = found.profile if found else settings_or_leave().bot.profile
    supervised = _supervised(paths)
    running = {a.name for a in actors_of(profile) if locks.holder(paths, a.name)}
    rows = [a for a in actors_of(profile) if not a.knob or a.name in running or _is_kept(supervised.get(a.name))]
    heard = listen(paths, {a.name for a in rows}) if running else HeardLevels()
    actors = {a.name: _actor(paths, a.name, heard, supervised) for a in rows}
    standing = halt.look(paths) if paths.state.is_dir() else None
    facts = {
        "profile": profile,
        "rehearsal": found.stand_in if found else "",
        "state": str(paths.state),
        "trading_state": _trading_state(heard, standing, bool(running)),
        "halt": standing._asdict() if standing else None,
        "actors": actors,
        "session": _session(found, heard.world_ns or (peek_ns(paths.state) if found else 0) or 0),
        "account": _account(heard),
        "feeds": {
            name: feed_status.feed(said, heard.hearts.get(source))
            for name, (source, said) in sorted(heard.feeds.items())
        },
        "clock": {name: _clock(level) for name, level in sorted(heard.clocks.items())},
        "endpoints": feed_status.endpoints(heard.hearts),
        "latency": _latency(heard),
        "limits": msgspec.to_builtins(heard.risk.limits) if heard.risk else [],
        "refused": heard.risk.refused if heard.risk else {},
        "refused_by": heard.risk.refused_by if heard.risk else {},
        "reason": f"{heard.risk.reason_code}: {heard.risk.reason}" if heard.risk and heard.risk.reason_code else "",
    }
    if not running and not supervised:
        return facts, NOT_RUNNING
    if standing is not None or facts["trading_state"] == "HALTED":
        return facts, HALTED
    return facts, DEGRADED if any(a["state"] != "up" for a in actors.values()) else 0


def _supervised(paths: Paths) -> dict[str, dict[str, Any]]:
    try:
        return {str(info["name"]): info for info in supervisord.Supervisor.of(paths, 2.0).processes()}
    except supervisord.Unreachable:
        return {}


def _is_kept(info: dict[str, Any] | None) -> bool:
    """An actor that runs by a knob: supervisord has it, and it did not leave by itself because nobody wants it."""
    return info is not None and not (info["statename"] == "EXITED" and info["exitstatus"] == 0)


def _actor(paths: Paths, name: str, heard: HeardLevels, supervised: dict[str, dict[str, Any]]) -> dict[str, Any]:
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


def _clock(level: ClockOffset) -> dict[str, Any]:
    """Ours − theirs in ms, null = unknown and why."""
    return {
        "offset_ms": level.offset_ms,
        "error_ms": None if level.offset_ms is None else level.error_ms,
        "round_trip_ms": _measured(level.round_trip_ms),
        "why": level.why,
    }


def _latency(heard: HeardLevels) -> dict[str, Any]:
    """Machine ms, null before the first: the venue's answers to the executor; decisions and turns of each actor."""
    executor = heard.hearts.get("executor")
    return {
        "api_p50_ms": _measured(executor.api_p50_ms) if executor else None,
        "api_p95_ms": _measured(executor.api_p95_ms) if executor else None,
        "decision": {
            name: {"p50_ms": beat.decision_p50_ms, "p95_ms": beat.decision_p95_ms}
            for name, beat in sorted(heard.hearts.items())
            if beat.decision_p50_ms >= 0
        },
        "cycle": {
            name: {"p50_ms": beat.cycle_p50_ms, "p95_ms": beat.cycle_p95_ms}
            for name, beat in sorted(heard.hearts.items())
            if beat.cycle_p50_ms >= 0
        },
    }


def _measured(value_ms: float) -> float | None:
    return value_ms if value_ms >= 0 else None


def _trading_state(heard: HeardLevels, standing: halt.Standing | None, runs: bool) -> str:
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
        "scenario": found.scenario,
        "seed": found.seed,
        "strategies": list(found.strategies),
    }


def _account(heard: HeardLevels) -> dict[str, Any] | None:
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
        "foreign": list(heard.positions.foreign) if heard.positions else [],
    }


# --- for people


def in_the_way(account: dict[str, Any]) -> list[str]:
    """What the executor names as a reason not to trade, one line each; [] when nothing is."""
    lines = []
    if account["venue_state"] not in ("", "running"):
        lines.append(f"the venue is {account['venue_state']}: {account['venue_why']}")
    for market, why in account.get("unreadable", {}).items():
        lines.append(f"no entries in market {market or 'any'}: a trade of ours there cannot be read: {why}")
    if account["pulse_state"] == "failing":
        lines.append(f"no new orders: {account['pulse_why']}")
    if account["why_not_ready"]:
        lines.append(f"not ready: {account['why_not_ready']}")
    for order_id in account["unknown_orders"]:
        lines.append(f"the fate of order {order_id} is unknown: its market is blocked")
    for name in account["foreign"]:
        lines.append(f"not ours: {name}; new orders stop until you halt and resume with it in sight")
    return lines


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console  # who asks for JSON need not wait for it
    from rich.table import Table

    console = Console(soft_wrap=True)
    halted = facts["halt"]
    what = f" rehearsal against a local venue ({facts['rehearsal']})" if facts["rehearsal"] else ""
    console.print(
        f"{facts['profile']}{what} in {facts['state']}: [bold]{facts['trading_state']}[/bold]", highlight=False
    )
    if halted:
        console.print(f"halted by {halted['by'] or 'an unreadable file'}: {halted['reason_code']}: {halted['reason']}")
    elif facts["reason"]:
        console.print(facts["reason"], highlight=False, markup=False)
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
        for line in in_the_way(a):
            console.print(line, highlight=False, markup=False)
    for line in refusals_text(facts["refused_by"]):
        console.print(f"{line} (since risk's start)", highlight=False, markup=False)
    _show_feeds(console, facts)
    table = Table(box=None, pad_edge=False)
    for column in ("actor", "state", "pid", "uptime", "restarts", "heart", "cycle p50/p95", "decision p50/p95"):
        table.add_column(column, justify="left" if column in ("actor", "state") else "right")
    for name, actor in facts["actors"].items():
        uptime = f"{actor['uptime_s']:.0f} s" if actor["uptime_s"] is not None else "-"
        heart = f"{actor['heartbeat_age_ms']} ms" if actor["heartbeat_age_ms"] is not None else "-"
        took = [_pair(facts["latency"][what].get(name)) for what in ("cycle", "decision")]
        table.add_row(name, actor["state"], _dash(actor["pid"]), uptime, _dash(actor["restarts"]), heart, *took)
    console.print(table)


def _show_feeds(console: "Console", facts: dict[str, Any]) -> None:
    for line in feed_status.lines(facts["feeds"], facts["endpoints"]):
        console.print(line, highlight=False, markup=False)
    for name, clock in facts["clock"].items():
        console.print(f"our clock against {_CLOCKS[name]}: {_offset(clock)}", highlight=False, markup=False)
    latency = facts["latency"]
    if latency["api_p50_ms"] is not None:
        line = f"venue answers in {latency['api_p50_ms']:g} ms p50, {latency['api_p95_ms']:g} ms p95"
        console.print(line, highlight=False)


def _offset(clock: dict[str, Any]) -> str:
    if clock["offset_ms"] is None:
        return f"unknown, {clock['why']}"
    return f"{clock['offset_ms']:+.0f} ± {clock['error_ms']:.0f} ms"


def _pair(quantiles: dict[str, float] | None) -> str:
    return f"{quantiles['p50_ms']:.2f}/{quantiles['p95_ms']:.2f} ms" if quantiles else "-"


def _dash(value: object) -> str:
    return "-" if value is None else str(value)


def status(as_json: bool) -> None:
    """What runs and whether it trades. Exit code 4 not running, 5 halted, 3 something is down, 0 well."""
    facts, code = gather(Paths.of())
    if as_json:
        say_json(facts)
    else:
        _show(facts)
        sys.stdout.flush()
    leave(code)


def register(app: "typer.Typer") -> None:
    """Add `status` to the command line."""
    from polybot.cli.support.options import add_verb_with_json

    add_verb_with_json(app, status)
