"""Orders and trades of the venue's engine as REST shows them and the user channel says them. Pure.

A trade is shown to each wallet in it from its own side: as TAKER, or as MAKER with its part inside `maker_orders` while
the top level still describes the taker's order (facts §4.2).
"""

import hashlib
from collections.abc import Callable
from typing import Any

from messages.units import decimal_text
from polybot.adapters.polymarket.eip712 import checksummed
from polybot.sim.venue import EngineOrder, EngineTrade, Market
from polybot.sim.venue.chain import changed_ns

KeyOf = Callable[[str], str]
"""Wallet address (lower case) → its API key, "" for the world's own makers and takers."""


def outcome_of(market: Market, token: str) -> str:
    """The name of the outcome that this token stands for, "Up" or "Down"."""
    return "Up" if token == market.up_token else "Down"


def shown_address(owner: str) -> str:
    """EIP-55 for wallets; the world's own accounts get a fixed address of their own."""
    if owner.startswith("0x"):
        return checksummed(bytes.fromhex(owner[2:]))
    return checksummed(hashlib.sha256(owner.encode()).digest()[:20])


def transaction_hash(trade_id: str) -> str:
    """A made-up transaction, the same for ever for the same trade."""
    return "0x" + hashlib.sha256(b"tx/" + trade_id.encode()).hexdigest()


def wire_status(order: EngineOrder) -> str:
    """An order's status in the venue's word; a held taker is DELAYED."""
    return "DELAYED" if order.status == "HELD" else order.status


def open_order(order: EngineOrder, market: Market, key: str, in_base_units: bool = False) -> dict[str, Any]:
    """OpenOrder of /data/order and /data/orders. in_base_units: its sizes as 6-decimal integers."""
    size = str if in_base_units else decimal_text
    return {
        "id": order.order_id,
        "status": wire_status(order),
        "owner": key,
        "maker_address": shown_address(order.owner),
        "market": order.condition_id,
        "asset_id": order.token,
        "side": order.side,
        "original_size": size(order.size_e6),
        "size_matched": size(order.filled_e6),
        "price": decimal_text(order.price_e6),
        "outcome": outcome_of(market, order.token),
        "expiration": str(order.expiration_s),
        "order_type": order.kind,
        "associate_trades": list(order.trade_ids),
        "created_at": order.created_ns // 1_000_000_000,
    }


def order_event(order: EngineOrder, market: Market, key: str, kind: str, at_ns: int) -> dict[str, Any]:
    """The user channel's `order`; kind PLACEMENT, UPDATE or CANCELLATION."""
    shown = open_order(order, market, key)
    return shown | {
        "event_type": "order",
        "type": kind,
        "order_owner": key,
        "created_at": str(shown["created_at"]),
        "associate_trades": shown["associate_trades"] or None,
        "timestamp": str(at_ns // 1_000_000),
    }


def wallets_in(trade: EngineTrade) -> list[str]:
    """Every wallet in a trade, each once, the taker first."""
    return list(dict.fromkeys([trade.taker, *(m.owner for m in trade.makers)]))


def trade_row(trade: EngineTrade, market: Market, reader: str, key_of: KeyOf, updated_ns: int) -> dict[str, Any]:
    """Trade of /data/trades as the wallet `reader` is shown it."""
    on_chain = transaction_hash(trade.trade_id) if trade.status != "MATCHED" else ""
    return {
        "id": trade.trade_id,
        "taker_order_id": trade.taker_order_id or transaction_hash(f"order/{trade.trade_id}"),
        "market": trade.condition_id,
        "asset_id": trade.token,
        "side": trade.side,
        "trader_side": "TAKER" if trade.taker == reader else "MAKER",
        "size": decimal_text(trade.size_e6),
        "price": decimal_text(trade.price_e6),
        "fee_rate_bps": "0",
        "status": trade.status,
        "outcome": outcome_of(market, trade.token),
        "owner": key_of(reader),
        "maker_address": shown_address(reader),
        "match_time": str(trade.matched_ns // 1_000_000_000),
        "last_update": str(updated_ns // 1_000_000_000),
        "bucket_index": 0,
        "transaction_hash": on_chain,
        "maker_orders": [_maker(trade, market, i, key_of) for i in range(len(trade.makers))],
    }


def trade_event(trade: EngineTrade, market: Market, reader: str, key_of: KeyOf, at_ns: int) -> dict[str, Any]:
    """The user channel's `trade`, sent again with the same id at every status."""
    row = trade_row(trade, market, reader, key_of, at_ns)
    return row | {
        "event_type": "trade",
        "type": "TRADE",
        "trade_owner": row["owner"],
        "transaction_hash": row["transaction_hash"] or None,
        "timestamp": str(at_ns // 1_000_000),
    }


def updated_ns(trade: EngineTrade) -> int:
    """When a trade came to the status it has."""
    return changed_ns(trade)


def _maker(trade: EngineTrade, market: Market, index: int, key_of: KeyOf) -> dict[str, Any]:
    part = trade.makers[index]
    return {
        "order_id": part.order_id or transaction_hash(f"maker/{trade.trade_id}/{index}"),
        "owner": key_of(part.owner),
        "maker_address": shown_address(part.owner),
        "matched_amount": decimal_text(part.size_e6),
        "price": decimal_text(part.price_e6),
        "fee_rate_bps": "0",
        "asset_id": part.token,
        "outcome": outcome_of(market, part.token),
        "outcome_index": 0 if part.token == market.up_token else 1,
        "side": part.side,
    }
