"""Binance spot: combined stream, klines, 24-hour statistics (facts §15.1). Prices here are estimates, hence floats.

A trade's price is passed on as it was written, NaN and all: whether it is a price is the core's to judge, and to count.
"""

import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from messages import Candle, DayStats, Depth, PriceTick
from messages.inner import CandlesFetched, DayHeard, FetchCandles, FetchDay, PriceFetched
from messages.units import MS, NS
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpError, Response
from polybot.adapters.net.retry import ONCE, refusal

SOURCE = "binance"
KLINES_LIMIT = 1000
INTERVAL_S = {"1s": 1, "1m": 60}
MAX_PAGES = 30
WEIGHT_LIMIT = 6000  # a minute and address; facts §15.1, corrected by /exchangeInfo
RECENT_S = 10  # how far back the newest kline with a trade is looked for

GARBAGE = (LookupError, TypeError, ValueError, AttributeError)

Row = tuple[int, float, float, float, float, float, int]


def stream_url(base: str, symbol: str) -> str:
    """Trades, minute bars, top 20 levels and 24 hours on one connection. Symbols are lower case in streams."""
    name = symbol.lower()
    return f"{base.rstrip('/')}/stream?streams={name}@trade/{name}@kline_1m/{name}@depth20@100ms/{name}@ticker"


def is_goodbye(text: str) -> bool:
    """`serverShutdown`: the server is about to close, as it does once a day at the latest."""
    return '"serverShutdown"' in text


def word_of(text: str, symbol: str, received_ns: int) -> PriceTick | Candle | Depth | DayHeard | None:
    """The word in a frame; None for what we do not hear (open bars, acknowledgements). Raises BadFrame."""
    try:
        shown = msgspec.json.decode(text)
        stream, data = shown.get("stream"), shown.get("data")
        if not isinstance(stream, str) or stream.partition("@")[0] != symbol.lower():
            return None
        match stream.partition("@")[2]:
            case "trade":
                return _tick(data)
            case "kline_1m":
                return _candle(data["k"], data["s"]) if data["k"]["x"] else None
            case "depth20@100ms":
                return _depth(data, symbol, received_ns)
            case "ticker":
                return _day(symbol, data, {"open": "o", "high": "h", "low": "l", "last": "c"}, "v", "P", "E")
            case _:
                return None
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadFrame(f"{type(exc).__name__} {exc}: {text:.80}") from exc


def _tick(data: dict[str, object]) -> PriceTick:
    return PriceTick(
        symbol=str(data["s"]),
        price=_any(data["p"]),
        size=_any(data["q"]),
        trade_id=_whole(data["t"]),
        traded_ns=_whole(data["T"]) * MS,
        source=SOURCE,
    )


def _candle(bar: dict[str, object], symbol: str) -> Candle:
    return Candle(
        symbol=symbol,
        interval_s=60,
        start_ns=_whole(bar["t"]) * MS,
        open=_positive(bar["o"]),
        high=_positive(bar["h"]),
        low=_positive(bar["l"]),
        close=_positive(bar["c"]),
        volume=_number(bar["v"]),
        traded=_whole(bar["n"]) > 0,
        source=SOURCE,
    )


def _depth(data: dict[str, list[list[str]]], symbol: str, received_ns: int) -> Depth:
    bids, asks = (sum(_number(size) for _, size in data[side][:20]) for side in ("bids", "asks"))
    return Depth(symbol=symbol, bid_size=bids, ask_size=asks, received_ns=received_ns)


def _day(
    symbol: str, data: dict[str, object], prices: dict[str, str], volume: str, change: str, stamp: str
) -> DayHeard:
    return DayHeard(
        symbol=symbol,
        day=DayStats(
            **{name: _positive(data[key]) for name, key in prices.items()},
            volume=_number(data[volume]),
            change_pct=_any(data[change]),
            as_of_ns=_whole(data[stamp]) * MS,
        ),
        why="",
    )


def _any(text: object) -> float:
    """Whatever stands there, so long as it is a text a float can be made of."""
    if not isinstance(text, str):
        raise ValueError(f"not a number: {text!r:.40}")
    return float(text)


def _number(text: object) -> float:
    """Not negative and finite: NaN and infinity are no numbers of a market."""
    value = float(text) if isinstance(text, str) else math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"not a number: {text!r:.40}")
    return value


def _positive(text: object) -> float:
    value = _number(text)
    if value == 0:
        raise ValueError("zero")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"not a whole number: {value!r:.40}")
    return value


