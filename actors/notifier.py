"""notifier: tells a program of yours what needs a person. It hears, and moves nothing."""

from messages.inner import Notify
from polybot.core.notifier.core import NotifierCore
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.supervision.notify_cmd import Notifier


def wire(context: Context, inbox: Inbox) -> Wiring:
    """The bus, the halt file, and one lane for the program."""
    bot = context.settings.bot
    tell = Notifier(bot.notify_cmd, context.paths, bot.profile, bot.account)
    return Wiring(effects={Notify: Effect(tell, "notices")})


def main() -> None:
    """Run the actor until it is told to leave."""
    run("notifier", NotifierCore(), wire)


if __name__ == "__main__":
    main()
