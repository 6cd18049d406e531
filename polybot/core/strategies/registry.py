"""Strategies by name: those of strategies/, those that were added from outside, and the parameters each will take."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from polybot.core.strategies import BUILT_IN
from polybot.core.strategies.protocol import (
    TIMEFRAMES,
    Checks,
    Params,
    Strategy,
    StrategyError,
    Value,
    is_event_strategy,
    must,
)

Kind = TypeVar("Kind")
Origin = tuple[str, str]  # the file or package, and what it is called in there
_added: dict[str, tuple[Strategy, Origin]] = {}  # name → (object, where it came from)
_declared: dict[
    type[Any], tuple[dict[str, Any], str]
] = {}  # class that named itself → (where it stands, under which name)


def add(strategy: Any, source: str, name: str = "", part: str = "") -> None:
    """Let a strategy from outside be named, by its own name or this one. Raises StrategyError where it cannot be one.

    part     what it is called in its source: whoever comes again from there replaces itself
    """
    check_shape(strategy, source)
    name = name or strategy.name
    origin = (source, taken_over(strategy) or part)
    must_be_free(name, origin, ("polybot itself", "") if name in BUILT_IN else _added.get(name, (None, origin))[1])
    _added[name] = (strategy, origin)


def register(strategy: type[Kind]) -> type[Kind]:
    """Class decorator: one object of it can be named from here on, by its own `name`. Raises StrategyError.

    A file that is dropped into the plug-in folder needs it not: there every class with the shape of a strategy is found.
    """
    declare(strategy, add, _added)
    return strategy


def must_be_free(name: str, origin: Origin, holder: Origin) -> None:
    """StrategyError, naming both, unless nobody but it itself has the name."""
    source, part = origin
    sentence = f'{source}: the name "{name}" is taken by {holder[0]}'
    if holder[0] == source:
        sentence = f'{source}: the name "{name}" is there twice: of `{holder[1]}` and of `{part}`'
    must(holder == origin, sentence)


# --- classes that name themselves


def declare(kind: type[Any], add: Callable[..., None], added: dict[str, Any]) -> None:
    """What both decorators do: `add` one object of the class, and remember that the class itself wished it.

    added   where `add` puts it
    """
    source = source_of(kind)
    thing = made(kind, source)
    add(thing, source, part=kind.__name__)
    _declared[kind] = added, thing.name


def taken_over(thing: Any) -> str:
    """Its class's name where the class has named itself, else "": whoever found it in its file now names it instead."""
    return type(thing).__name__ if _withdraw(type(thing)) else ""


def withdraw_all(module: str) -> None:
    """What classes of this module said of themselves is taken back: importing it failed further down."""
    for kind in [kind for kind in _declared if kind.__module__ == module]:
        _withdraw(kind)


def _withdraw(kind: type[Any]) -> bool:
    added, name = _declared.pop(kind, ({}, ""))
    return added.pop(name, None) is not None


def source_of(kind: type[Any]) -> str:
    """The file a class stands in; where there is none, as in a notebook, its module and its name."""
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        return f"{kind.__module__}.{kind.__qualname__}"


def made(kind: type[Kind], source: str) -> Kind:
    """One object of the class. StrategyError, naming source, where it does not come about."""
    try:
        return kind()
    except (Exception, SystemExit) as exc:
        raise refusal(source, f"{kind.__name__}()", exc) from exc


def refusal(source: str, what: str, exc: BaseException) -> StrategyError:
    """The sentence on other people's code that raised, with its source; a StrategyError's is its own.

    what   was tried: "importing it"
    """
    if not isinstance(exc, StrategyError):
        return StrategyError(f"{source}: {what} failed: {type(exc).__name__}: {exc}")
    return StrategyError(str(exc) if str(exc).startswith(source) else f"{source}: {exc}")


# --- asking


def known() -> dict[str, str]:
    """Every name that can be asked for → where it comes from."""
    return dict.fromkeys(BUILT_IN, "built in") | {name: source for name, (_, (source, _)) in _added.items()}


