"""A core alone, without the bus: until it says one kind of reply. For the kill switch when supervision itself is dead."""

import os
import select
import sys
from collections import deque
from collections.abc import Iterable

from messages import Event, Reply, Request, Word
from messages.inner import Compact, Persist, PersistFailed, Restored, WakeAt, WakeIn, WriteHalt
from polybot.core.protocol import Core
from polybot.runtime.base.clock import mono_s
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox, Lanes
from polybot.runtime.loop.loop import Wiring
from polybot.runtime.loop.timers import Timers
from polybot.runtime.safety import halt
from polybot.runtime.store.journal import SNAPSHOT, Journal, JournalFailed


class Lone:
    """The same order of things as the loop's: what is said is carried out one by one, a failed Persist drops the rest."""

    def __init__(self, context: Context, core: Core, inbox: Inbox, wiring: Wiring, journal: Journal) -> None:
        self._context, self._core, self._inbox, self._wiring, self._journal = context, core, inbox, wiring, journal
        self._timers = Timers(context.clock)
        self._lanes = Lanes(wiring.effects, inbox, _die)
        self._urgent: deque[Word] = deque()
        self._answer: Reply | None = None
        self._wants: type[Reply] = Reply

    def until(self, first: Iterable[Word], wants: type[Reply], deadline_s: float) -> Reply | None:
        """Hear `first`, then the world, until a reply of this kind is said; None after deadline_s machine seconds."""
        self._wants = wants
        give_up_s = mono_s() + deadline_s
        for word in first:
            self._hear(word)
        while self._answer is None and mono_s() < give_up_s:
            heard = [h.word for h in self._inbox.take()]
            for word in (*heard, *self._timers.due()):
                self._hear(word)
            if self._answer is None and not heard:
                _wait(self._inbox, min(0.05, self._timers.wait_s()))
        return self._answer

    def _hear(self, word: Word) -> None:
        for said in self._core.handle(word, self._context.clock.now_ns()):
            if not self._perform(said):
                break
        while self._urgent:
            self._hear(self._urgent.popleft())

    def _perform(self, word: Word) -> bool:
        match word:
            case Persist() | Compact():
                return self._persist(word)
            case WakeAt() | WakeIn():
                self._timers.set(word)
            case WriteHalt():
                halt.write(self._context.paths, by=word.by, reason_code=word.reason_code, reason=word.reason)
            case Reply():
                if isinstance(word, self._wants):
                    self._answer = word
            case Event() | Request():
                pass  # nobody is there to hear
            case _ if type(word) in self._wiring.sync:
                answer = self._wiring.sync[type(word)](word)
                if answer is not None:
                    self._urgent.append(answer)
            case _ if self._lanes.serves(word):
                self._lanes.start(word, "")
            case _:
                pass  # Leave: we leave anyway
        return True

    def _persist(self, word: Persist | Compact) -> bool:
        try:
            if isinstance(word, Persist):
                self._journal.append(word.record, word.seq)
            else:
                self._journal.compact(word.snapshot, word.seq)
        except JournalFailed as exc:
            self._urgent.append(PersistFailed(seq=word.seq, why=str(exc)))
            return False
        return True


def restored(journal: Journal) -> Restored:
    """The newest snapshot and what came after it."""
    records = journal.records
    first = max((i for i, r in enumerate(records) if r.kind == SNAPSHOT), default=0)
    return Restored(records=tuple(r.data for r in records[first:]), last_seq=journal.last_seq)


def _wait(inbox: Inbox, seconds: float) -> None:
    select.select([inbox.wake_fd], [], [], seconds)
    inbox.drain_wake()


def _die(why: str) -> None:
    sys.stderr.write(f"{why}\n")
    os._exit(70)  # said on a lane's thread: the whole process must end
