"""ExecutorCore: alone with the key, the journal and the venue. Hears words, hands each to the one who understands it.

1. sign → journal → order gate → POST. What a word leads to is on disk before it leaves (Writer).
2. Same intent id: the first answer (`Seen`), for ever, across restarts.
3. Until the first known reconciliation approved orders wait, and with them the snapshots that would show them.
4. CancelAll is served at any time.
5. Account and Positions are said after every word that changed them, and each machine second.
6. PolyBolt's prints pass through (oracle_relay.py): its socket wants our credentials, and nothing of money depends on them.
"""

from collections.abc import Iterable, Iterator

from messages import (
    ApprovedOrder,
    CancelAll,
    Done,
    EventsSince,
    MarketListed,
    MarketResolved,
    OracleRelayed,
    Redeem,
    Resent,
    RiskState,
    Snapshot,
    WindowObserved,
    Word,
)
from messages.inner import (
    ActivityRead,
    AskGeoblock,
    AskShortfall,
    BalanceRead,
    BeatHeart,
    CancelAt,
    CancelOrders,
    CancelResult,
    FeedStale,
    ForCancelAt,
    ForRedemption,
    ForStillOpen,
    GeoblockRead,
    HaltSeen,
    HeartbeatLate,
    HeartbeatSent,
    HoldingsRead,
    KeepWarm,
    Leave,
    LeaveNow,
    MarketRead,
    NoReply,
    OpenOrdersRead,
    OrderRead,
    OrderSigned,
    PastEventsRead,
    PastWindowRead,
    PersistFailed,
    PostAgain,
    PostResult,
    ProbeOrder,
    ProofAnew,
    ProofCancelAgain,
    ProofStep,
    Reconcile,
    RedeemAgain,
    RedeemRead,
    Restored,
    SayLevels,
    SourceState,
    Started,
    Tick,
    TradesRead,
    UserFact,
    VenueStateOver,
    WakeAt,
    WakeIn,
    WarmUp,
)
from messages.units import NS
from polybot.core.executor.account_publisher import AccountPublisher
from polybot.core.executor.books.entries import OrderTold
from polybot.core.executor.books.events import events_from
from polybot.core.executor.books.order_state import IMMEDIATE, is_final
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.kill_switch import KillSwitch
from polybot.core.executor.oracle_relay import OracleRelay
from polybot.core.executor.orders import account_levels, venue_facts
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.dead_man import DeadMan
from polybot.core.executor.orders.tracker import OrderTracker
from polybot.core.executor.reconciling.backfill import Backfill
from polybot.core.executor.reconciling.outcomes import Outcomes
from polybot.core.executor.reconciling.past_lookup import PastLookup
from polybot.core.executor.reconciling.reconciler import Reconciler
from polybot.core.executor.reconciling.redemption import Redeemer
from polybot.core.executor.service import OrderService
from polybot.core.executor.stopping.cancel_all import CancelRound
from polybot.core.executor.stopping.shutdown import Shutdown
from polybot.settings import settings_from

LEVEL_S = 1.0
WARM_S = 5.0  # the order lane's connection is looked at so often
CANCEL_AGAIN_S = 0.5
SAID_AGAIN = 8  # newest money events: on disk they were, but perhaps never heard before we died


