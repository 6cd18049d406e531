"""One timeframe's bars kept whole: hears candles, asks price_feed's `History` at start and whenever one was skipped.

One question at a time; no answer, or one given while price_feed itself is back-filling, is asked again after a pause of
machine time. Shared by `signal` and `risk`, so that a restart of either sees what it would have seen.
"""

from collections.abc import Iterator

from messages import Candle, Candles, History, Word
from messages.inner import AskHistory, NoReply, Tick, WakeIn
from messages.units import NS
from polybot.core.market.candle_buffer import CandleBuffer
from polybot.core.market.windows import staleness_s

SYMBOL = "BTCUSDT"
ASK_AGAIN_S = 0.25
SETTLED_AFTER_S = 5.0  # a bar is never said later than this behind its end; scaled with speed like staleness


class BarFeed:
    """asker names the actor and its boot in ids; wanted is how many bars a question reaches back."""

    def __init__(self, asker: str, interval_s: int, wanted: int, speed: float) -> None:
        self.bars = CandleBuffer(interval_s, wanted + 20)
        self.wanted = wanted
        self._interval_s = interval_s
        self._prefix = f"{asker}/history/{interval_s}/"
        self._timer = AskHistory(interval_s=interval_s)
        self._settled_ns = round(staleness_s(SETTLED_AFTER_S, speed) * NS)
        self._asked = 0
        self._asked_ns = 0  # 0 = no question under way
        self._pausing = False

    def is_heard(self, now_ns: int) -> bool:
        """Every bar that has ended by now is here, or known never to have been made."""
        return self.bars.known_until_ns >= self.bars.mark(now_ns)

    def ask(self, now_ns: int) -> Iterator[Word]:
        """Ask for the whole buffer, unless a question is under way or has just been."""
        if self._asked_ns or self._pausing:
            return
        self._asked += 1
        self._asked_ns = now_ns
        yield History(
            id=f"{self._prefix}{self._asked}",
            symbol=SYMBOL,
            interval_s=self._interval_s,
            since_ns=self.bars.mark(now_ns) - (self.wanted + 2) * self.bars.interval_ns,
        )

    def hear(self, word: Word, now_ns: int) -> Iterator[Word]:
        """Candles of ours, answers to us, our timer; anything else is not for us."""
        match word:
            case Candle() if word.symbol == SYMBOL and word.interval_s == self._interval_s:
                self.bars.put(word)
                if self.bars.is_behind:
                    yield from self.ask(now_ns)
            case Candles() if word.id.startswith(self._prefix):
                yield from self._answered(word, now_ns)
            case NoReply() if word.id.startswith(self._prefix):
                self._asked_ns = 0
                yield from self._pause()
            case Tick() if word.timer == self._timer:
                self._pausing = False
                if not self.is_heard(now_ns):
                    yield from self.ask(now_ns)

    def _answered(self, word: Candles, now_ns: int) -> Iterator[Word]:
        if word.complete:
            self.bars.answered(word.candles, self._asked_ns, self._settled_ns)
        else:
            for candle in word.candles:
                self.bars.put(candle)
        self._asked_ns = 0
        if not word.complete or not self.is_heard(now_ns):
            yield from self._pause()

    def _pause(self) -> Iterator[Word]:
        self._pausing = True
        yield WakeIn(timer=self._timer, after_s=ASK_AGAIN_S)
