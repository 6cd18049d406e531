"""The mirror as a program, against a second local venue that plays the real one: real processes, real wires."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from messages.inner import PostResult, SignOrder
from polybot.adapters.net.http import HttpConnection
from polybot.adapters.net.reads import Known
from polybot.adapters.net.websocket import WebSocketSource
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.market_frames import first_frame
from polybot.adapters.polymarket.signing import OrderSigner, Wallet
from polybot.core.executor.books.order_state import metadata_of, salt_of
from polybot.venue.mirror.book import RealBook
from polybot.venue.mirror.frames import BookSnapshot, Changes, FrameReader
from polybot.venue.wire.clob_frames import Pair
from tests.build import a_post, order_fields
from tests.waiting import wait_for

E6 = 1_000_000


class Program:
    """`polybot-ctl venue …` in a state folder of its own."""

    def __init__(self, state: Path, *words: str, **environment: str) -> None:
        self.state, self.words = state, words
        kept = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT")}
        self.env = kept | environment
        self.urls: dict[str, str] = {}

    def start(self) -> "Program":
        command = [sys.executable, "-m", "polybot.cli", "venue", "--port", "0", "--state", str(self.state), *self.words]
        self.log = open(self.state.with_suffix(".log"), "a")  # noqa: SIM115 (closed with the program)
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("{"), f"not ready: {line!r} {self.said()}"
        self.urls = json.loads(line)
        return self

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()

    def said(self) -> str:
        return self.state.with_suffix(".log").read_text()[-2000:]

    def docs(self, kind: str) -> list[dict[str, Any]]:
        db = sqlite3.connect(f"file:{self.state / 'venue' / 'venue.sqlite'}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT body FROM doc WHERE kind = ? ORDER BY changed", (kind,)).fetchall()
        finally:
            db.close()
        return [json.loads(row[0]) for row in rows]

    def fault(self, *words: str) -> None:
        command = [sys.executable, "-m", "polybot.cli", "venue", "fault", *words]
        env = self.env | {"POLYBOT_STATE": str(self.state)}
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=30)


LAST_S = 60


@dataclass
class Trader:
    """A wallet at a venue."""

    url: str
    key: str

    def __post_init__(self) -> None:
        self.wallet = Wallet(self.key)
        self.clob = Clob(self.url, self.wallet, lambda: int(time.time()))
        login = self.clob.login()
        assert isinstance(login, Known), login
        self.signer = OrderSigner(self.wallet, login.value.api_key)
        self.n = 0

    def buy(self, token: str, usd: int, cents: int) -> PostResult:
        """As a FAK."""
        self.n += 1
        intent = f"main/test/{time.monotonic_ns()}/{self.n}"
        fields = order_fields(
            salt=salt_of(intent),
            token_id=token,
            maker_e6=usd * E6,
            taker_e6=usd * 10_000 * 100 // cents * 100,
            timestamp_ms=time.time_ns() // 10**6,
            metadata=metadata_of(intent),
        )
        signed = self.signer.sign(SignOrder(intent_id=intent, fields=fields))
        return self.clob.post_order(a_post(order_id=signed.order_id, body=signed.body))


@dataclass
class Watcher:
    """What the real channel showed, state after state: (machine time, asks of Up)."""

    url: str
    pair: Pair
    states: list[tuple[float, dict[int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader, self.book, self.guard = FrameReader(), RealBook(), threading.Lock()
        self.reader.follow(self.pair)
        self.socket = WebSocketSource("watch", self.url, self._frame, self._state, print)
        self.socket.start()

    def _state(self, state: str, _why: str) -> None:
        if state == "open":
            self.socket.send(first_frame([self.pair.up_token, self.pair.down_token]))

    def _frame(self, text: str) -> None:
        for news in self.reader.read(text):
            match news:
                case BookSnapshot():
                    self.book.snapshot(news, time.monotonic())
                case Changes():
                    self.book.change(news, time.monotonic())
                case _:
                    continue
            with self.guard:
                self.states.append((time.monotonic(), dict(self.book.levels["ASK"])))

    def between(self, from_s: float, to_s: float) -> list[dict[int, int]]:
        """The states in force in that time."""
        with self.guard:
            known = list(self.states)
        before = [asks for at_s, asks in known if at_s <= from_s]
        return before[-1:] + [asks for at_s, asks in known if from_s < at_s <= to_s]


@dataclass
class Two:
    """The real one's stand-in, and the mirror."""

    real: Program
    mirror: Program

    def market(self) -> Pair:
        """The running window's, as the mirror has it by now; in its last minute, when a side's asks vanish, the next one's."""

        def found() -> Pair | None:
            slug = f"btc-updown-5m-{(int(time.time()) + LAST_S) // 300 * 300}"
            read = Gamma(self.mirror.urls["gamma"]).market(slug)
            if not isinstance(read, Known):
                return None
            up, down = json.loads(read.value["clobTokenIds"])
            return Pair(read.value["conditionId"], up, down)

        return wait_for(found, "the running market in the mirror")

    def book(self, token: str) -> tuple[int, dict[str, Any]]:
        answer = HttpConnection(self.mirror.urls["clob"], 5.0).read(f"/book?token_id={token}")
        return answer.status, json.loads(answer.body)

    def known(self, token: str) -> None:
        wait_for(lambda: self.book(token)[0] == 200, f"a known book; {self.mirror.said()}")

    def trader(self, n: int) -> Trader:
        return Trader(self.mirror.urls["clob"], f"{n:02x}" * 32)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    real = Program(tmp_path / "real", "--seed", "7").start()
    file = tmp_path / "real.json"
    file.write_text(json.dumps(real.urls))
    mirror = Program(tmp_path / "mirror", "--world", "mirror", POLYBOT_ENDPOINTS=str(file)).start()
    made = Two(real, mirror)
    yield made
    for program in (mirror, real):
        if program.process.poll() is None:
            program.kill()


