"""From POST to a final order: what was not answered clearly is asked after, on machine time, until it is clear.

1. POST's answer, the user channel and reads are one stream of facts (venue_facts.py).
2. An order that is neither final nor resting is read again and again, with back-off, from both endpoints.
3. Only a known *none* from both endpoints, with no POST under way, means "not heard". Then the same bytes may be sent again,
   as admission.not_again and the venue's state allow; or, asked after its market had closed, the order is written off; else
   one waits.
4. A clear "not now" (restarting, rate limit, nothing sent) is tried again with the same bytes while it may, then refused
   by the name of what was in the way.
5. A cancelled order that is still open is cancelled again.
6. A fill of a written-off order is booked, and halts.
7. Every POST, also a repetition, waits for its token (rate_budget.py); one that may rest, for the heartbeat (dead_man.py).
"""

from collections.abc import Iterator

from messages import OrderIntent, Word
from messages.inner import (
    AnyReadPurpose,
    BalanceRead,
    CancelOrders,
    ForProbe,
    ForStillOpen,
    OpenOrdersRead,
    OrderRead,
    PostAgain,
    PostOrder,
    PostResult,
    ProbeOrder,
    ReadOrder,
    Started,
    TradesRead,
    VenueStateOver,
    VenueTrade,
    WakeIn,
    WriteHalt,
)
from polybot.core.executor.books.entries import OrderTold
from polybot.core.executor.books.order_state import IMMEDIATE, is_final, state_of, traded_e6
from polybot.core.executor.books.state import BookedOrder
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import venue_facts
from polybot.core.executor.orders.admission import OrderSwitch, not_again
from polybot.core.executor.orders.dead_man import DeadMan
from polybot.core.executor.orders.rate_budget import Budget
from polybot.core.executor.orders.refusals import Refusals
from polybot.core.executor.orders.stoppers import halt_text
from polybot.core.executor.orders.unreadable import UnreadableMarkets
from polybot.core.executor.orders.venue_status import VenueState
from polybot.core.reasons import Reason
from polybot.core.recent import Recent

PROBE_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
PROBE = ForProbe()
KEPT_CLOSED = 1_000  # markets known to be closed: one that is forgotten is asked after again
PULSE_S = 0.05  # how often an order that waits for the first heartbeat looks again
NOT_NOW_S = (0.1, 0.25, 0.5, 1.0, 2.0)  # machine time at any speed: the venue is not to be hammered


