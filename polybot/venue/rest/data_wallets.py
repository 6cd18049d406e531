"""The Data API, v1 and v2 (facts §11): public, by wallet. v1 answers plain arrays, v2 an envelope with a cursor."""

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messages.units import E6
from polybot.sim.venue import Market
from polybot.venue.accounts import portfolio
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.portfolio import PortfolioFill, PortfolioPosition
from polybot.venue.net.paging import cursor_of, offset_of
from polybot.venue.net.responses import HttpRefusal, as_json
from polybot.venue.rest import data_rows
from polybot.venue.rest.data_rows import v1

Row = dict[str, Any]
MAX_V1, MAX_V2 = 500, 1000


class DataRest:
    """Handlers over the house; nothing here changes anything."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/", self.ok),
            Route("/trades", self.trades_v1),
            Route("/activity", self.activity_v1),
            Route("/positions", self.positions_v1),
            Route("/closed-positions", self.closed_v1),
            Route("/value", self.value_v1),
            Route("/traded", self.traded_v1),
            Route("/v2/trades", self.trades_v2),
            Route("/v2/activity", self.activity_v2),
            Route("/v2/positions", self.positions_v2),
            Route("/v2/value", self.value_v2),
        ]

    async def ok(self, _request: Request) -> Response:
        """Answers `/`: the Data API is alive."""
        return as_json({"data": "OK"})

    # --- v1

    async def trades_v1(self, request: Request) -> Response:
        """Answers `/trades`, the newest first; takers only unless told otherwise."""
        q = request.query_params
        return _array([v1(row) for row in self._trades(q, q.get("takerOnly", "true") != "false", "market")], q)

    async def activity_v1(self, request: Request) -> Response:
        """Answers `/activity`: a wallet's trades and redemptions."""
        q = request.query_params
        rows = [v1(row) for row in self._activity(q, "market", "type", "excludeDepositsWithdrawals")]
        return _array(rows[::-1] if q.get("sortDirection") == "ASC" else rows, q)

    async def positions_v1(self, request: Request) -> Response:
        """What a wallet holds, from sizeThreshold (1 share) on."""
        q = request.query_params
        least = _float(q, "sizeThreshold", 1.0)
        rows = [r for r in self._positions(q, "market") if r["status"] != "CLOSED" and r["current_size"] >= least]
        if q.get("redeemable") == "true":
            rows = [row for row in rows if row["redeemable"]]
        if q.get("mergeable") == "true":
            rows = [row for row in rows if row["mergeable"]]
        return _array([v1(row) for row in rows], q)

    async def closed_v1(self, request: Request) -> Response:
        """Answers `/closed-positions`: what a wallet no longer holds."""
        q = request.query_params
        return _array([v1(row) for row in self._positions(q, "market") if row["status"] == "CLOSED"], q)

    async def value_v1(self, request: Request) -> Response:
        """Answers `/value`: what all that a wallet holds is worth, in dollars."""
        q = request.query_params
        return as_json([{"user": user_of(q), "value": self._value(q, "market")}])

    async def traded_v1(self, request: Request) -> Response:
        """Answers `/traded`: in how many markets a wallet has traded."""
        user = user_of(request.query_params)
        markets = {fill.condition_id for fill in self._fills(user)}
        return as_json({"user": user, "traded": len(markets)})

    # --- v2

    async def trades_v2(self, request: Request) -> Response:
        """All sides of trades, unless taker_only is asked for."""
        q = request.query_params
        return as_page(self._trades(q, q.get("taker_only") == "true", "condition_id"), q)

    async def activity_v2(self, request: Request) -> Response:
        """Answers `/v2/activity`: the same as v1 in v2's names, by the page."""
        q = request.query_params
        rows = self._activity(q, "condition_id", "type", "exclude_deposits_withdrawals")
        return as_page(rows[::-1] if q.get("sort_direction") == "ASC" else rows, q)

    async def positions_v2(self, request: Request) -> Response:
        """By status; without one, what is open or redeemable."""
        q = request.query_params
        wish = q.get("status", "").upper()
        rows = self._positions(q, "condition_id")
        match wish:
            case "":
                rows = [row for row in rows if row["status"] != "CLOSED"]
            case "REDEEMABLE_LOST":
                rows = [row for row in rows if row["redeemable"] and not row["current_value"]]
            case "REDEEMABLE":
                rows = [row for row in rows if row["redeemable"] and row["current_value"]]
            case "MERGEABLE":
                rows = [row for row in rows if row["mergeable"]]
            case _:
                rows = [row for row in rows if row["status"] == wish]
        return as_page(rows, q)

    async def value_v2(self, request: Request) -> Response:
        """Answers `/v2/value`: the same as v1 in v2's envelope."""
        q = request.query_params
        return as_json({"data": {"proxy_wallet": user_of(q), "value": self._value(q, "condition_id")}})

    # --- rows

    def _fills(self, user: str) -> list[PortfolioFill]:
        engine = self.house.engine
        return portfolio.fills_of(engine.trades(user) if user else engine.state.trades.values(), user)

    def _trades(self, q: QueryParams, takers: bool, market_key: str) -> list[Row]:
        user, side, wished = q.get("user", "").lower(), q.get("side", "").upper(), ids_of(q, market_key)
        rows = [
            data_rows.trade(fill, self._market(fill.condition_id))
            for fill in self._fills(user)
            if (fill.is_taker or not takers) and side in ("", fill.side) and (not wished or fill.condition_id in wished)
        ]
        return [row for row in _in_time(rows, q) if _is_big(row, q)]

    def _activity(self, q: QueryParams, market_key: str, type_key: str, without_cash_key: str) -> list[Row]:
        """What came and went without a trade is left out unless the query says "false" to leaving it out (facts §11)."""
        user, wished = user_of(q), ids_of(q, market_key)
        types, side = ids_of(q, type_key), q.get("side", "").upper()
        rows = [data_rows.trade_activity(fill, self._market(fill.condition_id)) for fill in self._fills(user)]
        redeemed = [data_rows.redemption(h, self._market(h.condition_id)) for h in self._holdings(user)]
        rows += [row for row in redeemed if row is not None]
        if q.get(without_cash_key) == "false":
            rows += [data_rows.withdrawal(*each) for each in self.house.withdrawals if each[0] == user]
        rows = [r for r in rows if (not wished or r["condition_id"] in wished) and (not types or r["type"] in types)]
        return sorted(_in_time([r for r in rows if side in ("", r["side"])], q), key=lambda r: -int(r["timestamp"]))

    def _positions(self, q: QueryParams, market_key: str) -> list[Row]:
        wished, rows = ids_of(q, market_key), []
        for holding in self._holdings(user_of(q)):
            market = self._market(holding.condition_id)
            if not wished or holding.condition_id in wished:
                rows.append(data_rows.position(holding, market, self._price_e6(market, holding.token)))
        for row in rows:
            other = next((r for r in rows if r["token_id"] == row["opposite_token_id"]), None)
            row["mergeable"] = other is not None and bool(row["current_size"] and other["current_size"])
        return rows

    def _holdings(self, user: str) -> list[PortfolioPosition]:
        engine = self.house.engine
        held = {f.token: engine.account_balance(user, f.token) for f in self._fills(user)}
        return portfolio.holdings_of(self._fills(user), held)

    def _value(self, q: QueryParams, market_key: str) -> float:
        return round(sum(float(row["current_value"]) for row in self._positions(q, market_key)), 6)

    def _price_e6(self, market: Market, token: str) -> int:
        bid, ask = self.house.engine.best(market.condition_id)
        up = ((bid or 0) + (E6 if ask is None else ask)) // 2
        return up if token == market.up_token else E6 - up

    def _market(self, condition_id: str) -> Market:
        market = self.house.engine.market(condition_id)
        assert market is not None, "a trade without its market"
        return market


