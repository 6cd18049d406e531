"""The local venue: Polymarket and Binance on loopback, in the profiles that need it."""

import asyncio
import sys

from polybot.runtime import log, process
from polybot.runtime.clock import WorldClock
from polybot.runtime.context import Context


def main() -> None:
    """Take the lock, build the world, serve until SIGTERM."""
    process.die_with_parent()
    context = Context.open("venue")
    if context.settings.bot.profile == "live":
        sys.exit(0)  # started by a supervisor that does not know the profile: nothing to do
    if not isinstance(context.clock, WorldClock):
        log.event("venue_refused", reason=f"profile {context.settings.bot.profile} has no world of its own to serve")
        sys.exit(78)
    from polybot.core.windows import session_from
    from polybot.venue.faults.script import ScriptError
    from polybot.venue.program import GRANT_USD, Venue, script_of, world_of
    from polybot.venue.tape_files import TapeError

    try:
        world = world_of(session_from(context.session))
    except TapeError as exc:
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
