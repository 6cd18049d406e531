"""signal: one prediction a window and strategy. Start as `python -m actors.signal`: run as a file, its folder would hide the
standard library's `signal`.
"""

from polybot.core.signal.core import SignalCore
from polybot.runtime.base import log
from polybot.runtime.config import plugins
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Nothing but the bus, and other people's strategies."""
    for problem in plugins.load(context.settings.bot.strategies):
        log.event("plugin_refused", why=problem)
    return Wiring()


def main() -> None:
    """Run the actor until it is told to leave."""
    run("signal", SignalCore(), wire)


if __name__ == "__main__":
    main()
