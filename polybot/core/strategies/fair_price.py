"""What UP is worth: the probability that a window ends at or above its strike, from the oracle's prints and volatility.

h = end − the newest print's own stamp: the oracle is a second or two old, and what happened since is still to come.

| settled on | mean of the settlement price                                  | variance of its log        |
|---|---|---|
| spot       | price                                                         | σ² h                       |
| TWAP of L, h ≥ L | price                                                   | σ² (h − 2L/3)              |
| TWAP of L, h < L | ((L − h) known seconds + h · price) / L                 | σ² h³ / 3L²                |

σ per √s comes from 30-second returns (half-life 30 min), never from 1-second oracle prints: the oracle is smoothed, and
they show 0.35 bp/√s where 300 s show 0.54. Fat tails: the move is taken as Student's t with 5 degrees of freedom, scaled to
that variance (excess kurtosis of 5-minute returns is about 4; 5 degrees have 6). The price is a martingale: no drift.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from messages import SettleRule
from polybot.core.strategies.indicators import ewma_volatility

Floats = npt.NDArray[np.float64]

RETURN_S = 30
HALF_LIFE_S = 1800.0
LEAST_RETURNS = 20
LOOKBACK_S: dict[SettleRule, int] = {"spot": 0, "twap30": 30, "twap60": 60}
KNOWN_SHARE = 0.75  # of the seconds of a TWAP that have passed; with fewer nothing is claimed


def sigma_per_root_s(prices: Floats, step_s: int, half_life_s: float = HALF_LIFE_S) -> float | None:
    """σ of log price per √s from overlapping 30-second returns; None with fewer than LEAST_RETURNS of them.

    prices   USD at equal steps of step_s (which divides 30), oldest first, NaN where unknown
    """
    lag = RETURN_S // step_s
    logs = np.log(prices)
    returns = logs[lag:] - logs[:-lag]
    returns = np.ascontiguousarray(returns[~np.isnan(returns)])
    if len(returns) < LEAST_RETURNS:
        return None
    sigma = float(ewma_volatility(returns, half_life_s / step_s)[-1]) / math.sqrt(RETURN_S)
    return sigma if sigma > 0 else None


def settlement(
    rule: SettleRule, price: float, h_s: float, known: Mapping[int, float], end_s: int
) -> tuple[float, float] | None:
    """(mean of the settlement price, variance of its log per σ²), by the table; None when too few seconds are known.

    known   observed second → USD of the oracle's spot feed; those of the last L seconds before end_s are looked at
    """
    lookback = LOOKBACK_S[rule]
    if not lookback:
        return price, max(h_s, 0.0)
    if h_s >= lookback:
        return price, h_s - 2 * lookback / 3
    first = end_s - lookback + 1
    passed = [second for second in range(first, end_s + 1) if second <= end_s - h_s]
    heard = [known[second] for second in passed if second in known]
    if len(heard) < KNOWN_SHARE * len(passed):
        return None
    left = lookback - len(passed)
    mean_heard = sum(heard) / len(heard) if heard else price
    return (len(passed) * mean_heard + left * price) / lookback, max(h_s, 0.0) ** 3 / (3 * lookback**2)


def up_probability(mean: float, strike: float, variance: float) -> float:
    """P(settlement ≥ strike); ties are Up. mean: the settlement to expect, USD; variance: of the log move still to
    come.
    """
    move = math.log(mean / strike)
    if variance <= 0:
        return 1.0 if move >= 0 else 0.0
    return _student5(move / math.sqrt(variance))


def fee_per_share(price: float, rate: float, exponent: int) -> float:
    """What a taker pays on top of `price`, USD: rate · (p (1 − p))^exponent."""
    return float(rate * (price * (1 - price)) ** exponent)


def _student5(z: float) -> float:
    """Distribution function of Student's t with 5 degrees of freedom, scaled to variance 1.

    source  Abramowitz and Stegun 26.7.3
    """
    theta = math.atan(z * math.sqrt(5 / 3) / math.sqrt(5))
    cos = math.cos(theta)
    return 0.5 + (theta + math.sin(theta) * (cos + 2 / 3 * cos**3)) / math.pi
