"""Counter-based luck: any block of any stream can be drawn again, in any order, after any restart."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# streams: one number each, for ever
PATH, RELAY, TRADES, DEPTH, MAKERS, TAKERS, SESSION, CHECK = range(8)


def draw(seed: int, stream: int, block: int) -> np.random.Generator:
    """A fresh generator for one block of one stream; blocks never overlap (each has 2^128 draws of its own)."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), stream], counter=[0, 0, block, 0]))


def hex_id(*parts: object) -> str:
    """64 hex digits that are a function of the parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def quantile(u: float, knots: tuple[tuple[float, float], ...]) -> float:
    """The inverse of a distribution given by (probability, value) knots, straight between them in the logarithm."""
    for (p0, v0), (p1, v1) in pairwise(knots):
        if u <= p1:
            share = (u - p0) / (p1 - p0)
            return math.exp(math.log(v0) + share * (math.log(v1) - math.log(v0)))
    return knots[-1][1]
