"""The feeds as people use them outside the bot: all three at a real venue, and the example of docs/feeds.md as it stands."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.adapters.data_feed import BinanceFeed, DataFeed, FeedTick, OracleFeed, PolymarketFeed
from polybot.venue.wire import binance_frames
from tests.venue.conftest import Bench
from tests.waiting import wait_for

START_S = 1_795_132_800
NS = 10**9
SLUG = f"btc-updown-5m-{START_S}"
DOCS = Path(__file__).parents[2] / "docs/feeds.md"


@pytest.fixture
def started() -> Iterator[Callable[[DataFeed], tuple[list[FeedTick], list[str]]]]:
    feeds: list[DataFeed] = []

    def start(feed: DataFeed) -> tuple[list[FeedTick], list[str]]:
        ticks: list[FeedTick] = []
        again: list[str] = []
        feed.on_tick(ticks.append)
        feed.on_reconnect(again.append)
        feed.start()
        feeds.append(feed)
        return ticks, again

    yield start
    for feed in feeds:
        feed.stop()


class Trades:
    """The exchange trades, each time it is called once."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self.n = bench, 0

    def __call__(self, price: float = 64_000.0, symbol: str = "btcusdt") -> None:
        self.n += 1
        at_ms = START_S * 1000 + self.n
        data = binance_frames.trade_data(at_ms, at_ms, price, 0.5, self.n, False)
        self._bench.do(lambda: self._bench.streams.publish(f"{symbol}@trade", data))


def test_binance_trades_reconnects_and_leaves(bench: Bench, started: Any) -> None:
    feed, trade = BinanceFeed(bench.urls["binance_ws"], bench.clock.now_ns), Trades(bench)
    ticks, again = started(feed)
    assert not feed.is_connected()
    feed.subscribe("BTCUSDT")
    feed.subscribe("BTCUSDT")
    wait_for(lambda: ticks, "a trade", again=trade)
    assert feed.is_connected()
    first = ticks[0]
    assert (first.kind, first.symbol, first.price, first.size, first.source) == (
        "trade", "BTCUSDT", 64_000.0, 0.5, "binance",
    )  # fmt: skip
    assert first.at_ns // NS == START_S
    trade(640_000.0)
    wait_for(lambda: len(ticks) > 1 and ticks[-1].price == 64_000.0, "the next trade", again=trade)
    assert 640_000.0 not in [tick.price for tick in ticks], "a leap is held here as it is in the bot"

    def say_goodbye() -> None:
        for connection in bench.streams.goodbye(0):
            connection.close_after(1001, "bye")

    bench.do(say_goodbye)
    wait_for(lambda: again == ["BTCUSDT"] and feed.is_connected(), "connected again")
    feed.unsubscribe("BTCUSDT")
    wait_for(lambda: not bench.do(lambda: bench.streams.wanted("btcusdt@trade")), "the venue's hearer is gone")
    assert not feed.is_connected()


def test_the_oracles_twap(bench: Bench, started: Any) -> None:
    feed = OracleFeed(bench.urls["rtds"], bench.clock.now_ns)
    feed.subscribe("btc/usd")
    ticks, _ = started(feed)

    at_ms = START_S * 1000

    def publish() -> None:
        bench.do(lambda: bench.rtds.publish("crypto_prices_twap_sixty", at_ms, at_ms, 64_000.0, str(64_000 * 10**18)))

    wait_for(lambda: ticks, "a print", again=publish)
    tick = ticks[0]
    assert (tick.kind, tick.symbol, tick.price, tick.at_ns) == ("print", "btc/usd", 64_000.0, START_S * NS)


def test_polymarkets_trades_and_mids(bench: Bench, started: Any) -> None:
    feed = PolymarketFeed(bench.urls["ws_market"], bench.urls["gamma"], bench.urls["clob"], bench.clock.now_ns)
    ticks, _ = started(feed)
    with pytest.raises(LookupError, match="btc-updown-5m-1: no such market"):
        feed.subscribe("btc-updown-5m-1")
    feed.subscribe(SLUG)
    wait_for(lambda: ticks, "the first book")
    assert (ticks[0].kind, ticks[0].price, ticks[0].outcome) == ("mid", 0.51, "UP")
    bench.quote(bid_e6=540_000, ask_e6=560_000)
    wait_for(lambda: len(ticks) == 2, "the mid's move")
    assert ticks[1].price == pytest.approx(0.55)
    market = bench.listing
    engine = bench.house.engine

    def take() -> None:
        engine.take(market.condition_id, market.down_token, "BUY", 7_000_000, 990_000, bench.clock.ns)
        bench.house.flush()

    bench.do(take)
    wait_for(lambda: [t for t in ticks if t.kind == "trade"], "the trade")
    trade = next(t for t in ticks if t.kind == "trade")
    assert (trade.symbol, trade.size, trade.side, trade.outcome, trade.source) == (
        SLUG,
        7.0,
        "BUY",
        "DOWN",
        "polymarket",
    )
    feed.unsubscribe(SLUG)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_ends_the_feed_and_it_shows(bench: Bench, started: Any) -> None:
    feed, trade = BinanceFeed(bench.urls["binance_ws"], bench.clock.now_ns), Trades(bench)
    feed.subscribe("BTCUSDT")

    def wrong(_: FeedTick) -> None:
        raise ValueError("mine")

    feed.on_tick(wrong)
    ticks, _ = started(feed)
    wait_for(feed.is_connected, "connected")
    wait_for(lambda: not feed.is_connected(), "the end", again=trade)
    assert ticks == []


def test_the_example_of_the_docs_runs_as_it_stands(bench: Bench) -> None:
    code = DOCS.read_text().split("```python\n")[1].split("```")[0]
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert run.stdin is not None
        run.stdin.write(json.dumps(bench.urls) + "\n")
        run.stdin.flush()
        trade, began = Trades(bench), time.time_ns() // 10**6
        trade.n = began - START_S * 1000 - 1_000_000  # the example lives by the wall's clock
        wait_for(lambda: run.poll() is not None, "three ticks", again=trade)
        out, err = run.communicate()
    finally:
        run.kill()
    assert (run.returncode, out.splitlines(), err) == (0, ["binance trade BTCUSDT 64000.0 0.5"] * 3, "")
