"""The venue by itself, for software written by others: an endless row of windows, with no bot that the world waits for.

At speed 1 a synthetic world keeps the wall's time, so that clients may sign with their own clocks. At other speeds, and on
a tape, world time is not theirs, and the stamps they sign are not held against it.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from polybot.core.market.windows import WINDOW_S, SessionPlan, session_from
from polybot.runtime.base.clock import WorldClock
from polybot.runtime.base.paths import Paths, replace_synced
from polybot.runtime.loop.context import WARM_UP_S, Context
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import session as sessions
from polybot.settings import Settings
from polybot.settings import World as Knobs
from polybot.sim.world.world import World
from polybot.venue.faults.script import Script
from polybot.venue.program import GRANT_USD, Venue, script_of, world_of

SAME_WORLD_S = 24 * 3600  # a world older than this is not gone on with: it would first have to be caught up with


@dataclass(frozen=True)
class Wishes:
    """What the operator asked for. port 0: any free ones. tape "": the synthetic world of the seed, bent by the scenario."""

    port: int = 0
    seed: int = 7
    speed: float = 1.0
    grant_usd: float = GRANT_USD
    tape: str = ""
    scenario: str = ""


async def serve(paths: Paths, wishes: Wishes) -> None:
    """Until SIGTERM or Ctrl-C. Raises ConfigError, TapeError, ScriptError, OSError when it cannot be."""
    context, world, script = prepare(paths, wishes)
    await Venue(context, world, script, grant_usd=wishes.grant_usd, port=wishes.port).live()


def prepare(paths: Paths, wishes: Wishes) -> tuple[Context, World, Script]:
    """Everything a venue stands on, in a state folder of its own; the lock is taken (75 when held)."""
    halt.prepare(paths)
    lock = locks.take_or_exit(paths, "venue")
    known = _known(paths.session)
    session = _session(wishes, known, time.time())
    text = msgspec.json.encode(session).decode()
    replace_synced(paths.session, text)
    world = world_of(session)
    knobs = Knobs(seed=wishes.seed, speed=wishes.speed, tape=wishes.tape, scenario=wishes.scenario)
    clock = _clock(paths, session)
    context = Context("venue", paths, Settings(world=knobs), text, clock, lock.next_boot(), lock)
    return context, world, script_of(context)


def keeps_wall_time(session: SessionPlan) -> bool:
    """May what clients sign be held against world time?"""
    return session.speed == 1.0 and not session.tape


def _clock(paths: Paths, session: SessionPlan) -> WorldClock:
    if session.tape:
        origin_s = float(session.first_window_s - WARM_UP_S)
    else:
        origin_s = time.time()
    clock = WorldClock.open(paths.state, session.id, int(origin_s * 1e9), session.speed)
    if keeps_wall_time(session):
        clock.jump(time.time_ns())
    return clock


def _session(wishes: Wishes, known: SessionPlan | None, now_s: float) -> SessionPlan:
    """The world that was here before when it is the one asked for, so that wallets keep what they have; else a new one.

    windows is 0: nobody trades them but clients, and the world waits for no one.
    """
    tape = os.path.abspath(os.path.expanduser(wishes.tape)) if wishes.tape else ""
    asked = (wishes.seed, tape, wishes.scenario, wishes.speed)
    is_same = known is not None and (known.seed, known.tape, known.scenario, known.speed) == asked
    if known is not None and is_same and (tape or 0 <= now_s - known.first_window_s < SAME_WORLD_S):
        return known
    first_s = sessions.tape_span(Path(tape))[0] if tape else int(now_s) // WINDOW_S * WINDOW_S
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_s))
    return SessionPlan(
        id=f"venue-{stamp}-{os.urandom(2).hex()}",
        first_window_s=first_s,
        seed=wishes.seed,
        tape=tape,
        scenario=wishes.scenario,
        speed=wishes.speed,
    )


def _known(path: Path) -> SessionPlan | None:
    try:
        return session_from(path.read_text())
    except (FileNotFoundError, msgspec.MsgspecError, json.JSONDecodeError):
        return None
