"""Worlds of special days: the synthetic world of a seed, bent where a calm day never bends. For what only such days show.

A scenario is a set of parameters, nothing else: the world stays a function of seed and time. Seconds count from the start
of the first window; windows count from 1. Whatever is not bent is as in the ordinary world of the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from polybot.sim.world.world import WINDOW_S, S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BP = 1e-4
FOR_EVER_S = 10**9
# A window's trend runs between these: after the decision, and well before the next.
TREND_FROM_S, TREND_UNTIL_S = 30, 230


class Span(NamedTuple):
    """The seconds [from_s, to_s) since the first window's start."""

    from_s: float
    to_s: float


class Move(NamedTuple):
    """The price leaves its path by bp (of the logarithm), evenly over over_s; 0 = at once. It does not come back by itself."""

    at_s: float
    bp: float
    over_s: float = 0.0


class Pace(NamedTuple):
    """The price's own steps are `factor` times as large; 0 = it stands still."""

    span: Span
    factor: float


def within(window: int, from_s: float, to_s: float) -> Span:
    """A span in one window's seconds; it may lie before its start or after its end."""
    start_s = (window - 1) * WINDOW_S
    return Span(start_s + from_s, start_s + to_s)


def move(window: int, at_s: float, bp: float, over_s: float = 0.0) -> Move:
    """A move of the price, timed in the seconds of one window."""
    return Move((window - 1) * WINDOW_S + at_s, bp, over_s)


def calm_open(window: int) -> Pace:
    """The price rests around a window's opening, so that its book is even and the rule to be shown is the one that speaks."""
    return Pace(within(window, -75, 15), 0.1)


@dataclass(frozen=True)
class Scenario:
    """A special day.

    trends_bp    what the windows move by, in turn, over and over     untraded   the exchange is silent
    unprinted    the oracle's prints stamped then never come           late_s     window → its resolution is later by so much
    all_relayed  no other print is lost: nothing else than what is to be shown keeps a window from being traded
    """

    name: str
    shows: str
    moves: tuple[Move, ...] = ()
    trends_bp: tuple[float, ...] = ()
    paces: tuple[Pace, ...] = ()
    untraded: tuple[Span, ...] = ()
    unprinted: tuple[Span, ...] = ()
    late_s: tuple[tuple[int, int], ...] = ()
    all_relayed: bool = True

    @property
    def bends_the_path(self) -> bool:
        """Does the price itself differ from the ordinary world's?"""
        return bool(self.moves or self.trends_bp or self.paces)

    def bend(self, since_s: Floats) -> Floats:
        """How far the logarithm of the price is off its path, at each of these seconds since the first window's start."""
        import numpy as np

        off = np.zeros_like(since_s)
        for at_s, bp, over_s in self.moves:
            off += bp * BP * ((since_s - at_s) / over_s).clip(0, 1) if over_s else bp * BP * (since_s >= at_s)
        if self.trends_bp:
            off += self._trend(since_s)
        return off

    def paces_of(self, since_s: Floats) -> Floats:
        """What the price's own steps of each second are multiplied by."""
        import numpy as np

        factors = np.ones_like(since_s)
        for span, factor in self.paces:
            factors[(since_s >= span.from_s) & (since_s < span.to_s)] = factor
        return factors

    def _trend(self, since_s: Floats) -> Floats:
        import numpy as np

        trends = np.array(self.trends_bp) * BP
        before = np.concatenate([[0.0], np.cumsum(trends)])  # of the first k of a round
        window = np.floor(since_s / WINDOW_S).astype(int)  # also before the first: the hour that risk compares with
        rounds, k = window // len(trends), window % len(trends)
        share = ((since_s - window * WINDOW_S - TREND_FROM_S) / (TREND_UNTIL_S - TREND_FROM_S)).clip(0, 1)
        moved: Floats = rounds * before[-1] + before[k] + trends[k] * share
        return moved

    def is_untraded(self, since_s: float) -> bool:
        """True when the exchange is silent that many seconds after the first window's start."""
        return any(a <= since_s < b for a, b in self.untraded)

    def is_unprinted(self, since_s: float) -> bool:
        """Does the print stamped with this second never come?"""
        return any(a <= since_s < b for a, b in self.unprinted)

    def late_ns(self, window: int) -> int:
        """How much later than by its luck this window is resolved."""
        return dict(self.late_s).get(window, 0) * S


ORDINARY = Scenario("", "a day like others", all_relayed=False)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "crash",
        "4 % down before window 3 (RANGE), 12 % at once in window 5 (a held print), storm before window 8 (VOLATILITY)",
        moves=(move(2, 60, -408, 150), move(5, 200, -1278)),
        paces=(calm_open(3), calm_open(6), Pace(within(7, 0, 225), 6.0), calm_open(8)),
    ),
    Scenario(
        "halt",
        "four windows up, four down: betting against the last one loses (DAILY_LOSS; with daily_loss_usd raised, "
        "DRAWDOWN_AHEAD)",
        trends_bp=(30.0,) * 4 + (-30.0,) * 4,
        paces=(Pace(Span(-FOR_EVER_S, FOR_EVER_S), 0.3),),
    ),
    Scenario(
        "streak",
        "six windows up, six down: runs for streak_reversal to bet against, streaks for sizing to follow (LOSS_PAUSE)",
        trends_bp=(30.0,) * 6 + (-30.0,) * 6,
        paces=(Pace(Span(-FOR_EVER_S, FOR_EVER_S), 0.3),),
    ),
    Scenario(
        "feed-loss",
        "the exchange falls silent before window 3 (STALE_PRICE), the oracle as window 5 opens (STALE_ORACLE)",
        untraded=(within(2, 240, 420),),
        unprinted=(within(5, 1, 90),),
    ),
    Scenario(
        "flat",
        "the price stands still until window 6 ends (FLAT_FEED); every tie is Up",
        paces=(Pace(Span(-45 * 60, 6 * WINDOW_S), 0.0),),
    ),
    Scenario(
        "gap",
        "no oracle print near window 2's opening (NO_STRIKE; window 1 without an outcome, so window 3 at base), one missing as "
        "window 5 opens (window 4 inferred), a leap as window 8 opens (PRICE_ABOVE_CAP or PRICE_BELOW_FLOOR)",
        moves=(move(8, -1, 60),),
        paces=(calm_open(1), calm_open(3)),
        unprinted=(within(2, -4, 5), within(5, 0, 1)),
        late_s=((1, 600),),
    ),
)
NAMES = tuple(scenario.name for scenario in SCENARIOS)


class UnknownScenario(ValueError):
    """No such special day; the sentence names the nearest."""


def scenario_named(name: str) -> Scenario:
    """The scenario of this name; "" is the ordinary day. Raises UnknownScenario."""
    for scenario in (ORDINARY, *SCENARIOS):
        if scenario.name == name:
            return scenario
    near = get_close_matches(name, NAMES, 1, 0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"one of {', '.join(NAMES)}"
    raise UnknownScenario(f'unknown scenario "{name}": {hint}')
