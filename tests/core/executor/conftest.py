"""A venue made of lists, and a loop made of a list: the executor's core driven word by word, killed wherever one likes.

One clock serves as machine and world time. What the core persisted is all that a new life of it finds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Unpack

import msgspec
import pytest

from messages import (
    Account,
    ApprovedOrder,
    MarketResolved,
    OrderIntent,
    Outcome,
    Positions,
    Reply,
    RiskState,
    WindowObserved,
    Word,
)
from messages.inner import (
    Activity,
    ActivityRead,
    AnyTimer,
    BalanceRead,
    CancelOrders,
    CancelResult,
    Compact,
    GeoblockRead,
    HaltSeen,
    HeartbeatSent,
    HoldingsRead,
    Leave,
    MarketRead,
    MoveGate,
    OpenOrdersRead,
    OrderRead,
    OrderSigned,
    Persist,
    PersistFailed,
    PollRedeem,
    PostOrder,
    PostResult,
    ReadActivity,
    ReadBalance,
    ReadGeoblock,
    ReadHoldings,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadTrades,
    RedeemRead,
    Restored,
    SendHeartbeat,
    SignOrder,
    SubmitRedeem,
    Tick,
    TradesRead,
    UserFact,
    VenueOrder,
    VenueTrade,
    WakeAt,
    WakeIn,
    WriteHalt,
)
from polybot.core.executor import ExecutorCore
from polybot.core.executor.books.fold import restored
from polybot.core.executor.books.order_state import filled_e6, state_of
from polybot.core.executor.books.state import Books, books_to_bytes
from tests import build
from tests.build import IntentFields, TradeStatus, VenueOrderState, Winner, slug_of, window

S = 1_000_000_000
START_S = build.T0
SLUG = slug_of(START_S)
UP, DOWN = "91348881789320432298294780669777877709", "76630000000000000000000000000003403"
WALLET_E6 = 1_000_000_000
CONFIRM_S = 5
TAKER_DELAY_S = 0.15

PostOutcome = Literal["accepted", "refused", "unknown", "gate", "retry"]


W = TypeVar("W", bound=Word)
R = TypeVar("R", bound=Reply)


def an_intent(start_s: int = START_S, strategy: str = "rsi_ema", **change: Unpack[IntentFields]) -> OrderIntent:
    """5 USD of UP at 0.52 or better; fee rate 0.07."""
    rests = change.get("order_type", "FAK") in ("GTC", "GTD")  # a resting order's amounts have other decimals
    facts: IntentFields = {
        "id": f"main/{strategy}/{slug_of(start_s)}/1",
        "condition_id": f"0xc{(start_s - START_S) // 300}",
        "token_id": UP,
        "limit_e6": 520_000,
        "maker_e6": 4_997_200 if rests else 5_000_000,
        "taker_e6": 9_610_000 if rests else 9_615_300,
        "good_until_ns": (start_s + 13) * S,
        "cancel_at_ns": (start_s + 270) * S,
        "prediction": build.a_prediction(
            **window(start_s),
            strategy=strategy,
            condition_id="0xc0",
            decided_ns=(start_s + 10) * S,
            good_until_ns=(start_s + 13) * S,
        ),
    }
    return build.an_intent(**window(start_s), strategy=strategy, **(facts | change))


@dataclass
class Traded:
    """One trade at the venue."""

    trade_id: str
    order_id: str
    token_id: str
    size_e6: int
    price_e6: int
    cost_e6: int
    fee_e6: int
    matched_s: int
    confirmed_ns: int
    status: TradeStatus = "MATCHED"


@dataclass
class Placed:
    """One order at the venue."""

    order_id: str
    intent: OrderIntent
    state: VenueOrderState
    matched_e6: int = 0


class FakeVenue:
    """Fates of POSTs, in turn; then "fill".

    fill, part, none   taken: filled whole, in part, not at all        rest     taken: it lies on the book
    lost               taken and filled, the answer never comes        unheard  never heard, the answer never comes
    refuse, retry      a clear no; a clear not now                     price    filled, at two prices better than the limit
    """

    def __init__(self) -> None:
        self.fates: list[str] = []
        self.orders: dict[str, Placed] = {}
        self.trades: list[Traded] = []
        self.cash_e6 = WALLET_E6
        self.shares: dict[str, int] = {}
        self.winners: dict[str, Winner] = {}
        self.posts: list[str] = []
        self.cancels: list[CancelOrders] = []
        self.knows = True  # False: every read fails
        self.http = 0  # with which status
        self.fails: list[str] = []  # trade ids that will fail instead of being confirmed
        self.says_user_facts = True
        self.user_facts: list[UserFact] = []
        self.intents: dict[str, OrderIntent] = {}  # order id → what was signed
        self.activity: list[Activity] = []  # what came and went besides trades, as the Data API tells it
        self.tells_positions = True  # False: the Data API alone is silent
        self.others: dict[str, int] = {}  # shares that somebody else bought with this wallet
        # "silent": never answered; "lost": heard, the answer is not; "refuse": HTTP 500; "never right": no id will do
        self.beats = "ack"
        self.pays_by_redeem = False  # winners are paid when they redeem, not at resolution
        # of submissions, in turn; then "take". take: mined at the second look, confirmed at the fourth · fail: taken, and the
        # transaction fails · refuse: a clear no · lost: taken, the answer is not heard · unheard: neither
        self.redeem_fates: list[str] = []
        self.submits: list[SubmitRedeem] = []
        self.transactions: dict[str, list[str]] = {}  # tx id → states it is still to be seen in
        self.owed: dict[str, int] = {}  # slug → what its redemption pays
        self.owed_tokens: dict[str, str] = {}
        self.refreshed = 0  # how often it was made to look at the chain
        self.geoblock: bool | None = None  # is this address blocked? None: the endpoint is silent
        self.allowance_e6 = 10**15  # what the exchange contract may take
        self.stale_cash_e6: int | None = None  # what it shows until it is made to look
        self.pulse_id = ""  # the heartbeat id it expects next
        self.pulse_ns: int | None = None  # the last beat it took
        self.beat_count = 0
        self.answer: Callable[[Word], Word] = self._answer

    # --- orders

    def post(self, word: PostOrder, now_ns: int) -> PostResult:
        self.posts.append(word.order_id)
        fate = self.fates.pop(0) if self.fates else "fill"
        if fate == "unheard":
            return result(word, "unknown", text="no answer within the deadline")
        if fate in ("refuse", "retry"):
            code = "REJECTED" if fate == "refuse" else "RESTARTING"
            return result(word, "refused" if fate == "refuse" else "retry", code=code, text=f"the venue says {code}")
        if word.order_id in self.orders:
            return result(word, "accepted", code="DUPLICATED")
        intent = self.intents[word.order_id]
        order = self.orders[word.order_id] = Placed(word.order_id, intent, "LIVE")
        if fate == "rest":
            self._tell_order(order)
            return result(word, "accepted", status="live")
        self._match(order, fate, now_ns)
        if fate == "lost":
            return result(word, "unknown", text="no answer within the deadline")
        if not order.matched_e6:
            return result(word, "refused", code="FAK_NO_MATCH", text="no orders found to match")
        spent = sum(t.cost_e6 for t in self.trades if t.order_id == order.order_id)
        given, received = (spent, order.matched_e6) if intent.side == "BUY" else (order.matched_e6, spent)
        return result(word, "accepted", status="matched", making_e6=given, taking_e6=received)

    @staticmethod
    def _shares(intent: OrderIntent) -> int:
        return intent.taker_e6 if intent.side == "BUY" else intent.maker_e6

    def _match(self, order: Placed, fate: str, now_ns: int) -> None:
        sizes = {
            "part": [(2_000_000, 500_000)],
            "none": [],
            "price": [(4_000_000, 480_000), (5_000_000, 470_000)],
        }.get(fate, [(self._shares(order.intent), order.intent.limit_e6)])
        for size, price in sizes:
            self.fill(order, size, price, now_ns)
        order.state = "MATCHED" if order.matched_e6 else "CANCELED"
        self._tell_order(order)

    def fill(self, order: Placed, size: int, price: int, now_ns: int) -> Traded:
        """A trade of an order, told by the user channel."""
        cost = (size * price + 500_000) // 1_000_000
        exact = size * order.intent.fee_rate_e6 * price * (1_000_000 - price)
        fee = (2 * exact + 10**19) // (2 * 10**19) * 10
        token = order.intent.token_id
        trade = Traded(
            f"t{len(self.trades) + 1}", order.order_id, token, size, price, cost, fee, now_ns // S,
            now_ns + CONFIRM_S * S,
        )  # fmt: skip
        self.trades.append(trade)
        order.matched_e6 += size
        sign = 1 if order.intent.side == "BUY" else -1
        self.cash_e6 -= sign * cost + fee
        self.shares[token] = self.shares.get(token, 0) + sign * size
        self._tell_trade(trade)
        return trade

    def confirm(self, now_ns: int) -> None:
        """What time does to trades."""
        for trade in self.trades:
            if trade.status == "MATCHED" and now_ns >= trade.confirmed_ns:
                trade.status = "FAILED" if trade.trade_id in self.fails else "CONFIRMED"
                if trade.status == "FAILED":
                    sign = 1 if self.orders[trade.order_id].intent.side == "BUY" else -1
                    self.cash_e6 += sign * trade.cost_e6 + trade.fee_e6
                    self.shares[trade.token_id] -= sign * trade.size_e6
                self._tell_trade(trade)

    def resolve(self, slug: str, winner: Winner) -> None:
        """Winners are paid at once."""
        assert slug not in self.winners
        self.winners[slug] = winner
        for token, outcome in ((UP, "UP"), (DOWN, "DOWN")):
            ours = [o for o in self.orders.values() if o.intent.slug == slug and o.intent.token_id == token]
            ids = [o.order_id for o in ours]
            held = sum(
                t.size_e6 if self.orders[t.order_id].intent.side == "BUY" else -t.size_e6
                for t in self.trades
                if t.order_id in ids and t.status != "FAILED"
            )
            pays = held if winner == outcome else held // 2 if winner == "SPLIT" else 0
            if self.pays_by_redeem and pays:
                self.owed[slug] = self.owed.get(slug, 0) + pays
                self.owed_tokens[slug] = token
            else:
                self.cash_e6 += pays
                self.shares[token] = self.shares.get(token, 0) - held

    def submit(self, word: SubmitRedeem) -> RedeemRead:
        """As the relayer: paid when it is mined."""
        self.submits.append(word)
        fate = self.redeem_fates.pop(0) if self.redeem_fates else "take"
        tx_id = f"tx{len(self.submits)}"
        said: dict[str, Any] = {"slug": word.slug, "attempt": word.attempt, "tx_id": tx_id}
        if fate == "refuse":
            return RedeemRead(**said | {"tx_id": ""}, state="failed", why="HTTP 400: wallet busy")
        if fate == "unheard":
            return RedeemRead(**said | {"tx_id": ""}, state="unknown", why="no answer")
        self.transactions[tx_id] = ["sent", "failed"] if fate == "fail" else ["sent", "mined", "mined", "confirmed"]
        if fate == "lost":
            self.mine(word.slug)
            return RedeemRead(**said | {"tx_id": ""}, state="unknown", why="no answer")
        return RedeemRead(**said, state="sent")

    def poll(self, word: PollRedeem) -> RedeemRead:
        """Each look finds it a step further."""
        said: dict[str, Any] = {"slug": word.slug, "attempt": word.attempt, "tx_id": word.tx_id}
        if not self.knows:
            return RedeemRead(**said, state="silent", why="HTTP 500")
        steps = self.transactions.get(word.tx_id)
        if steps is None:
            return RedeemRead(**said, state="unknown", why="transaction not found")
        state: Any = steps.pop(0) if len(steps) > 1 else steps[0]
        if state == "mined":
            self.mine(word.slug)
        return RedeemRead(**said, state=state, why="execution reverted" if state == "failed" else "")

    def mine(self, slug: str) -> None:
        """On chain: once."""
        if slug in self.owed:
            self.cash_e6 += self.owed.pop(slug)
            self.shares[self.owed_tokens[slug]] = 0

    def beat(self, word: SendHeartbeat, kept: str, now_ns: int) -> HeartbeatSent | None:
        """None: no answer comes. A stale id extends nothing."""
        sent = word.heartbeat_id or kept
        if self.beats == "silent":
            return None
        if self.beats == "refuse":
            return HeartbeatSent(outcome="failed", heartbeat_id="", why="HTTP 500")
        if sent != self.pulse_id or self.beats == "never right":
            return HeartbeatSent(outcome="mismatch", heartbeat_id=self.pulse_id, why="Invalid Heartbeat ID")
        self.beat_count += 1
        self.pulse_id, self.pulse_ns = f"beat-{self.beat_count}", now_ns
        return HeartbeatSent(outcome="acked", heartbeat_id=self.pulse_id) if self.beats == "ack" else None

    def lapse(self, now_ns: int) -> None:
        """Ten seconds without a beat: everything of this key is cancelled."""
        if self.pulse_ns is not None and now_ns - self.pulse_ns > 10 * S:
            for order in self.orders.values():
                if order.state == "LIVE":
                    order.state = "CANCELED"
                    self._tell_order(order)

    # --- facts

    def shown(self, order: Placed) -> VenueOrder:
        return VenueOrder(
            order_id=order.order_id,
            condition_id=order.intent.condition_id,
            token_id=order.intent.token_id,
            side=order.intent.side,
            state=order.state,
            raw_status=order.state,
            original_e6=self._shares(order.intent),
            matched_e6=order.matched_e6,
            price_e6=order.intent.limit_e6,
            trade_ids=tuple(t.trade_id for t in self.trades if t.order_id == order.order_id),
            created_s=START_S,
        )

    def line(self, trade: Traded) -> VenueTrade:
        return VenueTrade(
            trade_id=trade.trade_id,
            order_id=trade.order_id,
            condition_id="0xc0",
            token_id=trade.token_id,
            side=self.intents[trade.order_id].side if trade.order_id in self.intents else "BUY",
            size_e6=trade.size_e6,
            price_e6=trade.price_e6,
            status=trade.status,
            is_taker=True,
            matched_s=trade.matched_s,
        )

    def _tell_order(self, order: Placed) -> None:
        if self.says_user_facts:
            self.user_facts.append(UserFact(kind="order", order=self.shown(order)))

    def _tell_trade(self, trade: Traded) -> None:
        if self.says_user_facts:
            self.user_facts.append(UserFact(kind="trade", trades=(self.line(trade),)))

    # --- reads

    def _answer(self, word: Word) -> Word:
        why = "" if self.knows else f"HTTP {self.http or 500}"
        http = 0 if self.knows else self.http
        match word:
            case CancelOrders():
                return self._cancel(word)
            case ReadOrder():
                order = self.orders.get(word.order_id) if self.knows else None
                trades = [self.line(t) for t in self.trades if t.order_id == word.order_id] if self.knows else []
                return OrderRead(
                    purpose=word.purpose,
                    order_id=word.order_id,
                    known=self.knows,
                    order=self.shown(order) if order else None,
                    trades=tuple(trades),
                    why=why,
                    http=http,
                )
            case ReadOpenOrders():
                live = [self.shown(o) for o in self.orders.values() if o.state == "LIVE"] if self.knows else []
                return OpenOrdersRead(purpose=word.purpose, known=self.knows, orders=tuple(live), why=why, http=http)
            case ReadTrades():
                lines = [self.line(t) for t in self.trades if t.matched_s >= word.after_s] if self.knows else []
                return TradesRead(purpose=word.purpose, known=self.knows, trades=tuple(lines), why=why, http=http)
            case ReadBalance():
                self.refreshed += word.refresh
                cash = self.cash_e6 if word.refresh or self.stale_cash_e6 is None else self.stale_cash_e6
                balance = self.shares.get(word.token_id, 0) if word.token_id else cash
                return BalanceRead(
                    purpose=word.purpose,
                    token_id=word.token_id,
                    known=self.knows,
                    balance_e6=balance if self.knows else 0,
                    allowance_e6=self.allowance_e6,
                    why=why,
                    http=http,
                )
            case SubmitRedeem():
                return self.submit(word)
            case PollRedeem():
                return self.poll(word)
            case ReadHoldings():
                shares = {t: n for t, n in (self.shares | self.others).items() if n}
                known = self.knows and self.tells_positions
                why = "" if known else why or "no answer"
                return HoldingsRead(purpose=word.purpose, known=known, shares=shares if known else {}, why=why)
            case ReadActivity():
                rows = tuple(a for a in self.activity if a.at_s >= word.after_s) if self.knows else ()
                return ActivityRead(purpose=word.purpose, known=self.knows, rows=rows, why=why)
            case ReadGeoblock():
                known, blocked = self.geoblock is not None, bool(self.geoblock)
                return GeoblockRead(known=known, blocked=blocked, why="from nowhere" if known else "no answer")
            case ReadMarket():
                winner: Winner | Literal[""] = self.winners.get(word.slug, "")
                return MarketRead(
                    purpose=word.purpose, slug=word.slug, known=self.knows, closed=winner != "", winner=winner, why=why
                )
        raise AssertionError(f"the venue knows no {word}")

    def _cancel(self, word: CancelOrders) -> CancelResult:
        self.cancels.append(word)
        if not self.knows:
            return CancelResult(purpose=word.purpose, known=False, canceled=(), not_canceled={}, why="HTTP 500")
        ids = word.order_ids or tuple(i for i, o in self.orders.items() if o.state == "LIVE")
        gone = [i for i in ids if i in self.orders and self.orders[i].state == "LIVE"]
        for order_id in gone:
            self.orders[order_id].state = "CANCELED"
            self._tell_order(self.orders[order_id])
        left = {i: "order not found" for i in ids if i not in gone}
        return CancelResult(purpose=word.purpose, known=True, canceled=tuple(gone), not_canceled=left, why="")


def result(
    word: PostOrder,
    outcome: PostOutcome,
    *,
    status: str = "",
    making_e6: int = 0,
    taking_e6: int = 0,
    trade_ids: tuple[str, ...] = (),
    code: str = "",
    text: str = "",
    retry_after_s: float = 0.0,
) -> PostResult:
    """The answer to a POST, after a millisecond."""
    return PostResult(
        order_id=word.order_id,
        outcome=outcome,
        status=status,
        making_e6=making_e6,
        taking_e6=taking_e6,
        trade_ids=trade_ids,
        http=0,
        code=code,
        text=text,
        took_ms=1.0,
        attempt=word.attempt,
        retry_after_s=retry_after_s,
    )


class Killed(Exception):
    """This life has ended in the middle of a sentence."""


@dataclass
class House:
    """The loop: `hear` a word, `run` for a while. crash_at: the life ends instead of performing the n-th word said."""

    venue: FakeVenue = field(default_factory=FakeVenue)
    now_ns: int = (START_S - 30) * S
    capital_usd: float = 100.0
    core: ExecutorCore = field(default_factory=ExecutorCore)
    records: list[bytes] = field(default_factory=list)
    last_seq: int = 0
    said: list[Word] = field(default_factory=list)
    replies: dict[str, Reply] = field(default_factory=dict)
    timers: dict[AnyTimer, int] = field(default_factory=dict)
    lanes: deque[tuple[int, Word]] = field(default_factory=deque)
    boot: int = 0
    words: int = 0
    crash_at: int | None = None
    crash_again: int | None = None  # the next life ends at its n-th word
    is_alive: bool = False
    post_takes_s: float = 0.0
    disk_fails: bool = False
    halt: WriteHalt | None = None
    left: Leave | None = None
    delivers_on_crash: bool = True
    # the life ends instead of performing the first word of which this is true
    kills: Callable[[Word], bool] | None = None
    gate: str = ""  # why it is shut
    kept_beat: str = ""  # the heartbeat id on disk
    risk: RiskState | None = field(default_factory=build.a_risk_state)

    # --- life

    def start(self, halted: str = "") -> None:
        self.core, self.is_alive, self.boot = ExecutorCore(), True, self.boot + 1
        self.timers, self.lanes, self.left, self.gate = {}, deque(), None, ""
        if self.boot > 1 and self.crash_again is not None:
            self.crash_at, self.crash_again = self.words + self.crash_again, None
        config = msgspec.json.encode({"bot": {"capital_usd": self.capital_usd}}).decode()
        self.hear(build.a_start(actor="executor", boot=self.boot, config=config, mono_s=self.mono_s, halted=halted))
        if self.is_alive:
            self.hear(Restored(records=tuple(self.records), last_seq=self.last_seq))
        if self.risk is not None:
            self.hear(self.risk)
        self.hear(UserFact(kind="open"))

    def die(self) -> None:
        """What stood on the lanes had perhaps left already: then the venue hears it, and nobody its answer."""
        self.is_alive, self.crash_at = False, None
        if self.delivers_on_crash:
            for _, word in self.lanes:
                if isinstance(word, PostOrder | CancelOrders | SubmitRedeem):
                    self._perform_effect(word)
        self.lanes.clear()
        self.timers.clear()
        self.venue.user_facts.clear()

    @property
    def mono_s(self) -> float:
        return self.now_ns / S - START_S

    @property
    def books(self) -> Books:
        return self.core._writer.books

    def kill_when(self, holds: Callable[[Word], bool]) -> list[int]:
        """kill -9 instead of the first word of which this holds; the list is filled with its number then."""
        died: list[int] = []

        def check(word: Word) -> bool:
            if holds(word):
                died.append(self.words)
            return bool(died)

        self.kills = check
        return died

    # --- words

    def hear(self, word: Word) -> list[Word]:
        """What it says to this word."""
        if not self.is_alive:
            return []
        said: list[Word] = []
        urgent: deque[Word] = deque([word])
        try:
            while urgent:
                for each in self.core.handle(urgent.popleft(), self.now_ns):
                    self.words += 1
                    if self.crash_at is not None and self.words >= self.crash_at:
                        raise Killed
                    if self.kills is not None and self.kills(each):
                        self.kills = None
                        raise Killed
                    said.append(each)
                    if not self._perform(each, urgent):
                        break
        except Killed:
            self.die()
        self.said += said
        return said

    def _perform(self, word: Word, urgent: deque[Word]) -> bool:
        match word:
            case Persist() if self.disk_fails:
                urgent.append(PersistFailed(seq=word.seq, why="No space left on device"))
                return False
            case Persist():
                assert word.seq == self.last_seq + 1, "sequences have no gap"
                self.records.append(word.record)
                self.last_seq = word.seq
            case Compact():
                self.records, self.last_seq = [word.snapshot], word.seq
            case SignOrder():
                order_id = f"0x{word.fields.salt:014x}"
                self.venue.intents.setdefault(order_id, self._intent(word.intent_id))
                urgent.append(
                    OrderSigned(intent_id=word.intent_id, order_id=order_id, body=b"body of " + order_id.encode())
                )
            case WriteHalt():
                self.halt = self.halt or word
            case Leave():
                self.left = word
                self.is_alive = False
            case WakeAt():
                self.timers[word.timer] = word.at_ns
            case WakeIn():
                self.timers[word.timer] = self.now_ns + round(word.after_s * S)
            case Reply():
                self.replies[word.id] = word
            case MoveGate():
                self.gate = word.why
            case PostOrder():
                self.lanes.append((self.now_ns + round(self.post_takes_s * S), word))
            case (
                CancelOrders()
                | ReadOrder()
                | ReadOpenOrders()
                | ReadTrades()
                | ReadActivity()
                | ReadBalance()
                | ReadHoldings()
                | ReadMarket()
                | ReadGeoblock()
                | SendHeartbeat()
                | SubmitRedeem()
                | PollRedeem()
            ):
                self.lanes.append((self.now_ns, word))
        return True

    def _intent(self, intent_id: str) -> OrderIntent:
        return self.core._service._signing[intent_id].intent

    def reply(self, wish_id: str, kind: type[R]) -> R:
        """What that wish was answered; it must be of this kind."""
        answer = self.replies[wish_id]
        assert isinstance(answer, kind), answer
        return answer

    def ask(self, word: ApprovedOrder) -> list[Word]:
        return self.hear(word)

    # --- time

    def settle(self) -> None:
        """Until nothing is under way at this moment."""
        while self.is_alive:
            ready = next((i for i, (at, _) in enumerate(self.lanes) if at <= self.now_ns), None)
            if self.venue.user_facts:
                self.hear(self.venue.user_facts.pop(0))
            elif ready is not None:
                _, word = self.lanes[ready]
                del self.lanes[ready]
                answer = self._perform_effect(word)
                if answer is not None:
                    self.hear(answer)
            else:
                return

    def _perform_effect(self, word: Word) -> Word | None:
        if isinstance(word, SendHeartbeat):
            answer = self.venue.beat(word, self.kept_beat, self.now_ns)
            if answer is None:
                late = HeartbeatSent(outcome="failed", heartbeat_id="", why="no answer within 2 s")
                self.lanes.append((self.now_ns + 2 * S, late))
            elif answer.outcome == "acked":
                self.kept_beat = answer.heartbeat_id
            return answer
        if isinstance(word, HeartbeatSent):
            return word
        if isinstance(word, PostOrder) and self.gate:
            return result(word, "gate", code="HALTED", text=self.gate)
        if isinstance(word, PostOrder):
            return self.venue.post(word, self.now_ns)
        return self.venue.answer(word)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now_ns + round(seconds * S)
        self.settle()
        while self.is_alive:
            due = [at for at, _ in self.lanes] + list(self.timers.values())
            confirms = [t.confirmed_ns for t in self.venue.trades if t.status == "MATCHED"]
            following = min([*due, *confirms, until])
            self.now_ns = max(self.now_ns, min(following, until))
            if following >= until:
                break
            self._ring()
        self.now_ns = max(self.now_ns, until)
        if self.is_alive:
            self._ring()

    def _ring(self) -> None:
        self.venue.confirm(self.now_ns)
        self.venue.lapse(self.now_ns)
        self.settle()
        for timer in sorted((t for t, at in self.timers.items() if at <= self.now_ns), key=lambda t: self.timers[t]):
            if self.is_alive and self.timers.pop(timer, None) is not None:
                self.hear(Tick(timer=timer, mono_s=self.mono_s))
        self.settle()

    def run_to(self, second: float) -> None:
        """Until so many seconds after the first window's start."""
        self.run(second - (self.now_ns / S - START_S))

    # --- what was said

    def all(self, kind: type[W]) -> list[W]:
        return [w for w in self.said if isinstance(w, kind)]

    @property
    def account(self) -> Account:
        return self.all(Account)[-1]

    @property
    def positions(self) -> Positions:
        return self.all(Positions)[-1]


