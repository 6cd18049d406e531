"""Requests under way: sent again with the same id, given up after their deadline (Lazy Pirate)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from messages import Envelope, Reply, Request, Resend, tag_of
from messages.inner import NoReply
from polybot.runtime.base.clock import mono_s
from polybot.runtime.loop.bus import Client
from polybot.topology import DEFAULT_PATIENCE, PATIENCE, server_of


@dataclass
class _Open:
    request: Request
    server: str
    envelope: bytes
    cause: str
    again_s: float
    deadline_s: float
    step_s: float
    sent: int
    tries: int


class OpenRequests:
    """The asker's side of REQ/REP: one DEALER a server, made when first needed; the loop never blocks on a reply."""

    def __init__(self, context: Any, sockets: Path, register: Callable[[Client], None]) -> None:
        self._context, self._sockets, self._register = context, sockets, register
        self._clients: dict[str, Client] = {}
        self._open: dict[str, _Open] = {}
        self.late = 0

    def ask(self, request: Request, envelope: bytes, cause: str) -> None:
        """Send to the server the table names (Resend names its own)."""
        server = request.to if isinstance(request, Resend) else server_of(type(request)).name
        patience = PATIENCE.get(type(request), DEFAULT_PATIENCE)
        now = mono_s()
        wish = _Open(
            request,
            server,
            envelope,
            cause,
            now,
            now + patience.deadline_s,
            patience.deadline_s / patience.tries,
            0,
            patience.tries,
        )
        self._open[request.id] = wish
        self._send(wish, now)

    def is_awaited(self, envelope: Envelope) -> bool:
        """Does this reply answer an open request? It is open no more. False for one that comes too late."""
        assert isinstance(envelope.body, Reply)
        if self._open.pop(envelope.body.id, None) is None:
            self.late += 1
            return False
        return True

    def overdue(self) -> Iterator[tuple[NoReply, str]]:
        """Repeat what is due; yield a NoReply for what is past its deadline."""
        now = mono_s()
        for wish in [w for w in self._open.values() if w.again_s <= now]:
            if now >= wish.deadline_s:
                del self._open[wish.request.id]
                yield NoReply(id=wish.request.id, to=wish.server, request=tag_of(wish.request)), wish.cause
            else:
                self._send(wish, now)

    def wait_s(self) -> float:
        """Machine seconds until something is to be repeated or given up."""
        if not self._open:
            return 1.0
        return max(0.0, min(w.again_s for w in self._open.values()) - mono_s())

    def _send(self, wish: _Open, now: float) -> None:
        client = self._clients.get(wish.server)
        if client is None:
            client = self._clients[wish.server] = Client(self._context, self._sockets, wish.server)
            self._register(client)
        if wish.sent < wish.tries and client.send(wish.envelope, int(wish.deadline_s * 1e9)):
            wish.sent += 1
            wish.again_s = min(now + wish.step_s, wish.deadline_s)
        else:
            wish.again_s = min(now + 0.005, wish.deadline_s)  # nobody there yet: look again soon
        if wish.sent >= wish.tries:
            wish.again_s = wish.deadline_s

    def close(self) -> None:
        """Disconnect from all servers; requests under way get no answer."""
        for client in self._clients.values():
            client.close()
