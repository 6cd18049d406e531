"""One kept-alive HTTP connection, and an exact answer to the only question that matters after a failure: did the bytes leave?

# HttpError
# ├── NotSent     nothing left this machine: the same request may be made again
# └── Lost        bytes left, and no whole answer came back: what became of it is unknown
"""

import contextlib
import http.client
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_BODY = 16 * 1024 * 1024  # bytes; a longer answer is not one of ours
MAX_INTERIM = 8  # 1xx answers before the answer

Gate = Callable[[], AbstractContextManager[str]]
"""Entered with the connection open and the bytes ready; yields "" to let them leave, or why they must not."""


class HttpError(Exception):
    """The request failed below HTTP: no status code came back."""


class NotSent(HttpError):
    """Nothing left this machine: the same request may be made again."""


class Lost(HttpError):
    """Bytes left and no whole answer came back: the outcome is unknown."""


class Shut(HttpError):
    """The order gate was shut: nothing left, by our own will."""


@dataclass(frozen=True)
class Response:
    """A whole answer: status, body and headers (names in lower case)."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class _FinalResponse(http.client.HTTPResponse):
    """The answer behind any interim ones: http.client itself passes over 100 Continue only, and would take 103 Early Hints for
    the answer. 101 is none of them: nobody asked to switch protocols.
    """

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= status[1] < 200:
                return status
            if status[1] == http.client.SWITCHING_PROTOCOLS:
                break
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("interim answers without an answer")


def _open_gate() -> AbstractContextManager[str]:
    return contextlib.nullcontext("")


class HttpConnection:
    """Not thread safe: one a lane. timeout_s bounds each wait for the network (machine time), not the whole exchange.

    Requests are written whole, in one segment, by hand: http.client's own way costs twice the time.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http address: {base_url!r}")
        self._timeout_s = timeout_s
        self._base_path = parts.path.rstrip("/")
        port = parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, port, timeout=timeout_s, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s)
        host = parts.hostname if port is None else f"{parts.hostname}:{port}"
        self._common = f" HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nUser-Agent: polybot\r\n"

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        self._connection.close()

    def warm(self) -> None:
        """Connect now, so that the first order need not. Raises NotSent."""
        if self._connection.sock is not None and self._is_gone():
            self.close()
        if self._connection.sock is None:
            try:
                self._connection.connect()  # turns Nagle off
            except (OSError, http.client.HTTPException) as exc:
                self.close()
                raise NotSent(f"cannot connect: {exc}") from exc

    def _is_gone(self) -> bool:
        """Was the idle connection closed by the other side? Bytes out of turn make it as useless. A look at readability
        would not do: TLS has talk of its own (session tickets) that is no reason to leave.
        """
        idle = self._connection.sock
        idle.settimeout(0)
        try:
            idle.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            idle.settimeout(self._timeout_s)
        return True

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """The request's bytes as they go out: request line, headers and body."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if body:
            lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        elif method != "GET":
            lines += "Content-Length: 0\r\n"
        return f"{method} {self._base_path}{path}{self._common}{lines}\r\n".encode("latin-1") + body

    def exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", gate: Gate | None = None
    ) -> Response:
        """One request, one answer. Raises NotSent, Shut or Lost; the connection is dropped after Lost."""
        request = self.request(method, path, headers, body)
        self.warm()
        with (gate or _open_gate)() as shut:
            if shut:
                raise Shut(shut)
            try:
                self._connection.sock.sendall(request)
            except OSError as exc:
                self.close()
                raise Lost(f"the connection broke while sending: {exc}") from exc
        return self._answer(method)

    def read(self, path: str, headers: dict[str, str] | None = None) -> Response:
        """GET, repeated once when the connection breaks: a kept one may have been closed under us. A timeout is not."""
        try:
            return self.exchange("GET", path, headers or {})
        except HttpError as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise
            return self.exchange("GET", path, headers or {})

    def _answer(self, method: str) -> Response:
        response = _FinalResponse(self._connection.sock, method=method)
        try:
            response.begin()
            body = response.read(MAX_BODY + 1)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            self.close()
            raise Lost(f"no whole answer: {type(exc).__name__} {exc}") from exc
        if len(body) > MAX_BODY:
            self.close()
            raise Lost(f"an answer of more than {MAX_BODY} bytes")
        if response.length:  # a body cut short is read without complaint when an amount is given
            self.close()
            raise Lost(f"the answer was cut short, {response.length} bytes missing")
        if response.will_close:
            self.close()
        response.close()
        return Response(response.status, body, {k.lower(): v for k, v in response.getheaders()})
