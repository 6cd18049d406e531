"""One entry more: the only place where Books change, live and after a restart alike."""

import zlib

from polybot.core.executor.books import double_entry, entries, order_state, past
from polybot.core.executor.books.entries import AnyEntry, OrderTold, Written
from polybot.core.executor.books.settlement import count_days, key_of, note_pending, note_traded, outcome_of, resettle
from polybot.core.executor.books.state import (
    BookedFill,
    BookedOrder,
    BookedWindow,
    Books,
    FillNote,
    OrderNote,
    RedemptionState,
    RefusalNote,
    RefusedIntent,
    books_from_bytes,
    books_to_bytes,
)
from polybot.core.executor.books.streaks import Run

IDLE_WINDOWS = 50  # ended windows without an order of ours that are remembered: a fill may still be heard late


def restored(records: tuple[bytes, ...]) -> Books:
    """The fold of what the journal held. Raises entries.UnknownVersion, msgspec.MsgspecError."""
    books = Books()
    for record in records:
        written = entries.from_bytes(record)
        if isinstance(written.entry, entries.SnapshotEntry):
            books = books_from_bytes(_unpacked(written.entry))
            _brought_up_to_date(books)
        else:
            apply(books, written)
    return books


def _brought_up_to_date(books: Books) -> None:
    """What earlier builds kept otherwise, as this one keeps it."""
    if not books.days:
        count_days(books)
    for strategy, rows in books.traded.items():
        run = books.runs.setdefault(strategy, Run())
        for row in sorted(rows.values(), key=lambda row: (row.start_s, row.slug)):
            run.put(row)
    books.traded = {}


def snapshot(books: Books) -> bytes:
    """The record that a new segment opens with; what follows is folded onto it."""
    books.snapshot_seq = books.seq
    packed = zlib.compress(books_to_bytes(books), 1)
    return entries.to_bytes(entries.SnapshotEntry(books=packed, packing="zlib"), books.seq, books.last_ns)


def _unpacked(entry: entries.SnapshotEntry) -> bytes:
    match entry.packing:
        case "":
            return entry.books
        case "zlib":
            return zlib.decompress(entry.books)
    raise entries.UnknownVersion(f'a snapshot is packed as "{entry.packing}": start the build that wrote it')


def apply(books: Books, written: Written) -> past.Gone | None:
    """Fold one entry in; what there is to say of it are the notes added. Returned: what left the books for it."""
    gone: past.Gone | None = None
    books.seq = written.seq
    books.last_ns = max(books.last_ns, written.at_ns)
    entry: AnyEntry = written.entry
    match entry:
        case entries.IntentSigned():
            _sign(books, entry)
        case entries.OrderTold():
            _told(books, entry)
        case entries.FillBooked() | entries.FillConfirmed() | entries.FillReversed() | entries.FillRepriced():
            _fill(books, entry)
        case entries.WindowNoted() | entries.WindowResolved():
            gone = _window(books, entry)
        case entries.PaidOut():
            _paid(books, entry)
        case entries.RedeemBegun() | entries.RedeemTold():
            _redeem(books, entry)
        case entries.Recalled():
            past.recall(books, entry.past)
        case _:
            _house(books, entry)
    if books.purse_e6:
        equity = double_entry.equity_e6(books)
        books.peak_equity_e6 = max(books.peak_equity_e6, equity)
        books.max_drawdown_e6 = max(books.max_drawdown_e6, books.peak_equity_e6 - equity)
    return gone


def _house(books: Books, entry: AnyEntry) -> None:
    match entry:
        case entries.Opened():
            books.account, books.purse_e6, books.opened_ns = entry.account, entry.purse_e6, books.last_ns
            books.peak_equity_e6 = entry.purse_e6
            double_entry.move(books, double_entry.CASH, double_entry.CAPITAL, entry.wallet_e6)
        case entries.IntentRefused():
            row = RefusedIntent(
                intent=entry.intent, reason_code=entry.reason_code, reason=entry.reason, refused_ns=books.last_ns
            )
            books.refusals[entry.intent.id] = row
            books.notes.append(RefusalNote(seq=books.seq, intent_id=entry.intent.id))
        case entries.ExternalBooked():
            double_entry.move(books, double_entry.CASH, double_entry.EXTERNAL, entry.amount_e6)
            if entry.activity_id:
                books.activities[entry.activity_id] = None
        case entries.ForeignSeen():
            books.foreign[entry.id] = entry.text
        case entries.ForeignAccepted():
            for foreign_id in entry.ids:
                books.foreign.pop(foreign_id, None)
                books.accepted_foreign[foreign_id] = None
        case entries.HaltNoted():
            books.halt_id, books.halt_code, books.halt_text = entry.halt_id, entry.reason_code, entry.reason
            books.halt_seq = books.seq
        case _:
            raise TypeError(f"nobody folds {type(entry).__name__}")


# --- orders and fills


def _sign(books: Books, entry: entries.IntentSigned) -> None:
    intent = entry.intent
    books.orders[entry.order_id] = BookedOrder(
        intent=intent,
        order_id=entry.order_id,
        body=entry.body,
        good_until_ns=entry.good_until_ns,
        cancel_at_ns=entry.cancel_at_ns,
        signed_ns=books.last_ns,
        updated_ns=books.last_ns,
    )
    books.by_intent[intent.id] = entry.order_id
    books.open[entry.order_id] = None
    books.risk_boot = max(books.risk_boot, entry.risk_boot)
    _window_of(books, intent.slug, intent.start_s, intent.end_s).orders.append(entry.order_id)
    _note_order(books, books.orders[entry.order_id])


