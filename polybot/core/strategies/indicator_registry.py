"""Indicators by name, on candles: ours and those added from outside. A strategy may ask for one instead of importing it.

`Indicator` is the protocol for people who write their own: a name, a one-line description, default parameters,
`warm_up(**params)` and `compute(candles, **params)`, whose element i looks at candles ≤ i only.

Of indicators.py all are here but `microprice`: it needs the prices and sizes of both sides of a book, and candles have none.
An `EventStrategy` sees the book and imports it.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from polybot.core.strategies import indicators
from polybot.core.strategies.candles import Candles, Floats
from polybot.core.strategies.protocol import Params, StrategyError, must
from polybot.core.strategies.registry import Kind, Origin, declare, must_be_free, must_take, taken_over

Computed = Floats | tuple[Floats, ...]


class Indicator(Protocol):
    """An indicator that can be asked for by name: see the head of this file."""

    @property
    def name(self) -> str:
        """What it is asked for by."""
        ...

    @property
    def description(self) -> str:
        """One line that tells people what it measures."""
        ...

    @property
    def default_params(self) -> Params:
        """Its parameters with their defaults."""
        ...

    def warm_up(self, **params: Any) -> int:
        """The number of candles up to and with the first that has an answer."""
        ...

    def compute(self, candles: Candles, **params: Any) -> Computed:
        """One value a candle, or several such arrays; NaN while it warms up."""
        ...


@dataclass(frozen=True)
class _Ours:
    """A function of indicators.py, told which columns it takes."""

    name: str
    description: str
    function: Callable[..., Computed]
    columns: tuple[str, ...]
    needs: Callable[..., int]
    default_params: Params = field(default_factory=dict)

    def warm_up(self, **params: Any) -> int:
        return self.needs(**{**self.default_params, **params})

    def compute(self, candles: Candles, **params: Any) -> Computed:
        arrays = (getattr(candles, column) for column in self.columns)
        return self.function(*arrays, **{**self.default_params, **params})


_CLOSE = ("close",)


def _volatility(close: Floats, half_life: float) -> Floats:
    return _from_second(indicators.ewma_volatility(_returns(close), half_life), len(close))


def _drift(close: Floats, mean_bps: float, sigma_bps: float, slack: float) -> Computed:
    upper, lower = indicators.cusum(_returns(close) * 1e4, mean_bps, sigma_bps, slack)
    return _from_second(upper, len(close)), _from_second(lower, len(close))


def _lean(ratio: Floats) -> Floats:
    """The order book's imbalance, from bid size / ask size as candles have it."""
    lean = indicators.book_imbalance(ratio, np.ones(len(ratio)))
    return np.where(np.isnan(ratio), np.nan, lean)  # unknown is not balanced


def _returns(close: Floats) -> Floats:
    """One less than closes: their relative changes."""
    return np.diff(close) / close[:-1]


def _from_second(values: Floats, count: int) -> Floats:
    """An array as long as the candles: the first of them has no change."""
    return np.concatenate((np.full(1, np.nan), values))[:count]


_OURS: tuple[Indicator, ...] = (
    _Ours("sma", "simple mean", indicators.sma, _CLOSE, lambda period: period, {"period": 20}),
    _Ours("ema", "exponential mean", indicators.ema, _CLOSE, lambda period: period, {"period": 20}),
    _Ours("rsi", "relative strength, 0 to 100", indicators.rsi, _CLOSE, lambda period: period + 1, {"period": 14}),
    _Ours(
        "macd",
        "line, signal, histogram",
        indicators.macd,
        _CLOSE,
        lambda fast, slow, signal: slow + signal - 1,
        {"fast": 12, "slow": 26, "signal": 9},
    ),
    _Ours(
        "bollinger",
        "lower band, mean, upper band",
        indicators.bollinger,
        _CLOSE,
        lambda period, width: period,
        {"period": 20, "width": 2.0},
    ),
    _Ours(
        "atr",
        "average true range",
        indicators.atr,
        ("high", "low", "close"),
        lambda period: period + 1,
        {"period": 14},
    ),
    _Ours("roc", "rate of change, percent", indicators.roc, _CLOSE, lambda period: period + 1, {"period": 10}),
    _Ours("ewma", "exponential mean by half-life", indicators.ewma, _CLOSE, lambda half_life: 1, {"half_life": 20.0}),
    _Ours(
        "ewma_volatility",
        "volatility of one candle's return, by half-life",
        _volatility,
        _CLOSE,
        lambda half_life: 2,
        {"half_life": 20.0},
    ),
    _Ours(
        "cusum",
        "upward and downward drift of returns, in sigmas",
        _drift,
        _CLOSE,
        lambda mean_bps, sigma_bps, slack: 2,
        {"mean_bps": 0.0, "sigma_bps": 5.0, "slack": 0.5},
    ),
    _Ours("book_imbalance", "the exchange's book, -1 to 1; NaN where unknown", _lean, ("imbalance",), lambda: 1),
)
_BY_NAME: dict[str, Indicator] = {indicator.name: indicator for indicator in _OURS}
_added: dict[str, tuple[Indicator, Origin]] = {}


def add(indicator: Any, source: str, part: str = "") -> None:
    """Let an indicator from outside be asked for by name. Raises StrategyError where it cannot be one. part: as of a
    strategy.
    """
    for attribute, kind in (("name", str), ("description", str), ("default_params", Mapping)):
        must(hasattr(indicator, attribute), f"{source}: an indicator needs `{attribute}`, and this one has none")
        value = getattr(indicator, attribute)
        must(isinstance(value, kind), f"{source}: `{attribute}` = {value!r} is of the wrong kind")
    for method in ("warm_up", "compute"):
        must(callable(getattr(indicator, method, None)), f"{source}: an indicator needs `{method}`, it has none")
    must_take(indicator, "warm_up", (), indicator.default_params, source)
    must_take(indicator, "compute", ("candles",), indicator.default_params, source)
    name, origin = indicator.name, (source, taken_over(indicator) or part)
    must_be_free(name, origin, ("polybot itself", "") if name in _BY_NAME else _added.get(name, (None, origin))[1])
    _added[name] = (indicator, origin)


def register(indicator: type[Kind]) -> type[Kind]:
    """Class decorator: one object of it can be asked for by its own `name` from here on. Raises StrategyError."""
    declare(indicator, add, _added)
    return indicator


def known() -> dict[str, str]:
    """Every name → where it comes from."""
    return dict.fromkeys(_BY_NAME, "built in") | {name: source for name, (_, (source, _)) in _added.items()}


def by_name(name: str) -> Indicator:
    """The indicator of that name; StrategyError with the nearest one where there is none."""
    if name in _added:
        return _added[name][0]
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, list(known()), 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(sorted(known()))}"
        raise StrategyError(f'unknown indicator "{name}": {hint}')
    return _BY_NAME[name]
