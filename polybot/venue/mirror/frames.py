"""The real market channel's frames, and REST's book, as news of one merged book a market, in Up's terms. Pure.

Down's levels are Up's seen from the other side (a bid of Down at p is an offer of Up at 1 − p), so whichever token a frame
speaks of, it speaks of the same book. Kinds nobody knows are passed over; what cannot be read is told as `Broken`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from messages.units import E6
from polybot.adapters.polymarket.market_frames import book_hash
from polybot.adapters.polymarket.numbers import GARBAGE, e6_of, price_of
from polybot.sim.venue.mirror import Change
from polybot.sim.venue.types import BookSide, Levels, Side, Winner
from polybot.venue.wire.clob_frames import Pair

Tops = tuple[int | None, int | None]
"""(best bid, best ask) of the merged book; None where a side is empty."""


@dataclass(frozen=True)
class BookSnapshot:
    """A whole book. is_intact: its hash is that of what it shows."""

    condition_id: str
    bids: Levels
    asks: Levels
    at_ms: int
    is_intact: bool


@dataclass(frozen=True)
class Changes:
    """New totals of levels, and what the best prices must be after them, once for each token named."""

    condition_id: str
    levels: tuple[Change, ...]
    tops: tuple[Tops, ...]
    at_ms: int


@dataclass(frozen=True)
class Print:
    """A real trade: the taker hit this side of the merged book. token, own_e6, taken: the same as the frame words it."""

    condition_id: str
    hits: BookSide
    price_e6: int
    size_e6: int
    at_ms: int
    transaction: str
    token: str
    own_e6: int
    taker: Side


@dataclass(frozen=True)
class TickChange:
    """The market's price grid has changed."""

    condition_id: str
    tick_e6: int


@dataclass(frozen=True)
class Resolved:
    """The real venue has said who won."""

    condition_id: str
    winner: Winner


@dataclass(frozen=True)
class Broken:
    """A frame that could not be read. condition_id: whose book it spoke of and is not to be believed now; "" nobody's."""

    condition_id: str
    why: str


News = BookSnapshot | Changes | Print | TickChange | Resolved | Broken


class FrameReader:
    """Reads what concerns the markets that are followed. Tokens and conditions of others are passed over."""

    def __init__(self) -> None:
        self.pairs: dict[str, Pair] = {}

    def follow(self, pair: Pair) -> None:
        """Read frames about this market as news from now on."""
        for name in (pair.condition_id, pair.up_token, pair.down_token):
            self.pairs[name] = pair

    def leave(self, pair: Pair) -> None:
        """Pass over frames about this market from now on."""
        for name in (pair.condition_id, pair.up_token, pair.down_token):
            self.pairs.pop(name, None)

    def read(self, text: str) -> list[News]:
        """One frame: an event or an array of them. Never raises."""
        if text.strip() in ("", "PONG"):
            return []
        try:
            shown = msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
            return [Broken("", f"{exc}: {text:.80}")]
        news: list[News] = []
        for event in shown if isinstance(shown, list) else [shown]:
            try:
                news += self._event(event)
            except GARBAGE as exc:
                news.append(Broken(self._book_of(event), f"{type(exc).__name__} {exc}: {text:.80}"))
        return news

    def _event(self, event: dict[str, Any]) -> Iterator[News]:
        match event.get("event_type"):
            case "price_change":
                yield from self._changes(event)
            case "book" if event["asset_id"] in self.pairs:
                yield snapshot_of(event, self.pairs[event["asset_id"]])
            case "last_trade_price" if event["asset_id"] in self.pairs:
                yield _print(event, self.pairs[event["asset_id"]])
            case "tick_size_change" if event["asset_id"] in self.pairs:
                pair = self.pairs[event["asset_id"]]
                yield TickChange(pair.condition_id, price_of(event["new_tick_size"]))
            case "market_resolved" if event["market"] in self.pairs:
                yield _resolved(event, self.pairs[event["market"]])
            case _:
                return

    def _changes(self, event: dict[str, Any]) -> Iterator[Changes]:
        """The token stands in each item. Both tokens' items must tell the same sizes."""
        at_ms = _ms(event)
        levels: dict[str, dict[tuple[BookSide, int], int]] = {}
        tops: dict[str, dict[str, Tops]] = {}
        told: dict[tuple[str, BookSide, int, str], int] = {}
        for item in event["price_changes"]:
            token = item["asset_id"]
            pair = self.pairs.get(token)
            if pair is None:
                continue
            is_up = token == pair.up_token
            side, price = _level(is_up, _side(item["side"]), price_of(item["price"]))
            size = e6_of(item["size"])
            other = pair.down_token if is_up else pair.up_token
            if told.get((pair.condition_id, side, price, other), size) != size:
                raise ValueError(f"{item['price']} is {item['size']} for one token and another size for the other")
            told[(pair.condition_id, side, price, token)] = size
            levels.setdefault(pair.condition_id, {})[side, price] = size
            tops.setdefault(pair.condition_id, {})[token] = _tops(is_up, item)
        for condition_id, changed in levels.items():
            yield Changes(
                condition_id,
                tuple((side, price, size) for (side, price), size in changed.items()),
                tuple(tops[condition_id].values()),
                at_ms,
            )

    def _book_of(self, event: object) -> str:
        """Part of it may be a change we shall never see: that market's book is not to be believed."""
        if not isinstance(event, dict) or event.get("event_type") not in ("book", "price_change"):
            return ""
        pair = self.pairs.get(str(event.get("market"))) or self.pairs.get(str(event.get("asset_id")))
        return pair.condition_id if pair is not None else ""


