"""The exchange's price as everyone else hears it: accepted trades, closed candles, depth, and whether the feed is alive.

1. A trade is refused (and counted) when its price is not a number above 0, leaps by more than a fifth within a minute, or
   its stamp lies before the last accepted one or more than 5 s ahead of the clock.
2. A 30-second candle is said once its mark has passed *and* a later trade was seen, or the feed kept silent for GRACE_S
   longer; said again should klines or a late trade change it.
3. Minutes come closed from the exchange.
4. Whatever the stream did not carry (before start, across a reconnect) is fetched as klines, so that a restart at any moment
   holds the same candles as a process that never stopped. Klines are asked only of seconds the exchange has closed for
   certain: it has traded later.
5. Of the candles before a start, those of the last moments are said anew: nobody else may have heard them.
"""

import math
from collections.abc import Iterator
from typing import Literal

from messages import Candle, Candles, Depth, History, PriceTick, Word
from messages.inner import CandlesFetched, FetchCandles, SourceState, Started, Tick, WakeAt, WakeIn
from messages.units import NS
from polybot.core.candles import MINUTE_S, SAMPLE_S, Bar, Gap, Minutes, Row, Seconds, marks
from polybot.core.feed_health import FeedHealth
from polybot.core.windows import STALE_PRICE_S, staleness_s

