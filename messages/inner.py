"""Between a core and its own loop: time, timers, disk, and the outside world as requests with recorded answers.

A core *says* WakeAt, WakeIn, Persist, SignOrder, effects, Store; it *hears* Started, Restored, Tick, NoReply and results.
Whatever comes from outside the core comes as one of these, so a recording of them replays the core exactly.
"""

from typing import Literal

from messages.base import Inner, Reply
from messages.feeds import MarketListed
from messages.trade import Side


class Started(Inner, frozen=True, kw_only=True):
    """The first word a core hears. config: the parts of config.toml as JSON text; versions for the record.

    mono_s: machine time, comparable only within this boot. halted: what the halt file said when the loop started; paused:
    the same of the pause's.
    """

    actor: str
    boot: int
    config: str
    versions: dict[str, str]
    mono_s: float
    speed: float
    session: str
    halted: str = ""
    paused: str = ""


class Restored(Inner, frozen=True, kw_only=True):
    """What the actor's own store held, as opaque bytes in order (the executor's journal records). complete on the last."""

    records: tuple[bytes, ...]
    last_seq: int


class Tick(Inner, frozen=True, kw_only=True):
    """A timer asked for has come. mono_s is machine time."""

    name: str
    mono_s: float


class WakeAt(Inner, frozen=True, kw_only=True):
    """World time: hear Tick(name) at the first moment ≥ at_ns. The same name again replaces the earlier wish."""

    name: str
    at_ns: int


class WakeIn(Inner, frozen=True, kw_only=True):
    """Machine time: hear Tick(name) after `after_s` seconds. The same name again replaces the earlier wish."""

    name: str
    after_s: float


class NoReply(Reply, frozen=True, kw_only=True):
    """The server said nothing before the deadline: *unknown*, not *no*. `to` is the server, `request` the tag."""

    to: str
    request: str


class Persist(Inner, frozen=True, kw_only=True):
    """Append to the journal and fdatasync before anything said after this goes out. The loop performs it at once."""

    record: bytes
    seq: int


class PersistFailed(Inner, frozen=True, kw_only=True):
    """The disk refused. Nothing said after the Persist went out; the gate is closed; cancels still go."""

    seq: int
    why: str


class Compact(Inner, frozen=True, kw_only=True):
    """Begin a new journal segment that opens with this full snapshot."""

    snapshot: bytes
    seq: int


class OrderFields(Inner, frozen=True, kw_only=True):
    """The signed struct of the venue's order: integers, hex and decimal texts, no signature yet."""

    salt: int
    token_id: str
    maker_e6: int
    taker_e6: int
    side: Side
    timestamp_ms: int
    metadata: str
    neg_risk: bool
    order_type: Literal["FAK", "FOK", "GTC", "GTD"]
    post_only: bool
    expiration_s: int


class SignOrder(Inner, frozen=True, kw_only=True):
    """Build, hash and sign. Performed by the loop at once; heard back as OrderSigned before anything else."""

    intent_id: str
    fields: OrderFields


class OrderSigned(Inner, frozen=True, kw_only=True):
    """order_id is the EIP-712 digest; body the exact bytes of POST /order. why: signing failed, both are empty."""

    intent_id: str
    order_id: str
    body: bytes
    why: str = ""


# --- the venue, seen by the executor: each request word is an effect on a lane; each result is heard as it arrives


class PostOrder(Inner, frozen=True, kw_only=True):
    """Send these bytes through the gate: halt file, good-until and risk's boot are looked at with the lock held."""

    order_id: str
    body: bytes
    good_until_ns: int
    attempt: int


class PostResult(Inner, frozen=True, kw_only=True):
    """The venue's answer to a POST.

    outcome  "accepted" a clear yes · "refused" a clear no · "unknown" anything else · "gate" it never left the house
             "retry" a clear *not now* (425, 429, 503): the order was not taken
    making_e6, taking_e6: what was given and received so far, by the answer; code names refusals (INSUFFICIENT, …).
    retry_after_s: machine seconds for which the venue said it takes none; 0 = it did not say.
    """

    order_id: str
    outcome: Literal["accepted", "refused", "unknown", "gate", "retry"]
    status: str
    making_e6: int
    taking_e6: int
    trade_ids: tuple[str, ...]
    http: int
    code: str
    text: str
    took_ms: float
    attempt: int
    retry_after_s: float = 0.0


class MoveGate(Inner, frozen=True, kw_only=True):
    """Performed by the loop at once: why "" opens the gate, anything else shuts it, also to orders queued on the lane."""

    why: str


class WarmUp(Inner, frozen=True, kw_only=True):
    """Have the order lane's connection open, so that the next order's first byte waits for no handshake. No result."""


