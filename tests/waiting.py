"""Waiting for what another thread or process is to bring about: never a sleep that hopes, always a deadline that tells."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(found: Callable[[], T | None], what: str, within_s: float = 20.0) -> T:
    """What `found` returns, once it is true. Fails after so many machine seconds, saying what was waited for."""
    deadline = time.monotonic() + within_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {what}"
        time.sleep(0.01)
    return value
