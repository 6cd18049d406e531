"""The crowd: about one taker a second, a few of whom know what the price is before the makers do."""

from __future__ import annotations

import math
from collections import OrderedDict

from polybot.sim.world.makers import Makers
from polybot.sim.world.probability import fair
from polybot.sim.world.rng import TAKERS, draw
from polybot.sim.world.world import WINDOW_S, S, TakerOrder, WorldMarket

PER_S, BEFORE_OPEN_PER_S = 1.15, 0.1
BEFORE_OPEN_S = 300
MEDIAN_USD, MEAN_USD, CAP_USD = 15.0, 180.0, 20_000.0
INFORMED = 0.15
SELLERS = 0.15
WALK_E6 = 50_000  # how far from the mid anybody is willing to go
EDGE = 0.02  # what an informed taker wants to see beyond the mid: the fee and half a spread

Draws = list[tuple[int, float, float, float, float]]


class Takers:
    """The flow of any market. The uninformed toss a coin; the informed compare the ladder with what they know."""

    def __init__(self, seed: int, makers: Makers) -> None:
        self.seed, self.makers = seed, makers
        self._draws: OrderedDict[int, Draws] = OrderedDict()

    def flow(self, market: WorldMarket, after_ns: int, upto_ns: int) -> list[TakerOrder]:
        """The crowd's orders in (after_ns, upto_ns], in order."""
        wanted = [d for d in self._of(market) if after_ns < d[0] <= upto_ns]
        return [order for d in wanted if (order := self._order(market, d))]

    def drawn_usd(self, market: WorldMarket, after_ns: int, upto_ns: int) -> float:
        """Dollars the takers of a span bring along, whether or not the book has them."""
        return sum(d[1] for d in self._of(market) if after_ns < d[0] <= upto_ns)

    def _order(self, market: WorldMarket, drawn: tuple[int, float, float, float, float]) -> TakerOrder | None:
        at, usd, coin, kind, sells = drawn
        _, _, mid = self.makers.best(market, at)
        if kind < INFORMED:
            edge = fair(self.makers.ground, market, at) - mid
            if abs(edge) < EDGE:
                return None
            return _buy(at, edge > 0, usd, mid, True)
        if sells < SELLERS:
            held = max(mid if coin < 0.5 else 1 - mid, 0.05)
            limit = max(int((held * 1e6 - WALK_E6) / 10_000) * 10_000, 10_000)
            size = int(usd / held * 100) * 10_000
            return TakerOrder(at, "UP" if coin < 0.5 else "DOWN", "SELL", size, limit, False) if size else None
        return _buy(at, coin < 0.5, usd, mid, False)

    def _of(self, market: WorldMarket) -> Draws:
        found = self._draws.get(market.start_s)
        if found is None:
            found = self._draws[market.start_s] = _draw(self.seed, market)
            if len(self._draws) > 16:
                self._draws.popitem(last=False)
        return found


def _buy(at: int, is_up: bool, usd: float, mid: float, informed: bool) -> TakerOrder | None:
    price = max(mid if is_up else 1 - mid, 0.01)
    limit = min(math.ceil((price * 1e6 + WALK_E6) / 10_000) * 10_000, 990_000)
    size = int(usd / price * 100) * 10_000
    return TakerOrder(at, "UP" if is_up else "DOWN", "BUY", size, limit, informed) if size else None


def _draw(seed: int, market: WorldMarket) -> Draws:
    luck = draw(seed, TAKERS, market.start_s)
    start = market.start_s * S
    early = luck.poisson(BEFORE_OPEN_PER_S * BEFORE_OPEN_S)
    within = luck.poisson(PER_S * WINDOW_S)
    times = [start - luck.random(early) * BEFORE_OPEN_S * S, start + luck.random(within) * WINDOW_S * S]
    at = sorted(int(t) for part in times for t in part.tolist())
    log_sd = math.sqrt(2 * math.log(MEAN_USD / MEDIAN_USD))
    usd = (MEDIAN_USD * luck.lognormal(0, log_sd, len(at))).clip(1.0, CAP_USD)
    rest = luck.random((3, len(at)))
    return list(zip(at, usd.tolist(), rest[0].tolist(), rest[1].tolist(), rest[2].tolist(), strict=True))
