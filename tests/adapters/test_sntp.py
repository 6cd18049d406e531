"""A time server over real UDP: the arithmetic, the era of 2036, and every answer that is none."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.inner import ReadClock
from polybot.adapters.clocks.reader import Clocks
from polybot.adapters.clocks.sntp import (
    ERA_S,
    NTP_TO_UNIX_S,
    Sntp,
    SntpError,
    SntpRefused,
    Unreadable,
    from_ntp,
    question,
    read_answer,
)
from polybot.adapters.polymarket.clob_public import ClobPublic

NS = 1_000_000_000
NOW = 1_795_132_800 * NS
ERA_1 = 2_085_978_496 * NS  # 2036-02-07 06:28:16 UTC, when the seconds begin at 0 again


def to_ntp(unix_ns: int) -> int:
    """As a server writes it: seconds since 1900 modulo 2**32, and a fraction of 2**-32 s."""
    second, rest = divmod(unix_ns, NS)
    return ((second + NTP_TO_UNIX_S) % ERA_S) << 32 | (rest << 32) // NS


def an_answer(
    asked: bytes, at_ns: int, leap: int = 0, stratum: int = 2, mode: int = 4, refid: bytes = b"GPS\0"
) -> bytes:
    """What a server says that receives and sends at at_ns."""
    head = struct.pack("!BBbb4s4s4s", leap << 6 | 4 << 3 | mode, stratum, 6, -20, b"\0" * 4, b"\0" * 4, refid)
    return head + struct.pack("!Q", 0) + asked[40:48] + struct.pack("!QQ", to_ntp(at_ns), to_ntp(at_ns))


class Server:
    """A real UDP socket; `say` makes the answer of a question, b"" = none."""

    def __init__(self, say: Callable[[bytes], bytes]) -> None:
        self.say, self.heard = say, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                asked, whom = self.socket.recvfrom(1024)
            except OSError:
                return
            self.heard += 1
            if answer := self.say(asked):
                self.socket.sendto(answer, whom)


@pytest.fixture
def servers() -> Iterator[Callable[[Callable[[bytes], bytes]], Server]]:
    opened: list[Server] = []

    def a_server(say: Callable[[bytes], bytes]) -> Server:
        opened.append(Server(say))
        return opened[-1]

    yield a_server
    for server in opened:
        server.socket.close()


def test_a_servers_time_is_read_within_the_round_trip(servers: Callable[..., Server]) -> None:
    ahead_ns = 1_500_000_000
    server = servers(lambda asked: an_answer(asked, time.time_ns() + ahead_ns))
    stamps = Sntp((server.address,), time.time_ns).ask()
    least_ns, most_ns = stamps.sent_ns - stamps.their_received_ns, stamps.received_ns - stamps.their_sent_ns
    assert least_ns <= -ahead_ns <= most_ns + 1_000_000
    assert stamps.took_ms >= 0


@given(st.integers(0, 2**33 * NS), st.integers(-(2**30), 2**30))
def test_a_stamp_survives_whichever_era_it_falls_into(at_ns: int, near_s: int) -> None:
    assert abs(from_ntp(to_ntp(at_ns), at_ns + near_s * NS) - at_ns) <= 1


def test_the_turn_of_the_era() -> None:
    assert to_ntp(ERA_1) == 0
    assert to_ntp(ERA_1 - NS) >> 32 == 2**32 - 1
    assert from_ntp(5 << 32, ERA_1 - 10 * NS) == ERA_1 + 5 * NS, "theirs has turned, ours has not yet"
    assert from_ntp((2**32 - 5) << 32, ERA_1 + 10 * NS) == ERA_1 - 5 * NS


def test_half_a_second_is_half_of_the_fraction() -> None:
    assert to_ntp(NOW + NS // 2) & 0xFFFFFFFF == 2**31


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"stratum": 0, "refid": b"RATE"}, "sent us away (RATE)"),
        ({"stratum": 0, "refid": b"DENY"}, "sent us away (DENY)"),
        ({"leap": 3}, "does not know the time (leap 3"),
        ({"stratum": 16}, "does not know the time"),
    ],
)
def test_a_server_that_does_not_know_or_does_not_want_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SntpRefused) as refused:
        read_answer(an_answer(question(7), NOW, **changes), 7, NOW)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x24" * 47,
        an_answer(question(8), NOW),
        an_answer(question(7), NOW, mode=3),
        an_answer(question(7), NOW)[:40],
    ],
    ids=["empty", "short", "another's question", "no server", "cut"],
)
def test_what_is_no_answer_to_us_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answer(data, 7, NOW)


def test_an_answer_without_times_is_unreadable() -> None:
    empty = an_answer(question(7), NOW)[:32] + bytes(16)
    with pytest.raises(Unreadable, match="carries no time"):
        read_answer(empty, 7, NOW)


def test_our_own_clock_is_not_told() -> None:
    first, second = question(2**63 + 5), question(9)
    assert len(first) == 48 and first[0] == 0b00_100_011
    assert first[:40] == second[:40] == first[:1] + bytes(39)


def test_servers_are_asked_in_turn_and_each_failure_is_named(servers: Callable[..., Server]) -> None:
    kiss = servers(lambda asked: an_answer(asked, NOW, stratum=0, refid=b"RATE"))
    good = servers(lambda asked: an_answer(asked, time.time_ns()))
    sntp = Sntp((kiss.address, good.address), time.time_ns)
    with pytest.raises(SntpRefused, match=f"{kiss.address}: .*RATE"):
        sntp.ask()
    sntp.ask()
    assert (kiss.heard, good.heard) == (1, 1)


def test_silence_and_a_clock_set_meanwhile_are_errors(servers: Callable[..., Server]) -> None:
    silent = servers(lambda asked: b"")
    with pytest.raises(SntpError, match="timed out"):
        Sntp((silent.address,), time.time_ns, timeout_s=0.05).ask()
    good = servers(lambda asked: an_answer(asked, time.time_ns()))
    leaps = iter((NOW, NOW + 5 * NS))
    with pytest.raises(SntpError, match="was set while we asked"):
        Sntp((good.address,), lambda: next(leaps)).ask()
    with pytest.raises(SntpError, match="no time server is named"):
        Sntp((), time.time_ns).ask()


def test_the_effect_says_what_an_answer_proves_and_why_there_is_none(servers: Callable[..., Server]) -> None:
    server = servers(lambda asked: an_answer(asked, time.time_ns() - 2 * NS))
    nobody = ClobPublic("http://127.0.0.1:9", timeout_s=0.2)
    clocks = Clocks(nobody, Sntp((server.address,), time.time_ns), time.time_ns)
    read = clocks.read(ReadClock(source="sntp", n=3))
    assert read.known and read.n == 3
    assert read.least_ns - 2_000_000 <= 2 * NS <= read.most_ns + 2_000_000
    lost = clocks.read(ReadClock(source="venue", n=4))
    assert not lost.known and lost.n == 4 and "connect" in lost.why
