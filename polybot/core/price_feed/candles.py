"""Bars that a restart rebuilds exactly: seconds (for the 30-second samples), minutes, and what of each is still unknown.

1. Sample of mark k·30 s: the close of the newest one-second bar with a trade that ends at the mark or at most 30 s before
   it; else there is none ("missing", rules §5). It is a function of the exchange's trades, not of their arrival.
2. A span the stream did not carry whole is unknown until klines fill it; nothing is concluded about a mark that touches it.
3. Where klines and stream both speak of a second, the klines are right.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from messages import Candle

SAMPLE_S = 30
MINUTE_S = 60
CHUNK = 1000  # most klines in one answer
Row = tuple[int, float, float, float, float, float, int]
"""(open_time_ns, open, high, low, close, volume, trades)"""


@dataclass(slots=True)
class OpenMinute:
    """The prices of one second, or of one bar that is still open."""

    open: float
    high: float
    low: float
    close: float

    def add(self, price: float) -> None:
        """Take in one later trade of the bar."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price


class Seconds:
    """One-second bars of what traded, keyed by their start; seconds without a trade are absent."""

    def __init__(self, symbol: str, source: str, keep_s: int) -> None:
        self._symbol, self._source, self._keep_s = symbol, source, keep_s
        self._bars: dict[int, OpenMinute] = {}
        self._oldest_s: int | None = None

    def trade(self, second: int, price: float) -> None:
        """Take in one accepted trade; they come in order within their second."""
        bar = self._bars.get(second)
        if bar is None:
            self._bars[second] = OpenMinute(price, price, price, price)
            self._forget(second)
        else:
            bar.add(price)

    def replace(self, rows: Iterable[tuple[int, OpenMinute | None]], from_s: int) -> None:
        """Take what klines say, None = nobody traded (rule 3). A second they leave out stays as the stream had it."""
        for second, bar in rows:
            if bar is not None:
                self._bars[second] = bar
            else:
                self._bars.pop(second, None)
        self._oldest_s = from_s if self._oldest_s is None else min(self._oldest_s, from_s)

    def sample(self, mark_s: int) -> Candle | None:
        """The 30-second candle that ends at the mark; high and low are those of its own trades."""
        inside = [bar for s in range(mark_s - SAMPLE_S, mark_s) if (bar := self._bars.get(s)) is not None]
        if inside:
            return self._candle(mark_s, inside, traded=True)
        older = self._bars.get(mark_s - SAMPLE_S - 1)  # ends exactly 30 s before the mark: still counts
        if older is None:
            return None
        return self._candle(mark_s, [OpenMinute(older.close, older.close, older.close, older.close)], traded=False)

    def _candle(self, mark_s: int, bars: list[OpenMinute], traded: bool) -> Candle:
        return Candle(
            symbol=self._symbol,
            interval_s=SAMPLE_S,
            start_ns=(mark_s - SAMPLE_S) * 1_000_000_000,
            open=bars[0].open,
            high=max(b.high for b in bars),
            low=min(b.low for b in bars),
            close=bars[-1].close,
            volume=0.0,  # a stream may be thinned at high speed: it would depend on how the trades were heard
            traded=traded,
            source=self._source,
        )

    def _forget(self, newest_s: int) -> None:
        if self._oldest_s is None:
            self._oldest_s = newest_s
        while self._oldest_s < newest_s - self._keep_s:
            self._bars.pop(self._oldest_s, None)
            self._oldest_s += 1


class Gap:
    """The unknown span of a series, [from, to) seconds; `to` is None while the stream has not been joined again.

    One span is enough: what lies between two holes is fetched once more.
    """

    def __init__(self, step_s: int, from_s: int) -> None:
        self.step_s = step_s
        self._from_s: int | None = from_s
        self._to_s: int | None = None
        self.asked: tuple[int, int] | None = None

    def forget_asked(self) -> None:
        """No answer is waited for any more: what is unknown may be asked for anew."""
        self.asked = None

    @property
    def closed(self) -> bool:
        """True when nothing is unknown."""
        return self._from_s is None

    def broken(self, since_s: int) -> None:
        """The stream may have lost everything from since_s on."""
        self._from_s = since_s if self._from_s is None else min(self._from_s, since_s)
        self._to_s = None

    def joined(self, from_s: int) -> None:
        """The stream is whole again from second from_s on."""
        if self._from_s is not None and self._to_s is None:
            self._to_s = from_s
            self._close_if_done()

    def touches(self, start_s: int, end_s: int) -> bool:
        """True when any second of [start_s, end_s) is unknown."""
        if self._from_s is None or end_s <= self._from_s:
            return False
        return self._to_s is None or start_s < self._to_s

    def reaches_before(self, second: int) -> bool:
        """True when anything before this second is unknown."""
        return self._from_s is not None and self._from_s < second

    def ask(self, safe_s: int, at_once: bool = False) -> tuple[int, int] | None:
        """The next span to fetch, at most CHUNK bars, of what the exchange has closed for certain (before safe_s).

        at_once: somebody waits for it; else crumbs of less than a minute can wait until the stream is joined.
        """
        if self._from_s is None or self.asked is not None:
            return None
        end = min(safe_s // self.step_s * self.step_s, self._from_s + CHUNK * self.step_s)
        if self._to_s is not None:
            end = min(end, self._to_s)
        elif end - self._from_s < MINUTE_S and not at_once:
            return None
        if end <= self._from_s:
            return None
        self.asked = (self._from_s, end)
        return self.asked

    def filled(self) -> tuple[int, int]:
        """What was asked has come: returns the span, which is known now."""
        assert self.asked is not None
        span, self.asked = self.asked, None
        if self._from_s is not None and span[0] <= self._from_s:
            self._from_s = max(self._from_s, span[1])
            self._close_if_done()
        return span

    def _close_if_done(self) -> None:
        if self._from_s is not None and self._to_s is not None and self._from_s >= self._to_s:
            self._from_s = self._to_s = None


class Minutes:
    """Closed one-minute candles keyed by their start."""

    def __init__(self, symbol: str, source: str, keep_s: int) -> None:
        self._symbol, self._source, self._keep_s = symbol, source, keep_s
        self._candles: dict[int, Candle] = {}
        self.newest_s: int | None = None

    def put(self, start_s: int, candle: Candle) -> bool:
        """Keep a candle; True when it says something new."""
        if self._candles.get(start_s) == candle:
            return False
        self._candles[start_s] = candle
        self.newest_s = start_s if self.newest_s is None else max(self.newest_s, start_s)
        for old in [s for s in self._candles if s < self.newest_s - self._keep_s]:
            del self._candles[old]
        return True

    def of_row(self, row: Row) -> Candle:
        """A one-minute kline as a Candle."""
        return Candle(
            symbol=self._symbol,
            interval_s=MINUTE_S,
            start_ns=row[0],
            open=row[1],
            high=row[2],
            low=row[3],
            close=row[4],
            volume=row[5],
            traded=row[6] > 0,
            source=self._source,
        )

    def since(self, after_s: float) -> Iterator[Candle]:
        """The candles that end after second after_s, the oldest first."""
        return (self._candles[s] for s in sorted(self._candles) if s + MINUTE_S > after_s)


def marks(after_s: int, upto_s: int) -> range:
    """The multiples of 30 in (after, upto], in unix seconds."""
    return range(after_s // SAMPLE_S * SAMPLE_S + SAMPLE_S, upto_s + 1, SAMPLE_S)
