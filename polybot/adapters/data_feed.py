"""The feeds for people who use them outside the bot: one small face before the same sources and parsers. See docs/feeds.md.

    feed = BinanceFeed("wss://stream.binance.com:9443")
    feed.on_tick(print)
    feed.subscribe("BTCUSDT")
    feed.start()

Callbacks run on the feed's own threads, one at a time. One that raises is the caller's error: it is printed, the feed stops
being connected, and nothing more is said. Reconnecting is the sources' business and goes on for ever.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from messages import Book, MarketListed, OraclePrice, PriceTick, TradePrint, Word
from messages.inner import FetchMarket, MarketFetched, SourceState
from messages.units import E6
from polybot.adapters.net.source import SocketSource
from polybot.adapters.polymarket.channels import MarketChannelSource
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.effects import MarketEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.rtds_stream import RtdsSource
from polybot.adapters.prices.binance_stream import BinanceSource
from polybot.core.price_feed.outliers import TradeFilter

TWAP = "crypto_prices_twap_sixty"


@dataclass(frozen=True)
class FeedTick:
    """A price. at_ns: the source's own stamp, unix ns.

    kind      trade · mid (the middle of the book has moved) · print (of the oracle)
    symbol    as subscribed      side  of the taker, "" where there is none      outcome  UP or DOWN, "" off Polymarket
    size      BTC or shares, 0.0 where there is none
    """

    kind: Literal["trade", "mid", "print"]
    symbol: str
    price: float
    size: float
    side: Literal["BUY", "SELL", ""]
    source: str
    at_ns: int
    outcome: Literal["UP", "DOWN", ""] = ""


OnTick = Callable[[FeedTick], object]
OnReconnect = Callable[[str], object]
"""Called with the name of what is connected again: whatever was in between is lost."""


class DataFeed(Protocol):
    """What every feed can do. Subscriptions may come and go before and after `start`."""

    def start(self) -> None:
        """Open the sockets of all that is subscribed; returns at once."""
        ...

    def stop(self) -> None:
        """Close every socket and end its thread."""
        ...

    def subscribe(self, symbol: str) -> None:
        """Hear this symbol from now on; a second time changes nothing."""
        ...

    def unsubscribe(self, symbol: str) -> None:
        """Hear this symbol no longer; an unknown one is ignored."""
        ...

    def on_tick(self, callback: OnTick) -> None:
        """Have every FeedTick from now on handed to `callback`."""
        ...

    def on_reconnect(self, callback: OnReconnect) -> None:
        """Have `callback` told whenever a connection is there again, but not the first time."""
        ...

    def is_connected(self) -> bool:
        """True while everything subscribed has an open socket and no callback has raised."""
        ...


class _ThreadedFeed:
    """What the feeds share: the callbacks, and who is open."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._lock = threading.RLock()
        self._ticks: list[OnTick] = []
        self._reconnects: list[OnReconnect] = []
        self._open: dict[str, bool] = {}
        self._was_open: set[str] = set()
        self._is_started = self._has_failed = False

    def on_tick(self, callback: OnTick) -> None:
        """Called with each FeedTick from now on."""
        self._ticks.append(callback)

    def on_reconnect(self, callback: OnReconnect) -> None:
        """Called each time a connection is there again, not the first time."""
        self._reconnects.append(callback)

    def is_connected(self) -> bool:
        """Everything subscribed has an open socket, and no callback has raised."""
        with self._lock:
            return self._is_started and not self._has_failed and bool(self._open) and all(self._open.values())

    def _said(self, tick: FeedTick) -> None:
        for callback in self._ticks:
            callback(tick)

    def _state(self, name: str, word: SourceState) -> None:
        if word.state == "bad":
            return
        self._open[name] = word.state == "open"
        if word.state != "open":
            return
        is_again = name in self._was_open
        self._was_open.add(name)
        for callback in self._reconnects if is_again else ():
            callback(name)

    def _forget(self, name: str) -> None:
        self._open.pop(name, None)
        self._was_open.discard(name)

    def _hear(self, name: str, word: Word) -> None:
        raise NotImplementedError


class _Ears:
    """The inbox of one source: hands each word to the feed, under the feed's lock."""

    def __init__(self, feed: _ThreadedFeed, name: str) -> None:
        self._feed, self._name = feed, name

    def put(self, word: Word, conflate: str | None = None) -> None:
        """Called on the source's own thread; what a callback raises ends the feed and is raised again here."""
        feed = self._feed
        with feed._lock:
            if feed._has_failed:
                return
            try:
                if isinstance(word, SourceState):
                    feed._state(self._name, word)
                else:
                    feed._hear(self._name, word)
            except BaseException:
                feed._has_failed = True
                raise


