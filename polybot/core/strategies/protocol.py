"""Strategies: one file each, pure. Two protocols, both documented here for people who write their own.

`Strategy` judges candles. It has a name, a one-line description, the timeframe it lives on, its default parameters, a
grid worth sweeping, and `evaluate(candles, **params)`: an array as long as the candles of −1 (DOWN), 0 (no bet), +1 (UP),
or that array and one of confidences in 0 … 1 (None or NaN: none). Element i is the bet for the window in which candle
i ends, and may look at candles ≤ i only. The bot calls the very same function on what it has heard and takes the last
element; so does the backtest with all of them.

`EventStrategy` hears what candles cannot say: `on_event(message, view, now_ns)` returns bets on windows, when it likes.

What either may add:
  explain(candles, **params) -> Decision   why the last element is what it is, with the same side; shown in the window's
                                           row and by `why`
  check(params, has_volumes)               refuses parameters that make no sense (StrategyError), before anything runs
  warm_up                                  how many candles the last element depends on at most; else WARM_UP
  windows_back                             events only: how many ended windows' outcomes it looks at; else none

Neither knows anything of money, sizes or risk: those are other people's rules. Same input, same answer, for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from messages import Outcome
from messages.base import Word
from polybot.core.market.view import MarketView
from polybot.core.market.windows import Window
from polybot.core.strategies.candles import Candles

Value = float | int | str | bool
Params = Mapping[str, Value]
Timeframe = Literal["30s", "1m", "5m", ""]
Sides = npt.NDArray[np.int8]

TIMEFRAMES: tuple[Timeframe, ...] = ("30s", "1m", "5m", "")
WARM_UP: dict[Timeframe, int] = {"30s": 60, "1m": 120, "5m": 24, "": 1}
"""Candles handed over where a strategy states no `warm_up` of its own; more than three hours of them are never kept."""

# StrategyError   the operator named a strategy or a parameter that does not exist, or gave it an impossible value


class StrategyError(ValueError):
    """One sentence: what was named, what was probably meant."""


@dataclass(frozen=True)
class Decision:
    """A side, or reason_code and reason for none. signal_type names the branch taken, indicators what it saw.

    probability   of `side`, 0 … 1, only from strategies that publish one: Kelly sizes by it
    limit         the dearest price it is worth, 0 … 1; None: as the bot's own rule has it
    rests         only for bets before the window opens: wait in the book at `limit` or better, post-only, until it does
    """

    side: Outcome | None
    signal_type: str
    label: str = ""
    probability: float | None = None
    indicators: dict[str, float] = field(default_factory=dict)
    reason_code: str = ""
    reason: str = ""
    limit: float | None = None
    rests: bool = False


class Strategy(Protocol):
    """A strategy that judges candles: see the head of this file.

    timeframe     of its candles: "30s", "1m", "5m", or "" for none: then one candle comes, with only the window's start
    param_grid    parameter → values worth trying, for sweeps
    """

    name: str
    description: str
    timeframe: Timeframe
    default_params: ClassVar[Params]
    param_grid: ClassVar[Mapping[str, Sequence[Value]]]

    def evaluate(self, candles: Any, **params: Any) -> Any:
        """The bets, one element a candle: −1 DOWN, 0 no bet, +1 UP; with or without confidences."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A strategy that can say why it bets as it does."""

    def explain(self, candles: Candles, **params: Any) -> Decision:
        """Why the last element of `evaluate` is what it is, with the same side."""
        ...


@runtime_checkable
class Checks(Protocol):
    """A strategy that knows which of its parameters make sense."""

    def check(self, params: Params, has_volumes: bool) -> None:
        """Refuse parameters that cannot work; raises StrategyError. has_volumes: False on a tape without volumes."""
        ...


@dataclass(frozen=True)
class Bet:
    """What an EventStrategy wants of the window that starts at start_s; side None: nothing now, and why.

    is_final   without a side: nor later; its row is written at once, and it is not asked about this window again
    """

    start_s: int
    decision: Decision
    is_final: bool = False


@dataclass(frozen=True)
class EventView:
    """What may be looked at: the newest of everything heard, the candles of the strategy's timeframe, the window in hand."""

    market: MarketView
    candles: Candles
    window: Window


class EventStrategy(Protocol):
    """A strategy that hears events: see the head of this file.

    from_s, until_s   when it may bet, world seconds after the window's start; after until_s without a bet the window's row
                      says why it wanted none. Negative: before the start (at most 60 s), when there is no strike yet
    """

    name: str
    description: str
    default_params: ClassVar[Params]
    param_grid: ClassVar[Mapping[str, Sequence[Value]]]
    from_s: float
    until_s: float

    def on_event(self, message: Word, view: EventView, now_ns: int, **params: Any) -> Iterable[Bet]:
        """Bets on windows, if this message is a reason for any; now_ns is world time."""
        ...


def is_event_strategy(strategy: object) -> bool:
    """True for an EventStrategy, False for one that judges candles."""
    return hasattr(strategy, "on_event")


def must(holds: bool, sentence: str) -> None:
    """Raises StrategyError with this sentence unless `holds`; for use in `check`."""
    if not holds:
        raise StrategyError(sentence)
