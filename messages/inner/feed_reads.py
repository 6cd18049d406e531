"""What the feeds ask of the world outside: markets, candles, sockets."""

from typing import Literal

from messages.base import Inner
from messages.feeds import DayStats, MarketListed

AskedSource = Literal["binance_rest", "coinbase", "coingecko"]
ClockSource = Literal["venue", "sntp"]


class FetchMarket(Inner, frozen=True, kw_only=True):
    """market_feed: Gamma by slug and the CLOB's compact market."""

    slug: str


class MarketFetched(Inner, frozen=True, kw_only=True):
    """The read of a market is done; what it told came before this, as MarketListed and MarketResolved.

    known False: no clear answer. gamma, clob: the bodies as text, for the record alone; "" where there is none.
    """

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

    symbol: str
    interval: Literal["1s", "1m"]
    start_ns: int
    end_ns: int


class CandlesFetched(Inner, frozen=True, kw_only=True):
    """The klines of the span asked for. rows: (open_time_ns, open, high, low, close, volume, trades), oldest first.

    known False: no clear answer.
    """

    symbol: str
    interval: Literal["1s", "1m"]
    start_ns: int
    end_ns: int
    known: bool
    rows: tuple[tuple[int, float, float, float, float, float, int], ...]
    why: str


class ReadClock(Inner, frozen=True, kw_only=True):
    """market_feed: ask another clock once. n comes back with the answer."""

    source: ClockSource
    n: int


class ClockRead(Inner, frozen=True, kw_only=True):
    """What one answer of another clock proves: ours − theirs lies in [least_ns, most_ns]. Meaningless unless known.

    took_ms: the round trip, machine time.
    """

    source: ClockSource
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


class FetchPrice(Inner, frozen=True, kw_only=True):
    """price_feed: the newest price of a source that is asked, not listened to."""

    source: AskedSource


class PriceFetched(Inner, frozen=True, kw_only=True):
    """The newest price of a source that was asked. known False: no clear answer.

    stamped_ns  the source's own stamp, the arrival where it has none       size   0.0 = not said
    """

    source: AskedSource
    known: bool
    price: float
    size: float
    stamped_ns: int
    why: str


class FetchDay(Inner, frozen=True, kw_only=True):
    """price_feed: the exchange's 24-hour statistics, while its stream does not bring them."""

    symbol: str


class DayHeard(Inner, frozen=True, kw_only=True):
    """The exchange's 24-hour statistics, by stream or answered; None: no clear answer, and why."""

    symbol: str
    day: DayStats | None
    why: str


class SourceChanged(Inner, frozen=True, kw_only=True):
    """price_feed, for its log: the price now comes from another source; "" = from none."""

    was: str
    now: str
    why: str
