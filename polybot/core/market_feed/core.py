"""The venue as everyone else sees it: markets, books, resolutions, oracle prints, and what each window came to.

1. The session's current window and the next two are described by the venue (FetchMarket, repeated with back-off until
   known), said (MarketListed) and subscribed; resolved ones are left.
2. After its end a market is asked for every POLL_S machine seconds until it is resolved: the channel may have lost the word.
   A resolved one is asked for again AGAIN_S world seconds later: a resolution may be corrected, and no channel says so.
3. Strike: the print of the stream that the market's rule names, stamped exactly at the start; none = None for ever (rules §3).
   Prints come by RTDS and, relayed by the executor, by PolyBolt; where both have a second, PolyBolt's is believed.
4. WindowObserved is said when anything is learnt, for every window of the session, traded or not; LATE_S after the end
   without an end print it says ended, and why there is no outcome. Nobody else computes it.
5. How far our wall clock is off the venue's and a time server's is measured here (clock_offset.py).
6. A restart remembers what this actor itself said before (Restored): prints it saw then it need not see again.
"""

from collections.abc import Iterator

import msgspec

from messages import (
    Book,
    MarketListed,
    MarketResolved,
    OraclePrice,
    OracleRelayed,
    SettleRule,
    TickSizeChanged,
    TradePrint,
    WindowObserved,
    Word,
    decode_word,
)
from messages.inner import (
    CheckResolution,
    ClockRead,
    FeedStale,
    FetchAgain,
    FetchMarket,
    MarketFetched,
    ReadClockAgain,
    Reconnect,
    Restored,
    SayLevels,
    SourceState,
    Started,
    Subscribe,
    Tick,
    WakeAt,
    WakeIn,
    WindowBegins,
    WindowLate,
)
from messages.units import NS
from polybot.core.market.feed_health import FeedHealth
from polybot.core.market.windows import (
    STALE_BOOK_S,
    STALE_ORACLE_S,
    WINDOW_S,
    SessionPlan,
    Window,
    is_stale,
    session_from,
    staleness_s,
    window_at,
    window_of,
)
from polybot.core.market_feed.clock_offset import ClockOffsets
from polybot.core.market_feed.oracle import OraclePrints, near_boundary
from polybot.core.market_feed.outcome import concluded, rule_named
from polybot.settings import settings_from
from polybot.topology import BY_NAME

ORACLE, ORACLE_SOURCE = "oracle", "rtds"
BOOKS, BOOKS_SOURCE = "book", "market"
AHEAD = 2  # windows after the current one
KEPT_S = 86_400  # world seconds that a window is remembered after its end
RECALLS = BY_NAME["market_feed"].recalls
LATE_S = 15.0
POLL_S = 2.0
AGAIN_S = (90, 300, 900)
BEAT_S = 1.0
RETRIES_S = (0.3, 0.6, 1.0, 2.0, 4.0)


