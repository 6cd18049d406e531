"""`halt` (for its help; see halt.py), `resume`, `pause`."""

import os
import sys
import time
from typing import Annotated

import typer

from messages import Done, Pause, Resume
from polybot.cli.commands import halt as halt_first
from polybot.cli.support.common import FAILED, HALTED, NOT_RUNNING, leave, say_json
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import ask
from polybot.runtime.safety import halt, locks

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def stop_trading(
    reason: Annotated[str, typer.Option(help="Why; it is asked for again when lifting.")] = "halted by hand",
    as_json: Json = False,
) -> None:
    """Stop trading now, cancel every order, and prove it. Works with any process dead; survives reboot. Does not sell."""
    raise typer.Exit(halt_first.main(["--reason", reason, *(["--json"] if as_json else [])]))


def resume(
    reason: Annotated[str, typer.Option(help="Why trading may go on.")],
    override: Annotated[bool, typer.Option("--override", help="Also lift a halt the bot made by itself.")] = False,
    as_json: Json = False,
) -> None:
    """Lift the halt that stands, or a pause, and start again who was given up. Refused when a newer one came meanwhile."""
    if not reason.strip():
        leave(2, "--reason must say something")
    paths = Paths.of()
    if not paths.state.is_dir():
        leave(NOT_RUNNING, f"{paths.state} does not exist")
    standing = halt.look(paths)
    started = _start_again(paths) if standing is None or standing.is_manual or override else []
    if standing is not None:
        try:
            halt.lift(paths, standing.id, override=override, reason=reason)
        except halt.NotLifted as exc:
            leave(HALTED, str(exc))
    reply = _ask_risk(
        paths, Resume(id=_id("resume"), halt_id=standing.id if standing else "", by=halt.USER, reason=reason)
    )
    state = reply.trading_state if reply else "not running"
    lifted = f"lifted {standing.id} ({standing.reason_code}: {standing.reason})" if standing else "no halt stood"
    if as_json:
        say_json({"lifted": standing._asdict() if standing else None, "trading_state": state, "started": started})
    else:
        if started:
            sys.stdout.write(f"started again: {', '.join(started)}\n")
        sys.stdout.write(f"{lifted}; trading state {state}\n")
    if reply is not None and not reply.ok:
        leave(HALTED if state == "HALTED" else FAILED, reply.reason)
    if standing is None and reply is None:
        leave(NOT_RUNNING, f"nothing runs in {paths.state}")


def _start_again(paths: Paths) -> list[str]:
    """Everyone of a running house runs before trading may go on; the names of who had to be started. Leaves with 1 else."""
    from polybot.cli.session import restart

    again = restart.start_again(paths)
    if again.needed:
        names = ", ".join(again.needed)
        leave(
            FAILED,
            f"not resumed, what stood stands: {names} does not come up again; see polybot-ctl logs {again.needed[0]}",
        )
    if again.missing:
        sys.stderr.write(f"{', '.join(again.missing)} does not come up again; trading goes on without it\n")
    return again.started


def pause(reason: Annotated[str, typer.Option(help="Why.")] = "paused by hand", as_json: Json = False) -> None:
    """No new entries until `resume`; what is held is kept and settled."""
    paths = Paths.of()
    reply = _ask_risk(paths, Pause(id=_id("pause"), by=halt.USER, reason=reason))
    if reply is None:
        leave(NOT_RUNNING, f"risk does not answer in {paths.state}: nothing was paused; `halt` works without it")
    if as_json:
        say_json({"paused": reply.ok, "trading_state": reply.trading_state, "reason": reply.reason})
    else:
        sys.stdout.write(f"trading state {reply.trading_state}\n")
    if not reply.ok:
        leave(FAILED, reply.reason)


def _ask_risk(paths: Paths, request: Resume | Pause) -> Done | None:
    if locks.holder(paths, "risk") is None:
        return None
    reply = ask(paths.sockets, "risk", request, 2.0)
    return reply if isinstance(reply, Done) else None


def _id(what: str) -> str:
    return f"ctl/{what}/{os.getpid()}/{time.time_ns()}"


def register(app: typer.Typer) -> None:
    """Add `halt`, `resume` and `pause` to the command line."""
    app.command("halt")(stop_trading)
    app.command()(resume)
    app.command()(pause)
