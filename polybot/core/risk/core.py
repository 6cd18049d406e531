"""risk: whether at all. Judges every wish by THE RULES (table.py), alone hands orders to the executor, and keeps the
trading state.

 1. An intent id fixes its content: a repeat gets the first verdict. A wish whose order the executor's books already show
    counts as approved and is not handed on again.
 2. After a start nothing is approved before a Snapshot; wishes that come earlier wait for it, or for its silence. In the
   first YOUNG_S machine seconds a wish also waits for prices, books and prints that this process has not heard yet.
 3. What was handed on is *in flight* and counts in full until the executor's books show it (in_flight.py).
 4. The trading state: trading_state.py.
 5. Silences are measured from tick to tick in machine time, and a word heard since the last tick counts as now: a process
    that itself was stopped must not take its own sleep for the others' silence.
"""

from collections.abc import Iterable, Iterator

from messages import (
    Accepted,
    Account,
    ApprovedOrder,
    Book,
    Candle,
    Candles,
    ClockOffset,
    Done,
    FeedStatus,
    Halt,
    Health,
    Judged,
    MarketListed,
    OraclePrice,
    OrderIntent,
    Pause,
    Positions,
    PriceTick,
    Refused,
    Resent,
    Resume,
    RiskState,
    RiskVerdict,
    Seen,
    SnapshotTaken,
    TradingState,
    WindowObserved,
    Word,
)
from messages.inner import HaltSeen, NoReply, SayLevels, SnapshotAgain, Started, StartupOver, Tick, WakeIn
from polybot.core.market.backfill import Listings, is_news, words_of
from polybot.core.market.candle_history import BarFeed
from polybot.core.market.traded import TRADED_ON
from polybot.core.market.view import MarketView
from polybot.core.market.windows import SessionPlan, session_from, window_at
from polybot.core.reasons import Reason
from polybot.core.risk.in_flight import InFlight
from polybot.core.risk.limits import limits_of
from polybot.core.risk.refusal_counts import RefusalCounts
from polybot.core.risk.silence import Silence
from polybot.core.risk.table import judge
from polybot.core.risk.trading_state import TradingStates
from polybot.core.risk.view import RiskView
from polybot.core.risk.volatility import BARS_WANTED, Range, VolatilityGauge
from polybot.settings import Settings, settings_from

LEVEL_S = 1.0
WATCHDOG_SILENCE_S = 10.0
KEPT_VERDICTS = 1000
YOUNG_S = 2.0
NOT_YET = ("RULE_UNKNOWN", "NO_STRIKE", "STALE_PRICE", "STALE_ORACLE", "STALE_BOOK")


