"""RTDS, Polymarket's legacy price stream (facts §8.1).

A subscription without filters gets updates; one with filters gets one snapshot and then nothing, as measured on the real
server by two independent probes. Text PING is answered PONG.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from polybot.venue.hub import Connection, decoded, pong

encode = msgspec.json.encode

CHAINLINK = "crypto_prices_chainlink"
TWAP_SIXTY = "crypto_prices_twap_sixty"
WINDOWS = {CHAINLINK: None, TWAP_SIXTY: 60}
SYMBOL = "btc/usd"
SNAPSHOT_POINTS = 60


@dataclass
class Rtds:
    """Who hears which topic, and the last minute of each for snapshots."""

    hearers: dict[Connection, set[str]] = field(default_factory=dict)
    recent: dict[str, deque[tuple[int, float]]] = field(
        default_factory=lambda: {topic: deque(maxlen=SNAPSHOT_POINTS) for topic in WINDOWS}
    )
    sent: int = 0

    def on_text(self, connection: Connection, text: str, now_ns: int) -> None:
        """One frame of a client."""
        if pong(connection, text):
            return
        wish = _parsed(text)
        if wish is None:
            connection.push(_invalid(connection))
            return
        action, subscriptions = wish
        for subscription in subscriptions:
            self._apply(connection, action, subscription, now_ns)

    def _apply(self, connection: Connection, action: str, subscription: dict[str, Any], now_ns: int) -> None:
        topic = subscription.get("topic")
        if not isinstance(topic, str) or topic not in WINDOWS:
            connection.push(_invalid(connection))
            return
        heard = self.hearers.setdefault(connection, set())
        if action == "unsubscribe":
            heard.discard(topic)
        elif subscription.get("filters"):
            connection.push(self._snapshot(topic, now_ns))
        else:
            heard.add(topic)

    def leave(self, connection: Connection) -> None:
        """The socket has closed."""
        self.hearers.pop(connection, None)

    def publish(self, topic: str, observed_ms: int, published_ms: int, value: float, value_e18: str) -> None:
        """One print of the oracle, to everyone who hears the topic unfiltered."""
        self.recent[topic].append((observed_ms, value))
        payload: dict[str, Any] = {
            "symbol": SYMBOL,
            "timestamp": observed_ms,
            "value": value,
            "full_accuracy_value": value_e18,
        }
        if WINDOWS[topic] is not None:
            payload["window_s"] = WINDOWS[topic]
        for connection, topics in self.hearers.items():
            if topic in topics:
                self.sent += 1
                frame = {
                    "connection_id": connection_id(connection),
                    "payload": payload,
                    "timestamp": published_ms,
                    "topic": topic,
                    "type": "update",
                }
                connection.push(encode(frame))

    def _snapshot(self, topic: str, now_ns: int) -> bytes:
        data = [{"timestamp": at, "value": value} for at, value in self.recent[topic]]
        body = {
            "payload": {"data": data, "symbol": SYMBOL},
            "timestamp": now_ns // 1_000_000,
            "topic": topic,
            "type": "subscribe",
        }
        return encode(body)


def connection_id(connection: Connection) -> str:
    """A stable name of a socket, in the form the server uses."""
    return hashlib.sha1(str(id(connection)).encode(), usedforsecurity=False).hexdigest()[:15] + "="


def _parsed(text: str) -> tuple[str, list[dict[str, Any]]] | None:
    body = decoded(text)
    if body is None or body.get("action") not in ("subscribe", "unsubscribe"):
        return None
    subscriptions = body.get("subscriptions")
    if not isinstance(subscriptions, list) or not all(isinstance(s, dict) for s in subscriptions):
        return None
    return body["action"], subscriptions


def _invalid(connection: Connection) -> bytes:
    return encode(
        {
            "message": "Invalid request body",
            "connectionId": connection_id(connection),
            "requestId": connection_id(connection),
        }
    )