FEED = "price"
SOURCE = "binance"
SYMBOL = "BTCUSDT"
SAMPLES_KEPT_S = 75 * 60  # risk looks back an hour and ten bars
MINUTES_KEPT_S = 3 * 3600
AHEAD_S = 5
LEAP = 0.2
LEAP_FORGIVEN_S = 60
GRACE_S = 1.0
UNTRADED_MARGIN_S = 10.0  # before the first trade of a boot: how far behind the clock klines are taken for closed
BEAT_S = 1.0
RETRIES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class PriceFeedCore:
    """See the rules above. Its sources put PriceTick, Candle (minutes), Depth and SourceState words into its inbox."""

    def __init__(self) -> None:
        self._seconds = Seconds(SYMBOL, SOURCE, SAMPLES_KEPT_S + 5 * MINUTE_S)
        self._minutes = Minutes(SYMBOL, SOURCE, MINUTES_KEPT_S)
        self._last: PriceTick | None = None
        self._joining = True  # the next trade is the first one of a connection
        self._said: dict[int, Candle | None] = {}
        self._failed = 0

    def handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case PriceTick():
                yield from self._trade(word, now_ns)
            case Candle():
                yield from self._minute(word, now_ns)
            case Depth():
                self._health.touched()
                if _is_sane(word.bid_size, word.ask_size):
                    yield word
                else:
                    self._health.dropped += 1
            case Tick():
                yield from self._tick(word, now_ns)
            case CandlesFetched():
                yield from self._fetched(word, now_ns)
            case SourceState():
                yield from self._source(word, now_ns)
            case History():
                yield self._history(word)
            case Started():
                yield from self._start(word, now_ns)
            case _:
                raise TypeError(f"price_feed cannot hear {type(word).__name__}")

    # --- start and time

    def _start(self, word: Started, now_ns: int) -> Iterator[Word]:
        self._speed = word.speed
        self._health = FeedHealth(FEED, SOURCE, "trade", STALE_PRICE_S, word.speed, word.mono_s)
        now_s = now_ns // NS
        self._mark_s = now_s // SAMPLE_S * SAMPLE_S
        self._say_from_s = now_s - round(max(120.0, 5.0 * word.speed))  # rule 5
        self._gap = Gap(1, now_s - SAMPLES_KEPT_S - SAMPLE_S - 1)
        self._minute_gap = Gap(MINUTE_S, (now_s - MINUTES_KEPT_S) // MINUTE_S * MINUTE_S)
        yield WakeIn(name="beat", after_s=BEAT_S)
        yield self._wake_at_mark()
        yield self._health.status(now_ns)
        yield from self._fill(now_ns)

    def _tick(self, word: Tick, now_ns: int) -> Iterator[Word]:
        match word.name:
            case "beat":
                yield WakeIn(name="beat", after_s=BEAT_S)
                yield from self._health.beat(word.mono_s, now_ns)
                yield from self._fill(now_ns)
            case "mark":
                grace_ns = round(staleness_s(GRACE_S, self._speed) * NS)
                yield from self._advance((now_ns - grace_ns) // NS)
                yield self._wake_at_mark()
            case "refill":
                self._gap.asked = self._minute_gap.asked = None
                yield from self._fill(now_ns)
            case self._health.timer:
                yield from self._health.woken(now_ns)

    def _wake_at_mark(self) -> WakeAt:
        grace_ns = round(staleness_s(GRACE_S, self._speed) * NS)
        return WakeAt(name="mark", at_ns=(self._mark_s + SAMPLE_S) * NS + grace_ns)

    def _source(self, word: SourceState, now_ns: int) -> Iterator[Word]:
        yield from self._health.source_state(word, now_ns)
        if word.state == "bad":
            return
        self._joining = True
        if self._last is not None:
            second, newest = self._last.traded_ns // NS, self._minutes.newest_s
            self._gap.broken(second)
            self._minute_gap.broken(second // MINUTE_S * MINUTE_S if newest is None else newest + MINUTE_S)

    # --- trades and the samples made of them

    def _trade(self, tick: PriceTick, now_ns: int) -> Iterator[Word]:
        if not self._is_acceptable(tick, now_ns):
            self._health.dropped += 1
            self._health.touched()
            return
        self._last = tick
        second = tick.traded_ns // NS
        if self._joining:  # this second was heard in part; from the next on the stream is whole
            self._joining = False
            self._gap.joined(second + 1)
            self._minute_gap.joined(second // MINUTE_S * MINUTE_S)
        self._seconds.trade(second, tick.price)
        yield tick
        yield from self._health.arrived(now_ns)
        if second < self._mark_s:  # later than GRACE_S
            yield from self._correct(second, second + 1)
        yield from self._advance(second)
        yield from self._fill(now_ns)

    def _is_acceptable(self, tick: PriceTick, now_ns: int) -> bool:
        """Rule 1. A repeat of the last trade is no trade."""
        if not (_is_sane(tick.price, tick.size) and tick.price > 0 and tick.traded_ns <= now_ns + AHEAD_S * NS):
            return False
        last = self._last
        if last is None:
            return True
        if tick.traded_ns < last.traded_ns or (tick.traded_ns == last.traded_ns and tick.trade_id <= last.trade_id):
            return False
        leaps = abs(tick.price - last.price) > LEAP * last.price
        return not leaps or tick.traded_ns - last.traded_ns > LEAP_FORGIVEN_S * NS

    def _advance(self, upto_s: int) -> Iterator[Word]:
        """Say the samples of the marks that have passed. Marks that touch a gap wait for `_correct`."""
        while self._mark_s + SAMPLE_S <= upto_s:
            self._mark_s += SAMPLE_S
            self._said.pop(self._mark_s - SAMPLES_KEPT_S, None)
            if (candle := self._sample(self._mark_s)) is not None:
                self._said[self._mark_s] = candle
                yield candle

    def _correct(self, start_s: int, end_s: int) -> Iterator[Word]:
        """[start, end) is known better now: say the samples that differ from what was said."""
        for mark in marks(max(start_s, self._say_from_s), min(end_s + SAMPLE_S, self._mark_s)):
            candle = self._sample(mark)
            if candle is not None and candle != self._said.get(mark):
                self._said[mark] = candle
                yield candle

    def _sample(self, mark_s: int) -> Candle | None:
        if self._gap.touches(mark_s - SAMPLE_S - 1, mark_s):
            return None
        return self._seconds.sample(mark_s)

    # --- minutes

    def _minute(self, candle: Candle, now_ns: int) -> Iterator[Word]:
        """Rule 3; a minute that does not follow the newest one shows a hole."""
        self._health.touched()
        start_s = candle.start_ns // NS
        sane = _is_sane(candle.open, candle.high, candle.low, candle.close, candle.volume) and candle.low > 0
        if not sane or candle.interval_s != MINUTE_S or candle.end_ns > now_ns + AHEAD_S * NS:
            self._health.dropped += 1
            return
        newest = self._minutes.newest_s
        if newest is not None and start_s > newest + MINUTE_S and self._minute_gap.closed:
            self._minute_gap.broken(newest + MINUTE_S)
            self._minute_gap.joined(start_s)
        if self._minutes.put(start_s, candle):
            yield candle
        yield from self._fill(now_ns)

    # --- back-filling

    def _fill(self, now_ns: int) -> Iterator[Word]:
        """Rule 4. One request per series at a time."""
        if self._gap.closed and self._minute_gap.closed:
            return
        margin_s = math.ceil(staleness_s(UNTRADED_MARGIN_S, self._speed))
        safe_s = self._last.traded_ns // NS if self._last is not None else now_ns // NS - margin_s
        if span := self._gap.ask(safe_s):
            yield _wish("1s", span)
        if span := self._minute_gap.ask(safe_s):
            yield _wish("1m", span)

    def _fetched(self, word: CandlesFetched, now_ns: int) -> Iterator[Word]:
        gap = self._gap if word.interval == "1s" else self._minute_gap
        if gap.asked is None or word.tag != _wish(word.interval, gap.asked).tag:
            return
        if not word.known:
            yield WakeIn(name="refill", after_s=RETRIES_S[min(self._failed, len(RETRIES_S) - 1)])
            self._failed += 1
            return
        self._failed = 0
        start_s, end_s = gap.filled()
        rows = [r for r in word.rows if start_s <= r[0] // NS < end_s and _is_sane(*r[1:6]) and r[3] > 0]
        if word.interval == "1s":
            self._seconds.replace(((r[0] // NS, _bar(r) if r[6] > 0 else None) for r in rows), start_s)
            yield from self._correct(start_s, end_s)
        else:
            yield from self._fill_minutes(rows)
        yield from self._fill(now_ns)

    def _fill_minutes(self, rows: list[Row]) -> Iterator[Word]:
        for row in rows:
            candle = self._minutes.of_row(row)
            if self._minutes.put(row[0] // NS, candle) and candle.end_ns > self._say_from_s * NS:
                yield candle

    # --- serving

    def _history(self, wish: History) -> Candles:
        candles: tuple[Candle, ...] = ()
        complete = False
        if wish.symbol == SYMBOL and wish.interval_s == SAMPLE_S:
            after_s = max(wish.since_ns // NS, self._mark_s - SAMPLES_KEPT_S)
            candles = tuple(c for mark in marks(after_s, self._mark_s) if (c := self._sample(mark)) is not None)
            complete = self._gap.closed
        elif wish.symbol == SYMBOL and wish.interval_s == MINUTE_S:
            candles = tuple(self._minutes.since(wish.since_ns / NS))
            complete = self._minute_gap.closed
        return Candles(id=wish.id, symbol=wish.symbol, interval_s=wish.interval_s, candles=candles, complete=complete)


def _wish(interval: Literal["1s", "1m"], span: tuple[int, int]) -> FetchCandles:
    """The tag names the whole span: an answer to an older wish must not count for a newer one."""
    start_s, end_s = span
    return FetchCandles(
        tag=f"{interval}:{start_s}:{end_s}",
        symbol=SYMBOL,
        interval=interval,
        start_ns=start_s * NS,
        end_ns=end_s * NS,
    )


def _bar(row: Row) -> Bar:
    return Bar(open=row[1], high=row[2], low=row[3], close=row[4])


def _is_sane(*values: float) -> bool:
    """Numbers, none of them negative."""
    return all(math.isfinite(v) and v >= 0 for v in values)
