"""The latent price, its volatility and the oracle's values: rules §8's generator, in blocks of an hour.

log σ is three mean-reverting processes over the session's level; the latent price is a martingale with tenths of a
second of normal steps and rare jumps. No autocorrelation in it: what one sees in the oracle is the oracle's smoothing.
Blocks follow one another from the origin, so any second is the same whenever and in whatever order it is asked for.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from polybot.sim.world.rng import PATH, SESSION, draw
from polybot.sim.world.scenarios import ORDINARY, Scenario
from polybot.sim.world.volatility import (
    JUMP_BP,
    JUMP_LOG_SD,
    JUMPS_PER_S,
    SD,
    TAU_S,
    expected_variance,
    weighted_seconds,
)
from polybot.sim.world.world import S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BLOCK_S = 3_600
SUBS = 10  # latent steps a second
LEVELS_BP = (0.25, 1.1)
MEASURED_LEVEL_BP = 0.47
SMOOTHING = 0.28
BP = 1e-4


class Column:
    """A growing array of floats; doubles its room, so that a week of tenths is not copied every hour."""

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        self._room: Floats = np.empty(1024)
        self.size = 0

    def append(self, values: Floats) -> None:
        """Add values at the end, making room as needed."""
        need = self.size + len(values)
        if need > len(self._room):
            room = self._np.empty(max(need, 2 * len(self._room)))
            room[: self.size] = self._room[: self.size]
            self._room = room
        self._room[self.size : need] = values
        self.size = need

    def item(self, i: int) -> float:
        """The value at index i, as a Python float."""
        return self._room.item(i)

    def part(self, a: int, b: int) -> Floats:
        """The values at the indices a to b − 1."""
        return self._room[a:b]


class Path:
    """Latent price by tenths of a second, oracle value and log-volatility by seconds, from `origin_s` on.

    level_bp   rms of the latent one-second steps, None: drawn for this seed from the range of sessions
    scenario   how the price leaves that path, from first_start_s on
    """

    def __init__(
        self,
        seed: int,
        origin_s: int,
        level_bp: float | None = None,
        scenario: Scenario = ORDINARY,
        first_start_s: int = 0,
    ) -> None:
        import numpy as np

        self._np = np
        self.seed, self.origin_s = seed, origin_s
        self._scenario, self._first_start_s = scenario, first_start_s
        luck = draw(seed, SESSION, 0)
        drawn = math.exp(luck.uniform(math.log(LEVELS_BP[0]), math.log(LEVELS_BP[1])))
        self.level_bp = level_bp if level_bp is not None else drawn
        self.base = self.level_bp * BP / math.exp(sum(s * s for s in SD))  # E exp(2x) = exp(2 sd²)
        self.jump_bp = JUMP_BP * self.level_bp / MEASURED_LEVEL_BP
        self.jump_var_per_s = JUMPS_PER_S * (self.jump_bp * BP) ** 2 * math.exp(2 * JUMP_LOG_SD**2)
        self.price0 = float(64_210.0 * math.exp(luck.normal(0, 0.04)))
        self._state = [s * z for s, z in zip(SD, luck.standard_normal(3).tolist(), strict=True)]
        self._log = 0.0
        self._oracle = self.price0
        self.seconds = 0
        self._latent, self._oracle_column, self._sums = Column(), Column(), Column()
        self._sums.append(np.zeros(1))  # of (value − price0), so that 60 seconds are a difference
        self._logs = [Column() for _ in SD]

    def ensure(self, second: int) -> None:
        """Make the path long enough to contain that unix second."""
        while self.origin_s + self.seconds <= second:
            self._grow(self.seconds // BLOCK_S)

    def index(self, t_ns: int) -> int:
        """Index of a moment in `latent`; the origin's for anything earlier."""
        tenth = (t_ns - self.origin_s * S) // (S // SUBS)
        if tenth >= self.seconds * SUBS:
            self.ensure(t_ns // S)
        return max(tenth, 0)

    def price(self, t_ns: int) -> float:
        """The latent price at a moment, USD."""
        return self._latent.item(self.index(t_ns))

    def oracle_at(self, second: int) -> float:
        """The oracle's value for a second, whether or not it is relayed."""
        self.ensure(second)
        return self._oracle_column.item(max(second - self.origin_s, 0))

    def sum_over(self, first_s: int, last_s: int) -> float:
        """Sum of (oracle value − price0) over the seconds first..last, both included."""
        self.ensure(last_s)
        a, b = max(first_s - self.origin_s, 0), last_s - self.origin_s + 1
        return self._sums.item(b) - self._sums.item(a)

    def spread(self, t_ns: int, h_s: float, lookback_s: int) -> tuple[float, float, float]:
        """(variance of the log move to come without jumps, chance of a jump, its variance), settlement weights applied."""
        k = self.index(t_ns) // SUBS
        x = (self._logs[0].item(k), self._logs[1].item(k), self._logs[2].item(k))
        variance = expected_variance(self.base, x, h_s, lookback_s)
        chance = min(JUMPS_PER_S * h_s, 1.0)
        return variance, chance, self.jump_var_per_s * weighted_seconds(h_s, lookback_s) / max(chance, 1e-9)

    def oracle_values(self, first_s: int, last_s: int) -> Floats:
        """The oracle's values for the seconds first_s to last_s, both included."""
        self.ensure(last_s)
        return self._oracle_column.part(first_s - self.origin_s, last_s - self.origin_s + 1)

    def latent_values(self, first_s: int, last_s: int) -> Floats:
        """Latent prices at every tenth from first_s to the end of last_s."""
        self.ensure(last_s)
        return self._latent.part((first_s - self.origin_s) * SUBS, (last_s - self.origin_s + 1) * SUBS)

    def sigma_values(self, first_s: int, last_s: int) -> Floats:
        """σ of each second, log per √s, jumps apart."""
        self.ensure(last_s)
        a, b = first_s - self.origin_s, last_s - self.origin_s + 1
        logs = [column.part(a, b) for column in self._logs]
        total: Floats = self.base * self._np.exp(logs[0] + logs[1] + logs[2])
        return total

    def _grow(self, block: int) -> None:
        np, n = self._np, BLOCK_S
        luck = draw(self.seed, PATH, block)
        logs = [self._volatility(k, luck.standard_normal(n)) for k in range(3)]
        sigma = self.base * np.exp(logs[0] + logs[1] + logs[2])
        steps = luck.standard_normal((n, SUBS)) * (sigma / math.sqrt(SUBS))[:, None]
        self._jump(luck, steps)
        since_s = np.arange(n * SUBS) / SUBS + (self.origin_s + self.seconds - self._first_start_s)
        if self._scenario.bends_the_path:
            steps *= self._scenario.paces_of(since_s[::SUBS])[:, None]
        logp = self._log + np.concatenate([[0.0], np.cumsum(steps.ravel())])
        self._log = float(logp[-1])
        if self._scenario.bends_the_path:
            logp[:-1] += self._scenario.bend(since_s)
        latent = self.price0 * np.exp(logp[:-1])
        oracle = self._smooth(latent[::SUBS].tolist())
        self._latent.append(latent)
        self._oracle_column.append(oracle)
        self._sums.append(self._sums.item(self.seconds) + np.cumsum(oracle - self.price0))
        for column, new in zip(self._logs, logs, strict=True):
            column.append(new)
        self.seconds += n

    def _volatility(self, k: int, noise: Any) -> Any:
        keep = math.exp(-1 / TAU_S[k])
        push = SD[k] * math.sqrt(1 - keep * keep)
        steps = accumulate((push * noise).tolist(), lambda x, z: keep * x + z, initial=self._state[k])
        values = list(steps)
        self._state[k] = values[-1]
        return self._np.array(values[:-1])

    def _jump(self, luck: np.random.Generator, steps: Any) -> None:
        count = int(luck.poisson(JUMPS_PER_S * BLOCK_S))
        where = luck.integers(0, steps.size, count)
        signs = luck.choice((-1.0, 1.0), count)
        sizes = self.jump_bp * BP * self._np.exp(JUMP_LOG_SD * luck.standard_normal(count))
        self._np.add.at(steps.reshape(-1), where, signs * sizes)

    def _smooth(self, latent: list[float]) -> Any:
        blend = accumulate(latent, lambda o, p: SMOOTHING * o + (1 - SMOOTHING) * p, initial=self._oracle)
        values = list(blend)[1:]
        self._oracle = values[-1]
        return self._np.array(values)
