"""signal: one prediction a window and strategy, at the first moment at which everything it needs is fresh.

1. Decide at the first moment ≥ start + decide_after_s at which market, strike, price, oracle, book, the strategy's bars
   and the account are known and fresh; at start + decide_until_s skip with what was missing.
2. A halted account gets its row at once (HALTED). The book's rules (core/market/book_rules.py) are refused here, risk
   asks them again.
3. Said once: `Prediction`; if it is worth trading `Signal` too, re-said every 250 ms of machine time until an
   `Allocation` answers or it is too late.
4. A restart remembers what this actor itself predicted (Restored) and does not predict it anew; what is still good and
   worth trading it says again, word for word. It asks price_feed for the same bars, market_feed for the markets. Should
   the memory be gone, a window that the account shows traded is left alone; and the order's id is the same in any case.
5. Windows whose last moment passed before this boot are the recorder's to explain (ACTOR_DOWN).
6. A strategy on events (fair_value, streak_reversal) is asked at each of them, between its own first and last moment, and
   bets once; a bet that the book refuses waits for a better book. One that bets before the window opens needs no strike,
   and its order is cancelled when the window does. Two strategies may want opposite sides of one window: each says so, the
   one that was sized first stands, and risk refuses the other (OPPOSITE). Within one moment they speak in the order in
   which the configuration names them.
"""

from collections.abc import Iterable, Iterator

