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
        """Open the socket on a thread of its own; returns at once."""
        self.socket.start()

    def stop(self) -> None:
        """Close the socket and end its thread, within a second."""
        self.socket.stop()

    def reconnect(self, why: str) -> None:
        """Close the socket and open it again; for a silent stall."""
        self.socket.reconnect(why)

    def said(self, state: Literal["open", "closed", "bad"], why: str = "") -> None:
        """Put a SourceState of this source into the inbox, stamped now."""
        self.inbox.put(SourceState(source=self.name, state=state, why=why, received_ns=self.now_ns()))

    def bad(self, why: str) -> None:
        """Say that a frame could not be read, and why; it is counted, the socket stays."""
        self.said("bad", why)
