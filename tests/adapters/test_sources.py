"""Sources against real websocket servers: they come back, say what happened, and subscribe anew."""

import json
import threading
import time
from functools import partial
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from messages import Book, Candle, DayStats, Depth, MarketListed, MarketResolved, OraclePrice, PriceTick, TradePrint
from messages.inner import DayHeard, SourceState, UserFact
from polybot.adapters.net.retry import Backoff
from polybot.adapters.net.websocket import KeepAlive, WebSocketSource
from polybot.adapters.polymarket.channels import MarketChannelSource, UserChannelSource
from polybot.adapters.polymarket.rtds_stream import RtdsSource
from polybot.adapters.polymarket.signing import Credentials
from polybot.adapters.prices.binance_stream import BinanceSource
from tests import build
from tests.adapters.conftest import HttpScript, Running, WsScript
from tests.build import T0, window
from tests.inbox import ListInbox
from tests.waiting import wait_for

QUICK = Backoff(first_s=0.02, cap_s=0.1, spacing_s=0.02)
NOW_NS = 1795132800 * 10**9


def now_ns() -> int:
    return NOW_NS


def a_plain_source(
    url: str,
    frames: list[str],
    states: list[str],
    keep_alive: KeepAlive | None = None,
    connect_timeout_s: float = 3.0,
) -> WebSocketSource:
    return WebSocketSource(
        "plain",
        url,
        frames.append,
        lambda state, why: states.append(f"{state} {why}".strip()),
        lambda why: states.append(f"bad {why}"),
        backoff=QUICK,
        keep_alive=keep_alive,
        connect_timeout_s=connect_timeout_s,
    )


def states(inbox: ListInbox) -> list[str]:
    return [word.state for word in inbox.of(SourceState)]


# --- the thread


def test_a_cut_connection_is_opened_again(ws: WsScript, running: Running) -> None:

    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send(str(number))

    ws.talk = talk
    frames: list[str] = []
    said: list[str] = []
    running(a_plain_source(ws.url, frames, said))

    def is_greeted(number: int) -> bool:
        return frames[-1:] == [str(number)]

    for number in (1, 2, 3):
        wait_for(partial(is_greeted, number), "the greeting")
        ws.close_connections()
    wait_for(lambda: frames[-1] == "4", "the fourth connection")
    assert said[0] == "open"
    assert [s.split()[0] for s in said[:6]] == ["open", "closed"] * 3


def test_a_server_that_comes_later_is_found(ws: WsScript, running: Running) -> None:
    ws.stop()
    frames: list[str] = []
    said: list[str] = []
    source = running(a_plain_source(ws.url, frames, said))

    def talk(script: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send("here")

    ws.talk = talk
    time.sleep(0.1)  # some refused attempts
    assert (said, source.send("x")) == ([], False)
    ws.start(ws.port)
    wait_for(lambda: frames == ["here"], "the late server")


def test_stop_ends_the_thread_within_a_second_whatever_the_server_does(ws: WsScript) -> None:
    said: list[str] = []
    source = a_plain_source(ws.url, [], said)
    source.start()
    wait_for(lambda: said, "open")
    started = time.monotonic()
    source.stop()
    assert time.monotonic() - started < 1.0
    assert not [t for t in threading.enumerate() if t.name == "ws-plain"]
    assert said[-1] == "closed stopping"


def test_a_close_tells_its_code_and_reason(ws: WsScript, running: Running) -> None:
    ws.talk = lambda _, number, connection: connection.close(1000, "all subscribed assets resolved")
    said: list[str] = []
    running(a_plain_source(ws.url, [], said))
    wait_for(lambda: len(said) >= 2, "closed")
    assert said[1] == "closed 1000 all subscribed assets resolved"


def test_text_pings_go_out_and_silence_is_the_end(ws: WsScript, running: Running) -> None:
    def deaf(script: WsScript, number: int, connection: ServerConnection) -> None:
        for text in connection:
            script.heard.append(str(text))

    ws.talk = deaf
    said: list[str] = []
    running(a_plain_source(ws.url, [], said, keep_alive=KeepAlive("PING", every_s=0.05, dead_s=0.3)))
    wait_for(lambda: any(s.startswith("closed nothing arrived") for s in said), "the silence is noticed")
    assert ws.heard.count("PING") >= 2


def test_pongs_are_life(ws: WsScript, running: Running) -> None:
    said: list[str] = []
    frames: list[str] = []
    running(a_plain_source(ws.url, frames, said, keep_alive=KeepAlive("PING", every_s=0.05, dead_s=0.3)))
    wait_for(lambda: frames.count("PONG") >= 10, "pongs for longer than the limit")
    assert said == ["open"]


def test_bytes_that_are_no_text_are_bad_and_the_connection_stays(ws: WsScript, running: Running) -> None:
    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        connection.send(b"\xff\xfe")
        connection.send("fine")

    ws.talk = talk
    frames: list[str] = []
    said: list[str] = []
    running(a_plain_source(ws.url, frames, said))
    wait_for(lambda: frames == ["fine"], "the frame after")
    assert [s.split(":")[0] for s in said] == ["open", "bad not UTF-8"]


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 500 No\r\n\r\n", b"\x00\xff garbage\r\n\r\n", b"HTTP/1.1\r\n\r\n"]
)
def test_a_handshake_of_garbage_is_only_a_failed_attempt(http: HttpScript, running: Running, greeting: bytes) -> None:
    http.say = [lambda _: (greeting, http.close_connections)[0] or "drop"]
    said: list[str] = []
    running(a_plain_source(http.url.replace("http", "ws"), [], said, connect_timeout_s=0.2))
    wait_for(lambda: http.connections >= 3, "it tries again")
    assert said == []


