"""PolyBolt over real sockets: credentials, acknowledgements, snapshots, sequence, and every way to break its policy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from polybot.sim.world.world import OraclePrint
from polybot.venue.channels.oracle_wires import SIXTY, PriceWires
from polybot.venue.channels.polybolt import decimal_of
from tests.venue.conftest import Bench, Client

TWAP = {"channel": "price.crypto.twap", "filter": {"symbol": "btcusd", "window_seconds": 60}}
SPOT = {"channel": "price.crypto", "filter": {"symbol": "btcusd"}}
SECOND = 1_795_132_800
E18 = 10**18


def auth_of(trader: Client, **change: str) -> dict[str, Any]:
    keys = trader.credentials
    shown = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase} | change
    return {"op": "auth", "rid": "a1", "auth": shown}


def say(socket: ClientConnection, frame: Any) -> Any:
    socket.send(frame if isinstance(frame, str) else json.dumps(frame))
    return json.loads(socket.recv(timeout=5))


def hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=5))


@contextmanager
def authed(bench: Bench, trader: Client) -> Iterator[Any]:
    with bench.socket("polybolt") as socket:
        assert say(socket, auth_of(trader)) == {"op": "authed", "rid": "a1"}
        yield socket


def publish(bench: Bench, second: int, value_e18: int = 64_210 * E18 + 123_456_700_000_000_000) -> None:
    bench.do(lambda: bench.polybolt.publish(SIXTY, second * 1000, second * 1000 + 1300, value_e18))


def drain(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=5)


def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        drain(socket)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_a_subscription_is_acknowledged_then_a_snapshot_then_updates_in_sequence(bench: Bench, trader: Client) -> None:
    publish(bench, SECOND - 1)
    with authed(bench, trader) as socket:
        assert say(socket, {"op": "subscribe", "rid": "s1", "subscriptions": [TWAP, SPOT]}) == {
            "op": "subscribed",
            "channel": "price.crypto.twap",
            "rid": "s1",
        }
        snapshot = hear(socket)
        assert hear(socket)["channel"] == "price.crypto"
        assert hear(socket)["payload"] == {"symbol": "btcusd", "source": "pyth", "data": []}
        publish(bench, SECOND)
        update = hear(socket)
    point = {"timestamp": (SECOND - 1) * 1000, "value": 64210.1234567, "full_accuracy_value": "64210.1234567"}
    assert snapshot["payload"] == {"symbol": "btcusd", "source": "chainlink", "window_seconds": 60, "data": [point]}
    assert (snapshot["v"], snapshot["seq"], snapshot["snapshot"]) == (1, 1, True)
    assert (update["seq"], update["ts"], "snapshot" in update) == (2, SECOND * 1000 + 1300, False)
    assert update["payload"] == {
        "symbol": "btcusd",
        "source": "chainlink",
        "window_seconds": 60,
        "timestamp": SECOND * 1000,
        "value": 64210.1234567,
        "full_accuracy_value": "64210.1234567",
        "is_carried_forward": False,
    }


def test_a_repeated_subscription_is_acknowledged_without_a_snapshot_and_can_be_left(
    bench: Bench, trader: Client
) -> None:
    with authed(bench, trader) as socket:
        say(socket, {"op": "subscribe", **TWAP})
        hear(socket)
        assert say(socket, {"op": "subscribe", "rid": "2", **TWAP})["op"] == "subscribed"
        assert say(socket, {"op": "unsubscribe", "rid": "3", "subscriptions": [TWAP]})["op"] == "unsubscribed"
        publish(bench, SECOND)
        assert say(socket, {"op": "ping", "rid": "p"}) == {"op": "pong", "rid": "p"}


def test_without_credentials_nothing_and_with_wrong_ones_an_error_that_leaves_the_socket_open(
    bench: Bench, trader: Client
) -> None:
    with bench.socket("polybolt") as socket:
        refused = {"op": "error", "code": "auth_required", "channel": "price.crypto.twap", "rid": "1"}
        assert say(socket, {"op": "subscribe", "rid": "1", "subscriptions": [TWAP]}) == refused
        assert say(socket, auth_of(trader, secret="x"))["code"] == "auth_invalid"
        assert say(socket, {"op": "auth", "ticket": "t"})["code"] == "auth_expired"
        bench.do(lambda: setattr(bench.polybolt, "is_available", lambda: False))
        assert say(socket, auth_of(trader))["code"] == "auth_unavailable"
        bench.do(lambda: setattr(bench.polybolt, "is_available", lambda: True))
        assert say(socket, auth_of(trader))["op"] == "authed"


def test_each_malformed_frame_has_its_code(bench: Bench, trader: Client) -> None:
    def code(socket: ClientConnection, item: dict[str, Any]) -> str:
        return str(say(socket, {"op": "subscribe", "subscriptions": [item]})["code"])

    with authed(bench, trader) as socket:
        assert say(socket, "not json")["code"] == "bad_op"
        assert say(socket, {"op": "dance"})["code"] == "bad_op"
        assert say(socket, {"op": "subscribe", "subscriptions": []})["code"] == "bad_op"
        assert code(socket, {"channel": "price.moon", "filter": {}}) == "bad_channel"
        assert code(socket, {"channel": "price.crypto", "filter": {"symbol": "btc/usd"}}) == "bad_filter"
        assert code(socket, {"channel": "price.crypto.twap", "filter": {"symbol": "btcusd"}}) == "bad_filter"
        assert (
            code(socket, {"channel": "price.crypto", "filter": {"symbol": "btcusd", "provider": "me"}}) == "bad_filter"
        )


def test_a_refused_item_does_not_stop_its_batch(bench: Bench, trader: Client) -> None:
    with authed(bench, trader) as socket:
        assert say(socket, {"op": "subscribe", "subscriptions": [{"channel": "no"}, TWAP]})["code"] == "bad_channel"
        assert hear(socket)["op"] == "subscribed"


def test_the_twenty_first_frame_of_a_second_closes_with_4008(bench: Bench, trader: Client) -> None:
    with authed(bench, trader) as socket:
        for _ in range(21):
            socket.send(json.dumps({"op": "unsubscribe", **TWAP}))
        answers = [hear(socket) for _ in range(21)]
        assert [a.get("code") for a in answers] == [None] * 20 + ["rate_limited"]
        assert closed_with(socket) == 4008


def test_the_sixty_fifth_subscription_closes_with_4008(bench: Bench, trader: Client) -> None:
    many = [
        {"channel": "price.crypto.twap", "filter": {"symbol": "ethusd", "window_seconds": n + 1}} for n in range(65)
    ]
    with authed(bench, trader) as socket:
        socket.send(json.dumps({"op": "subscribe", "subscriptions": many}))
        answers = [hear(socket) for _ in range(129)]
        assert sum(a.get("op") == "subscribed" for a in answers) == 64
        assert answers[-1]["code"] == "sub_limit"
        assert closed_with(socket) == 4008


def test_the_ninth_auth_frame_and_a_frame_too_large_close_with_4008(bench: Bench, trader: Client) -> None:
    with bench.socket("polybolt") as socket:
        answers = [say(socket, auth_of(trader, secret="x"))["code"] for _ in range(9)]
        assert answers == ["auth_invalid"] * 8 + ["auth_attempts"]
        assert closed_with(socket) == 4008
    with bench.socket("polybolt") as socket:
        socket.send(json.dumps({"op": "ping", "rid": "x" * 65_536}))
        assert closed_with(socket) == 4008


def test_a_deleted_key_closes_its_sockets_with_4001(bench: Bench, trader: Client) -> None:
    with authed(bench, trader) as socket:
        say(socket, {"op": "subscribe", **TWAP})
        hear(socket)
        assert trader.private("DELETE", "/auth/api-key")[0] == 200
        publish(bench, SECOND)
        assert closed_with(socket) == 4001


def test_a_venue_that_leaves_says_4003(bench: Bench, trader: Client) -> None:
    with authed(bench, trader) as socket:
        bench.do(bench.polybolt.drain)
        assert closed_with(socket) == 4003


def test_who_falls_behind_loses_frames_which_are_counted_and_then_the_socket(bench: Bench, trader: Client) -> None:
    with authed(bench, trader) as socket:
        say(socket, {"op": "subscribe", **TWAP})
        hear(socket)

        def burst(frames: int) -> None:
            for n in range(frames):  # on the venue's own loop: nothing can be sent meanwhile
                bench.polybolt.publish(SIXTY, (SECOND + n) * 1000, SECOND * 1000, E18)

        bench.do(lambda: burst(300))
        seen = [hear(socket)["seq"] for _ in range(256)]
        assert seen == list(range(2, 258))
        publish(bench, SECOND)
        late = hear(socket)
        assert (late["seq"], late["dropped"]) == (258, 44)
        bench.do(lambda: burst(256 + 600))
        assert closed_with(socket) == 4002


def test_a_missing_second_is_carried_forward_with_its_old_stamp_and_a_long_gap_is_silence(
    bench: Bench, trader: Client
) -> None:
    wires = PriceWires(bench.rtds, bench.polybolt)

    def printed(second: int) -> None:
        at_ns = second * 10**9 + 13 * 10**8
        bench.do(lambda: wires.oracle(OraclePrint("twap60", second, 64_210 * E18, at_ns, at_ns)))

    with authed(bench, trader) as socket:
        say(socket, {"op": "subscribe", **TWAP})
        hear(socket)
        for second in (SECOND, SECOND + 2, SECOND + 30):
            printed(second)
        heard = [hear(socket) for _ in range(4)]
    shown = [(f["payload"]["timestamp"] // 1000 - SECOND, f["payload"]["is_carried_forward"]) for f in heard]
    assert shown == [(0, False), (0, True), (2, False), (30, False)]


def test_what_is_not_the_settlement_price_differs_from_it(bench: Bench, trader: Client) -> None:
    wires = PriceWires(bench.rtds, bench.polybolt)
    with authed(bench, trader) as socket:
        say(socket, {"op": "subscribe", **SPOT})
        hear(socket)
        bench.do(lambda: wires.exchange(SECOND, 64_210.12))
        shown = hear(socket)["payload"]
    assert shown["source"] == "pyth" and 64_190 < shown["value"] < 64_200
    assert float(shown["full_accuracy_value"]) == shown["value"]


def test_exact_prices_are_plain_decimals() -> None:
    assert decimal_of(64_210 * E18) == "64210"
    assert decimal_of(E18 // 8) == "0.125"
    assert decimal_of(1) == "0.000000000000000001"
