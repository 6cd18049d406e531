"""The CLOB's market channel (facts §7.1): who hears which token.

One initial frame a socket, then `operation` frames only; asking twice for the same token or sending the initial frame
again is answered with the plain text INVALID OPERATION (the custom flag of a refused subscription counts all the same: the
official SDK switches it that way). Fan-out of price changes is per market. More than 200 tokens
on one socket silently get no snapshots any more: that trap is the real server's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from polybot.venue.net.socket_hub import Connection, decoded, pong, texts
from polybot.venue.wire.clob_frames import Pair

ASSET_TRAP = 200
NORMAL_CLOSURE = 1000
INVALID = "INVALID OPERATION"


@dataclass
class MarketHearer:
    """What one socket of the market channel has asked for."""

    assets: dict[str, None] = field(default_factory=dict)
    custom: bool = False
    begun: bool = False


@dataclass
class MarketChannel:
    """`snapshot(token)` is the `book` event as an object, None while there is no book; `resolved(token)` is past."""

    snapshot: Callable[[str], dict[str, Any] | None]
    resolved: Callable[[str], bool]
    hearers: dict[Connection, MarketHearer] = field(default_factory=dict)
    by_token: dict[str, dict[Connection, None]] = field(default_factory=dict)
    sent: int = 0

    def on_text(self, connection: Connection, text: str) -> None:
        """Take one frame of a client: a PING, the initial frame, or an operation."""
        if pong(connection, text):
            return
        hearer = self.hearers.setdefault(connection, MarketHearer())
        body = decoded(text)
        if body is None or not self._obey(connection, hearer, body):
            connection.push(INVALID)

    def _obey(self, connection: Connection, hearer: MarketHearer, body: dict[str, Any]) -> bool:
        assets = texts(body.get("assets_ids", []))
        if assets is None:
            return False
        operation = body.get("operation")
        if operation is None and body.get("type") in ("market", "MARKET") and not hearer.begun:
            hearer.begun = True
            hearer.custom = bool(body.get("custom_feature_enabled", False))
            self._add(connection, hearer, assets, body.get("initial_dump", True))
            return True
        if operation == "subscribe":
            hearer.custom = bool(body.get("custom_feature_enabled", hearer.custom))  # even if the rest is refused
            if any(a in hearer.assets for a in assets):
                return False
            hearer.begun = True
            self._add(connection, hearer, assets, body.get("initial_dump", True))
            return True
        if operation == "unsubscribe":
            for asset in assets:
                hearer.assets.pop(asset, None)
                self.by_token.get(asset, {}).pop(connection, None)
            return True
        return False

    def _add(self, connection: Connection, hearer: MarketHearer, assets: Iterable[str], dump: bool) -> None:
        for asset in assets:
            hearer.assets[asset] = None
            self.by_token.setdefault(asset, {})[connection] = None
        if dump and len(hearer.assets) <= ASSET_TRAP:
            books = [book for a in assets if (book := self.snapshot(a)) is not None]
            connection.push(msgspec.json.encode(books))
        self._close_if_over(connection, hearer)

    def leave(self, connection: Connection) -> None:
        """Forget a socket that has closed."""
        hearer = self.hearers.pop(connection, None)
        for asset in hearer.assets if hearer else ():
            self.by_token.get(asset, {}).pop(connection, None)

    def wanted(self, pair: Pair) -> bool:
        """Whether any socket hears a token of this market."""
        return bool(self.by_token.get(pair.up_token) or self.by_token.get(pair.down_token))

    def to_market(self, pair: Pair, frame: bytes, custom: bool = False) -> None:
        """To all who hear either token; custom: only to sockets with the custom flag."""
        sockets = {**self.by_token.get(pair.up_token, {}), **self.by_token.get(pair.down_token, {})}
        self._push(sockets, frame, custom)

    def to_token(self, token: str, frame: bytes, custom: bool = False) -> None:
        """Send the frame to all who hear this token; custom: only to those who asked for custom features."""
        self._push(self.by_token.get(token, {}), frame, custom)

    def to_all(self, frame: bytes) -> None:
        """To every socket with the custom flag, whatever it hears."""
        self._push(self.hearers, frame, custom=True)

    def _push(self, sockets: Iterable[Connection], frame: bytes, custom: bool) -> None:
        for connection in sockets:
            if not custom or self.hearers[connection].custom:
                connection.push(frame)
                self.sent += 1

    def settled(self, pair: Pair) -> None:
        """This market is over: sockets with nothing else left are closed, cleanly."""
        for token in (pair.up_token, pair.down_token):
            for connection in self.by_token.pop(token, {}):
                self._close_if_over(connection, self.hearers[connection])

    def _close_if_over(self, connection: Connection, hearer: MarketHearer) -> None:
        if hearer.assets and all(self.resolved(a) for a in hearer.assets):
            connection.close_after(NORMAL_CLOSURE, "all subscribed assets resolved")
