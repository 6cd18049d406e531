"""`limits`: each limit of risk as used/limit, and how often each rule has refused, by strategy, since risk's start."""

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from messages import LimitUse, RiskState
from polybot.cli.render import tables
from polybot.cli.render.refusals import refusals_text
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave, say_json
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.safety import locks

if TYPE_CHECKING:
    import typer

LISTEN_S = 3.0  # the level is said each second


def heard(paths: Paths) -> RiskState:
    """risk's level; 4 when it does not run, 1 when it is silent."""
    if not paths.state.is_dir() or locks.holder(paths, "risk") is None:
        leave(NOT_RUNNING, f"risk does not run in {paths.state}")
    ears = Subscriber(paths.sockets, ["risk"], (RiskState,))
    deadline = time.monotonic() + LISTEN_S
    level = None
    while level is None and (left_s := deadline - time.monotonic()) > 0:
        envelope = ears.recv(int(left_s * 1000))
        level = envelope.body if envelope is not None and isinstance(envelope.body, RiskState) else None
    ears.close()
    if level is None:
        leave(FAILED, f"risk runs, and has not said its level for {LISTEN_S:g} s")
    return level


def facts_of(level: RiskState) -> dict[str, Any]:
    """The limits as a JSON object. share: used as a part of the limit, null where there is no such number."""
    return {
        "trading_state": level.state,
        "reason_code": level.reason_code,
        "reason": level.reason,
        "limits": [msgspec.to_builtins(use) | {"share": _share(use)} for use in level.limits],
        "refused": level.refused,
        "refused_by": level.refused_by,
        "approved": level.approved,
    }


def _share(use: LimitUse) -> float | None:
    return use.share if use.share >= 0 else None


def limits(as_json: bool) -> None:
    """Each limit of risk as used/limit. Exit code 4 when risk does not run."""
    level = heard(Paths.of())
    if as_json:
        say_json(facts_of(level))
        return
    because = f": {level.reason_code}: {level.reason}" if level.reason_code else ""
    sys.stdout.write(f"{level.state}{because}\n")
    rows = [
        (use.rule, use.strategy or "all", f"{use.used} / {use.limit}", "-" if use.share < 0 else f"{use.share:.0%}")
        for use in level.limits
    ]
    tables.table(("rule", "strategy", "used / limit", "part"), rows, "risk has told no limit")
    for line in refusals_text(level.refused_by):
        sys.stdout.write(f"{line}\n")


def register(app: "typer.Typer") -> None:
    """Add `limits` to the command line."""
    from polybot.cli.support.options import add_verb_with_json

    add_verb_with_json(app, limits)
