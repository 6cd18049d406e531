"""The world's own figures beside those measured on the recorded day (rules §8)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from polybot.sim.world.price_path import MEASURED_LEVEL_BP
from polybot.sim.world.synthetic import SyntheticWorld
from polybot.sim.world.takers import Takers
from polybot.sim.world.world import WINDOW_S, S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DAY_S = 86_400
MARKETS = 400  # windows looked at for volume, delay of resolution and the grid


class Figure(NamedTuple):
    """One line: what, the day's values, the world's in the same order."""

    name: str
    measured: tuple[float, ...]
    world: tuple[float, ...]


def figures(seed: int, seconds: int) -> list[Figure]:
    """All lines. The world is drawn at the measured day's level (a session's own level lies anywhere in .25–1.1)."""
    world = SyntheticWorld(seed, level_bp=MEASURED_LEVEL_BP)
    start = world.first_start_s
    prices = world.path.oracle_values(start, start + seconds - 1)
    return [*_returns(prices), *_windows(prices), *_relay(world, start), *_venue(world, start)]


def _log_bp(prices: Floats, lag: int) -> Floats:
    import numpy as np

    logs = np.log(prices)
    moves: Floats = (logs[lag:] - logs[:-lag]) * 1e4
    return moves


def _rms(x: Floats) -> float:
    return float(math.sqrt((x * x).mean()))


def _correlation(x: Floats, lag: int) -> float:
    y = x - x.mean()
    return float((y[lag:] * y[:-lag]).mean() / (y * y).mean())


def _kurtosis(x: Floats) -> float:
    return float((x**4).mean() / (x * x).mean() ** 2 - 3)


def _returns(prices: Floats) -> list[Figure]:
    ones = _log_bp(prices, 1)
    lags = (1, 10, 30, 60, 120, 300, 900)
    hours = len(ones) / 3600
    return [
        Figure(
            "oracle returns, bp/√s at 1 10 30 60 120 300 900 s",
            (0.350, 0.455, 0.485, 0.504, 0.522, 0.538, 0.535),
            tuple(_rms(_log_bp(prices, k)) / math.sqrt(k) for k in lags),
        ),
        Figure(
            "excess kurtosis at 1 10 60 300 s",
            (58, 8.6, 4.4, 3.9),
            tuple(_kurtosis(_log_bp(prices, k)) for k in (1, 10, 60, 300)),
        ),
        Figure(
            "autocorrelation of 1 s returns, lags 1 2 3 5",
            (0.24, 0.10, 0.04, 0.02),
            tuple(_correlation(ones, k) for k in (1, 2, 3, 5)),
        ),
        Figure(
            "autocorrelation of absolute returns, lags 1 10 60 900 3600 s",
            (0.28, 0.12, 0.09, 0.075, 0.05),
            tuple(_correlation(abs(ones), k) for k in (1, 10, 60, 900, 3600)),
        ),
        Figure(
            "1 s moves > 1 2 3 5 10 bp, per hour",
            (82, 14.5, 4.9, 0.67, 0.05),
            tuple(float((abs(ones) > k).sum() / hours) for k in (1, 2, 3, 5, 10)),
        ),
        _jumps(prices),
    ]


def _jumps(prices: Floats) -> Figure:
    """10 s moves over four times the trailing half hour's rms; within a minute only the first counts."""
    import numpy as np

    tens = _log_bp(prices[::10], 1)
    squares = np.concatenate([[0.0], np.cumsum(tens * tens)])
    trailing = np.sqrt((squares[180:-1] - squares[:-181]) / 180)
    later = tens[180:]
    big = np.flatnonzero(abs(later) > 4 * trailing)
    first = big[np.diff(big, prepend=-100) > 6] if len(big) else big
    sizes = abs(later[first])
    rate = len(first) / (len(later) / 360)
    share = float((sizes**2).sum() / (later**2).sum())
    median, high = (np.quantile(sizes, (0.5, 0.9)).tolist()) if len(sizes) else (0.0, 0.0)
    name = "jumps (10 s > 4 × trailing 30 min rms): per hour, median bp, p90, share of variance"
    return Figure(name, (2.4, 5.1, 10, 0.12), (rate, median, high, share))


