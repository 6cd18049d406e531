"""watchdog: an event listener of supervisord. Its stdout is the listener's protocol, so everything else goes to stderr."""

import os

from messages.inner import CancelAlone, KillActor, StartProgram, StopProgram, WakeSupervisor, WatchPid
from polybot.core.watchdog.core import WatchCore
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.supervision import own_starts, supervisord
from polybot.runtime.supervision.listener import Eyes, Hands, post_sentinel


def main() -> None:
    """Take stdout away from everyone before the first line is logged, then watch."""
    post_sentinel()
    answers_fd = os.dup(1)
    os.dup2(2, 1)

    def wire(context: Context, inbox: Inbox) -> Wiring:
        own_starts.note(context.paths)
        supervisor = supervisord.Supervisor(supervisord.note_supervisor(context.paths))
        eyes, hands = Eyes(inbox, supervisor, 0, answers_fd), Hands(context.paths, supervisor)
        return Wiring(
            effects={
                KillActor: Effect(hands.kill, "kill"),
                WakeSupervisor: Effect(hands.wake, "wake"),
                StopProgram: Effect(hands.stop, "stop"),
                StartProgram: Effect(hands.start, "stop"),
                CancelAlone: Effect(hands.cancel, "cancel"),
            },
            sync={WatchPid: eyes.watch},
            sources=[eyes],
        )

    run("watchdog", WatchCore(), wire)


if __name__ == "__main__":
    main()
