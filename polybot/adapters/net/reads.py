"""Reads are three-valued: an answer, a clear "there is none", or no answer. The third is never taken for the second."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Known(Generic[T_co]):
    """The other side gave a clear answer: `value`."""

    value: T_co


@dataclass(frozen=True)
class Empty:
    """The other side said clearly that it has none."""


@dataclass(frozen=True)
class Unknown:
    """No clear answer, and why. http: the status that came instead of one; 0 = none came, or one that could not be read."""

    why: str
    http: int = field(default=0, compare=False)


Read = Known[Any] | Empty | Unknown
"""Of somebody else's JSON."""
