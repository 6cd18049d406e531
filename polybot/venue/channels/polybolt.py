"""PolyBolt, Polymarket's reference prices for those who show CLOB API credentials (facts §8.2).

Every frame is answered by an acknowledgement or an error acknowledgement that echoes its `rid`; a subscription brings one
snapshot of the last two minutes and then updates. `price.crypto` is another vendor's price, never what settles;
`price.crypto.twap` is. `full_accuracy_value` is a plain decimal text here, not RTDS's integer × 1e18 (official migration
guide and SDK; the switch `polybolt_e18` makes it that integer: facts §8.2).

Policy breaches (65th subscription, 21st frame within a second, a frame over 64 KB, ninth auth frame) close with 4008; a
credential that is deleted while its socket is open with 4001; who cannot keep up loses frames, which the next one counts as
`dropped`, and in the end the socket (4002); a venue that leaves says 4003.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import msgspec

from polybot.venue.net.socket_hub import Connection, decoded

encode = msgspec.json.encode

SPOT, TWAP = "price.crypto", "price.crypto.twap"
OTHER_CHANNELS = ("price.equity", "price.equity.twap")  # they exist, with nothing of ours in them
SYMBOL = "btcusd"
SYMBOLS = frozenset({SYMBOL, "ethusd", "solusd", "xrpusd", "dogeusd", "bnbusd", "hypeusd", "zecusd"})
PROVIDERS = ("chainlink", "pyth")
SNAPSHOT_S = 120
MOST_SUBSCRIPTIONS, MOST_FRAMES_PER_S, MOST_BYTES, MOST_AUTHS = 64, 20, 64 * 1024, 8
BEHIND = 256  # frames waiting for one socket, from which on new ones are dropped
FAR_BEHIND = 600  # dropped in a row, after which the hearer is given up
UNAUTHORISED, SLOW, DRAINING, POLICY = 4001, 4002, 4003, 4008
E18 = Decimal(10**18)

Key = tuple[str, str, int]
"""(channel, symbol, window in seconds; 0 where there is none)"""
Code = Literal[
    "bad_op",
    "bad_channel",
    "bad_filter",
    "sub_limit",
    "rate_limited",
    "auth_required",
    "auth_unavailable",
    "auth_expired",
    "auth_attempts",
    "auth_invalid",
]
POLICY_CODES = ("sub_limit", "rate_limited", "auth_attempts")


class _No(Exception):
    """Raised where a frame is answered with an error acknowledgement of this code."""

    def __init__(self, code: Code, channel: str | None = None) -> None:
        super().__init__(code)
        self.code, self.channel = code, channel


@dataclass
class PolyBoltHearer:
    """One socket. api_key "" until it has shown credentials; seq and dropped by channel."""

    api_key: str = ""
    auths: int = 0
    keys: dict[Key, None] = field(default_factory=dict)
    frames_s: deque[float] = field(default_factory=deque)
    seq: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    lost: int = 0


@dataclass
class PriceSample:
    """The price of one second, USD × 1e18."""

    observed_ms: int
    value_e18: int


@dataclass
class PolyBolt:
    """knows(api_key, secret, passphrase); is_known(api_key): not deleted since; is_available: credentials can be checked."""

    knows: Callable[[str, str, str], bool]
    is_known: Callable[[str], bool]
    mono_s: Callable[[], float]
    is_available: Callable[[], bool] = lambda: True
    e18: bool = False
    hearers: dict[Connection, PolyBoltHearer] = field(default_factory=dict)
    recent: dict[Key, deque[PriceSample]] = field(default_factory=dict)
    sent: int = 0

    # --- what clients say

    def on_text(self, connection: Connection, text: str, now_ns: int) -> None:
        """Take one frame of a client, and answer it; now_ns is world time."""
        hearer = self.hearers.setdefault(connection, PolyBoltHearer())
        if len(text.encode()) > MOST_BYTES:
            connection.close_after(POLICY, "frame too large")
            return
        body = decoded(text)
        rid = body.get("rid") if body is not None else None
        try:
            if body is None:
                raise _No("bad_op")
            self._obey(connection, hearer, body, now_ns)
        except _No as no:
            answer: dict[str, Any] = {"op": "error", "code": no.code}
            if no.channel is not None:
                answer["channel"] = no.channel
            connection.push(encode(_with_rid(answer, rid)))
            if no.code in POLICY_CODES:
                connection.close_after(POLICY, no.code)

    def _obey(self, connection: Connection, hearer: PolyBoltHearer, body: dict[str, Any], now_ns: int) -> None:
        rid = body.get("rid")
        match body.get("op"):
            case "ping":
                connection.push(encode(_with_rid({"op": "pong"}, rid)))
            case "auth":
                self._auth(hearer, body)
                connection.push(encode(_with_rid({"op": "authed"}, rid)))
            case "subscribe" | "unsubscribe" as op:
                self._count_frame(hearer)
                for item in _items(body):
                    self._change(connection, hearer, op, item, rid, now_ns)
            case _:
                raise _No("bad_op")

    def _auth(self, hearer: PolyBoltHearer, body: dict[str, Any]) -> None:
        hearer.auths += 1
        if hearer.auths > MOST_AUTHS:
            raise _No("auth_attempts")
        shown, ticket = body.get("auth"), body.get("ticket")
        if (shown is None) == (ticket is None):
            raise _No("bad_op")
        if ticket is not None:
            raise _No("auth_expired")  # tickets are the web site's, and none were given out here
        if not self.is_available():
            raise _No("auth_unavailable")
        names = ("apiKey", "secret", "passphrase")
        if not isinstance(shown, dict) or not all(isinstance(shown.get(name), str) for name in names):
            raise _No("bad_op")
        if not self.knows(*(shown[name] for name in names)):
            raise _No("auth_invalid")
        hearer.api_key = shown["apiKey"]

    def _count_frame(self, hearer: PolyBoltHearer) -> None:
        """Count a frame, a batch as one; raises _No above MOST_FRAMES_PER_S."""
        now = self.mono_s()
        while hearer.frames_s and now - hearer.frames_s[0] >= 1.0:
            hearer.frames_s.popleft()
        hearer.frames_s.append(now)
        if len(hearer.frames_s) > MOST_FRAMES_PER_S:
            raise _No("rate_limited")

    def _change(
        self, connection: Connection, hearer: PolyBoltHearer, op: str, item: dict[str, Any], rid: Any, now_ns: int
    ) -> None:
        """One item of a batch: its own acknowledgement, a refused one does not stop the others (a policy breach does)."""
        try:
            key = _key_of(item)
            if not hearer.api_key:
                raise _No("auth_required", key[0])
            is_new = key not in hearer.keys
            if op == "subscribe" and is_new and len(hearer.keys) >= MOST_SUBSCRIPTIONS:
                raise _No("sub_limit", key[0])
        except _No as no:
            if no.code in POLICY_CODES:
                raise
            connection.push(encode(_with_rid({"op": "error", "code": no.code, "channel": no.channel}, rid)))
            return
        connection.push(encode(_with_rid({"op": f"{op}d", "channel": key[0]}, rid)))
        if op == "unsubscribe":
            hearer.keys.pop(key, None)
        elif is_new:
            hearer.keys[key] = None
            self._send(connection, hearer, key, now_ns // 1_000_000, self._snapshot(key), is_snapshot=True)

    def leave(self, connection: Connection) -> None:
        """Forget a socket that has closed."""
        self.hearers.pop(connection, None)

    def drain(self) -> None:
        """The venue leaves: everyone is asked to come back."""
        for connection in self.hearers:
            connection.close_after(DRAINING, "draining")

    # --- what they are told

    def publish(self, key: Key, observed_ms: int, published_ms: int, value_e18: int) -> None:
        """Send one new price to all who hear it."""
        points = self.recent.setdefault(key, deque(maxlen=SNAPSHOT_S))
        points.append(PriceSample(observed_ms, value_e18))
        self._tell(key, published_ms, self._update(key, points[-1], carried=False))

    def carry_forward(self, key: Key, published_ms: int) -> None:
        """A second without a new price: the last one again, with its own stamp, and said to be carried forward."""
        points = self.recent.get(key)
        if points:
            self._tell(key, published_ms, self._update(key, points[-1], carried=True))

    def _tell(self, key: Key, published_ms: int, payload: dict[str, Any]) -> None:
        for connection, hearer in list(self.hearers.items()):
            if key not in hearer.keys:
                continue
            if not self.is_known(hearer.api_key):
                connection.close_after(UNAUTHORISED, "authentication failed")
            else:
                self._send(connection, hearer, key, published_ms, payload)

    def _send(
        self,
        connection: Connection,
        hearer: PolyBoltHearer,
        key: Key,
        at_ms: int,
        payload: dict[str, Any],
        is_snapshot: bool = False,
    ) -> None:
        channel = key[0]
        if connection.waiting >= BEHIND:
            hearer.dropped[channel] = hearer.dropped.get(channel, 0) + 1
            hearer.lost += 1
            if hearer.lost >= FAR_BEHIND:
                connection.close_after(SLOW, "slow consumer")
            return
        hearer.lost = 0
        seq = hearer.seq[channel] = hearer.seq.get(channel, 0) + 1
        frame: dict[str, Any] = {"v": 1, "channel": channel, "seq": seq, "ts": at_ms}
        if is_snapshot:
            frame["snapshot"] = True
        if dropped := hearer.dropped.pop(channel, 0):
            frame["dropped"] = dropped
        connection.push(encode(frame | {"payload": payload}))
        self.sent += 1

    def _snapshot(self, key: Key) -> dict[str, Any]:
        points = self.recent.get(key, ())
        return _named(key) | {"data": [self._point(p) for p in points]}

    def _update(self, key: Key, point: PriceSample, carried: bool) -> dict[str, Any]:
        return _named(key) | self._point(point) | {"is_carried_forward": carried}

    def _point(self, point: PriceSample) -> dict[str, Any]:
        exact = str(point.value_e18) if self.e18 else decimal_of(point.value_e18)
        return {"timestamp": point.observed_ms, "value": point.value_e18 / 1e18, "full_accuracy_value": exact}


def decimal_of(value_e18: int) -> str:
    """USD × 1e18 as the plain decimal text: no exponent, no trailing zeros."""
    whole, part = divmod(value_e18, 10**18)
    return f"{whole}.{part:018d}".rstrip("0").rstrip(".")


def _named(key: Key) -> dict[str, Any]:
    channel, symbol, window_s = key
    named: dict[str, Any] = {"symbol": symbol, "source": "chainlink" if channel == TWAP else "pyth"}
    return named | ({"window_seconds": window_s} if window_s else {})


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The subscriptions in a frame, whether it is a batch or the single form; raises _No for neither."""
    if "subscriptions" not in body and "channel" in body:
        return [body]
    items = body.get("subscriptions")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise _No("bad_op")
    return items


def _key_of(item: dict[str, Any]) -> Key:
    channel, wish = item.get("channel"), item.get("filter")
    if not isinstance(channel, str) or channel not in (SPOT, TWAP, *OTHER_CHANNELS):
        raise _No("bad_channel", channel if isinstance(channel, str) else None)
    symbol = str(wish.get("symbol", "")).lower() if isinstance(wish, dict) else ""
    window_s: Any = wish.get("window_seconds") if isinstance(wish, dict) else None
    is_twap = channel.endswith(".twap")
    if is_twap != (type(window_s) is int and window_s >= 1) and is_twap:
        raise _No("bad_filter", channel)
    if not symbol or (channel in (SPOT, TWAP) and symbol not in SYMBOLS):
        raise _No("bad_filter", channel)
    if isinstance(wish, dict) and wish.get("provider", PROVIDERS[0]) not in PROVIDERS:
        raise _No("bad_filter", channel)
    return channel, symbol, window_s if is_twap else 0


def _with_rid(answer: dict[str, Any], rid: Any) -> dict[str, Any]:
    return answer | {"rid": rid} if isinstance(rid, str) else answer
