"""A buffer of closed candles that any restart rebuilds alike, and that knows what it does not know.

1. `price_feed` says each candle once and answers `History`; both agree, for a candle is a function of the feed.
2. A mark without a candle is *missing* (nobody traded) only up to `known_until_ns`; above it, it is merely *unheard*.
   Candles in unbroken sequence move that bound; so does a complete answer, but only up to marks that were old enough
   when it was asked for.
"""

from collections.abc import Iterable, Iterator

from messages import Candle
from messages.units import NS


class CandleBuffer:
    """The newest `keep` candles of one interval, by their start. `changes` counts what was put."""

    def __init__(self, interval_s: int, keep: int) -> None:
        self.interval_ns = interval_s * NS
        self.known_until_ns = 0
        self._keep = keep
        self._bars: dict[int, Candle] = {}
        self._newest_ns = 0
        self.changes = 0

    def put(self, candle: Candle) -> None:
        """One candle heard on the bus; twice does no harm."""
        self._bars[candle.start_ns] = candle
        self.changes += 1
        if candle.start_ns == self.known_until_ns:
            self.known_until_ns = candle.end_ns
        if candle.end_ns > self._newest_ns:
            self._newest_ns = candle.end_ns
            self._forget()

    def answered(self, candles: Iterable[Candle], asked_ns: int, settled_after_ns: int) -> None:
        """A complete answer to History asked at asked_ns; candles end at most settled_after_ns behind their mark."""
        newest_ns = self.mark(asked_ns - settled_after_ns)
        for candle in candles:
            self.put(candle)
            newest_ns = max(newest_ns, candle.end_ns)
        self.known_until_ns = max(self.known_until_ns, newest_ns)
        while self.known_until_ns in self._bars:  # heard while the answer was on its way
            self.known_until_ns += self.interval_ns

    def mark(self, now_ns: int) -> int:
        """The newest end of a bar at or before now."""
        return now_ns // self.interval_ns * self.interval_ns

    @property
    def newest_ns(self) -> int:
        """End of the newest candle heard; 0 before the first."""
        return self._newest_ns

    @property
    def is_behind(self) -> bool:
        """Some candle was skipped: lost on the way, or never made."""
        return self._newest_ns > self.known_until_ns

    def window(self, end_ns: int, n: int) -> list[Candle | None]:
        """The n bars that end at end_ns and before, oldest first; None where there is no candle."""
        return [self._bars.get(start) for start in range(end_ns - n * self.interval_ns, end_ns, self.interval_ns)]

    def closes(self, end_ns: int, n: int) -> list[float | None]:
        """The closes of the n candles up to end_ns, oldest first; None where a candle is missing."""
        return [bar.close if bar is not None else None for bar in self.window(end_ns, n)]

    def since(self, start_ns: int) -> Iterator[Candle]:
        """Candles that begin at start_ns or later, oldest first."""
        first = -(-start_ns // self.interval_ns) * self.interval_ns
        starts = range(first, self._newest_ns, self.interval_ns)
        return (bar for start in starts if (bar := self._bars.get(start)) is not None)

    def _forget(self) -> None:
        oldest_ns = self._newest_ns - self._keep * self.interval_ns
        for start in [s for s in self._bars if s < oldest_ns]:
            del self._bars[start]
