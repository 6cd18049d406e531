"""What the bot acts on: the last element of `evaluate`, told with the strategy's own explanation where it has one."""

from typing import Any

import numpy as np
import numpy.typing as npt

from polybot.core.strategies import Candles, Decision, Explains, Params, Sides, Strategy


def decide(strategy: Strategy, candles: Candles, params: Params) -> Decision:
    """What the bot acts on: the last element of `evaluate`, with the strategy's own explanation where it has one.

    A strategy that fails or answers nonsense has no opinion (STRATEGY_FAILED): it loses the window, never the bot.
    """
    try:
        if isinstance(strategy, Explains):
            return strategy.explain(candles, **params)
        sides, confidence = split(strategy.evaluate(candles, **params), len(candles.time))
    except Exception as exc:  # noqa: BLE001 other people's code: whatever it raises is its refusal
        return Decision(None, "none", reason_code="STRATEGY_FAILED", reason=f"{type(exc).__name__}: {exc}")
    seen = {} if confidence is None else {"confidence": float(confidence[-1])}
    if sides[-1] == 0:
        return Decision(None, "no_signal", indicators=seen, reason_code="NO_SIGNAL", reason="no signal")
    return Decision("UP" if sides[-1] > 0 else "DOWN", strategy.name, indicators=seen)


def split(answer: Any, length: int) -> tuple[Sides, npt.NDArray[np.float64] | None]:
    """(sides, confidences) of what `evaluate` returned. ValueError where it is not one of −1, 0, +1 a candle."""
    raw, confidence = answer if isinstance(answer, tuple) else (answer, None)
    sides = np.asarray(raw, dtype=np.float64)
    if sides.shape != (length,):
        raise ValueError(f"evaluate answered shape {sides.shape} for {length} candles")
    if length and not np.isin(sides, (-1, 0, 1)).all():
        raise ValueError(f"evaluate answered {sides[~np.isin(sides, (-1, 0, 1))][0]:g}: only -1, 0 and 1 are bets")
    return sides.astype(np.int8), None if confidence is None else np.asarray(confidence, dtype=np.float64)


def by_explaining(strategy: Explains, candles: Candles, warm_up: int, params: Params) -> Sides:
    """`evaluate` of a strategy that explains: each element from the `warm_up` candles that end with it, as live does."""
    out = np.zeros(len(candles), dtype=np.int8)
    for end in range(1, len(candles) + 1):
        side = strategy.explain(candles.upto(end, warm_up), **params).side
        out[end - 1] = 0 if side is None else 1 if side == "UP" else -1
    return out
