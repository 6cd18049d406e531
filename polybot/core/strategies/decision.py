"""What the bot acts on: the last element of `evaluate`, told with the strategy's own explanation where it has one.

The two must agree: else a sweep would have tried another rule than the one that trades.

Whatever other people's code answers is made sound here, or refused, before anything else of the bot looks at it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from messages import Outcome
from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.protocol import Decision, Explains, Params, Sides, Strategy

_SIGNS: dict[Outcome | None, int] = {None: 0, "UP": 1, "DOWN": -1}


def decide(strategy: Strategy, candles: Candles, params: Params) -> Decision:
    """What the bot acts on: the last element of `evaluate`, with the strategy's own explanation where it has one.

    A strategy that fails or answers nonsense has no opinion (STRATEGY_FAILED): it loses the window, never the bot.
    """
    try:
        if isinstance(strategy, Explains) and _sweeps_by_explaining(strategy):
            return sound(strategy.explain(candles, **params))  # the last element by definition: spare the others
        sides, confidence = split(strategy.evaluate(candles, **params), len(candles.time))
        if isinstance(strategy, Explains):
            return _agreeing(sound(strategy.explain(candles, **params)), int(sides[-1]))
        return _told(strategy.name, int(sides[-1]), None if confidence is None else float(confidence[-1]))
    except (Exception, SystemExit) as exc:  # noqa: BLE001 other people's code: whatever it raises is its refusal
        return failed(exc)


def failed(exc: BaseException) -> Decision:
    """What is decided where a strategy raised, or answered what is not sound."""
    text = _text("reason", f"{type(exc).__name__}: {exc}")
    return Decision(None, "none", reason_code="STRATEGY_FAILED", reason=text)


def sound(answer: Any) -> Decision:
    """The decision with nothing but plain text and plain, finite numbers in it: others divide by them and send them on.

    ValueError says what of it cannot be. NumPy's numbers are natural in a strategy, and are taken.
    """
    if not isinstance(answer, Decision):
        raise ValueError(f"the answer is {answer!r}: it must be a Decision")
    if not isinstance(answer.indicators, Mapping):
        raise ValueError(f"indicators = {answer.indicators!r}: they must be a dict of name and number")
    if not isinstance(answer.rests, bool | np.bool_):
        raise ValueError(f"rests = {answer.rests!r} must be True or False")
    return Decision(
        side=_side(answer.side),
        signal_type=_text("signal_type", answer.signal_type),
        label=_text("label", answer.label),
        probability=None if answer.probability is None else _within("probability", answer.probability, 0.0),
        indicators={_text("an indicator's name", key): _number(key, value) for key, value in answer.indicators.items()},
        reason_code=_text("reason_code", answer.reason_code),
        reason=_text("reason", answer.reason),
        limit=None if answer.limit is None else _within("limit", answer.limit, 1e-6),
        rests=bool(answer.rests),
    )


def _sweeps_by_explaining(strategy: object) -> bool:
    return isinstance(strategy, ByExplaining) and type(strategy).evaluate is ByExplaining.evaluate


def _agreeing(explained: Decision, side: int) -> Decision:
    """Live must bet as a sweep has: ValueError where the explanation is of another side than `evaluate` answered."""
    if _SIGNS[explained.side] != side:
        raise ValueError(f"explain says {explained.side} where the last element of evaluate is {side}: they must agree")
    return explained


def _told(name: str, side: int, confidence: float | None) -> Decision:
    """The decision of a strategy that does not explain. A confidence of NaN is none."""
    seen = {} if confidence is None or math.isnan(confidence) else {"confidence": confidence}
    if side == 0:
        return sound(Decision(None, "no_signal", indicators=seen, reason_code="NO_SIGNAL", reason="no signal"))
    return sound(Decision("UP" if side > 0 else "DOWN", name, indicators=seen))


def _side(side: Any) -> Outcome | None:
    if side is None:
        return None
    if isinstance(side, str) and side in ("UP", "DOWN"):
        return "UP" if side == "UP" else "DOWN"
    raise ValueError(f'side = {side!r} must be "UP", "DOWN" or None')


def _text(what: str, value: Any) -> str:
    """Plain text, and such that it can be sent: half of a surrogate pair becomes a question mark."""
    if not isinstance(value, str):
        raise ValueError(f"{what} = {value!r} must be text")
    return value.encode("utf-8", "replace").decode()


def _number(what: str, value: Any) -> float:
    number = math.nan if isinstance(value, str | bytes) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"{what} = {value!r} must be a finite number")
    return number


def _within(what: str, value: Any, least: float) -> float:
    number = _number(what, value)
    if not least <= number <= 1:
        raise ValueError(f"{what} = {number:g} must be {least:g} … 1")
    return number


def split(answer: Any, length: int) -> tuple[Sides, npt.NDArray[np.float64] | None]:
    """(sides, confidences) of what `evaluate` returned. ValueError where it is not one of −1, 0, +1 a candle."""
    raw, confidence = answer if isinstance(answer, tuple) else (answer, None)
    sides = np.asarray(raw, dtype=np.float64)
    if sides.shape != (length,):
        raise ValueError(f"evaluate answered shape {sides.shape} for {length} candles")
    if length and not np.isin(sides, (-1, 0, 1)).all():
        raise ValueError(f"evaluate answered {sides[~np.isin(sides, (-1, 0, 1))][0]:g}: only -1, 0 and 1 are bets")
    if confidence is None:
        return sides.astype(np.int8), None
    sure = np.asarray(confidence, dtype=np.float64)
    if sure.shape != (length,):
        raise ValueError(f"evaluate answered confidences of shape {sure.shape} for {length} candles")
    return sides.astype(np.int8), sure


class ByExplaining(ABC):
    """`evaluate` for a strategy that explains: each element from the `warm_up` candles that end with it, as live does."""

    default_params: ClassVar[Params]
    warm_up: int

    @abstractmethod
    def explain(self, candles: Candles, **params: Any) -> Decision: ...

    def evaluate(self, candles: Any, **params: Any) -> Sides:
        known, given = candles_of(candles), {**self.default_params, **params}
        ends = range(1, len(known) + 1)
        sides = [_SIGNS[self.explain(known.upto(end, self.warm_up), **given).side] for end in ends]
        return np.array(sides, dtype=np.int8)
