"""The Data API by market instead of by wallet (facts §11): resolutions, price history, holders, open interest, tokens; and
what it says of itself and of a wallet's approvals. What nobody has here (combos, builders, leaderboards) is an empty page.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messages.units import E6
from polybot.adapters.polymarket.eip712 import EXCHANGE, NEG_RISK_EXCHANGE
from polybot.sim.venue import Market
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.portfolio import fills_of, pays_e6
from polybot.venue.net.responses import HttpRefusal, as_json
from polybot.venue.rest.clob_batches import INTERVAL_S, ClobBatches
from polybot.venue.rest.data_rows import number
from polybot.venue.rest.data_wallets import as_page, ids_of, user_of, whole
from polybot.venue.wire import clob_objects, gamma_objects

Row = dict[str, Any]
POLYGON = 137
PUSD, CTF = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB", "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
POSITIONS = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
ADAPTERS = ("0xAdA100Db00Ca00073811820692005400218FcE1f", "0xadA2005600Dec949baf300f4C6120000bDB6eAab")
ROUTER, EXCHANGE_V3 = "0x12121212006e4CD160D18e3f00711DA5c3372600", "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
REDEEMER = "0xa1200000d0002264C9a1698e001292D00E1b00af"
MODULES = ("0x1000008dD9001B968442c1000017eaE6E0dA00Ba", "0x200000900045e3B6259600682756002200028933")
PERPS = "0xDCa4af75705dbB50f62437045afF9921947917d2"
APPROVALS: dict[tuple[str, str], tuple[str, ...]] = {
    (PUSD, "ERC20"): (EXCHANGE, NEG_RISK_EXCHANGE, *ADAPTERS, ROUTER, EXCHANGE_V3, PERPS),
    (CTF, "ERC1155"): (EXCHANGE, NEG_RISK_EXCHANGE, *ADAPTERS, REDEEMER, *MODULES),
    (POSITIONS, "ERC1155"): (ROUTER, EXCHANGE_V3, REDEEMER),
}
NOBODY = (
    "/v2/positions/combos",
    "/v2/activity/combos",
    "/v2/biggest-winners",
    "/v2/leaderboard",
    "/v2/builders/volume",
)


class DataMarkets:
    """Handlers over the house; nothing here changes anything."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._clob = ClobBatches(house)

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/holders", self.holders_v1),
            Route("/oi", self.interest_v1),
            Route("/live-volume", self.volume_v1),
            Route("/v2/resolutions", self.resolutions),
            Route("/v2/prices-history", self.history),
            Route("/v2/approvals", self.approvals),
            Route("/v2/status", self.status),
            Route("/v2/holders", self.holders_v2),
            Route("/v2/oi", self.interest_v2),
            Route("/v2/live-volume", self.volume_v2),
            Route("/v2/tokens", self.tokens),
            Route("/v2/user-stats", self.stats),
            Route("/v2/user-volume", self.user_volume),
            *(Route(path, self.nobody) for path in NOBODY),
        ]

    # --- markets

    async def resolutions(self, request: Request) -> Response:
        """Answers `/v2/resolutions`: markets with a final or announced winner; price 69 stands for none, as the oracle's
        contracts have it.
        """
        rows = [self._resolution(market) for market in self._markets(request) if market.winner is not None]
        return as_json({"data": rows})

    def _resolution(self, market: Market) -> Row:
        listing = self.house.listing_of(market)
        payouts = [pays_e6(market, token) for token in (market.up_token, market.down_token)]
        return {
            "question_id": listing.question_id if listing else None,
            "condition_id": market.condition_id,
            "status": "resolved",
            "extended_review": False,
            "expected_settlement_time": None,
            "settlement_time_basis": None,
            "was_disputed": False,
            "new_version_q": False,
            "proposed_price": None,
            "reproposed_price": None,
            "price": number(payouts[0] or 0),
            "transaction_hash": clob_objects.transaction_hash(f"resolve/{market.condition_id}"),
            "log_index": None,
            "last_update_timestamp": market.resolved_ns // 1_000_000_000,
            "market_type": "BINARY",
            "payouts": payouts,
            "resolution_source": "reported",
            "reporter": "CHAINLINK",
            "was_arbitrated": False,
            "resolved_at": gamma_objects.iso(market.resolved_ns // 1_000_000_000),
        }

    async def history(self, request: Request) -> Response:
        """A token's prices: the last of each bucket (bucket_seconds, 60 at least), from start, over an interval, or as of."""
        q = request.query_params
        token, step = q.get("token_id", ""), max(60, whole(q, "bucket_seconds", 60))
        if self.house.market_of(token) is None:
            raise HttpRefusal(400, "required query param 'token_id' not provided or unknown")
        now_s = self.house.now_ns() // 1_000_000_000
        if q.get("interval", "max") not in INTERVAL_S:
            raise HttpRefusal(400, "invalid query param 'interval'")
        until_s = whole(q, "as_of", whole(q, "end", now_s))
        points = self._clob.points(
            token, whole(q, "start", until_s - INTERVAL_S[q.get("interval", "max")]), until_s, step
        )
        if "as_of" in q:
            points = dict(list(points.items())[-1:])
        rows = [{"timestamp": at, "price": price / E6, "resolution_seconds": step} for at, price in points.items()]
        return as_page(rows, q)

    async def tokens(self, request: Request) -> Response:
        """Reference facts of outcome tokens, by token or by condition."""
        q = request.query_params
        wished = ids_of(q, "token_id")
        found = [self.house.market_of(token) for token in sorted(wished)] if wished else self._markets(request)
        markets = {m.condition_id: m for m in found if m is not None}
        rows = [
            self._token(market, token)
            for market in markets.values()
            for token in (market.up_token, market.down_token)
            if not wished or token in wished
        ]
        return as_json({"data": rows})

    def _token(self, market: Market, token: str) -> Row:
        index, pays = (0 if token == market.up_token else 1), pays_e6(market, token)
        listing = self.house.listing_of(market)
        return {
            "token_id": token,
            "condition_id": market.condition_id,
            "structural_condition_id": None,
            "module": "v1_ctf",
            "outcome_index": index,
            "clob_index": index,
            "outcome": clob_objects.outcome_of(market, token),
            "opposite_token_id": market.other(token),
            "resolved": pays is not None,
            "final_price": None if pays is None else number(pays),
            "title": gamma_objects.title(market.start_s, market.end_s),
            "market_slug": market.slug,
            "closed": pays is not None,
            "neg_risk": market.neg_risk,
            "neg_risk_market_id": None,
            "question_index": None,
            "event_id": int(gamma_objects.event_id(listing)) if listing else None,
            "event_slug": market.slug,
        }

    async def holders_v1(self, request: Request) -> Response:
        """Answers `/holders`: by token who holds how much, the largest first."""
        return as_json([_v1_holders(row) for row in self._holders(request, "market")])

    async def holders_v2(self, request: Request) -> Response:
        """Answers `/v2/holders`: the same as v1 in v2's names, by the page."""
        return as_page(self._holders(request, "condition_id"), request.query_params)

    def _holders(self, request: Request, key: str) -> list[Row]:
        rows = []
        for market in self._markets(request, key):
            for index, token in enumerate((market.up_token, market.down_token)):
                held = [(a.positions.get(token, 0), a.address) for a in self._accounts()]
                holders = [_holder(address, token, index, e6) for e6, address in sorted(held, reverse=True) if e6 > 0]
                rows.append({"token_id": token, "holders": holders})
        return rows

    def _accounts(self) -> list[Any]:
        return [a for a in self.house.engine.state.balances.accounts.values() if a.address.startswith("0x")]

    async def interest_v1(self, request: Request) -> Response:
        """Answers `/oi`: sets outstanding, a dollar each, by market."""
        return as_json(
            [{"market": m.condition_id, "value": number(m.pool_e6)} for m in self._markets(request, "market")]
        )

    async def interest_v2(self, request: Request) -> Response:
        """Answers `/v2/oi`: the same as v1 in v2's names."""
        rows = [{"condition_id": m.condition_id, "value": number(m.pool_e6)} for m in self._markets(request)]
        return as_json({"data": rows})

    async def volume_v1(self, request: Request) -> Response:
        """Answers `/live-volume` for an event (`id`), which has one market here."""
        found = [(m.condition_id, self._volume(m)) for m in self._of_events(request, "id")]
        rows = [{"market": condition, "value": value} for condition, value in found]
        return as_json([{"total": round(sum(value for _, value in found), 6), "markets": rows}])

    async def volume_v2(self, request: Request) -> Response:
        """Answers `/v2/live-volume`: what takers traded in an event's markets, in shares."""
        markets = self._of_events(request, "event_id")
        found = [(m.condition_id, self._shares(m)) for m in markets]
        rows = [{"condition_id": condition, "taker_volume": shares} for condition, shares in found]
        total = round(sum(shares for _, shares in found), 6)
        return as_json({"data": {"taker_volume_total": total, "conditions": rows}})

    def _volume(self, market: Market) -> float:
        return self.house.teller.volume.get(market.condition_id, 0) / E6

    def _shares(self, market: Market) -> float:
        trades = self.house.engine.state.trades.values()
        return sum(t.size_e6 for t in trades if t.condition_id == market.condition_id) / E6

    def _of_events(self, request: Request, key: str) -> list[Market]:
        wished = ids_of(request.query_params, key)
        known = [(self.house.listing_of(m), m) for m in self.house.engine.state.markets.values()]
        return [m for listing, m in known if listing is not None and gamma_objects.event_id(listing) in wished]

    def _markets(self, request: Request, key: str = "condition_id") -> list[Market]:
        """Those asked for, by condition, question or event; all that were opened when none is."""
        q = request.query_params
        if ids_of(q, "event_id"):
            return self._of_events(request, "event_id")
        wished = ids_of(q, key) | ids_of(q, "condition")
        known = self.house.engine.state.markets
        if question := q.get("question_id"):
            listed = [(m, self.house.listing_of(m)) for m in known.values()]
            return [m for m, listing in listed if listing is not None and listing.question_id == question]
        return [known[c] for c in sorted(wished) if c in known] if wished else list(known.values())

    # --- wallets

    async def approvals(self, request: Request) -> Response:
        """Everything is approved, for everyone: a wallet never seen gets full allowances."""
        user = user_of(request.query_params)
        rows = [
            {"token": token, "spender": spender, "standard": standard, "approved": True}
            | ({"amount": "max"} if standard == "ERC20" else {})
            for (token, standard), spenders in APPROVALS.items()
            for spender in spenders
        ]
        return as_json({"data": {"address": user, "chain_id": POLYGON, "contracts": rows}})

    async def stats(self, request: Request) -> Response:
        """Answers `/v2/user-stats`: a wallet's statistics; null for one that never traded."""
        user = user_of(request.query_params)
        fills = fills_of(self.house.engine.trades(user), user)
        if not fills:
            return as_json({"data": None})
        body = {
            "proxy_wallet": clob_objects.shown_address(user),
            "trades": len({fill.condition_id for fill in fills}),
            "biggest_win": 0,
            "views": 0,
            "join_date": fills[-1].at_s,
        }
        return as_json({"data": body})

    async def user_volume(self, request: Request) -> Response:
        """Answers `/v2/user-volume`: what a wallet traded, in shares and dollars."""
        user = user_of(request.query_params)
        fills = fills_of(self.house.engine.trades(user), user)
        shares, dollars = sum(f.size_e6 for f in fills), sum(f.usd_e6 for f in fills)
        body = {"volume": number(shares), "volume_usdc": number(dollars), "trade_count": len(fills)}
        return as_json({"data": body})

    # --- itself

    async def status(self, _request: Request) -> Response:
        """Up to date: there is no indexer here that could lag. (Shape undocumented.)"""
        return as_json({"data": {"status": "ok", "indexed_at": self.house.now_ns() // 1_000_000_000, "lag_seconds": 0}})

    async def nobody(self, request: Request) -> Response:
        """Answers for what nobody has here: an empty page."""
        return as_page([], request.query_params)


def _holder(address: str, token: str, index: int, amount_e6: int) -> Row:
    return {
        "proxy_wallet": clob_objects.shown_address(address),
        "token_id": token,
        "amount": number(amount_e6),
        "outcome_index": index,
        "display_username_public": False,
        "verified": False,
        "name": "",
        "pseudonym": "",
        "bio": "",
        "profile_image": "",
        "profile_image_optimized": "",
    }


def _v1_holders(row: Row) -> Row:
    names = {
        "proxy_wallet": "proxyWallet",
        "token_id": "asset",
        "outcome_index": "outcomeIndex",
        "display_username_public": "displayUsernamePublic",
        "profile_image": "profileImage",
        "profile_image_optimized": "profileImageOptimized",
    }
    holders = [{names.get(k, k): v for k, v in holder.items() if k != "verified"} for holder in row["holders"]]
    return {"token": row["token_id"], "holders": holders}
