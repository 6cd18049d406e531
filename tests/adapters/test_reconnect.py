"""R17 over real sockets: frozen, half-open, cut mid-frame, a storm, refusals, goodbye; and the core's word on each."""

import base64
import contextlib
import hashlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from messages import FeedStatus, PriceTick
from messages.inner import AnyTimer, Reconnect, SourceState, Tick, WakeAt, WakeIn
from polybot.adapters.net.retry import Backoff
from polybot.adapters.net.websocket import WebSocketSource
from polybot.adapters.prices.binance_stream import BinanceSource
from polybot.core.price_feed.core import PriceFeedCore
from tests.adapters.conftest import HttpScript, WsScript, answer
from tests.build import a_start
from tests.inbox import ListInbox
from tests.waiting import wait_for

QUICK = Backoff(first_s=0.02, cap_s=0.1, spacing_s=0.02)


def a_frame(n: int, price: str = "64000.0", at_ms: int = 0) -> str:
    trade = {"e": "trade", "s": "BTCUSDT", "t": n, "p": price, "q": "0.01", "T": at_ms or time.time_ns() // 10**6}
    return json.dumps({"stream": "btcusdt@trade", "data": trade})


class House:
    """A core at the wall's time with a real source: the loop's part, by hand."""

    def __init__(self, url: str, inbox: ListInbox, backoff: Backoff = QUICK) -> None:
        self.core, self.inbox = PriceFeedCore(), inbox
        self.source = BinanceSource(url, "BTCUSDT", inbox, time.time_ns, backoff)
        self.said: list[Any] = []
        self._done = 0
        self._timers: dict[AnyTimer, float] = {}
        self._hear(a_start(actor="price_feed", mono_s=time.monotonic()))

    def _hear(self, word: Any) -> None:
        for said in self.core.handle(word, time.time_ns()):
            self.said.append(said)
            match said:
                case WakeIn():
                    self._timers[said.timer] = time.monotonic() + said.after_s
                case WakeAt():
                    self._timers[said.timer] = time.monotonic() + (said.at_ns - time.time_ns()) / 1e9
                case Reconnect():
                    self.source.reconnect(said.why)

    def turn(self) -> None:
        """Everything that has come and is due."""
        while self._done < len(self.inbox.words):
            self._done += 1
            self._hear(self.inbox.words[self._done - 1])
        now = time.monotonic()
        for timer in [t for t, at in self._timers.items() if at <= now]:
            del self._timers[timer]
            self._hear(Tick(timer=timer, mono_s=now))

    def until(self, holds: Callable[[], Any], within_s: float) -> float:
        """Seconds it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < within_s, f"not within {within_s} s; {self.status}"
            self.turn()
            time.sleep(0.005)
        return time.monotonic() - began

    @property
    def status(self) -> FeedStatus:
        return [w for w in self.said if isinstance(w, FeedStatus)][-1]

    def is_up(self) -> bool:
        return self.status.state == "up" and self.status.source == "binance"


@pytest.fixture
def house(ws: WsScript, inbox: ListInbox) -> Iterator[House]:
    made = House(ws.url, inbox)
    made.source.start()
    yield made
    made.source.stop()


class Flow:
    """Trades on every connection, unless frozen; pongs go on either way."""

    def __init__(self) -> None:
        self.frozen = threading.Event()
        self.n = 0

    def __call__(self, _: WsScript, _number: int, connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):  # the peer has gone: so do we
            while True:
                if not self.frozen.is_set():
                    self.n += 1
                    connection.send(a_frame(self.n))
                time.sleep(0.02)


def test_frozen_with_the_socket_open_it_is_stale_in_two_seconds_and_back_when_it_flows(
    ws: WsScript, house: House
) -> None:
    flow = ws.talk = Flow()
    house.until(house.is_up, 5)
    flow.frozen.set()
    took = house.until(lambda: house.status.state == "stale", 5)
    assert "no trade for 2.0 s, limit 2 s" in house.status.reason
    assert took > 1.5, "and not before its time"
    flow.frozen.clear()
    house.until(house.is_up, 5)


def test_a_half_open_connection_is_left_for_a_new_one(inbox: ListInbox) -> None:
    """The peer's machine is gone: the socket stays open, nothing ever comes, not even a refusal. Then it is back."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    frozen, taken = [True], []

    def serve() -> None:
        while True:
            try:
                connection, _ = silent.accept()
            except OSError:
                return
            taken.append(connection)
            if not frozen[0]:
                _handshake_and_talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    house = House(f"ws://127.0.0.1:{port}", inbox)
    house.source.start()
    try:
        house.until(lambda: taken, 5)
        assert house.status.state == "down"
        frozen[0] = False
        house.until(house.is_up, 25)
    finally:
        house.source.stop()
        silent.close()


def _handshake_and_talk(connection: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    connection.sendall(_ws_text(a_frame(1)))


def _ws_text(text: str) -> bytes:
    data = text.encode()
    return b"\x81" + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))) + data


