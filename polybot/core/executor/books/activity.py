"""How fast and how badly we trade, as facts of the books: what risk's limits by day, minute and fill are held against.

Here and not in risk, so that they survive every restart, and so that a corrected outcome corrects the day it belongs to.
"""

from collections.abc import Iterator

from messages import DayResult, SentOrder
from messages.units import NS
from polybot.core.executor.books import double_entry
from polybot.core.executor.books.order_state import standing
from polybot.core.executor.books.settlement import holdings, outcome_of
from polybot.core.executor.books.state import BookedOrder, BookedWindow, Books
from polybot.core.utc import day_of

MINUTE_NS = 60 * NS
HOUR_NS = 3600 * NS


def days(books: Books, unsettled: list[BookedWindow], today: str) -> tuple[DayResult, ...]:
    """Results by day and strategy, from today on: realised, and still open. unsettled: windows in which something is
    held.
    """
    realised = {(d, s): pnl for d, of_day in books.days.items() if d >= today for s, pnl in of_day.items()}
    risked = _open_e6(books, unsettled)
    keys = dict.fromkeys([*realised, *(key for key in risked if key[0] >= today)])
    return tuple(
        DayResult(day=d, strategy=s, realised_e6=realised.get((d, s), 0), open_e6=risked.get((d, s), 0))
        for d, s in sorted(keys)
    )


def _open_e6(books: Books, unsettled: list[BookedWindow]) -> dict[tuple[str, str], int]:
    """What positions without an outcome cost, and what orders may still cost."""
    found: dict[tuple[str, str], int] = {}
    for window in unsettled:
        for strategy, holding in {} if outcome_of(window) else holdings(books, window).items():
            key = (day_of(window.end_s), strategy)
            found[key] = found.get(key, 0) + max(0, holding.cost_e6 + holding.fees_e6)
    for order_id in books.open:
        intent = books.orders[order_id].intent
        key = (day_of(intent.end_s), intent.strategy)
        found[key] = found.get(key, 0) + double_entry.order_reserved_e6(books, order_id)
    return found


def sent(books: Books, now_ns: int) -> tuple[SentOrder, ...]:
    """Orders of windows that have not ended, and all of the last minute, oldest first."""
    found = [
        SentOrder(
            intent_id=order.intent.id,
            strategy=order.intent.strategy,
            slug=order.intent.slug,
            signed_ns=order.signed_ns,
            filled=bool(standing(order)),
        )
        for order in _since(books, now_ns - HOUR_NS)
        if order.intent.end_s * NS > now_ns or order.signed_ns > now_ns - MINUTE_NS
    ]
    return tuple(reversed(found))


def unfilled(books: Books, now_ns: int) -> int:
    """Orders in a row, up to the newest, of which nothing has filled; none older than an hour. Exits are not counted."""
    count = 0
    for order in _since(books, now_ns - HOUR_NS):
        if standing(order):
            break
        count += order.intent.side == "BUY"
    return count


def _since(books: Books, from_ns: int) -> Iterator[BookedOrder]:
    """Orders signed at or after from_ns, newest first."""
    for order_id in reversed(books.orders):
        order = books.orders[order_id]
        if order.signed_ns < from_ns:
            return
        yield order
