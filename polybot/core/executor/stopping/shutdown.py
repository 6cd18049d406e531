"""SIGTERM: cancel what rests, hear the POSTs under way out, go; and go anyway when that takes too long."""

from collections.abc import Iterator

from messages import Word
from messages.inner import CancelOrders, CancelResult, ForLeaving, Leave, LeaveNow, WakeIn
from polybot.core.executor.books.entries import OrderTold
from polybot.core.executor.books.order_state import IMMEDIATE
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import venue_facts
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.tracker import OrderTracker

LEAVE_S = 1.5  # the loop goes after 1.8 s whatever we say; the venue's dead-man switch is behind both


class Shutdown:
    """Leaves in order after SIGTERM. Whoever hears of an answer calls `go_if_done`."""

    def __init__(self, writer: Writer, switch: OrderSwitch, tracker: OrderTracker) -> None:
        self._writer, self._switch, self._tracker = writer, switch, tracker
        self._rests = False  # the cancel of what rests is not answered yet

    def begin(self, now_ns: int) -> Iterator[Word]:
        """SIGTERM has come. The mark is on disk before the cancel goes out: no later life sends such an order again."""
        self._switch.leave()
        books = self._writer.books
        resting = [i for i in books.open if books.orders[i].intent.order_type not in IMMEDIATE]
        self._rests = bool(resting)
        for order_id in resting:
            entry = OrderTold(order_id=order_id, cancelled=True)
            yield from self._writer.write_all(venue_facts.told(books.orders[order_id], entry), now_ns)
        if resting:
            yield CancelOrders(purpose=ForLeaving(), order_ids=tuple(resting))
        yield WakeIn(timer=LeaveNow(), after_s=LEAVE_S)
        yield from self.go_if_done()

    def cancel_answered(self, word: CancelResult) -> Iterator[Word]:
        """Cancel once more when the answer was not clear and there is time."""
        if word.purpose != ForLeaving() or not self._rests:
            return
        if word.known:
            self._rests = False
        else:
            books = self._writer.books
            again = tuple(i for i in books.open if books.orders[i].intent.order_type not in IMMEDIATE)
            yield CancelOrders(purpose=ForLeaving(), order_ids=again)

    def go_if_done(self) -> Iterator[Word]:
        """End the process once nothing rests and no POST is under way."""
        if self._switch.leaving and not self._tracker.in_flight and not self._rests:
            yield from self._writer.compact(least=1)
            yield Leave(code=0, why="SIGTERM")
