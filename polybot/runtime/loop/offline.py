"""A core alone, without the bus: until it says one kind of reply. For the kill switch when supervision itself is dead."""

import select
from collections.abc import Iterable

from messages import Envelope, Event, Reply, Request, Word
from messages.inner import Leave
from polybot.core.protocol import Core
from polybot.runtime.base.clock import mono_s
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.performer import Performer
from polybot.runtime.loop.ports import MachinePorts
from polybot.runtime.loop.stamping import Stamped
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.store.journal import Journal


class _NoBus(MachinePorts):
    """Journal, files and effects are the real ones. What goes to others goes nowhere; the wanted reply is kept."""

    wants: type[Reply] = Reply
    reply: Reply | None = None

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """Nothing is recorded without a loop."""

    def said(self, said: Stamped, now_ns: int) -> None:
        """Nothing is recorded: what must not be forgotten is in the journal."""

    def publish(self, event: Event, said: Stamped) -> None:
        """Nobody is there to hear events."""

    def ask(self, request: Request, said: Stamped) -> None:
        """Nobody is there to serve requests."""

    def answer(self, reply: Reply, said: Stamped) -> None:
        """The first of the wanted kind is what this process is for."""
        if isinstance(reply, self.wants) and self.reply is None:
            self.reply = reply

    def leave(self, word: Leave) -> None:
        """Do nothing: it leaves anyway once it is done."""


class Lone:
    """One life of a core beside the bus."""

    def __init__(self, context: Context, core: Core, inbox: Inbox, wiring: Wiring, journal: Journal) -> None:
        self._inbox = inbox
        self._ports = _NoBus(context, inbox, wiring, journal)
        self._performer = Performer(context.name, context.boot, core, self._ports)

    def until(self, first: Iterable[Word], wants: type[Reply], deadline_s: float) -> Reply | None:
        """Hear `first`, then the world, until a reply of this kind is said; None after deadline_s machine seconds."""
        ports, give_up_s = self._ports, mono_s() + deadline_s
        ports.wants = wants
        for word in first:
            self._performer.hear(word)
        while ports.reply is None and mono_s() < give_up_s:
            heard = self._inbox.take()
            for word, cause in heard:
                self._performer.hear(word, cause)
            for tick in ports.timers.due():
                self._performer.hear(tick)
            if ports.reply is None and not heard:
                _wait(self._inbox, min(0.05, ports.timers.wait_s()))
        return ports.reply


def _wait(inbox: Inbox, seconds: float) -> None:
    select.select([inbox.wake_fd], [], [], seconds)
    inbox.drain_wake()