def _windows(prices: Floats) -> list[Figure]:
    import numpy as np

    n = len(prices) // WINDOW_S
    parts = prices[: n * WINDOW_S].reshape(n, WINDOW_S)
    tens = (np.log(parts[:, 10:]) - np.log(parts[:, :-10])) * 1e4 / math.sqrt(10)
    sigma = np.sqrt((tens * tens).mean(axis=1))
    ranges = (parts.max(axis=1) / parts.min(axis=1) - 1) * 1e4
    spread = float(np.log(sigma).std())
    return [
        Figure(
            "σ per 5-min window, p5 25 50 75 95, log-sd",
            (0.116, 0.228, 0.318, 0.446, 0.814, 0.58),
            (*np.quantile(sigma, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist(), spread),
        ),
        Figure(
            "5-min range p50 90 99 max, bp",
            (9, 20, 36, 55),
            (*np.quantile(ranges, (0.5, 0.9, 0.99)).tolist(), float(ranges.max())),
        ),
    ]


def _relay(world: SyntheticWorld, start: int) -> list[Figure]:
    import numpy as np

    prints = [p for s in range(start, start + DAY_S) if (p := world.spot_print(s))]
    lags = np.array([(p.received_ns - p.observed_s * S) / S for p in prints])
    gaps = np.diff(np.array([p.observed_s for p in prints])) - 1
    lost = (float((gaps == 1).sum()), float((gaps > 5).sum()), float((gaps > 60).sum()), float(gaps.max()))
    quantiles = tuple(np.quantile(lags, (0.05, 0.5, 0.95, 0.99)).tolist())
    return [
        Figure("oracle receive lag p5 50 95 99, s", (1.17, 1.64, 2.23, 2.51), quantiles),
        Figure("oracle gaps per day: single seconds, > 5 s, > 60 s, longest s", (3522, 92, 38, 387), lost),
    ]


def _venue(world: SyntheticWorld, start: int) -> list[Figure]:
    import numpy as np

    markets = world.markets(start, start + MARKETS * WINDOW_S)
    delays = [(world.resolved_ns(m) - m.end_s * S) / S for m in markets]
    volumes = [_volume(world.takers, world, k) for k in range(len(markets[:100]))]
    spot = SyntheticWorld(world.seed, rule="spot", level_bp=MEASURED_LEVEL_BP)  # as the measured day settled
    fine = [sum(_gets_fine(w, m.start_s) for m in markets) / len(markets) for w in (spot, world)]
    q = np.quantile
    return [
        Figure("end → closed p50 90 99 max, s", (21, 52, 85, 316), (*q(delays, (0.5, 0.9, 0.99)), max(delays))),
        Figure("tick 0.001 at the end, share of windows: spot rule, TWAP rule (not measured)", (0.72,), tuple(fine)),
        Figure("taker volume a window p5 50 95, $k", (27, 55, 112), tuple(q(volumes, (0.05, 0.5, 0.95)) / 1e3)),
    ]


def _volume(takers: Takers, world: SyntheticWorld, k: int) -> float:
    market = world.markets(world.first_start_s + k * WINDOW_S, world.first_start_s + (k + 1) * WINDOW_S)[0]
    return takers.drawn_usd(market, market.start_s * S, market.end_s * S)


def _gets_fine(world: SyntheticWorld, start: int) -> bool:
    market = world.markets(start, start + 1)[0]
    for second in range(start + 30, start + WINDOW_S, 2):
        bid, ask, _ = world.makers.best(market, second * S)
        if bid > 960_000 or ask < 40_000:
            return True
    return False