def test_waits_grow_to_a_cap_and_are_never_alike() -> None:
    backoff = Backoff(first_s=0.25, cap_s=4.0)
    for failures, most in ((0, 0.25), (1, 0.5), (4, 4.0), (5, 4.0), (1000, 4.0)):
        waits = [backoff.wait_s(failures) for _ in range(20)]
        assert all(0.8 * most <= wait <= most for wait in waits)
        assert len(set(waits)) > 1


# --- exchange and oracle


def test_binance_frames_become_words(ws: WsScript, inbox: ListInbox, running: Running) -> None:
    def talk(_: WsScript, number: int, connection: ServerConnection) -> None:
        trade = {"e": "trade", "s": "BTCUSDT", "t": 4567890123, "p": "64215.34", "q": "0.0021", "T": 1795132800121}
        bar = {"t": 1795132740000, "o": "1", "h": "3", "l": "0.5", "c": "2", "v": "7", "n": 4, "x": True}
        depth = {"lastUpdateId": 1, "bids": [["1", "2"], ["1", "3"]], "asks": [["1", "1.5"]]}
        for stream, data in (
            ("trade", trade),
            ("kline_1m", {"s": "BTCUSDT", "k": bar | {"x": False}}),
            ("kline_1m", {"s": "BTCUSDT", "k": bar}),
            ("depth20@100ms", depth),
            ("ticker", {"E": 1795132800500, "o": "1", "h": "3", "l": "0.5", "c": "2", "v": "7", "P": "-1.25"}),
            ("trade", trade | {"p": "0"}),
            ("trade", trade | {"p": "-5"}),
            ("trade", trade | {"p": "NaN"}),
            ("trade", trade | {"p": 5}),
            ("trade", trade | {"T": "soon"}),
        ):
            connection.send(json.dumps({"stream": f"btcusdt@{stream}", "data": data}))
        connection.send('{"result":null,"id":1}')
        connection.send("garbage")

    ws.talk = talk
    running(BinanceSource(ws.url, "BTCUSDT", inbox, now_ns, QUICK))
    wait_for(lambda: states(inbox).count("bad") == 3, "all frames")
    assert ws.paths[0] == "/stream?streams=btcusdt@trade/btcusdt@kline_1m/btcusdt@depth20@100ms/btcusdt@ticker"
    absurd = inbox.of(PriceTick)[1:]
    assert [str(tick.price) for tick in absurd] == ["0.0", "-5.0", "nan"], "for the core to judge, and to count by name"
    assert [word for word in inbox.of(PriceTick, Candle, Depth, DayHeard) if word not in absurd] == [
        PriceTick(
            symbol="BTCUSDT",
            price=64215.34,
            size=0.0021,
            trade_id=4567890123,
            traded_ns=1795132800121 * 10**6,
            source="binance",
        ),
        Candle(
            symbol="BTCUSDT", interval_s=60, start_ns=1795132740 * 10**9, open=1.0, high=3.0, low=0.5, close=2.0,
            volume=7.0, traded=True, source="binance",
        ),
        Depth(symbol="BTCUSDT", bid_size=5.0, ask_size=1.5, received_ns=NOW_NS),
        DayHeard(
            symbol="BTCUSDT",
            day=DayStats(
                open=1.0, high=3.0, low=0.5, last=2.0, volume=7.0, change_pct=-1.25, as_of_ns=1795132800500 * 10**6
            ),
            why="",
        ),
    ]  # fmt: skip
    assert inbox.keys[inbox.words.index(inbox.of(Depth)[0])] == "Depth/BTCUSDT"


