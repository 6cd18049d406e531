"""The market channel's frames as words. Pure: text in, words out; the books in between are core/market/order_book.py.

A frame is one event or an array of events; kinds we do not know are ignored (new ones appear without notice). A frame that
cannot be read is counted and dropped whole, and the books it spoke of are not believed until their next snapshot.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from messages import MarketListed, MarketResolved, TickSizeChanged, TradePrint, Word
from messages.feeds import Level
from messages.units import MS
from polybot.adapters.polymarket.numbers import GARBAGE, e6_of, price_of
from polybot.core.market.order_book import BookBuilder

HASHED_KEYS = (
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
_SAID_NOTHING = {"PONG", ""}


@dataclass
class FrameEffect:
    """What one frame came to. books: slugs whose book changed; distrusted: slugs that need a new snapshot; bad: why."""

    words: list[Word] = field(default_factory=list)
    books: dict[str, None] = field(default_factory=dict)
    distrusted: dict[str, None] = field(default_factory=dict)
    bad: str = ""


class MarketFrames:
    """The books of all markets that one connection has subscribed to, kept from its frames."""

    def __init__(self) -> None:
        self.builders: dict[str, BookBuilder] = {}
        self._listed: dict[str, MarketListed] = {}
        self._of_token: dict[str, str] = {}
        self._of_condition: dict[str, str] = {}

    def add(self, market: MarketListed) -> None:
        """Hear this market's frames from now on; its books begin empty."""
        slug = market.slug
        self._listed[slug] = market
        self.builders[slug] = BookBuilder(slug, market.condition_id, market.up_token, market.down_token)
        self._of_token[market.up_token] = self._of_token[market.down_token] = slug
        self._of_condition[market.condition_id] = slug

    def remove(self, slug: str) -> None:
        """Forget this market and its books; an unknown slug is ignored."""
        market = self._listed.pop(slug, None)
        if market is not None:
            del self.builders[slug], self._of_condition[market.condition_id]
            del self._of_token[market.up_token], self._of_token[market.down_token]

    def hear(self, text: str, received_ns: int) -> FrameEffect:
        """What one frame changes, and what in it could not be read. Never raises."""
        heard = FrameEffect()
        if text.strip() in _SAID_NOTHING:
            return heard
        try:
            shown = msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
            heard.bad = f"{exc}: {text:.80}"
            return heard
        for event in shown if isinstance(shown, list) else [shown]:
            try:
                self._event(event, heard, received_ns)
            except GARBAGE as exc:
                heard.bad = f"{type(exc).__name__} {exc}: {text:.80}"
                self._distrust(event, heard)
        return heard

    def _event(self, event: dict[str, Any], heard: FrameEffect, received_ns: int) -> None:
        match event.get("event_type"):
            case "price_change":
                self._changed(event, heard)
            case "book":
                self._snapshot(event, heard)
            case "last_trade_price":
                self._traded(event, heard)
            case "tick_size_change":
                self._tick(event, heard)
            case "market_resolved":
                self._resolved(event, heard, received_ns)
            case _:
                return

    def _snapshot(self, event: dict[str, Any], heard: FrameEffect) -> None:
        token = event["asset_id"]
        slug = self._of_token.get(token)
        if slug is not None:
            bids, asks = list(_levels(event["bids"])), list(_levels(event["asks"]))
            self.builders[slug].snapshot(token, bids, asks, _ns(event))
            heard.books[slug] = None

    def _changed(self, event: dict[str, Any], heard: FrameEffect) -> None:
        at_ns = _ns(event)
        tops: dict[str, tuple[int | None, int | None]] = {}
        for item in event["price_changes"]:  # the token stands in the item, never at the top level
            token = item["asset_id"]
            slug = self._of_token.get(token)
            if slug is None:
                continue
            price, size = price_of(item["price"]), e6_of(item["size"])
            self.builders[slug].change(token, _is_bid(item["side"]), price, size, at_ns)
            tops[token] = (_top(item, "best_bid", "0"), _top(item, "best_ask", "1"))
            heard.books[slug] = None
        for token, (bid, ask) in tops.items():
            slug = self._of_token[token]
            if not self.builders[slug].agrees(token, bid, ask):
                heard.distrusted[slug] = None

    def _traded(self, event: dict[str, Any], heard: FrameEffect) -> None:
        token = event["asset_id"]
        slug = self._of_token.get(token)
        if slug is not None:
            side: Literal["BUY", "SELL"] = "BUY" if _is_bid(event["side"]) else "SELL"
            heard.words.append(
                TradePrint(
                    slug=slug,
                    token_id=token,
                    price_e6=price_of(event["price"]),
                    size_e6=e6_of(event["size"]),
                    side=side,
                    traded_ns=_ns(event),
                )
            )

    def _tick(self, event: dict[str, Any], heard: FrameEffect) -> None:
        token = event["asset_id"]
        slug = self._of_token.get(token)
        if slug is not None:
            old, new = price_of(event["old_tick_size"]), price_of(event["new_tick_size"])
            heard.words.append(
                TickSizeChanged(slug=slug, token_id=token, old_e6=old, new_e6=new, changed_ns=_ns(event))
            )

    def _resolved(self, event: dict[str, Any], heard: FrameEffect, received_ns: int) -> None:
        """Winner by token; the outcome's name must agree. A split has no winning token and is left to Gamma."""
        slug = self._of_condition.get(event["market"])
        if slug is None:
            return
        market, token = self._listed[slug], event["winning_asset_id"]
        winner: Literal["UP", "DOWN"]
        match token, event.get("winning_outcome"):
            case market.up_token, "Up":
                winner = "UP"
            case market.down_token, "Down":
                winner = "DOWN"
            case other:
                raise ValueError(f"resolved for {other!r:.120}")
        heard.words.append(
            MarketResolved(
                slug=slug,
                condition_id=market.condition_id,
                winner=winner,
                resolved_ns=_ns(event) if event.get("timestamp") else received_ns,
                source="ws",
            )
        )

    def _distrust(self, event: object, heard: FrameEffect) -> None:
        """Part of a change may have been applied: the market's books are not to be believed."""
        if not isinstance(event, dict) or event.get("event_type") not in ("book", "price_change"):
            return
        slug = self._of_condition.get(str(event.get("market")))
        if slug is not None and self.builders[slug].forget():
            heard.distrusted[slug] = None


