"""The candles that strategies live on: one BarFeed for each interval the exchange's feed knows, five minutes made of ones."""

from collections.abc import Iterator, Mapping

from messages import Word
from messages.units import NS
from polybot.core.market.candle_history import BarFeed
from polybot.core.strategies.candles import Candles, candles_from, merged
from polybot.core.strategies.protocol import Timeframe

_MADE_OF: dict[Timeframe, tuple[int, int]] = {"30s": (30, 1), "1m": (60, 1), "5m": (60, 5)}  # (interval, how many)


class CandleFeeds:
    """wanted: timeframe → how many candles the strategies on it look back at most."""

    def __init__(self, asker: str, wanted: Mapping[Timeframe, int], speed: float) -> None:
        self._wanted: dict[Timeframe, int] = {frame: n for frame, n in wanted.items() if frame}
        bars: dict[int, int] = {}
        for frame, n in self._wanted.items():
            interval_s, factor = _MADE_OF[frame]
            bars[interval_s] = max(bars.get(interval_s, 0), n * factor)
        self._feeds = {interval_s: BarFeed(asker, interval_s, n, speed) for interval_s, n in bars.items()}

    def ask(self, now_ns: int) -> Iterator[Word]:
        """Ask price_feed for the history of every interval wanted."""
        for feed in self._feeds.values():
            yield from feed.ask(now_ns)

    def ask_for(self, frame: Timeframe, now_ns: int) -> Iterator[Word]:
        """Ask for what this timeframe is made of, if it has not been heard."""
        feed = self._of(frame)
        if feed is not None and not feed.is_heard(now_ns):
            yield from feed.ask(now_ns)

    def hear(self, word: Word, now_ns: int) -> Iterator[Word]:
        """Take in candles, answers to History and timers; says what is to be asked next."""
        for feed in self._feeds.values():
            yield from feed.hear(word, now_ns)

    def is_heard(self, frame: Timeframe, now_ns: int) -> bool:
        """Every candle of this timeframe that has closed by now is here, or known never to have been made."""
        feed = self._of(frame)
        return feed is None or feed.is_heard(now_ns)

    def candles(self, frame: Timeframe, now_ns: int, start_s: int, imbalance: float | None) -> Candles:
        """The closed ones, the newest last; without a timeframe one that has only its start, start_s."""
        feed = self._of(frame)
        if feed is None:
            return candles_from([None], start_s, 0, imbalance)
        interval_s, factor = _MADE_OF[frame]
        step_s, n = interval_s * factor, self._wanted[frame]
        end_s = now_ns // (step_s * NS) * step_s
        bars = feed.bars.window(end_s * NS, n * factor)
        return candles_from(merged(bars, factor) if factor > 1 else bars, end_s - n * step_s, step_s, imbalance)

    def _of(self, frame: Timeframe) -> BarFeed | None:
        return self._feeds[_MADE_OF[frame][0]] if frame in self._wanted else None