def test_rtds_is_subscribed_unfiltered_and_anew_on_each_connection(
    ws: WsScript, inbox: ListInbox, running: Running
) -> None:
    running(RtdsSource(ws.url, "btc/usd", inbox, now_ns, backoff=QUICK))
    wait_for(lambda: len(ws.heard) == 1, "the subscription")
    ws.close_connections()
    wait_for(lambda: len(ws.heard) == 2, "the second")
    assert [json.loads(text) for text in ws.heard] == [
        {
            "action": "subscribe",
            "subscriptions": [
                {"topic": "crypto_prices_chainlink", "type": "update"},
                {"topic": "crypto_prices_twap_sixty", "type": "update"},
            ],
        }
    ] * 2
    payload = {
        "symbol": "btc/usd",
        "timestamp": 1795132800000,
        "value": 64210.1234567,
        "full_accuracy_value": "64210123456700000000000",
    }
    frame = {"topic": "crypto_prices_twap_sixty", "type": "update", "timestamp": 1795132801950, "payload": payload}
    for text in (json.dumps(frame), json.dumps(frame | {"payload": payload | {"symbol": "eth/usd"}}), "}{"):
        ws.live[-1].send(text)
    wait_for(lambda: "bad" in states(inbox), "the garbage")
    (word,) = inbox.of(OraclePrice)
    assert (word.feed, word.value_e18, word.observed_ns, word.received_ns, word.source) == (
        "twap60",
        "64210123456700000000000",
        1795132800 * 10**9,
        NOW_NS,
        "rtds",
    )
    assert word.price == pytest.approx(64210.1234567)


# --- the market channel


def a_market(n: int = 0) -> MarketListed:
    return build.a_market(**window(T0 + 300 * n), condition_id=f"0x{n}", up_token=f"1{n}", down_token=f"2{n}")


def a_book(token: str, market: str = "0x0") -> dict[str, Any]:
    return {
        "event_type": "book", "market": market, "asset_id": token, "timestamp": "1795132800123",
        "bids": [{"price": "0.4", "size": "10"}], "asks": [{"price": "0.6", "size": "10"}],
    }  # fmt: skip


class Exchange:
    """Answers subscriptions with snapshots, as the venue does."""

    def __init__(self, ws: WsScript) -> None:
        self.ws = ws
        ws.talk = self.talk

    def talk(self, ws: WsScript, number: int, connection: ServerConnection) -> None:
        for text in connection:
            assert isinstance(text, str)
            ws.heard.append(text)
            shown = json.loads(text) if text != "PING" else {}
            if shown.get("assets_ids") and shown.get("operation") != "unsubscribe":
                connection.send(json.dumps([a_book(token, f"0x{token[1:]}") for token in shown["assets_ids"]]))

    def say(self, *events: dict[str, Any]) -> None:
        for event in events:
            self.ws.live[-1].send(json.dumps(event))

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.ws.heard if text != "PING"]


@pytest.fixture
def exchange(ws: WsScript) -> Exchange:
    return Exchange(ws)


@pytest.fixture
def channel(ws: WsScript, exchange: Exchange, inbox: ListInbox, running: Running) -> MarketChannelSource:
    source: MarketChannelSource = running(MarketChannelSource(ws.url, inbox, now_ns, QUICK))
    return source


def test_the_market_channel_stays_closed_until_something_is_wanted(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    time.sleep(0.1)
    assert ws.connections == 0
    channel.subscribe((a_market(),))
    book = wait_for(lambda: inbox.of(Book), "a book")[0]
    assert (book.slug, book.up_asks, book.received_ns) == (a_market().slug, ((600_000, 10_000_000),), NOW_NS)
    assert exchange.asked == [
        {"type": "market", "assets_ids": ["10", "20"], "custom_feature_enabled": True, "initial_dump": True}
    ]
    assert inbox.keys[inbox.words.index(book)] == f"Book/{a_market().slug}"


def test_later_markets_are_added_and_left_on_the_same_connection(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "the first book")
    channel.subscribe((a_market(), a_market(1)))
    wait_for(lambda: len(inbox.of(Book)) == 2, "the second market's book")
    channel.subscribe((a_market(2),), (a_market().slug, "unknown"))
    wait_for(lambda: len(inbox.of(Book)) == 3, "the third")
    assert ws.connections == 1
    assert exchange.asked[1:] == [
        {"operation": "subscribe", "assets_ids": ["11", "21"], "custom_feature_enabled": True},
        {"operation": "unsubscribe", "assets_ids": ["10", "20"]},
        {"operation": "subscribe", "assets_ids": ["12", "22"], "custom_feature_enabled": True},
    ]
    exchange.say(a_book("10"), a_book("11", "0x1"))
    wait_for(lambda: len(inbox.of(Book)) == 4, "a frame of the second")
    assert inbox.of(Book)[-1].slug == a_market(1).slug


def test_after_a_cut_all_are_asked_for_in_one_first_frame(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(), a_market(1)))
    wait_for(lambda: len(inbox.of(Book)) == 2, "both books")
    ws.close_connections()
    wait_for(lambda: len(inbox.of(Book)) == 4, "both again")
    assert exchange.asked[0] == exchange.asked[1]
    assert states(inbox) == ["open", "closed", "open"]


