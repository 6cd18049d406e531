"""The mirror by itself, for software written by others: the real books, play money, no bot."""

import os
import time

import msgspec

from polybot.core.market.windows import WINDOW_S, SessionPlan, session_from
from polybot.runtime.base.paths import Paths, replace_synced
from polybot.runtime.config import endpoints
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.loop.context import Context, outside_clock
from polybot.runtime.safety import halt, locks
from polybot.settings import Settings
from polybot.venue.mirror.program import MirrorVenue
from polybot.venue.program import script_of
from polybot.venue.standalone import Wishes


async def serve(paths: Paths, wishes: Wishes) -> None:
    """Until SIGTERM or Ctrl-C. Wallets are kept over restarts. Raises ConfigError, OSError when it cannot be."""
    urls = endpoints.public()
    halt.prepare(paths)
    lock = locks.take_or_exit(paths, "venue")
    text = _session(paths)
    context = Context("venue", paths, Settings(), text, outside_clock("paper"), lock.next_boot(), lock)
    await MirrorVenue(context, script_of(context), urls, grant_usd=wishes.grant_usd, port=wishes.port).live()


def _session(paths: Paths) -> str:
    if paths.session.exists():
        text = paths.session.read_text()
        known = session_from(text)
        if known.profile != "paper":
            raise ConfigError(f"{paths.state} holds another world, {known.id}: choose another folder with --state")
        return text
    now_s = int(time.time())
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_s))
    fresh = SessionPlan(
        id=f"mirror-{stamp}-{os.urandom(2).hex()}",
        profile="paper",
        first_window_s=now_s // WINDOW_S * WINDOW_S,
        windows=0,
    )
    text = msgspec.json.encode(fresh).decode()
    replace_synced(paths.session, text)
    return text
