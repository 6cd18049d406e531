"""A recorded day as a world: path, windows, ids, strikes, rules and outcomes as recorded; books made around the path.

The tape has no order books and no exchange trades. Trades, bars, depth, ladders and takers are derived from the recorded
oracle path and are labelled so. A second without a print is a gap in every feed: no trade, no quote change, no taker.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from polybot.sim.world.binance import BinanceTrades
from polybot.sim.world.makers import STEP_NS, Makers
from polybot.sim.world.price_path import SMOOTHING
from polybot.sim.world.probability import LOOKBACK_S
from polybot.sim.world.takers import Takers
from polybot.sim.world.volatility import weighted_seconds
from polybot.sim.world.world import (
    E18,
    DepthBook,
    ExchangeTrade,
    Kline,
    Ladder,
    OraclePrint,
    Rule,
    S,
    TakerOrder,
    Winner,
    WorldMarket,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WARM_UP_S = 40 * 60  # of tape before the first window: a strategy's history
# σ² = 1.5 × the larger of two averages of overlapping returns (length, half-life), s; the oracle is smoothed at lengths
# under 30 s. 1.5: on the recorded day plain averages made the made-up makers too sure of themselves by 6–9 points.
AVERAGES = ((30, 1_800), (60, 7_200))
CAUTION = 1.5
START_SIGMA = 0.5e-4


class TapePrint(NamedTuple):
    """A recorded print of the spot stream."""

    observed_s: int
    value_e18: int
    server_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class TapeMarket:
    """A recorded market. strike_e18 as the venue published it, None where it did not; closed_s 0 if not recorded."""

    market: WorldMarket
    strike_e18: int | None
    outcome: Winner
    closed_s: int


class TapeGround:
    """The recorded path by seconds, and σ estimated from what had been printed by then."""

    def __init__(self, prints: Sequence[TapePrint]) -> None:
        self.first_s, self.last_s = prints[0].observed_s, prints[-1].observed_s
        self.value_e18: dict[int, int] = {p.observed_s: p.value_e18 for p in prints}
        self.price0 = prints[0].value_e18 / E18
        size = self.last_s - self.first_s + 1
        self.known = [False] * size
        self.newest = [0] * size  # index of the newest second with a print
        self._latent = [self.price0] * size
        self._spot = [self.price0] * size
        self._variance = [START_SIGMA**2] * size
        self._fill()
        self._sums = [0.0]
        for value in self._spot:
            self._sums.append(self._sums[-1] + value - self.price0)

    def price(self, t_ns: int) -> float:
        """The latent price: the print of that second with the oracle's smoothing undone."""
        return self._latent[self._index(t_ns // S)]

    def sum_over(self, first_s: int, last_s: int) -> float:
        """Sum of (print − price0), missing seconds as the one before."""
        return self._sums[self._index(last_s) + 1] - self._sums[self._index(first_s)]

    def spread(self, t_ns: int, h_s: float, lookback_s: int) -> tuple[float, float, float]:
        """(variance to come, 0, 0): the estimate already holds the jumps there were."""
        return self._variance[self._index(t_ns // S)] * weighted_seconds(h_s, lookback_s), 0.0, 0.0

    def is_known(self, second: int) -> bool:
        """Whether the recording has a print for that second."""
        k = second - self.first_s
        return 0 <= k < len(self.known) and self.known[k]

    def frozen_ns(self, t_ns: int) -> int:
        """t itself, or the last moment before the gap that t lies in; 0 before the tape begins."""
        k = t_ns // S - self.first_s
        if k < 0:
            return 0
        if k < len(self.known) and self.known[k]:
            return t_ns
        return (self.first_s + self.newest[min(k, len(self.known) - 1)] + 1) * S - STEP_NS

    def _index(self, second: int) -> int:
        return min(max(second - self.first_s, 0), len(self._spot) - 1)

    def _fill(self) -> None:
        averages = [START_SIGMA**2] * len(AVERAGES)
        spot = latent = self.price0
        newest = 0
        for k in range(len(self._spot)):
            value = self.value_e18.get(self.first_s + k)
            if value is not None:
                price = value / E18
                latent = (price - SMOOTHING * spot) / (1 - SMOOTHING) if k and self.known[k - 1] else price
                spot, newest, self.known[k] = price, k, True
                self._average(averages, k, price)
            self._spot[k], self._latent[k], self.newest[k] = spot, latent, newest
            self._variance[k] = CAUTION * max(averages)

    def _average(self, averages: list[float], k: int, price: float) -> None:
        for i, (length, half_life) in enumerate(AVERAGES):
            if k >= length and self.known[k - length]:
                keep = 0.5 ** (1 / half_life)
                move = math.log(price / self._spot[k - length])
                averages[i] = keep * averages[i] + (1 - keep) * move * move / length


class TapeWorld:
    """A world made of a tape. `seed` only shapes the made-up crowd."""

    label = "recorded path, synthetic books: no evidence of profit"

    def __init__(self, prints: Sequence[TapePrint], markets: Sequence[TapeMarket], seed: int = 0) -> None:
        if not prints or not markets:
            raise ValueError("a tape needs at least one print and one market")
        self.ground = TapeGround(prints)
        self.tape_markets = {m.market.slug: m for m in sorted(markets, key=lambda m: m.market.start_s)}
        self._starts = [m.market.start_s for m in self.tape_markets.values()]
        self._by_start = [m.market for m in self.tape_markets.values()]
        self._has_twap = any(m.rule != "spot" for m in self._by_start)
        self._prints = {p.observed_s: p for p in prints}
        self._arrivals = sorted(self._relayed(), key=lambda p: p.received_ns)
        self._arrival_ns = [p.received_ns for p in self._arrivals]
        self.makers = Makers(seed, self.ground)
        self.takers = Takers(seed, self.makers)
        self._exchange = BinanceTrades(seed, self._prices)
        ready = [s for s in self._starts if s >= self.ground.first_s + WARM_UP_S]
        self.first_start_s = ready[0] if ready else self._starts[-1]

    # --- markets

    def markets(self, from_s: int, to_s: int) -> list[WorldMarket]:
        """Recorded markets whose window starts in [from_s, to_s)."""
        return self._by_start[bisect_left(self._starts, from_s) : bisect_left(self._starts, to_s)]

    def market(self, slug: str) -> WorldMarket | None:
        """The recorded market of this slug, None when it was not recorded."""
        found = self.tape_markets.get(slug)
        return found.market if found else None

    def strike_e18(self, market: WorldMarket) -> int | None:
        """The strike as the venue published it, else by the prints, else None, × 1e18."""
        recorded = self.tape_markets[market.slug].strike_e18
        return recorded if recorded is not None else self.settle_e18(market.rule, market.start_s)

    def end_e18(self, market: WorldMarket) -> int | None:
        """The settlement variable by the recorded prints, × 1e18; None where they are missing."""
        return self.settle_e18(market.rule, market.end_s)

    def outcome(self, market: WorldMarket) -> Winner:
        """The official outcome as it was recorded."""
        return self.tape_markets[market.slug].outcome

    def resolved_ns(self, market: WorldMarket) -> int:
        """When the venue closed it, as recorded; 21 s after the end (the median) where it is not."""
        closed = self.tape_markets[market.slug].closed_s
        return (closed if closed > market.end_s else market.end_s + 21) * S

    def settle_e18(self, rule: Rule, second: int) -> int | None:
        """The settlement variable of a rule at a second, from prints alone."""
        if rule == "spot":
            return self.ground.value_e18.get(second)
        values = [self.ground.value_e18.get(second - k) for k in range(LOOKBACK_S[rule])]
        known = [v for v in values if v is not None]
        return sum(known) // len(known) if len(known) == len(values) else None

    # --- the oracle

    def spot_print(self, second: int) -> OraclePrint | None:
        """The spot print recorded for that second, None for a gap."""
        p = self._prints.get(second)
        return OraclePrint("spot", p.observed_s, p.value_e18, p.server_ns, p.received_ns) if p else None

    def twap_print(self, second: int) -> OraclePrint | None:
        """Only on a tape with TWAP markets, where all sixty seconds were printed: computed, arriving with the spot."""
        p = self._prints.get(second) if self._has_twap else None
        value = self.settle_e18("twap60", second) if p else None
        if p is None or value is None:
            return None
        return OraclePrint("twap60", second, value, p.server_ns, p.received_ns)

    def prints(self, after_ns: int, upto_ns: int) -> list[OraclePrint]:
        """Oracle prints that arrived in (after_ns, upto_ns], in order of arrival."""
        return self._arrivals[bisect_right(self._arrival_ns, after_ns) : bisect_right(self._arrival_ns, upto_ns)]

    # --- the exchange, derived

    def trades(self, after_ns: int, upto_ns: int) -> list[ExchangeTrade]:
        """Trades made of the recorded path; none in a second without a print."""
        return self._exchange.trades(after_ns, upto_ns)

    def klines(self, interval_s: int, from_s: int, to_s: int, upto_ns: int) -> list[Kline]:
        """Bars of the exchange's trades, none of them from before the recording."""
        return self._exchange.klines(interval_s, max(from_s, self.ground.first_s), to_s, upto_ns)

    def depth(self, t_ns: int) -> DepthBook | None:
        """Made of the recorded path; None in a gap."""
        if not self.ground.is_known(t_ns // S):
            return None
        return self._exchange.depth(t_ns, self.ground.price(t_ns))

    # --- the venue's crowd

    def quotes(self, market: WorldMarket, t_ns: int, tick_e6: int) -> Ladder | None:
        """The makers' ladder; in a gap as it was just before, None where the tape has not begun."""
        frozen = self.ground.frozen_ns(t_ns)
        return self.makers.quotes(market, frozen, tick_e6) if frozen else None

    def taker_flow(self, market: WorldMarket, after_ns: int, upto_ns: int) -> list[TakerOrder]:
        """Anonymous takers in (after, upto]; nobody in a gap."""
        return [t for t in self.takers.flow(market, after_ns, upto_ns) if self.ground.is_known(t.at_ns // S)]

    # --- inside

    def _relayed(self) -> list[OraclePrint]:
        found = [p for s in self._prints for p in (self.spot_print(s), self.twap_print(s))]
        return [p for p in found if p is not None]

    def _prices(self, at_ns: NDArray[np.int64], delay_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        import numpy as np

        known, price = self.ground.is_known, self.ground.price
        pairs = zip(at_ns.tolist(), (at_ns - delay_ns).tolist(), strict=True)
        return np.array([price(b) if known(a // S) and known(b // S) else math.nan for a, b in pairs])
