"""A thread that owns one websocket and keeps it open: the outside world's frames, as they arrive.

Reconnects for ever, on machine time: 0.25, 0.5, 1, 2, 4, 4, … seconds with jitter, at most about one attempt a second, and
back within 5 s after the other side is. A connection that lived LIVED_S begins anew at the shortest wait.
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import websocket
from websocket import ABNF

from messages import Word

LIVED_S = 10.0
STOP_S = 0.9
_LOOK_S = 0.5  # how long a read may wait before the thread looks whether it is time to ping
_BROKEN = (OSError, websocket.WebSocketException, ValueError, LookupError)  # LookupError: a handshake of garbage
_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class Inbox(Protocol):
    """Where words go. `conflate`: replaces an unread word of the same key."""

    def put(self, word: Word, conflate: str | None = None) -> None: ...


@dataclass(frozen=True)
class Backoff:
    """Machine seconds."""

    first_s: float = 0.25
    cap_s: float = 4.0

    def wait_s(self, failures: int) -> float:
        """Before the next attempt; jitter keeps a crowd from coming back in step."""
        return min(self.cap_s, self.first_s * 2.0 ** min(failures, 16)) * random.uniform(0.8, 1.0)


@dataclass(frozen=True)
class KeepAlive:
    """A text sent every `every_s`; a connection on which nothing at all arrives for `dead_s` is given up (machine time)."""

    text: str = ""
    every_s: float = 10.0
    dead_s: float = 30.0


class WebSocketSource:
    """on_frame(text) and on_state("open" | "closed", why) are called on this thread; so is on_bad(why).

    A source that wants nothing yet (`wanted=False`) stays closed until `want(True)`.
    """

    def __init__(
        self,
        name: str,
        url: str,
        on_frame: Callable[[str], None],
        on_state: Callable[[Literal["open", "closed"], str], None],
        on_bad: Callable[[str], None],
        *,
        keep_alive: KeepAlive | None = None,
        backoff: Backoff | None = None,
        connect_timeout_s: float = 5.0,
        wanted: bool = True,
    ) -> None:
        self.name, self._url = name, url
        self._on_frame, self._on_state, self._on_bad = on_frame, on_state, on_bad
        self._keep, self._backoff = keep_alive or KeepAlive(), backoff or Backoff()
        self._connect_timeout_s = connect_timeout_s
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        if wanted:
            self._wanted.set()
        self._lock = threading.Lock()
        self._socket: websocket.WebSocket | None = None
        self._reason = ""
        self._not_before_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"ws-{name}", daemon=True)
        self.opened = 0

    # --- called from other threads

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close and end within a second."""
        self._stopping.set()
        self._wanted.set()
        self.reconnect("stopping")
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def want(self, is_wanted: bool) -> None:
        """Whether a connection is to be kept at all."""
        if is_wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    def hold_off(self, seconds: float) -> None:
        """No attempt to connect before so many machine seconds have passed: the other side asked for it."""
        self._not_before_s = time.monotonic() + seconds

    def send(self, text: str) -> bool:
        """False when there is no connection: whoever needs it said says it again on the next open."""
        with self._lock:
            connection = self._socket
        if connection is None:
            return False
        try:
            connection.send(text)
        except (OSError, websocket.WebSocketException) as exc:
            self.reconnect(f"could not send: {exc}")
            return False
        return True

    def reconnect(self, why: str) -> None:
        """Close what is open; the thread opens it again. For silent stalls."""
        with self._lock:
            connection, self._reason = self._socket, why
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):  # already gone, which is what is wanted
                connection.sock.shutdown(socket.SHUT_RDWR)

    # --- the thread

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wanted.wait()
            if self._stopping.is_set():
                return
            started = time.monotonic()
            was_open, why = self._one_connection()
            if was_open:
                self._on_state("closed", why)
            failures = 0 if time.monotonic() - started >= LIVED_S else failures
            self._stopping.wait(max(self._backoff.wait_s(failures), self._not_before_s - time.monotonic()))
            failures += 1

    def _one_connection(self) -> tuple[bool, str]:
        """(was it ever open, why it is over)."""
        try:
            connection = websocket.create_connection(
                self._url,
                timeout=self._connect_timeout_s,
                sockopt=_NODELAY,
                skip_utf8_validation=True,
                enable_multithread=True,
            )
        except _BROKEN as exc:
            return False, f"cannot connect: {exc}"
        connection.settimeout(min(_LOOK_S, self._keep.every_s))
        with self._lock:
            self._socket, self._reason = connection, ""
        self.opened += 1
        try:
            if self._stopping.is_set():
                return False, "stopping"
            self._on_state("open", "")
            return True, self._read(connection)
        finally:
            with self._lock:
                self._socket = None
            connection.shutdown()  # type: ignore[no-untyped-call]

    def _read(self, connection: websocket.WebSocket) -> str:
        """Frames until it is over; why it is."""
        last_heard = last_ping = time.monotonic()
        while True:
            try:
                opcode, frame = connection.recv_data_frame(control_frame=True)
                last_heard = now = time.monotonic()
                if opcode == ABNF.OPCODE_CLOSE:
                    return self._reason or _close_reason(frame.data)
                if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
                    self._hear(frame.data)
            except websocket.WebSocketTimeoutException:
                now = time.monotonic()
                if now - last_heard >= self._keep.dead_s:
                    return f"nothing arrived for {now - last_heard:.0f} s"
            except _BROKEN as exc:
                return self._reason or f"{type(exc).__name__}: {exc}"
            if self._keep.text and now - last_ping >= self._keep.every_s:
                last_ping = now
                self.send(self._keep.text)

    def _hear(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError as exc:
            self._on_bad(f"not UTF-8: {exc}")
            return
        self._on_frame(text)


def _close_reason(payload: bytes) -> str:
    """ "1000 all subscribed assets resolved"; the code alone, or "closed", where there is no more."""
    if len(payload) < 2:
        return "closed"
    return f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode('utf-8', 'replace')}".strip()
