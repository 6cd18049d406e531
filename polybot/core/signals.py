"""signal: one prediction a window and strategy, at the first moment at which everything it needs is fresh.

1. Decide at the first moment ≥ start + decide_after_s at which market, strike, price, oracle, book, the strategy's bars
   and the account are known and fresh; at start + decide_until_s skip with what was missing.
2. A halted account gets its row at once (HALTED). The book's rules (quotes.py) are refused here, risk asks them again.
3. Said once: `Prediction`; if it is worth trading `Signal` too, re-said every 250 ms of machine time until an
   `Allocation` answers or it is too late.
4. A restart remembers what this actor itself predicted (Restored) and does not predict it anew; what is still good and
   worth trading it says again, word for word. It asks price_feed for the same bars, market_feed for the markets. Should
   the memory be gone, a window that the account shows traded is left alone; and the order's id is the same in any case.
5. Windows whose last moment passed before this boot are the recorder's to explain (ACTOR_DOWN).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from messages import (
    Account,
    Allocation,
    Book,
    Candle,
    Candles,
    Depth,
    FeedStatus,
    MarketListed,
    OraclePrice,
    Outcome,
    Prediction,
    PriceTick,
    Resent,
    Signal,
    WindowObserved,
    Word,
    decode_word,
)
from messages.inner import Leave, NoReply, Restored, Started, Tick, WakeAt, WakeIn
from messages.units import NS
from polybot.core import strategies
from polybot.core.bar_feed import BarFeed
from polybot.core.listings import Listings, is_news, words_of
from polybot.core.market_view import MarketView
from polybot.core.quotes import ask_e6, book_reason
from polybot.core.reasons import Reason
from polybot.core.settings import Settings, settings_from
from polybot.core.strategies import Decision, Params, Strategy, StrategyError, Timeframe, View
from polybot.core.windows import Session, Window, good_until_ns, session_from, staleness_s

RESAY_S = 0.25
SAMPLES, MINUTES = 60, 120


@dataclass(frozen=True)
class _Bound:
    """A strategy with its parameters."""

    strategy: Strategy
    params: Params

    @property
    def name(self) -> str:
        return self.strategy.name


class SignalCore:
    """See the head of this file."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._session = Session()
        self._market = MarketView(self._settings, 1.0)
        self._account: Account | None = None
        self._depth: Depth | None = None
        self._listings = Listings("signal/0")
        self._feeds: dict[Timeframe, BarFeed] = {}
        self._bound: tuple[_Bound, ...] = ()
        self._speed, self._started_ns = 1.0, 0
        self._n = 1  # the window to be decided next
        self._waiting: list[_Bound] = []  # strategies that have not decided it
        self._wake_ns = 0
        self._open: dict[str, Signal] = {}
        self._recalled: dict[str, Prediction] = {}

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Started():
                yield from self._start(word, now_ns)
            case PriceTick() | Book() | OraclePrice() | MarketListed() | WindowObserved() | FeedStatus():
                self._market.hear(word, now_ns)
            case Depth():
                self._depth = word
            case Account() if word.account == self._settings.bot.account:
                self._account = word
            case Allocation():
                self._open.pop(word.key, None)
            case Restored():
                yield from self._recall(word, now_ns)
            case Tick(name="resay"):
                yield from self._resay(now_ns)
            case Resent():
                self._market.hear_again([w for w in words_of(word) if is_news(w, self._market)], now_ns)
                yield from self._listings.hear(word)
            case Candle() | Candles() | NoReply() | Tick():
                yield from self._listings.hear(word)
                for feed in self._feeds.values():
                    yield from feed.hear(word, now_ns)
        yield from self._decide_due(now_ns)

    # --- start

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._settings, self._session = settings_from(word.config), session_from(word.session)
        self._speed, self._started_ns = word.speed, now_ns
        self._market = MarketView(self._settings, word.speed)
        try:
            self._bound = tuple(_bind(name, self._settings, self._session) for name in self._settings.bot.strategies)
        except StrategyError as exc:
            yield Leave(code=78, why=str(exc))
            return
        asker = f"signal/{word.boot}"
        needed = [bound.strategy.timeframe for bound in self._bound]
        if "30s" in needed:
            self._feeds["30s"] = BarFeed(asker, 30, SAMPLES, word.speed)
        if "1m" in needed:
            self._feeds["1m"] = BarFeed(asker, 60, MINUTES, word.speed)
        for feed in self._feeds.values():
            yield from feed.ask(now_ns)
        self._listings = Listings(asker)
        yield from self._listings.ask(now_ns)
        while self._window.decide_until_ns(self._settings.trade) < now_ns and self._n <= self._session.windows:
            self._n += 1
        self._waiting = list(self._bound)

    def _recall(self, word: Restored, now_ns: int) -> Iterator[Word]:
        """Rule 4: the process before us may have died in the middle of saying it."""
        for body in (decode_word(record) for record in word.records):
            if isinstance(body, Prediction) and body.account == self._settings.bot.account:
                self._recalled[body.key] = body
        for prediction in self._recalled.values():
            if now_ns <= prediction.good_until_ns:
                yield prediction
                yield from self._signal(prediction)

    # --- deciding

    @property
    def _window(self) -> Window:
        return Window(self._session.start_of(self._n))

    def _decide_due(self, now_ns: int) -> Iterator[Word]:
        """Every window whose moment has come; then a timer for the next moment."""
        trade = self._settings.trade
        while self._n <= self._session.windows:
            window = self._window
            from_ns, until_ns = window.decide_from_ns(trade), window.decide_until_ns(trade)
            if now_ns < from_ns:
                yield from self._wake(from_ns)
                return
            for bound in list(self._waiting):
                yield from self._try(bound, window, now_ns)
            if self._waiting:
                yield from self._wake(until_ns)
                return
            self._n += 1
            self._waiting = list(self._bound)

    def _wake(self, at_ns: int) -> Iterator[Word]:
        if at_ns != self._wake_ns:
            self._wake_ns = at_ns
            yield WakeAt(name="window", at_ns=at_ns)

    def _try(self, bound: _Bound, window: Window, now_ns: int) -> Iterator[Word]:
        """Decide if everything is there; at the last moment skip with what is missing."""
        trade, account = self._settings.trade, self._account
        until_ns = window.decide_until_ns(trade)
        known = f"{bound.name}/{window.slug}" in self._recalled
        if known or (account is not None and self._was_traded(bound.name, window, account)):
            self._waiting.remove(bound)
        elif account is not None and account.halted:
            self._waiting.remove(bound)
            halted = Reason("HALTED", account.halt_reason or "trading is halted")
            yield self._prediction(bound, window, Decision(None, "none"), halted, now_ns)
        elif (missing := self._missing(bound, window, now_ns)) or now_ns > until_ns:
            feed = self._feeds.get(bound.strategy.timeframe)
            if feed is not None and not feed.is_heard(now_ns):
                yield from feed.ask(now_ns)
            if self._market.unlisted(window) or self._market.no_strike(window):
                yield from self._listings.ask(now_ns, window.slug)
            if now_ns >= until_ns:
                self._waiting.remove(bound)
                reason = _skip_reason(missing, now_ns - until_ns)
                yield self._prediction(bound, window, Decision(None, "none"), reason, now_ns)
        else:
            self._waiting.remove(bound)
            yield from self._decide(bound, window, now_ns)

    def _was_traded(self, strategy: str, window: Window, account: Account) -> bool:
        """Rule 4: by the process before this one."""
        if window.decide_from_ns(self._settings.trade) >= self._started_ns or not account.ready:
            return False
        streak = account.streaks.get(strategy)
        return window.slug in account.blocked_slugs or (streak is not None and streak.last_slug == window.slug)

    def _missing(self, bound: _Bound, window: Window, now_ns: int) -> list[Reason]:
        """Everything that is not there or not fresh, the most telling first."""
        market, account = self._market, self._account
        found = [
            market.unlisted(window),
            market.no_strike(window),
            market.stale_price(now_ns),
            market.stale_oracle(window.slug, now_ns),
            market.stale_book(window.slug, now_ns),
        ]
        feed = self._feeds.get(bound.strategy.timeframe)
        if feed is not None and not feed.is_heard(now_ns):
            found.append(Reason("INSUFFICIENT_DATA", "the newest bar has not been heard"))
        if account is None:
            found.append(Reason("ACCOUNT_UNKNOWN", "the executor has not been heard"))
        elif not account.ready:
            found.append(Reason("ACCOUNT_UNKNOWN", account.why_not_ready or "the account is not reconciled yet"))
        return [reason for reason in found if reason is not None]

    def _decide(self, bound: _Bound, window: Window, now_ns: int) -> Iterator[Word]:
        decision = bound.strategy.decide(self._view(window, now_ns), bound.params)
        book = self._market.books[window.slug]
        reason: Reason | None = None
        if decision.side is None:
            reason = Reason(decision.reason_code or "NO_SIGNAL", decision.reason or "no signal")
        else:
            reason = book_reason(book, decision.side, self._settings.trade)
        prediction = self._prediction(bound, window, decision, reason, now_ns)
        yield prediction
        yield from self._signal(prediction)

    def _signal(self, prediction: Prediction) -> Iterator[Word]:
        """Of a prediction worth trading."""
        if prediction.prediction is None or prediction.reason_code:
            return
        signal = Signal(
            prediction=prediction,
            outcome=prediction.prediction,
            token_id=prediction.token_id,
            good_until_ns=prediction.good_until_ns,
            cancel_at_ns=Window(prediction.start_s).entry_until_ns(self._settings.trade),
        )
        self._open[signal.key] = signal
        yield signal
        yield WakeIn(name="resay", after_s=RESAY_S)

    def _view(self, window: Window, now_ns: int) -> View:
        closes = {frame: f.bars.closes(f.bars.mark(now_ns), f.wanted) for frame, f in self._feeds.items()}
        depth, limit_ns = self._depth, staleness_s(self._settings.risk.stale_price_s, self._speed) * NS
        fresh = depth is not None and now_ns - depth.received_ns <= limit_ns and depth.ask_size > 0
        return View(
            slug=window.slug,
            start_s=window.start_s,
            end_s=window.end_s,
            now_ns=now_ns,
            samples=closes.get("30s", ()),
            minutes=closes.get("1m", ()),
            imbalance=depth.bid_size / depth.ask_size if depth is not None and fresh else None,
        )

    def _prediction(
        self, bound: _Bound, window: Window, decision: Decision, reason: Reason | None, now_ns: int
    ) -> Prediction:
        market, slug, tick = self._market, window.slug, self._market.tick
        book, observed, listed = market.books.get(slug), market.windows.get(slug), market.markets.get(slug)
        return Prediction(
            account=self._settings.bot.account,
            strategy=bound.name,
            slug=slug,
            condition_id=listed.condition_id if listed else "",
            n=self._n,
            start_s=window.start_s,
            end_s=window.end_s,
            signal_type=decision.signal_type,
            label=decision.label,
            prediction=decision.side,
            probability=decision.probability,
            indicators=decision.indicators,
            btc_price=tick.price if tick else None,
            strike=observed.strike if observed else None,
            strike_source=observed.strike_source if observed else "",
            up_ask_e6=ask_e6(book, "UP") if book else None,
            down_ask_e6=ask_e6(book, "DOWN") if book else None,
            reason_code=reason.code if reason else "",
            reason=reason.text if reason else decision.reason,
            decided_ns=now_ns,
            good_until_ns=min(good_until_ns(now_ns, self._settings.trade), window.entry_until_ns(self._settings.trade)),
            price_ns=tick.traded_ns if tick else 0,
            book_ns=book.received_ns if book else 0,
            token_id=_token_of(listed, decision.side),
        )

    # --- until answered

    def _resay(self, now_ns: int) -> Iterator[Word]:
        self._open = {key: s for key, s in self._open.items() if now_ns <= s.good_until_ns}
        yield from self._open.values()
        if self._open:
            yield WakeIn(name="resay", after_s=RESAY_S)


def _bind(name: str, settings: Settings, session: Session) -> _Bound:
    """on_no_signal is the bot's knob; a strategy's own table may overrule it."""
    strategy = strategies.by_name(name)
    given = dict(settings.strategy.get(name, {}))
    if "on_no_signal" in strategy.default_params:
        given.setdefault("on_no_signal", settings.bot.on_no_signal)
    return _Bound(strategy, strategies.params_of(strategy, given, has_volumes=not session.tape))


def _skip_reason(missing: list[Reason], late_ns: int) -> Reason:
    if not missing:
        return Reason("TOO_LATE", f"looked {late_ns / NS:.1f} s after the last moment to decide")
    return Reason(missing[0].code, "; ".join(reason.text for reason in missing))


def _token_of(market: MarketListed | None, side: Outcome | None) -> str:
    if market is None or side is None:
        return ""
    return market.up_token if side == "UP" else market.down_token
