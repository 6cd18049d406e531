"""The exchange's trades, bars and depth around a price path: 20–50 ms behind it, at least one trade a second."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from polybot.sim.world.rng import DEPTH, TRADES, draw
from polybot.sim.world.world import MS, DepthBook, ExchangeTrade, Kline, S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Prices = Callable[[NDArray[np.int64], NDArray[np.int64]], Floats]

BLOCK_S = 3_600
MORE_PER_S = 0.7  # trades beyond the first of a second
DELAY_MS = (20, 50)
SIZE_MEDIAN_BTC, SIZE_LOG_SD = 0.002, 1.4
LEVELS = 20
IDS_PER_S = 64


class TradeBlock(NamedTuple):
    """An hour of trades, as columns in order of time."""

    at_ns: list[int]
    price: list[float]
    size: list[float]
    sells: list[bool]
    ids: list[int]


class BinanceTrades:
    """Trades and what is made of them.

    prices   (trade times, delays) → the price that long before each, NaN where the world has none: no trade then
    """

    def __init__(self, seed: int, prices: Prices) -> None:
        self.seed, self._prices = seed, prices
        self._blocks: OrderedDict[int, TradeBlock] = OrderedDict()
        self._noise: list[float] = []

    def trades(self, after_ns: int, upto_ns: int) -> list[ExchangeTrade]:
        """The exchange's trades with stamps in (after_ns, upto_ns], in order."""
        out: list[ExchangeTrade] = []
        for number in range(after_ns // (BLOCK_S * S), upto_ns // (BLOCK_S * S) + 1):
            block = self._block(number)
            a, b = bisect_right(block.at_ns, after_ns), bisect_right(block.at_ns, upto_ns)
            out += [
                ExchangeTrade(block.ids[i], block.price[i], block.size[i], block.at_ns[i], block.sells[i])
                for i in range(a, b)
            ]
        return out

    def klines(self, interval_s: int, from_s: int, to_s: int, upto_ns: int) -> list[Kline]:
        """Bars that start in [from, to), of trades up to upto_ns. Seconds without a trade make no bar."""
        bars: list[Kline] = []
        upto = min(upto_ns, to_s * S - 1)
        step = interval_s * S
        for trade in self.trades(from_s * S - 1, upto):
            start = trade.traded_ns // step * interval_s
            if bars and bars[-1].start_s == start:
                last, price = bars[-1], trade.price
                high, low = max(last.high, price), min(last.low, price)
                bars[-1] = Kline(start, last.open, high, low, price, last.volume + trade.size, last.trades + 1)
            else:
                bars.append(Kline(start, trade.price, trade.price, trade.price, trade.price, trade.size, 1))
        return bars

    def depth(self, t_ns: int, price: float) -> DepthBook:
        """Twenty levels a side around a price. Sizes change each second and tell nothing about where it goes."""
        noise = self._table()
        slot = t_ns // S * 37
        best = math.floor(price * 100) / 100
        bids, asks, down, up = [], [], best, best + 0.01
        for k in range(LEVELS):
            i = (slot + 2 * k) % (len(noise) - 1)
            bids.append((round(down, 2), round(0.05 + noise[i], 5)))
            asks.append((round(up, 2), round(0.05 + noise[i + 1], 5)))
            down -= 0.01 + round(noise[i + 1], 2)
            up += 0.01 + round(noise[i], 2)
        return DepthBook(tuple(bids), tuple(asks))

    def _table(self) -> list[float]:
        if not self._noise:
            self._noise = (0.4 * draw(self.seed, DEPTH, 0).lognormal(0, 1.0, 4_099)).tolist()
        return self._noise

    def _block(self, number: int) -> TradeBlock:
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self._draw(number)
            if len(self._blocks) > 12:
                self._blocks.popitem(last=False)
        return found

    def _draw(self, number: int) -> TradeBlock:
        import numpy as np

        luck = draw(self.seed, TRADES, number)
        counts = 1 + luck.poisson(MORE_PER_S, BLOCK_S)
        seconds = np.repeat(np.arange(BLOCK_S), counts)
        at = ((number * BLOCK_S + seconds) * S + (luck.random(len(seconds)) * S).astype(np.int64)).astype(np.int64)
        at.sort()
        delay = luck.integers(DELAY_MS[0] * MS, DELAY_MS[1] * MS, len(at))
        price = np.round(self._prices(at, delay), 2)
        size = np.round(SIZE_MEDIAN_BTC * luck.lognormal(0, SIZE_LOG_SD, len(at)), 5).clip(0.00001)
        sells = luck.random(len(at)) < 0.5
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        ids = (number * BLOCK_S + seconds) * IDS_PER_S + (np.arange(len(at)) - np.repeat(first, counts))
        keep = ~np.isnan(price)
        columns = (at, price, size, sells, ids)
        return TradeBlock(*(c[keep].tolist() for c in columns))