def snapshot_of(shown: Mapping[str, Any], pair: Pair) -> BookSnapshot:
    """A `book` event, or the object REST answers with. Raises one of GARBAGE."""
    is_up = shown["asset_id"] == pair.up_token
    if not is_up and shown["asset_id"] != pair.down_token:
        raise ValueError(f"book of another token {shown['asset_id']!r:.80}")
    bids, asks = list(_levels(shown["bids"])), list(_levels(shown["asks"]))
    if not is_up:
        bids, asks = [(E6 - p, s) for p, s in asks], [(E6 - p, s) for p, s in bids]
    return BookSnapshot(
        condition_id=pair.condition_id,
        bids=tuple(sorted(bids, reverse=True)),
        asks=tuple(sorted(asks)),
        at_ms=_ms(shown),
        is_intact=book_hash(dict(shown)) == shown["hash"],
    )


def _print(event: Mapping[str, Any], pair: Pair) -> Print:
    is_up, taker, own = event["asset_id"] == pair.up_token, _side(event["side"]), price_of(event["price"])
    _, price = _level(is_up, taker, own)
    return Print(
        condition_id=pair.condition_id,
        hits="ASK" if (taker == "BUY") == is_up else "BID",
        price_e6=price,
        size_e6=e6_of(event["size"]),
        at_ms=_ms(event),
        transaction=str(event.get("transaction_hash") or ""),
        token=event["asset_id"],
        own_e6=own,
        taker=taker,
    )


def _resolved(event: Mapping[str, Any], pair: Pair) -> Resolved:
    """By token; the outcome's name must agree. A split has no winner and is left to Gamma."""
    match event["winning_asset_id"], event.get("winning_outcome"):
        case pair.up_token, "Up":
            return Resolved(pair.condition_id, "UP")
        case pair.down_token, "Down":
            return Resolved(pair.condition_id, "DOWN")
        case other:
            raise ValueError(f"resolved for {other!r:.120}")


def _level(is_up: bool, side: Side, price_e6: int) -> tuple[BookSide, int]:
    """A level of one token in the merged book."""
    if is_up:
        return ("BID" if side == "BUY" else "ASK"), price_e6
    return ("ASK" if side == "BUY" else "BID"), E6 - price_e6


def _tops(is_up: bool, item: Mapping[str, Any]) -> Tops:
    bid, ask = _top(item["best_bid"], "0"), _top(item["best_ask"], "1")
    if is_up:
        return bid, ask
    return (None if ask is None else E6 - ask), (None if bid is None else E6 - bid)


def _top(text: str, empty: str) -> int | None:
    """ "" and 0 (and 1 for asks) mean that the side is empty."""
    return None if text in ("", "0", empty) else price_of(text)


def _levels(shown: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    for level in shown:
        size = e6_of(level["size"])
        if size:
            yield price_of(level["price"]), size


def _side(text: Any) -> Side:
    if text == "BUY":
        return "BUY"
    if text == "SELL":
        return "SELL"
    raise ValueError(f"side {text!r:.40}")


def _ms(shown: Mapping[str, Any]) -> int:
    """The frame's stamp in unix milliseconds; raises ValueError when it is no such text."""
    stamp = shown["timestamp"]
    if not isinstance(stamp, str) or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 14:
        raise ValueError(f"timestamp {stamp!r:.40}")
    return int(stamp)
