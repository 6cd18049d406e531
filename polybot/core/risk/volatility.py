"""How rough the market is (rules §6): the range of the last five minutes, and volatility against its own last hour.

Range: (high − low) / low of accepted trades of the last 300 s, from trades heard and from the candles that lie whole within
(the bus may conflate trades, never candles). Trades are kept in slots of 5 s, so up to 5 s more may be looked at.
σ at a mark: rms of the last 10 thirty-second log returns; unknown with fewer than 8 of them.
Baseline: median of σ at the five-minute marks of the hour before the newest sample; fewer than 6 known = off, and says so.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from messages.units import NS
from polybot.core.market.candle_buffer import CandleBuffer

RANGE_S = 300
SLOT_NS = 5 * NS
RETURNS, LEAST_RETURNS = 10, 8
MARK_S, MARKS, LEAST_MARKS = 300, 12, 6
BARS_WANTED = (MARK_S * MARKS + RETURNS * 30) // 30 + 10


@dataclass(frozen=True)
class Volatility:
    """σ now and its baseline per 30 s; None where unknown. off: why there is no ratio, "" when there is one.

    Without a baseline the rule is off (rules §6); with one, not to know σ now is a refusal.
    """

    now: float | None
    baseline: float | None
    off: str

    @property
    def ratio(self) -> float | None:
        """σ now over its baseline; above 0 a flat hour has none, and any movement then is infinitely above it."""
        if self.now is None or self.baseline is None:
            return None
        if self.baseline == 0:
            return math.inf if self.now > 0 else 0.0
        return self.now / self.baseline


class Range:
    """Low and high of each slot of the last 300 s in which something traded."""

    def __init__(self) -> None:
        self._slots: dict[int, tuple[float, float]] = {}

    def trade(self, price: float, traded_ns: int) -> None:
        """Take in one accepted trade; the price is in USD."""
        slot = traded_ns // SLOT_NS
        seen = self._slots.get(slot)
        if seen is None:
            self._slots[slot] = (price, price)
            oldest = slot - RANGE_S * NS // SLOT_NS
            if len(self._slots) > 2 * RANGE_S * NS // SLOT_NS:
                self._slots = {s: span for s, span in self._slots.items() if s >= oldest}
        elif not seen[0] <= price <= seen[1]:
            self._slots[slot] = (min(seen[0], price), max(seen[1], price))

    def pct(self, bars: CandleBuffer, now_ns: int) -> float | None:
        """The range of the last five minutes in percent; None when nothing traded."""
        since_ns = now_ns - RANGE_S * NS
        seen = [span for slot, span in self._slots.items() if (slot + 1) * SLOT_NS > since_ns]
        seen += [(bar.low, bar.high) for bar in bars.since(since_ns) if bar.traded]
        if not seen:
            return None
        low, high = min(s[0] for s in seen), max(s[1] for s in seen)
        return (high - low) / low * 100


class VolatilityGauge:
    """`volatility`, reckoned anew only when a bar has come: between two, its answer is the same."""

    def __init__(self) -> None:
        self._of: tuple[int, int] = (-1, -1)
        self._last = Volatility(None, None, "")

    def read(self, bars: CandleBuffer, now_ns: int) -> Volatility:
        """Volatility by the newest sample heard at or before now."""
        of = (bars.changes, min(bars.mark(now_ns), bars.newest_ns))
        if of != self._of:
            self._of, self._last = of, volatility(bars, now_ns)
        return self._last


def volatility(bars: CandleBuffer, now_ns: int) -> Volatility:
    """By the newest sample heard at or before now."""
    newest_ns = min(bars.mark(now_ns), bars.newest_ns)
    now = _sigma(bars, newest_ns)
    last_mark_ns = (newest_ns - 1) // (MARK_S * NS) * MARK_S * NS
    marks = [_sigma(bars, last_mark_ns - i * MARK_S * NS) for i in range(MARKS)]
    known = sorted(sigma for sigma in marks if sigma is not None)
    missing = f"fewer than {LEAST_RETURNS} of the last {RETURNS} returns are known" if now is None else ""
    if len(known) < LEAST_MARKS:
        return Volatility(now, None, missing or f"{len(known)} of {LEAST_MARKS} marks known")
    half = len(known) // 2
    baseline = known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2
    return Volatility(now, baseline, missing)


def _sigma(bars: CandleBuffer, mark_ns: int) -> float | None:
    closes = bars.closes(mark_ns, RETURNS + 1)
    squares = [math.log(b / a) ** 2 for a, b in pairwise(closes) if a is not None and b is not None]
    return math.sqrt(sum(squares) / len(squares)) if len(squares) >= LEAST_RETURNS else None
