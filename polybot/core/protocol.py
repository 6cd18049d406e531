"""Core: what every actor's decisions are made of, a state that hears words and says words."""

from collections.abc import Iterable
from typing import Protocol

from messages import Word


class Core(Protocol):
    """A plain object that thinks. Constructed without arguments; the first word it hears is `Started`.

    It never sleeps, sends, reads a clock, draws a random number or logs. The loop performs what it says, in order, one
    word at a time: a core may be a generator, and may be stopped for ever between any two yields.
    """

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        """Hear one word at world time now_ns; say any number."""
        ...
