"""Binance's side of the wire: bars kept from the trades that passed, and frames as Binance writes them. Pure.

One symbol. A second without a trade is answered as Binance answers it: a flat bar with zero volume and n = 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

encode = msgspec.json.encode

SYMBOL = "BTCUSDT"
STEP_S = {"1s": 1, "1m": 60}
KEEP_S = 4 * 3600  # seconds of bars kept; an indicator of the bot looks back one hour at most
MAX_LIMIT = 1000
DAY_S = 24 * 3600


@dataclass
class WireBar:
    """One interval's trades. n = 0: nothing traded, price carried."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    quote: float = 0.0
    n: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, other: "WireBar") -> None:
        """Fold a later bar into this one."""
        if other.n == 0:
            self.close = other.close if self.n == 0 else self.close
            return
        if self.n == 0:
            self.open = self.high = self.low = other.open
            self.first_id = other.first_id
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.quote += other.quote
        self.n += other.n
        self.last_id = other.last_id


@dataclass
class WireBars:
    """Second bars of what traded, and any longer interval folded from them."""

    seconds: dict[int, WireBar] = field(default_factory=dict)
    first_s: int = 0
    last_s: int = 0
    price: float = 0.0
    trade_id: int = 0
    minutes: dict[int, WireBar] = field(default_factory=dict)  # of the last 24 hours, those that traded

    def trade(self, at_ms: int, price: float, size: float, trade_id: int) -> None:
        """Take in one more trade; they come in the order of time."""
        second = at_ms // 1000
        new = WireBar(price, price, price, price, size, price * size, 1, trade_id, trade_id)
        bar = self.seconds.get(second)
        if bar is None:
            self.seconds[second] = new
            self.first_s = self.first_s or second
            self._forget(second)
        else:
            bar.add(new)
        self._fold(second, new)
        self.last_s, self.price, self.trade_id = max(self.last_s, second), price, trade_id

    def put(self, start_s: int, open_: float, high: float, low: float, close: float, volume: float, n: int) -> None:
        """A whole second from before we were there, in time order."""
        self.seconds[start_s] = WireBar(open_, high, low, close, volume, volume * close, n)
        if n:
            self._fold(start_s, self.seconds[start_s])
        self.first_s = self.first_s or start_s
        self.last_s, self.price = max(self.last_s, start_s), close

    def _fold(self, second: int, bar: WireBar) -> None:
        minute = second // 60 * 60
        known = self.minutes.get(minute)
        if known is None:
            self.minutes[minute] = replace(bar)
            while (oldest := next(iter(self.minutes))) <= minute - DAY_S:
                del self.minutes[oldest]
        else:
            known.add(bar)

    def day(self) -> WireBar | None:
        """The last 24 hours, or as much of them as this world has lived; None before the first trade."""
        whole: WireBar | None = None
        for bar in self.minutes.values():
            if whole is None:
                whole = replace(bar)
            else:
                whole.add(bar)
        return whole

    def _forget(self, newest_s: int) -> None:
        while newest_s - self.first_s > KEEP_S:
            self.seconds.pop(self.first_s, None)
            self.first_s += 1

    def bar(self, start_s: int, step_s: int) -> WireBar | None:
        """The bar [start, start + step), or None before the first trade known."""
        if not self.first_s or start_s + step_s <= self.first_s:
            return None
        carried = self._close_before(start_s)
        opening = carried if carried is not None else self.seconds[self.first_s].open
        whole = WireBar(opening, opening, opening, opening)
        for second in range(max(start_s, self.first_s), min(start_s + step_s, self.last_s + 1)):
            bar = self.seconds.get(second)
            if bar is not None:
                whole.add(bar)
        return whole

    def _close_before(self, start_s: int) -> float | None:
        for second in range(min(start_s - 1, self.last_s), self.first_s - 1, -1):
            bar = self.seconds.get(second)
            if bar is not None:
                return bar.close
        return None

    def klines(self, step_s: int, now_ms: int, start_ms: int | None, end_ms: int | None, limit: int) -> list[list[Any]]:
        """Rows of /api/v3/klines; the last one is unfinished when it reaches now."""
        newest = min(now_ms, end_ms if end_ms is not None else now_ms) // 1000 // step_s * step_s
        oldest = -(-start_ms // (1000 * step_s)) * step_s if start_ms is not None else newest - (limit - 1) * step_s
        oldest = max(oldest, -(-self.first_s // step_s) * step_s if self.first_s else newest + 1)
        starts = range(oldest, newest + 1, step_s)
        return [row for s in starts[:limit] if (row := self._row(s, step_s)) is not None]

    def _row(self, start_s: int, step_s: int) -> list[Any] | None:
        bar = self.bar(start_s, step_s)
        if bar is None:
            return None
        return [
            start_s * 1000,
            price_text(bar.open),
            price_text(bar.high),
            price_text(bar.low),
            price_text(bar.close),
            price_text(bar.volume),
            (start_s + step_s) * 1000 - 1,
            price_text(bar.quote),
            bar.n,
            price_text(bar.volume / 2),
            price_text(bar.quote / 2),
            "0",
        ]


def price_text(value: float) -> str:
    """A price or size as Binance writes it, with eight decimals."""
    return f"{value:.8f}"


def trade_data(
    event_ms: int, at_ms: int, price: float, size: float, trade_id: int, buyer_is_maker: bool
) -> dict[str, Any]:
    """A trade as the stream `@trade` carries it."""
    return {
        "e": "trade",
        "E": event_ms,
        "s": SYMBOL,
        "t": trade_id,
        "p": price_text(price),
        "q": price_text(size),
        "T": at_ms,
        "m": buyer_is_maker,
        "M": True,
    }


def kline_data(event_ms: int, start_s: int, interval: str, bar: WireBar, closed: bool) -> dict[str, Any]:
    """A bar as the stream `@kline_<interval>` carries it."""
    step = STEP_S[interval]
    return {
        "e": "kline",
        "E": event_ms,
        "s": SYMBOL,
        "k": {
            "t": start_s * 1000,
            "T": (start_s + step) * 1000 - 1,
            "s": SYMBOL,
            "i": interval,
            "f": bar.first_id,
            "L": bar.last_id,
            "o": price_text(bar.open),
            "c": price_text(bar.close),
            "h": price_text(bar.high),
            "l": price_text(bar.low),
            "v": price_text(bar.volume),
            "n": bar.n,
            "x": closed,
            "q": price_text(bar.quote),
            "V": price_text(bar.volume / 2),
            "Q": price_text(bar.quote / 2),
            "B": "0",
        },
    }


def ticker_data(event_ms: int, day: WireBar) -> dict[str, Any]:
    """The last 24 hours as the stream `@ticker` carries them."""
    texts = {key: value for key, (_, value) in _day_texts(event_ms, day).items()}
    return {"e": "24hrTicker", "E": event_ms, "s": SYMBOL} | texts


def day_object(event_ms: int, day: WireBar) -> dict[str, Any]:
    """The last 24 hours as the body of `/api/v3/ticker/24hr`."""
    return {"symbol": SYMBOL} | dict(_day_texts(event_ms, day).values())


def _day_texts(event_ms: int, day: WireBar) -> dict[str, tuple[str, Any]]:
    """The stream's key → (the REST key, the value)."""
    change = day.close - day.open
    return {
        "p": ("priceChange", price_text(change)),
        "P": ("priceChangePercent", f"{change / day.open * 100:.3f}"),
        "w": ("weightedAvgPrice", price_text(day.quote / day.volume if day.volume else day.close)),
        "x": ("prevClosePrice", price_text(day.open)),
        "c": ("lastPrice", price_text(day.close)),
        "Q": ("lastQty", price_text(0.0)),
        "b": ("bidPrice", price_text(day.close)),
        "B": ("bidQty", price_text(0.0)),
        "a": ("askPrice", price_text(day.close)),
        "A": ("askQty", price_text(0.0)),
        "o": ("openPrice", price_text(day.open)),
        "h": ("highPrice", price_text(day.high)),
        "l": ("lowPrice", price_text(day.low)),
        "v": ("volume", price_text(day.volume)),
        "q": ("quoteVolume", price_text(day.quote)),
        "O": ("openTime", event_ms - DAY_S * 1000),
        "C": ("closeTime", event_ms),
        "F": ("firstId", day.first_id),
        "L": ("lastId", day.last_id),
        "n": ("count", day.n),
    }


FloatLevels = Iterable[tuple[float, float]]


def depth_data(update_id: int, bids: FloatLevels, asks: FloatLevels) -> dict[str, Any]:
    """The levels as `@depth20` and /api/v3/depth carry them, best first on both sides."""
    return {
        "lastUpdateId": update_id,
        "bids": [[price_text(p), price_text(q)] for p, q in bids],
        "asks": [[price_text(p), price_text(q)] for p, q in asks],
    }


def combined(stream: str, data: dict[str, Any]) -> bytes:
    """The data as a frame of the combined stream."""
    return encode({"stream": stream, "data": data})


def error(code: int, message: str) -> dict[str, Any]:
    """The body with which Binance refuses a request."""
    return {"code": code, "msg": message}


def streams_of(query: str) -> Iterator[str]:
    """The stream names in the query `streams=a/b/c`."""
    return (name for name in query.split("/") if name)
