"""Rows of the Data API (facts §11). Written once, in v2's snake_case; `v1` renames them to the frozen camelCase. Pure."""

from typing import Any

from messages.units import E6
from polybot.sim.venue import Market
from polybot.venue.accounts.portfolio import PortfolioFill, PortfolioPosition, pays_e6, redeemed_e6, status_of
from polybot.venue.wire import clob_objects, gamma_objects

NOBODY = {"name": "", "pseudonym": "", "bio": "", "profile_image": ""}
V1_NAMES = {
    "token_id": "asset",
    "usdc_size": "usdcSize",
    "current_size": "size",
    "entry_cost_usdc": "initialValue",
    "total_pnl": "cashPnl",
    "total_size": "totalBought",
    "current_price": "curPrice",
    "opposite_token_id": "oppositeAsset",
    "negative_risk": "negativeRisk",
}
V2_ONLY = frozenset(
    {
        "entry_fees_usdc",
        "total_cost_usdc",
        "unrealized_pnl",
        "status",
        "archived",
        "verified",
        "first_entry_at",
        "last_event_at",
        "is_combo",
    }
)


def number(value_e6: int) -> float | int:
    """Dollars or shares in millionths as a JSON number."""
    return value_e6 // E6 if value_e6 % E6 == 0 else value_e6 / E6


def v1(row: dict[str, Any]) -> dict[str, Any]:
    """The same row in the names that v1 of the Data API uses."""
    return {V1_NAMES.get(key) or _camel(key): value for key, value in row.items() if key not in V2_ONLY}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def market_keys(market: Market, token: str) -> dict[str, Any]:
    """The keys that every row has about its market."""
    return {
        "title": gamma_objects.title(market.start_s, market.end_s),
        "slug": market.slug,
        "icon": "",
        "event_slug": market.slug,
        "outcome": clob_objects.outcome_of(market, token),
        "outcome_index": 0 if token == market.up_token else 1,
    }


def trade(fill: PortfolioFill, market: Market) -> dict[str, Any]:
    """One fill as a row of `/v2/trades`."""
    return {
        "proxy_wallet": clob_objects.shown_address(fill.wallet),
        "side": fill.side,
        "token_id": fill.token,
        "condition_id": fill.condition_id,
        "size": number(fill.size_e6),
        "price": number(fill.price_e6),
        "timestamp": fill.at_s,
        "transaction_hash": clob_objects.transaction_hash(fill.trade_id),
        **market_keys(market, fill.token),
        **NOBODY,
        "profile_image_optimized": "",
    }


def trade_activity(fill: PortfolioFill, market: Market) -> dict[str, Any]:
    """One fill as a row of `/v2/activity`."""
    return trade(fill, market) | {"type": "TRADE", "usdc_size": number(fill.usd_e6), "is_combo": False}


def redemption(holding: PortfolioPosition, market: Market) -> dict[str, Any] | None:
    """One row an outcome; None when nothing was redeemed."""
    size, pays = redeemed_e6(holding), pays_e6(market, holding.token)
    if pays is None or not size:
        return None
    return {
        "proxy_wallet": clob_objects.shown_address(holding.wallet),
        "type": "REDEEM",
        "side": "",
        "token_id": holding.token,
        "condition_id": holding.condition_id,
        "size": number(size),
        "usdc_size": number(size * pays // E6),
        "price": 0,
        "timestamp": market.resolved_ns // 1_000_000_000,
        "transaction_hash": clob_objects.transaction_hash(f"redeem/{holding.wallet}/{holding.condition_id}"),
        **market_keys(market, holding.token),
        **NOBODY,
        "profile_image_optimized": "",
        "is_combo": False,
    }


def withdrawal(wallet: str, usd_e6: int, at_s: int) -> dict[str, Any]:
    """A row of `/activity` for money that left the wallet otherwise than by a trade."""
    return {
        "proxy_wallet": clob_objects.shown_address(wallet),
        "type": "WITHDRAWAL",
        "side": "",
        "token_id": "",
        "condition_id": "",
        "size": number(usd_e6),
        "usdc_size": number(usd_e6),
        "price": 0,
        "timestamp": at_s,
        "transaction_hash": clob_objects.transaction_hash(f"withdraw/{wallet}/{at_s}/{usd_e6}"),
        **dict.fromkeys(("title", "slug", "icon", "event_slug", "outcome"), ""),
        "outcome_index": 0,
        **NOBODY,
        "profile_image_optimized": "",
        "is_combo": False,
    }


def position(holding: PortfolioPosition, market: Market, price_e6: int) -> dict[str, Any]:
    """A row of `/positions`; price_e6 is what a share is worth now."""
    pays = pays_e6(market, holding.token)
    worth = price_e6 if pays is None else pays
    value = holding.size_e6 * worth // E6
    realized = holding.realized_e6 + (redeemed_e6(holding) * pays // E6 if pays is not None else 0)
    unrealized = value - holding.cost_left_e6
    opposite = market.down_token if holding.token == market.up_token else market.up_token
    return {
        "proxy_wallet": clob_objects.shown_address(holding.wallet),
        "token_id": holding.token,
        "condition_id": holding.condition_id,
        "current_size": number(holding.size_e6),
        "avg_price": number(holding.average_e6),
        "entry_cost_usdc": number(holding.cost_left_e6),
        "entry_fees_usdc": number(holding.fees_e6),
        "total_cost_usdc": number(holding.cost_e6 + holding.fees_e6),
        "current_value": number(value),
        "total_pnl": number(realized + unrealized),
        "percent_pnl": _percent(unrealized, holding.cost_left_e6),
        "total_size": number(holding.bought_e6),
        "realized_pnl": number(realized),
        "percent_realized_pnl": _percent(realized, holding.cost_e6),
        "unrealized_pnl": number(unrealized),
        "current_price": number(worth),
        "status": status_of(holding, market),
        "redeemable": market.winner is not None and holding.size_e6 > 0,
        "mergeable": False,
        "archived": False,
        "verified": True,
        **market_keys(market, holding.token),
        "opposite_outcome": clob_objects.outcome_of(market, opposite),
        "opposite_token_id": opposite,
        "end_date": gamma_objects.iso(market.end_s)[:10],
        "negative_risk": False,
        "first_entry_at": holding.first_s,
        "last_event_at": holding.last_s,
    }


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 4) if whole else 0.0
