"""What every websocket source shares: it puts words into an inbox, and says how its socket is."""

from collections.abc import Callable
from typing import Literal

from messages.inner import SourceState
from polybot.adapters.net.websocket import WebSocketSource, WordSink


class SocketSource:
    """What the ready-made sources share. now_ns: world time, for received stamps and SourceState."""

    name = ""

    def __init__(self, inbox: WordSink, now_ns: Callable[[], int]) -> None:
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