def observed(
    outcome: Outcome | None, start_s: int = START_S, move_bp: float | None = 3.0, ended: bool = True
) -> WindowObserved:
    return build.a_window(**window(start_s), outcome=outcome, move_bp=move_bp, ended=ended)


def resolved(winner: Winner, start_s: int = START_S) -> MarketResolved:
    return build.a_resolution(slug=slug_of(start_s), condition_id="0xc0", winner=winner)


def check_books(house: House) -> None:
    """Ours against the venue's, exactly; and against what the journal alone says."""
    venue, books = house.venue, house.books
    assert sum(books.accounts.values()) == 0, "the book balances"
    assert books.accounts["cash"] == venue.cash_e6, "cash agrees to a millionth"
    ours = {
        (f.trade_id, o.order_id, f.size_e6, f.cost_e6, f.fee_e6, f.status)
        for o in books.orders.values()
        for f in o.fills.values()
    }
    theirs = {(t.trade_id, t.order_id, t.size_e6, t.cost_e6, t.fee_e6, t.status) for t in venue.trades}
    assert ours == theirs, "the venue's fills are the books'"
    assert [i for i in venue.orders if i not in books.orders] == [], "every order at the venue is a journalled intent"
    intents = [o.intent.id for o in venue.orders.values()]
    assert len(intents) == len(set(intents)), "an intent has at most one order"
    assert books_to_bytes(restored(tuple(house.records))) == books_to_bytes(books), "the journal alone says the same"


