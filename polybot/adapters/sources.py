"""Exchange and oracle: ready-made sources that put words into an inbox. Frames are parsed on the socket's own thread."""

from collections.abc import Callable, Iterable
from typing import Literal

from messages import Depth
from messages.inner import DayHeard, SourceState
from polybot.adapters import binance
from polybot.adapters.polymarket import rtds
from polybot.adapters.retry import Backoff
from polybot.adapters.websocket import Inbox, KeepAlive, WebSocketSource

RTDS_PING = KeepAlive("PING", every_s=5.0, dead_s=20.0)
BINANCE_SILENCE = KeepAlive(dead_s=60.0)  # it pings by the protocol every 20 s; a text would be an error
RTDS_TOPICS = ("crypto_prices_chainlink", "crypto_prices_twap_sixty")


class Source:
    """What the ready-made sources share. now_ns: world time, for received stamps and SourceState."""

    name = ""

    def __init__(self, inbox: Inbox, now_ns: Callable[[], int]) -> None:
        self.inbox, self.now_ns = inbox, now_ns
        self.socket: WebSocketSource

    def start(self) -> None:
        """Begin; returns at once."""
        self.socket.start()

    def stop(self) -> None:
        """End within a second."""
        self.socket.stop()

    def reconnect(self, why: str) -> None:
        """Close and open again (a silent stall)."""
        self.socket.reconnect(why)

    def said(self, state: Literal["open", "closed", "bad"], why: str = "") -> None:
        """SourceState into the inbox."""
        self.inbox.put(SourceState(source=self.name, state=state, why=why, received_ns=self.now_ns()))

    def bad(self, why: str) -> None:
        """Something unreadable came."""
        self.said("bad", why)


class BinanceSource(Source):
    """PriceTick, closed minute Candle, Depth and DayHeard (the newest unread one each), SourceState "binance".

    When the server announces that it is about to close (once a day at the latest) we are gone before it is.
    """

    name = "binance"

    def __init__(
        self, base_url: str, symbol: str, inbox: Inbox, now_ns: Callable[[], int], backoff: Backoff | None = None
    ) -> None:
        super().__init__(inbox, now_ns)
        self._symbol = symbol
        self.socket = WebSocketSource(
            self.name,
            binance.stream_url(base_url, symbol),
            self._frame,
            self.said,
            self.bad,
            keep_alive=BINANCE_SILENCE,
            backoff=backoff,
        )

    def _frame(self, text: str) -> None:
        try:
            word = binance.word_of(text, self._symbol, self.now_ns())
        except binance.BadFrame as exc:
            self.bad(str(exc))
            return
        if word is not None:
            newest_only = isinstance(word, Depth | DayHeard)
            self.inbox.put(word, conflate=f"{type(word).__name__}/{self._symbol}" if newest_only else None)
        elif binance.is_goodbye(text):
            self.reconnect("the server announced its shutdown")


class RtdsSource(Source):
    """OraclePrice of one symbol, SourceState "rtds"."""

    name = "rtds"

    def __init__(
        self,
        url: str,
        symbol: str,
        inbox: Inbox,
        now_ns: Callable[[], int],
        topics: Iterable[str] = RTDS_TOPICS,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(inbox, now_ns)
        self._symbol, self._topics = symbol, tuple(topics)
        self._only = self._topics[0] if len(self._topics) == 1 else ""
        self.socket = WebSocketSource(
            self.name, url, self._frame, self._state, self.bad, keep_alive=RTDS_PING, backoff=backoff
        )

    def _state(self, state: Literal["open", "closed"], why: str) -> None:
        if state == "open":
            self.socket.send(rtds.subscribe_frame(self._topics))
        self.said(state, why)

    def _frame(self, text: str) -> None:
        try:
            prints = rtds.prints_of(text, self._symbol, self.now_ns(), self._only)
        except rtds.BadFrame as exc:
            self.bad(str(exc))
            return
        for word in prints:
            self.inbox.put(word)
