"""Candles as columns: what a `Strategy` judges. A pandas or polars frame with these columns will do as well."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from messages import Candle
from messages.units import NS

Floats = npt.NDArray[np.float64]

COLUMNS = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Candles:
    """Closed candles, oldest first, one array a column, all of one length.

    time     start, unix seconds       open … close   USD; NaN = nobody traded        volume   BTC, NaN where unknown
    imbalance   bid size / ask size of the exchange's top levels when the candle had closed; NaN = unknown
    """

    time: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    imbalance: Floats

    def __len__(self) -> int:
        return len(self.time)

    def upto(self, end: int, warm_up: int) -> "Candles":
        """The candles before index `end`, at most warm_up of them."""
        begin = max(0, end - warm_up)
        return Candles(**{f.name: getattr(self, f.name)[begin:end] for f in fields(self)})


def candles_of(frame: Any) -> Candles:
    """Candles of anything with the columns, by item or by attribute. KeyError names the one that is missing."""
    if isinstance(frame, Candles):
        return frame
    columns: list[Floats] = [_column(frame, name) for name in COLUMNS]
    extra = _column(frame, "imbalance", optional=True)
    columns.append(np.full(len(columns[0]), np.nan) if extra is None else extra)
    return Candles(*columns)


def candles_from(bars: Sequence[Candle | None], first_s: int, step_s: int, imbalance: float | None) -> Candles:
    """Candles of bars in unbroken order from first_s on, None = there is none. imbalance is the newest one's."""
    rows = [(b.open, b.high, b.low, b.close, b.volume) if b else (np.nan,) * 5 for b in bars]
    table = np.array(rows, dtype=np.float64).reshape(len(bars), 5)
    heavy = np.full(len(bars), np.nan)
    if len(bars) and imbalance is not None:
        heavy[-1] = imbalance
    time = first_s + step_s * np.arange(len(bars), dtype=np.float64)
    columns: list[Floats] = [time, *(np.ascontiguousarray(table[:, i]) for i in range(5)), heavy]
    return Candles(*columns)


def merged(minutes: Sequence[Candle | None], factor: int) -> list[Candle | None]:
    """Every `factor` candles as one; None where nobody traded in any of them. len(minutes) is a multiple of factor."""
    return [_merged([b for b in minutes[i : i + factor] if b], factor) for i in range(0, len(minutes), factor)]


def _merged(bars: Sequence[Candle], factor: int) -> Candle | None:
    if not bars:
        return None
    step_ns = factor * bars[0].interval_s * NS
    return Candle(
        symbol=bars[0].symbol,
        interval_s=factor * bars[0].interval_s,
        start_ns=bars[0].start_ns // step_ns * step_ns,
        open=bars[0].open,
        high=max(b.high for b in bars),
        low=min(b.low for b in bars),
        close=bars[-1].close,
        volume=sum(b.volume for b in bars),
        traded=any(b.traded for b in bars),
        source=bars[0].source,
    )


def _column(frame: Any, name: str, optional: bool = False) -> Any:
    try:
        found = frame[name] if hasattr(frame, "__getitem__") else getattr(frame, name)
    except (KeyError, AttributeError, IndexError, ValueError, TypeError):
        found = getattr(frame, name, None)
    except Exception as exc:  # polars raises its own
        if type(exc).__name__ != "ColumnNotFoundError":
            raise
        found = None
    if found is None:
        if optional:
            return None
        raise KeyError(f'candles need a column "{name}": they have {", ".join(COLUMNS)}')
    return np.ascontiguousarray(np.asarray(found), dtype=np.float64)