def book_hash(shown: dict[str, Any]) -> str:
    """SHA-1 of a book object's compact JSON with an empty hash. The channel's `book` lacks two keys: min_order_size "5" and
    neg_risk false reproduce every recorded hash.
    """
    hashed = {"min_order_size": "5", "neg_risk": False, "last_trade_price": ""} | shown | {"hash": ""}
    text = msgspec.json.encode({key: hashed[key] for key in HASHED_KEYS})
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def first_frame(tokens: Iterable[str]) -> str:
    """The frame that subscribes to these tokens, sent first on every connection; it asks for a dump of the books."""
    return _json({"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": True, "initial_dump": True})


def subscribe_frame(tokens: Iterable[str]) -> str:
    """Later additions; a token already subscribed makes the server refuse the frame."""
    return _json({"operation": "subscribe", "assets_ids": list(tokens), "custom_feature_enabled": True})


def unsubscribe_frame(tokens: Iterable[str]) -> str:
    """The frame that leaves these tokens; both of a market together, for fan-out is per market."""
    return _json({"operation": "unsubscribe", "assets_ids": list(tokens)})


def _json(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()


def _levels(levels: list[dict[str, str]]) -> Iterator[Level]:
    return ((price_of(level["price"]), e6_of(level["size"])) for level in levels)


def _ns(event: dict[str, Any]) -> int:
    """The venue's stamp is milliseconds as a text."""
    stamp = event["timestamp"]
    if not isinstance(stamp, str) or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 14:
        raise ValueError(f"timestamp {stamp!r:.40}")
    return int(stamp) * MS


def _is_bid(side: str) -> bool:
    if side not in ("BUY", "SELL"):
        raise ValueError(f"side {side!r:.40}")
    return side == "BUY"


def _top(item: dict[str, str], key: str, empty: str) -> int | None:
    """A named best price; "", 0 (and 1 for asks) mean that the side is empty."""
    text = item[key]
    return None if text in ("", "0", empty) else price_of(text)
