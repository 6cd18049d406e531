"""Waiting for what another thread or process is to bring about: never a sleep that hopes, always a deadline that tells."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    found: Callable[[], T | None], what: str, within_s: float = 20.0, again: Callable[[], object] | None = None
) -> T:
    """What `found` returns, once it is true; `again` is called after each look in vain.

    Fails after so many machine seconds, saying what was waited for.
    """
    deadline = time.monotonic() + within_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {what}"
        if again is not None:
            again()
        time.sleep(0.01)
    return value
