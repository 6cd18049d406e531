"""The venue's token buckets for one signer, kept on our side, so that we never meet its limit by surprise (facts §12.2).

Orders wait; cancels never do. An order may go only while, after it, everything that rests could be cancelled at once with
RESERVE to spare: what can be placed can always be taken away. Machine time; the standard tier's figures, the lowest.
"""

from dataclasses import dataclass

RESERVE = 20.0  # cancels that stay free for the kill switch's repetitions


@dataclass
class Bucket:
    """`level` tokens at machine time `at_s`. Below 0: more was spent than there was (cancels are not held back)."""

    rate: float
    burst: float
    level: float
    at_s: float = 0.0

    def refill(self, mono_s: float) -> None:
        """Add the tokens that came since the last look; mono_s is machine time."""
        if mono_s > self.at_s:
            self.level = min(self.burst, self.level + (mono_s - self.at_s) * self.rate)
            self.at_s = mono_s

    def take(self, tokens: float) -> None:
        """Spent, whether they were there or not."""
        self.level -= tokens

    def wait_s(self, tokens: float) -> float:
        """Machine seconds until so many are there; 0 = now."""
        return max(0.0, (tokens - self.level) / self.rate)


class Budget:
    """Orders 40/s, burst 60; cancels 80/s, burst 120: the standard tier."""

    def __init__(self) -> None:
        self._orders = Bucket(rate=40.0, burst=60.0, level=60.0)
        self._cancels = Bucket(rate=80.0, burst=120.0, level=120.0)

    def wait_s(self, resting: int, mono_s: float) -> float:
        """How long an order must wait while `resting` others are open; 0 = it may go, and is counted."""
        self._orders.refill(mono_s)
        self._cancels.refill(mono_s)
        needed = min(self._cancels.burst, resting + 1 + RESERVE)
        wait_s = max(self._orders.wait_s(1.0), self._cancels.wait_s(needed))
        if wait_s == 0.0:
            self._orders.take(1.0)
        return wait_s

    def cancelled(self, orders: int, mono_s: float) -> None:
        """Count a cancel of so many orders that went out."""
        self._cancels.refill(mono_s)
        self._cancels.take(orders)
