"""The exchange's stream as a source: frames are parsed on the socket's own thread."""

from collections.abc import Callable

from messages import Depth
from messages.inner import DayHeard
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.retry import Backoff
from polybot.adapters.net.source import SocketSource
from polybot.adapters.net.websocket import KeepAlive, WebSocketSource, WordSink
from polybot.adapters.prices import binance

BINANCE_SILENCE = KeepAlive(dead_s=60.0)  # it pings by the protocol every 20 s; a text would be an error


class BinanceSource(SocketSource):
    """PriceTick, closed minute Candle, Depth and DayHeard (the newest unread one each), SourceState "binance".

    When the server announces that it is about to close (once a day at the latest) we are gone before it is.
    """

    name = "binance"

    def __init__(
        self, base_url: str, symbol: str, inbox: WordSink, now_ns: Callable[[], int], backoff: Backoff | None = None
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
        except BadFrame as exc:
            self.bad(str(exc))
            return
        if word is not None:
            newest_only = isinstance(word, Depth | DayHeard)
            self.inbox.put(word, conflate=f"{type(word).__name__}/{self._symbol}" if newest_only else None)
        elif binance.is_goodbye(text):
            self.reconnect("the server announced its shutdown")