from messages import (
    Account,
    Allocation,
    Book,
    Candle,
    Candles,
    Depth,
    FeedStatus,
    MarketListed,
    MarketResolved,
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
from messages.inner import DecisionDue, Leave, NoReply, Restored, SignalsAgain, Started, Tick, WakeAt, WakeIn
from messages.units import NS
from polybot.core.market.backfill import Listings, is_news, words_of
from polybot.core.market.book_rules import ask_e6, book_reason
from polybot.core.market.view import MarketView
from polybot.core.market.windows import STALE_PRICE_S, SessionPlan, Window, good_until_ns, session_from, staleness_s
from polybot.core.reasons import Reason
from polybot.core.signal.candles import CandleFeeds
from polybot.core.signal.slot import Bound, bind, looks_back
from polybot.core.strategies.decision import decide
from polybot.core.strategies.protocol import Decision, EventView, StrategyError
from polybot.settings import Settings, settings_from, usd_e6

RESAY_S = 0.25
LISTINGS = ("MarketListed/", "WindowObserved/", "MarketResolved/")


class SignalCore:
    """Decides once a window and strategy; the rules stand at the head of this file."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._session = SessionPlan()
        self._market = MarketView(self._settings, 1.0)
        self._account: Account | None = None
        self._depth: Depth | None = None
        self._listings = Listings("signal/0")
        self._feeds = CandleFeeds("signal/0", {}, 1.0)
        self._bound: tuple[Bound, ...] = ()
        self._speed, self._started_ns = 1.0, 0
        self._word: Word = Tick(timer=DecisionDue(), mono_s=0.0)
        self._wake_ns = 0
        self._open: dict[str, Signal] = {}
        self._recalled: dict[str, Prediction] = {}

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        self._word = word
        match word:
            case Started():
                yield from self._start(word, now_ns)
            case (
                PriceTick()
                | Book()
                | OraclePrice()
                | MarketListed()
                | WindowObserved()
                | MarketResolved()
                | FeedStatus()
            ):
                self._market.hear(word, now_ns)
            case Depth():
                self._depth = word
            case Account() if word.account == self._settings.bot.account:
                self._account = word
            case Allocation():
                self._open.pop(word.key, None)
            case Restored():
                yield from self._recall(word, now_ns)
            case Tick(timer=SignalsAgain()):
                yield from self._resay(now_ns)
            case Resent():
                self._market.hear_again([w for w in words_of(word) if is_news(w, self._market)], now_ns)
                yield from self._listings.hear(word)
            case Candle() | Candles() | NoReply() | Tick():
                yield from self._listings.hear(word)
                yield from self._feeds.hear(word, now_ns)
        yield from self._decide_due(now_ns)

    # --- start

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._settings, self._session = settings_from(word.config), session_from(word.session)
        self._speed, self._started_ns = word.speed, now_ns
        self._market = MarketView(self._settings, word.speed)
        try:
            self._bound = tuple(bind(name, self._settings, self._session) for name in self._settings.bot.strategy_names)
        except StrategyError as exc:
            yield Leave(code=78, why=str(exc))
            return
        asker = f"signal/{word.boot}"
        self._feeds = CandleFeeds(asker, looks_back(self._bound), word.speed)
        yield from self._feeds.ask(now_ns)
        windows_back = max(bound.windows_back for bound in self._bound)
        self._listings = Listings(asker, LISTINGS if windows_back else LISTINGS[:2], windows_back)
        yield from self._listings.ask(now_ns)
        for bound in self._bound:
            bound.skip_to(now_ns, self._session, self._settings.trade)

    def _recall(self, word: Restored, now_ns: int) -> Iterator[Word]:
        """Say again what is still good: the process before us may have died in the middle of saying it (rule 4)."""
        for body in (decode_word(record) for record in word.records):
            if isinstance(body, Prediction) and body.account == self._settings.bot.account:
                self._recalled[body.key] = body
        for prediction in self._recalled.values():
            if now_ns <= prediction.good_until_ns:
                yield prediction
                yield from self._signal(prediction)

    # --- deciding

    def _decide_due(self, now_ns: int) -> Iterator[Word]:
        """Every window whose moment has come; then a timer for the next moment."""
        for bound in self._bound:
            yield from self._decide_due_of(bound, now_ns)
        moments = [b.next_moment_ns(now_ns, self._settings.trade) for b in self._bound if b.has_window(self._session)]
        if moments and (at_ns := min(moments)) != self._wake_ns:
            self._wake_ns = at_ns
            yield WakeAt(timer=DecisionDue(), at_ns=at_ns)

    def _decide_due_of(self, bound: Bound, now_ns: int) -> Iterator[Word]:
        while bound.has_window(self._session) and now_ns >= bound.from_ns(self._settings.trade):
            n = bound.n
            yield from self._try(bound, bound.window, now_ns)
            if bound.n == n:
                return

    def _try(self, bound: Bound, window: Window, now_ns: int) -> Iterator[Word]:
        """Decide if everything is there; at the last moment skip with what is missing."""
        account, until_ns = self._account, bound.until_ns(self._settings.trade)
        known = f"{bound.name}/{window.slug}" in self._recalled
        if known or (account is not None and self._was_traded(bound, window, account)):
            bound.done()
        elif account is not None and account.halted:
            halted = Reason("HALTED", account.halt_reason or "trading is halted")
            yield self._prediction(bound, window, Decision(None, "none"), halted, now_ns)
            bound.done()
        elif (missing := self._missing(bound, window, now_ns)) or now_ns > until_ns:
            yield from self._feeds.ask_for(bound.timeframe, now_ns)
            if self._market.unlisted(window) or (self._market.no_strike(window) and not bound.is_early):
                yield from self._listings.ask(now_ns, window.slug)
            if now_ns >= until_ns:
                reason = (None if missing else bound.why_not) or _skip_reason(missing, now_ns - until_ns)
                yield self._prediction(bound, window, Decision(None, "none"), reason, now_ns)
                bound.done()
        else:
            yield from self._decide(bound, window, now_ns)

    def _was_traded(self, bound: Bound, window: Window, account: Account) -> bool:
        """True when the process before this one traded the window (rule 4)."""
        if bound.from_ns(self._settings.trade) >= self._started_ns or not account.ready:
            return False
        streak = account.streaks.get(bound.name)
        return window.slug in account.blocked_slugs or (streak is not None and streak.last_slug == window.slug)

    def _missing(self, bound: Bound, window: Window, now_ns: int) -> list[Reason]:
        """Everything that is not there or not fresh, the most telling first."""
        market, account = self._market, self._account
        found = [
            market.unlisted(window),
            None if bound.is_early else market.no_strike(window),
            market.stale_price(now_ns),
            market.stale_oracle(window.slug, now_ns),
            market.stale_book(window.slug, now_ns),
        ]
        if not self._feeds.is_heard(bound.timeframe, now_ns):
            found.append(Reason("INSUFFICIENT_DATA", "the newest bar has not been heard"))
        if account is None:
            found.append(Reason("ACCOUNT_UNKNOWN", "the executor has not been heard"))
        elif not account.ready:
            found.append(Reason("ACCOUNT_UNKNOWN", account.why_not_ready or "the account is not reconciled yet"))
        return [reason for reason in found if reason is not None]

    def _decide(self, bound: Bound, window: Window, now_ns: int) -> Iterator[Word]:
        candles = self._feeds.candles(bound.timeframe, now_ns, window.start_s, self._imbalance(now_ns))
        if bound.event is not None:
            decision = bound.asked(self._word, EventView(self._market, candles, window), now_ns)
        else:
            decision = decide(bound.strategy, candles, bound.params)
        reason = self._refusal(decision, window)
        in_time = bound.event is not None and now_ns < bound.until_ns(self._settings.trade)
        if reason is not None and in_time and not (bound.is_final and decision.side is None):
            bound.why_not = reason  # rule 6: there is time for a better moment
            return
        prediction = self._prediction(bound, window, decision, reason, now_ns)
        bound.done()
        yield prediction
        yield from self._signal(prediction)

    def _refusal(self, decision: Decision, window: Window) -> Reason | None:
        """Why this decision is not worth trading, None when it is."""
        if decision.side is None:
            return Reason(decision.reason_code or "NO_SIGNAL", decision.reason or "no signal")
        return book_reason(self._market.books[window.slug], decision.side, self._settings.trade)

    def _signal(self, prediction: Prediction) -> Iterator[Word]:
        """Say the Signal of a prediction worth trading, nothing for one that is not."""
        if prediction.prediction is None or prediction.reason_code:
            return
        signal = Signal(
            prediction=prediction,
            outcome=prediction.prediction,
            token_id=prediction.token_id,
            good_until_ns=prediction.good_until_ns,
            cancel_at_ns=Window(prediction.start_s).cancel_at_ns(prediction.decided_ns, self._settings.trade),
        )
        self._open[signal.key] = signal
        yield signal
        yield WakeIn(timer=SignalsAgain(), after_s=RESAY_S)

    def _imbalance(self, now_ns: int) -> float | None:
        """Bid size over ask size of the exchange's top levels; None when it is not known, or not fresh."""
        depth, limit_ns = self._depth, staleness_s(STALE_PRICE_S, self._speed) * NS
        if depth is None or now_ns - depth.received_ns > limit_ns or depth.ask_size <= 0:
            return None
        return depth.bid_size / depth.ask_size

    def _prediction(
        self, bound: Bound, window: Window, decision: Decision, reason: Reason | None, now_ns: int
    ) -> Prediction:
        market, slug, tick, trade = self._market, window.slug, self._market.tick, self._settings.trade
        book, observed, listed = market.books.get(slug), market.windows.get(slug), market.markets.get(slug)
        return Prediction(
            account=self._settings.bot.account,
            strategy=bound.name,
            slug=slug,
            condition_id=listed.condition_id if listed else "",
            n=self._session.n_of(window.start_s),
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
            good_until_ns=min(good_until_ns(now_ns), window.cancel_at_ns(now_ns, trade)),
            price_ns=tick.traded_ns if tick else 0,
            book_ns=book.received_ns if book else 0,
            token_id=_token_of(listed, decision.side),
            limit_e6=usd_e6(decision.limit) if decision.limit else 0,
            rests=decision.rests,
        )

    # --- until answered

    def _resay(self, now_ns: int) -> Iterator[Word]:
        self._open = {key: s for key, s in self._open.items() if now_ns <= s.good_until_ns}
        yield from self._open.values()
        if self._open:
            yield WakeIn(timer=SignalsAgain(), after_s=RESAY_S)


def _skip_reason(missing: list[Reason], late_ns: int) -> Reason:
    if not missing:
        return Reason("TOO_LATE", f"looked {late_ns / NS:.1f} s after the last moment to decide")
    return Reason(missing[0].code, "; ".join(reason.text for reason in missing))


def _token_of(market: MarketListed | None, side: Outcome | None) -> str:
    if market is None or side is None:
        return ""
    return market.up_token if side == "UP" else market.down_token
