"""A thread that owns one websocket and keeps it open: the outside world's frames, as they arrive.

Reconnects for ever, on machine time, by the two ladders of `retry.py`: an unreachable server is tried every 4 s at the
longest, so that we are back within 5 s after it is; one that refuses us (429, 418, 403, 451 at the handshake, close code
1008) up to every 5 minutes. Never more than one attempt a second. A connection that lived LIVED_S begins both anew.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import websocket
from websocket import ABNF

from messages import Word
from polybot.adapters.net.retry import POLICY_VIOLATION, Backoff, refusal, retry_after_s

LIVED_S = 10.0
STOP_S = 0.9
_LOOK_S = 0.5  # how long a read may wait before the thread looks whether it is time to ping
_BROKEN = (OSError, websocket.WebSocketException, ValueError, LookupError)  # LookupError: a handshake of garbage
_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class WordSink(Protocol):
    """Where words go. `conflate`: replaces an unread word of the same key."""

    def put(self, word: Word, conflate: str | None = None) -> None:
        """Take a word in; `conflate` names what it replaces if that still waits. Called on any thread."""
        ...


@dataclass(frozen=True)
class KeepAlive:
    """A text sent every `every_s`; a connection on which nothing at all arrives for `dead_s` is given up (machine time)."""

    text: str = ""
    every_s: float = 10.0
    dead_s: float = 30.0


@dataclass(frozen=True)
class Over:
    """How an attempt ended. refused: the server said no; asked_s: for how long, 0 = it did not say."""

    was_open: bool
    why: str
    refused: bool = False
    asked_s: float = 0.0


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
        connect_timeout_s: float = 3.0,
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
        """Connect on a thread of its own, again and again; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread, within a second."""
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
        failures = refusals = 0
        while not self._stopping.is_set():
            self._wanted.wait()
            if self._stopping.is_set():
                return
            began_s = time.monotonic()
            over = self._one_connection()
            took_s = time.monotonic() - began_s
            if took_s >= LIVED_S:
                failures = refusals = 0
            wait_s = self._backoff.refused_s(refusals, over.asked_s) if over.refused else self._backoff.wait_s(failures)
            if over.was_open or over.refused:
                self._on_state("closed", f"{over.why}; next attempt in {wait_s:.0f} s" if over.refused else over.why)
            if not over.was_open:
                wait_s -= took_s  # a handshake that hung was waiting enough
            spacing_s, held_s = self._backoff.spacing_s - took_s, self._not_before_s - time.monotonic()
            self._stopping.wait(max(wait_s, spacing_s, held_s, 0.0))
            refusals, failures = refusals + over.refused, failures + (not over.refused)

    def _one_connection(self) -> Over:
        try:
            connection = websocket.create_connection(
                self._url,
                timeout=self._connect_timeout_s,
                sockopt=_NODELAY,
                skip_utf8_validation=True,
                enable_multithread=True,
            )
        except websocket.WebSocketBadStatusException as exc:
            headers = {name.lower(): value for name, value in (exc.resp_headers or {}).items()}
            no = refusal(exc.status_code, headers)
            return Over(False, no or f"cannot connect: HTTP {exc.status_code}", bool(no), retry_after_s(headers))
        except _BROKEN as exc:
            return Over(False, f"cannot connect: {exc}")
        connection.settimeout(min(_LOOK_S, self._keep.every_s))
        with self._lock:
            self._socket, self._reason = connection, ""
        self.opened += 1
        try:
            if self._stopping.is_set():
                return Over(False, "stopping")
            self._on_state("open", "")
            return self._read(connection)
        finally:
            with self._lock:
                self._socket = None
            connection.shutdown()  # type: ignore[no-untyped-call]

    def _read(self, connection: websocket.WebSocket) -> Over:
        """Hear frames until the connection is over; returns how it ended."""
        last_heard = last_ping = time.monotonic()
        while True:
            try:
                opcode, frame = connection.recv_data_frame(control_frame=True)
                last_heard = now = time.monotonic()
                if opcode == ABNF.OPCODE_CLOSE:
                    code, why = _close_reason(frame.data)
                    return Over(True, self._reason or why, refused=code == POLICY_VIOLATION)
                if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
                    self._hear(frame.data)
            except websocket.WebSocketTimeoutException:
                now = time.monotonic()
                if now - last_heard >= self._keep.dead_s:
                    return Over(True, f"nothing arrived for {now - last_heard:.0f} s")
            except _BROKEN as exc:
                return Over(True, self._reason or f"{type(exc).__name__}: {exc}")
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


def _close_reason(payload: bytes) -> tuple[int, str]:
    """The code and, for people, "1000 all subscribed assets resolved"; (0, "closed") where there is none."""
    if len(payload) < 2:
        return 0, "closed"
    code = int.from_bytes(payload[:2], "big")
    return code, f"{code} {payload[2:].decode('utf-8', 'replace')}".strip()
