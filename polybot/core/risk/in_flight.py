"""What risk has handed on and not yet seen in the executor's books; and the snapshots that settle it.

1. In flight from the moment it is handed on. Only a clear Refused frees it at once.
2. Accepted, Seen or silence: it stays, and a Snapshot is asked. That answer shows the order, or shows that it is over; either
   way the books count it from then on, and it is in flight no more.
3. One question at a time, and it settles only what was answered before it was asked. Silence settles nothing: again.
"""

from collections.abc import Iterator

from messages import Accepted, OrderIntent, Refused, Seen, Snapshot, Word
from messages.inner import NoReply, SnapshotAgain, WakeIn

ASK_AGAIN_S = 0.25


class InFlight:
    """asker names the actor and its boot in ids."""

    def __init__(self, asker: str) -> None:
        self._prefix = f"{asker}/snapshot/"
        self._intents: dict[str, OrderIntent] = {}
        self._since_ns: dict[str, int] = {}
        self._answered: list[str] = []
        self._settling: tuple[str, ...] = ()
        self._count = 0
        self._asked_id = ""
        self._again = False

    @property
    def intents(self) -> tuple[OrderIntent, ...]:
        """The intents in flight, in the order in which they were handed on."""
        return tuple(self._intents.values())

    @property
    def moments_ns(self) -> dict[str, int]:
        """World time at which each was handed on, by intent id."""
        return {intent_id: self._since_ns[intent_id] for intent_id in self._intents}

    @property
    def is_asking(self) -> bool:
        """True while a Snapshot has been asked and not been answered."""
        return bool(self._asked_id)

    def add(self, intent: OrderIntent, now_ns: int) -> None:
        """Count an intent as in flight from now on (rule 1)."""
        self._intents[intent.id], self._since_ns[intent.id] = intent, now_ns

    def answered(self, word: Accepted | Refused | Seen | NoReply) -> Iterator[Word]:
        """The executor's answer to an ApprovedOrder, or its silence."""
        if word.id not in self._intents:
            return
        if isinstance(word, Refused):
            self._settle(word.id)
        else:
            self._answered.append(word.id)
            yield from self.ask()

    def _settle(self, intent_id: str) -> None:
        self._intents.pop(intent_id, None)
        self._since_ns.pop(intent_id, None)

    def ask(self) -> Iterator[Word]:
        """Ask a Snapshot, or note that another is needed after the one under way (rule 3)."""
        if self._asked_id:
            self._again = True
            return
        self._count += 1
        self._asked_id, self._again = f"{self._prefix}{self._count}", False
        self._settling, self._answered = tuple(self._answered), []
        yield Snapshot(id=self._asked_id)

    def taken(self, snapshot_id: str) -> bool:
        """A snapshot has come: what it settles is in flight no more. False: not one we still wait for."""
        if snapshot_id != self._asked_id:
            return False
        self._asked_id = ""
        for intent_id in self._settling:
            self._settle(intent_id)
        self._settling = ()
        return True

    def ask_if_wanted(self) -> Iterator[Word]:
        """Something was answered while the last question was under way."""
        if self._again:
            yield from self.ask()

    def unanswered(self, snapshot_id: str) -> Iterator[Word]:
        """A Snapshot got no answer: nothing is settled, ask again after ASK_AGAIN_S."""
        if snapshot_id == self._asked_id:
            self._asked_id = ""
            self._answered = [*self._settling, *self._answered]
            self._settling = ()
            yield WakeIn(timer=SnapshotAgain(), after_s=ASK_AGAIN_S)
