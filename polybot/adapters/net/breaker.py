"""A circuit breaker: a host that fails again and again is left alone for a while, then tried by one read.

closed     every read goes out; FAILURES in a row open it, a refusal by the server opens it at once
open       no read goes out until the pause of `retry.py` is over, longer with each opening
half_open  one read is on its way to try; its success closes the breaker, its failure opens it again

Shared by the lanes of one process, hence thread safe. Machine time.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

from polybot.adapters.net.retry import Backoff

FAILURES = 5
State = Literal["closed", "open", "half_open"]


class Breaker:
    """`enter` before each read, then exactly one of `succeeded`, `failed`, `refused`. tell(state, why): each change."""

    def __init__(
        self,
        tell: Callable[[State, str], None] = lambda _state, _why: None,
        backoff: Backoff | None = None,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._backoff, self._mono_s = tell, backoff or Backoff(), mono_s
        self._lock = threading.Lock()
        self._until_s = 0.0
        self._failed_openings = self._refusals = 0
        self.state: State = "closed"
        self.failures = self.opened = 0
        self.why = ""

    def enter(self) -> str:
        """ "" when the read may go out, else why not."""
        with self._lock:
            if self.state == "closed":
                return ""
            if self.state == "open" and self._mono_s() >= self._until_s:
                self._become("half_open")
                return ""
            return f"left alone for {self.retry_s:.1f} s more: {self.why}"

    def succeeded(self) -> None:
        """The host answered: forget its failures and close the breaker."""
        with self._lock:
            self.failures = self._failed_openings = self._refusals = 0
            self.why = ""
            if self.state != "closed":
                self._become("closed")

    def failed(self, why: str) -> None:
        """The host was not reached, or gave an answer that is none; enough of these in a row open the breaker."""
        with self._lock:
            self.failures += 1
            self.why = why
            if self.state == "half_open" or (self.state == "closed" and self.failures >= FAILURES):
                self._open(self._backoff.wait_s(self._failed_openings))
                self._failed_openings += 1

    def refused(self, why: str, asked_s: float) -> None:
        """The server said no. asked_s: its Retry-After, 0 = none."""
        with self._lock:
            self.failures += 1
            self.why = why
            self._open(self._backoff.refused_s(self._refusals, asked_s))
            self._refusals += 1

    @property
    def retry_s(self) -> float:
        """Until a read may go out; 0 when one may."""
        return max(0.0, self._until_s - self._mono_s()) if self.state == "open" else 0.0

    def _open(self, pause_s: float) -> None:
        until_s = self._mono_s() + pause_s
        self._until_s = max(self._until_s, until_s)  # a read that left before the refusal must not shorten it
        if self.state != "open":
            self.opened += 1
            self._become("open")

    def _become(self, state: State) -> None:
        self.state = state
        self._tell(state, self.why)
