"""The CLOB's user channel (facts §7.2): orders and trades of the account whose credentials the socket showed. No replay."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from polybot.venue.net.socket_hub import Connection, decoded, pong, texts

UNAUTHORISED = 1008


@dataclass
class Listener:
    """Whose socket this is, and which markets it wants; None = all."""

    api_key: str
    markets: dict[str, None] | None


@dataclass
class UserChannel:
    """`knows(api_key, secret, passphrase)` verifies the credentials of the first frame."""

    knows: Callable[[str, str, str], bool]
    listeners: dict[Connection, Listener] = field(default_factory=dict)
    sent: int = 0

    def on_text(self, connection: Connection, text: str) -> None:
        """Take one frame of a client; the first must show credentials, else the socket is closed."""
        if pong(connection, text):
            return
        body = decoded(text)
        if body is None:
            connection.push("INVALID OPERATION")
        elif connection in self.listeners:
            self._operate(connection, body)
        elif not self._begin(connection, body):
            connection.close_after(UNAUTHORISED, "unauthorized")

    def _begin(self, connection: Connection, body: dict[str, Any]) -> bool:
        auth = body.get("auth")
        if body.get("type") not in ("user", "USER") or not isinstance(auth, dict):
            return False
        key, secret, passphrase = (str(auth.get(name, "")) for name in ("apiKey", "secret", "passphrase"))
        if not self.knows(key, secret, passphrase):
            return False
        markets = texts(body.get("markets") or [])
        if markets is None:
            return False
        self.listeners[connection] = Listener(key, dict.fromkeys(markets) if markets else None)
        return True

    def _operate(self, connection: Connection, body: dict[str, Any]) -> None:
        listener, markets = self.listeners[connection], texts(body.get("markets") or []) or []
        match body.get("operation"):
            case "subscribe":
                if listener.markets is not None:
                    listener.markets.update(dict.fromkeys(markets))
            case "unsubscribe":
                for market in markets:
                    (listener.markets or {}).pop(market, None)
            case _:
                connection.push("INVALID OPERATION")

    def leave(self, connection: Connection) -> None:
        """Forget a socket that has closed."""
        self.listeners.pop(connection, None)

    def publish(self, api_key: str, market: str, event: dict[str, Any]) -> None:
        """One order or trade event to every socket of this key that wants the market."""
        frame = None
        for connection, listener in self.listeners.items():
            if listener.api_key == api_key and (listener.markets is None or market in listener.markets):
                frame = frame or msgspec.json.encode(event)
                connection.push(frame)
                self.sent += 1
