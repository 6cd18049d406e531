"""The exchange's price as everyone else hears it: believed prints, closed candles, depth, 24-hour statistics, and the source.

Which prints are believed: outliers.py. Where they come from, and which may be traded on: sources.py. Candles:
series.py. Here they are put together:

1. The feed is "up" only while what arrives may be traded on. Nothing but a believed print of the exchange makes it so:
   pongs, depth, bars and refused prints do not.
2. Every change of source is said at once, as FeedStatus and in the log (SourceChanged), with what is wrong with the better
   ones; so is the return.
3. When the stream is lost or silent, everything since its last print is fetched as klines (series.py, rule 3).
4. 24-hour statistics come with the stream, each second, and are asked for while it brings none.
"""

import math
from collections.abc import Iterable, Iterator

import msgspec

from messages import Candle, DayStats, Depth, FeedStatus, History, PriceTick, Word
from messages.inner import (
    AskPrice,
    CandlesFetched,
    DayHeard,
    FeedStale,
    FetchDay,
    PriceFetched,
    RefillCandles,
    SampleMark,
    SayLevels,
    SourceChanged,
    SourceState,
    Started,
    Tick,
    WakeIn,
)
from messages.units import NS
from polybot.core.market.feed_health import FeedHealth
from polybot.core.market.traded import STREAM, TRADED_ON
from polybot.core.market.windows import STALE_PRICE_S
from polybot.core.price_feed.candles import MINUTE_S
from polybot.core.price_feed.outliers import AHEAD_S, UNREADABLE, TradeFilter
from polybot.core.price_feed.series import PriceSeries, is_sane
from polybot.core.price_feed.sources import SYMBOLS, SourceChain

FEED = "price"
SYMBOL = "BTCUSDT"
BEAT_S = 1.0
SILENT_S = 4.0  # machine; the pair trades many times a second, and a new socket must be there within five of its return
DAY_OLD_S = 60.0  # world; scaled with speed like a staleness
DAY_AGAIN_S = 30.0  # machine, between two questions


