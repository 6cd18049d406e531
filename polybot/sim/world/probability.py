"""The probability that a window ends Up, by its own settlement rule: what makers, informed takers and the probe all use.

For a TWAP over the last L seconds the final value is a weighted sum of the steps to come: a step s seconds from now,
with h to go, weighs 1 before the last L seconds and (h − s)/L in them (constant σ: h − 2L/3 in all, or h³/3L²).
"""

import math
from typing import Protocol

from polybot.sim.world.world import S, WorldMarket

LOOKBACK_S = {"spot": 0, "twap30": 30, "twap60": 60}
SPREAD_OF_LOG_SIGMA = 0.30  # how far the σ of the seconds to come may lie from its expectation, in the logarithm
NODES = tuple(
    (math.exp(SPREAD_OF_LOG_SIGMA * z - SPREAD_OF_LOG_SIGMA**2), w)
    for z, w in ((-1.732, 1 / 6), (0.0, 2 / 3), (1.732, 1 / 6))
)


def up_probability(move: float, variance: float, jump_chance: float, jump_variance: float) -> float:
    """P(final move ≥ 0) when `move` is what is already there (log), the rest normal with an uncertain σ.

    With probability jump_chance one jump comes on top; its size adds jump_variance.
    """
    calm = _mixture(move, variance)
    if jump_chance < 1e-4:
        return calm
    return (1 - jump_chance) * calm + jump_chance * _mixture(move, variance + jump_variance)


def _mixture(move: float, variance: float) -> float:
    d = move / math.sqrt(2 * variance + 1e-18)
    erf = math.erf
    return 0.5 + 0.5 * sum(w * erf(d / k) for k, w in NODES)


class Ground(Protocol):
    """What one may know of the price at a moment; each world stands on its own."""

    price0: float

    def price(self, t_ns: int) -> float:
        """The price everybody sees, at a moment."""
        ...

    def sum_over(self, first_s: int, last_s: int) -> float:
        """Sum of (settlement source − price0) over whole seconds, both ends included."""
        ...

    def spread(self, t_ns: int, h_s: float, lookback_s: int) -> tuple[float, float, float]:
        """(variance of the log move to come without jumps, chance of a jump, its variance), settlement weights applied."""
        ...


def fair(ground: Ground, market: WorldMarket, seen_ns: int, sigma_factor: float = 1.0) -> float:
    """Probability of Up by the market's own rule, knowing everything up to seen_ns and σ but for a factor."""
    lookback = LOOKBACK_S[market.rule]
    h = market.end_s - seen_ns / S
    price = ground.price(seen_ns) - ground.price0
    final = mean_of_last(ground, market.end_s, lookback, seen_ns, price)
    strike = mean_of_last(ground, market.start_s, lookback, seen_ns, price)
    if h <= 0:
        return 1.0 if final >= strike else 0.0
    variance, chance, jump = ground.spread(seen_ns, h, lookback)
    f2 = sigma_factor * sigma_factor
    return up_probability((final - strike) / (ground.price0 + price), f2 * variance, chance, f2 * jump)


def mean_of_last(ground: Ground, end_s: int, lookback_s: int, seen_ns: int, price: float) -> float:
    """Expected settlement variable at end_s (minus price0): known seconds as they were, the others at `price`."""
    seen_s = seen_ns // S
    first = end_s - max(lookback_s, 1) + 1
    if seen_s < first:
        return price
    last = min(seen_s, end_s)
    known = ground.sum_over(first, last)
    return (known + (end_s - last) * price) / (end_s - first + 1)
