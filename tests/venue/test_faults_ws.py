"""Each fault of the sockets, over real ones."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from polybot.venue.faults.script import read_fault
from tests.venue.conftest import Bench, Client
from tests.waiting import wait_for

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"


def arm(bench: Bench, kind: str, **fields: Any) -> None:
    bench.do(lambda: bench.faults.arm(read_fault({"kind": kind, **fields})))


@contextmanager
def the_user(bench: Bench, trader: Client) -> Iterator[Any]:
    with bench.socket("ws_user") as socket:
        keys = trader.credentials
        auth = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}
        socket.send(json.dumps({"type": "user", "auth": auth}))
        wait_for(lambda: bench.do(lambda: bench.house.user_channel.listeners), "the venue to know the listener")
        yield socket


def told(socket: ClientConnection, quiet_s: float = 0.3) -> list[tuple[str, str]]:
    """(event type, status) of all that comes until it is quiet."""
    events = []
    try:
        while True:
            event = json.loads(socket.recv(timeout=quiet_s))
            events.append((event["event_type"], event["status"]))
    except TimeoutError:
        return events


def test_a_stalled_market_channel_answers_ping_and_says_nothing_else(bench: Bench) -> None:
    with bench.socket("ws_market") as socket:
        socket.send(json.dumps({"type": "market", "assets_ids": [UP]}))
        assert json.loads(socket.recv(timeout=5))[0]["event_type"] == "book"
        arm(bench, "ws_stall", channel="market", for_s=60)
        bench.quote(bid_e6=510_000, ask_e6=530_000)
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)
        bench.pass_time(61)
        bench.quote(bid_e6=490_000, ask_e6=510_000)
        assert json.loads(socket.recv(timeout=5))["event_type"] == "price_change"


def test_a_stall_is_of_its_channel_only(bench: Bench, trader: Client) -> None:
    arm(bench, "ws_stall", channel="market", for_s=60)
    with the_user(bench, trader) as socket:
        trader.resting()
        assert told(socket) == [("order", "LIVE")]


def test_trades_without_their_sizes_on_the_user_channel(bench: Bench, trader: Client) -> None:
    with the_user(bench, trader) as socket:
        arm(bench, "empty_size")
        assert trader.private("POST", "/order", trader.signed()[1])[0] == 200
        event = json.loads(socket.recv(timeout=5))
        while event["event_type"] != "trade":
            assert event["original_size"], "an order's own sizes are told"
            event = json.loads(socket.recv(timeout=5))
        assert event["price"]
        assert (event["size"], {maker["matched_amount"] for maker in event["maker_orders"]}) == ("", {""})


def test_every_user_event_twice(bench: Bench, trader: Client) -> None:
    with the_user(bench, trader) as socket:
        arm(bench, "user_twice")
        trader.resting()
        assert told(socket) == [("order", "LIVE"), ("order", "LIVE")]


def test_neighbouring_user_events_change_places(bench: Bench, trader: Client) -> None:
    with the_user(bench, trader) as socket:
        _, first = trader.signed()
        trader.private("POST", "/order", first)
        usual = told(socket)
        arm(bench, "user_reorder", delay_s=5, clock="machine")
        _, second = trader.signed("main/test/w/2")
        trader.private("POST", "/order", second)
        assert told(socket) == usual[::-1]
        assert len(usual) == 2


def test_a_reordered_event_without_a_neighbour_comes_a_little_later(bench: Bench, trader: Client) -> None:
    with the_user(bench, trader) as socket:
        arm(bench, "user_reorder", delay_s=0.2, clock="machine")
        trader.resting()
        assert told(socket, quiet_s=1.0) == [("order", "LIVE")]


def test_http_answers_first_when_the_channel_is_late(bench: Bench, trader: Client) -> None:
    with the_user(bench, trader) as socket:
        arm(bench, "ws_late", delay_s=1.0, clock="machine")
        trader.resting()
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)
        assert json.loads(socket.recv(timeout=5))["type"] == "PLACEMENT"