def levels_of(mirror: Program) -> dict[int, int]:
    """Shares taken of Up's asks by price, all fills together."""
    had: dict[int, int] = {}
    for trade in mirror.docs("trade"):
        had[trade["price_e6"]] = had.get(trade["price_e6"], 0) + trade["size_e6"]
    return had


def test_takers_get_what_the_real_book_shows_and_no_share_twice(two: Two) -> None:
    pair = two.market()
    two.known(pair.up_token)
    watcher = Watcher(two.real.urls["ws_market"], pair)
    wait_for(lambda: watcher.states, "the real book")
    traders, results = [two.trader(17), two.trader(18)], []

    def buy(trader: Trader) -> None:
        results.append(trader.buy(pair.up_token, 900, 99))

    began = time.monotonic()
    threads = [threading.Thread(target=buy, args=(trader,)) for trader in traders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    ended = time.monotonic()
    assert [r.outcome for r in results].count("accepted") >= 1, [r.text for r in results]
    wait_for(lambda: watcher.states[-1][0] > ended, "what the real book was meanwhile")
    watcher.socket.stop()
    states = watcher.between(began, ended + 0.3)
    for price, size in levels_of(two.mirror).items():
        shown = [asks.get(price, 0) for asks in states]
        risen = sum(max(0, b - a) for a, b in pairwise(shown))
        assert 0 < size <= shown[0] + risen, f"{size} at {price} where the real book showed {shown}"
    assert two.real.docs("order") == two.real.docs("key") == [], "the real venue never heard of us"


@pytest.mark.long
def test_a_stalled_channel_fills_nothing_and_says_why(two: Two) -> None:
    pair, trader = two.market(), two.trader(17)
    two.known(pair.up_token)
    two.real.fault("add", "ws_stall", "channel=market")
    status, said = wait_for(lambda: b if (b := two.book(pair.up_token))[0] != 200 else None, "the stall to be seen", 8)
    assert status == 503 and "this book is not known now" in said["error"]
    result = trader.buy(pair.up_token, 10, 99)
    assert (result.outcome, result.http, result.code) == ("retry", 503, "DISABLED")
    assert two.mirror.docs("order") == [], "it was not taken"
    two.real.fault("clear")
    two.known(two.market().up_token)
    assert trader.buy(two.market().up_token, 10, 99).outcome == "accepted"


@pytest.mark.long
def test_it_outlives_the_real_venue_and_its_own_death(two: Two) -> None:
    pair, trader = two.market(), two.trader(17)
    two.known(pair.up_token)
    assert trader.buy(pair.up_token, 10, 99).outcome == "accepted"
    two.real.kill()
    wait_for(lambda: two.book(pair.up_token)[0] != 200, "the loss to be seen", 8)
    assert trader.buy(pair.up_token, 10, 99).outcome == "retry"
    two.real.start()
    two.known(two.market().up_token)
    assert trader.buy(two.market().up_token, 10, 99).outcome == "accepted"
    trades = len(two.mirror.docs("trade"))
    two.mirror.kill()
    two.mirror.start()
    two.known(two.market().up_token)
    again = two.trader(17)
    assert len({t["trade_id"] for t in two.mirror.docs("trade")}) == trades
    held = again.clob.balance()
    assert isinstance(held, Known) and held.value[0] < 1_000 * E6, "the wallet is the same"
    assert again.buy(two.market().up_token, 10, 99).outcome == "accepted"
    assert two.real.docs("order") == []
