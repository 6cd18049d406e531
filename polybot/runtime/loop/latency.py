"""How long things took lately: the newest few hundred durations, told as two quantiles with each heartbeat."""

from collections import deque

KEPT = 512


class Gauge:
    """Durations in seconds go in, from any thread; quantiles in milliseconds come out."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """One more; the oldest beyond KEPT is forgotten."""
        self._newest.append(seconds)

    def quantiles_ms(self) -> tuple[float, float]:
        """(p50, p95); −1 each before the first."""
        ordered = sorted(self._newest.copy())
        if not ordered:
            return -1.0, -1.0
        last = len(ordered) - 1
        return round(ordered[last // 2] * 1000, 3), round(ordered[round(last * 0.95)] * 1000, 3)
