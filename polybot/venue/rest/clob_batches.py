"""The CLOB's public lists (facts §4.1): prices by the batch, every market by the page, price history, what trades now."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messages.units import E6, decimal_text
from polybot.sim.venue import EngineTrade, Market
from polybot.venue.accounts.engine_service import House
from polybot.venue.net.paging import page
from polybot.venue.net.responses import HttpRefusal, as_json, parsed, wanted
from polybot.venue.rest.clob_public import BAD_TOKEN, MAX_BATCH, best_ask, best_bid, verbose
from polybot.venue.wire import clob_frames, clob_objects, gamma_objects

MARKETS_PAGE = 1000
INTERVAL_S = {"1h": 3_600, "6h": 6 * 3_600, "1d": 86_400, "1w": 7 * 86_400, "1m": 30 * 86_400, "max": 1 << 40}


class ClobBatches:
    """Handlers over the house; nothing here changes anything. Tokens without a book are left out of batches."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """Path → handler. To be placed before /markets/{condition_id}: its first segment is a word here."""
        return [
            Route("/prices", self.prices, methods=["POST"]),
            Route("/midpoints", self.midpoints, methods=["POST"]),
            Route("/spreads", self.spreads, methods=["POST"]),
            Route("/last-trades-prices", self.last_trades, methods=["POST"]),
            Route("/prices-history", self.history),
            Route("/markets", self.markets),
            Route("/sampling-markets", self.markets),
            Route("/simplified-markets", self.simplified),
            Route("/sampling-simplified-markets", self.simplified),
            Route("/markets/live-activity/{condition_id}", self.activity),
            Route("/fees/builder-fees/{code}", self.builder_fees),
        ]

    # --- batches

    async def prices(self, request: Request) -> Response:
        """Each token's wished sides; a wish without a side is both."""
        answer: dict[str, dict[str, str]] = {}
        for wish, token in await self._wishes(request):
            sides = self._sides(token)
            if sides is not None:
                both = {"BUY": best_bid(sides), "SELL": best_ask(sides)}
                side = str(wish.get("side") or "").upper()
                shown = both if side not in both else {side: both[side]}
                answer.setdefault(token, {}).update({k: decimal_text(v) for k, v in shown.items()})
        return as_json(answer)

    async def midpoints(self, request: Request) -> Response:
        """Answers for midpoints: each token with its mid."""
        return as_json(await self._each(request, lambda s: decimal_text((best_bid(s) + best_ask(s)) // 2)))

    async def spreads(self, request: Request) -> Response:
        """Answers for spreads: each token with its spread."""
        return as_json(await self._each(request, lambda s: decimal_text(best_ask(s) - best_bid(s))))

    async def _each(self, request: Request, of: Callable[[clob_frames.Sides], str]) -> dict[str, str]:
        found = [(token, self._sides(token)) for _, token in await self._wishes(request)]
        return {token: of(sides) for token, sides in found if sides is not None}

    async def last_trades(self, request: Request) -> Response:
        """Only tokens that have traded: without a trade there is neither price nor side."""
        rows = []
        for _, token in await self._wishes(request):
            last = self.house.teller.last_trade(token)
            if last is not None:
                rows.append({"token_id": token, "price": decimal_text(last[0]), "side": last[1]})
        return as_json(rows)

    async def _wishes(self, request: Request) -> list[tuple[dict[str, Any], str]]:
        wishes = parsed(await request.body())
        if not isinstance(wishes, list) or not all(isinstance(w, dict) for w in wishes):
            raise HttpRefusal(400, "Invalid payload")
        if len(wishes) > MAX_BATCH:
            raise HttpRefusal(400, "Payload exceeds the limit")
        return [(w, str(w.get("token_id", ""))) for w in wishes]

    def _sides(self, token: str) -> clob_frames.Sides | None:
        is_told = self.house.teller.book_object(token) is not None and not self.house.unknown(token)
        return self.house.teller.sides(token) if is_told else None

    # --- markets

    async def markets(self, request: Request) -> Response:
        """Answers `/markets`: verbose market objects by the page, the oldest first."""
        rows = [self._verbose(m) for m in self._every(request)]
        return as_json(page(rows, request.query_params.get("next_cursor"), MARKETS_PAGE))

    async def simplified(self, request: Request) -> Response:
        """Answers `/simplified-markets`: of each market the few keys that change."""
        rows = [simple(self._verbose(m)) for m in self._every(request)]
        return as_json(page(rows, request.query_params.get("next_cursor"), MARKETS_PAGE))

    def _verbose(self, market: Market) -> dict[str, Any]:
        return verbose(market, self.house.gamma_now(market), self.house.listing_of(market))

    def _every(self, request: Request) -> list[Market]:
        """Sampling lists hold what earns rewards: only what is open."""
        known = sorted(self.house.engine.state.markets.values(), key=lambda m: m.start_s)
        return [m for m in known if m.winner is None] if "sampling" in request.url.path else known

    # --- what happened

    async def history(self, request: Request) -> Response:
        """Prices of a token's trades: the last of every `fidelity` minutes."""
        q = request.query_params
        token = wanted(request, "market", BAD_TOKEN)
        now_s = self.house.now_ns() // 1_000_000_000
        try:
            step = max(1, int(q.get("fidelity") or 1)) * 60
            since = int(q["startTs"]) if q.get("startTs") else now_s - INTERVAL_S[q.get("interval") or "1d"]
            until = int(q.get("endTs") or now_s)
        except (KeyError, ValueError) as exc:
            raise HttpRefusal(400, "invalid time range or fidelity") from exc
        if self.house.market_of(token) is None:
            raise HttpRefusal(400, BAD_TOKEN)
        points = self.points(token, since, until, step)
        return as_json({"history": [{"t": t, "p": p / E6} for t, p in points.items()]})

    def points(self, token: str, since_s: int, until_s: int, step_s: int) -> dict[int, int]:
        """Second a bucket begins → the last price traded in it, in order of time."""
        last: dict[int, int] = {}
        for trade in self._trades_of(token):
            at_s = trade.matched_ns // 1_000_000_000
            if since_s <= at_s <= until_s:
                last[at_s // step_s * step_s] = trade.price_e6 if trade.token == token else E6 - trade.price_e6
        return last

    def _trades_of(self, token: str) -> list[EngineTrade]:
        market = self.house.market_of(token)
        assert market is not None, "asked for by the caller"
        mine = [t for t in self.house.engine.state.trades.values() if t.condition_id == market.condition_id]
        return sorted((t for t in mine if t.status != "FAILED"), key=lambda t: t.matched_ns)

    async def activity(self, request: Request) -> Response:
        """A market's latest trades. The shape is undocumented; this is the one the clients' own types have."""
        market = self.house.market(request.path_params["condition_id"])
        if market is None:
            raise HttpRefusal(404, "market not found")
        trades = self._trades_of(market.up_token)[::-1][:100]
        return as_json([_event(trade, market, self.house) for trade in trades])

    async def builder_fees(self, _request: Request) -> Response:
        """Answers for builder fees: 0, for nobody builds here."""
        return as_json({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})


def simple(market: dict[str, Any]) -> dict[str, Any]:
    """The simplified form of a verbose market object."""
    keys = ("condition_id", "rewards", "tokens", "active", "closed", "archived", "accepting_orders")
    return {key: market[key] for key in keys}


def _event(trade: EngineTrade, market: Market, house: House) -> dict[str, Any]:
    return {
        "event_type": "trade",
        "market": {
            "condition_id": market.condition_id,
            "asset_id": trade.token,
            "question": gamma_objects.title(market.start_s, market.end_s),
            "icon": "",
            "slug": market.slug,
        },
        "user": {
            "address": clob_objects.shown_address(trade.taker),
            "username": "",
            "profile_picture": "",
            "pseudonym": "",
        },
        "side": trade.side,
        "size": decimal_text(trade.size_e6),
        "fee_rate_bps": "0",
        "price": decimal_text(trade.price_e6),
        "outcome": clob_objects.outcome_of(market, trade.token),
        "outcome_index": 0 if trade.token == market.up_token else 1,
        "transaction_hash": clob_objects.transaction_hash(trade.trade_id),
        "timestamp": str(trade.matched_ns // 1_000_000_000),
    }
