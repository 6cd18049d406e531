"""Binance by REST: market data of one symbol, weighed as the real one weighs it (facts §15.1)."""

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.venue.net.responses import as_json
from polybot.venue.wire import binance_frames

WEIGHT_LIMIT = 6000  # a minute and address
Handler = Callable[[Request], Awaitable[Response]]


class BinanceRoutes:
    """/api/v3 of one symbol. `depth` gives (update id, bids, asks) as they stand; mono_s is what a minute is measured by."""

    def __init__(
        self,
        bars: binance_frames.WireBars,
        depth: Callable[[], tuple[int, binance_frames.FloatLevels, binance_frames.FloatLevels]],
        now_ns: Callable[[], int],
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bars, self.depth_now, self.now_ns, self._mono_s = bars, depth, now_ns, mono_s
        self._minute, self.used = 0, 0

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        weighed: dict[str, tuple[int, Handler]] = {
            "ping": (1, self.ping),
            "time": (1, self.time),
            "exchangeInfo": (20, self.exchange_info),
            "klines": (2, self.klines),
            "depth": (5, self.depth),
            "ticker/price": (2, self.price),
            "ticker/24hr": (2, self.day),
        }
        return [Route(f"/api/v3/{name}", self._weighed(*each)) for name, each in weighed.items()]

    def _weighed(self, weight: int, handler: Handler) -> Handler:
        """Every answer tells how much of the minute's weight is used up; beyond the limit there is no other answer."""

        async def weighing(request: Request) -> Response:
            left_s = self._weigh(weight)
            if self.used > WEIGHT_LIMIT:
                response = as_json(binance_frames.error(-1003, "Too much request weight used; please wait."), 429)
                response.headers["retry-after"] = str(left_s)
            else:
                response = await handler(request)
            response.headers["x-mbx-used-weight-1m"] = str(self.used)
            return response

        return weighing

    def _weigh(self, weight: int) -> int:
        """Count a request's weight; returns how many seconds of the quota's minute are left."""
        now_s = self._mono_s()
        if int(now_s // 60) != self._minute:
            self._minute, self.used = int(now_s // 60), 0
        self.used += weight
        return max(1, 60 - int(now_s % 60))

    async def ping(self, _request: Request) -> Response:
        """Answers `/ping`: an empty object, for we are alive."""
        return as_json({})

    async def time(self, _request: Request) -> Response:
        """Answers `/time`: world time in milliseconds."""
        return as_json({"serverTime": self.now_ns() // 1_000_000})

    async def klines(self, request: Request) -> Response:
        """Answers `/klines`: bars of a second or a minute, as Binance limits them."""
        q = request.query_params
        step = binance_frames.STEP_S.get(q.get("interval", ""))
        if q.get("symbol") != binance_frames.SYMBOL:
            return as_json(binance_frames.error(-1121, "Invalid symbol."), 400)
        if step is None:
            return as_json(binance_frames.error(-1120, "Invalid interval."), 400)
        try:
            start, end = _optional(q.get("startTime")), _optional(q.get("endTime"))
            limit = max(1, min(int(q.get("limit", "500")), binance_frames.MAX_LIMIT))
        except ValueError:
            return as_json(binance_frames.error(-1100, "Illegal characters found in a parameter."), 400)
        return as_json(self.bars.klines(step, self.now_ns() // 1_000_000, start, end, limit))

    async def depth(self, request: Request) -> Response:
        """Answers `/depth`: the top twenty levels, which are all there are."""
        if request.query_params.get("symbol") != binance_frames.SYMBOL:
            return as_json(binance_frames.error(-1121, "Invalid symbol."), 400)
        return as_json(binance_frames.depth_data(*self.depth_now()))

    async def price(self, request: Request) -> Response:
        """Answers `/ticker/price`: the price of the last trade."""
        if request.query_params.get("symbol") != binance_frames.SYMBOL:
            return as_json(binance_frames.error(-1121, "Invalid symbol."), 400)
        return as_json({"symbol": binance_frames.SYMBOL, "price": binance_frames.price_text(self.bars.price)})

    async def exchange_info(self, _request: Request) -> Response:
        """The limits; of the symbols' long descriptions as much as software looks at."""
        symbol = {"symbol": binance_frames.SYMBOL, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_LIMIT},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
        ]
        now_ms = self.now_ns() // 1_000_000
        return as_json({"timezone": "UTC", "serverTime": now_ms, "rateLimits": limits, "symbols": [symbol]})

    async def day(self, request: Request) -> Response:
        """Answers `/ticker/24hr`: statistics of the last 24 hours."""
        if request.query_params.get("symbol") != binance_frames.SYMBOL:
            return as_json(binance_frames.error(-1121, "Invalid symbol."), 400)
        day = self.bars.day()
        if day is None:
            return as_json(binance_frames.error(-1000, "An unknown error occurred while processing the request."), 500)
        return as_json(binance_frames.day_object(self.now_ns() // 1_000_000, day))


def _optional(text: str | None) -> int | None:
    return None if text is None else int(text)
