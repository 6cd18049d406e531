"""The program itself: `python -m actors.venue` on a state folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.build import order_fields

FIRST_S = 1_795_132_800


class Program:
    """Starts venues on one state folder and ends what it started."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.started: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        environment = os.environ | {"POLYBOT_STATE": str(self.state), "POLYBOT_PROFILE": "demo"}
        process = subprocess.Popen(
            [sys.executable, "-m", "actors.venue"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def ready(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                urls: dict[str, Any] = json.loads(line)
                return urls
        raise AssertionError(f"the venue left with {process.wait()} before it was ready")

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Program]:
    """A session of 18 windows at 60×, or at the speed the test is parametrized with."""
    from polybot.runtime.base.paths import Paths
    from polybot.runtime.supervision import session
    from polybot.settings import Settings, World

    state = tmp_path / "state"
    session.ensure(Paths.of(state), Settings(world=World(speed=getattr(request, "param", 60.0))))
    made = Program(state)
    yield made
    made.end()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def test_it_says_where_it_is_and_holds_its_world_until_the_actors_are_up(program: Program) -> None:
    urls = program.ready(program.start())
    assert urls.pop("v") == 1
    assert json.loads((program.state / "run" / "endpoints.json").read_text()) == urls
    streams = {"ws_market", "ws_user", "rtds", "polybolt", "binance_ws"}
    assert set(urls) == streams | {"clob", "gamma", "data", "relayer", "geoblock", "binance", "coinbase", "coingecko"}
    assert get(urls["clob"] + "/time") == FIRST_S - 60
    rows = get(urls["binance"] + "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=121")
    assert len(rows) == 121, "two hours of prices before the session"
    assert get(urls["gamma"] + f"/markets/slug/btc-updown-5m-{FIRST_S}")["closed"] is False


def test_sigterm_ends_it_cleanly_within_two_seconds(program: Program) -> None:
    process = program.start()
    program.ready(process)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 2.0


def test_killed_it_comes_back_on_the_same_ports_with_the_same_world_time(program: Program) -> None:
    first = program.start()
    before = program.ready(first)
    first.kill()
    first.wait()
    after = program.ready(program.start())
    assert after == before
    assert get(after["clob"] + "/time") == FIRST_S - 60


def test_a_second_copy_leaves_with_75(program: Program) -> None:
    program.ready(program.start())
    assert program.start().wait(timeout=10) == 75


def test_an_order_at_a_held_instant_jumps_over_the_taker_delay_and_no_further(program: Program) -> None:
    took_s, passed_ms = an_order(program)
    assert passed_ms == 150
    assert took_s < 5


@pytest.mark.parametrize("program", [1.0], indirect=True)
def test_at_speed_one_the_taker_delay_is_lived_through(program: Program) -> None:
    took_s, passed_ms = an_order(program)
    assert took_s >= 0.150
    assert passed_ms >= 150


def an_order(program: Program) -> tuple[float, int]:
    """Keys, market, book and order through the bot's own signing: (machine seconds of the POST, world ms around it)."""
    from messages.inner import SignOrder
    from polybot.adapters.polymarket.signing import Credentials, OrderSigner, RequestSigner, Wallet, auth_headers

    urls = program.ready(program.start())
    wallet, now_s = Wallet("33" * 32), FIRST_S - 60
    made = post(urls["clob"] + "/auth/api-key", b"", auth_headers(wallet, now_s))
    credentials = Credentials(made["apiKey"], made["secret"], made["passphrase"])
    market = get(urls["gamma"] + f"/markets/slug/btc-updown-5m-{FIRST_S}")
    token = json.loads(market["clobTokenIds"])[0]
    ask = float(get(urls["clob"] + f"/book?token_id={token}")["asks"][-1]["price"])
    fields = order_fields(
        token_id=token,
        maker_e6=1_000_000,
        taker_e6=int(1 / (ask + 0.02) * 10_000) * 100,
        timestamp_ms=now_s * 1000,
    )
    signed = OrderSigner(wallet, credentials.api_key).sign(SignOrder(intent_id="i", fields=fields))
    before, began = get(urls["binance"] + "/api/v3/time")["serverTime"], time.monotonic()
    headers = RequestSigner(wallet.address, credentials).headers(now_s, "POST", "/order", signed.body)
    answer = post(urls["clob"] + "/order", signed.body, headers)
    took_s = time.monotonic() - began
    assert (answer["status"], answer["orderID"]) == ("matched", signed.order_id)
    return took_s, get(urls["binance"] + "/api/v3/time")["serverTime"] - before


def post(url: str, body: bytes, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, data=body, method="POST", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())
