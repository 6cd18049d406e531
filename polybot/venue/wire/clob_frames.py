"""What the CLOB sends about books and prices, byte for byte as the recordings have it. Pure.

Levels are (price_e6, size_e6). A market has ONE book, kept as the Up token's; Down's is its mirror: a bid of Up at p is
an ask of Down at 1 − p. On the wire bids ascend and asks descend, so the best level is the last element.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from messages.units import E6, decimal_text

Level = tuple[int, int]
Side = Literal["BUY", "SELL"]
encode = msgspec.json.encode

MAX_CHANGES = 24  # levels in one price_change frame; more changes than this are cheaper as two `book` frames


@dataclass(frozen=True)
class Sides:
    """Both sides of one token's book, the best prices first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def mirrored(self) -> "Sides":
        """The same liquidity seen from the other token."""
        return Sides(
            bids=tuple((E6 - p, s) for p, s in self.asks),
            asks=tuple((E6 - p, s) for p, s in self.bids),
        )

    def tops(self) -> tuple[str, str]:
        """best_bid and best_ask as texts; an empty side is "0" and "1", as the venue says it."""
        return (
            decimal_text(self.bids[0][0]) if self.bids else "0",
            decimal_text(self.asks[0][0]) if self.asks else "1",
        )


@dataclass(frozen=True)
class Pair:
    """The names of a market on the wire."""

    condition_id: str
    up_token: str
    down_token: str


