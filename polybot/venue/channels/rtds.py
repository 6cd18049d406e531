"""RTDS, Polymarket's legacy price stream (facts §8.1).

A subscription without filters gets updates; one with filters (a JSON text naming a symbol) gets one snapshot and then
nothing, as measured on the real server by two independent probes. Snapshots of every price topic call themselves
`crypto_prices`, as recorded. A frame with an unknown topic (a dotted alias, say) is refused as a whole. Text PING → PONG.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from polybot.venue.net.socket_hub import Connection, decoded, pong

encode = msgspec.json.encode

BINANCE = "crypto_prices"
CHAINLINK = "crypto_prices_chainlink"
TWAP_THIRTY = "crypto_prices_twap_thirty"
TWAP_SIXTY = "crypto_prices_twap_sixty"
SYMBOLS = {BINANCE: "btcusdt", CHAINLINK: "btc/usd", TWAP_THIRTY: "btc/usd", TWAP_SIXTY: "btc/usd"}
WINDOWS = {TWAP_THIRTY: 30, TWAP_SIXTY: 60}
QUIET = ("equity_prices", "comments", "activity")  # they exist, and have nothing to say here
SNAPSHOT_POINTS = 60


@dataclass
class Rtds:
    """Who hears which topic, and the last minute of each for snapshots."""

    hearers: dict[Connection, set[str]] = field(default_factory=dict)
    recent: dict[str, deque[tuple[int, float]]] = field(
        default_factory=lambda: {topic: deque(maxlen=SNAPSHOT_POINTS) for topic in SYMBOLS}
    )
    sent: int = 0

    def on_text(self, connection: Connection, text: str, now_ns: int) -> None:
        """Take one frame of a client: a PING, or subscriptions to add or drop."""
        if pong(connection, text):
            return
        wish = _parsed(text)
        if wish is None:
            connection.push(_invalid(connection))
            return
        action, subscriptions = wish
        for topic, symbol in subscriptions:
            self._apply(connection, action, topic, symbol, now_ns)

    def _apply(self, connection: Connection, action: str, topic: str, symbol: str | None, now_ns: int) -> None:
        heard = self.hearers.setdefault(connection, set())
        if action == "unsubscribe":
            heard.discard(topic)
        elif symbol is None:
            heard.add(topic)
        elif topic in SYMBOLS:
            connection.push(self._snapshot(topic, symbol, now_ns))

    def leave(self, connection: Connection) -> None:
        """Forget a socket that has closed."""
        self.hearers.pop(connection, None)

    def publish(self, topic: str, observed_ms: int, published_ms: int, value: float, exact: str) -> None:
        """One price, to everyone who hears the topic unfiltered. exact: USD × 1e18 of an oracle, plain decimal of Binance."""
        self.recent[topic].append((observed_ms, value))
        payload: dict[str, Any] = {
            "symbol": SYMBOLS[topic],
            "timestamp": observed_ms,
            "value": value,
            "full_accuracy_value": exact,
        }
        if topic in WINDOWS:
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

    def _snapshot(self, topic: str, symbol: str, now_ns: int) -> bytes:
        points = self.recent[topic] if symbol == SYMBOLS[topic] else ()
        body = {
            "payload": {"data": [{"timestamp": at, "value": value} for at, value in points], "symbol": symbol},
            "timestamp": now_ns // 1_000_000,
            "topic": BINANCE,
            "type": "subscribe",
        }
        return encode(body)


def connection_id(connection: Connection) -> str:
    """A stable name of a socket, in the form the server uses."""
    return hashlib.sha1(str(id(connection)).encode(), usedforsecurity=False).hexdigest()[:15] + "="


Wish = tuple[str, list[tuple[str, str | None]]]
"""(action, (topic, symbol filtered for or None) of each subscription)"""


def _parsed(text: str) -> Wish | None:
    body = decoded(text)
    if body is None or body.get("action") not in ("subscribe", "unsubscribe"):
        return None
    subscriptions = body.get("subscriptions")
    if not isinstance(subscriptions, list) or not all(isinstance(s, dict) for s in subscriptions):
        return None
    read = [_topic_and_symbol(s) for s in subscriptions]
    return (body["action"], [r for r in read if r is not None]) if None not in read else None


def _topic_and_symbol(subscription: dict[str, Any]) -> tuple[str, str | None] | None:
    """None: not a subscription this server knows. filters is a text: JSON with a symbol, or the bare symbol; "" is none."""
    topic, filters = subscription.get("topic"), subscription.get("filters") or ""
    if topic not in (*SYMBOLS, *QUIET) or not isinstance(filters, str):
        return None
    if not filters:
        return str(topic), None
    named = (decoded(filters) or {}).get("symbol", filters)
    return (str(topic), named) if isinstance(named, str) else None


def _invalid(connection: Connection) -> bytes:
    return encode(
        {
            "message": "Invalid request body",
            "connectionId": connection_id(connection),
            "requestId": connection_id(connection),
        }
    )
