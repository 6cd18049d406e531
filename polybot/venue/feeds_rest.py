"""Gamma and Binance by REST."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.core.exchange import Market
from polybot.venue import binance, gamma
from polybot.venue.house import House, market_from
from polybot.venue.reply import as_json


class GammaRest:
    """A market or event by its slug; the lists are gamma_lists.py's."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """Path → handler."""
        return [
            Route("/markets/slug/{slug}", self.market),
            Route("/events/slug/{slug}", self.event),
        ]

    def _found(self, slug: str) -> tuple[gamma.Listing, gamma.Now] | None:
        listing = self.house.catalogue.listing(slug)
        if listing is None:
            return None
        market: Market = self.house.exchange.market(listing.condition_id) or market_from(listing)
        return listing, self.house.gamma_now(market)

    async def market(self, request: Request) -> Response:
        """One object, open or closed."""
        return self._one(request, gamma.market_object)

    async def event(self, request: Request) -> Response:
        """The event with its one market."""
        return self._one(request, gamma.event_object)

    def _one(self, request: Request, shape: Callable[[gamma.Listing, gamma.Now], dict[str, Any]]) -> Response:
        found = self._found(request.path_params["slug"])
        if found is None:
            return as_json({"type": "not found error", "error": "slug not found"}, 404)
        return as_json(shape(*found))


class BinanceRest:
    """/api/v3 of one symbol. `depth` gives (update id, bids, asks) as they stand."""

    def __init__(
        self,
        bars: binance.Bars,
        depth: Callable[[], tuple[int, binance.FloatLevels, binance.FloatLevels]],
        now_ns: Callable[[], int],
    ) -> None:
        self.bars, self.depth_now, self.now_ns = bars, depth, now_ns

    def routes(self) -> list[Route]:
        """Path → handler."""
        return [
            Route("/api/v3/ping", self.ping),
            Route("/api/v3/time", self.time),
            Route("/api/v3/klines", self.klines),
            Route("/api/v3/depth", self.depth),
            Route("/api/v3/ticker/price", self.price),
        ]

    async def ping(self, _request: Request) -> Response:
        """Alive."""
        return as_json({})

    async def time(self, _request: Request) -> Response:
        """World time, milliseconds."""
        return as_json({"serverTime": self.now_ns() // 1_000_000})

    async def klines(self, request: Request) -> Response:
        """Second and minute bars."""
        q = request.query_params
        step = binance.STEP_S.get(q.get("interval", ""))
        if q.get("symbol") != binance.SYMBOL:
            return as_json(binance.error(-1121, "Invalid symbol."), 400)
        if step is None:
            return as_json(binance.error(-1120, "Invalid interval."), 400)
        try:
            start, end = _optional(q.get("startTime")), _optional(q.get("endTime"))
            limit = max(1, min(int(q.get("limit", "500")), binance.MAX_LIMIT))
        except ValueError:
            return as_json(binance.error(-1100, "Illegal characters found in a parameter."), 400)
        return as_json(self.bars.klines(step, self.now_ns() // 1_000_000, start, end, limit))

    async def depth(self, request: Request) -> Response:
        """Twenty levels are all there are."""
        if request.query_params.get("symbol") != binance.SYMBOL:
            return as_json(binance.error(-1121, "Invalid symbol."), 400)
        return as_json(binance.depth_data(*self.depth_now()))

    async def price(self, request: Request) -> Response:
        """The last trade's."""
        if request.query_params.get("symbol") != binance.SYMBOL:
            return as_json(binance.error(-1121, "Invalid symbol."), 400)
        return as_json({"symbol": binance.SYMBOL, "price": binance.price_text(self.bars.price)})


def _optional(text: str | None) -> int | None:
    return None if text is None else int(text)
