"""An account's orders and trades as the venue keeps them, shows them on REST and says them on the user channel.

Amounts are millionths; what leaves here is decimal text. These are the documents the store commits.
"""

from typing import Any, Literal

import msgspec

from messages.units import decimal_text

TradeStatus = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]


class OrderRecord(msgspec.Struct, kw_only=True):
    """One order of a user. original_e6 shares asked for; status as the venue spells it, without prefix."""

    id: str
    owner: str
    address: str
    market: str
    token: str
    side: Literal["BUY", "SELL"]
    outcome: str
    original_e6: int
    matched_e6: int
    price_e6: int
    order_type: str
    expiration_s: int
    created_s: int
    status: str
    trades: list[str] = []
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Resting in the book."""
        return self.status == "LIVE"


class MakerPart(msgspec.Struct, kw_only=True):
    """One maker's share of a trade. owner "" and a house address where the world itself was the maker."""

    order_id: str
    owner: str
    address: str
    size_e6: int
    price_e6: int
    token: str
    outcome: str
    side: Literal["BUY", "SELL"]


class TradeRecord(msgspec.Struct, kw_only=True):
    """One match with a user in it. mined_ns, confirmed_ns: when world time will see them."""

    id: str
    taker_order_id: str
    taker_owner: str
    taker_address: str
    market: str
    token: str
    side: Literal["BUY", "SELL"]
    outcome: str
    size_e6: int
    price_e6: int
    fee_e6: int
    status: TradeStatus
    matched_ns: int
    mined_ns: int
    confirmed_ns: int
    updated_ns: int
    tx: str
    bucket: int
    makers: list[MakerPart]

    def owners(self) -> list[str]:
        """API keys of the users in it, each once."""
        return [o for o in dict.fromkeys([self.taker_owner, *(m.owner for m in self.makers)]) if o]


def open_order(order: OrderRecord) -> dict[str, Any]:
    """OpenOrder of /data/order and /data/orders."""
    return {
        "id": order.id,
        "status": order.status,
        "owner": order.owner,
        "maker_address": order.address,
        "market": order.market,
        "asset_id": order.token,
        "side": order.side,
        "original_size": decimal_text(order.original_e6),
        "size_matched": decimal_text(order.matched_e6),
        "price": decimal_text(order.price_e6),
        "outcome": order.outcome,
        "expiration": str(order.expiration_s),
        "order_type": order.order_type,
        "associate_trades": list(order.trades),
        "created_at": order.created_s,
    }


def order_event(order: OrderRecord, kind: str, now_ns: int) -> dict[str, Any]:
    """The user channel's `order`; kind PLACEMENT, UPDATE or CANCELLATION."""
    return open_order(order) | {
        "event_type": "order",
        "type": kind,
        "order_owner": order.owner,
        "created_at": str(order.created_s),
        "associate_trades": list(order.trades) or None,
        "timestamp": str(now_ns // 1_000_000),
    }


def trade_row(trade: TradeRecord, reader: str) -> dict[str, Any]:
    """Trade of /data/trades, as the reader (an API key) is shown it."""
    is_taker = trade.taker_owner == reader
    mine = None if is_taker else next(m for m in trade.makers if m.owner == reader)
    return {
        "id": trade.id,
        "taker_order_id": trade.taker_order_id,
        "market": trade.market,
        "asset_id": trade.token,
        "side": trade.side,
        "trader_side": "TAKER" if is_taker else "MAKER",
        "size": decimal_text(trade.size_e6),
        "price": decimal_text(trade.price_e6),
        "fee_rate_bps": "0",
        "status": trade.status,
        "outcome": trade.outcome,
        "owner": reader,
        "maker_address": trade.taker_address if mine is None else mine.address,
        "match_time": str(trade.matched_ns // 1_000_000_000),
        "last_update": str(trade.updated_ns // 1_000_000_000),
        "bucket_index": trade.bucket,
        "transaction_hash": trade.tx if trade.status != "MATCHED" else "",
        "maker_orders": [_maker(m) for m in trade.makers],
    }


def trade_event(trade: TradeRecord, reader: str, now_ns: int) -> dict[str, Any]:
    """The user channel's `trade`, sent again with the same id at every status."""
    row = trade_row(trade, reader)
    return row | {
        "event_type": "trade",
        "type": "TRADE",
        "trade_owner": reader,
        "transaction_hash": row["transaction_hash"] or None,
        "timestamp": str(now_ns // 1_000_000),
    }


def _maker(part: MakerPart) -> dict[str, Any]:
    return {
        "order_id": part.order_id,
        "owner": part.owner,
        "maker_address": part.address,
        "matched_amount": decimal_text(part.size_e6),
        "price": decimal_text(part.price_e6),
        "fee_rate_bps": "0",
        "asset_id": part.token,
        "outcome": part.outcome,
        "outcome_index": 0 if part.outcome == "Up" else 1,
        "side": part.side,
    }
