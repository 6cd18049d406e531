"""What the feeds ask of the world outside: markets, candles, sockets."""

from typing import Literal

from messages.base import Inner
from messages.feeds import MarketListed


class FetchMarket(Inner, frozen=True, kw_only=True):
    """market_feed: Gamma by slug and the CLOB's compact market."""

    slug: str


class MarketFetched(Inner, frozen=True, kw_only=True):
    """known False: no clear answer. gamma, clob: the bodies as text, "" where the venue said it has none."""

    slug: str
    known: bool
    gamma: str
    clob: str
    why: str


class SourceState(Inner, frozen=True, kw_only=True):
    """A websocket source came, went, or sent something unreadable ("bad", counted). The words themselves arrive parsed."""

    source: str
    state: Literal["open", "closed", "bad"]
    why: str
    received_ns: int


class Subscribe(Inner, frozen=True, kw_only=True):
    """market_feed: markets to add on the market channel, slugs to leave."""

    add: tuple[MarketListed, ...]
    remove: tuple[str, ...]


class FetchCandles(Inner, frozen=True, kw_only=True):
    """price_feed: closed klines of the exchange, `interval` "1s" or "1m"."""

    tag: str
    symbol: str
    interval: Literal["1s", "1m"]
    start_ns: int
    end_ns: int


class CandlesFetched(Inner, frozen=True, kw_only=True):
    """rows: (open_time_ns, open, high, low, close, volume, trades), oldest first."""

    tag: str
    symbol: str
    interval: Literal["1s", "1m"]
    known: bool
    rows: tuple[tuple[int, float, float, float, float, float, int], ...]
    why: str


class ReadClock(Inner, frozen=True, kw_only=True):
    """market_feed: ask another clock once. n comes back with the answer."""

    source: Literal["venue", "sntp"]
    n: int


class ClockRead(Inner, frozen=True, kw_only=True):
    """What one answer of another clock proves: ours − theirs lies in [least_ns, most_ns]. Meaningless unless known.

    took_ms: the round trip, machine time.
    """

    source: Literal["venue", "sntp"]
    n: int
    known: bool
    least_ns: int
    most_ns: int
    took_ms: float
    why: str = ""


class Reconnect(Inner, frozen=True, kw_only=True):
    """A core's wish that a websocket source be closed and opened again (a silent stall)."""

    source: str
    why: str
