"""The local venue: Polymarket and Binance on loopback, in the profiles that need it."""

import asyncio
import sys

from polybot.runtime.base import log, process
from polybot.runtime.base.clock import WorldClock
from polybot.runtime.loop.context import Context


def main() -> None:
    """Take the lock, build the world, serve until SIGTERM."""
    process.die_with_parent()
    context = Context.open("venue")
    if context.settings.bot.profile == "live":
        sys.exit(0)  # started by a supervisor that does not know the profile: nothing to do
    if context.settings.bot.profile == "paper":
        _mirror(context)
    else:
        _world(context)


def _mirror(context: Context) -> None:
    """Serve profile paper: the real venue's books, our orders."""
    from polybot.runtime.config import endpoints
    from polybot.runtime.config.errors import ConfigError
    from polybot.venue.faults.script import Script
    from polybot.venue.mirror.program import GRANT_USD, MirrorVenue

    try:
        urls = endpoints.public()
    except ConfigError as exc:
        log.event("endpoints_refused", error=str(exc))
        sys.exit(78)

    async def live() -> None:
        purse_usd = context.settings.bot.capital_usd
        await MirrorVenue(context, Script(), urls, grant_usd=max(GRANT_USD, purse_usd)).live()

    asyncio.run(live())


def _world(context: Context) -> None:
    """Serve profile demo, or a rehearsal: a world of the venue's own."""
    if not isinstance(context.clock, WorldClock):
        log.event("venue_refused", reason="there is no session yet whose world could be served")
        sys.exit(78)
    from polybot.core.market.windows import session_from
    from polybot.sim.world.scenarios import UnknownScenario
    from polybot.venue.faults.script import ScriptError
    from polybot.venue.program import GRANT_USD, Venue, script_of, world_of
    from polybot.venue.tape_files import TapeError

    try:
        world = world_of(session_from(context.session))
    except (TapeError, UnknownScenario) as exc:
        log.event("world_unreadable", error=str(exc))
        sys.exit(78)
    try:
        script = script_of(context)
    except ScriptError as exc:
        log.event("fault_script_refused", error=str(exc))
        sys.exit(78)
    purse_usd = context.settings.bot.capital_usd

    async def live() -> None:
        await Venue(context, world, script, grant_usd=max(GRANT_USD, purse_usd)).live()

    asyncio.run(live())


if __name__ == "__main__":
    main()
