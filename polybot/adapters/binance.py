"""Binance spot: combined stream and klines. Facts §15.1. Prices here are estimates, hence floats."""

import math
from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from messages import Candle, Depth, PriceTick
from messages.inner import CandlesFetched, FetchCandles
from messages.units import MS, NS
from polybot.adapters.http import HttpConnection, HttpError, Response

SOURCE = "binance"
KLINES_LIMIT = 1000
INTERVAL_S = {"1s": 1, "1m": 60}
MAX_PAGES = 30
REFUSALS = {429: "too many requests", 418: "banned for asking too often", 451: "not served from this country"}

Row = tuple[int, float, float, float, float, float, int]


class BadFrame(ValueError):
    """A frame or body that cannot be read: counted and dropped."""


def stream_url(base: str, symbol: str) -> str:
    """Trades, minute bars and the top 20 levels on one connection. Symbols are lower case in streams."""
    name = symbol.lower()
    return f"{base.rstrip('/')}/stream?streams={name}@trade/{name}@kline_1m/{name}@depth20@100ms"


def word_of(text: str, symbol: str, received_ns: int) -> PriceTick | Candle | Depth | None:
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
            case _:
                return None
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadFrame(f"{type(exc).__name__} {exc}: {text:.80}") from exc


def _tick(data: dict[str, object]) -> PriceTick:
    return PriceTick(
        symbol=str(data["s"]),
        price=_positive(data["p"]),
        size=_positive(data["q"]),
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
    """Public klines. Not thread safe: one a lane. timeout_s: machine time, each wait for the network."""

    def __init__(self, base_url: str, timeout_s: float = 5.0) -> None:
        self.http = HttpConnection(base_url, timeout_s)

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
            tag=wish.tag, symbol=wish.symbol, interval=wish.interval, known=not why, rows=rows, why=why
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
            page = _page(self.http.read(f"/api/v3/klines?{urlencode(query)}"))
            yield from (row for row in page if from_ns <= row[0] <= last_ns)
            if len(page) < KLINES_LIMIT or page[-1][0] < from_ns:
                return
            from_ns = page[-1][0] + step_ns
        raise BadFrame(f"more than {MAX_PAGES} pages of klines")


def _page(response: Response) -> list[Row]:
    if response.status != 200:
        said = response.body[:200].decode("utf-8", "replace")
        after = response.headers.get("retry-after", "")
        wait = f", retry after {after} s" if after else ""
        raise BadFrame(f"HTTP {response.status} {REFUSALS.get(response.status, '')}{wait}: {said}")
    try:
        return [
            (_whole(r[0]) * MS, *(_positive(r[i]) for i in (1, 2, 3, 4)), _number(r[5]), _whole(r[8]))  # type: ignore[misc]
            for r in msgspec.json.decode(response.body)
        ]
    except (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError, ValueError) as exc:
        raise BadFrame(f"unreadable klines: {exc}") from exc
