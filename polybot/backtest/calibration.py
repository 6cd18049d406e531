"""How good are fair_value's probabilities on a recorded day: Brier score, calibration by decile, spread of its z-scores.

For every window with strike and outcome, at some seconds before its end, three models look at the same prints:
  by rule     the market's own settlement rule (core/strategies/fair_price.py), σ from overlapping 30-second returns
  plain       the same price and σ, but as if the price at the end settled: variance σ² h whatever the rule
  one-second  by rule, but σ from the oracle's 1-second prints: the trap, shown for what it costs
"twap60" is counterfactual for a day settled on spot: strike and settlement are then means of the prints in (T − 60, T].
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from messages import SettleRule
from polybot.core.strategies.fair_price import HALF_LIFE_S, LOOKBACK_S, RETURN_S, Floats, settlement, up_probability
from polybot.core.strategies.indicators import ewma_volatility

LEADS_S = (30, 60, 120, 240)
MODELS = ("by rule", "plain", "one-second")
LEAST_PRINTS = 45  # of the sixty of a mean
NEAR_S = 5  # the newest print may be this old
LEAST_SIGMAS = 600  # returns before the first window that is judged


@dataclass(frozen=True)
class DayWindow:
    """One recorded window: strike and outcome by the rule judged; slug for whoever looks closer."""

    slug: str
    start_s: int
    end_s: int
    strike: float
    is_up: bool
    settled: float


@dataclass
class Score:
    """One model at one lead. pairs: (probability of Up, was it Up)."""

    model: str
    lead_s: int
    pairs: list[tuple[float, bool]] = field(default_factory=list)
    z: list[float] = field(default_factory=list)

    @property
    def brier(self) -> float:
        """Mean squared error of the probabilities; 0.25 is what always saying one half scores."""
        return sum((p - up) ** 2 for p, up in self.pairs) / len(self.pairs) if self.pairs else math.nan

    @property
    def z_spread(self) -> float:
        """Root mean square of (settlement − mean) in the model's own σ: 1 when σ is right."""
        return math.sqrt(sum(z * z for z in self.z) / len(self.z)) if self.z else math.nan

    def deciles(self) -> list[tuple[float, float, int]]:
        """(mean probability, share that was Up, how many) of each tenth of the scale that holds any."""
        rows = []
        for tenth in range(10):
            inside = [(p, up) for p, up in self.pairs if min(int(p * 10), 9) == tenth]
            if inside:
                rows.append((_mean([p for p, _ in inside]), _mean([float(up) for _, up in inside]), len(inside)))
        return rows


def windows_of(
    prints: dict[int, float], recorded: Sequence[tuple[str, int, int, float | None, bool]], rule: SettleRule
) -> list[DayWindow]:
    """Those with both ends known. recorded: (slug, start_s, end_s, official strike, official outcome is Up)."""
    found = []
    for slug, start_s, end_s, strike, is_up in recorded:
        if rule == "spot":
            end = prints.get(end_s)
            if strike is not None and end is not None:
                found.append(DayWindow(slug, start_s, end_s, strike, is_up, end))
            continue
        first, last = (_mean_before(prints, second, LOOKBACK_S[rule]) for second in (start_s, end_s))
        if first is not None and last is not None:
            found.append(DayWindow(slug, start_s, end_s, first, last >= first, last))
    return found


def calibrate(
    prints: dict[int, float],
    windows: Sequence[DayWindow],
    rule: SettleRule,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Score]:
    """A Score for every model and lead. prints: observed second → USD."""
    sigmas = {"30": _Sigmas(prints, RETURN_S), "1": _Sigmas(prints, 1)}
    scores = {(model, lead): Score(model, lead) for lead in LEADS_S for model in MODELS}
    for done, window in enumerate(windows, 1):
        for lead in LEADS_S:
            _judge(prints, sigmas, window, rule, lead, scores)
        progress(done)
    return list(scores.values())


def _judge(
    prints: dict[int, float],
    sigmas: dict[str, "_Sigmas"],
    window: DayWindow,
    rule: SettleRule,
    lead: int,
    scores: dict[tuple[str, int], Score],
) -> None:
    now = window.end_s - lead
    seen = next((second for second in range(now, now - NEAR_S - 1, -1) if second in prints), None)
    if seen is None:
        return
    price, h_s = prints[seen], float(window.end_s - seen)
    known = {second: prints[second] for second in range(window.end_s - 60, seen + 1) if second in prints}
    expected = settlement(rule, price, h_s, known, window.end_s)
    slow, fast = sigmas["30"].at(seen), sigmas["1"].at(seen)
    if expected is None or slow is None or fast is None:
        return
    for model, (mean, weight_s), sigma in (
        ("by rule", expected, slow),
        ("plain", (price, h_s), slow),
        ("one-second", expected, fast),
    ):
        score, variance = scores[model, lead], sigma**2 * weight_s
        score.pairs.append((up_probability(mean, window.strike, variance), window.is_up))
        score.z.append(math.log(window.settled / mean) / math.sqrt(variance))


class _Sigmas:
    """σ per √s at every second, from returns over `span_s` that overlap."""

    def __init__(self, prints: dict[int, float], span_s: int) -> None:
        pairs = [(s, math.log(price / prints[s - span_s])) for s, price in prints.items() if s - span_s in prints]
        self._seconds = np.array([second for second, _ in pairs])
        returns: Floats = np.array([value for _, value in pairs], dtype=np.float64)
        self._sigmas = ewma_volatility(returns, HALF_LIFE_S) / math.sqrt(span_s)

    def at(self, second: int) -> float | None:
        """By everything up to it; None in the first ten minutes."""
        index = int(np.searchsorted(self._seconds, second, side="right")) - 1
        return float(self._sigmas[index]) if index >= LEAST_SIGMAS else None


def _mean_before(prints: dict[int, float], end_s: int, lookback_s: int) -> float | None:
    heard = [prints[second] for second in range(end_s - lookback_s + 1, end_s + 1) if second in prints]
    return _mean(heard) if len(heard) * 60 >= LEAST_PRINTS * lookback_s else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
