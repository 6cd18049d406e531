"""notifier: tells a program of yours what needs a person. It hears, and moves nothing."""

from messages.inner import Notify
from messages.units import NS
from polybot.core.notifier.core import NotifierCore
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import Wiring, run
from polybot.runtime.store.recall import recalled
from polybot.runtime.supervision.notify_cmd import Notifier

REMEMBERS_S = 7 * 24 * 3600  # world time: a halt that stands is told once, not at every start


def wire(context: Context, inbox: Inbox) -> Wiring:
    """The bus, the halt file, and one lane for the program. First of all the core hears what it told before."""
    bot = context.settings.bot
    since_ns = context.clock.now_ns() - REMEMBERS_S * NS
    inbox.put(recalled(context.paths.flight / context.name, (Notify,), since_ns))
    tell = Notifier(bot.notify_cmd, context.paths, bot.profile, bot.account)
    return Wiring(effects={Notify: Effect(tell, "notices")}, watches_halt=True)


def main() -> None:
    """Run the actor until it is told to leave."""
    run("notifier", NotifierCore(), wire)


if __name__ == "__main__":
    main()
