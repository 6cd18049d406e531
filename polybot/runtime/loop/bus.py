"""The bus: the only file that knows ZeroMQ. Brokerless; every actor binds its own PUB and ROUTER, everyone connects.

Events     PUB/SUB, `[topic, schema ‖ envelope]`; gaps are seen by the sequence per source and topic
Requests   DEALER → ROUTER, `[deadline ‖ schema, envelope]`; the server drops expired ones unseen, since ZeroMQ
           delivers to a server that wakes later (Lazy Pirate with a deadline in the letter)
A second bind on an ipc path steals it silently: take the actor's flock before making any of these.
"""

import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zmq

from messages import (
    BadBytes,
    Envelope,
    Event,
    Reply,
    Request,
    decode_envelope,
    schema_hash,
    tag_of,
)
from messages.inner import NoReply
from polybot.core.recent import Recent
from polybot.runtime.loop.stamping import MOST_TOPICS, Stamper

_SCHEMA = bytes.fromhex(schema_hash())
_HWM = 100_000  # the default of 1,000 loses most of a burst; measured
_RECONNECT_MS = 5  # 100 by default: 55 ms of every recovery
_LETTER = struct.Struct("<q6s")  # deadline in machine nanoseconds, schema


def pub_endpoint(sockets: Path, actor: str) -> str:
    """The address at which an actor publishes its events."""
    return f"ipc://{sockets}/{actor}.pub"


def req_endpoint(sockets: Path, actor: str) -> str:
    """The address at which an actor hears requests."""
    return f"ipc://{sockets}/{actor}.req"


def new_context() -> "zmq.Context[zmq.Socket[bytes]]":
    """A ZeroMQ context; one is enough for a process."""
    return zmq.Context()


class Poller:
    """Waits for any of several sockets and descriptors to become readable."""

    def __init__(self) -> None:
        self._poller = zmq.Poller()

    def register(self, readable: "zmq.Socket[bytes] | int") -> None:
        """Watch this socket or file descriptor, too."""
        self._poller.register(readable, zmq.POLLIN)

    def wait(self, timeout_ms: int) -> dict[Any, int]:
        """Those that are readable, after timeout_ms at the latest."""
        return dict(self._poller.poll(timeout_ms))