def user_of(q: QueryParams) -> str:
    """The wallet asked about, lower case; 400 without one."""
    user = q.get("user", "").lower()
    if len(user) != 42 or not user.startswith("0x"):
        raise HttpRefusal(400, "required query param 'user' not provided")
    return user


def ids_of(q: QueryParams, key: str) -> set[str]:
    """All values of a parameter: repeated (with or without []), or separated by commas."""
    return {part for value in (*q.getlist(key), *q.getlist(f"{key}[]")) for part in value.split(",") if part}


def whole(q: QueryParams, key: str, default: int) -> int:
    """A whole number in the query; 400 for anything else."""
    return int(_float(q, key, default))


def _float(q: QueryParams, key: str, default: float) -> float:
    try:
        return float(q.get(key) or default)
    except ValueError as exc:
        raise HttpRefusal(400, f"invalid query param '{key}'") from exc


def _in_time(rows: list[Row], q: QueryParams) -> list[Row]:
    start, end = _float(q, "start", 0), _float(q, "end", 1 << 40)
    return [row for row in rows if start <= row["timestamp"] <= end]


def _is_big(row: Row, q: QueryParams) -> bool:
    amount = _float(q, "filter_amount", _float(q, "filterAmount", 0))
    kind = q.get("filter_type") or q.get("filterType") or "CASH"
    return bool((row["size"] if kind == "TOKENS" else row["size"] * row["price"]) >= amount)


def _array(rows: list[Row], q: QueryParams) -> Response:
    offset, limit = int(_float(q, "offset", 0)), min(MAX_V1, int(_float(q, "limit", 100)))
    return as_json(rows[offset : offset + limit])


def as_page(rows: list[Row], q: QueryParams) -> Response:
    """The rows in v2's envelope, by cursor or by offset."""
    offset = offset_of(q["cursor"]) if q.get("cursor") else int(_float(q, "offset", 0))
    limit = max(1, min(MAX_V2, int(_float(q, "limit", 100))))
    more = offset + limit < len(rows)
    pages = {
        "limit": limit,
        "offset": offset,
        "has_more": more,
        "next_cursor": cursor_of(offset + limit) if more else None,
    }
    return as_json({"data": rows[offset : offset + limit], "pagination": pages})