def test_cut_in_the_middle_of_a_frame_it_comes_back_and_half_a_frame_is_no_frame(ws: WsScript, house: House) -> None:
    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send(a_frame(number))
        if number == 1:
            connection.socket.sendall(_ws_text(a_frame(99))[:40])
            connection.socket.shutdown(socket.SHUT_RDWR)

    ws.talk = talk
    house.until(lambda: ws.connections >= 2, 5)
    house.until(lambda: [w.trade_id for w in house.said if isinstance(w, PriceTick)] == [1, 2], 5)
    assert house.status.refused == {}


def test_absurd_ticks_are_refused_and_counted_by_name(ws: WsScript, house: House) -> None:
    now_ms = time.time_ns() // 10**6

    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send(a_frame(10, at_ms=now_ms))
        for n, price in enumerate(("0", "-1", "NaN", "Infinity"), 11):
            connection.send(a_frame(n, price, now_ms))
        connection.send(a_frame(10, at_ms=now_ms))  # doubled
        connection.send(a_frame(15, at_ms=now_ms - 1))  # backwards
        connection.send(a_frame(16, at_ms=now_ms + 60_000))  # of the future
        connection.send(a_frame(17, "640000.0", now_ms))  # ×10
        connection.send("{")
        connection.send(a_frame(18, at_ms=now_ms + 1))

    ws.talk = talk
    house.until(lambda: [w.trade_id for w in house.said if isinstance(w, PriceTick)] == [10, 18], 5)
    house.until(lambda: house.status.dropped == 9, 5)
    assert house.status.refused == {
        "ZERO_PRICE": 1,
        "NEGATIVE_PRICE": 1,
        "NOT_A_NUMBER": 2,
        "REPEATED": 1,
        "BACKWARDS_STAMP": 1,
        "FUTURE_STAMP": 1,
        "UNREADABLE": 1,
        "LEAP": 1,
    }


def test_the_servers_goodbye_is_answered_by_a_new_connection_before_it_closes(ws: WsScript, house: House) -> None:
    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send(a_frame(number))
        if number == 1:
            connection.send('{"e":"serverShutdown","E":1795132800000}')

    ws.talk = talk
    house.until(lambda: ws.connections == 2, 5)
    house.until(house.is_up, 5)
    whys = [w.why for w in house.inbox.of(SourceState) if w.state == "closed"]
    assert whys == ["the server announced its shutdown"]


# --- how often, how long


def a_source(url: str, states: list[str], backoff: Backoff | None = None) -> WebSocketSource:
    return WebSocketSource(
        "plain", url, lambda _: None, lambda state, why: states.append(f"{state} {why}"), states.append, backoff=backoff
    )


def test_a_storm_of_cuts_is_answered_once_a_second(ws: WsScript) -> None:
    opened: list[float] = []

    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        opened.append(time.monotonic())
        connection.socket.shutdown(socket.SHUT_RDWR)

    ws.talk = talk
    source = a_source(ws.url, [])
    source.start()
    try:
        wait_for(lambda: len(opened) >= 3, "three attempts")
    finally:
        source.stop()
    assert all(later - earlier >= 0.95 for earlier, later in itertools.pairwise(opened))


@pytest.mark.parametrize(
    ("status", "why"),
    [(429, "HTTP 429 too many requests, retry after 77 s"), (451, "HTTP 451 not served from this country (geoblock)")],
)
def test_a_refused_handshake_says_why_and_is_not_repeated_soon(http: HttpScript, status: int, why: str) -> None:
    http.say = [answer(status, "", **({"retry_after": "77"} if status == 429 else {}))]
    states: list[str] = []
    source = a_source(
        http.url.replace("http", "ws"), states, Backoff(first_s=0.01, spacing_s=0.01, refused_first_s=60.0)
    )
    source.start()
    try:
        wait_for(lambda: states, "the refusal")
        assert states[0].startswith(f"closed {why}")
        assert "next attempt in" in states[0]
        time.sleep(0.3)
        assert len(http.asked) == 1, "the other ladder would have been there thirty times"
    finally:
        source.stop()


def test_a_policy_violation_is_a_refusal_and_an_ordinary_close_is_none(ws: WsScript) -> None:
    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.close(1000 if number == 1 else 1008, "because")

    ws.talk = talk
    states: list[str] = []
    source = a_source(ws.url, states, Backoff(first_s=0.01, cap_s=0.01, spacing_s=0.01, refused_first_s=60.0))
    source.start()
    try:
        wait_for(lambda: ws.connections >= 2 and len([s for s in states if s.startswith("closed")]) == 2, "both closes")
        time.sleep(0.3)
    finally:
        source.stop()
    assert ws.connections == 2
    assert "next attempt in" not in states[1] and "1008 because; next attempt in" in states[3]