class SendHeartbeat(Inner, frozen=True, kw_only=True):
    """POST /v1/heartbeats, on a lane of its own. heartbeat_id: the one the venue gave last; "" = the one kept on disk."""

    heartbeat_id: str


class HeartbeatSent(Inner, frozen=True, kw_only=True):
    """The venue's answer to a heartbeat.

    acked     heartbeat_id is the next one to send, and is on disk
    mismatch  the venue expects heartbeat_id; what was sent did not extend its deadline
    failed    anything else, silence included: why
    """

    outcome: Literal["acked", "mismatch", "failed"]
    heartbeat_id: str
    why: str = ""


class CancelOrders(Inner, frozen=True, kw_only=True):
    """Cancel these ids at the venue; empty = all of this account. Runs on its own lane, never behind orders."""

    tag: str
    order_ids: tuple[str, ...]


class CancelResult(Inner, frozen=True, kw_only=True):
    """known False: no clear answer. not_canceled: id → the venue's reason."""

    tag: str
    known: bool
    canceled: tuple[str, ...]
    not_canceled: dict[str, str]
    why: str


class VenueOrder(Inner, frozen=True, kw_only=True):
    """One order as the venue reports it, on either endpoint or the user channel."""

    order_id: str
    condition_id: str
    token_id: str
    side: Side
    state: Literal["LIVE", "MATCHED", "CANCELED", "DELAYED", "OTHER"]
    raw_status: str
    original_e6: int
    matched_e6: int
    price_e6: int
    trade_ids: tuple[str, ...]
    created_s: int


class VenueTrade(Inner, frozen=True, kw_only=True):
    """One trade of ours, ours being the taker or one of the makers: one line an order of ours in it."""

    trade_id: str
    order_id: str
    condition_id: str
    token_id: str
    side: Side
    size_e6: int
    price_e6: int
    status: Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]
    is_taker: bool
    matched_s: int


class ReadOrder(Inner, frozen=True, kw_only=True):
    """What does the venue know of this order: asks the order endpoint and the trades endpoint."""

    tag: str
    order_id: str
    condition_id: str


class OrderRead(Inner, frozen=True, kw_only=True):
    """Three-valued: known with `order`, known and empty (order None and both endpoints said so), or not known."""

    tag: str
    order_id: str
    known: bool
    order: VenueOrder | None
    trades: tuple[VenueTrade, ...]
    why: str


class ReadOpenOrders(Inner, frozen=True, kw_only=True):
    """All open orders of this account."""

    tag: str


class OpenOrdersRead(Inner, frozen=True, kw_only=True):
    """known False: the read failed; that is not "no orders"."""

    tag: str
    known: bool
    orders: tuple[VenueOrder, ...]
    why: str


class ReadTrades(Inner, frozen=True, kw_only=True):
    """All trades of this account since `after_s` (world unix seconds)."""

    tag: str
    after_s: int


class TradesRead(Inner, frozen=True, kw_only=True):
    """known False: the read failed; that is not "no trades"."""

    tag: str
    known: bool
    trades: tuple[VenueTrade, ...]
    why: str


class ReadBalance(Inner, frozen=True, kw_only=True):
    """Spendable pUSD (token_id "") or the shares of a token. refresh: the venue looks at the chain first, not at its cache."""

    tag: str
    token_id: str
    refresh: bool = False


class BalanceRead(Inner, frozen=True, kw_only=True):
    """balance_e6 is what may be spent or sold; meaningless unless known."""

    tag: str
    token_id: str
    known: bool
    balance_e6: int
    allowance_e6: int
    why: str


class ReadActivity(Inner, frozen=True, kw_only=True):
    """What came to and went from the wallet since `after_s` (world unix seconds), trades left out: the Data API's activity."""

    tag: str
    after_s: int


class Activity(Inner, frozen=True, kw_only=True):
    """One movement of cash. id names it for ever; amount_e6 is negative for what went out."""

    id: str
    kind: str
    amount_e6: int
    condition_id: str
    at_s: int


class ActivityRead(Inner, frozen=True, kw_only=True):
    """known False: the read failed; that is not "nothing happened"."""

    tag: str
    known: bool
    rows: tuple[Activity, ...]
    why: str


class ReadHoldings(Inner, frozen=True, kw_only=True):
    """All open positions of the wallet, as the Data API shows them."""

    tag: str


class HoldingsRead(Inner, frozen=True, kw_only=True):
    """shares: token → millionths; known False: the read failed, which is not "none"."""

    tag: str
    known: bool
    shares: dict[str, int]
    why: str


