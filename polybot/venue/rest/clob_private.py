"""The CLOB's private REST (facts §4.2, §5): credentials, orders, cancels, reads of one's own. Verified, never assumed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.adapters.polymarket.eip712 import EXCHANGE, NEG_RISK_EXCHANGE
from polybot.runtime.base.clock import mono_s
from polybot.sim.venue import COLLATERAL, EngineOrder, EngineTrade, Market
from polybot.venue.accounts.api_keys import L1_FAILED, L2_FAILED, IssuedKey
from polybot.venue.accounts.order_service import BookUnknown, OrderDesk
from polybot.venue.accounts.signatures import BadOrder, check_parties, read_envelope
from polybot.venue.net.paging import page
from polybot.venue.net.responses import HttpRefusal, as_json, parsed
from polybot.venue.wire import clob_objects

MAX_ORDERS = 15


class ClobPrivate:
    """Handlers behind L1 and L2. `desk` does what is asked; this file checks who asks and words the answers."""

    def __init__(self, desk: OrderDesk) -> None:
        self.desk = desk
        self.house = desk.house
        self.switches = desk.house.engine.switches

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/auth/api-key", self.create_key, methods=["POST"]),
            Route("/auth/api-key", self.delete_key, methods=["DELETE"]),
            Route("/auth/derive-api-key", self.derive_key),
            Route("/auth/api-keys", self.list_keys),
            Route("/auth/ban-status/closed-only", self.closed_only),
            Route("/order", self.post_order, methods=["POST"]),
            Route("/orders", self.post_orders, methods=["POST"]),
            Route("/order", self.cancel_one, methods=["DELETE"]),
            Route("/orders", self.cancel_some, methods=["DELETE"]),
            Route("/cancel-all", self.cancel_all, methods=["DELETE"]),
            Route("/cancel-market-orders", self.cancel_market, methods=["DELETE"]),
            Route("/v1/heartbeats", self.heartbeat, methods=["POST"]),
            Route("/data/order/{order_id}", self.read_order),
            Route("/data/orders", self.read_orders),
            Route("/data/trades", self.read_trades),
            Route("/balance-allowance", self.balance),
            Route("/balance-allowance/update", self.balance_update),
        ]

    # --- who asks

    def _wallet(self, request: Request) -> tuple[str, int]:
        shown = self.house.keys.l1(request.headers, self.house.now_ns() / 1e9)
        if shown is None:
            raise HttpRefusal(401, L1_FAILED)
        return shown

    async def key(self, request: Request) -> IssuedKey:
        """Whose request this is; 401 when it is nobody's."""
        body = await request.body()
        known = self.house.keys.l2(request.headers, request.method, request.url.path, body, self.house.now_ns() / 1e9)
        if known is None:
            raise HttpRefusal(401, L2_FAILED)
        return known

    # --- credentials

    async def create_key(self, request: Request) -> Response:
        """Once a wallet and nonce; the first sight of a wallet brings its grant."""
        address, nonce = self._wallet(request)
        if self.house.keys.of(address, nonce) is not None:
            raise HttpRefusal(400, "Could not create api key")
        return as_json(self.desk.open_key(address, nonce).body())

    async def derive_key(self, request: Request) -> Response:
        """Answers `/auth/derive-api-key`: the credentials that were created before, again."""
        known = self.house.keys.of(*self._wallet(request))
        if known is None:
            raise HttpRefusal(400, "Could not derive api key!")
        return as_json(known.body())

    async def list_keys(self, request: Request) -> Response:
        """Answers `/auth/api-keys`: the keys of this wallet."""
        me = await self.key(request)
        mine = [k.api_key for k in self.house.keys.by_key.values() if k.address.lower() == me.address.lower()]
        return as_json({"apiKeys": mine})

    async def delete_key(self, request: Request) -> Response:
        """Answers DELETE `/auth/api-key`: forgets the key; derive fails until it is created again."""
        self.desk.drop_key(await self.key(request))
        return as_json("OK")

    async def closed_only(self, request: Request) -> Response:
        """Answers for the ban status: false, for nobody is banned here."""
        await self.key(request)
        return as_json({"closed_only": False})

    # --- orders

    async def post_order(self, request: Request) -> Response:
        """Blocks through the taker delay and answers with what became of it."""
        me = await self.key(request)
        answer = await self._post(me, parsed(await request.body()), is_alone=True)
        if answer["errorMsg"]:
            raise HttpRefusal(400, answer["errorMsg"])  # alone, a refusal is an error; in a batch it is a leg's text
        return as_json(answer)

    async def post_orders(self, request: Request) -> Response:
        """A rejected leg says so inside a 200, with an empty orderID."""
        me = await self.key(request)
        legs = parsed(await request.body())
        if not isinstance(legs, list):
            raise HttpRefusal(400, "Invalid order payload")
        if len(legs) > MAX_ORDERS:
            raise HttpRefusal(400, f"Too many orders in payload: {len(legs)}, max allowed: {MAX_ORDERS}")
        return as_json([await self._post(me, leg, is_alone=False) for leg in legs])

    async def _post(self, me: IssuedKey, body: Any, *, is_alone: bool) -> dict[str, Any]:
        try:
            order = read_envelope(body)
            check_parties(order, me.address, me.api_key)
            return await self.desk.place(order, me)
        except (BadOrder, BookUnknown) as exc:
            if isinstance(exc, BookUnknown) and is_alone:
                raise HttpRefusal(503, str(exc)) from exc
            return {"success": True, "orderID": "", "errorMsg": self.house.engine.words(str(exc))}

    # --- cancels

    async def cancel_one(self, request: Request) -> Response:
        """Answers DELETE `/order`: cancels the one order named in the body."""
        me = await self.key(request)
        body = parsed(await request.body())
        if not isinstance(body, dict) or not isinstance(body.get("orderID"), str):
            raise HttpRefusal(400, "Invalid order payload")
        return as_json(self.desk.cancel(me, [body["orderID"]]))

    async def cancel_some(self, request: Request) -> Response:
        """Up to so many ids as the switch says."""
        me = await self.key(request)
        ids = parsed(await request.body())
        if (
            not isinstance(ids, list)
            or not all(isinstance(i, str) for i in ids)
            or len(ids) > self.switches.most_cancels
        ):
            raise HttpRefusal(400, "Invalid order payload")
        return as_json(self.desk.cancel(me, ids))

    async def cancel_all(self, request: Request) -> Response:
        """Answers DELETE `/cancel-all`: cancels everything that this key's wallets have resting."""
        me = await self.key(request)
        return as_json(self.desk.cancel(me, [o.order_id for o in self.desk.open_orders(me)]))

    async def cancel_market(self, request: Request) -> Response:
        """Answers DELETE `/cancel-market-orders`: cancels everything in one market, of one token, or both."""
        me = await self.key(request)
        body = parsed(await request.body())
        if not isinstance(body, dict):
            raise HttpRefusal(400, "Invalid order payload")
        market, asset = body.get("market") or "", body.get("asset_id") or ""
        ids = [
            o.order_id
            for o in self.desk.open_orders(me)
            if (not market or o.condition_id == market) and (not asset or o.token == asset)
        ]
        return as_json(self.desk.cancel(me, ids))

    async def heartbeat(self, request: Request) -> Response:
        """A stale id is answered with the one that is expected, and extends nothing."""
        me = await self.key(request)
        body = parsed(await request.body())
        if not isinstance(body, dict) or not isinstance(body.get("heartbeat_id"), str):
            raise HttpRefusal(400, "Invalid order payload")
        taken, following = self.desk.beat(me, body["heartbeat_id"], mono_s())
        if taken:
            return as_json({"heartbeat_id": following})
        return as_json({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": following}, 400)

    # --- reads

    async def read_order(self, request: Request) -> Response:
        """Answers `/data/order/{order_id}`, also when it is matched or cancelled; 404 when this key never had it."""
        me = await self.key(request)
        order = self.desk.order(me, request.path_params["order_id"])
        if order is None:
            raise HttpRefusal(404, "order not found")
        return as_json(self._shown(order))

    async def read_orders(self, request: Request) -> Response:
        """Answers `/data/orders`: this key's open orders by the page, the oldest first."""
        me = await self.key(request)
        q = request.query_params
        rows = [
            self._shown(o)
            for o in self.desk.open_orders(me)
            if q.get("id") in (None, o.order_id)
            and q.get("market") in (None, o.condition_id)
            and q.get("asset_id") in (None, o.token)
        ]
        return as_json(page(rows, q.get("next_cursor")))

    async def read_trades(self, request: Request) -> Response:
        """Answers `/data/trades`, the newest first; `before` and `after` are unix seconds."""
        me = await self.key(request)
        q = request.query_params
        try:
            after, before = int(q.get("after", 0)), int(q.get("before", 1 << 62))
        except ValueError as exc:
            raise HttpRefusal(400, "invalid time") from exc
        rows = [
            self._trade(t, wallet)
            for t, wallet in self.desk.trades(me)
            if after <= t.matched_ns // 1_000_000_000 <= before
            and q.get("id") in (None, t.trade_id)
            and q.get("market") in (None, t.condition_id)
            and q.get("asset_id") in (None, t.token)
            and q.get("maker_address", "").lower() in ("", wallet)
        ]
        return as_json(page(rows, q.get("next_cursor")))

    def _shown(self, order: EngineOrder) -> dict[str, Any]:
        market, key = self._market(order.condition_id), self.house.key_of(order.owner)
        return clob_objects.open_order(order, market, key, self.switches.sizes_in_base_units)

    def _trade(self, trade: EngineTrade, wallet: str) -> dict[str, Any]:
        market = self._market(trade.condition_id)
        return clob_objects.trade_row(trade, market, wallet, self.house.key_of, clob_objects.updated_ns(trade))

    def _market(self, condition_id: str) -> Market:
        market = self.house.engine.market(condition_id)
        assert market is not None, "an order or trade without its market"
        return market

    async def balance(self, request: Request) -> Response:
        """Base units. What is reserved by open orders is still in the balance, as on chain."""
        me = await self.key(request)
        asset, kind = self._asset(request)
        balance, allowance = self.desk.balance(me, asset, kind)
        allowances = {EXCHANGE: str(allowance), NEG_RISK_EXCHANGE: str(allowance)}
        return as_json({"balance": str(balance), "allowances": allowances})

    def _asset(self, request: Request) -> tuple[str, int | None]:
        """(what is asked about, of which signature type)."""
        kind = request.query_params.get("asset_type", "")
        if kind not in ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2"):
            raise HttpRefusal(400, "Invalid asset type")
        asset = COLLATERAL if kind == "COLLATERAL" else request.query_params.get("token_id", "")
        if not asset:
            raise HttpRefusal(400, "Invalid token id")
        shown = request.query_params.get("signature_type", "")
        if shown not in ("", "0", "1", "2", "3"):
            raise HttpRefusal(400, "Invalid signature type")
        return asset, int(shown) if shown else None

    async def balance_update(self, request: Request) -> Response:
        """Answers `/balance-allowance/update`: the cache looks at the chain again."""
        me = await self.key(request)
        self.desk.refresh(me, *self._asset(request))
        return Response(b"", 200)
