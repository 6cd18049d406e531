"""What the executor is asked: approved orders above all.

1. sign → journal → order gate → POST. The intent, the order's id and its bytes are on disk before the first byte leaves.
2. Same intent id: the first answer (`Seen`), for ever, across restarts; other content under it changes nothing but a flag.
3. Until the first known reconciliation, and until risk's state has been heard, approved orders wait, and with them the
   snapshots that would show them. What waits too long is refused by its good-until.
"""

from collections.abc import Iterator

from messages import Accepted, ApprovedOrder, Events, EventsSince, Refused, Seen, Snapshot, Word
from messages.inner import CancelAt, OrderSigned, PastEventsRead, ReadPastEvents, SignOrder, WakeAt
from polybot.core.executor.account_publisher import AccountPublisher
from polybot.core.executor.books import events
from polybot.core.executor.books.entries import IntentRefused, IntentSigned
from polybot.core.executor.books.order_state import fields_of
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import admission
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.tracker import OrderTracker
from polybot.core.executor.reconciling.reconciler import Reconciler
from polybot.core.reasons import Reason
from polybot.settings import Settings, Trade

MOST_WAITING = 100


class OrderService:
    """Answers ApprovedOrder, Snapshot and EventsSince; the rules stand at the head of this file."""

    def __init__(
        self,
        writer: Writer,
        switch: OrderSwitch,
        tracker: OrderTracker,
        reconciler: Reconciler,
        publisher: AccountPublisher,
    ) -> None:
        self._writer, self._switch, self._tracker = writer, switch, tracker
        self._reconciler, self._publisher = reconciler, publisher
        self._trade = Trade()
        self._signing: dict[str, ApprovedOrder] = {}
        self._waiting: list[ApprovedOrder | Snapshot] = []

    def start(self, settings: Settings) -> None:
        """The knobs of when an order may go out."""
        self._trade = settings.trade

    def serve(self, word: ApprovedOrder | Snapshot | EventsSince, now_ns: int) -> Iterator[Word]:
        """Answer the request at once, or keep it until the books are ready."""
        match word:
            case EventsSince() if word.after < self._writer.books.notes_since:
                yield ReadPastEvents(id=word.id, after=word.after, limit=word.limit)
            case EventsSince():
                found, more = events.page(self._writer.books, word.after, word.limit)
                yield Events(id=word.id, events=found, last=self._writer.books.seq, more=more)
            case ApprovedOrder():
                if self._may_serve:
                    yield from self._approved(word, now_ns)
                else:
                    self._wait(word)
            case Snapshot():
                if self._may_serve or not self._waiting:
                    yield self._publisher.snapshot(word.id, now_ns)
                else:
                    self._wait(word)

    def past_read(self, word: PastEventsRead) -> Iterator[Word]:
        """Answer EventsSince with what the archive said; an archive that could not be read is silence, not "nothing"."""
        if word.known:
            yield Events(id=word.id, events=word.events, last=self._writer.books.seq, more=word.more)

    @property
    def _may_serve(self) -> bool:
        """True once orders can be answered (rule 3). While halted, without a heartbeat or refused by the venue they can be at
        once: with a refusal, so that nothing queues up.
        """
        switch = self._switch
        is_known = (switch.is_ready and switch.risk is not None) or self._tracker.venue.refuses_us
        return is_known or switch.is_halted or switch.leaving or switch.pulse != "" or self._writer.broken != ""

    def _wait(self, word: ApprovedOrder | Snapshot) -> None:
        if all(waiting.id != word.id for waiting in self._waiting):
            self._waiting = [*self._waiting, word][-MOST_WAITING:]

    def serve_waiting(self, now_ns: int) -> Iterator[Word]:
        """Answer what waited, in the order in which it was asked."""
        while self._waiting and self._may_serve and not self._signing:
            waiting, self._waiting = self._waiting[0], self._waiting[1:]
            yield from self.serve(waiting, now_ns)

    # --- an approved order

    def _approved(self, word: ApprovedOrder, now_ns: int) -> Iterator[Word]:
        books = self._writer.books
        first = self._first_answer(word)
        if first is not None:
            yield first
            return
        fence = admission.fenced(word, books, self._switch, self._reconciler.account)
        if self._writer.broken:
            fence = Reason("JOURNAL", f"nothing can be written: {self._writer.broken}")
        if fence is not None:
            yield Refused(id=word.id, reason_code=fence.code, reason=fence.text)
            return
        reason = self._tracker.shut(word.intent) or admission.refusal(
            word, books, self._switch, self._trade, self._reconciler.wallet_e6, now_ns
        )
        if reason is not None:
            yield from self._refuse(word, reason, now_ns)
        else:
            self._signing[word.id] = word
            yield SignOrder(intent_id=word.id, fields=fields_of(word.intent))

    def _first_answer(self, word: ApprovedOrder) -> Seen | None:
        """The answer this intent id got before, None when it is new (rule 2)."""
        books = self._writer.books
        order_id = books.by_intent.get(word.id)
        if order_id is not None:
            intent, code, text = books.orders[order_id].intent, "", ""
        elif (row := books.refusals.get(word.id)) is not None:
            intent, code, text = row.intent, row.reason_code, row.reason
        else:
            return None
        conflict = intent != word.intent
        return Seen(id=word.id, order_id=order_id or "", reason_code=code, reason=text, conflict=conflict)

    def _refuse(self, word: ApprovedOrder, reason: Reason, now_ns: int) -> Iterator[Word]:
        entry = IntentRefused(intent=word.intent, reason_code=reason.code, reason=reason.text)
        yield from self._writer.write(entry, now_ns)
        yield Refused(id=word.id, reason_code=reason.code, reason=reason.text)

    def signed(self, word: OrderSigned, now_ns: int) -> Iterator[Word]:
        """Write the signed order down and post it (rule 1); nothing else is said of it before its bytes are on their
        way.
        """
        approved = self._signing.pop(word.intent_id, None)
        if approved is None or self._writer.broken:
            return
        if word.why:
            yield from self._refuse(approved, Reason("SIGNATURE", f"it cannot be signed: {word.why}"), now_ns)
            return
        order_id = word.order_id.lower()
        entry = IntentSigned(
            intent=approved.intent,
            order_id=order_id,
            body=word.body,
            risk_boot=approved.risk_boot,
            good_until_ns=min(approved.good_until_ns, approved.intent.good_until_ns),
            cancel_at_ns=approved.cancel_at_ns,
        )
        told = self._writer.write(entry, now_ns)
        yield next(told)
        news = list(told)
        yield from self._tracker.post(self._writer.books.orders[order_id])
        yield Accepted(id=word.intent_id, order_id=order_id)
        yield from news
        yield WakeAt(timer=CancelAt(order_id=order_id), at_ns=approved.cancel_at_ns)

    def forget(self) -> None:
        """The journal has failed: what was being signed never was."""
        self._signing.clear()
