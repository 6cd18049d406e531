"""A time server asked once, by SNTP version 4 over UDP (RFC 4330). What an answer proves is an interval, not a number.

# SntpError           no time to be had; the sentence says why
# ├── Refused         the server says that it should not be asked (stratum 0: "kiss of death") or does not know the time
# └── Unreadable      not an answer to our question

`Sntp` asks the servers in turn, one a question, so that a wrong or rude one is not asked twice in a row.
"""

import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

NTP_TO_UNIX_S = 2_208_988_800  # from 1900 to 1970
ERA_S = 2**32  # the 32 bits of seconds run over on 2036-02-07
VERSION, CLIENT, SERVER = 4, 3, 4
UNSYNCHRONISED = 3
TIMEOUT_S = 2.0
SET_NS = 50_000_000  # wall and machine time part by this during one question: somebody set the clock
_PACKET = struct.Struct("!BBbb11I")
NS = 1_000_000_000


class SntpError(Exception):
    """The time server gave no time that can be used; the text says why."""


class SntpRefused(SntpError):
    """The server said that it has none for us."""


class Unreadable(SntpError):
    """What arrived is not an answer to the question that was asked."""


@dataclass(frozen=True)
class SntpAnswer:
    """The server's two stamps, unix nanoseconds: it received our question, it sent this."""

    received_ns: int
    sent_ns: int


@dataclass(frozen=True)
class Stamps:
    """One question: our two stamps around the server's two, and the machine time it took."""

    sent_ns: int
    their_received_ns: int
    their_sent_ns: int
    received_ns: int
    took_ms: float


def from_ntp(stamp: int, near_ns: int) -> int:
    """Unix nanoseconds of a 64-bit timestamp (seconds since 1900 modulo 2**32, and a fraction of 2**-32 s), in the era that
    puts it nearest to near_ns.
    """
    second, fraction = stamp >> 32, stamp & (ERA_S - 1)
    unix_s = second - NTP_TO_UNIX_S
    eras = round((near_ns // NS - unix_s) / ERA_S)
    return (unix_s + eras * ERA_S) * NS + (fraction * NS >> 32)


def question(nonce: int) -> bytes:
    """48 bytes. The transmit timestamp is a nonce: the server gives it back, and learns nothing of our clock."""
    return _PACKET.pack(VERSION << 3 | CLIENT, 0, 0, 0, *([0] * 9), nonce >> 32, nonce & (ERA_S - 1))


def read_answer(data: bytes, nonce: int, near_ns: int) -> SntpAnswer:
    """Raises Refused or Unreadable. near_ns: roughly now, for the era."""
    if len(data) < _PACKET.size:
        raise Unreadable(f"an answer of {len(data)} bytes, at least {_PACKET.size} are due")
    first, stratum, _poll, _precision, *words = _PACKET.unpack_from(data)
    leap, mode = first >> 6, first & 7
    stamps = [words[i] << 32 | words[i + 1] for i in range(3, 11, 2)]
    _reference, originate, received, sent = stamps
    if mode != SERVER or originate != nonce:
        raise Unreadable(f"not an answer to our question (mode {mode})")
    if stratum == 0:
        kiss = words[2].to_bytes(4, "big").decode("ascii", "replace").strip("\0 ")
        raise SntpRefused(f"the server sent us away ({kiss or 'no reason given'})")
    if leap == UNSYNCHRONISED or stratum > 15:
        raise SntpRefused(f"the server does not know the time (leap {leap}, stratum {stratum})")
    if sent == 0 or received == 0:
        raise Unreadable("the answer carries no time")
    return SntpAnswer(from_ntp(received, near_ns), from_ntp(sent, near_ns))


class Sntp:
    """Not thread safe: one a lane. servers: "host" or "host:port"; the port of NTP is 123."""

    def __init__(self, servers: tuple[str, ...], now_ns: Callable[[], int], timeout_s: float = TIMEOUT_S) -> None:
        self._servers, self._now_ns, self._timeout_s = servers, now_ns, timeout_s
        self._asked = 0

    def ask(self) -> Stamps:
        """Ask the next server one question; raises SntpError when it gives no usable time."""
        if not self._servers:
            raise SntpError("no time server is named")
        server = self._servers[self._asked % len(self._servers)]
        self._asked += 1
        try:
            return self._exchange(server)
        except OSError as exc:
            raise SntpError(f"{server}: {exc}") from exc
        except SntpError as exc:
            raise type(exc)(f"{server}: {exc}") from exc

    def _exchange(self, server: str) -> Stamps:
        host, _, port = server.partition(":")
        family, kind, _, _, address = socket.getaddrinfo(host, int(port or 123), type=socket.SOCK_DGRAM)[0]
        nonce = int.from_bytes(os.urandom(8), "big") or 1
        with socket.socket(family, kind) as asking:
            asking.settimeout(self._timeout_s)
            asking.connect(address)  # the kernel drops what others send
            sent_ns, began_ns = self._now_ns(), time.monotonic_ns()
            asking.send(question(nonce))
            data = asking.recv(1024)
            received_ns, took_ns = self._now_ns(), time.monotonic_ns() - began_ns
        if abs(received_ns - sent_ns - took_ns) > SET_NS:
            raise SntpError("our clock was set while we asked")
        answer = read_answer(data, nonce, sent_ns)
        return Stamps(sent_ns, answer.received_ns, answer.sent_ns, received_ns, took_ns / 1e6)
