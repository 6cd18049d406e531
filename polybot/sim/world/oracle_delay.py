"""How oracle prints reach us: late by 1.2 to 2.5 s, single seconds lost, now and then minutes of silence."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from polybot.sim.world.rng import RELAY, draw
from polybot.sim.world.world import S

BLOCK_S = 3_600
SINGLE_LOST = 0.047
SHORT_PER_BLOCK, LONG_PER_BLOCK = 54 / 24, 38 / 24  # gaps over 5 s, over 60 s
LONGEST_S = 387
LAG_MEDIAN_S, LAG_LOG_SD = 1.64, 0.19
PUBLISH_BEFORE_S = 0.29  # the relay's own stamp is this much earlier


class DelayBlock(NamedTuple):
    """An hour: per feed (spot, twap) and second the receive lag in ns, 0 = lost."""

    lag_ns: tuple[list[int], list[int]]


class Relay:
    """Lags and losses of the two feeds; a silence hits both, a lost second only one."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._blocks: OrderedDict[int, DelayBlock] = OrderedDict()

    def lag_ns(self, feed: int, second: int) -> int:
        """Receive lag of a second's print in feed 0 (spot) or 1 (twap); 0 when it never comes."""
        number, offset = divmod(second, BLOCK_S)
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self._draw(number)
            if len(self._blocks) > 12:
                self._blocks.popitem(last=False)
        return found.lag_ns[feed][offset]

    def _draw(self, number: int) -> DelayBlock:
        import numpy as np

        luck = draw(self.seed, RELAY, number)
        lost = luck.random((2, BLOCK_S)) < SINGLE_LOST
        lag = (LAG_MEDIAN_S * luck.lognormal(0, LAG_LOG_SD, (2, BLOCK_S)) * S).astype(np.int64)
        for block in (number - 1, number):
            for start, length in silences(self.seed, block):
                a = start + (block - number) * BLOCK_S
                lost[:, max(a, 0) : max(a + length, 0)] = True
        lag[lost] = 0
        return DelayBlock((lag[0].tolist(), lag[1].tolist()))


def silences(seed: int, number: int) -> list[tuple[int, int]]:
    """(first second within the block, seconds) of the silences that begin in an hour."""
    luck = draw(seed, RELAY, (1 << 40) + number)
    out = []
    for _ in range(luck.poisson(SHORT_PER_BLOCK)):
        out.append((int(luck.integers(BLOCK_S)), min(6 + int(luck.exponential(5.0)), 60)))
    for _ in range(luck.poisson(LONG_PER_BLOCK)):
        out.append((int(luck.integers(BLOCK_S)), min(61 + int(luck.exponential(55.0)), LONGEST_S)))
    return out
