"""Sockets and what is still to be sent to them. A slow hearer is cut off, never waited for.

Frames are encoded once and fanned out as bytes. Each connection has an outbox and one task that empties it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from polybot.venue.faults.frame_faults import Gate, open_gate

OUTBOX_MAX = 20_000  # frames; beyond it the hearer is gone for all practical purposes
BATCH = 200  # frames between two looks at the other tasks
POLICY_VIOLATION = 1008


class Connection:
    """One WebSocket. `push` never blocks; `close_after` closes once what was pushed before is out.

    gate: what a frame must pass on its way to the outbox; faults stand there.
    """

    def __init__(self, socket: WebSocket, gate: Gate = open_gate) -> None:
        self.socket, self._gate = socket, gate
        self._outbox: deque[str] = deque()
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self.sent = 0

    @property
    def waiting(self) -> int:
        """Frames that the other side has not taken yet."""
        return len(self._outbox)

    def push(self, frame: bytes | str) -> None:
        """Queue one text frame; it may meet faults on its way."""
        self._gate(frame if isinstance(frame, str) else frame.decode(), self._queue)

    def _queue(self, frame: str) -> None:
        if self._closing is not None:
            return
        if len(self._outbox) >= OUTBOX_MAX:
            self._outbox.clear()
            self.close_after(POLICY_VIOLATION, "slow consumer")
            return
        self._outbox.append(frame)
        self._wake.set()

    def close_after(self, code: int, reason: str) -> None:
        """Close with this code after the frames already queued."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    async def serve(self, on_text: Callable[["Connection", str], None]) -> None:
        """Accept, then read and write until either side leaves."""
        await self.socket.accept()
        writer = asyncio.create_task(self._write())
        try:
            while True:
                on_text(self, await self.socket.receive_text())
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass  # gone, or sent a binary frame: either way it is over
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                for _ in range(min(BATCH, len(self._outbox))):
                    await self.socket.send_text(self._outbox.popleft())
                    self.sent += 1
                await asyncio.sleep(0)
            if self._closing is not None:
                if self.socket.application_state is not WebSocketState.DISCONNECTED:
                    await self.socket.close(*self._closing)
                return


def decoded(text: str) -> dict[str, Any] | None:
    """The JSON object in a frame; None for anything else, however deep or broken."""
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return body if isinstance(body, dict) else None


def texts(value: Any) -> list[str] | None:
    """The value if it is a list of texts, else None."""
    return value if isinstance(value, list) and all(isinstance(v, str) for v in value) else None


def pong(connection: Connection, text: str) -> bool:
    """Text keep-alive of the CLOB and of RTDS: PING is answered with PONG, neither is JSON."""
    if text.strip() != "PING":
        return False
    connection.push("PONG")
    return True
