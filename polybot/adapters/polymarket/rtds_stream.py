"""RTDS, the oracle's public stream, as a source: frames are parsed on the socket's own thread."""

from collections.abc import Callable, Iterable
from typing import Literal

from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.retry import Backoff
from polybot.adapters.net.source import SocketSource
from polybot.adapters.net.websocket import KeepAlive, WebSocketSource, WordSink
from polybot.adapters.polymarket import rtds

RTDS_PING = KeepAlive("PING", every_s=5.0, dead_s=20.0)
RTDS_TOPICS = ("crypto_prices_chainlink", "crypto_prices_twap_sixty")


class RtdsSource(SocketSource):
    """Hears one symbol on RTDS: says its OraclePrice, and SourceState under the name "rtds"."""

    name = "rtds"

    def __init__(
        self,
        url: str,
        symbol: str,
        inbox: WordSink,
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
        except BadFrame as exc:
            self.bad(str(exc))
            return
        for word in prints:
            self.inbox.put(word)
