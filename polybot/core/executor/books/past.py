"""What the books let go of, so that they are as large after a year as after a day; and how it comes back when something is
still said of it.

1. A window leaves KEPT_S of world time after its end, with its orders, its settlements and what was said of them, once nothing
   of it is open: resolved officially, every fill final, every cent of it in the wallet. What is stuck stays, however old.
2. Of a strategy's windows that have left, the streak after them stays (`Run.before`), and of their tokens a short hash, since
   shares that lost lie in the wallet for ever.
3. Everything that left is in the journal's older segments. A correction of such a window is folded after the window was
   brought back as it was (`Recalled`); it leaves again by rule 1.
4. What was said before `notes_since` is told from the archive (`runtime/store/archive.py`), not from here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from messages import Streak
from polybot.core.executor.books.state import (
    BookedOrder,
    BookedWindow,
    Books,
    Note,
    RedemptionState,
    RefusalNote,
    Settled,
    SettledNote,
)
from polybot.core.executor.books.streaks import Run, Traded

KEPT_S = 86_400
KEPT_DAYS = 8
KEPT_IDS = 10_000  # accepted foreign ids and booked activities: the newest so many
_LOOKED_AT = 8  # windows an entry looks at
_BATCH = 64  # windows that leave between two sweeps over what was said of them
HASH_BYTES = 8


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's windows from one that left up to the newest that left, and the streak before the first of them."""

    before: Streak
    rows: tuple[Traded, ...]


class PastWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window as it left the books. settled, paid: by "strategy/slug"; runs: by strategy."""

    window: BookedWindow
    orders: tuple[BookedOrder, ...]
    settled: dict[str, Settled]
    paid: dict[str, int]
    redeem: RedemptionState | None
    runs: dict[str, PastRun]


@dataclass
class Gone:
    """What one entry let leave: windows as they were, and by strategy the first rows of its run."""

    windows: list[PastWindow] = field(default_factory=list)
    runs: dict[str, PastRun] = field(default_factory=dict)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PastWindow)


def past_to_bytes(past: PastWindow) -> bytes:
    """As the entry `Recalled` carries it."""
    return _encoder.encode(past)


def past_from_bytes(data: bytes) -> PastWindow:
    """The window out of an entry `Recalled`; raises msgspec.MsgspecError."""
    return _decoder.decode(data)


def horizon_s(books: Books) -> int:
    """World second: windows that ended before it have left, unless they are stuck."""
    return books.last_window_s - KEPT_S


def let_go(books: Books) -> Gone:
    """Let settled windows of long ago leave (rule 1), a few at a time, oldest first. Called once for each window that ends."""
    gone = Gone()
    for slug in [slug for slug, _ in zip(books.windows, range(_LOOKED_AT), strict=False)]:
        window = books.windows[slug]
        if window.end_s > horizon_s(books):
            break
        if not window.orders:
            continue  # `idle` has it, and forgets it
        if _is_stuck(books, window):
            books.windows[slug] = books.windows.pop(slug)  # looked at again when all others have been
            continue
        gone.windows.append(_take_out(books, window))
    books.gone += len(gone.windows)
    if books.gone >= _BATCH:
        gone.runs = _sweep(books)
    return gone


def _is_stuck(books: Books, window: BookedWindow) -> bool:
    redeem = books.redeems.get(window.slug)
    orders = [books.orders[order_id] for order_id in window.orders]
    return (
        not window.winner
        or window.slug in books.pending
        or (redeem is not None and redeem.state != "paid")
        or any(order.order_id in books.open for order in orders)
        or any(fill.status == "MATCHED" for order in orders for fill in order.fills.values())
    )


def _take_out(books: Books, window: BookedWindow) -> PastWindow:
    del books.windows[window.slug]
    orders = tuple(books.orders.pop(order_id) for order_id in window.orders)
    for order in orders:
        books.by_intent.pop(order.intent.id, None)
    strategies = dict.fromkeys(order.intent.strategy for order in orders)
    keys = [f"{strategy}/{window.slug}" for strategy in strategies]
    tokens = dict.fromkeys(order.intent.token_id for order in orders if order.fills)
    books.tokens_gone += b"".join(token_hash(token) for token in tokens)
    return PastWindow(
        window=window,
        orders=orders,
        settled={key: books.settled.pop(key) for key in keys if key in books.settled},
        paid={key: books.paid.pop(key) for key in keys if key in books.paid},
        redeem=books.redeems.pop(window.slug, None),
        runs={},
    )


def _sweep(books: Books) -> dict[str, PastRun]:
    """Forget what was said of those that left, and their place in the streaks (rules 2 and 4); the rows that left."""
    books.gone = 0
    old_ns = horizon_s(books) * 1_000_000_000
    left: dict[str, PastRun] = {}
    for strategy, run in books.runs.items():
        count = next((i for i, row in enumerate(run.rows) if row.slug in books.windows), len(run.rows))
        if count:
            left[strategy] = PastRun(before=run.before, rows=tuple(run.rows[:count]))
            run.let_go(count)
    kept = [note for note in books.notes if _is_kept(books, note, old_ns)]
    if len(kept) < len(books.notes):
        still = {id(note) for note in kept}
        books.notes_since = max(note.seq for note in books.notes if id(note) not in still)
        books.notes = kept
    refused = [
        i for i, row in books.refusals.items() if row.refused_ns < old_ns and row.intent.end_s < horizon_s(books)
    ]
    for intent_id in refused:
        del books.refusals[intent_id]
    for day in sorted(books.days)[:-KEPT_DAYS]:
        del books.days[day]
    for ids in (books.accepted_foreign, books.activities):
        for old in list(ids)[:-KEPT_IDS]:
            del ids[old]
    return left


def _is_kept(books: Books, note: Note, old_ns: int) -> bool:
    match note:
        case SettledNote():
            return note.said.slug in books.windows
        case RefusalNote():
            row = books.refusals[note.intent_id]
            return not (row.refused_ns < old_ns and row.intent.end_s < horizon_s(books))
        case _:
            return note.order_id in books.orders


def token_hash(token_id: str) -> bytes:
    """What is remembered of a token whose window has left."""
    return hashlib.blake2b(token_id.encode(), digest_size=HASH_BYTES).digest()


def tokens_gone(books: Books) -> frozenset[bytes]:
    """The hashes of all of them, to look one up in."""
    blob = books.tokens_gone
    return frozenset(blob[i : i + HASH_BYTES] for i in range(0, len(blob), HASH_BYTES))


def recall(books: Books, data: bytes) -> None:
    """Put the window into the books again as it was; its strategies' streaks are folded from before it (rule 3)."""
    past = _decoder.decode(data)
    window = past.window
    if window.slug in books.windows and books.windows[window.slug].orders:
        return
    books.windows[window.slug] = window
    for order in past.orders:
        books.orders[order.order_id] = order
        books.by_intent[order.intent.id] = order.order_id
    books.settled |= past.settled
    books.paid |= past.paid
    if past.redeem is not None:
        books.redeems[window.slug] = past.redeem
    for strategy, run in past.runs.items():
        kept = books.runs.get(strategy, Run())
        books.runs[strategy] = run_of(run.before, (*run.rows, *kept.rows))


def run_of(before: Streak, rows: Iterable[Traded]) -> Run:
    """A run folded anew; of two rows of one slug the later stands."""
    run = Run(before=before)
    for row in rows:
        run.put(row)
    return run
