"""May this actor run here and now? Asked before anything of the actor itself is imported; makes the session if none stands."""

import sys

from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths, UnsafeMode
from polybot.runtime.config import config, endpoints
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import live_confirmation
from polybot.runtime.supervision import session
from polybot.topology import BY_NAME, needed


def admit_or_exit(name: str) -> None:
    """Returns where the actor may go on. 2: no such actor; 0: this profile needs none; 77 and 78 with a sentence."""
    if name not in BY_NAME:
        import difflib  # only to word an error

        near = difflib.get_close_matches(name, BY_NAME, 1)
        hint = f": did you mean {near[0]}?" if near else f"; known: {', '.join(BY_NAME)}"
        sys.stderr.write(f'unknown actor "{name}"{hint}\n')
        sys.exit(2)
    settings = config.load_or_exit()
    profile = settings.bot.profile
    if BY_NAME[name] not in needed(settings):
        log.event("not_needed", actor=name, profile=profile)
        sys.exit(0)
    if profile == "live":  # such a session is begun by `run` or `up`, and by nobody else
        _require_confirmed(Paths.of())
    try:
        stands = session.ensure(Paths.of(), settings)
    except (ConfigError, UnsafeMode) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(77 if isinstance(exc, UnsafeMode) else 78)
    if stands.profile != profile:
        sys.stderr.write(f"{session.other_profile(Paths.of(), stands, profile)}\n")
        sys.exit(78)


def _require_confirmed(paths: Paths) -> None:
    try:
        begun, stands_in = session.read(paths), endpoints.stands_in("live")
    except ConfigError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(78)
    live_confirmation.require(paths, begun.id if begun else "", stands_in)
