"""Cancel everything, and prove it: the kill switch's second step, and what the executor does when its disk refuses.

1. No order leaves from here on (OrderSwitch). Every order that is not final is marked cancelled, all is cancelled at the
   venue at once, and each order that may be unknown there by its id.
2. POSTs under way are waited for: they have a timeout of their own.
3. Then the venue's open orders are read until it is known that there are none, twice, further apart than the taker delay;
   and each unknown order is read once more. Anything open is cancelled again.
4. The proof says what is known. After DEADLINE_S it says what is not: open −1 = the venue did not say so twice.
5. While it runs, further wishes share it. Halted and not proven: it begins anew, until it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from messages import CancelProof, Position, Word
from messages.inner import (
    CancelOrders,
    CancelResult,
    ForCancelAll,
    ForCancelEach,
    ForProof,
    Leave,
    OpenOrdersRead,
    OrderRead,
    ProofAnew,
    ProofCancelAgain,
    ProofStep,
    ReadOpenOrders,
    WakeIn,
)
from polybot.core.executor.books.entries import OrderTold
from polybot.core.executor.books.state import Books
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import venue_facts
from polybot.core.executor.orders.admission import OrderSwitch, blocking
from polybot.core.executor.orders.tracker import OrderTracker

APART_S = 0.2  # more than the taker delay of 0.15 s of world time, which at speeds above 1 is less of machine time
DEADLINE_S = 4.5  # who asked waits 5 s
AGAIN_S = 1.0
RETRY_S = 0.1
# The float that is left of a wait may be smaller than any clock's step: it would be waited for, for ever.
LEAST_S = 0.01


@dataclass
class _Attempt:
    """One attempt. began_s and zero_s are machine time, None = not yet; zeros: known readings of no open order in a row."""

    number: int
    since_seq: int
    waiters: list[str] = field(default_factory=list)
    began_s: float | None = None
    zero_s: float | None = None
    zeros: int = 0
    is_cancelled: bool = False
    reading: bool = False
    cancelled: dict[str, None] = field(default_factory=dict)
    read: dict[str, None] = field(default_factory=dict)


class CancelRound:
    """held: how positions are told, given by the core."""

    def __init__(self, writer: Writer, switch: OrderSwitch, tracker: OrderTracker) -> None:
        self._writer, self._switch, self._tracker = writer, switch, tracker
        self._round: _Attempt | None = None
        self._count = 0
        self._leave: Leave | None = None

    def leave_once_proven(self, leave: Leave) -> None:
        """Say this Leave when nothing is open any more."""
        self._leave = leave

    def begin(self, waiter: str, now_ns: int) -> Iterator[Word]:
        """Start a round, or join the one that runs; waiter is the request to answer, "" = none."""
        if self._round is None:
            self._count += 1
            books = self._writer.books
            since = books.halt_seq if self._switch.is_halted and books.halt_id else books.seq
            self._round = _Attempt(self._count, since)
            self._switch.cancel_all(under_way=True)
            yield from self._cancel(self._round, now_ns)
            yield WakeIn(timer=ProofStep(), after_s=0.0)
        if waiter and waiter not in self._round.waiters:
            self._round.waiters.append(waiter)

    def _cancel(self, run: _Attempt, now_ns: int) -> Iterator[Word]:
        """Mark and cancel everything (rule 1). The mark is on disk before the cancel goes out, so that no later life
        sends such an order.
        """
        run.is_cancelled = False
        books = self._writer.books
        for order_id in list(books.open):
            entry = OrderTold(order_id=order_id, cancelled=True)
            yield from self._writer.write_all(venue_facts.told(books.orders[order_id], entry), now_ns)
        yield CancelOrders(purpose=ForCancelAll(attempt=run.number), order_ids=())
        ids = tuple(order_id for order_id in books.open if order_id not in run.cancelled)
        if ids:
            yield CancelOrders(purpose=ForCancelEach(attempt=run.number), order_ids=ids)

    # --- answers

    def cancel_answered(self, word: CancelResult) -> Iterator[Word]:
        """Note what the cancel of everything did; ask again when it was not clear."""
        run = self._round
        if run is None or word.purpose not in (ForCancelAll(attempt=run.number), ForCancelEach(attempt=run.number)):
            return
        run.cancelled.update(dict.fromkeys(word.canceled))
        if isinstance(word.purpose, ForCancelAll):
            run.is_cancelled = word.known
            if word.known:
                yield WakeIn(timer=ProofStep(), after_s=0.0)
            else:
                yield WakeIn(timer=ProofCancelAgain(), after_s=RETRY_S)

    def open_read(self, word: OpenOrdersRead) -> Iterator[Word]:
        """Count a read without open orders; anything open is cancelled again (rule 3)."""
        run = self._round
        if run is None or word.purpose != ForProof(attempt=run.number):
            return
        run.reading = False
        if not word.known:
            yield WakeIn(timer=ProofStep(), after_s=RETRY_S)
        elif word.orders:
            run.zeros, run.zero_s = 0, None
            yield WakeIn(timer=ProofCancelAgain(), after_s=RETRY_S)
        else:
            run.zeros += 1
            yield WakeIn(timer=ProofStep(), after_s=0.0)

    def order_read(self, word: OrderRead) -> Iterator[Word]:
        """Note that an order whose fate was unknown has been read once more."""
        run = self._round
        if run is not None and word.known and word.order_id not in self._tracker.in_flight:
            run.read[word.order_id] = None
            yield WakeIn(timer=ProofStep(), after_s=0.0)

    def post_answered(self) -> Iterator[Word]:
        """Look whether the proof is complete, now that one POST less is under way (rule 2)."""
        if self._round is not None:
            yield WakeIn(timer=ProofStep(), after_s=0.0)

    # --- steps

    def anew(self, now_ns: int) -> Iterator[Word]:
        """The timer ProofAnew: a new attempt, while there is reason for one."""
        if self._switch.is_halted or self._leave is not None:
            yield from self.begin("", now_ns)

    def tick(
        self, timer: ProofStep | ProofCancelAgain, mono_s: float, held: tuple[Position, ...], now_ns: int
    ) -> Iterator[Word]:
        """What is to be done next: cancel once more, the next step of the proof, or its end."""
        run = self._round
        if run is None:
            return
        run.began_s = mono_s if run.began_s is None else run.began_s
        if mono_s - run.began_s >= DEADLINE_S:
            yield from self._finish(run, mono_s, held)
        elif isinstance(timer, ProofCancelAgain):
            yield from self._cancel(run, now_ns)
        else:
            yield from self._step(run, mono_s, held)

    def _step(self, run: _Attempt, mono_s: float, held: tuple[Position, ...]) -> Iterator[Word]:
        yield WakeIn(timer=ProofStep(), after_s=RETRY_S)
        if not run.is_cancelled or self._tracker.in_flight or run.reading:
            return
        unread = [o.order_id for o in blocking(self._writer.books) if o.order_id not in run.read]
        if run.zeros >= 2 and not unread:
            yield from self._finish(run, mono_s, held)
        elif run.zeros == 0:
            for order_id in unread:
                yield from self._tracker.ask(order_id)
            yield from self._look(run)
        elif run.zeros == 1:
            run.zero_s = mono_s if run.zero_s is None else run.zero_s
            if mono_s - run.zero_s >= APART_S:
                yield from self._look(run)
            else:
                yield WakeIn(timer=ProofStep(), after_s=max(LEAST_S, run.zero_s + APART_S - mono_s))

    @staticmethod
    def _look(run: _Attempt) -> Iterator[Word]:
        run.reading = True
        yield ReadOpenOrders(purpose=ForProof(attempt=run.number))

    def _finish(self, run: _Attempt, mono_s: float, held: tuple[Position, ...]) -> Iterator[Word]:
        """Say the proof to all who asked, each once."""
        books = self._writer.books
        unknown = tuple(order.order_id for order in blocking(books) if order.order_id not in self._tracker.in_flight)
        pending = tuple(self._tracker.in_flight)
        began_s = mono_s if run.began_s is None else run.began_s
        for waiter in run.waiters:
            yield CancelProof(
                id=waiter,
                cancelled=tuple(run.cancelled),
                open=0 if run.zeros >= 2 else -1,
                unknown=unknown,
                pending_posts=pending,
                fills_after=_fills_after(books, run.since_seq),
                held=held,
                took_ms=round((mono_s - began_s) * 1000, 3),
            )
        self._round = None
        self._switch.cancel_all(under_way=False)
        is_proven = run.zeros >= 2 and not pending
        if self._leave is not None and is_proven:
            yield self._leave
        elif not is_proven:
            yield WakeIn(timer=ProofAnew(), after_s=AGAIN_S)


def _fills_after(books: Books, since_seq: int) -> tuple[str, ...]:
    """Trades first heard of after an entry, those that failed left out."""
    fills = (fill for order in books.orders.values() for fill in order.fills.values())
    return tuple(fill.trade_id for fill in fills if fill.booked_seq > since_seq and fill.status != "FAILED")