def _told(books: Books, entry: OrderTold) -> None:
    order = books.orders[entry.order_id]
    order_state.join(order, entry)
    order.updated_ns = books.last_ns
    _note_order(books, order)


def _fill(
    books: Books, entry: entries.FillBooked | entries.FillConfirmed | entries.FillReversed | entries.FillRepriced
) -> None:
    order = books.orders[entry.order_id]
    order.updated_ns = books.last_ns
    match entry:
        case entries.FillBooked():
            fill = order.fills[entry.trade_id] = BookedFill(
                trade_id=entry.trade_id,
                size_e6=entry.size_e6,
                price_e6=entry.price_e6,
                cost_e6=entry.cost_e6,
                fee_e6=entry.fee_e6,
                status=entry.status,
                is_taker=entry.is_taker,
                matched_s=entry.matched_s,
                booked_seq=books.seq,
            )
            if fill.status != "FAILED":
                double_entry.book_fill(books, order.intent, fill)
        case entries.FillConfirmed():
            fill = order.fills[entry.trade_id]
            fill.status = "CONFIRMED"
        case entries.FillReversed():
            fill = order.fills[entry.trade_id]
            double_entry.book_fill(books, order.intent, fill, sign=-1)
            fill.status = "FAILED"
        case entries.FillRepriced():
            fill = order.fills[entry.trade_id]
            double_entry.book_fill(books, order.intent, fill, sign=-1)
            fill.cost_e6 = entry.cost_e6
            double_entry.book_fill(books, order.intent, fill)
    books.notes.append(
        FillNote(
            seq=books.seq,
            order_id=order.order_id,
            trade_id=fill.trade_id,
            status=fill.status,
            cost_e6=fill.cost_e6,
            fee_e6=fill.fee_e6,
        )
    )
    _note_order(books, order)
    window = books.windows[order.intent.slug]
    _follow(books, window)


def _note_order(books: Books, order: BookedOrder) -> None:
    final = order_state.is_final(order)
    if final:
        books.open.pop(order.order_id, None)
        order.body = b""
    else:
        books.open[order.order_id] = None
    code, text = order_state.reason_of(order)
    books.notes.append(
        OrderNote(
            seq=books.seq,
            order_id=order.order_id,
            state=order_state.state_of(order),
            final=final,
            filled_e6=order_state.filled_e6(order),
            cost_e6=order_state.spent_e6(order),
            fee_e6=order_state.fees_e6(order),
            reserved_e6=double_entry.order_reserved_e6(books, order.order_id),
            code=code,
            text=text,
            posts=order.posts,
            updated_ns=order.updated_ns,
        )
    )


# --- windows


def _window(books: Books, entry: entries.WindowNoted | entries.WindowResolved) -> past.Gone | None:
    window = _window_of(books, entry.slug, entry.start_s, entry.end_s)
    window.ended = True
    if isinstance(entry, entries.WindowNoted):
        window.outcome, window.inferred, window.move_bp = entry.outcome, entry.inferred, entry.move_bp
    else:
        window.winner = entry.winner
    books.last_window_s = max(books.last_window_s, window.end_s)
    if window.orders:
        _follow(books, window)
    return past.let_go(books) if isinstance(entry, entries.WindowNoted) else None


def _follow(books: Books, window: BookedWindow) -> None:
    """A window's outcome, fills or payments have changed."""
    if outcome_of(window):
        resettle(books, window)
    else:
        note_traded(books, window)
    note_pending(books, window)


def _window_of(books: Books, slug: str, start_s: int, end_s: int) -> BookedWindow:
    """Made at first sight; the oldest windows in which we never ordered are forgotten."""
    window = books.windows.get(slug)
    if window is None:
        window = books.windows[slug] = BookedWindow(slug=slug, start_s=start_s, end_s=end_s)
        books.idle.append(slug)
        if len(books.idle) > IDLE_WINDOWS:
            oldest = books.idle.pop(0)
            if oldest in books.windows and not books.windows[oldest].orders:
                del books.windows[oldest]
    return window


def _paid(books: Books, entry: entries.PaidOut) -> None:
    key = key_of(entry.strategy, entry.slug)
    books.paid[key] = books.paid.get(key, 0) + entry.amount_e6
    double_entry.move(books, double_entry.CASH, double_entry.CLAIMS, entry.amount_e6)
    _follow(books, books.windows[entry.slug])
    if entry.slug in books.redeems and entry.slug not in books.pending:
        row = books.redeems[entry.slug]
        row.state, row.why, row.since_ns = "paid", "", books.last_ns


def _redeem(books: Books, entry: entries.RedeemBegun | entries.RedeemTold) -> None:
    """An attempt goes out, or more is known of it. What is said of an older attempt is history."""
    row = books.redeems.get(entry.slug)
    if isinstance(entry, entries.RedeemBegun):
        books.redeems[entry.slug] = RedemptionState(
            condition_id=entry.condition_id,
            attempt=entry.attempt,
            state="sending",
            since_ns=books.last_ns,
            failures=row.failures if row else 0,
        )
    elif row is not None and row.attempt == entry.attempt and row.state != "paid":
        if entry.state in ("failed", "unknown") and row.state != entry.state:
            row.failures += 1
        row.state, row.why, row.since_ns = entry.state, entry.why, books.last_ns
        row.tx_id = entry.tx_id or row.tx_id
