"""Money events out of their notes: the same words live, for EventsSince, and after a restart."""

from bisect import bisect_right
from collections.abc import Iterator

from messages import Fill as FillEvent
from messages import OrderUpdate, Settlement
from polybot.core.executor.books import double_entry, order_state
from polybot.core.executor.books.state import Books, FillNote, Note, OrderNote, RefusalNote, SettledNote

MoneyEvent = OrderUpdate | FillEvent | Settlement


def events_from(books: Books, index: int) -> Iterator[MoneyEvent]:
    """The money events of the notes from `index` on, in order."""
    return (event_of(books, note) for note in books.notes[index:])


def newest(books: Books) -> Iterator[MoneyEvent]:
    """Those of the newest entry. By its sequence, not by their count: an entry may also let go of old ones (past.py)."""
    first = len(books.notes)
    while first and books.notes[first - 1].seq == books.seq:
        first -= 1
    return events_from(books, first)


def page(books: Books, after: int, limit: int) -> tuple[tuple[MoneyEvent, ...], bool]:
    """(the events after a journal sequence, are there more): about `limit` of them; one entry's are never torn apart."""
    begin = bisect_right(books.notes, after, key=lambda note: note.seq)
    end = min(len(books.notes), begin + max(1, limit))
    while end < len(books.notes) and books.notes[end].seq == books.notes[end - 1].seq:
        end += 1
    return tuple(event_of(books, note) for note in books.notes[begin:end]), end < len(books.notes)


def event_of(books: Books, note: Note) -> MoneyEvent:
    """The word a note stands for, as it was said then."""
    match note:
        case SettledNote():
            return note.said
        case RefusalNote():
            row = books.refusals[note.intent_id]
            return order_state.refused_update(
                books.account, row.intent, row.reason_code, row.reason, row.refused_ns, note.seq
            )
        case FillNote():
            return _fill_event(books, note)
        case OrderNote():
            return _order_event(books, note)


def _fill_event(books: Books, note: FillNote) -> FillEvent:
    order = books.orders[note.order_id]
    fill, intent = order.fills[note.trade_id], order.intent
    return FillEvent(
        account=books.account,
        trade_id=fill.trade_id,
        order_id=order.order_id,
        intent_id=intent.id,
        strategy=intent.strategy,
        slug=intent.slug,
        token_id=intent.token_id,
        outcome=intent.outcome,
        side=intent.side,
        size_e6=fill.size_e6,
        price_e6=fill.price_e6,
        cost_e6=note.cost_e6,
        fee_e6=note.fee_e6,
        status=note.status,
        traded_ns=fill.matched_s * 1_000_000_000,
        journal_seq=note.seq,
    )


def _order_event(books: Books, note: OrderNote) -> OrderUpdate:
    intent = books.orders[note.order_id].intent
    return OrderUpdate(
        account=books.account,
        order_id=note.order_id,
        intent_id=intent.id,
        strategy=intent.strategy,
        slug=intent.slug,
        token_id=intent.token_id,
        outcome=intent.outcome,
        side=intent.side,
        state=note.state,
        final=note.final,
        filled_e6=note.filled_e6,
        cost_e6=note.cost_e6,
        fee_e6=note.fee_e6,
        reserved_e6=note.reserved_e6,
        limit_e6=intent.limit_e6,
        stake_e6=intent.stake_e6,
        reason_code=note.code,
        reason=note.text,
        posts=note.posts,
        updated_ns=note.updated_ns,
        journal_seq=note.seq,
        intent=intent,
    )


def order_now(books: Books, order_id: str) -> OrderUpdate:
    """An order as it stands, for the level of positions."""
    order = books.orders[order_id]
    code, text = order_state.reason_of(order)
    note = OrderNote(
        seq=books.seq,
        order_id=order_id,
        state=order_state.state_of(order),
        final=order_id not in books.open,
        filled_e6=order_state.filled_e6(order),
        cost_e6=order_state.spent_e6(order),
        fee_e6=order_state.fees_e6(order),
        reserved_e6=double_entry.order_reserved_e6(books, order_id),
        code=code,
        text=text,
        posts=order.posts,
        updated_ns=order.updated_ns,
    )
    return _order_event(books, note)
