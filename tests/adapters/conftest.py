"""Real servers on free loopback ports, which answer as told: HTTP by a script of raw answers, websockets by a function."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from tests.inbox import ListInbox

DEADLINE_S = 5.0
S = TypeVar("S", bound="Source")


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


HANG, DROP, ACCEPT_AND_DROP = "hang", "drop", "accept and drop"
Said = bytes | str  # bytes as they go out, or one of the words above


def answer(status: int, body: Any, **headers: str) -> bytes:
    """A whole HTTP answer; a body that is no text is written as JSON."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    extra = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{extra}\r\n".encode() + data


@dataclass
class HttpScript:
    """Answers each request with the next item of `say` (the last one for ever); bytes are sent as they are."""

    say: list[Said | Callable[[Asked], Said]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    wrap: Callable[[Any], Any] | None = None
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._done.set()
        assert self._listener is not None
        self._listener.close()
        self.close_connections()

    def close_connections(self) -> None:
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self.wrap is not None:
            try:
                connection = self.wrap(connection)
            except OSError:
                return
            self._open.append(connection)
        with connection, connection.makefile("rb") as stream:
            while (request := _request(stream)) is not None:
                self.asked.append(request)
                said = self.say.pop(0) if len(self.say) > 1 else self.say[0]
                said = said(request) if callable(said) else said
                if said == HANG:
                    self._done.wait(DEADLINE_S)
                    return
                if said == DROP:
                    return
                assert isinstance(said, bytes)
                connection.sendall(said)


def _request(stream: Any) -> Asked | None:
    try:
        first = stream.readline().decode().split()
        if len(first) != 3:
            return None
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return Asked(first[0], first[1], headers, stream.read(int(headers.get("content-length", 0))))
    except OSError:
        return None


@pytest.fixture
def http() -> Iterator[HttpScript]:
    script = HttpScript()
    script.start()
    yield script
    script.stop()


@dataclass
class WsScript:
    """Each connection is given to `talk(number, connection)`; what it receives by `heard` is kept."""

    talk: Callable[["WsScript", int, ServerConnection], None] | None = None
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    paths: list[str] = field(default_factory=list)
    url: str = ""
    server: Server | None = None
    live: list[ServerConnection] = field(default_factory=list)

    def start(self, port: int = 0) -> None:
        self.server = serve(self._serve, "127.0.0.1", port)
        self.port = self.server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.close_connections()

    def close_connections(self) -> None:
        """Cut, without a goodbye."""
        for connection in self.live:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        self.live.append(connection)
        assert connection.request is not None
        self.paths.append(connection.request.path)
        if self.talk is not None:
            self.talk(self, self.connections, connection)
        for text in connection:
            assert isinstance(text, str)
            self.heard.append(text)
            if text == "PING":
                connection.send("PONG")


@pytest.fixture
def ws() -> Iterator[WsScript]:
    script = WsScript()
    script.start()
    yield script
    script.stop()


@pytest.fixture
def inbox() -> ListInbox:
    return ListInbox()


class Source(Protocol):
    """What runs in a thread of its own until it is stopped."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Running(Protocol):
    def __call__(self, source: S) -> S: ...


@pytest.fixture
def running() -> Iterator[Running]:
    """Starts a source, and stops it when the test is over."""
    started: list[Source] = []

    def run(source: S) -> S:
        source.start()
        started.append(source)
        return source

    yield run
    for source in started:
        source.stop()
