"""Doctor's checks of the world, each against something that answers."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polybot.adapters.net.reads import Known, Unknown
from polybot.adapters.polymarket import checks, eip712
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.data_api import DataApi
from polybot.adapters.polymarket.signing import Credentials, Wallet

Answer = Callable[[bytes], tuple[int, str]]


class Server:
    """Answers every request by `answer(body)`."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: (500, "")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = outer.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                return

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/here"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.mark.parametrize(
    ("status", "text", "found"),
    [
        (200, '{"blocked":false,"ip":"203.0.113.7","country":"IE","region":""}', "passed"),
        (200, '{"blocked":true,"ip":"203.0.113.7","country":"US","region":"NY"}', "failed"),
        (200, '{"blocked":"no"}', "unknown"),
        (403, "<html>Attention Required</html>", "unknown"),
        (200, "not json", "unknown"),
    ],
)
def test_geoblock_is_believed_only_when_it_answers_clearly(server: Server, status: int, text: str, found: str) -> None:
    server.answer = lambda _: (status, text)
    check = checks.geoblock(server.url)
    assert check.status == found
    assert bool(check.mend) == (found != "passed")


def test_nobody_there_is_unknown() -> None:
    assert checks.geoblock("http://127.0.0.1:1/api").status == "unknown"


class Clock:
    """A venue that tells whole seconds and is `ahead_s` ahead; each look takes rtt_s, and looks are step_s apart."""

    def __init__(self, ahead_s: float, rtt_s: float = 0.02) -> None:
        self.now_s, self.ahead_s, self.rtt_s = 1_795_132_800.25, ahead_s, rtt_s

    def now_ns(self) -> int:
        return round(self.now_s * 1e9)

    def read(self) -> Known[int] | Unknown:
        self.now_s += self.rtt_s / 2
        told = int(self.now_s + self.ahead_s)
        self.now_s += self.rtt_s / 2
        return Known(told)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize(
    ("ahead_s", "rtt_s", "found"),
    [
        (0.0, 0.02, "passed"),
        (0.3, 0.02, "passed"),
        (-0.3, 0.02, "passed"),
        (0.8, 0.02, "failed"),
        (-0.8, 0.02, "failed"),
    ],
)
def test_a_clock_is_bounded_from_whole_seconds(
    monkeypatch: pytest.MonkeyPatch, ahead_s: float, rtt_s: float, found: str
) -> None:
    clock = Clock(ahead_s, rtt_s)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    assert checks.clock_offset(clock.read, clock.now_ns, 1.0).status == found


def test_a_venue_too_slow_to_tell_leaves_the_clock_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.3, rtt_s=3.0)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    assert checks.clock_offset(clock.read, clock.now_ns, 1.0).status == "unknown"
    assert checks.clock_offset(lambda: Unknown("timed out"), clock.now_ns, 1.0).seen == "timed out"


ADDRESS = "0x" + "ab" * 20


def test_gas_is_asked_of_the_chain(server: Server) -> None:
    nobody = checks.gas(ADDRESS, "http://127.0.0.1:1")
    assert (nobody.status, nobody.stops_live) == ("unknown", False)
    server.answer = lambda _: (200, f'{{"jsonrpc":"2.0","id":1,"result":"{hex(checks.LEAST_POL_E18)}"}}')
    assert checks.gas(ADDRESS, server.url).status == "passed"
    server.answer = lambda _: (200, f'{{"jsonrpc":"2.0","id":1,"result":"{hex(checks.LEAST_POL_E18 - 1)}"}}')
    empty = checks.gas(ADDRESS, server.url)
    assert (empty.status, empty.stops_live) == ("failed", True)
    server.answer = lambda _: (200, '{"jsonrpc":"2.0","id":1,"error":{"code":-32000}}')
    assert checks.gas(ADDRESS, server.url).status == "unknown"


def test_the_redeeming_contract_is_asked_for_by_owner_and_operator(server: Server) -> None:
    asked: list[bytes] = []

    def answer(body: bytes) -> tuple[int, str]:
        asked.append(body)
        return 200, f'{{"jsonrpc":"2.0","id":1,"result":"0x{1:064x}"}}'

    server.answer = answer
    assert checks.redeemer(ADDRESS, server.url).status == "passed"
    call = b"0xe985e9c5" + b"0" * 24 + ADDRESS[2:].encode() + b"0" * 24 + checks.ADAPTER[2:].lower().encode()
    assert call in asked[0] and checks.CONDITIONAL_TOKENS.encode() in asked[0]
    server.answer = lambda _: (200, f'{{"jsonrpc":"2.0","id":1,"result":"0x{0:064x}"}}')
    refused = checks.redeemer(ADDRESS, server.url)
    assert (refused.status, refused.stops_live) == ("failed", True)
    nobody = checks.redeemer(ADDRESS, "http://127.0.0.1:1")
    assert (nobody.status, nobody.stops_live) == ("unknown", False)


V1_TOKEN, V2_TOKEN = str(2**255 + 2**60), str((1 << 248) + (7 << 104) + 1)


@pytest.mark.parametrize(
    ("token", "approved", "missing"),
    [
        (V1_TOKEN, (eip712.EXCHANGE,), ""),
        (V1_TOKEN, (eip712.EXCHANGE_V3, eip712.NEG_RISK_EXCHANGE), eip712.EXCHANGE),
        (V2_TOKEN, (eip712.EXCHANGE,), eip712.EXCHANGE_V3),
        (V2_TOKEN, (eip712.EXCHANGE_V3,), ""),
        ("", (eip712.EXCHANGE,), ""),
        ("", (eip712.EXCHANGE_V3,), eip712.EXCHANGE),
    ],
)
def test_the_exchange_that_takes_the_running_markets_orders_must_be_approved(
    server: Server, token: str, approved: tuple[str, ...], missing: str
) -> None:
    allowances = ", ".join(f'"{address}": "{2**256 - 1}"' for address in approved)
    server.answer = lambda _: (200, f'{{"balance": "50000000", "allowances": {{{allowances}}}}}')
    clob = Clob(server.url, Wallet("0x" + "11" * 32), lambda: 1_795_132_800, credentials=Credentials("k", "AAEC", "p"))
    account = checks.WalletChecks(clob, DataApi(server.url, "0x1", 1.0), 0, 5_000_000, token, checks.Ours())
    for name, what, asked in (("allowance pUSD", "pUSD", ""), ("allowance shares", "shares", token)):
        check = account.allowance(name, what, asked)
        if what == "shares" and not token:
            assert check.status == "unknown"
            continue
        assert check.status == ("failed" if missing else "passed"), check
        assert f"approve {missing} as a spender of {what}" in check.mend if missing else not check.mend
