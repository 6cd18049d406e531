"""The WebSockets, over real sockets: market, user, RTDS, Binance."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.venue.conftest import Bench, Client

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
DOWN = "76630000000000000000000000000000000000000000000000000000000000000000000003403"
CID = "0x" + "74" * 32
MS = 1_000_000


def flat(text: str | bytes) -> list[dict[str, Any]]:
    body = json.loads(text)
    return body if isinstance(body, list) else [body]


def until(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool], deadline_s: float = 5.0) -> Any:
    """The first event that is wanted; others are skipped."""
    ends = time.monotonic() + deadline_s
    while time.monotonic() < ends:
        for event in flat(socket.recv(timeout=max(0.01, ends - time.monotonic()))):
            if wanted(event):
                return event
    raise AssertionError("it did not come")


def until_pong(socket: ClientConnection) -> None:
    while socket.recv(timeout=5) != "PONG":
        pass


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("event_type") == name


@contextmanager
def hear_market(bench: Bench, *tokens: str, custom: bool = True) -> Iterator[ClientConnection]:
    first = {"type": "market", "assets_ids": list(tokens or (UP, DOWN)), "custom_feature_enabled": custom}
    with bench.socket("ws_market") as socket:
        socket.send(json.dumps(first))
        yield socket


@contextmanager
def hear_user(bench: Bench, trader: Client) -> Iterator[ClientConnection]:
    c = trader.credentials
    auth = {"apiKey": c.api_key, "secret": c.secret, "passphrase": c.passphrase}
    with bench.socket("ws_user") as socket:
        socket.send(json.dumps({"type": "user", "auth": auth}))
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"
        yield socket


def test_subscribing_brings_a_snapshot_of_every_token_in_one_array(bench: Bench) -> None:
    with hear_market(bench) as socket:
        books = json.loads(socket.recv(timeout=5))
    assert [(b["event_type"], b["asset_id"]) for b in books] == [("book", UP), ("book", DOWN)]
    recorded = {
        "market",
        "asset_id",
        "timestamp",
        "hash",
        "bids",
        "asks",
        "tick_size",
        "event_type",
        "last_trade_price",
    }
    assert set(books[0]) == recorded


def test_ping_is_pong_and_a_second_first_frame_is_an_invalid_operation(bench: Bench) -> None:
    with hear_market(bench) as socket:
        socket.recv(timeout=5)
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"
        socket.send(json.dumps({"type": "market", "assets_ids": [UP]}))
        assert socket.recv(timeout=5) == "INVALID OPERATION"
        socket.send(json.dumps({"operation": "subscribe", "assets_ids": [UP]}))
        assert socket.recv(timeout=5) == "INVALID OPERATION"


def test_the_custom_flag_is_switched_by_a_subscription_that_is_refused(bench: Bench) -> None:
    with hear_market(bench, custom=False) as socket:
        socket.recv(timeout=5)
        socket.send(json.dumps({"operation": "subscribe", "assets_ids": [UP], "custom_feature_enabled": True}))
        assert socket.recv(timeout=5) == "INVALID OPERATION"
        bench.quote(bid_e6=510_000, ask_e6=530_000)
        assert until(socket, kind("best_bid_ask"))["asset_id"] == UP


def test_tokens_can_be_left_and_taken_up_again(bench: Bench) -> None:
    with hear_market(bench, UP) as socket:
        socket.recv(timeout=5)
        socket.send(json.dumps({"operation": "unsubscribe", "assets_ids": [UP]}))
        socket.send(json.dumps({"operation": "subscribe", "assets_ids": [DOWN]}))
        assert flat(socket.recv(timeout=5))[0]["asset_id"] == DOWN


def test_a_changed_level_is_told_for_both_tokens_with_their_new_tops(bench: Bench) -> None:
    with hear_market(bench) as socket:
        socket.recv(timeout=5)
        bench.quote(bid_e6=510_000, ask_e6=530_000)
        change = until(socket, kind("price_change"))
    assert "asset_id" not in change
    pairs = change["price_changes"]
    best = next(i for i in pairs if (i["asset_id"], i["side"], i["price"]) == (UP, "BUY", "0.51"))
    assert (best["best_bid"], best["best_ask"]) == ("0.51", "0.53")
    twin = next(i for i in pairs if (i["asset_id"], i["side"], i["price"]) == (DOWN, "SELL", "0.49"))
    assert (twin["size"], twin["best_bid"], twin["best_ask"]) == (best["size"], "0.47", "0.49")
    gone = [i for i in pairs if i["asset_id"] == UP and i["side"] == "SELL" and i["price"] == "0.52"]
    assert [i["size"] for i in gone] == ["0"]


def test_new_tops_are_told_to_sockets_with_the_custom_flag_only(bench: Bench) -> None:
    with hear_market(bench) as custom, hear_market(bench, custom=False) as plain:
        custom.recv(timeout=5)
        plain.recv(timeout=5)
        bench.quote(bid_e6=510_000, ask_e6=530_000)
        told = until(custom, kind("best_bid_ask"))
        assert (told["asset_id"], told["best_bid"], told["best_ask"], told["spread"]) == (UP, "0.51", "0.53", "0.02")
        assert [e["event_type"] for e in flat(plain.recv(timeout=5))] == ["price_change"]


def test_a_trade_is_printed_and_followed_by_books(bench: Bench, trader: Client) -> None:
    with hear_market(bench) as socket:
        socket.recv(timeout=5)
        trader.private("POST", "/order", trader.signed()[1])
        printed = until(socket, kind("last_trade_price"))
        assert (printed["asset_id"], printed["price"], printed["side"]) == (UP, "0.52", "BUY")
        assert until(socket, kind("book"))["last_trade_price"] == "0.520"


def test_the_tick_changes_for_both_tokens_once_the_price_is_extreme(bench: Bench) -> None:
    with hear_market(bench) as socket:
        socket.recv(timeout=5)
        bench.quote(bid_e6=970_000, ask_e6=980_000)
        first, second = until(socket, kind("tick_size_change")), until(socket, kind("tick_size_change"))
    assert [first["asset_id"], second["asset_id"]] == [UP, DOWN]
    assert (first["old_tick_size"], first["new_tick_size"]) == ("0.01", "0.001")


def test_resolution_is_told_with_the_custom_flag_and_the_socket_closed_with_1000(bench: Bench) -> None:
    with hear_market(bench) as socket, hear_market(bench, custom=False) as plain:
        socket.recv(timeout=5)
        plain.recv(timeout=5)
        bench.resolve("UP")
        told = until(socket, kind("market_resolved"))
        assert (told["winning_asset_id"], told["winning_outcome"]) == (UP, "Up")
        for each in (socket, plain):
            with pytest.raises(ConnectionClosed) as closed:
                each.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1000, "all subscribed assets resolved")


def test_more_than_two_hundred_tokens_bring_no_snapshot(bench: Bench) -> None:
    with hear_market(bench, UP, *[str(n) for n in range(1, 201)]) as socket:
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"


def test_the_user_channel_shows_placement_and_cancellation(bench: Bench, trader: Client) -> None:
    with hear_user(bench, trader) as socket:
        order_id = trader.resting()
        placed = until(socket, kind("order"))
        assert (placed["id"], placed["type"], placed["status"]) == (order_id, "PLACEMENT", "LIVE")
        trader.private("DELETE", "/cancel-all")
        gone = until(socket, kind("order"))
        assert (gone["id"], gone["type"], gone["status"]) == (order_id, "CANCELLATION", "CANCELED")


def test_a_trade_is_told_again_at_every_status_under_the_same_id(bench: Bench, trader: Client) -> None:
    with hear_user(bench, trader) as socket:
        order_id, body = trader.signed()
        trade_id = trader.private("POST", "/order", body)[1]["tradeIDs"][0]
        seen = [until(socket, kind("trade"))]
        for _ in range(2):
            bench.pass_time(6)
        bench.pass_time(6)
        seen += [until(socket, kind("trade")), until(socket, kind("trade"))]
    assert [(e["id"], e["status"]) for e in seen] == [(trade_id, s) for s in ("MATCHED", "MINED", "CONFIRMED")]
    assert {e["taker_order_id"] for e in seen} == {order_id}
    assert {e["trader_side"] for e in seen} == {"TAKER"}


def test_a_maker_finds_its_fill_among_the_maker_orders(bench: Bench, trader: Client) -> None:
    with hear_user(bench, trader) as socket:
        order_id = trader.resting(price_e6=510_000)
        bench.do(lambda: bench.house.engine.take(CID, UP, "SELL", 4_000_000, 500_000, bench.clock.ns))
        bench.do(bench.house.flush)
        trade = until(socket, kind("trade"))
    mine = [m for m in trade["maker_orders"] if m["order_id"] == order_id]
    assert (trade["trader_side"], trade["side"]) == ("MAKER", "SELL")
    assert [(m["matched_amount"], m["price"], m["side"]) for m in mine] == [("4", "0.51", "BUY")]


def test_wrong_credentials_close_the_user_channel(bench: Bench, trader: Client) -> None:
    auth = {"apiKey": trader.credentials.api_key, "secret": "x", "passphrase": "y"}
    with bench.socket("ws_user") as socket:
        socket.send(json.dumps({"type": "user", "auth": auth}))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def publish(bench: Bench, topic: str, second: int) -> None:
    value = 64_210_123_456_700_000_000_000
    bench.do(lambda: bench.rtds.publish(topic, second * 1000, second * 1000 + 1950, 64210.1234567, str(value)))


def test_rtds_sends_updates_to_the_unfiltered_and_one_snapshot_to_the_filtered(bench: Bench) -> None:
    publish(bench, "crypto_prices_twap_sixty", 1_795_132_799)
    topics = ["crypto_prices_chainlink", "crypto_prices_twap_sixty"]
    plain = [{"topic": t, "type": "update"} for t in topics]
    filtered = [{"topic": topics[1], "type": "update", "filters": '{"symbol":"btc/usd"}'}]
    with bench.socket("rtds") as free, bench.socket("rtds") as bound:
        free.send(json.dumps({"action": "subscribe", "subscriptions": plain}))
        bound.send(json.dumps({"action": "subscribe", "subscriptions": filtered}))
        snapshot = json.loads(bound.recv(timeout=5))
        assert (snapshot["type"], len(snapshot["payload"]["data"])) == ("subscribe", 1)
        free.send("PING")
        assert free.recv(timeout=5) == "PONG"
        publish(bench, "crypto_prices_twap_sixty", 1_795_132_800)
        update = json.loads(free.recv(timeout=5))
        bound.send("PING")
        assert bound.recv(timeout=5) == "PONG"
    assert update["payload"] == {
        "symbol": "btc/usd",
        "timestamp": 1_795_132_800_000,
        "value": 64210.1234567,
        "full_accuracy_value": "64210123456700000000000",
        "window_s": 60,
    }
    assert (update["topic"], update["timestamp"]) == ("crypto_prices_twap_sixty", 1_795_132_801_950)


def test_rtds_refuses_a_body_it_cannot_read(bench: Bench) -> None:
    with bench.socket("rtds") as socket:
        socket.send(json.dumps({"action": "subscribe", "subscriptions": [{"topic": "crypto.prices"}]}))
        assert json.loads(socket.recv(timeout=5))["message"] == "Invalid request body"


def test_one_topic_the_server_does_not_know_refuses_the_whole_frame(bench: Bench) -> None:
    both = [{"topic": "crypto_prices_twap_sixty", "type": "update"}, {"topic": "crypto.prices", "type": "update"}]
    with bench.socket("rtds") as socket:
        socket.send(json.dumps({"action": "subscribe", "subscriptions": both}))
        assert json.loads(socket.recv(timeout=5))["message"] == "Invalid request body"
        publish(bench, "crypto_prices_twap_sixty", 1_795_132_800)
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG", "nothing was subscribed"


def test_rtds_can_be_unsubscribed_and_its_filters_are_a_text(bench: Bench) -> None:
    wish = [{"topic": "crypto_prices", "type": "*", "filters": ""}]
    with bench.socket("rtds") as socket:
        socket.send(json.dumps({"action": "subscribe", "subscriptions": wish}))
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"
        bench.do(
            lambda: bench.rtds.publish("crypto_prices", 1_795_132_800_000, 1_795_132_800_142, 64210.12, "64210.12")
        )
        heard = json.loads(socket.recv(timeout=5))
        assert (heard["payload"]["symbol"], heard["payload"]["full_accuracy_value"]) == ("btcusdt", "64210.12")
        socket.send(json.dumps({"action": "unsubscribe", "subscriptions": wish}))
        socket.send(
            json.dumps({"action": "subscribe", "subscriptions": [wish[0] | {"filters": {"symbol": "btcusdt"}}]})
        )
        assert json.loads(socket.recv(timeout=5))["message"] == "Invalid request body"
        bench.do(
            lambda: bench.rtds.publish("crypto_prices", 1_795_132_801_000, 1_795_132_801_142, 64210.13, "64210.13")
        )
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"


def test_a_new_market_is_told_to_every_socket_with_the_custom_flag(bench: Bench) -> None:
    listing = bench.listing
    with hear_market(bench, "12345") as custom, hear_market(bench, "12345", custom=False) as plain:
        for socket in (custom, plain):
            socket.send("PING")
            until_pong(socket)
        bench.do(lambda: bench.house.teller.tell_listed(listing))
        told = until(custom, kind("new_market"))
        plain.send("PING")
        assert plain.recv(timeout=5) == "PONG"
    assert (told["condition_id"], told["assets_ids"], told["slug"]) == (CID, [UP, DOWN], listing.slug)
    assert told["fee_schedule"] == {"exponent": "1", "rate": "0.07", "taker_only": True, "rebate_rate": "0.2"}


def test_binance_streams_carry_only_what_was_asked_for(bench: Bench) -> None:
    with bench.socket("binance_ws", "/stream?streams=btcusdt@trade") as socket:
        socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        assert json.loads(socket.recv(timeout=5)) == {"result": ["btcusdt@trade"], "id": 1}
        bench.do(lambda: bench.streams.publish("btcusdt@depth20@100ms", {"lastUpdateId": 1, "bids": [], "asks": []}))
        bench.do(lambda: bench.streams.publish("btcusdt@trade", {"e": "trade"}))
        assert json.loads(socket.recv(timeout=5)) == {"stream": "btcusdt@trade", "data": {"e": "trade"}}