def ready(
    post_takes_s: float = 0.0,
    delivers_on_crash: bool = True,
    crash_at: int | None = None,
) -> House:
    """A house whose first reconciliation is known, ten seconds into the window."""
    house = House(post_takes_s=post_takes_s, delivers_on_crash=delivers_on_crash, crash_at=crash_at)
    house.start()
    house.run_to(10)
    return house


def halt(halt_id: str, code: str = "KILL_SWITCH") -> HaltSeen:
    return build.a_halt(halt_id=halt_id, reason_code=code if halt_id else "")


def state(house: House, intent: OrderIntent | None = None) -> tuple[str, int]:
    """(state, shares) of an intent's order."""
    order = house.books.orders[house.books.by_intent[(intent or an_intent()).id]]
    return state_of(order), filled_e6(order)


class Kit:
    """Everything above, as one fixture."""

    House, Venue = House, FakeVenue
    intent = staticmethod(an_intent)
    approved = staticmethod(build.approved)
    observed = staticmethod(observed)
    resolved = staticmethod(resolved)
    result = staticmethod(result)
    check = staticmethod(check_books)
    ready = staticmethod(ready)
    halt = staticmethod(halt)
    state = staticmethod(state)
    S, START_S, SLUG, UP, DOWN, WALLET_E6 = S, START_S, SLUG, UP, DOWN, WALLET_E6


@pytest.fixture
def kit() -> Kit:
    return Kit()
