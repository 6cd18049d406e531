"""Binance's combined stream: who hears which stream name, and the runtime SUBSCRIBE control."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from polybot.venue.net.socket_hub import Connection, decoded, texts
from polybot.venue.wire import binance_frames


@dataclass
class BinanceHub:
    """Stream name → sockets. Unknown names are accepted and silent, as Binance does."""

    hearers: dict[str, dict[Connection, None]] = field(default_factory=dict)
    sent: int = 0

    def join(self, connection: Connection, streams: Iterable[str]) -> None:
        """Let this socket hear these streams from now on."""
        for name in streams:
            self.hearers.setdefault(name, {})[connection] = None

    def part(self, connection: Connection, streams: Iterable[str]) -> None:
        """Let this socket hear these streams no longer."""
        for name in streams:
            self.hearers.get(name, {}).pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget a socket that has closed."""
        for sockets in self.hearers.values():
            sockets.pop(connection, None)

    def wanted(self, stream: str) -> bool:
        """Is anyone listening? Nobody pays for frames nobody hears."""
        return bool(self.hearers.get(stream))

    def publish(self, stream: str, data: dict[str, Any]) -> None:
        """Send one payload to all who hear this stream."""
        sockets = self.hearers.get(stream)
        if not sockets:
            return
        frame = binance_frames.combined(stream, data)
        for connection in sockets:
            connection.push(frame)
            self.sent += 1

    def goodbye(self, now_ms: int) -> list[Connection]:
        """What is said on every connection a little before the server closes it, once in 24 hours at the latest."""
        connections = list(dict.fromkeys(c for sockets in self.hearers.values() for c in sockets))
        for connection in connections:
            connection.push(binance_frames.encode({"e": "serverShutdown", "E": now_ms}))
        return connections

    def on_text(self, connection: Connection, text: str) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS; anything else is an error with Binance's code 2."""
        body = decoded(text)
        if body is None:
            connection.close_after(1008, "Invalid JSON")  # a text PING ends here, as it does there
            return
        method, params = body.get("method"), texts(body.get("params", [])) or []
        result: Any = None
        match method:
            case "SUBSCRIBE":
                self.join(connection, params)
            case "UNSUBSCRIBE":
                self.part(connection, params)
            case "LIST_SUBSCRIPTIONS":
                result = [name for name, sockets in self.hearers.items() if connection in sockets]
            case _:
                connection.push(binance_frames.encode(binance_frames.error(2, "Invalid request: unknown method")))
                return
        connection.push(binance_frames.encode({"result": result, "id": body.get("id")}))