class PriceFeedCore:
    """The exchange's price as everyone else hears it; see the rules above.

    Its sources put PriceTick, Candle (minutes), Depth, DayHeard and SourceState into its inbox.
    """

    def __init__(self) -> None:
        self._prints = TradeFilter()
        self._source = ""
        self._said: tuple[str, str] = ("", "")  # (state, source) of the level as last said
        self._since_ns = 0
        self._day: DayStats | None = None
        self._day_asked_s: float | None = None

    def handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case PriceTick():
                yield from self._printed(word, now_ns)
            case Candle():
                yield from self._minute(word, now_ns)
            case Depth():
                self._health.touched()
                if is_sane(word.bid_size, word.ask_size):
                    yield word
                else:
                    self._refuse("BAD_DEPTH")
            case DayHeard():
                self._day_heard(word)
            case Tick():
                yield from self._tick(word, now_ns)
            case PriceFetched():
                yield from self._answered(word, now_ns)
            case CandlesFetched():
                yield from self._series.fetched(word, now_ns)
            case SourceState():
                yield from self._state(word, now_ns)
            case History():
                yield self._series.history(word, now_ns)
            case Started():
                yield from self._start(word, now_ns)
            case _:
                raise TypeError(f"price_feed cannot hear {type(word).__name__}")

    # --- start and time

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._speed = word.speed
        self._prints = TradeFilter(word.speed)
        self._health = FeedHealth(FEED, STREAM, "trade", STALE_PRICE_S, word.speed, word.mono_s, SILENT_S)
        self._series = PriceSeries(SYMBOL, STREAM, word.speed, now_ns)
        self._chain = SourceChain(STALE_PRICE_S, word.speed, now_ns)
        yield WakeIn(timer=SayLevels(), after_s=BEAT_S)
        yield self._series.wake_at_mark()
        yield self._level(self._health.status(now_ns), now_ns)
        yield from self._series.fill(now_ns)
        yield from self._ask_day(word.mono_s, now_ns)

    def _tick(self, word: Tick, now_ns: int) -> Iterator[Word]:
        match word.timer:
            case SayLevels():
                yield WakeIn(timer=SayLevels(), after_s=BEAT_S)
                yield from self._look(now_ns)
                yield from self._levels(self._health.beat(word.mono_s, now_ns), now_ns)
                yield from self._series.fill(now_ns)
                yield from self._ask_day(word.mono_s, now_ns)
            case SampleMark():
                yield from self._series.at_mark(now_ns)
            case RefillCandles():
                yield from self._series.refill(now_ns)
            case FeedStale():
                yield from self._levels(self._health.woken(now_ns), now_ns)
            case AskPrice(source=source):
                self._chain.paused(source)
        yield from self._look(now_ns)

    def _state(self, word: SourceState, now_ns: int) -> Iterator[Word]:
        if word.state == "bad":
            self._prints.refuse(UNREADABLE)  # the health counts it for itself
        else:
            self._series.lost()
        yield from self._levels(self._health.source_state(word, now_ns), now_ns)

    # --- the source

    def _look(self, now_ns: int) -> Iterator[Word]:
        """Is the source still the source, and who is to be asked now?"""
        yield from self._chain.polls(now_ns)
        current = self._chain.current(now_ns)
        if current == self._source:
            return
        was, self._source = self._source, current
        if was == STREAM:
            self._series.lost()  # silent on an open socket, too
        yield SourceChanged(was=was, now=current, why=self._why_not_better(now_ns))
        yield self._level(self._health.status(now_ns), now_ns)

    def _why_not_better(self, now_ns: int) -> str:
        if self._source == STREAM:
            return "the stream brings prints"
        stream, others = self._health.status(now_ns).reason, self._chain.whys()
        return "; ".join(why for why in (f"{STREAM}: {stream}" if stream else "", others) if why)

    def _levels(self, words: Iterable[Word], now_ns: int) -> Iterator[Word]:
        for word in words:
            yield self._level(word, now_ns) if isinstance(word, FeedStatus) else word

    def _level(self, stream: FeedStatus, now_ns: int) -> FeedStatus:
        """The stream's health made the feed's: by whatever source it lives now (rule 1)."""
        state, reason, age_s, price = stream.state, stream.reason, stream.age_s, 0.0
        if self._source == STREAM and self._prints.last is not None:
            price = self._prints.last.price
        elif self._source:
            asked = self._chain.asked[self._source]
            price, age_s = asked.price, round((now_ns - (asked.arrived_ns or 0)) / NS, 3)
            if self._source in TRADED_ON:
                state, how = "up", f"by {self._source}"
            else:
                state, how = "stale", f"{self._source}'s price is shown and not traded on"
            reason = f"{how}; {self._why_not_better(now_ns)}"
        if (state, self._source) != self._said:
            self._said, self._since_ns = (state, self._source), now_ns
        return msgspec.structs.replace(
            stream,
            state=state,
            reason=reason,
            age_s=age_s,
            since_ns=self._since_ns,
            source=self._source,
            price=price,
            refused=dict(self._prints.refused),
            day=self._day,
        )

    # --- prints

    def _printed(self, tick: PriceTick, now_ns: int) -> Iterator[Word]:
        """Take in a print of the stream. What is refused or held keeps nothing fresh (rule 1)."""
        refused, held = self._prints.total, self._prints.held
        believed = self._prints.hear(tick, now_ns)
        self._health.refuse(self._prints.total - refused)
        self._health.touched()
        if believed:
            yield from self._believe(believed, now_ns)
        elif self._prints.held and not held:
            yield from self._chain.confirm()

    def _believe(self, ticks: tuple[PriceTick, ...], now_ns: int) -> Iterator[Word]:
        for tick in ticks:
            yield tick
            second = tick.traded_ns // NS
            if tick.source == STREAM:
                yield from self._series.trade(second, tick.price, now_ns)
            else:
                yield from self._series.traded(second, now_ns)
        if ticks[-1].source == STREAM:
            self._chain.streamed(now_ns)
            words = list(self._health.arrived(now_ns))
            if self._source != STREAM:
                yield from self._look(now_ns)
            yield from self._levels(words, now_ns)

    def _answered(self, word: PriceFetched, now_ns: int) -> Iterator[Word]:
        """Take in the answer of a source that is asked, not listened to."""
        if not (word.known and is_sane(word.price, word.size) and word.price > 0):
            self._chain.failed(word.source, word.why or f"an answer of {word.price}")
        elif word.source == "binance_rest":
            yield from self._by_klines(word, now_ns)
        else:
            yield from self._elsewhere(word, now_ns)
        yield self._chain.heard(word.source)
        yield from self._look(now_ns)

    def _by_klines(self, word: PriceFetched, now_ns: int) -> Iterator[Word]:
        """A print of the same exchange, unless the stream, or the last answer, already told it."""
        last = self._prints.held[-1] if self._prints.held else self._prints.last
        if last is not None and word.stamped_ns <= last.traded_ns:
            if not self._chain.is_fresh("binance_rest", now_ns):
                self._chain.failed(word.source, f"no trade for {(now_ns - last.traded_ns) / NS:.1f} s")
            return
        tick = _tick_of(word)
        refused = self._prints.total
        believed = self._prints.hear(tick, now_ns)
        self._health.refuse(self._prints.total - refused)
        if believed:
            self._chain.answered(word.source, tick.price, min(now_ns, tick.traded_ns))
            yield from self._believe(believed, now_ns)

    def _elsewhere(self, word: PriceFetched, now_ns: int) -> Iterator[Word]:
        """Shown, and heard on a leap; never traded on."""
        self._chain.answered(word.source, word.price, now_ns)
        believed = self._prints.heard_elsewhere(word.price)
        if believed:
            yield from self._believe(believed, now_ns)
        if self._chain.is_late(now_ns) and word.stamped_ns <= now_ns + AHEAD_S * NS:
            yield _tick_of(word)

    def _refuse(self, name: str) -> None:
        self._prints.refuse(name)
        self._health.refuse()

    # --- minutes and the day

    def _minute(self, candle: Candle, now_ns: int) -> Iterator[Word]:
        self._health.touched()
        sane = is_sane(candle.open, candle.high, candle.low, candle.close, candle.volume) and candle.low > 0
        if not sane or candle.interval_s != MINUTE_S or candle.end_ns > now_ns + AHEAD_S * NS:
            self._refuse("BAD_CANDLE")
        else:
            yield from self._series.minute(candle, now_ns)

    def _day_heard(self, word: DayHeard) -> None:
        day = word.day
        if day is None or word.symbol != SYMBOL:
            return
        sane = is_sane(day.open, day.high, day.low, day.last, day.volume) and math.isfinite(day.change_pct)
        if not sane or not 0 < day.low <= day.last <= day.high:
            self._refuse("BAD_DAY")
        elif self._day is None or day.as_of_ns >= self._day.as_of_ns:
            self._day = day

    def _ask_day(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Ask for the 24-hour statistics while the stream brings none (rule 4)."""
        old_ns = round(max(DAY_OLD_S, self._speed) * NS)
        is_known = self._day is not None and now_ns - self._day.as_of_ns <= old_ns
        if not is_known and (self._day_asked_s is None or mono_s - self._day_asked_s >= DAY_AGAIN_S):
            self._day_asked_s = mono_s
            yield FetchDay(symbol=SYMBOL)


def _tick_of(word: PriceFetched) -> PriceTick:
    return PriceTick(
        symbol=SYMBOLS[word.source],
        price=word.price,
        size=word.size,
        trade_id=0,  # not a trade of the stream, hence never younger than one of the same moment
        traded_ns=word.stamped_ns,
        source=word.source,
    )