def test_a_core_can_ask_for_a_new_connection(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "a book")
    channel.reconnect("silent for 20 s")
    wait_for(lambda: len(inbox.of(Book)) == 2, "a book again")
    assert inbox.of(SourceState)[1].why == "silent for 20 s"


def test_a_distrusted_book_is_left_and_asked_for_again(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "a book")
    item = {"asset_id": "10", "price": "0.5", "size": "1", "side": "BUY", "best_bid": "0.45", "best_ask": "0.6"}
    change = {"event_type": "price_change", "market": "0x0", "timestamp": "1795132800456", "price_changes": [item]}
    ws.live[-1].send(json.dumps([change, change]))  # in one frame: no snapshot can come between the two
    wait_for(lambda: len(inbox.of(Book)) == 2, "a book of a new snapshot")
    assert inbox.of(Book)[-1].up_bids == ((400_000, 10_000_000),)
    assert [a.get("operation") for a in exchange.asked] == [None, "unsubscribe", "subscribe"]
    assert (ws.connections, states(inbox)) == (1, ["open", "bad"])


def test_trades_and_resolutions_arrive_unconflated(
    channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "a book")
    trade = {"event_type": "last_trade_price", "asset_id": "10", "market": "0x0", "price": "0.53", "size": "12",
             "side": "BUY", "timestamp": "1"}  # fmt: skip
    resolved = {"event_type": "market_resolved", "market": "0x0", "winning_asset_id": "10", "winning_outcome": "Up",
                "timestamp": "2"}  # fmt: skip
    exchange.say(trade, trade, resolved)
    wait_for(lambda: inbox.of(MarketResolved), "the resolution")
    assert [inbox.keys[inbox.words.index(w)] for w in inbox.of(TradePrint, MarketResolved)] == [None, None, None]


def test_when_all_is_resolved_the_channel_rests_until_something_new_is_wanted(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("polybot.adapters.polymarket.channels.JUST_ADDED_S", 0.0)
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "a book")
    ws.live[-1].close(1000, "all subscribed assets resolved")
    wait_for(lambda: states(inbox) == ["open", "closed"], "closed")
    time.sleep(0.3)  # several times the longest wait
    assert ws.connections == 1
    channel.subscribe((a_market(1),))
    wait_for(lambda: len(inbox.of(Book)) == 2, "the next market")
    assert exchange.asked[-1]["assets_ids"] == ["11", "21"]


def test_a_market_added_while_the_server_closes_is_not_lost(
    ws: WsScript, channel: MarketChannelSource, exchange: Exchange, inbox: ListInbox
) -> None:
    channel.subscribe((a_market(),))
    wait_for(lambda: inbox.of(Book), "a book")
    ws.live[-1].close(1000, "all subscribed assets resolved")
    wait_for(lambda: len(inbox.of(Book)) == 2, "asked for again, being so new")


# --- the user channel


def test_the_user_channel_says_who_we_are_and_what_comes(ws: WsScript, inbox: ListInbox, running: Running) -> None:
    credentials = Credentials("5b1f", "AAEC", "7d0f")
    running(UserChannelSource(ws.url, credentials, "0x22", inbox, now_ns, QUICK))
    wait_for(lambda: ws.heard, "the first frame")
    assert json.loads(ws.heard[0]) == {
        "type": "user",
        "auth": {"apiKey": "5b1f", "secret": "AAEC", "passphrase": "7d0f"},
    }
    order = {
        "event_type": "order", "id": "0xab", "market": "0x0", "asset_id": "10", "side": "BUY", "original_size": "10",
        "size_matched": "0", "price": "0.5", "status": "LIVE", "type": "PLACEMENT",
    }  # fmt: skip
    for text in (json.dumps([order]), "PONG", "what"):
        ws.live[-1].send(text)
    ws.live[-1].close(1008, "unauthorized")
    wait_for(lambda: [f.kind for f in inbox.of(UserFact)].count("open") == 2, "opened again")
    assert [f.kind for f in inbox.of(UserFact)] == ["open", "order", "bad", "closed", "open"]
    assert "AAEC" not in repr(inbox.words)
