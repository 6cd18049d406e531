"""RTDS, Polymarket's legacy price stream: oracle prints (facts §8.1). Pure.

Subscribed unfiltered (a filtered subscription gets one snapshot and then nothing, as two probes of the real server found);
other symbols are dropped here.
"""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from messages import OraclePrice, SettleRule
from messages.units import MS
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.polymarket.numbers import GARBAGE

TOPICS: dict[str, SettleRule] = {
    "crypto_prices_chainlink": "spot",
    "crypto_prices_twap_thirty": "twap30",
    "crypto_prices_twap_sixty": "twap60",
}
WINDOWS_S: dict[SettleRule, int] = {"twap30": 30, "twap60": 60}  # of the mean, as a payload names it
_E18 = Decimal(10**18)
_MOST_USD = 10**9


def subscribe_frame(topics: Iterable[str]) -> str:
    """The frame that asks for all symbols of these topics."""
    wanted = [{"topic": topic, "type": "update"} for topic in topics]
    return msgspec.json.encode({"action": "subscribe", "subscriptions": wanted}).decode()


def prints_of(text: str, symbol: str, received_ns: int, only_topic: str = "") -> list[OraclePrice]:
    """The prints in one frame, oldest first; raises BadFrame.

    symbol      "btc/usd"
    only_topic  the one topic subscribed, if it is one: the server labels snapshots just "crypto_prices", so that with two
                topics on a connection a snapshot cannot be told apart, and is left out
    """
    if text.strip() in ("PONG", ""):
        return []
    try:
        shown = msgspec.json.decode(text)
        topic = shown.get("topic")
        if topic == "crypto_prices" and shown.get("type") == "subscribe":
            topic = only_topic
        feed = TOPICS.get(topic)
        payload = shown.get("payload") or {}
        if feed is None or str(payload.get("symbol", "")).lower() != symbol:
            if "message" in shown:
                raise BadFrame(f"the server said: {shown['message']!s:.200}")
            return []
        window_s = WINDOWS_S.get(feed)
        if window_s is not None and payload.get("window_s", window_s) != window_s:
            raise BadFrame(f"{topic} of a window of {payload['window_s']!r:.20} s")
        points = payload["data"] if shown["type"] == "subscribe" else [payload]
        return [_print(symbol, feed, point, received_ns) for point in points]
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError, *GARBAGE) as exc:
        raise BadFrame(f"{type(exc).__name__} {exc}: {text:.80}") from exc


def _print(symbol: str, feed: SettleRule, point: dict[str, Any], received_ns: int) -> OraclePrice:
    """Points of a snapshot have no full_accuracy_value: their digits are those of the JSON number."""
    exact = point.get("full_accuracy_value")
    if exact is None:
        price = float(point["value"])
        if not math.isfinite(price):
            raise ValueError(f"value {price}")
        exact = str(int(Decimal(repr(price)) * _E18))
    if not (isinstance(exact, str) and exact.isascii() and exact.isdigit()):
        raise ValueError(f"value {exact!r:.40}")
    price = int(exact) / 1e18
    stamp = point["timestamp"]
    if not 0 < price < _MOST_USD or not isinstance(stamp, int) or not 0 < stamp < 10**14:
        raise ValueError(f"print of {price} at {stamp!r:.40}")
    return OraclePrice(
        symbol=symbol,
        feed=feed,
        price=price,
        value_e18=str(int(exact)),
        observed_ns=stamp * MS,
        received_ns=received_ns,
        source="rtds" if point.get("full_accuracy_value") is not None else "rtds_snapshot",
    )
