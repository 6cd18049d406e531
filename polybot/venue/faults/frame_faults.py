"""Faults on the way of a WebSocket frame: never sent, sent late, twice, or after its successor."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from polybot.venue.faults.engine import FaultEngine

Queue = Callable[[str], None]
Gate = Callable[[str, Queue], None]
"""Given a frame and the socket's outbox: lets it in now, later, twice or never."""

ALIVE = ("PONG", '{"op":"pong"}')  # a stalled socket still says that it lives


def open_gate(frame: str, queue: Queue) -> None:
    """Send every frame at once, as without faults."""
    queue(frame)


def without_sizes(trade: dict[str, Any]) -> dict[str, Any]:
    """A trade that tells neither its size nor those of its makers."""
    makers = [maker | {"matched_amount": ""} for maker in trade.get("maker_orders") or ()]
    return trade | {"size": "", "maker_orders": makers}


def _each(shown: Any) -> Any:
    if isinstance(shown, list):
        return [_each(event) for event in shown]
    return without_sizes(shown) if isinstance(shown, dict) and shown.get("event_type") == "trade" else shown


class FaultyGate:
    """What each frame of one socket must pass before its outbox: the faults of its channel."""

    def __init__(self, faults: FaultEngine, channel: str) -> None:
        self._faults, self._channel = faults, channel
        self._held: list[str] = []

    def __call__(self, frame: str, queue: Queue) -> None:
        if not self._faults.armed or frame in ALIVE:
            queue(frame)
            return
        if self._faults.on("ws_stall", self._channel) is not None:
            return
        late = self._faults.on("ws_late", self._channel)
        if late is not None:
            asyncio.get_running_loop().call_later(self._faults.machine_s(late[0], late[0].delay_s), queue, frame)
            return
        if self._channel != "user":
            queue(frame)
            return
        self._user(frame, queue)

    def _user(self, frame: str, queue: Queue) -> None:
        if self._faults.on("empty_size") is not None:
            frame = json.dumps(_each(json.loads(frame)), separators=(",", ":"))
        frames = [frame, frame] if self._faults.strikes("user_twice") is not None else [frame]
        swap = self._faults.on("user_reorder")
        if swap is not None and not self._held:
            self._held = frames
            wait_s = self._faults.machine_s(swap[0], swap[0].delay_s)
            asyncio.get_running_loop().call_later(wait_s, self._release, queue, frames)
            return
        for each in frames:
            queue(each)
        self._release(queue, self._held)

    def _release(self, queue: Queue, frames: list[str]) -> None:
        """What was held back, unless it has gone already."""
        if frames is self._held:
            self._held = []
            for each in frames:
                queue(each)
