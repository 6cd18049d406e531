"""The watchdog's eyes and hands, and the notifier's voice."""

from typing import Literal

from messages.base import Inner


class ProcessState(Inner, frozen=True, kw_only=True):
    """supervisord said so: actor's program is now in this state. actor "" = supervisord itself ("STOPPING").

    state     supervisord's: STARTING RUNNING STOPPING STOPPED EXITED BACKOFF FATAL UNKNOWN
    expected  of EXITED: left by a code it is not restarted for (0, 75, 77, 78)      mono_s  machine time it was read
    """

    actor: str
    state: str
    pid: int
    expected: bool
    mono_s: float


class ProcessGone(Inner, frozen=True, kw_only=True):
    """A watched process is no more, as its pidfd tells, before supervisord has noticed."""

    actor: str
    pid: int
    mono_s: float


class WatchPid(Inner, frozen=True, kw_only=True):
    """Have ProcessGone said when this process ends."""

    actor: str
    pid: int


class KillActor(Inner, frozen=True, kw_only=True):
    """SIGKILL this process if it still holds the actor's lock."""

    actor: str
    pid: int
    why: str


class WakeSupervisor(Inner, frozen=True, kw_only=True):
    """Make supervisord notice now that this actor's process is gone, so that it starts it again at once."""

    actor: str
    pid: int


class StopProgram(Inner, frozen=True, kw_only=True):
    """Take this actor out of supervision: it is not started again until someone says so."""

    actor: str


class StartProgram(Inner, frozen=True, kw_only=True):
    """Put this actor under supervision again: it was taken out and has rested."""

    actor: str


class CancelAlone(Inner, frozen=True, kw_only=True):
    """The executor is out of supervision: have a lone one cancel everything, while nobody else can."""

    why: str


class Notify(Inner, frozen=True, kw_only=True):
    """Run the operator's `notify_cmd` with this on its stdin, on a lane.

    key     the same one is not told twice within an hour of world time, a halt never
    facts   the text's parts, for programs
    """

    kind: Literal[
        "halt", "login_refused", "settlement_corrected", "feed_lost", "paused", "unreadable", "crash_loop", "floor"
    ]
    key: str
    text: str
    at_ns: int
    facts: dict[str, str]