class ExecutorCore:
    """Alone with the key, the journal and the venue; the rules stand at the head of this file."""

    def __init__(self) -> None:
        self._boot = 0
        self._writer = Writer()
        self._switch = OrderSwitch()
        self._dead_man = DeadMan(self._switch)
        self._tracker = OrderTracker(self._writer, self._switch, self._dead_man)
        self._reconciler = Reconciler(self._writer, self._switch, self._tracker)
        self._cancel_round = CancelRound(self._writer, self._switch, self._tracker)
        self._shutdown = Shutdown(self._writer, self._switch, self._tracker)
        self._outcomes = Outcomes(self._writer, self._tracker)
        self._redeemer = Redeemer(self._writer, self._switch)
        self._backfill = Backfill()
        self._past_lookup = PastLookup(self._writer)
        self._oracle_relay = OracleRelay()
        self._publisher = AccountPublisher(self._writer, self._switch, self._tracker, self._reconciler, self._dead_man)
        self._service = OrderService(self._writer, self._switch, self._tracker, self._reconciler, self._publisher)
        self._kill_switch = KillSwitch(
            self._writer, self._switch, self._cancel_round, self._shutdown, self._reconciler, self._service
        )

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        """Hear one word; then say the levels if they changed. Every cancel that goes out is counted (orders/rate_budget.py)."""
        if isinstance(word, OracleRelayed | SourceState):
            yield from self._oracle_relay.hear(word, now_ns)
            return
        for said in self._handle(word, now_ns):
            if isinstance(said, CancelOrders):
                count = len(said.order_ids) or 1 + len(self._writer.books.open)
                self._tracker.budget.cancelled(count, self._switch.mono_s)
            yield said

    def _handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        asked = self._past_lookup.holds(word)
        if asked:
            yield from asked
            return
        match word:
            case PastWindowRead():
                yield from self._past_lookup.read(word, now_ns)
                for held in self._past_lookup.freed(word):
                    yield from self._handle(held, now_ns)
            case PastEventsRead():
                yield from self._service.past_read(word)
            case ApprovedOrder() | Snapshot() | EventsSince():
                yield from self._service.serve(word, now_ns)
            case OrderSigned():
                yield from self._service.signed(word, now_ns)
            case CancelAll():
                yield from self._cancel_round.begin(word.id, now_ns)
            case Redeem():
                yield from self._redeemer.asked(word, now_ns)
            case Tick():
                yield from self._tick(word, now_ns)
            case Started():
                yield from self._start(word)
            case Restored():
                yield from self._restore(word, now_ns)
            case RiskState() | MarketListed() | WindowObserved() | MarketResolved() | Resent() | NoReply() | Done():
                yield from self._bus(word, now_ns)
            case HaltSeen() | PersistFailed() | Leave():
                yield from self._kill_switch.hear(word, now_ns)
            case _:
                yield from self._venue(word, now_ns)
        yield from self._dead_man.reopen(self._reconciler.rounds, len(self._tracker.in_flight))
        yield from self._service.serve_waiting(now_ns)
        yield from self._publisher.say_if_changed(now_ns)

    # --- start

    def _start(self, word: Started) -> Iterator[Word]:
        settings = settings_from(word.config)
        self._boot = word.boot
        self._switch.start(word)
        self._tracker.start(word)
        self._reconciler.start(settings, word)
        self._service.start(settings)
        self._kill_switch.start(word)
        self._oracle_relay.start(word)
        yield from ()

    def _restore(self, word: Restored, now_ns: int) -> Iterator[Word]:
        """The fold of the journal; then the venue is asked about everything that is not final."""
        self._writer.restore(word)
        books = self._writer.books
        yield from events_from(books, max(0, len(books.notes) - SAID_AGAIN))
        for order_id in list(books.open):
            order = books.orders[order_id]
            if not (order.seen or order.over or order.refused):
                why = OrderTold(order_id=order_id, unsure=True, text="the executor restarted before it was answered")
                yield from self._writer.write_all(venue_facts.told(order, why), now_ns)
            yield WakeAt(timer=CancelAt(order_id=order_id), at_ns=order.cancel_at_ns)
        if any(books.orders[order_id].intent.order_type not in IMMEDIATE for order_id in books.open):
            yield from self._dead_man.arm()
        yield WakeIn(timer=SayLevels(), after_s=LEVEL_S)
        yield from self._warm()
        yield from self._kill_switch.at_start(now_ns)
        yield from self._reconciler.begin(now_ns)
        yield from self._redeemer.resume()
        since_s = min([books.last_window_s or now_ns // NS, *(w.start_s for w in account_levels.unsettled(books))])
        yield from self._backfill.begin(self._boot, since_s * NS)

    # --- the venue's words

    def _venue(self, word: Word, now_ns: int) -> Iterator[Word]:
        if isinstance(word, OrderRead | OpenOrdersRead | TradesRead | BalanceRead):
            yield from self._tracker.account_read(word)
        match word:
            case PostResult():
                yield from self._tracker.answered(word, now_ns)
                yield from self._cancel_round.post_answered()
                yield from self._shutdown.go_if_done()
            case UserFact():
                yield from self._user_fact(word, now_ns)
            case OrderRead():
                self._tracker.unreadable.note(word.unreadable, word.trades)
                yield from self._tracker.read(word, now_ns)
                yield from self._reconciler.order(word, now_ns)
                yield from self._cancel_round.order_read(word)
            case OpenOrdersRead():
                yield from self._reconciler.open_orders(word, now_ns)
                yield from self._cancel_round.open_read(word)
            case TradesRead():
                self._tracker.unreadable.note(word.unreadable, word.trades)
                yield from self._reconciler.trades(word, now_ns)
            case BalanceRead(purpose=ForRedemption(slug=slug)):
                yield from self._redeemer.shares(slug, word, now_ns)
            case BalanceRead():
                yield from self._reconciler.balance(word, now_ns)
                yield from self._tracker.refusals.balance(word)
                if word.known and not word.token_id:
                    yield from self._redeemer.go(now_ns)
            case RedeemRead():
                yield from self._redeemer.heard(word, now_ns)
            case MarketRead():
                yield from self._outcomes.market_read(word, now_ns)
            case GeoblockRead():
                yield from self._tracker.refusals.geoblock(word)
                if word.known and not word.blocked and self._tracker.venue.not_blocked():
                    yield from self._reconciler.begin(now_ns)
            case HoldingsRead():
                yield from self._reconciler.holdings(word, now_ns)
            case ActivityRead():
                self._reconciler.activity(word)
            case CancelResult():
                yield from self._cancel_answered(word, now_ns)
            case HeartbeatSent():
                yield from self._heartbeat(word, now_ns)
            case _:
                raise TypeError(f"the executor cannot hear {type(word).__name__}")

    def _user_fact(self, word: UserFact, now_ns: int) -> Iterator[Word]:
        """The channel does not repeat itself: when it opens, everything is read anew."""
        books = self._writer.books
        if word.order is not None:
            yield from self._writer.write_all(venue_facts.of_order(books, word.order, is_authoritative=False), now_ns)
            if word.order.order_id in books.orders:
                yield from self._tracker.follow(books.orders[word.order.order_id], now_ns)
        yield from self._tracker.trades(word.trades, now_ns)
        yield from self._tracker.doubt(word.order_ids)
        if word.kind == "open":
            yield from self._reconciler.begin(now_ns)

    def _cancel_answered(self, word: CancelResult, now_ns: int) -> Iterator[Word]:
        """Whatever it said, the order endpoint says what became of them."""
        yield from self._cancel_round.cancel_answered(word)
        yield from self._shutdown.cancel_answered(word)
        asked = [*word.canceled, *word.not_canceled]
        match word.purpose:
            case ForCancelAt(order_id=order_id):
                asked.append(order_id)
                if not word.known:
                    yield WakeIn(timer=CancelAt(order_id=order_id), after_s=CANCEL_AGAIN_S)
            case ForStillOpen(order_id=order_id):
                asked.append(order_id)
        for named in dict.fromkeys(asked):
            if named in self._writer.books.open:
                yield from self._tracker.follow(self._writer.books.orders[named], now_ns)
        yield from self._shutdown.go_if_done()

    def _heartbeat(self, word: HeartbeatSent, now_ns: int) -> Iterator[Word]:
        """Acked again after a failure: what the venue may have cancelled meanwhile is read first."""
        waited = self._dead_man.waits_for_books
        yield from self._dead_man.heard(word, self._reconciler.rounds)
        if self._dead_man.waits_for_books and not waited:
            yield from self._reconciler.begin(now_ns)

    # --- the bus

    def _bus(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case RiskState():
                self._switch.hear_risk(word)
            case WindowObserved():
                yield from self._outcomes.observed(word, now_ns)
            case MarketResolved():
                yield from self._outcomes.resolved(word, now_ns)
            case Resent():
                for heard in self._backfill.heard(word):
                    yield from self._bus(heard, now_ns)
                yield from self._backfill.go_on()
            case NoReply():
                yield from self._backfill.unanswered(word)
                yield from self._tracker.refusals.replied(word)
            case Done():
                yield from self._tracker.refusals.replied(word)

    # --- time

    def _tick(self, tick: Tick, now_ns: int) -> Iterator[Word]:
        self._switch.tick(tick.mono_s)
        match tick.timer:
            case SayLevels():
                yield WakeIn(timer=SayLevels(), after_s=LEVEL_S)
                yield from self._reconciler.watch(tick.mono_s, now_ns)
                yield from self._outcomes.watch(tick.mono_s, now_ns)
                yield from self._writer.compact()
                yield from self._publisher.say(now_ns)
                yield from self._oracle_relay.beat(tick.mono_s, now_ns)
            case KeepWarm():
                yield from self._warm()
            case VenueStateOver() if self._tracker.venue.over():
                yield from self._reconciler.begin(now_ns)
            case AskGeoblock():
                yield from self._tracker.refusals.ask_geoblock()
            case AskShortfall():
                yield from self._tracker.refusals.ask_balance()
            case Reconcile():
                yield from self._reconciler.due(tick.mono_s, now_ns)
            case ProbeOrder(order_id=order_id) if order_id in self._writer.books.open:
                yield from self._tracker.ask(order_id)
            case PostAgain(order_id=order_id):
                yield from self._tracker.again(order_id, now_ns)
            case CancelAt(order_id=order_id):
                yield from self._cancel(order_id, now_ns)
            case RedeemAgain(slug=slug):
                yield from self._redeemer.tick(slug, now_ns)
            case ProofStep() | ProofCancelAgain():
                yield from self._cancel_round.tick(tick.timer, tick.mono_s, self._publisher.held(now_ns), now_ns)
            case ProofAnew():
                yield from self._cancel_round.anew(now_ns)
            case FeedStale():
                yield from self._oracle_relay.woken(now_ns)
            case BeatHeart():
                yield from self._dead_man.due()
            case HeartbeatLate():
                yield from self._dead_man.late()
            case LeaveNow():
                yield Leave(code=0, why="SIGTERM: not everything was answered in time")

    @staticmethod
    def _warm() -> Iterator[Word]:
        yield WakeIn(timer=KeepWarm(), after_s=WARM_S)
        yield WarmUp()

    def _cancel(self, order_id: str, now_ns: int) -> Iterator[Word]:
        """cancel_at has come: an order of ours that may still rest goes."""
        order = self._writer.books.orders[order_id]
        if is_final(order):
            return
        yield from self._writer.write_all(venue_facts.told(order, OrderTold(order_id=order_id, cancelled=True)), now_ns)
        yield CancelOrders(purpose=ForCancelAt(order_id=order_id), order_ids=(order_id,))