def by_name(name: str) -> Strategy:
    """The strategy of that name; StrategyError with the nearest one where there is none."""
    if name in _added:
        return _added[name][0]
    if name not in BUILT_IN:
        names = sorted(known())
        near = difflib.get_close_matches(name, names, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(names)}"
        raise StrategyError(f'unknown strategy "{name}": {hint}')
    return cast(Strategy, importlib.import_module(f"polybot.core.strategies.builtin.{name}").STRATEGY)


def check_shape(strategy: Any, source: str) -> None:
    """StrategyError, naming source and what is missing, unless it has everything its protocol asks for."""
    event = is_event_strategy(strategy)
    kinds: list[tuple[str, Any]] = [
        ("name", str),
        ("description", str),
        ("default_params", Mapping),
        ("param_grid", Mapping),
    ]
    kinds += [("from_s", float | int), ("until_s", float | int)] if event else [("timeframe", str)]
    for attribute, kind in kinds:
        must(hasattr(strategy, attribute), f"{source}: a strategy needs `{attribute}`, and this one has none")
        value = getattr(strategy, attribute)
        must(isinstance(value, kind), f"{source}: `{attribute}` = {value!r} is of the wrong kind")
    must(strategy.name.isidentifier(), f'{source}: the name "{strategy.name}" must be letters, digits and _ only')
    method = "on_event" if event else "evaluate"
    must(callable(getattr(strategy, method, None)), f"{source}: a strategy needs `{method}`, and this one has none")
    given = ("message", "view", "now_ns") if event else ("candles",)
    must_take(strategy, method, given, strategy.default_params, source)
    if hasattr(strategy, "explain") and not event:
        must_take(strategy, "explain", ("candles",), strategy.default_params, source)
    if isinstance(strategy, Checks):
        must_take(strategy, "check", ("params", "has_volumes"), {}, source)
    for count in ("warm_up", "windows_back"):
        value = getattr(strategy, count, 1)
        must(
            isinstance(value, int) and value >= 0, f"{source}: `{count}` = {value!r} must be a whole number, 0 or more"
        )
    if not event:
        frames = ", ".join(f'"{frame}"' for frame in TIMEFRAMES)
        must(strategy.timeframe in TIMEFRAMES, f'{source}: timeframe "{strategy.timeframe}" is none of {frames}')


def must_take(thing: Any, method: str, given: Sequence[str], params: Params, source: str) -> None:
    """StrategyError, naming file, class and what is expected, unless the method can be called as the bot calls it.

    given     what it gets in their order, by whatever names; then every default parameter by its own name
    """
    wanted = f"{method}({', '.join(['self', *given, *params])})"
    try:
        taken = inspect.signature(getattr(thing, method))
    except (ValueError, TypeError):  # a built-in function without a signature: it is tried when it is asked
        return
    try:
        taken.bind(*given, **params)
    except TypeError as exc:
        name = type(thing).__name__
        raise StrategyError(f"{source}: {name} must have `{wanted}`, and has `{method}{taken}`: {exc}") from exc


# --- parameters


def params_of(strategy: Any, given: Params, has_volumes: bool = True) -> Params:
    """The defaults with `given` over them, checked: known names, the default's type, sensible values."""
    params = dict(strategy.default_params)
    for key, value in given.items():
        if key not in params:
            near = difflib.get_close_matches(key, list(params), 1)
            hint = f': did you mean "{near[0]}"?' if near else f"; it has {', '.join(params) or 'none'}"
            raise StrategyError(f'strategy {strategy.name} has no parameter "{key}"{hint}')
        params[key] = _fitting(strategy.name, key, value, params[key])
    if isinstance(strategy, Checks):
        _checked(strategy, params, has_volumes)
    return params


def _checked(strategy: Checks, params: Params, has_volumes: bool) -> None:
    """Other people's `check` may fail: that is a refusal too."""
    try:
        strategy.check(params, has_volumes)
    except StrategyError:
        raise
    except (Exception, SystemExit) as exc:
        raise StrategyError(f"{type(strategy).__name__}.check failed: {type(exc).__name__}: {exc}") from exc


def _fitting(name: str, key: str, value: Value, default: Value) -> Value:
    """value in the default's type; an int will do for a float, nothing else is bent."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise StrategyError(f"strategy.{name}.{key} = {value!r} must be a {type(default).__name__}, like {default!r}")
    return value
