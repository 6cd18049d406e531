"""`redeem`: what resolved windows still owe the wallet, fetched now, each with what came of it."""

import os
import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from messages import Redeem, Redemption, Redemptions
from polybot.cli.render import tables
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.cli.support.options import AsJson
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import ask
from polybot.runtime.safety import locks

LOOK_S = 0.3
PATIENCE_S = 2.0


def redeem(
    wait: Annotated[float, typer.Option("--for", help="How long to wait for the chain, in seconds.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Turn what was won into cash now, and tell what came of each window. 0 all paid (or nothing owed), 1 something is not."""
    paths = Paths.of()
    if locks.holder(paths, "executor") is None:
        leave(
            NOT_RUNNING, f"no executor runs in {paths.state}: it alone redeems, by itself once it runs (polybot-ctl up)"
        )
    owed = {r.slug: r for r in _asked(paths, now=True)}
    if not as_json and owed:
        sys.stderr.write(f"{len(owed)} windows owe {tables.usd(sum(r.amount_e6 for r in owed.values()))} USD\n")
    deadline = time.monotonic() + wait
    while any(r.state != "paid" for r in owed.values()) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
        now = {r.slug: r for r in _asked(paths, slugs=tuple(owed))}
        owed = {slug: now.get(slug) or _settled(before) for slug, before in owed.items()}
    _show(list(owed.values()), as_json)
    if any(r.state != "paid" for r in owed.values()):
        raise typer.Exit(FAILED)


def _asked(paths: Paths, now: bool = False, slugs: tuple[str, ...] = ()) -> tuple[Redemption, ...]:
    wish = Redeem(id=f"ctl/redeem/{os.getpid()}/{time.time_ns()}", now=now, slugs=slugs)
    reply = ask(paths.sockets, "executor", wish, PATIENCE_S)
    if not isinstance(reply, Redemptions):
        leave(NOT_RUNNING, "the executor does not answer")
    return reply.redemptions


def _settled(before: Redemption) -> Redemption:
    """It owes nothing any more, and nobody redeemed it here: the venue paid it, or took back its word."""
    return msgspec.structs.replace(before, state="paid", why=before.why or "it owes nothing any more")


def _show(rows: list[Redemption], as_json: bool) -> None:
    if as_json:
        plain: list[dict[str, Any]] = [msgspec.to_builtins(row) for row in rows]
        say_json({"redemptions": plain})
        return
    cells = (
        (
            r.slug,
            tables.exact(r.amount_e6),
            r.state,
            str(r.attempts),
            tables.short(r.tx_id) if r.tx_id else "-",
            r.why or "-",
        )
        for r in rows
    )
    tables.table(("window", "USD", "state", "attempts", "transaction", "why"), cells, "nothing is owed")


def register(app: typer.Typer) -> None:
    """Add `redeem` to the command line."""
    app.command()(redeem)