class Publisher:
    """An actor's PUB socket, bound to its own address."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", sockets: Path, name: str) -> None:
        self.socket = context.socket(zmq.PUB)
        self.socket.setsockopt(zmq.SNDHWM, _HWM)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(pub_endpoint(sockets, name))

    def send(self, topic: str, envelope: bytes) -> None:
        """Never blocks; a hearer that is full loses, and sees the gap."""
        self.socket.send_multipart((topic.encode(), _SCHEMA + envelope), zmq.NOBLOCK)

    def close(self) -> None:
        """Unbind and close the socket at once; what is queued is dropped."""
        self.socket.close(0)


class Subscriber:
    """Hear words from actors. words None = everything. Counts what it had to drop; `gaps` per source and topic."""

    def __init__(
        self,
        sockets: Path,
        actors: Iterable[str],
        words: Iterable[type[Event]] | None,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
    ) -> None:
        self.socket = (context or zmq.Context.instance()).socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, _HWM)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 100)
        for actor in actors:
            self.socket.connect(pub_endpoint(sockets, actor))
        for prefix in [b""] if words is None else [f"{tag_of(w)}/".encode() for w in words]:
            self.socket.setsockopt(zmq.SUBSCRIBE, prefix)
        self.dropped = 0
        self.foreign_schemas: set[str] = set()
        self.gaps = 0
        self._last: Recent[tuple[str, str], tuple[int, int]] = Recent(10 * MOST_TOPICS)

    def recv(self, timeout_ms: int) -> Envelope | None:
        """The next envelope, or None after timeout_ms."""
        deadline = time.monotonic() + timeout_ms / 1000
        while self.socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            for envelope, _ in self.drain(1):
                return envelope
        return None

    def drain(self, most: int) -> Iterator[tuple[Envelope, bytes]]:
        """What has arrived, at most `most`: (envelope, its bytes). Poll once before, never before each."""
        for _ in range(most):
            try:
                topic, payload = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            except ValueError:
                self.dropped += 1  # not two parts: not one of ours
                continue
            if payload[:6] != _SCHEMA:
                self.dropped += 1
                self.foreign_schemas.add(f"{topic.decode(errors='replace')} speaks schema {payload[:6].hex()}")
                continue
            try:
                envelope = decode_envelope(payload[6:])
            except BadBytes:
                self.dropped += 1
                continue
            self._follow(envelope, topic.decode())
            yield envelope, payload[6:]

    def _follow(self, envelope: Envelope, topic: str) -> None:
        """Count what is missing. The first one heard after joining is no gap; a new boot counts from 1."""
        key = (envelope.source, topic)
        last = self._last.get(key)
        self._last[key] = (envelope.boot, envelope.seq)
        if last is not None and last[0] == envelope.boot and envelope.seq > last[1] + 1:
            self.gaps += envelope.seq - last[1] - 1

    def close(self) -> None:
        """Disconnect from all and close the socket."""
        self.socket.close(0)


class Server:
    """An actor's ROUTER socket, bound. Remembers who asked which request until it is answered."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", sockets: Path, name: str) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 1000)
        self.socket.bind(req_endpoint(sockets, name))
        self.dropped = 0
        self._askers: dict[str, list[bytes]] = {}

    def drain(self, most: int) -> Iterator[tuple[Envelope, bytes]]:
        """Requests that have arrived and may still be answered in time, at most `most`."""
        for _ in range(most):
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            envelope = self._open(parts)
            if envelope is None:
                continue
            askers = self._askers.setdefault(envelope.body.id, [])  # type: ignore[attr-defined]
            if parts[0] not in askers:
                askers.append(parts[0])
            yield envelope, parts[2]

    def _open(self, parts: list[bytes]) -> Envelope | None:
        try:
            identity, letter, payload = parts
            deadline_ns, schema = _LETTER.unpack(letter)
            if schema != _SCHEMA:
                self.dropped += 1
                self.socket.send_multipart((identity, b"schema " + _SCHEMA), zmq.NOBLOCK)
                return None
            envelope = decode_envelope(payload)
        except (ValueError, struct.error):
            self.dropped += 1
            return None
        if not isinstance(envelope.body, Request):
            self.dropped += 1
            return None
        if time.monotonic_ns() > deadline_ns:
            return None
        return envelope

    def answer(self, reply: Reply, envelope: bytes) -> None:
        """To everyone who asked this id; one who has left is one who no longer wants to know."""
        for identity in self._askers.pop(reply.id, ()):
            try:
                self.socket.send_multipart((identity, envelope), zmq.NOBLOCK)
            except zmq.ZMQError:
                self.dropped += 1

    def close(self) -> None:
        """Unbind and close the socket at once."""
        self.socket.close(0)


class Client:
    """A DEALER to one server. IMMEDIATE: nothing is queued for a server that is not there."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", sockets: Path, server: str) -> None:
        self.server = server
        self.socket = context.socket(zmq.DEALER)
        for option, value in (
            (zmq.IMMEDIATE, 1),
            (zmq.SNDHWM, 64),
            (zmq.LINGER, 0),
            (zmq.RECONNECT_IVL, _RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, 100),
        ):
            self.socket.setsockopt(option, value)
        self.socket.connect(req_endpoint(sockets, server))
        self.refused = ""

    def send(self, envelope: bytes, deadline_mono_ns: int) -> bool:
        """False: there is nobody to take it now."""
        try:
            self.socket.send_multipart((_LETTER.pack(deadline_mono_ns, _SCHEMA), envelope), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def drain(self, most: int) -> Iterator[tuple[Envelope, bytes]]:
        """Replies that have arrived, with their bytes, at most `most`."""
        for _ in range(most):
            try:
                (payload,) = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            except ValueError:
                continue
            if payload.startswith(b"schema "):
                self.refused = f"{self.server} speaks schema {payload[7:].hex()}, we speak {_SCHEMA.hex()}"
                continue
            try:
                yield decode_envelope(payload), payload
            except BadBytes:
                continue

    def close(self) -> None:
        """Disconnect and close the socket at once."""
        self.socket.close(0)


def ask(sockets: Path, actor: str, request: Request, deadline_s: float, source: str = "ctl") -> Reply:
    """Ask one actor from outside the house (the command line); NoReply when it says nothing in time."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    client = Client(context, sockets, actor)
    deadline = time.monotonic() + deadline_s
    _, envelope = Stamper(source, 0).wrap(request, time.time_ns(), "")
    sent = False
    try:
        while time.monotonic() < deadline:
            sent = sent or client.send(envelope, int(deadline * 1e9))
            client.socket.poll(20 if sent else 5)
            for reply, _ in client.drain(16):
                if isinstance(reply.body, Reply) and reply.body.id == request.id:
                    return reply.body
            if client.refused:
                break
        return NoReply(id=request.id, to=actor, request=tag_of(request))
    finally:
        client.close()
        context.term()