class ReadMarket(Inner, frozen=True, kw_only=True):
    """Is this market closed, and who won? From the venue's market endpoint and Gamma."""

    tag: str
    slug: str
    condition_id: str


class MarketRead(Inner, frozen=True, kw_only=True):
    """winner "" while unresolved."""

    tag: str
    slug: str
    known: bool
    closed: bool
    winner: Literal["UP", "DOWN", "SPLIT", ""]
    why: str


class UserFact(Inner, frozen=True, kw_only=True):
    """Something the user channel pushed: an order's or a trade's new state, or the channel's own coming and going."""

    kind: Literal["order", "trade", "open", "closed", "bad"]
    order: VenueOrder | None = None
    trades: tuple[VenueTrade, ...] = ()
    why: str = ""


class HaltSeen(Inner, frozen=True, kw_only=True):
    """The loop looked at the halt file (every 100 ms and at each send): what stands there now, "" = nothing."""

    halt_id: str
    by: str
    reason_code: str
    reason: str


class WriteHalt(Inner, frozen=True, kw_only=True):
    """Write the halt file if none stands; the first writer wins."""

    by: str
    reason_code: str
    reason: str


class WritePause(Inner, frozen=True, kw_only=True):
    """Write the pause file; why "" takes it away."""

    why: str


class Leave(Inner, frozen=True, kw_only=True):
    """Said by a core: I have nothing more to do; end the process with this code. Heard by a core: SIGTERM has come."""

    code: int
    why: str


# --- reads of the feeds, and the recorder's store


class FetchMarket(Inner, frozen=True, kw_only=True):
    """market_feed: Gamma by slug and the CLOB's compact market."""

    slug: str


class MarketFetched(Inner, frozen=True, kw_only=True):
    """known False: no clear answer. gamma, clob: the bodies as text, "" where the venue said it has none."""

    slug: str
    known: bool
    gamma: str
    clob: str
    why: str


class SourceState(Inner, frozen=True, kw_only=True):
    """A websocket source came, went, or sent something unreadable ("bad", counted). The words themselves arrive parsed."""

    source: str
    state: Literal["open", "closed", "bad"]
    why: str
    received_ns: int


class Subscribe(Inner, frozen=True, kw_only=True):
    """market_feed: markets to add on the market channel, slugs to leave."""

    add: tuple[MarketListed, ...]
    remove: tuple[str, ...]


class FetchCandles(Inner, frozen=True, kw_only=True):
    """price_feed: closed klines of the exchange, `interval` "1s" or "1m"."""

    tag: str
    symbol: str
    interval: Literal["1s", "1m"]
    start_ns: int
    end_ns: int


class CandlesFetched(Inner, frozen=True, kw_only=True):
    """rows: (open_time_ns, open, high, low, close, volume, trades), oldest first."""

    tag: str
    symbol: str
    interval: Literal["1s", "1m"]
    known: bool
    rows: tuple[tuple[int, float, float, float, float, float, int], ...]
    why: str


class Reconnect(Inner, frozen=True, kw_only=True):
    """A core's wish that a websocket source be closed and opened again (a silent stall)."""

    source: str
    why: str


class Store(Inner, frozen=True, kw_only=True):
    """recorder: one row for a table of the ledger, as JSON text of column → value; replaces the row of the same key."""

    table: str
    row: bytes


# --- the watchdog's hands and eyes


class ProcessState(Inner, frozen=True, kw_only=True):
    """supervisord said so: actor's program is now in this state. actor "" = supervisord itself ("STOPPING").

    state     supervisord's: STARTING RUNNING STOPPING STOPPED EXITED BACKOFF FATAL UNKNOWN
    expected  of EXITED: left by a code it is not restarted for (0, 75, 78)      mono_s  machine time it was read
    """

    actor: str
    state: str
    pid: int
    expected: bool
    mono_s: float


class ProcessGone(Inner, frozen=True, kw_only=True):
    """A watched process is no more, as its pidfd tells, before supervisord has noticed."""

    actor: str
    pid: int
    mono_s: float


class WatchPid(Inner, frozen=True, kw_only=True):
    """Hear ProcessGone when this process ends."""

    actor: str
    pid: int


class KillActor(Inner, frozen=True, kw_only=True):
    """SIGKILL this process if it still holds the actor's lock."""

    actor: str
    pid: int
    why: str


class WakeSupervisor(Inner, frozen=True, kw_only=True):
    """Make supervisord notice now that this actor's process is gone, so that it starts it again at once."""

    actor: str
    pid: int


class StopProgram(Inner, frozen=True, kw_only=True):
    """Take this actor out of supervision: it is not started again until someone says so."""

    actor: str
