"""The volatility's three mean-reverting processes, and how much variance they promise for the time to come."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

TAU_S = (4 * 3_600.0, 300.0, 8.0)
SD = (0.42, 0.38, 0.60)
JUMPS_PER_S = 2.4 / 3_600
JUMP_BP = 5.0  # at the measured level; scaled with it, so that jumps stay 12 % of the variance
JUMP_LOG_SD = 0.45
GAUSS = ((0.5 - 0.5 / math.sqrt(3), 0.5), (0.5 + 0.5 / math.sqrt(3), 0.5))  # two points, exact for cubics

Node = tuple[float, float, float, float, float]


@lru_cache(maxsize=4096)
def nodes(half_seconds: int, lookback_s: int) -> tuple[Node, ...]:
    """(weight in seconds, the three decays, mean correction) to integrate σ² over half_seconds/2 to come."""
    h = half_seconds / 2
    cuts = sorted([0.0, h, *(c for c in (16.0, h - lookback_s) if 0 < c < h)])
    out: list[Node] = []
    for a, b in pairwise(cuts):
        for at, share in GAUSS:
            s = a + at * (b - a)
            weight = 1.0 if s <= h - lookback_s else (h - s) / lookback_s
            d = [math.exp(-s / tau) for tau in TAU_S]
            mean = 2 * sum(v * v * (1 - k * k) for v, k in zip(SD, d, strict=True))
            out.append((share * (b - a) * weight * weight, 2 * d[0], 2 * d[1], 2 * d[2], mean))
    return tuple(out)


def weighted_seconds(h_s: float, lookback_s: int) -> float:
    """∫ weight² over the time to come: h for spot, h − 2L/3 or h³/3L² for a TWAP."""
    if h_s >= lookback_s:
        return h_s - 2 * lookback_s / 3
    return h_s**3 / (3 * lookback_s**2)


def expected_variance(base: float, x: Sequence[float], h_s: float, lookback_s: int) -> float:
    """Expected weighted variance to come of the three-process volatility, given where the processes stand now."""
    x0, x1, x2 = x
    total = 0.0
    for weight, d0, d1, d2, mean in nodes(max(int(h_s * 2 + 0.5), 1), lookback_s):
        total += weight * math.exp(x0 * d0 + x1 * d1 + x2 * d2 + mean)
    return base * base * total