class RiskCore:
    """Judges every wish and keeps the trading state; the rules stand at the head of this file."""

    def __init__(self) -> None:
        self._settings, self._session = Settings(), SessionPlan()
        self._boot, self._speed = 0, 1.0
        self._market = MarketView(self._settings, 1.0)
        self._range, self._volatility = Range(), VolatilityGauge()
        self._feed = BarFeed("risk/0", 30, BARS_WANTED, 1.0)
        self._listings = Listings("risk/0")
        self._account: Account | None = None
        self._positions: Positions | None = None
        self._clocks: dict[str, ClockOffset] = {}
        self._has_snapshot = False
        self._is_young = True
        self._silent_account, self._silent_watchdog = Silence(0.0), Silence(0.0)
        self._trading = TradingStates(self._level)
        self._state_said: TradingState = "ACTIVE"
        self._since_ns = 0
        self._verdicts: dict[str, RiskVerdict] = {}
        self._in_flight = InFlight("risk/0")
        self._held: list[OrderIntent] = []
        self._tally = RefusalCounts()

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case PriceTick() | Book() | OraclePrice() | MarketListed() | WindowObserved() | FeedStatus():
                self._market.hear(word, now_ns)
                if isinstance(word, PriceTick) and word.source in TRADED_ON:
                    self._range.trade(word.price, word.traded_ns)
                yield from self._judge_held(now_ns)
            case OrderIntent():
                yield from self._intent(word, now_ns)
            case Accepted() | Refused() | Seen():
                yield from self._in_flight.answered(word)
            case Account() | Positions():
                self._adopt(word)
                yield from self._look(now_ns)
            case SnapshotTaken():
                yield from self._snapshot_taken(word, now_ns)
            case ClockOffset():
                self._clocks[word.source] = word
            case Health():
                self._silent_watchdog.heard()
            case HaltSeen() | Halt() | Resume() | Pause():
                yield from self._switch(word, now_ns)
            case Started():
                yield from self._start(word, now_ns)
            case Tick(timer=SayLevels()):
                yield from self._tick(word, now_ns)
            case Tick(timer=SnapshotAgain()):
                yield from self._in_flight.ask()
            case Tick(timer=StartupOver()):
                self._is_young = False
                yield from self._judge_held(now_ns)
            case NoReply(request="ApprovedOrder"):
                yield from self._in_flight.answered(word)
            case NoReply(request="Snapshot"):
                yield from self._in_flight.unanswered(word.id)
                yield from self._judge_held(now_ns)
            case Resent():
                self._market.hear_again([w for w in words_of(word) if is_news(w, self._market)], now_ns)
                yield from self._listings.hear(word)
                yield from self._judge_held(now_ns)
            case Candle() | Candles() | NoReply() | Tick():
                yield from self._listings.hear(word)
                yield from self._feed.hear(word, now_ns)

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._settings, self._session = settings_from(word.config), session_from(word.session)
        self._boot, self._speed, self._since_ns = word.boot, word.speed, now_ns
        self._market = MarketView(self._settings, word.speed)
        self._feed = BarFeed(f"risk/{word.boot}", 30, BARS_WANTED, word.speed)
        self._silent_account, self._silent_watchdog = Silence(word.mono_s), Silence(word.mono_s)
        self._trading = TradingStates(self._level, word.halted, word.paused)
        self._in_flight = InFlight(f"risk/{word.boot}")
        yield from self._in_flight.ask()
        yield from self._feed.ask(now_ns)
        self._listings = Listings(f"risk/{word.boot}")
        yield from self._listings.ask(now_ns)
        yield self._level(now_ns)
        yield WakeIn(timer=SayLevels(), after_s=LEVEL_S)
        yield WakeIn(timer=StartupOver(), after_s=YOUNG_S)

    def _tick(self, tick: Tick, now_ns: int) -> Iterator[Word]:
        self._silent_account.tick(tick.mono_s)
        self._silent_watchdog.tick(tick.mono_s)
        silent_s = self._silent_watchdog.age_s
        if silent_s > WATCHDOG_SILENCE_S and self._trading.halted is None:
            text = f"the watchdog was last heard {silent_s:.1f} s ago, limit {WATCHDOG_SILENCE_S:g} s"
            yield from self._trading.halt("risk", Reason("WATCHDOG", text), now_ns)
        yield from self._look(now_ns)
        if not self._feed.is_heard(now_ns):
            yield from self._feed.ask(now_ns)
        window = window_at(now_ns)
        if self._session.n_of(window.start_s) and (self._market.unlisted(window) or self._market.no_strike(window)):
            yield from self._listings.ask(now_ns, window.slug)
        yield self._level(now_ns)
        yield WakeIn(timer=SayLevels(), after_s=LEVEL_S)

    # --- wishes

    def _intent(self, intent: OrderIntent, now_ns: int) -> Iterator[Word]:
        first = self._verdicts.get(intent.id)
        if first is not None:
            yield Judged(id=intent.id, verdict=first)
        elif not self._has_snapshot and self._in_flight.is_asking:
            self._hold(intent)
        elif handed_on := self._handed_on_before(intent.id):
            yield from self._answer(intent, None, handed_on, now_ns)
        else:
            reason = judge(intent, self._view(now_ns))
            if reason is not None and self._is_young and reason.code in NOT_YET:
                self._hold(intent)
                return
            if reason is None:
                yield from self._hand_on(intent, now_ns)
            yield from self._answer(intent, reason, "", now_ns)

    def _hold(self, intent: OrderIntent) -> None:
        """Keep a wish that comes too early; a repeat takes the place of its first (rule 2)."""
        self._held = [held for held in self._held if held.id != intent.id] + [intent]

    def _hand_on(self, intent: OrderIntent, now_ns: int) -> Iterator[Word]:
        """First thing said of it: dying after this the repeat finds the order; before it, nothing happened."""
        self._in_flight.add(intent, now_ns)
        self._tally.approve()
        yield ApprovedOrder(
            id=intent.id,
            intent=intent,
            risk_boot=self._boot,
            good_until_ns=intent.good_until_ns,
            cancel_at_ns=intent.cancel_at_ns,
            reduce_only=intent.reduce_only,
        )

    def _answer(self, intent: OrderIntent, refused: Reason | None, note: str, now_ns: int) -> Iterator[Word]:
        verdict = RiskVerdict(
            intent_id=intent.id,
            account=intent.account,
            strategy=intent.strategy,
            slug=intent.slug,
            approved=refused is None,
            reason_code=refused.code if refused else "",
            reason=refused.text if refused else note,
            judged_ns=now_ns,
        )
        self._verdicts[intent.id] = verdict
        if len(self._verdicts) > KEPT_VERDICTS:
            del self._verdicts[next(iter(self._verdicts))]
        if refused is not None:
            self._tally.refused(intent.strategy, refused.code)
        yield verdict
        yield Judged(id=intent.id, verdict=verdict)
        yield self._level(now_ns)

    def _handed_on_before(self, intent_id: str) -> str:
        """The sentence for an intent that an earlier process of ours handed on, and whose verdict nobody heard; "" = none."""
        for order in self._positions.orders if self._positions else ():
            if order.intent_id == intent_id:
                return f"already with the executor as order {order.order_id}"
        is_sent = self._account is not None and any(order.intent_id == intent_id for order in self._account.sent)
        return "already with the executor, and over by now" if is_sent else ""

    def _view(self, now_ns: int) -> RiskView:
        return RiskView(
            now_ns=now_ns,
            settings=self._settings,
            session=self._session,
            halted=self._trading.halted,
            reducing=self._trading.paused,
            has_snapshot=self._has_snapshot,
            account=self._account,
            account_age_s=self._silent_account.age_s,
            positions=self._positions,
            in_flight=self._in_flight.intents,
            in_flight_ns=self._in_flight.moments_ns,
            market=self._market,
            clocks=tuple(self._clocks.values()),
            range_pct=self._range.pct(self._feed.bars, now_ns),
            volatility=self._volatility.read(self._feed.bars, now_ns),
        )

    # --- what the executor says

    def _snapshot_taken(self, word: SnapshotTaken, now_ns: int) -> Iterator[Word]:
        if not self._in_flight.taken(word.id):
            return
        self._adopt(word.account)
        self._adopt(word.positions)
        self._has_snapshot = True
        yield from self._in_flight.ask_if_wanted()
        yield from self._look(now_ns)
        yield from self._judge_held(now_ns)

    def _judge_held(self, now_ns: int) -> Iterator[Word]:
        held, self._held = self._held, []
        for intent in held:
            yield from self._intent(intent, now_ns)

    def _adopt(self, word: Account | Positions) -> None:
        """Levels are caches of the journal: an older sequence never replaces a newer."""
        if word.account != self._settings.bot.account:
            return
        if isinstance(word, Account):
            if self._account is None or word.journal_seq >= self._account.journal_seq:
                self._account = word
                self._silent_account.heard()
        elif self._positions is None or word.journal_seq >= self._positions.journal_seq:
            self._positions = word

    # --- the trading state

    def _look(self, now_ns: int) -> Iterator[Word]:
        yield from self._trading.look(self._account, self._settings, now_ns)

    def _switch(self, word: HaltSeen | Halt | Resume | Pause, now_ns: int) -> Iterator[Word]:
        if isinstance(word, Resume) and (wrong := self._trading.other_halt(word)):
            yield Done(id=word.id, ok=False, reason=wrong, trading_state=self._trading.state)
            return
        yield from self._trading.switch(word, now_ns)
        if isinstance(word, HaltSeen | Resume):
            yield from self._look(now_ns)
        if not isinstance(word, HaltSeen):
            yield Done(id=word.id, ok=True, trading_state=self._trading.state)

    def _level(self, now_ns: int) -> RiskState:
        state, reason = self._trading.state, self._trading.reason
        if state != self._state_said:
            self._state_said, self._since_ns = state, now_ns
        return RiskState(
            state=state,
            reason_code=reason.code if reason else "",
            reason=reason.text if reason else "",
            boot=self._boot,
            refused=dict(self._tally.by_rule),
            refused_by={strategy: dict(codes) for strategy, codes in self._tally.by_strategy.items()},
            approved=self._tally.approved,
            limits=limits_of(self._view(now_ns), self._speed),
            since_ns=self._since_ns,
        )