class BinanceRest:
    """Public market data. Not thread safe: one a lane. timeout_s: machine time, each wait for the network."""

    def __init__(self, where: Endpoint | str, timeout_s: float = 5.0) -> None:
        self._reads = EndpointReader(where, timeout_s)
        self._polls = EndpointReader(self._reads.endpoint, timeout_s, ONCE)
        self._knows_limit = False

    def price(self, symbol: str, now_ns: int) -> PriceFetched:
        """The newest one-second kline with a trade, the running second's included; asked once, the next poll comes anyway."""
        query = {"symbol": symbol, "interval": "1s", "startTime": (now_ns // NS - RECENT_S) * 1000}
        try:
            rows = _page(self._polls.read(f"/api/v3/klines?{urlencode(query)}"))
        except (HttpError, BadFrame) as exc:
            return _price(why=str(exc))
        traded = [row for row in rows if row[6] > 0]
        if not traded:
            return _price(why=f"no trade in the last {RECENT_S} s")
        return _price(traded[-1][4], traded[-1][0])

    def day(self, wish: FetchDay) -> DayHeard:
        """24-hour statistics; before the first, how much may be asked a minute."""
        try:
            if not self._knows_limit:
                self._learn_limit(wish.symbol)
            said = _decoded(self._reads.read(f"/api/v3/ticker/24hr?{urlencode({'symbol': wish.symbol})}"))
            prices = {"open": "openPrice", "high": "highPrice", "low": "lowPrice", "last": "lastPrice"}
            return _day(wish.symbol, said, prices, "volume", "priceChangePercent", "closeTime")
        except (HttpError, BadFrame, *GARBAGE) as exc:
            return DayHeard(symbol=wish.symbol, day=None, why=f"{type(exc).__name__} {exc}")

    def _learn_limit(self, symbol: str) -> None:
        said = _decoded(self._reads.read(f"/api/v3/exchangeInfo?{urlencode({'symbol': symbol})}"))
        for limit in said["rateLimits"]:
            if (limit["rateLimitType"], limit["interval"], limit["intervalNum"]) == ("REQUEST_WEIGHT", "MINUTE", 1):
                self._reads.endpoint.limit = _whole(limit["limit"])
        self._knows_limit = True

    def fetch(self, wish: FetchCandles) -> CandlesFetched:
        """All closed bars that begin at or after start_ns and end at or before end_ns; known False with the reason."""
        try:
            rows = tuple(self._rows(wish))
        except (HttpError, BadFrame) as exc:
            return self._fetched(wish, (), str(exc))
        return self._fetched(wish, rows, "")

    @staticmethod
    def _fetched(wish: FetchCandles, rows: tuple[Row, ...], why: str) -> CandlesFetched:
        return CandlesFetched(
            symbol=wish.symbol,
            interval=wish.interval,
            start_ns=wish.start_ns,
            end_ns=wish.end_ns,
            known=not why,
            rows=rows,
            why=why,
        )

    def _rows(self, wish: FetchCandles) -> Iterator[Row]:
        step_ns = INTERVAL_S[wish.interval] * NS
        last_ns = wish.end_ns - step_ns  # where the last bar may begin
        from_ns = -(-wish.start_ns // step_ns) * step_ns
        for _ in range(MAX_PAGES):
            if from_ns > last_ns:
                return
            query = {
                "symbol": wish.symbol,
                "interval": wish.interval,
                "startTime": from_ns // MS,
                "endTime": last_ns // MS,
                "limit": KLINES_LIMIT,
            }
            page = _page(self._reads.read(f"/api/v3/klines?{urlencode(query)}"))
            yield from (row for row in page if from_ns <= row[0] <= last_ns)
            if len(page) < KLINES_LIMIT or page[-1][0] < from_ns:
                return
            from_ns = page[-1][0] + step_ns
        raise BadFrame(f"more than {MAX_PAGES} pages of klines")


def _price(price: float = 0.0, stamped_ns: int = 0, why: str = "") -> PriceFetched:
    return PriceFetched(source="binance_rest", known=not why, price=price, size=0.0, stamped_ns=stamped_ns, why=why)


def _decoded(response: Response) -> Any:
    if response.status != 200:
        said = response.body[:200].decode("utf-8", "replace")
        raise BadFrame(f"{refusal(response.status, response.headers) or f'HTTP {response.status}'}: {said}")
    try:
        return msgspec.json.decode(response.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise BadFrame(f"unreadable answer: {exc}") from exc


def _page(response: Response) -> list[Row]:
    try:
        return [
            (_whole(r[0]) * MS, *(_positive(r[i]) for i in (1, 2, 3, 4)), _number(r[5]), _whole(r[8]))  # type: ignore[misc]
            for r in _decoded(response)
        ]
    except GARBAGE as exc:
        raise BadFrame(f"unreadable klines: {exc}") from exc
