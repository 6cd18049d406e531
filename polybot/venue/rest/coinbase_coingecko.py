"""Coinbase and CoinGecko: somebody else's price of the same coin, made of the world's Binance price (facts §15.2, §15.3).

Their level lies BASIS below Binance's (the coin in dollars, not in USDT). Each has a cache, as the real ones have.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.venue.net.responses import as_json
from polybot.venue.wire.binance_frames import WireBars

NS = 1_000_000_000
BASIS = 0.001
SPOT_CACHE_S = 2
GECKO_CACHE_S = 60


class _Cached:
    """A price that is looked at again only every so often, in world time."""

    def __init__(self, bars: WireBars, now_ns: Callable[[], int], every_s: int) -> None:
        self._bars, self._now_ns, self._every_s = bars, now_ns, every_s
        self.price, self.at_s = 0.0, 0

    def look(self) -> float:
        """The price as this server shows it, USD; 0.0 before the world's first trade."""
        now_s = self._now_ns() // NS
        if not self.price or now_s - self.at_s >= self._every_s:
            self.price, self.at_s = self._bars.price * (1 - BASIS), now_s
        return self.price


class CoinbaseRest:
    """The routes of api.coinbase.com (retail price) and api.exchange.coinbase.com (ticker)."""

    def __init__(self, bars: WireBars, now_ns: Callable[[], int]) -> None:
        self._bars, self._now_ns, self._spot = bars, now_ns, _Cached(bars, now_ns, SPOT_CACHE_S)

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [Route("/v2/prices/{pair}/spot", self.spot), Route("/products/{pair}/ticker", self.ticker)]

    async def spot(self, request: Request) -> Response:
        """Answers for the retail price: without a stamp, and some seconds old."""
        price = self._spot.look()
        if request.path_params["pair"] != "BTC-USD" or not price:
            error = {"id": "not_found", "message": "Invalid base currency"}
            return as_json({"errors": [error]}, 404)
        return as_json({"data": {"amount": f"{price:.3f}", "base": "BTC", "currency": "USD"}})

    async def ticker(self, request: Request) -> Response:
        """Answers for the ticker: the last trade, stamped now."""
        price, day = self._bars.price * (1 - BASIS), self._bars.day()
        if request.path_params["pair"] != "BTC-USD" or day is None:
            return as_json({"message": "NotFound"}, 404)
        stamp = datetime.fromtimestamp(self._now_ns() / NS, UTC)
        body = {
            "trade_id": self._bars.trade_id,
            "price": f"{price:.2f}",
            "size": "0.0021",
            "time": f"{stamp:%Y-%m-%dT%H:%M:%S.%f}Z",
            "bid": f"{price - 0.01:.2f}",
            "ask": f"{price:.2f}",
            "volume": f"{day.volume:.8f}",
        }
        return as_json(body)


class CoinGeckoRest:
    """api.coingecko.com: the average of the world, a minute old."""

    def __init__(self, bars: WireBars, now_ns: Callable[[], int]) -> None:
        self._average = _Cached(bars, now_ns, GECKO_CACHE_S)

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [Route("/api/v3/simple/price", self.price)]

    async def price(self, request: Request) -> Response:
        """What is not asked for, or not known, is left out."""
        query, price = request.query_params, self._average.look()
        if "bitcoin" not in query.get("ids", "").split(",") or query.get("vs_currencies") != "usd" or not price:
            return as_json({})
        coin = {"usd": round(price)}
        if query.get("include_last_updated_at") == "true":
            coin["last_updated_at"] = self._average.at_s
        return as_json({"bitcoin": coin})
