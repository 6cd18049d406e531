"""What the executor knows, as plain mutable structs: exactly what a snapshot holds. Changed by fold.py alone."""

import msgspec

from messages import OrderIntent, Outcome, Settlement
from messages.money import OrderState, RedeemState
from polybot.core.executor.books.entries import FillStatus
from polybot.core.executor.books.streaks import Run, Traded


class BookStruct(msgspec.Struct, kw_only=True):
    """Base of the mutable structs that make up the executor's books."""


class BookedFill(BookStruct, kw_only=True):
    """One trade of an order. FAILED ones stay, moving nothing. booked_seq: the entry that first told of it."""

    trade_id: str
    size_e6: int
    price_e6: int
    cost_e6: int
    fee_e6: int
    status: FillStatus
    is_taker: bool
    matched_s: int
    booked_seq: int


class BookedOrder(BookStruct, kw_only=True):
    """An order of ours, for ever: a repeat of its intent is answered from here. body is dropped once it is final."""

    intent: OrderIntent
    order_id: str
    body: bytes
    good_until_ns: int
    cancel_at_ns: int
    signed_ns: int
    updated_ns: int
    posts: int = 0
    unsure: bool = False
    seen: bool = False
    over: bool = False
    refused: bool = False
    lapsed: bool = False
    cancelled: bool = False
    matched_e6: int = 0
    making_e6: int = 0
    code: str = ""
    text: str = ""
    fills: dict[str, BookedFill] = {}


class RefusedIntent(BookStruct, kw_only=True):
    """An approved order that the executor did not take, and why."""

    intent: OrderIntent
    reason_code: str
    reason: str
    refused_ns: int


class BookedWindow(BookStruct, kw_only=True):
    """A window that ended or in which we have orders. outcome: provisional; winner: official; orders: ids, oldest first."""

    slug: str
    start_s: int
    end_s: int
    ended: bool = False
    outcome: Outcome | None = None
    inferred: bool = False
    move_bp: float | None = None
    winner: str = ""
    orders: list[str] = []


class Settled(BookStruct, kw_only=True):
    """What was last booked and said of a strategy's window. moved: cost taken out of each token's position."""

    said: Settlement
    moved: dict[str, int]


class RedemptionState(BookStruct, kw_only=True):
    """The newest attempt to redeem a window. failures: attempts so far that came to nothing, or to nothing known."""

    condition_id: str
    attempt: int
    state: RedeemState
    tx_id: str = ""
    why: str = ""
    since_ns: int = 0
    failures: int = 0


class OrderNote(BookStruct, kw_only=True, tag=True):
    """An OrderUpdate as it was said: what of it changes. The rest stands in the order."""

    seq: int
    order_id: str
    state: OrderState
    final: bool
    filled_e6: int
    cost_e6: int
    fee_e6: int
    reserved_e6: int
    code: str
    text: str
    posts: int
    updated_ns: int


class RefusalNote(BookStruct, kw_only=True, tag=True):
    """Note that the OrderUpdate of a refused intent was said, under which journal sequence."""

    seq: int
    intent_id: str


class FillNote(BookStruct, kw_only=True, tag=True):
    """A Fill as it was said: what of it changes."""

    seq: int
    order_id: str
    trade_id: str
    status: FillStatus
    cost_e6: int
    fee_e6: int


class SettledNote(BookStruct, kw_only=True, tag=True):
    """Note that this Settlement was said, under which journal sequence."""

    seq: int
    said: Settlement


Note = OrderNote | RefusalNote | FillNote | SettledNote


class Books(BookStruct, kw_only=True):
    """The fold of the journal up to `seq`. accounts: debit-positive balances, their sum is always 0.

    runs       strategy → its traded windows and the streak after each; traded: the same as the first build kept it
    notes      every money event ever said, oldest first: EventsSince is served from here, through restarts and snapshots
    open       ids of orders that are not final           idle   windows without orders that are still remembered
    pending    slugs of windows in which something is held, or owed
    activities ids of the Data API's rows that are booked
    paid       "strategy/slug" → what the wallet was seen to receive
    days       UTC day of the windows' ends → strategy → realised P&L after fees
    redeems    slug → how far its redemption is
    last_ns    world time of the newest entry
    gone       windows that left since the last sweep (past.py)    tokens_gone  hashes of the tokens of all that left
    notes_since  what was said up to this sequence is not whole here any more: the archive tells it
    """

    account: str = ""
    seq: int = 0
    last_ns: int = 0
    opened_ns: int = 0
    purse_e6: int = 0
    accounts: dict[str, int] = {}
    orders: dict[str, BookedOrder] = {}
    by_intent: dict[str, str] = {}
    refusals: dict[str, RefusedIntent] = {}
    open: dict[str, None] = {}
    windows: dict[str, BookedWindow] = {}
    idle: list[str] = []
    traded: dict[str, dict[str, Traded]] = {}
    runs: dict[str, Run] = {}
    settled: dict[str, Settled] = {}
    pending: dict[str, None] = {}
    paid: dict[str, int] = {}
    redeems: dict[str, RedemptionState] = {}
    notes: list[Note] = []
    foreign: dict[str, str] = {}
    accepted_foreign: dict[str, None] = {}
    activities: dict[str, None] = {}
    halt_id: str = ""
    halt_code: str = ""
    halt_text: str = ""
    halt_seq: int = 0
    risk_boot: int = 0
    last_window_s: int = 0
    gone: int = 0
    tokens_gone: bytes = b""
    notes_since: int = 0
    realised_e6: int = 0
    days: dict[str, dict[str, int]] = {}
    peak_equity_e6: int = 0
    max_drawdown_e6: int = 0
    snapshot_seq: int = 0


_encoder = msgspec.msgpack.Encoder()  # dicts keep their order, which is that of the journal
_decoder = msgspec.msgpack.Decoder(Books)


def books_to_bytes(books: Books) -> bytes:
    """The books as a snapshot; the same books give the same bytes."""
    return _encoder.encode(books)


def books_from_bytes(data: bytes) -> Books:
    """The books out of a snapshot; raises msgspec.MsgspecError when it does not decode."""
    return _decoder.decode(data)
