"""The venue's words about our orders as entries. Pure; what is known already gives no entry.

Order-independent: trades are told apart by (trade, order), a later status never goes back (MATCHED < CONFIRMED < FAILED),
MINED and RETRYING are MATCHED to us. What only the user channel says of an order never ends it: it may say MATCHED in the
middle of a match. The order endpoint and POST's own answer do.
"""

from collections.abc import Iterator

from messages.inner import PostResult, VenueOrder, VenueTrade
from polybot.core.executor.books import double_entry
from polybot.core.executor.books.entries import (
    AnyEntry,
    FillBooked,
    FillConfirmed,
    FillRepriced,
    FillReversed,
    FillStatus,
    ForeignSeen,
    OrderTold,
)
from polybot.core.executor.books.order_state import IMMEDIATE, is_news, traded_e6
from polybot.core.executor.books.state import BookedFill, BookedOrder, Books

STATUS: dict[str, FillStatus] = {
    "MATCHED": "MATCHED",
    "MINED": "MATCHED",
    "RETRYING": "MATCHED",
    "CONFIRMED": "CONFIRMED",
    "FAILED": "FAILED",
}
KILLED = ("FAK_NO_MATCH", "FOK_KILLED", "CANCELED")  # the venue took it and ended it at once, with nothing
ROUNDING_E6 = 10_000  # a cent: beyond it the venue's amount and ours differ by more than rounding, and cash will tell


def told(order: BookedOrder, entry: OrderTold) -> Iterator[AnyEntry]:
    """The entry, if it changes what is known of the order; else nothing."""
    if is_news(order, entry):
        yield entry


def of_order(books: Books, shown: VenueOrder, *, is_authoritative: bool) -> Iterator[AnyEntry]:
    """An order as the venue shows it; one we never signed is foreign."""
    order = books.orders.get(shown.order_id)
    if order is None:
        text = (
            f"order {shown.side} {shown.original_e6} of {shown.token_id[:12]} at {shown.price_e6}, {shown.raw_status}"
        )
        yield from foreign(books, shown.order_id, text)
        return
    ended = shown.state == "CANCELED" or (
        shown.state == "MATCHED" and (order.intent.order_type in IMMEDIATE or shown.matched_e6 >= shown.original_e6 > 0)
    )
    yield from told(
        order,
        OrderTold(
            order_id=order.order_id,
            seen=True,
            over=ended and is_authoritative,
            matched_e6=shown.matched_e6,
            text=shown.raw_status if ended else "",
        ),
    )


def of_trade(books: Books, shown: VenueTrade) -> Iterator[AnyEntry]:
    """A trade of ours at the status it has; one of an order we never signed is foreign."""
    order = books.orders.get(shown.order_id)
    if order is None:
        text = (
            f"trade {shown.side} {shown.size_e6} of {shown.token_id[:12]} at {shown.price_e6}, order {shown.order_id}"
        )
        yield from foreign(books, shown.trade_id, text)
        return
    status, known = STATUS[shown.status], order.fills.get(shown.trade_id)
    if known is None:
        intent = order.intent
        fee = double_entry.taker_fee_e6(shown.size_e6, shown.price_e6, intent.fee_rate_e6, intent.fee_exponent)
        yield FillBooked(
            order_id=order.order_id,
            trade_id=shown.trade_id,
            size_e6=shown.size_e6,
            price_e6=shown.price_e6,
            cost_e6=double_entry.cost_e6(shown.size_e6, shown.price_e6),
            fee_e6=fee if shown.is_taker else 0,
            status=status,
            is_taker=shown.is_taker,
            matched_s=shown.matched_s,
        )
        return
    if "FAILED" not in (status, known.status):
        yield from _contradicted(books, known, shown)
    if status == "FAILED" and known.status != "FAILED":
        yield FillReversed(order_id=order.order_id, trade_id=shown.trade_id)
    elif status == "CONFIRMED" and known.status == "MATCHED":
        yield FillConfirmed(order_id=order.order_id, trade_id=shown.trade_id)


def _contradicted(books: Books, known: BookedFill, shown: VenueTrade) -> Iterator[AnyEntry]:
    """A trade that is told again with another size or price than was booked: both sides are said, and new orders stop, as for
    a trade that is not ours. A millionth of a share and a cent are rounding.
    """
    cost_e6 = double_entry.cost_e6(shown.size_e6, shown.price_e6)
    if abs(shown.size_e6 - known.size_e6) <= 1 and abs(cost_e6 - known.cost_e6) <= ROUNDING_E6:
        return
    text = (
        f"trade {shown.trade_id} of order {shown.order_id}: booked are {known.size_e6} for {known.cost_e6}, and the venue says "
        f"{shown.size_e6} at {shown.price_e6}, which is {cost_e6}"
    )
    yield from foreign(books, f"{shown.trade_id}/{shown.order_id}/{shown.size_e6}@{shown.price_e6}", text)


def of_answer(order: BookedOrder, result: PostResult) -> Iterator[AnyEntry]:
    """What a POST came to. A no, a shut gate and a "not now" say something of this POST only: while an earlier one may have
    been heard, the order stays unknown.
    """
    base = OrderTold(order_id=order.order_id, posts=result.attempt)
    entry = base
    match result.outcome:
        case "accepted":
            entry = _accepted(order, result)
        case "refused" if result.code in KILLED and not order.unsure:
            entry = OrderTold(order_id=order.order_id, posts=result.attempt, over=True, text=result.text)
        case "refused" | "gate" if not order.unsure:
            entry = OrderTold(
                order_id=order.order_id, posts=result.attempt, refused=True, code=result.code, text=result.text
            )
        case "unknown":
            entry = OrderTold(order_id=order.order_id, posts=result.attempt, unsure=True, text=result.text)
    yield from told(order, entry)


def _accepted(order: BookedOrder, result: PostResult) -> OrderTold:
    """The answer to an order that cannot rest is its end, when it names what matched."""
    is_buy = order.intent.side == "BUY"
    matched = result.taking_e6 if is_buy else result.making_e6
    return OrderTold(
        order_id=order.order_id,
        posts=result.attempt,
        seen=True,
        over=order.intent.order_type in IMMEDIATE and result.status == "matched" and matched > 0,
        matched_e6=matched,
        making_e6=result.making_e6 if is_buy else result.taking_e6,
    )


def of_completion(order: BookedOrder) -> Iterator[AnyEntry]:
    """All its trades are known and confirmed: the venue's own amount for the whole decides about the last rounding. Not
    before, since it says nothing of which part a trade that fails had in it.
    """
    if not order.making_e6 or not order.over or traded_e6(order) != order.matched_e6:
        return
    fills = list(order.fills.values())
    if not fills or any(fill.status != "CONFIRMED" for fill in fills):
        return
    off = order.making_e6 - sum(fill.cost_e6 for fill in fills)
    if off and abs(off) <= ROUNDING_E6:
        last = max(fills, key=lambda fill: fill.trade_id)
        yield FillRepriced(order_id=order.order_id, trade_id=last.trade_id, cost_e6=last.cost_e6 + off)


def foreign(books: Books, foreign_id: str, text: str) -> Iterator[AnyEntry]:
    """An entry for an order, trade or position that is not ours, the first time it is seen."""
    if foreign_id not in books.foreign and foreign_id not in books.accepted_foreign:
        yield ForeignSeen(id=foreign_id, text=text)
