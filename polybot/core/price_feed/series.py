"""The exchange's candles, whole: 30-second samples and minutes, made of the stream and of klines for what it did not carry.

1. A 30-second candle is said once its mark has passed *and* a later trade was seen, or the feed kept silent for GRACE_S
   longer; said again should klines or a late trade change it.
2. Minutes come closed from the exchange.
3. Whatever the stream did not carry (before start, across a reconnect, while it was silent) is fetched as klines, so that a
   restart at any moment holds the same candles as a process that never stopped. Klines are asked only of seconds the
   exchange has closed for certain: it has traded later. A mark that has passed is asked for at once.
4. Of the candles before a start, those of the last moments are said anew: nobody else may have heard them.
"""

import math
from collections.abc import Iterator
from typing import Literal

from messages import Candle, Candles, History, Word
from messages.inner import CandlesFetched, FetchCandles, RefillCandles, SampleMark, WakeAt, WakeIn
from messages.units import NS
from polybot.core.market.windows import staleness_s
from polybot.core.price_feed.candles import MINUTE_S, SAMPLE_S, Gap, Minutes, OpenMinute, Row, Seconds, marks

SAMPLES_KEPT_S = 75 * 60  # risk looks back an hour and ten bars
MINUTES_KEPT_S = 3 * 3600
GRACE_S = 1.0
UNTRADED_MARGIN_S = 10.0  # before the first trade of a boot: how far behind the clock klines are taken for closed
RETRIES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class PriceSeries:
    """symbol, source as they stand in the candles. speed scales the limits; now_ns: when we began."""

    def __init__(self, symbol: str, source: str, speed: float, now_ns: int) -> None:
        self._symbol, self._speed = symbol, speed
        self._seconds = Seconds(symbol, source, SAMPLES_KEPT_S + 5 * MINUTE_S)
        self._minutes = Minutes(symbol, source, MINUTES_KEPT_S)
        self._joining = True  # the next trade is the first one of a connection
        self._said: dict[int, Candle | None] = {}
        self._failed = 0
        self._newest_s: int | None = None  # second of the newest trade by any way
        self._streamed_s = 0  # … and of the stream's
        now_s = now_ns // NS
        self._mark_s = now_s // SAMPLE_S * SAMPLE_S
        self._say_from_s = now_s - round(max(120.0, 5.0 * speed))  # rule 4
        self._gap = Gap(1, now_s - SAMPLES_KEPT_S - SAMPLE_S - 1)
        self._minute_gap = Gap(MINUTE_S, (now_s - MINUTES_KEPT_S) // MINUTE_S * MINUTE_S)

    # --- what happens

    def lost(self) -> None:
        """The stream broke off, or kept silent for too long: from its last trade on nothing is whole."""
        if self._joining:
            return
        self._joining = True
        newest = self._minutes.newest_s
        self._gap.broken(self._streamed_s)
        self._minute_gap.broken(self._streamed_s // MINUTE_S * MINUTE_S if newest is None else newest + MINUTE_S)

    def trade(self, second: int, price: float, now_ns: int) -> Iterator[Word]:
        """Take in a trade of the stream and say the candles that it closes or corrects."""
        if self._joining:  # this second was heard in part; from the next on the stream is whole
            self._joining = False
            self._gap.joined(second + 1)
            self._minute_gap.joined(second // MINUTE_S * MINUTE_S)
        self._seconds.trade(second, price)
        self._streamed_s = second
        if second < self._mark_s:  # later than GRACE_S
            yield from self._correct(second, second + 1)
        yield from self.traded(second, now_ns)

    def traded(self, second: int, now_ns: int) -> Iterator[Word]:
        """The exchange is known to have traded in this second, by whatever way: all before it is closed."""
        self._newest_s = second if self._newest_s is None else max(self._newest_s, second)
        yield from self._advance(second)
        yield from self.fill(now_ns)

    def minute(self, candle: Candle, now_ns: int) -> Iterator[Word]:
        """Take in a minute of the exchange (rule 2); one that does not follow the newest shows a hole."""
        start_s, newest = candle.start_ns // NS, self._minutes.newest_s
        if newest is not None and start_s > newest + MINUTE_S and self._minute_gap.closed:
            self._minute_gap.broken(newest + MINUTE_S)
            self._minute_gap.joined(start_s)
        if self._minutes.put(start_s, candle):
            yield candle
        yield from self.fill(now_ns)

    # --- samples

    def at_mark(self, now_ns: int) -> Iterator[Word]:
        """The timer SampleMark has come: rule 1's grace is over, the candle may be said."""
        yield from self._advance((now_ns - self._grace_ns) // NS)
        yield self.wake_at_mark()

    def wake_at_mark(self) -> WakeAt:
        """A timer for the end of the next mark's grace."""
        return WakeAt(timer=SampleMark(), at_ns=(self._mark_s + SAMPLE_S) * NS + self._grace_ns)

    @property
    def _grace_ns(self) -> int:
        return round(staleness_s(GRACE_S, self._speed) * NS)

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

    # --- back-filling

    def refill(self, now_ns: int) -> Iterator[Word]:
        """The timer RefillCandles has come: ask again what failed."""
        self._gap.forget_asked()
        self._minute_gap.forget_asked()
        yield from self.fill(now_ns)

    def fill(self, now_ns: int) -> Iterator[Word]:
        """Ask for klines of what is unknown, one request per series at a time (rule 3)."""
        if self._gap.closed and self._minute_gap.closed:
            return
        margin_s = math.ceil(staleness_s(UNTRADED_MARGIN_S, self._speed))
        safe_s = self._newest_s if self._newest_s is not None else now_ns // NS - margin_s
        waited_for = safe_s >= self._mark_s and self._gap.reaches_before(self._mark_s)
        if span := self._gap.ask(safe_s, at_once=waited_for):
            yield _wish(self._symbol, "1s", span)
        if span := self._minute_gap.ask(safe_s):
            yield _wish(self._symbol, "1m", span)

    def fetched(self, word: CandlesFetched, now_ns: int) -> Iterator[Word]:
        """An answer to one of our wishes; what is not known is asked again, and taken for nothing.

        An answer to an older wish, of another span, does not count for the newer one.
        """
        gap = self._gap if word.interval == "1s" else self._minute_gap
        if gap.asked is None or (word.start_ns, word.end_ns) != (gap.asked[0] * NS, gap.asked[1] * NS):
            return
        if not word.known:
            yield WakeIn(timer=RefillCandles(), after_s=RETRIES_S[min(self._failed, len(RETRIES_S) - 1)])
            self._failed += 1
            return
        self._failed = 0
        start_s, end_s = gap.filled()
        rows = [r for r in word.rows if start_s <= r[0] // NS < end_s and is_sane(*r[1:6]) and r[3] > 0]
        if word.interval == "1s":
            self._seconds.replace(((r[0] // NS, _bar(r) if r[6] > 0 else None) for r in rows), start_s)
            yield from self._correct(start_s, end_s)
        else:
            yield from self._fill_minutes(rows)
        yield from self.fill(now_ns)

    def _fill_minutes(self, rows: list[Row]) -> Iterator[Word]:
        for row in rows:
            candle = self._minutes.of_row(row)
            if self._minutes.put(row[0] // NS, candle) and candle.end_ns > self._say_from_s * NS:
                yield candle

    # --- serving

    def history(self, wish: History, now_ns: int) -> Candles:
        """complete: no candle that has ended by now is missing."""
        candles: tuple[Candle, ...] = ()
        complete = False
        if wish.symbol == self._symbol and wish.interval_s == SAMPLE_S:
            after_s = max(wish.since_ns // NS, self._mark_s - SAMPLES_KEPT_S)
            candles = tuple(c for mark in marks(after_s, self._mark_s) if (c := self._sample(mark)) is not None)
            complete = not self._gap.reaches_before(self._mark_s)
        elif wish.symbol == self._symbol and wish.interval_s == MINUTE_S:
            candles = tuple(self._minutes.since(wish.since_ns / NS))
            complete = not self._minute_gap.reaches_before(now_ns // NS // MINUTE_S * MINUTE_S)
        return Candles(id=wish.id, symbol=wish.symbol, interval_s=wish.interval_s, candles=candles, complete=complete)


def _wish(symbol: str, interval: Literal["1s", "1m"], span: tuple[int, int]) -> FetchCandles:
    start_s, end_s = span
    return FetchCandles(symbol=symbol, interval=interval, start_ns=start_s * NS, end_ns=end_s * NS)


def _bar(row: Row) -> OpenMinute:
    return OpenMinute(open=row[1], high=row[2], low=row[3], close=row[4])


def is_sane(*values: float) -> bool:
    """True when all values are finite numbers, none of them negative."""
    return all(math.isfinite(v) and v >= 0 for v in values)
