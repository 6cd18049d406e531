"""Our own orders and trades as the venue reports them, on REST and on the user channel alike. ValueError on garbage, and on
sizes that are absent: what was not told is unknown, not none.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from messages import Side
from messages.inner import VenueOrder, VenueTrade
from polybot.adapters.polymarket.numbers import SizeUnit, price_of, seconds_of

State = Literal["LIVE", "MATCHED", "CANCELED", "DELAYED", "OTHER"]
Status = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]

_STATES: dict[str, State] = {"LIVE": "LIVE", "MATCHED": "MATCHED", "DELAYED": "DELAYED", "INVALID": "CANCELED"}
_SAID_BY_KIND = {"PLACEMENT": "LIVE", "UPDATE": "LIVE", "CANCELLATION": "CANCELED"}  # of an event that leaves it out
_STATUSES: dict[str, Status] = {
    "MATCHED": "MATCHED",
    "MATCHED_NOT_BROADCASTED": "MATCHED",
    "MINED": "MINED",
    "CONFIRMED": "CONFIRMED",
    "RETRYING": "RETRYING",
    "FAILED": "FAILED",
}


@dataclass(frozen=True)
class Ourselves:
    """What the venue may name us by: the API key (`owner`) and the address that holds the money (`maker_address`)."""

    api_key: str
    address: str

    def is_named_in(self, part: dict[str, Any]) -> bool:
        """Is this order, or this maker's part of a trade, ours?"""
        if part.get("owner") == self.api_key:
            return True
        return str(part.get("maker_address") or "").lower() == self.address.lower()


@dataclass(frozen=True)
class Units:
    """In which unit one speaker (REST, the user channel) writes the sizes of orders and of trades: learnt from what it says."""

    orders: SizeUnit = field(default_factory=SizeUnit)
    trades: SizeUnit = field(default_factory=SizeUnit)

    def learn(self, shown: dict[str, Any], us: Ourselves) -> None:
        """Look at an order or a trade before any of its page is read; garbage teaches nothing."""
        if "original_size" in shown:
            self.orders.learn(shown.get("size_matched"), ordered=shown["original_size"])
        else:
            makers = shown.get("maker_orders")
            parts = [m for m in makers if isinstance(m, dict)] if isinstance(makers, list) else []
            ours = [m.get("matched_amount") for m in parts if us.is_named_in(m)]
            self.trades.learn(*ours, *([] if ours else [shown.get("size")]))


def order_of(shown: dict[str, Any], unit: SizeUnit) -> VenueOrder:
    """An OpenOrder of REST or an `order` event of the user channel.

    Any status that begins with CANCELED is final whatever follows; a CANCELLATION event is one whatever its status. What a
    market BUY was made for is told in pUSD (facts §4.2): its size in shares is 0, not told.
    """
    raw = str(shown.get("status") or _SAID_BY_KIND[shown["type"]]).removeprefix("ORDER_STATUS_")
    unit.learn(shown.get("size_matched"), ordered=shown["original_size"])
    state: State = _STATES.get(raw.upper(), "OTHER")
    if raw.upper().startswith("CANCELED") or shown.get("type") == "CANCELLATION":
        state = "CANCELED"
    return VenueOrder(
        order_id=_text(shown, "id").lower(),
        condition_id=_text(shown, "market"),
        token_id=_text(shown, "asset_id"),
        side=_side(shown),
        state=state,
        raw_status=raw,
        original_e6=0 if _is_market_buy(shown) else unit.e6_of(shown["original_size"]),
        matched_e6=_matched_e6(shown, state, unit),
        price_e6=price_of(shown["price"]),
        trade_ids=tuple(str(t) for t in shown.get("associate_trades") or ()),
        created_s=seconds_of(shown.get("created_at")),
    )


def _is_market_buy(shown: dict[str, Any]) -> bool:
    return shown.get("order_type") in ("FOK", "FAK") and shown["side"] == "BUY"


