"""Binance's weights, day, refusals and goodbye, Coinbase and CoinGecko: as the real ones, read by our own adapters."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from messages.inner import FetchDay
from polybot.adapters.net.endpoint import Endpoint
from polybot.adapters.prices.binance import BinanceRest
from polybot.adapters.prices.coinbase import Coinbase
from polybot.adapters.prices.coingecko import CoinGecko
from polybot.venue.faults.script import read_fault
from tests.venue.conftest import Bench

START_S = 1_795_132_800
NS = 10**9


def arm(bench: Bench, kind: str, **fields: Any) -> None:
    bench.do(lambda: bench.faults.arm(read_fault({"kind": kind, **fields})))


def trade(bench: Bench, second: int, price: float, trade_id: int = 1, size: float = 1.0) -> None:
    bench.do(lambda: bench.bars.trade((START_S + second) * 1000, price, size, trade_id))


def headers_of(url: str) -> tuple[int, dict[str, str], Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.loads(answer.read())
    except urllib.error.HTTPError as exc:
        return exc.code, {k.lower(): v for k, v in exc.headers.items()}, json.loads(exc.read())


def test_every_answer_of_binance_tells_the_weight_used_up(bench: Bench) -> None:
    _, first, _ = headers_of(bench.urls["binance"] + "/api/v3/ping")
    _, second, _ = headers_of(bench.urls["binance"] + "/api/v3/klines?symbol=BTCUSDT&interval=1s")
    used = [int(h["x-mbx-used-weight-1m"]) for h in (first, second)]
    assert used[1] == used[0] + 2 or used[1] == 2, "or the minute has just turned"


def test_the_limit_is_learnt_and_the_day_read_by_our_adapter(bench: Bench) -> None:
    for second, price in ((-7200, 60_000.0), (-3600, 66_000.0), (-1800, 57_000.0), (-1, 63_000.0)):
        trade(bench, second, price, second + 8000)
    host = Endpoint("binance", bench.urls["binance"])
    heard = BinanceRest(host, 2.0).day(FetchDay(symbol="BTCUSDT"))
    assert heard.day is not None, heard.why
    day = heard.day
    assert (day.open, day.high, day.low, day.last, day.volume) == (60_000.0, 66_000.0, 57_000.0, 63_000.0, 4.0)
    assert (day.change_pct, day.as_of_ns) == (5.0, START_S * NS)
    assert (host.health().limit, host.health().state) == (6000, "closed")
    assert host.health().used > 0


def test_a_day_is_twenty_four_hours(bench: Bench) -> None:
    trade(bench, -24 * 3600 - 60, 10.0)
    trade(bench, -3600, 20.0)
    trade(bench, 0, 21.0)
    _, day = bench.client.get("binance", "/api/v3/ticker/24hr?symbol=BTCUSDT")
    assert (day["openPrice"], day["count"]) == ("20.00000000", 2)


def test_the_newest_price_by_klines_is_stamped_at_its_seconds_start(bench: Bench) -> None:
    trade(bench, -4, 64_000.0)
    trade(bench, -2, 64_001.0)
    bench.pass_time(0.5)
    price = BinanceRest(bench.urls["binance"], 2.0).price("BTCUSDT", bench.clock.ns)
    assert (price.known, price.price, price.stamped_ns) == (True, 64_001.0, (START_S - 2) * NS)


def test_a_silent_exchange_has_no_newest_price(bench: Bench) -> None:
    trade(bench, -60, 64_000.0)
    price = BinanceRest(bench.urls["binance"], 2.0).price("BTCUSDT", bench.clock.ns)
    assert (price.known, price.why) == (False, "no trade in the last 10 s")


def test_coinbase_and_coingecko_say_their_own_price(bench: Bench) -> None:
    trade(bench, 0, 64_000.0)
    spot = Coinbase(bench.urls["coinbase"], bench.clock.now_ns).price()
    assert (spot.known, spot.price, spot.stamped_ns) == (True, 63_936.0, bench.clock.ns)
    average = CoinGecko(bench.urls["coingecko"]).price()
    assert (average.known, average.price, average.stamped_ns) == (True, 63_936.0, START_S * NS)
    bench.pass_time(30)
    trade(bench, 30, 65_000.0, 2)
    assert Coinbase(bench.urls["coinbase"], bench.clock.now_ns).price().price == 64_935.0
    assert CoinGecko(bench.urls["coingecko"]).price().price == 63_936.0, "a minute's cache"
    _, ticker = bench.client.get("coinbase", "/products/BTC-USD/ticker")
    assert (ticker["price"], ticker["time"]) == ("64935.00", "2026-11-20T00:00:30.000000Z")
    assert bench.client.get("coinbase", "/v2/prices/XYZ-USD/spot")[0] == 404


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("banned", 418, "HTTP 418 banned for asking too often, retry after 120 s"),
        ("wrong_country", 451, "HTTP 451 not served from this country (geoblock)"),
    ],
)
def test_a_refusal_of_binance_opens_the_breaker_and_is_named(bench: Bench, kind: str, status: int, why: str) -> None:
    trade(bench, 0, 64_000.0)
    arm(bench, kind)
    assert headers_of(bench.urls["binance"] + "/api/v3/ping")[0] == status
    host = Endpoint("binance", bench.urls["binance"])
    reads = BinanceRest(host, 2.0)
    assert why in reads.price("BTCUSDT", bench.clock.ns).why
    assert (host.health().state, host.health().opened) == ("open", 1)
    assert "left alone for" in reads.price("BTCUSDT", bench.clock.ns).why
    assert (host.health().retry_s > 100) is (kind == "banned"), "as long as the server asked for"


def test_a_handshake_can_be_refused_with_a_status(bench: Bench) -> None:
    arm(bench, "rate_limit", service="binance_ws", method="GET", path="*", retry_after_s=7)
    with pytest.raises(InvalidStatus) as refused:
        bench.socket("binance_ws", "/stream?streams=btcusdt@trade")
    response = refused.value.response
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")


def test_a_channel_that_is_down_cuts_its_sockets_and_opens_none(bench: Bench) -> None:
    with bench.socket("binance_ws", "/stream?streams=btcusdt@trade") as socket:
        bench.do(lambda: bench.streams.publish("btcusdt@trade", {"n": 1}))
        assert json.loads(socket.recv(timeout=5))["data"] == {"n": 1}
        arm(bench, "ws_down", channel="binance")
        bench.do(lambda: bench.streams.publish("btcusdt@trade", {"n": 2}))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
    with pytest.raises((OSError, EOFError, WebSocketException)):
        bench.socket("binance_ws", "/stream?streams=btcusdt@trade")
    with bench.socket("rtds"):
        pass
    bench.do(lambda: bench.faults.clear())
    with bench.socket("binance_ws", "/stream?streams=btcusdt@trade"):
        pass


def test_the_day_is_over_and_binance_says_goodbye(bench: Bench) -> None:
    with bench.socket("binance_ws", "/stream?streams=btcusdt@trade") as socket:
        connections = bench.do(lambda: bench.streams.goodbye(1_795_132_800_000))
        assert json.loads(socket.recv(timeout=5)) == {"e": "serverShutdown", "E": 1_795_132_800_000}

        def close() -> None:
            for connection in connections:
                connection.close_after(1001, "server shutdown")

        bench.do(close)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