class MarketFeedCore:
    """The venue's markets, books and prints as everyone else sees them; see the rules above.

    Its sources put Book, TradePrint, TickSizeChanged, MarketResolved, OraclePrice and SourceState words into its inbox; the
    effect of FetchMarket answers MarketListed (and MarketResolved), then MarketFetched.
    """

    def __init__(self) -> None:
        self._session = SessionPlan()
        self._prints = OraclePrints()
        self._markets: dict[str, MarketListed] = {}
        self._resolved: dict[str, MarketResolved] = {}
        self._said: dict[int, WindowObserved] = {}
        self._tries: dict[str, int] = {}  # slugs being asked for → unanswered so far
        self._clocks = ClockOffsets()
        self._relayed_ns = 0
        self._polled: dict[str, bool] = {}  # ended windows that are asked for again and again

    def handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case Book():
                if word.slug in self._markets and word.slug not in self._resolved:
                    yield word
                    yield from self._books.arrived(now_ns)
            case OraclePrice():
                self._heard_rtds(word, now_ns)
                yield from self._print(word, now_ns)
            case OracleRelayed():
                self._relayed_ns = now_ns
                for price in word.prints:
                    yield from self._print(price, now_ns)
            case TradePrint():
                self._books.touched()
                if word.slug in self._markets:
                    yield word
            case TickSizeChanged():
                yield from self._tick_size(word)
            case MarketListed():
                yield from self._listed(word, now_ns)
            case MarketResolved():
                yield from self._resolve(word, now_ns)
            case MarketFetched():
                yield from self._fetched(word, now_ns)
            case Tick():
                yield from self._tick(word, now_ns)
            case SourceState():
                yield from self._source(word, now_ns)
            case ClockRead():
                yield from self._clocks.hear(word, now_ns)
            case Restored():
                yield from self._restore(word, now_ns)
            case Started():
                yield from self._start(word, now_ns)
            case _:
                raise TypeError(f"market_feed cannot hear {type(word).__name__}")

    # --- start and time

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._session, self._speed, self._started_ns = session_from(word.session), word.speed, now_ns
        self._oracle = FeedHealth(ORACLE, ORACLE_SOURCE, "print", STALE_ORACLE_S, word.speed, word.mono_s)
        self._rtds = FeedHealth(ORACLE_SOURCE, ORACLE_SOURCE, "print", STALE_ORACLE_S, word.speed, word.mono_s)
        self._books = FeedHealth(BOOKS, BOOKS_SOURCE, "book", STALE_BOOK_S, word.speed, word.mono_s)
        yield WakeIn(timer=SayLevels(), after_s=BEAT_S)
        yield self._oracle.status(now_ns)
        yield self._books.status(now_ns)
        yield from self._clocks.start(settings_from(word.config).bot.profile, word.speed, word.mono_s, now_ns)
        oldest = window_at(now_ns).start_s - RECALLS.back_s(word.speed) // WINDOW_S * WINDOW_S
        yield from self._look_ahead(oldest, now_ns)

    def _look_ahead(self, from_s: int, now_ns: int) -> Iterator[Word]:
        """Ask for the markets from from_s to the second next window, and wake when the next one begins."""
        current = window_at(now_ns).start_s
        self._forget(current - KEPT_S)
        for start_s in range(from_s, current + AHEAD * WINDOW_S + 1, WINDOW_S):
            window = Window(start_s)
            if self._session.n_of(start_s) == 0 or window.slug in self._tries:
                continue
            self._tries[window.slug] = 0
            yield FetchMarket(slug=window.slug)
            yield WakeAt(timer=WindowLate(slug=window.slug), at_ns=window.end_ns + self._late_ns)
        yield WakeAt(timer=WindowBegins(), at_ns=(current + WINDOW_S) * NS)

    def _forget(self, before_s: int) -> None:
        """Windows that ended so long ago are nobody's business any more: oldest first, each looked at once."""
        for slug in list(self._tries):
            window = window_of(slug)
            if window is not None and window.end_s > before_s:
                break
            for known in (self._tries, self._polled, self._markets, self._resolved):
                known.pop(slug, None)
            if window is not None:
                self._said.pop(window.start_s, None)

    @property
    def _late_ns(self) -> int:
        return round(staleness_s(LATE_S, self._speed) * NS)

    def _tick(self, word: Tick, now_ns: int) -> Iterator[Word]:
        match word.timer:
            case SayLevels():
                yield WakeIn(timer=SayLevels(), after_s=BEAT_S)
                yield from self._oracle.beat(word.mono_s, now_ns, expects=False)
                yield from (said for said in self._rtds.beat(word.mono_s, now_ns) if isinstance(said, Reconnect))
                yield from self._books.beat(word.mono_s, now_ns, expects=self._has_live_market(now_ns))
                yield from self._clocks.beat(word.mono_s, now_ns)
            case WindowBegins():
                current = window_at(now_ns)
                yield from self._look_ahead(current.start_s, now_ns)
                yield from self._poll_ended(current)
            case FetchAgain(slug=slug):
                if slug not in self._resolved:
                    yield FetchMarket(slug=slug)
            case CheckResolution(slug=slug):
                yield FetchMarket(slug=slug)
            case WindowLate(slug=slug):
                if window := window_of(slug):
                    yield from self._conclude(window, now_ns)
            case ReadClockAgain(source=source):
                yield from self._clocks.woken(source)
            case FeedStale(feed=feed):
                yield from (self._oracle if feed == ORACLE else self._books).woken(now_ns)

    def _source(self, word: SourceState, now_ns: int) -> Iterator[Word]:
        if word.source != ORACLE_SOURCE:
            yield from self._books.source_state(word, now_ns)
            return
        list(self._rtds.source_state(word, now_ns))
        is_relayed = not is_stale(now_ns - self._relayed_ns, STALE_ORACLE_S, self._speed)
        if word.state != "closed" or not is_relayed:  # the oracle is not down while its prints come the other way
            yield from self._oracle.source_state(word, now_ns)

    def _has_live_market(self, now_ns: int) -> bool:
        slug = window_at(now_ns).slug
        return slug in self._markets and slug not in self._resolved

    # --- markets

    def _fetched(self, word: MarketFetched, now_ns: int) -> Iterator[Word]:
        """Again until it is described; after its end until it is resolved."""
        window = window_of(word.slug)
        if window is None or word.slug in self._resolved or word.slug not in self._tries:
            return
        if word.known and word.slug in self._markets:
            self._tries[word.slug] = 0
            if now_ns >= window.end_ns:
                self._polled[word.slug] = True
                yield WakeIn(timer=FetchAgain(slug=word.slug), after_s=POLL_S)
            return
        tries = self._tries[word.slug]
        self._tries[word.slug] = tries + 1
        yield WakeIn(timer=FetchAgain(slug=word.slug), after_s=RETRIES_S[min(tries, len(RETRIES_S) - 1)])

    def _poll_ended(self, current: Window) -> Iterator[Word]:
        """Begin to ask for the window that has just ended, and any other that ended unseen while time leapt."""
        for slug in self._tries:
            window = window_of(slug)
            if window is None or window.end_s > current.start_s or slug in self._resolved or slug in self._polled:
                continue
            self._polled[slug] = True
            yield WakeIn(timer=FetchAgain(slug=slug), after_s=POLL_S)

    def _listed(self, word: MarketListed, now_ns: int) -> Iterator[Word]:
        """The venue's description; of the tick the finest seen: Gamma's copy may be older than the channel's word."""
        window = window_of(word.slug)
        if window is None or self._session.n_of(window.start_s) == 0 or word.start_s != window.start_s:
            return
        before = self._markets.get(word.slug)
        if before is not None and before.tick_e6 < word.tick_e6:
            word = msgspec.structs.replace(word, tick_e6=before.tick_e6)
        if word == before:
            return
        self._markets[word.slug] = word
        yield word
        if before is None and word.slug not in self._resolved:
            yield Subscribe(add=(word,), remove=())
        if before is None or before.rule != word.rule:
            yield from self._conclude(window, now_ns)

    def _tick_size(self, word: TickSizeChanged) -> Iterator[Word]:
        self._books.touched()
        market = self._markets.get(word.slug)
        if market is None or word.new_e6 <= 0:
            return
        yield word
        if word.new_e6 != market.tick_e6:
            self._markets[word.slug] = msgspec.structs.replace(market, tick_e6=word.new_e6)
            yield self._markets[word.slug]

    def _resolve(self, word: MarketResolved, now_ns: int) -> Iterator[Word]:
        """The official word, once; a different winner later is said too."""
        before = self._resolved.get(word.slug)
        if word.slug not in self._tries or (before is not None and before.winner == word.winner):
            return
        self._resolved[word.slug] = word
        yield word
        if before is None:
            yield Subscribe(add=(), remove=(word.slug,))
            yield from self._ask_again(word.slug, now_ns)

    def _ask_again(self, slug: str, now_ns: int) -> Iterator[Word]:
        for after_s in AGAIN_S:
            yield WakeAt(timer=CheckResolution(slug=slug, after_s=after_s), at_ns=now_ns + after_s * NS)

    # --- prints and windows

    def _heard_rtds(self, price: OraclePrice, now_ns: int) -> None:
        """RTDS is watched by itself: a silent stall of it must not hide behind PolyBolt. Nobody is told but its socket."""
        self._rtds.touched()
        if price.feed == (self._rule_now(now_ns) or price.feed):
            list(self._rtds.arrived(now_ns, price.observed_ns))

    def _print(self, price: OraclePrice, now_ns: int) -> Iterator[Word]:
        disagreed = self._prints.disagreed
        verdict = self._prints.accept(price, now_ns)
        if verdict == "absurd" or self._prints.disagreed != disagreed:
            self._oracle.refuse()
        if verdict in ("absurd", "repeat"):
            return
        if verdict == "new":
            yield price
            if price.feed == (self._rule_now(now_ns) or price.feed):
                yield from self._oracle.arrived(now_ns, price.observed_ns)
        boundary = near_boundary(price.observed_ns // NS)
        if boundary is not None:
            yield from self._conclude(Window(boundary - WINDOW_S), now_ns)
            yield from self._conclude(Window(boundary), now_ns)

    def _rule_now(self, now_ns: int) -> SettleRule | None:
        market = self._markets.get(window_at(now_ns).slug)
        return market.rule if market else None

    def _conclude(self, window: Window, now_ns: int) -> Iterator[Word]:
        """Say what a window came to (rule 4). Of one that began before us, nothing is said until something is known of
        it.
        """
        if self._session.n_of(window.start_s) == 0:
            return
        market = self._markets.get(window.slug)
        prints = self._prints.of(market.rule if market else None)
        is_late = now_ns >= window.end_ns + self._late_ns
        source = self._prints.source(market.rule if market else None, window.start_s)
        seen = concluded(window, market, prints, is_late, source)
        learnt = seen.strike_e18 is not None or seen.end_e18 is not None or seen.ended
        unseen = seen.strike_e18 is None and seen.end_e18 is None and window.start_ns < self._started_ns
        if learnt and not unseen and seen != self._said.get(window.start_s):
            self._said[window.start_s] = seen
            yield seen

    # --- what we said before

    def _restore(self, word: Restored, now_ns: int) -> Iterator[Word]:
        """Take our own words of the last moments back in (rule 6), oldest first: MarketListed, WindowObserved,
        MarketResolved.
        """
        bodies = [decode_word(record) for record in word.records]
        for body in bodies:
            if isinstance(body, MarketResolved):
                self._resolved[body.slug] = body
        for slug in self._resolved:
            yield from self._ask_again(slug, now_ns)
        for body in bodies:
            match body:
                case MarketListed():
                    yield from self._listed(body, now_ns)
                case WindowObserved():
                    self._remember(body)
        for slug in self._markets:
            if window := window_of(slug):
                yield from self._conclude(window, now_ns)

    def _remember(self, seen: WindowObserved) -> None:
        market = self._markets.get(seen.slug)
        source, rule = rule_named(seen.strike_source)
        rule = rule or (market.rule if market else None)
        if rule is None:
            return
        for second, value in ((seen.start_s, seen.strike_e18), (seen.end_s, seen.end_e18)):
            if value is not None:
                self._prints.remember(rule, second, int(value), source)
