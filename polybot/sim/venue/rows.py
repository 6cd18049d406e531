"""The engine's state as plain rows, one per market, account, order and trade, so that the venue can keep it on disk."""

import json
from dataclasses import asdict
from typing import Any

from polybot.sim.venue.types import EngineOrder, EngineTrade, MakerFill, Market, Row, VenueAccount


def row_of(thing: Market | VenueAccount | EngineOrder | EngineTrade) -> Row:
    """The thing as it is now, as one row: its table, its key and JSON."""
    match thing:
        case Market():
            table, key = "market", thing.condition_id
        case VenueAccount():
            table, key = "account", thing.address
        case EngineOrder():
            table, key = "order", thing.order_id
        case EngineTrade():
            table, key = "trade", thing.trade_id
    return table, key, json.dumps(asdict(thing), separators=(",", ":")).encode()


def thing_of(row: Row) -> Market | VenueAccount | EngineOrder | EngineTrade:
    """The inverse of `row_of`; raises ValueError on an unknown table or fields that do not fit."""
    table, key, data = row
    fields: dict[str, Any] = json.loads(data)
    try:
        match table:
            case "market":
                fields["held"] = {wallet: tuple(shares) for wallet, shares in fields.get("held", {}).items()}
                return Market(**fields)
            case "account":
                return VenueAccount(**fields)
            case "order":
                return EngineOrder(**fields)
            case "trade":
                fields["makers"] = tuple(MakerFill(**m) for m in fields["makers"])
                return EngineTrade(**fields)
    except TypeError as exc:
        raise ValueError(f"row {table}/{key} does not fit this version: {exc}") from exc
    raise ValueError(f"row {table}/{key}: no such table")
