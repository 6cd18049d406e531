"""What a loop tells of itself: its heart beats each HEARTBEAT_S of machine time, whatever its core does."""

import os
import time

from messages import EndpointHealth, Heartbeat, schema_hash
from polybot.runtime.base.clock import mono_s
from polybot.runtime.loop.latency import Gauge

HEARTBEAT_S = 0.5
FIRST_BEATS_S = 0.3


class Heart:
    """When the next beat is due (machine time), and what the loop measured since the last one."""

    def __init__(self, actor: str, boot: int) -> None:
        self._actor, self._boot = actor, boot
        self._started_s = mono_s()
        self.next_s = 0.0
        self.cycles = Gauge()
        self._lag_ms = 0.0

    def lagged(self, lag_ms: float) -> None:
        """So old was the oldest of several words that waited for us."""
        self._lag_ms = max(self._lag_ms, lag_ms)

    def is_due(self, now_s: float) -> bool:
        """True once a beat. The first beats come quickly: peers that are just reconnecting lose the very first."""
        if now_s < self.next_s:
            return False
        is_young = now_s - self._started_s <= FIRST_BEATS_S
        self.next_s = now_s + (HEARTBEAT_S / 10 if is_young else HEARTBEAT_S)
        return True

    def beat(
        self,
        now_s: float,
        *,
        handled: int,
        gaps: int,
        dropped: int,
        decisions: Gauge,
        api: Gauge,
        endpoints: tuple[EndpointHealth, ...],
    ) -> Heartbeat:
        """The Heartbeat that is said now."""
        (cycle_p50, cycle_p95), (decision_p50, decision_p95), (api_p50, api_p95) = (
            gauge.quantiles_ms() for gauge in (self.cycles, decisions, api)
        )
        lag_ms, self._lag_ms = self._lag_ms, 0.0
        return Heartbeat(
            actor=self._actor,
            pid=os.getpid(),
            boot=self._boot,
            mono_ns=time.monotonic_ns(),
            uptime_s=round(now_s - self._started_s, 3),
            handled=handled,
            inbox_lag_ms=round(lag_ms, 3),
            gaps=gaps,
            dropped=dropped,
            schema=schema_hash(),
            cycle_p50_ms=cycle_p50,
            cycle_p95_ms=cycle_p95,
            decision_p50_ms=decision_p50,
            decision_p95_ms=decision_p95,
            api_p50_ms=api_p50,
            api_p95_ms=api_p95,
            endpoints=endpoints,
        )