class OrderTracker:
    """in_flight: order id → attempt, from PostOrder to PostResult. closed: slugs whose market the venue says is closed."""

    def __init__(self, writer: Writer, switch: OrderSwitch, dead_man: DeadMan) -> None:
        self._writer, self._switch, self._dead_man = writer, switch, dead_man
        self.venue, self.budget = VenueState(), Budget()
        self.refusals = Refusals(switch, self.venue)
        self.unreadable = UnreadableMarkets()
        self.in_flight: dict[str, int] = {}
        self.closed: Recent[str, None] = Recent(KEPT_CLOSED)
        self._tries: dict[str, int] = {}
        self._wakes: dict[str, None] = {}  # a read is due or under way
        self._in_the_way: dict[
            str, Reason
        ] = {}  # why an order that has not been taken yet has not left, or was sent back
        self._closed_when_asked: dict[str, bool] = {}
        self._doubted: dict[str, None] = {}

    def start(self, started: Started) -> None:
        """The venue's seconds may be shorter than ours."""
        self.venue.start(started)
        self.refusals.start(started)

    def market_closed(self, slug: str) -> None:
        """The venue says so: an order that it does not know is not on its way any more."""
        self.closed[slug] = None

    def shut(self, intent: OrderIntent) -> Reason | None:
        """Why this order would not leave, or not be taken, as far as the venue's answers tell."""
        return self.venue.shut(intent) or self.refusals.shut(intent) or self.unreadable.shut(intent)

    # --- sending

    def post(self, order: BookedOrder) -> Iterator[Word]:
        """Send the journalled bytes through the order gate, once there is a token, and an acked heartbeat if it may rest."""
        wait_s = 0.0
        if order.intent.order_type not in IMMEDIATE and not self._dead_man.is_acked:
            yield from self._dead_man.arm()
            wait_s, why = PULSE_S, Reason("HEARTBEAT", "it waited for the venue to acknowledge our heartbeat")
        else:
            wait_s = self.budget.wait_s(len(self._writer.books.open), self._switch.mono_s)
            why = Reason("ORDER_BUDGET", "it waited for its turn: more orders a second than the venue takes")
        if wait_s:
            self._in_the_way[order.order_id] = why
            yield WakeIn(timer=PostAgain(order_id=order.order_id), after_s=wait_s)
            return
        attempt = order.posts + 1
        self.in_flight[order.order_id] = attempt
        yield PostOrder(order_id=order.order_id, body=order.body, good_until_ns=order.good_until_ns, attempt=attempt)

    def answered(self, result: PostResult, now_ns: int) -> Iterator[Word]:
        """Take in what the venue, the order gate or the network said to a POST."""
        self.in_flight.pop(result.order_id, None)
        order = self._writer.books.orders[result.order_id]
        over_s = self.venue.answered(result)
        if over_s:
            yield WakeIn(timer=VenueStateOver(), after_s=over_s)
        yield from self._writer.write_all(venue_facts.of_answer(order, result), now_ns)
        if result.outcome == "retry" and not order.unsure:
            self._in_the_way[order.order_id] = self.venue.reason
            least_s = NOT_NOW_S[min(result.attempt, len(NOT_NOW_S)) - 1]
            wait_s = max(least_s, self.venue.machine_s(result.retry_after_s))
            yield WakeIn(timer=PostAgain(order_id=order.order_id), after_s=wait_s)
            return
        yield from self.follow(order, now_ns)
        yield from self.refusals.answered(order, result)

    def again(self, order_id: str, now_ns: int) -> Iterator[Word]:
        """Send the same bytes once more, or refuse the order by what was in the way (rule 4)."""
        order = self._writer.books.orders[order_id]
        if is_final(order) or order_id in self.in_flight:
            return
        why_not = not_again(order, self._switch, now_ns)
        if not why_not:
            yield from self.post(order)
            return
        if not (order.seen or order.unsure):
            why = self._in_the_way.pop(order_id, Reason("NOT_TAKEN", "it had not left when the executor restarted"))
            entry = OrderTold(order_id=order_id, refused=True, code=why.code, text=f"{why.text}; {why_not}")
            yield from self._writer.write(entry, now_ns)
        yield from self.follow(order, now_ns)

    # --- hearing

    def trades(self, shown: tuple[VenueTrade, ...], now_ns: int) -> Iterator[Word]:
        """Book each trade once; a trade of a written-off order halts."""
        books = self._writer.books
        for trade in shown:
            order = books.orders.get(trade.order_id)
            was_written_off = order is not None and state_of(order) == "WRITTEN_OFF"
            yield from self._writer.write_all(venue_facts.of_trade(books, trade), now_ns)
            if was_written_off:
                text = f"order {trade.order_id} was written off, and trade {trade.trade_id} filled it"
                yield WriteHalt(by="executor", reason_code="WRITTEN_OFF_FILL", reason=text)
            if order is not None:
                yield from self.follow(order, now_ns)

    def read(self, word: OrderRead, now_ns: int) -> Iterator[Word]:
        """Take in both endpoints' word on one order, or that one of them said nothing."""
        order = self._writer.books.orders.get(word.order_id)
        if order is None:
            return
        self._wakes.pop(word.order_id, None)
        if word.known:
            self._doubted.pop(word.order_id, None)
        closed = self._closed_when_asked.pop(word.order_id, False)
        if word.known:
            yield from self.trades(word.trades, now_ns)
            if word.order is not None:
                shown = venue_facts.of_order(self._writer.books, word.order, is_authoritative=True)
                yield from self._writer.write_all(shown, now_ns)
            elif not word.trades:
                yield from self._absent(order, closed, now_ns)
        self.venue.read(word.known or bool(word.unreadable), word.why)
        if order.cancelled and state_of(order) == "LIVE" and not order.over:
            yield CancelOrders(purpose=ForStillOpen(order_id=order.order_id), order_ids=(order.order_id,))
        yield from self.follow(order, now_ns)

    def account_read(self, word: OrderRead | OpenOrdersRead | TradesRead | BalanceRead) -> Iterator[Word]:
        """Whatever was asked: does the venue know us? Refused for good, it halts as after a POST."""
        has_stood = self.venue.refused(word.known, word.why, word.http, self._switch.mono_s)
        if has_stood and not self._switch.is_halted:
            yield WriteHalt(by="executor", reason_code="AUTH", reason=halt_text("AUTH", word.why))

    def _absent(self, order: BookedOrder, closed: bool, now_ns: int) -> Iterator[Word]:
        """Neither endpoint knows the order: send it again, write it off after the close, or wait (rule 3)."""
        if order.order_id in self.in_flight or state_of(order) not in ("UNKNOWN", "LIVE"):
            return
        if not (self.shut(order.intent) or not_again(order, self._switch, now_ns)):
            yield from self.post(order)
        elif closed:
            yield from self._writer.write(OrderTold(order_id=order.order_id, lapsed=True), now_ns)

    # --- asking

    def follow(self, order: BookedOrder, now_ns: int) -> Iterator[Word]:
        """After anything was heard of an order: be done with it, or see to it that it is asked after."""
        yield from self._writer.write_all(venue_facts.of_completion(order), now_ns)
        if is_final(order):
            self._doubted.pop(order.order_id, None)
        if is_final(order) or (self._is_resting(order) and order.order_id not in self._doubted):
            self._tries.pop(order.order_id, None)
            self._in_the_way.pop(order.order_id, None)
        elif order.order_id not in self._wakes and (order.order_id not in self.in_flight or order.seen or order.fills):
            tries = self._tries.get(order.order_id, 0)
            self._tries[order.order_id] = tries + 1
            self._wakes[order.order_id] = None
            yield WakeIn(timer=ProbeOrder(order_id=order.order_id), after_s=PROBE_S[min(tries, len(PROBE_S) - 1)])

    def doubt(self, order_ids: tuple[str, ...]) -> Iterator[Word]:
        """Something was said of these orders that could not be read: those of ours that are open are asked after, resting
        ones too, until a read is known.
        """
        for order_id in order_ids:
            if order_id not in self._writer.books.open:
                continue
            self._doubted[order_id] = None
            if order_id not in self._wakes:
                self._wakes[order_id] = None
                yield WakeIn(timer=ProbeOrder(order_id=order_id), after_s=PROBE_S[0])

    @staticmethod
    def _is_resting(order: BookedOrder) -> bool:
        """Open on the book as it should be: the user channel and reconciliation watch it."""
        is_open = state_of(order) == "LIVE" and not order.over and not order.cancelled
        may_rest = order.intent.order_type not in IMMEDIATE
        return is_open and may_rest and traded_e6(order) == order.matched_e6

    def ask(self, order_id: str, purpose: AnyReadPurpose = PROBE) -> Iterator[Word]:
        """Read one order; whether its market was known to be closed by then is remembered for the answer."""
        order = self._writer.books.orders[order_id]
        self._wakes[order_id] = None
        self._closed_when_asked[order_id] = order.intent.slug in self.closed
        yield ReadOrder(purpose=purpose, order_id=order_id, condition_id=order.intent.condition_id)
