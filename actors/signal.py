"""signal: one prediction a window and strategy. Start as `python -m actors.signal`: run as a file, its folder would hide the
standard library's `signal`.
"""

from messages import Prediction
from messages.units import NS
from polybot.core.signal.core import SignalCore
from polybot.runtime.base import log
from polybot.runtime.config import plugins
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.loop import Wiring, run
from polybot.runtime.store.recall import recalled

REMEMBERS_S = 600  # world time; a decision is good for seconds


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Nothing but the bus, and other people's strategies. First of all the core hears what it predicted before."""
    for problem in plugins.load(context.settings.bot.strategies):
        log.event("plugin_refused", why=problem)
    since_ns = context.clock.now_ns() - REMEMBERS_S * NS
    inbox.put(recalled(context.paths.flight / context.name, (Prediction,), since_ns))
    return Wiring()


def main() -> None:
    """Run the actor until it is told to leave."""
    run("signal", SignalCore(), wire)


if __name__ == "__main__":
    main()
