"""The rest of what an account may ask the CLOB (facts §4.2): notifications, scoring, rebates, builder trades."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messages.units import decimal_text
from polybot.sim.venue import EngineOrder
from polybot.venue.accounts.api_keys import IssuedKey
from polybot.venue.accounts.order_service import OrderDesk
from polybot.venue.net.paging import page
from polybot.venue.net.responses import HttpRefusal, as_json, parsed, wanted
from polybot.venue.wire import clob_objects, gamma_objects

CANCELLATION, FILL = 1, 2


class ClobAccount:
    """Handlers for the rest of an account's questions. key_of_request is ClobPrivate's: who asks, or 401."""

    def __init__(self, desk: OrderDesk, key_of_request: Any) -> None:
        self.desk, self.house, self._key = desk, desk.house, key_of_request
        self._dropped: set[str] = set()

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/notifications", self.notifications),
            Route("/notifications", self.drop, methods=["DELETE"]),
            Route("/order-scoring", self.scoring),
            Route("/orders-scoring", self.scorings, methods=["POST"]),
            Route("/rebates/current", self.rebates),
            Route("/builder/trades", self.builder_trades),
            Route("/data/pre-migration-orders", self.builder_trades),
            Route("/auth/readonly-api-keys", self.readonly_keys),
            Route("/auth/readonly-api-key", self.no_more_keys, methods=["POST", "DELETE"]),
            Route("/auth/builder-api-key", self.builder_keys),
            Route("/auth/builder-api-key", self.no_more_keys, methods=["POST", "DELETE"]),
            Route("/rewards/user", self.builder_trades),
            Route("/rewards/user/total", self.rebates),
            Route("/rewards/user/percentages", self.percentages),
            Route("/rewards/user/markets", self.builder_trades),
            Route("/rewards/markets/current", self.no_rewards),
            Route("/rewards/markets/multi", self.no_rewards),
            Route("/rewards/markets/{condition_id}", self.no_rewards),
        ]

    async def notifications(self, request: Request) -> Response:
        """Answers `/notifications`: orders that ended, filled or cancelled, the newest first, until dropped."""
        me = await self._key(request)
        mine = self.house.wallets_of(me)
        ended = [o for o in self.house.engine.state.orders.values() if o.owner in mine and not o.is_open]
        rows = [self._notification(o, me) for o in sorted(ended, key=lambda o: o.created_ns)[::-1]]
        return as_json([row for row in rows if row is not None and str(row["id"]) not in self._dropped])

    def _notification(self, order: EngineOrder, me: IssuedKey) -> dict[str, Any] | None:
        kind = CANCELLATION if order.status.startswith("CANCELED") else FILL if order.filled_e6 else 0
        market = self.house.engine.market(order.condition_id)
        if not kind or market is None:
            return None
        payload = {
            "asset_id": order.token,
            "condition_id": order.condition_id,
            "market": order.condition_id,
            "eventSlug": market.slug,
            "market_slug": market.slug,
            "question": gamma_objects.title(market.start_s, market.end_s),
            "icon": "",
            "image": "",
            "order_id": order.order_id,
            "side": order.side,
            "type": order.kind,
            "price": decimal_text(order.price_e6),
            "original_size": decimal_text(order.size_e6),
            "matched_size": decimal_text(order.filled_e6),
            "remaining_size": decimal_text(max(0, order.size_e6 - order.filled_e6)),
            "outcome": clob_objects.outcome_of(market, order.token),
            "outcome_index": 0 if order.token == market.up_token else 1,
            "owner": me.api_key,
            "transaction_hash": clob_objects.transaction_hash(order.trade_ids[-1]) if order.trade_ids else "",
            "trade_id": order.trade_ids[-1] if order.trade_ids else "",
        }
        return {
            "id": int(order.order_id[2:14], 16),
            "type": kind,
            "owner": me.api_key,
            "timestamp": order.created_ns // 1_000_000_000,
            "payload": payload,
        }

    async def drop(self, request: Request) -> Response:
        """Answers DELETE `/notifications`: drops those with these ids, comma separated."""
        await self._key(request)
        self._dropped.update(wanted(request, "ids", "ids are required").split(","))
        return as_json("OK")

    async def scoring(self, request: Request) -> Response:
        """Answers `/order-scoring`: whether the order scores; one that rests does."""
        me = await self._key(request)
        return as_json({"scoring": self._scores(me, wanted(request, "order_id", "order_id is required"))})

    async def scorings(self, request: Request) -> Response:
        """Answers `/orders-scoring`: for each order id whether it scores."""
        me = await self._key(request)
        ids = parsed(await request.body())
        if not isinstance(ids, list):
            raise HttpRefusal(400, "Invalid payload")
        return as_json({str(i): self._scores(me, str(i)) for i in ids})

    def _scores(self, me: IssuedKey, order_id: str) -> bool:
        order = self.desk.order(me, order_id)
        return order is not None and order.is_open

    async def rebates(self, request: Request) -> Response:
        """Answers for rebates: an empty list, none are paid here."""
        await self._key(request)
        return as_json([])

    async def builder_trades(self, request: Request) -> Response:
        """Answers for builder trades and the like: an empty page, there are none."""
        await self._key(request)
        return as_json(page([], request.query_params.get("next_cursor")))

    async def readonly_keys(self, request: Request) -> Response:
        """Answers `/auth/readonly-api-keys`: none, they cannot be made here."""
        await self._key(request)
        return as_json({"readonlyApiKeys": []})

    async def no_more_keys(self, request: Request) -> Response:
        """Refuses to make read-only or builder keys: there are none here."""
        await self._key(request)
        raise HttpRefusal(400, "Could not create api key")

    async def builder_keys(self, request: Request) -> Response:
        """Answers `/auth/builder-api-key`: an empty list, there are none."""
        await self._key(request)
        return as_json([])

    async def percentages(self, request: Request) -> Response:
        """Answers for rewards' percentages: none, for no rewards are paid here."""
        await self._key(request)
        return as_json({})

    async def no_rewards(self, request: Request) -> Response:
        """Answers for rewards of markets: an empty page that anybody may read."""
        return as_json(page([], request.query_params.get("next_cursor")))
