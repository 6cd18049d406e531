"""Strategies: one file each, pure. `by_name(name)` loads the one asked for and nothing else.

A strategy has a name, a one-line description, the timeframe it lives on ("30s", "1m", or "" for none), its default
parameters, and `decide(view, params) -> Decision`. It sees only the view, says which side or why none, and knows nothing
of money, books or time: those are other people's rules. Same view and parameters, same decision, for ever.
"""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, cast

from messages import Outcome

Value = float | int | str | bool
Params = Mapping[str, Value]
Timeframe = Literal["30s", "1m", ""]

LABEL_ODDS = {"high": 0.9, "medium": 0.6, "low": 0.5}
"""What the labels stand for where they are shown. Labels, not probabilities: nothing is sized by them."""

# StrategyError   the operator named a strategy or a parameter that does not exist, or gave it an impossible value


class StrategyError(ValueError):
    """One sentence: what was named, what was probably meant."""


@dataclass(frozen=True)
class View:
    """What a strategy may look at.

    samples    closes of the thirty-second bars, oldest first, the newest ending at or before now; None = nobody traded
    minutes    the same of the closed one-minute bars
    imbalance  bid size / ask size of the exchange's top levels; None = unknown
    """

    slug: str
    start_s: int
    end_s: int
    now_ns: int
    samples: Sequence[float | None] = ()
    minutes: Sequence[float | None] = ()
    imbalance: float | None = None


@dataclass(frozen=True)
class Decision:
    """A side, or reason_code and reason for none. signal_type names the branch taken, indicators what it saw."""

    side: Outcome | None
    signal_type: str
    label: str = ""
    probability: float | None = None
    indicators: dict[str, float] = field(default_factory=dict)
    reason_code: str = ""
    reason: str = ""


class Strategy(Protocol):
    """See the head of this file. `check` refuses parameters that make no sense (StrategyError), before anything runs."""

    name: str
    description: str
    timeframe: Timeframe
    default_params: ClassVar[Params]

    def check(self, params: Params, has_volumes: bool) -> None: ...

    def decide(self, view: View, params: Params) -> Decision: ...


NAMES = ("always_down", "always_up", "coin", "rsi_ema", "rsi_macd")


def by_name(name: str) -> Strategy:
    """The strategy of that name; StrategyError with the nearest one where there is none."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(NAMES)}"
        raise StrategyError(f'unknown strategy "{name}": {hint}')
    return cast(Strategy, importlib.import_module(f"polybot.core.strategies.{name}").STRATEGY)


def params_of(strategy: Strategy, given: Params, has_volumes: bool = True) -> Params:
    """The defaults with `given` over them, checked: known names, the default's type, sensible values."""
    params = dict(strategy.default_params)
    for key, value in given.items():
        if key not in params:
            near = difflib.get_close_matches(key, list(params), 1)
            hint = f': did you mean "{near[0]}"?' if near else f"; it has {', '.join(params) or 'none'}"
            raise StrategyError(f'strategy {strategy.name} has no parameter "{key}"{hint}')
        params[key] = _fitting(strategy.name, key, value, params[key])
    strategy.check(params, has_volumes)
    return params


def _fitting(name: str, key: str, value: Value, default: Value) -> Value:
    """value in the default's type; an int will do for a float, nothing else is bent."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise StrategyError(f"strategy.{name}.{key} = {value!r} must be a {type(default).__name__}, like {default!r}")
    return value


def must(holds: bool, sentence: str) -> None:
    """For `check`: StrategyError unless it holds."""
    if not holds:
        raise StrategyError(sentence)