def milliseconds(ns: int) -> str:
    """A time as the CLOB writes it: unix milliseconds as text."""
    return str(ns // 1_000_000)


def wire_levels(levels: Iterable[Level]) -> list[dict[str, str]]:
    """Levels as the wire has them: given best first, written best last."""
    return [{"price": decimal_text(p), "size": decimal_text(s)} for p, s in levels][::-1]


def book_object(
    pair: Pair, token: str, sides: Sides, at_ns: int, tick_e6: int, min_e6: int, last: str
) -> dict[str, Any]:
    """The object `GET /book` answers with, hash filled in."""
    body: dict[str, Any] = {
        "market": pair.condition_id,
        "asset_id": token,
        "timestamp": milliseconds(at_ns),
        "hash": "",
        "bids": wire_levels(sides.bids),
        "asks": wire_levels(sides.asks),
        "min_order_size": decimal_text(min_e6),
        "tick_size": decimal_text(tick_e6),
        "neg_risk": False,
        "last_trade_price": last,
    }
    body["hash"] = book_hash(body)
    return body


def book_hash(body: dict[str, Any]) -> str:
    """SHA-1 of the compact JSON with an empty hash, keys in the order of `book_object` (facts §4.1)."""
    keys = (
        "market",
        "asset_id",
        "timestamp",
        "hash",
        "bids",
        "asks",
        "min_order_size",
        "tick_size",
        "neg_risk",
        "last_trade_price",
    )
    hashed = {k: ("" if k == "hash" else body[k]) for k in keys}
    return hashlib.sha1(encode(hashed), usedforsecurity=False).hexdigest()


def book_event(body: dict[str, Any]) -> dict[str, Any]:
    """The market channel's `book`: the REST object without the two keys the channel leaves out."""
    event = {k: v for k, v in body.items() if k not in ("min_order_size", "neg_risk")}
    event["event_type"] = "book"
    return event


def changes(before: Sides, after: Sides) -> Iterator[tuple[Side, int, int]]:
    """(side, price_e6, new total size_e6) of every level of the Up book that differs; 0 deletes the level."""
    for side, old, new in (("BUY", before.bids, after.bids), ("SELL", before.asks, after.asks)):
        was, now = dict(old), dict(new)
        for price in was:
            if price not in now:
                yield side, price, 0  # type: ignore[misc]
        for price, size in new:
            if was.get(price) != size:
                yield side, price, size  # type: ignore[misc]


def price_change(pair: Pair, after: Sides, changed: list[tuple[Side, int, int]], at_ns: int, mark: str) -> bytes:
    """One frame: for each changed level the pair of items, one a token. `mark` distinguishes the resulting book's hashes."""
    down = after.mirrored()
    up_bid, up_ask = after.tops()
    down_bid, down_ask = down.tops()
    up_hash = hashlib.sha1(f"{mark}{pair.up_token}".encode(), usedforsecurity=False).hexdigest()
    down_hash = hashlib.sha1(f"{mark}{pair.down_token}".encode(), usedforsecurity=False).hexdigest()
    items = []
    for side, price, size in changed:
        text = decimal_text(size)
        items.append(
            {
                "asset_id": pair.up_token,
                "price": decimal_text(price),
                "size": text,
                "side": side,
                "hash": up_hash,
                "best_bid": up_bid,
                "best_ask": up_ask,
            }
        )
        items.append(
            {
                "asset_id": pair.down_token,
                "price": decimal_text(E6 - price),
                "size": text,
                "side": "SELL" if side == "BUY" else "BUY",
                "hash": down_hash,
                "best_bid": down_bid,
                "best_ask": down_ask,
            }
        )
    return encode(
        {
            "market": pair.condition_id,
            "price_changes": items,
            "timestamp": milliseconds(at_ns),
            "event_type": "price_change",
        }
    )


def last_trade_price(pair: Pair, token: str, price_e6: int, size_e6: int, side: str, at_ns: int, tx: str) -> bytes:
    """The event of a public trade; `side` is the taker's."""
    return encode(
        {
            "event_type": "last_trade_price",
            "asset_id": token,
            "market": pair.condition_id,
            "price": decimal_text(price_e6),
            "size": decimal_text(size_e6),
            "side": side,
            "fee_rate_bps": "0",
            "timestamp": milliseconds(at_ns),
            "transaction_hash": tx,
        }
    )


def tick_size_change(pair: Pair, token: str, old_e6: int, new_e6: int, at_ns: int) -> bytes:
    """The event that tells that a token's grid became finer."""
    return encode(
        {
            "event_type": "tick_size_change",
            "asset_id": token,
            "market": pair.condition_id,
            "old_tick_size": decimal_text(old_e6),
            "new_tick_size": decimal_text(new_e6),
            "timestamp": milliseconds(at_ns),
        }
    )


def best_bid_ask(pair: Pair, token: str, sides: Sides, at_ns: int) -> bytes:
    """The event that tells a token's best prices; only for sockets with the custom flag."""
    bid, ask = sides.tops()
    spread = (sides.asks[0][0] if sides.asks else E6) - (sides.bids[0][0] if sides.bids else 0)
    return encode(
        {
            "event_type": "best_bid_ask",
            "market": pair.condition_id,
            "asset_id": token,
            "best_bid": bid,
            "best_ask": ask,
            "spread": decimal_text(spread),
            "timestamp": milliseconds(at_ns),
        }
    )


def market_resolved(gamma_id: str, pair: Pair, winning_token: str, outcome: str, at_ns: int) -> bytes:
    """The event that tells who won; only for sockets with the custom flag."""
    return encode(
        {
            "event_type": "market_resolved",
            "id": gamma_id,
            "market": pair.condition_id,
            "assets_ids": [pair.up_token, pair.down_token],
            "winning_asset_id": winning_token,
            "winning_outcome": outcome,
            "timestamp": milliseconds(at_ns),
            "tags": [],
        }
    )


def new_market(listed: dict[str, Any], event: dict[str, Any], pair: Pair, at_ns: int) -> bytes:
    """A market was listed, in any series: to every socket with the custom flag. listed, event: Gamma's own objects."""
    tokens, fees = [pair.up_token, pair.down_token], listed["feeSchedule"]
    return encode(
        {
            "id": listed["id"],
            "question": listed["question"],
            "market": pair.condition_id,
            "slug": listed["slug"],
            "description": listed["description"],
            "assets_ids": tokens,
            "outcomes": ["Up", "Down"],
            "event_message": {
                "id": event["id"],
                "ticker": event["ticker"],
                "slug": event["slug"],
                "title": event["title"],
                "description": event["description"],
            },
            "timestamp": milliseconds(at_ns),
            "event_type": "new_market",
            "tags": [],
            "condition_id": pair.condition_id,
            "active": False,
            "clob_token_ids": tokens,
            "sports_market_type": "",
            "line": "",
            "game_start_time": "",
            "order_price_min_tick_size": str(listed["orderPriceMinTickSize"]),
            "group_item_title": "",
            "taker_base_fee": str(listed["takerBaseFee"]),
            "fees_enabled": listed["feesEnabled"],
            "fee_schedule": {
                "exponent": str(fees["exponent"]),
                "rate": str(fees["rate"]),
                "taker_only": fees["takerOnly"],
                "rebate_rate": str(fees["rebateRate"]),
            },
        }
    )