def _matched_e6(shown: dict[str, Any], state: State, unit: SizeUnit) -> int:
    """Absent or empty it is 0 where nothing can have matched, as far as the same words go: of a FOK that was killed, and of
    events that place or end an order, which never decide what it came to. Anywhere else it is not known: ValueError.
    """
    told = shown.get("size_matched")
    if told is not None and told != "":
        return unit.e6_of(told)
    ends = state == "CANCELED" and ("event_type" in shown or shown.get("order_type") == "FOK")
    if (ends or shown.get("type") == "PLACEMENT") and not shown.get("associate_trades"):
        return 0
    raise ValueError(f"size_matched is {told!r}, with the order {state}")


def trades_of(shown: dict[str, Any], us: Ourselves, unit: SizeUnit) -> tuple[VenueTrade, ...]:
    """A Trade of REST or a `trade` event: one line an order of ours in it.

    As taker the top level is ours; as maker ours stands inside maker_orders, and the top level is somebody else's, perhaps
    even on the other token. A logical trade settled in several transactions has rows with different bucket_index: those
    after the first get ids of their own ("id#1"), so that none is taken for a repetition of another.
    """
    status = _STATUSES.get(str(shown["status"]).removeprefix("TRADE_STATUS_").upper())
    if status is None:
        raise ValueError(f"trade status {shown['status']!r:.40}")
    bucket = shown.get("bucket_index") or 0
    trade_id = _text(shown, "id") + (f"#{bucket}" if bucket else "")
    makers = [m for m in shown.get("maker_orders") or () if us.is_named_in(m)]
    side = shown.get("trader_side")
    is_taker = side == "TAKER" if side else not makers
    unit.learn(*[m.get("matched_amount") for m in makers], *([shown.get("size")] if is_taker else []))
    matched_s = seconds_of(shown.get("match_time") or shown.get("matchtime"))

    def line(part: dict[str, Any], order_key: str, size_key: str, taker: bool) -> VenueTrade:
        return VenueTrade(
            trade_id=trade_id,
            order_id=_text(part, order_key).lower(),
            condition_id=_text(shown, "market"),
            token_id=_text(part, "asset_id"),
            side=_side(part) if "side" in part else _makers_side(part, shown),
            size_e6=_traded_e6(part, size_key, unit),
            price_e6=price_of(part["price"]),
            status=status,
            is_taker=taker,
            matched_s=matched_s,
        )

    taken = [line(shown, "taker_order_id", "size", True)] if is_taker else []
    lines = taken + [line(m, "order_id", "matched_amount", False) for m in makers]
    if not lines:
        raise ValueError("a trade in which we are the maker, but none of its makers is us")
    return tuple(lines)


def _traded_e6(part: dict[str, Any], size_key: str, unit: SizeUnit) -> int:
    size_e6 = unit.e6_of(part.get(size_key))
    if not size_e6:
        raise ValueError("a trade of nothing")
    return size_e6


def orders_named_in(shown: object) -> tuple[str, ...]:
    """Ids of the orders that an event names, ours and others', as far as it can be read."""
    if not isinstance(shown, dict):
        return ()
    makers = shown.get("maker_orders")
    parts = [m for m in makers if isinstance(m, dict)] if isinstance(makers, list) else []
    is_order = shown.get("event_type") == "order"
    named = [shown.get("id" if is_order else "taker_order_id"), *[m.get("order_id") for m in parts]]
    return tuple(dict.fromkeys(n.lower() for n in named if isinstance(n, str) and n))


def _makers_side(part: dict[str, Any], trade: dict[str, Any]) -> Side:
    """Older trades do not name a maker's side: on the taker's own token it is the other one, on the opposite token (a mint or
    a merge) the same."""
    taker = _side(trade)
    if part["asset_id"] != trade["asset_id"]:
        return taker
    return "SELL" if taker == "BUY" else "BUY"


def _text(shown: dict[str, Any], key: str) -> str:
    value = shown[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {value!r:.40}")
    return value


def _side(shown: dict[str, Any]) -> Side:
    match shown["side"]:
        case "BUY":
            return "BUY"
        case "SELL":
            return "SELL"
        case other:
            raise ValueError(f"side {other!r:.40}")
