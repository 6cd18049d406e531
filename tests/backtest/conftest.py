"""The executor alone in the simulator, against the pure exchange: what the wire may do to a POST, a read or a heartbeat is
the test's to say, what is taken, filled, failed and paid is the exchange's alone.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest

from messages import (
    Account,
    ApprovedOrder,
    CancelAll,
    CancelProof,
    Envelope,
    OrderIntent,
    OrderType,
    Outcome,
    Reply,
    Word,
)
from messages.inner import (
    CancelOrders,
    CancelResult,
    ForProbe,
    HeartbeatSent,
    MoveGate,
    NoReply,
    PostAgain,
    PostOrder,
    PostResult,
    ReadTrades,
    SayLevels,
    SendHeartbeat,
    SignOrder,
    Tick,
    UserFact,
    VenueTrade,
    WakeIn,
    WarmUp,
    WriteHalt,
)
from polybot.adapters.polymarket.signing import OrderSigner, Wallet
from polybot.backtest.member import Killed
from polybot.backtest.order_entry import Counter, new_order, post_result
from polybot.backtest.simulator import Simulator
from polybot.core.executor import ExecutorCore
from polybot.core.executor.books.entries import from_bytes
from polybot.core.executor.books.fold import restored
from polybot.core.executor.books.order_state import state_of
from polybot.core.executor.books.state import Books, books_to_bytes
from polybot.sim.venue import EngineOrder, Held, Market, Placed, Rejected, VenueEngine
from polybot.sim.venue.types import Fate as Chain
from tests import build
from tests.build import approved, window

S, MS = 1_000_000_000, 1_000_000
W = TypeVar("W", bound=Word)
START_S = build.T0
GRANT_E6 = 10_000_000_000
TIMEOUT_S = 5.0  # how long the executor's POST waits for an answer
BEAT_TIMEOUT_S = 2.0
DEAD_MAN_S = 10.0
LADDER = ((510_000, 4_000_000), (520_000, 300_000_000))  # asks of Up: a FAK of 5 USD at 0.52 makes two trades


def tokens_of(n: int) -> tuple[str, str]:
    """Up, Down of the n-th market: as long as real ones."""
    return str(10**76 + 2 * n), str(10**76 + 2 * n + 1)


def slug_of(n: int) -> str:
    return build.slug_of(START_S + 300 * n)


def an_intent(n: int = 0, wish: int = 1, order_type: OrderType = "FAK") -> OrderIntent:
    """5 USD of Up of the n-th market at 0.52 or better; a resting kind bids 0.40 and is cancelled at 250 s."""
    rests, at = order_type in ("GTC", "GTD"), window(START_S + 300 * n)
    return build.an_intent(
        **at,
        id=f"main/coin/{at['slug']}/{wish}",
        condition_id=f"0xc{n}",
        token_id=tokens_of(n)[0],
        order_type=order_type,
        limit_e6=400_000 if rests else 520_000,
        maker_e6=4_000_000 if rests else 5_000_000,
        taker_e6=10_000_000 if rests else 9_615_300,
        good_until_ns=(START_S + 60) * S,
        cancel_at_ns=(START_S + 250) * S,
        prediction=build.a_prediction(**at, n=n + 1, condition_id=f"0xc{n}", good_until_ns=(START_S + 60) * S),
    )


class Venue:
    """The simulator's outside for one executor. Fates of POSTs, in turn (`fates`), then "answer":

    answer   what the exchange says                 lose_answer   taken, and nothing comes back
    not_now  425, not taken                         lose_request  never heard, and nothing comes back
    late     taken at once, answered LATE_S later   timeout       taken, answered 500 `order timed out`
    """

    LATE_S = 3.0

    def __init__(self, luck: random.Random, markets: int = 1) -> None:
        self.luck, self.engine = luck, VenueEngine()
        self.signer = OrderSigner(Wallet("22" * 32), "sim")
        self.counter = Counter(self.engine, self.signer.maker)
        self.wallet = self.counter.wallet
        self.fates: list[str] = []
        self.posts: list[PostOrder] = []  # those whose bytes left
        self.heard: list[str] = []  # order ids that the exchange was given
        self.cancels: list[CancelOrders] = []
        self.knows = True  # False: reads and cancels are answered with an error
        self.pushes = True  # the user channel
        self.lane_s = 0.0  # how long an order waits behind others before the gate is asked
        self.beats = "ack"  # "refuse": HTTP 500; "silent": not heard; "lost": heard, the answer is not
        self.loses_in_flight = False  # a kill takes with it what had left but not arrived
        self._gate = ""
        self._pulse_id, self._pulse_ns, self._beat_count = "", -1, 0
        for n in range(markets):
            up, down = tokens_of(n)
            start_s = START_S + 300 * n
            self.engine.list_market(Market(f"0xc{n}", slug_of(n), up, down, start_s=start_s, end_s=start_s + 300))
            self.engine.set_levels(f"0xc{n}", ((450_000, 100_000_000),), LADDER, START_S * S)

    # --- the simulator's outside

    def join(self, sim: Simulator) -> None:
        self.sim = sim
        self.engine.grant(self.wallet, GRANT_E6, sim.now_ns)

    def begin(self) -> None:
        self._second()

    def connect(self, actor: str) -> None:
        if actor == "executor":
            self._gate = ""
            self._tell(UserFact(kind="open"))

    def perform(self, actor: str, word: Word, now_ns: int) -> Word | None:
        """One effect of the executor's."""
        match word:
            case SignOrder():
                return self.signer.sign(word)
            case MoveGate():
                self._gate = word.why
            case WarmUp():
                pass
            case PostOrder():
                self._while_alive(self.lane_s, lambda: self._send(word))
            case SendHeartbeat():
                self._beat(word)
            case _:
                self.sim.at(now_ns + self._wire_ns(), lambda: self._read(word))
        return None

    def _wire_ns(self) -> int:
        return self.luck.randint(1, 30) * MS

    def _while_alive(self, after_s: float, happen: Callable[[], None]) -> None:
        """What a process has not done yet when it dies is not done."""
        member = self.sim.members["executor"]
        boot = member.boot
        self.sim.at(
            self.sim.now_ns + round(after_s * S), lambda: happen() if member.alive and member.boot == boot else None
        )

    def _tell(self, word: Word, after_s: float = 0.0) -> None:
        self.sim.deliver("executor", word, self._wire_ns() + round(after_s * S))

    def _second(self) -> None:
        self.engine.due(self.sim.now_ns)
        if 0 <= self._pulse_ns < self.sim.now_ns - DEAD_MAN_S * S:
            self.engine.cancel_all(self.wallet, self.sim.now_ns)
        self.flush()
        self.sim.at(self.sim.now_ns + S // 2, self._second)

    def flush(self) -> None:
        """What the user channel says of what happened."""
        for fact in self.counter.facts(self.engine.take_events()):
            if self.pushes:
                self._tell(fact)
        self.engine.take_changed_rows()

    # --- orders

    def _send(self, word: PostOrder) -> None:
        if self.sim.halt is not None or self._gate:
            why = self._gate or "halted"
            shut = msgspec.structs.replace(post_result(word, None), outcome="gate", code="KILL_SWITCH", text=why)
            self._tell(shut)
            return
        self.posts.append(word)
        fate = self.fates.pop(0) if self.fates else "answer"
        if fate == "lose_request":
            self._tell(post_result(word, None), TIMEOUT_S)
        elif fate == "not_now":
            retry = {"outcome": "retry", "http": 425, "code": "RESTARTING", "text": "service restarting"}
            self._tell(msgspec.structs.replace(post_result(word, None), **retry))
        else:
            wire_ns = self._wire_ns()
            if self.loses_in_flight:
                self._while_alive(wire_ns / S, lambda: self._arrive(word, fate))
            else:
                self.sim.at(self.sim.now_ns + wire_ns, lambda: self._arrive(word, fate))

    def _arrive(self, word: PostOrder, fate: str) -> None:
        self.heard.append(word.order_id)
        result = self.engine.submit(new_order(word.order_id, word.body), self.sim.now_ns)
        if isinstance(result, Held):
            self.sim.at(
                result.until_ns,
                lambda: self._answer(word, self.engine.release(word.order_id, self.sim.now_ns), fate),
            )
        else:
            self._answer(word, result, fate)

    def _answer(self, word: PostOrder, result: Any, fate: str) -> None:
        assert isinstance(result, Placed | Rejected)
        self.flush()
        answer: PostResult = post_result(word, None if fate == "lose_answer" else result)
        if fate == "timeout" and isinstance(result, Placed):
            lost = {"outcome": "unknown", "http": 500, "code": "HTTP_500", "text": "order timed out"}
            answer = msgspec.structs.replace(post_result(word, None), **lost)
        self._tell(answer, {"lose_answer": TIMEOUT_S, "late": self.LATE_S}.get(fate, 0.0))

    # --- reads, cancels, heartbeats

    def _read(self, word: Word) -> None:
        if isinstance(word, CancelOrders):
            self.cancels.append(word)
        if not self.knows:
            answer = self.counter.read(word, self.sim.now_ns) if not isinstance(word, CancelOrders) else None
            self._tell(_unknown(word, answer))
            return
        answer = self.counter.read(word, self.sim.now_ns)
        assert answer is not None, f"nobody outside carries out {type(word).__name__}"
        self.flush()
        self._tell(answer)

    def _beat(self, word: SendHeartbeat) -> None:
        failed = HeartbeatSent(outcome="failed", heartbeat_id="", why="HTTP 500")
        if self.beats == "refuse":
            self._tell(failed)
        elif self.beats == "silent":
            self._tell(msgspec.structs.replace(failed, why="no answer within 2 s"), BEAT_TIMEOUT_S)
        elif word.heartbeat_id != self._pulse_id:
            self._tell(HeartbeatSent(outcome="mismatch", heartbeat_id=self._pulse_id, why="Invalid Heartbeat ID"))
        else:
            self._beat_count += 1
            self._pulse_id, self._pulse_ns = f"beat-{self._beat_count}", self.sim.now_ns
            if self.beats == "lost":
                self._tell(msgspec.structs.replace(failed, why="no answer within 2 s"), BEAT_TIMEOUT_S)
            else:
                self._tell(HeartbeatSent(outcome="acked", heartbeat_id=self._pulse_id))

    # --- what the judge counts

    @property
    def orders(self) -> dict[str, EngineOrder]:
        return {o.order_id: o for o in self.engine.state.orders.values() if o.owner == self.wallet}

    @property
    def open(self) -> list[str]:
        """Resting, and held for the taker delay."""
        return [o.order_id for o in self.engine.open_orders(self.wallet)]

    @property
    def cash_e6(self) -> int:
        return self.engine.account_balance(self.wallet)

    def moved_e6(self, line: VenueTrade) -> tuple[int, int]:
        """(dollars, fee) that this line moved, by the exchange's own record of the trade."""
        trade = self.engine.state.trades[line.trade_id]
        return (trade.usd_e6, trade.fee_e6) if line.is_taker else (line.size_e6 * line.price_e6 // 1_000_000, 0)


def _unknown(word: Word, answer: Any) -> Word:
    """The same answer as a failed one: nothing in it is known."""
    if isinstance(word, CancelOrders):
        return CancelResult(purpose=word.purpose, known=False, canceled=(), not_canceled={}, why="HTTP 500")
    empty: dict[str, Any] = {
        "orders": (), "trades": (), "order": None, "balance_e6": 0, "shares": {}, "rows": (), "closed": False, "winner": ""
    }  # fmt: skip
    blank = {name: value for name, value in empty.items() if hasattr(answer, name)}
    failed: Word = msgspec.structs.replace(answer, known=False, why="HTTP 500", **blank)
    return failed


class Asker:
    """In risk's seat: ACTIVE each second; what it is told to ask it asks, and again while nobody answers, until good-until."""

    def __init__(self) -> None:
        self.wishes: dict[str, ApprovedOrder | CancelAll] = {}
        self.replies: dict[str, Reply] = {}

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Tick(timer=SayLevels()):
                yield from self._level()
            case Tick(timer=PostAgain(order_id=wish_id)):
                yield self.wishes[wish_id]
            case NoReply(id=wish_id):
                wish = self.wishes.get(wish_id)
                if isinstance(wish, ApprovedOrder) and now_ns <= wish.good_until_ns:
                    yield wish
            case Reply():
                self.replies[word.id] = word
            case _ if not self.wishes and not self.replies and type(word).__name__ == "Started":
                yield from self._level()

    def _level(self) -> Iterator[Word]:
        yield build.a_risk_state()
        yield WakeIn(timer=SayLevels(), after_s=1.0)


@dataclass
class House:
    """Executor, risk's seat, exchange; START_S + 10 s and reconciled when it is handed out."""

    seed: int = 0
    markets: int = 1
    capital_usd: float = 1_000.0
    said: list[Word] = field(default_factory=list)
    account: Account = field(default_factory=lambda: build.an_account(ready=False))
    _kill: Callable[[Word], bool] | None = None

    def __post_init__(self) -> None:
        self.luck = random.Random(self.seed)
        self.venue = Venue(self.luck, self.markets)
        self.asker = Asker()
        cores: dict[str, Callable[[], Any]] = {"risk": lambda: self.asker, "executor": ExecutorCore}
        config = json.dumps({"bot": {"capital_usd": self.capital_usd}})
        self.sim = Simulator(cores, self.venue, START_S * S, config, "")
        self.sim.listeners.append(self._listen)
        self.sim.begin()
        self.run_to(10)
        assert self.account.ready

    def _listen(self, actor: str, envelope: Envelope) -> None:
        if actor == "executor":
            word = envelope.body
            if self._kill is not None and self._kill(word):
                self._kill = None
                raise Killed
            self.said.append(word)
            if isinstance(word, Account):
                self.account = word

    # --- driving

    def run(self, seconds: float) -> None:
        self.sim.run_until(self.sim.now_ns + round(seconds * S))

    def run_to(self, second: float) -> None:
        """Until so many seconds after START_S."""
        self.sim.run_until(START_S * S + round(second * S))

    def ask(self, intent: OrderIntent) -> None:
        """By the bus, as risk asks."""
        self._ask(approved(intent))

    def reason(self, intent: OrderIntent) -> str:
        """Asked without the bus, the executor's answer at this very moment: "" = accepted."""
        before = len(self.said)
        self.sim.hear("executor", approved(intent))
        (reply,) = (w for w in self.said[before:] if isinstance(w, Reply))
        return str(getattr(reply, "reason_code", ""))

    def cancel_all(self, wish_id: str) -> None:
        self._ask(CancelAll(id=wish_id, reason="chaos"))

    def _ask(self, wish: ApprovedOrder | CancelAll) -> None:
        self.asker.wishes[wish.id] = wish
        self.sim.hear("risk", Tick(timer=PostAgain(order_id=wish.id), mono_s=self.sim.mono_s))

    def proof(self, wish_id: str) -> CancelProof:
        """Cancel everything, and wait for what is proven (longer than the bus would: the command line asks for itself)."""
        seen = len(self.said)
        self.cancel_all(wish_id)
        for _ in range(80):
            for word in self.said[seen:]:
                if isinstance(word, CancelProof) and word.id == wish_id:
                    return word
            self.run(0.1)
        raise AssertionError("nothing was proven")

    def halt(self) -> None:
        self.sim.write_halt(WriteHalt(by="user", reason_code="KILL_SWITCH", reason="chaos"))

    def kill(self) -> None:
        self.sim.kill("executor")

    def kill_when(self, holds: Callable[[Word], bool], within_s: float = 0.0) -> None:
        """kill -9 instead of performing the first word of which this holds; or some moment within so many seconds of it."""

        def look(word: Word) -> bool:
            if not holds(word):
                return False
            if within_s:
                self._kill = None
                self.sim.at(self.sim.now_ns + round(self.luck.uniform(0, within_s) * S), self.kill)
            return not within_s

        self._kill = look

    @property
    def boot(self) -> int:
        return self.sim.members["executor"].boot

    def resolve(self, n: int, winner: Outcome = "UP") -> None:
        """The n-th market's end: the outcome is observed, then official."""
        seen = build.a_window(**window(START_S + 300 * n), outcome=winner, move_bp=3.0, ended=True)
        self.sim.hear("executor", seen)
        self.venue.engine.resolve(f"0xc{n}", winner, self.sim.now_ns)
        self.venue.flush()
        final = build.a_resolution(slug=slug_of(n), condition_id=f"0xc{n}", winner=winner, resolved_ns=self.sim.now_ns)
        self.sim.hear("executor", final)

    # --- judging

    @property
    def books(self) -> Books:
        """As the living executor has them."""
        books: Books = self.sim.members["executor"].core._writer.books
        return books

    @property
    def journal(self) -> list[Any]:
        """Every entry on disk, oldest first."""
        return [from_bytes(r).entry for r in self.sim.members["executor"].records]

    def state(self, intent: OrderIntent) -> str:
        order_id = self.books.by_intent.get(intent.id)
        return state_of(self.books.orders[order_id]) if order_id else ""

    def all(self, kind: type[W]) -> list[W]:
        return [w for w in self.said if isinstance(w, kind)]

    def check(self) -> None:
        """The journal's own fold against the exchange, exactly."""
        venue, books = self.venue, restored(tuple(self.sim.members["executor"].records))
        assert books_to_bytes(books) == books_to_bytes(self.books), "what lives is what is on disk"
        assert sum(books.accounts.values()) == 0, "the book balances"
        assert venue.engine.total_e6() == venue.engine.granted_e6(), "the judge's own money is conserved"
        assert books.accounts["cash"] == venue.cash_e6, "cash agrees to a millionth"
        ours = {
            (f.trade_id, o.order_id, f.size_e6, f.cost_e6, f.fee_e6, f.status)
            for o in books.orders.values()
            for f in o.fills.values()
        }
        read: Any = venue.counter.read(ReadTrades(purpose=ForProbe(), after_s=0), self.sim.now_ns)
        theirs = {
            (line.trade_id, line.order_id, line.size_e6, *venue.moved_e6(line), line.status) for line in read.trades
        }
        assert ours == theirs, "the venue's fills are the books'"
        assert set(venue.orders) <= set(books.orders), "every order at the venue is a journalled intent"
        ids = [o.order_id for o in books.orders.values()]
        assert len(books.by_intent) == len(ids), "an intent has one order"
        by_order: dict[str, set[bytes]] = {}
        for post in venue.posts:
            by_order.setdefault(post.order_id, set()).add(post.body)
        assert set(by_order) <= set(ids), "no salt but the intent's"
        assert all(len(bodies) == 1 for bodies in by_order.values()), "the same bytes each time"


def chain_of(luck: random.Random, failing: float, retrying: float = 0.0) -> Callable[[str], Chain]:
    """What the chain makes of trades, by luck."""

    def fate(_trade_id: str) -> Chain:
        drawn = luck.random()
        return "FAIL" if drawn < failing else "RETRY" if drawn < failing + retrying else "CONFIRM"

    return fate


class Kit:
    """Everything above, as one fixture."""

    House = House
    chain = staticmethod(chain_of)
    intent = staticmethod(an_intent)
    slug = staticmethod(slug_of)
    S, START_S = S, START_S


@pytest.fixture
def kit() -> Kit:
    return Kit()