class _OneEach(_ThreadedFeed):
    """A source, hence a socket, for each symbol."""

    def __init__(self, url: str, now_ns: Callable[[], int]) -> None:
        super().__init__(now_ns)
        self._url = url
        self._sources: dict[str, SocketSource] = {}

    def _source(self, symbol: str) -> SocketSource:
        raise NotImplementedError

    def start(self) -> None:
        """Open a socket for each subscribed symbol; returns at once."""
        with self._lock:
            self._is_started = True
            for source in self._sources.values():
                source.start()

    def stop(self) -> None:
        """End within a second a symbol. A feed is started once."""
        self._is_started = False
        for source in self._sources.values():
            source.stop()

    def subscribe(self, symbol: str) -> None:
        """Open a socket for this symbol, once the feed is started; a second time changes nothing."""
        with self._lock:
            if symbol in self._sources:
                return
            source = self._sources[symbol] = self._source(symbol)
            self._open[symbol] = False
            if self._is_started:
                source.start()

    def unsubscribe(self, symbol: str) -> None:
        """Close this symbol's socket; an unknown symbol is ignored."""
        with self._lock:
            source = self._sources.pop(symbol, None)
            self._forget(symbol)
        if source is not None and self._is_started:
            source.stop()
            with self._lock:
                self._forget(symbol)  # its last word was that it is closed


class BinanceFeed(_OneEach):
    """Trades of the exchange, as far as they are believed (core/price_feed/outliers.py). Symbols in capitals: "BTCUSDT"."""

    def __init__(self, url: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(url, now_ns)
        self._prints: dict[str, TradeFilter] = {}

    def _source(self, symbol: str) -> SocketSource:
        self._prints[symbol] = TradeFilter()
        return BinanceSource(self._url, symbol, _Ears(self, symbol), self._now_ns)

    def _hear(self, name: str, word: Word) -> None:
        if isinstance(word, PriceTick):
            for tick in self._prints[name].hear(word, self._now_ns()):
                self._said(FeedTick("trade", name, tick.price, tick.size, "", tick.source, tick.traded_ns))


class OracleFeed(_OneEach):
    """The sixty-second TWAP that Polymarket settles on, one print a second. Symbols: "btc/usd"."""

    def __init__(self, url: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(url, now_ns)

    def _source(self, symbol: str) -> SocketSource:
        return RtdsSource(self._url, symbol, _Ears(self, symbol), self._now_ns, topics=(TWAP,))

    def _hear(self, name: str, word: Word) -> None:
        if isinstance(word, OraclePrice):
            self._said(FeedTick("print", name, word.price, 0.0, "", word.source, word.observed_ns))


class PolymarketFeed(_ThreadedFeed):
    """Trades of both sides, and each move of the Up side's mid. Symbols are slugs: "btc-updown-5m-1795132800"."""

    def __init__(self, ws_market: str, gamma: str, clob: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(now_ns)
        self._reads = MarketEffects(Gamma(gamma), ClobPublic(clob), now_ns)
        self._channel = MarketChannelSource(ws_market, _Ears(self, "market"), now_ns)
        self._markets: dict[str, MarketListed] = {}
        self._mids: dict[str, float] = {}

    def start(self) -> None:
        """Begin; returns at once. Nothing is connected before something is subscribed."""
        self._is_started = True
        self._channel.start()

    def stop(self) -> None:
        """End within a second. A feed is started once."""
        self._is_started = False
        self._channel.stop()

    def subscribe(self, symbol: str) -> None:
        """Asks the venue for the market first: blocks for it, and raises LookupError when it cannot be had."""
        if symbol in self._markets:
            return
        words = list(self._reads.fetch(FetchMarket(slug=symbol)))
        listed = next((word for word in words if isinstance(word, MarketListed)), None)
        if listed is None:
            why = next((word.why for word in words if isinstance(word, MarketFetched)), "")
            raise LookupError(f"{symbol}: {why or 'no such market'}")
        with self._lock:
            self._markets[symbol] = listed
        self._channel.subscribe([listed])

    def unsubscribe(self, symbol: str) -> None:
        """Leave this market on the shared channel; an unknown one is ignored."""
        with self._lock:
            self._markets.pop(symbol, None)
            self._mids.pop(symbol, None)
        self._channel.subscribe((), [symbol])

    def _hear(self, name: str, word: Word) -> None:
        match word:
            case TradePrint() if (market := self._markets.get(word.slug)) is not None:
                outcome: Literal["UP", "DOWN"] = "UP" if word.token_id == market.up_token else "DOWN"
                price, size = word.price_e6 / E6, word.size_e6 / E6
                self._said(FeedTick("trade", word.slug, price, size, word.side, "polymarket", word.traded_ns, outcome))
            case Book() if word.slug in self._markets and word.up_bids and word.up_asks:
                mid = (word.up_bids[0][0] + word.up_asks[0][0]) / 2 / E6
                if mid != self._mids.get(word.slug):
                    self._mids[word.slug] = mid
                    self._said(FeedTick("mid", word.slug, mid, 0.0, "", "polymarket", word.venue_ns, "UP"))
