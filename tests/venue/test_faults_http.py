"""Each fault of the CLOB's REST, over real sockets: what the client sees, and what the venue did meanwhile."""

import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from polybot.adapters.net.reads import Known, Unknown
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.geoblock import read_geoblock
from polybot.venue.faults.script import read_fault
from tests.trades import trades_of
from tests.venue.conftest import Bench, Client

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
USD = 1_000_000_000


def arm(bench: Bench, kind: str, **fields: Any) -> None:
    bench.do(lambda: bench.faults.arm(read_fault({"kind": kind, **fields})))


def clear(bench: Bench) -> None:
    bench.do(bench.faults.clear)


def raw(trader: Client, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a signed request."""
    from polybot.adapters.polymarket.signing import RequestSigner

    headers = RequestSigner(trader.wallet.address, trader.credentials).headers(
        trader.clock.ns // 1_000_000_000, method, path, body
    )
    request = urllib.request.Request(trader.urls["clob"] + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, dict(exc.headers), exc.read()


def known(bench: Bench, order_id: str) -> Any:
    return bench.do(lambda: bench.house.engine.order(order_id))


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request"])
def test_the_connection_breaks_and_the_order_is_taken_or_not(bench: Bench, trader: Client, kind: str) -> None:
    arm(bench, kind, times=1)
    order_id, body = trader.signed()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
        raw(trader, "POST", "/order", body)
    assert (known(bench, order_id) is not None) == (kind == "lost_answer")
    status, _, text = raw(trader, "POST", "/order", body)
    if kind == "lost_answer":
        assert (status, json.loads(text)["error"]) == (400, f"order {order_id} is invalid. Duplicated.")
        _, shown = trader.private("GET", f"/data/order/{order_id}")
        assert shown["size_matched"] == "9.0909"
    else:
        assert (status, json.loads(text)["status"]) == (200, "matched")


def test_a_late_answer_is_late_and_the_order_was_taken_at_once(bench: Bench, trader: Client) -> None:
    import threading

    arm(bench, "late_answer", delay_s=1.0, clock="machine")
    order_id, body = trader.signed()
    answered: list[int] = []
    asking = threading.Thread(target=lambda: answered.append(raw(trader, "POST", "/order", body)[0]))
    began = time.monotonic()
    asking.start()
    while known(bench, order_id) is None:
        assert time.monotonic() < began + 5
    assert answered == []
    asking.join(10)
    assert answered == [200]
    assert time.monotonic() - began >= 1.0


def test_the_user_channel_can_tell_of_a_fill_before_http_does(bench: Bench, trader: Client) -> None:
    import threading

    with bench.socket("ws_user") as socket:
        keys = trader.credentials
        auth = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}
        socket.send(json.dumps({"type": "user", "auth": auth}))
        while not bench.do(lambda: bench.house.user_channel.listeners):
            time.sleep(0.01)
        arm(bench, "late_answer", delay_s=3.0, clock="machine")
        _, body = trader.signed()
        answered: list[int] = []
        asking = threading.Thread(target=lambda: answered.append(raw(trader, "POST", "/order", body)[0]))
        asking.start()
        event = json.loads(socket.recv(timeout=5))
        assert event["event_type"] in ("order", "trade")
        assert answered == []
        asking.join(10)
        assert answered == [200]


def test_order_timed_out_with_the_order_taken_and_a_refusal_stays_one(bench: Bench, trader: Client) -> None:
    arm(bench, "order_timeout")
    order_id, body = trader.signed()
    status, _, text = raw(trader, "POST", "/order", body)
    assert (status, json.loads(text)) == (500, {"error": "order timed out"})
    assert known(bench, order_id).status == "MATCHED"
    _, poor = trader.signed("main/test/w/2", maker_e6=500_000, taker_e6=909_000)
    status, _, text = raw(trader, "POST", "/order", poor)
    assert status == 400
    assert "min size: $1" in json.loads(text)["error"]


def test_a_restart_is_425_for_90_s_then_post_only_for_120_s(bench: Bench, trader: Client) -> None:
    arm(bench, "restart")
    _, taker = trader.signed()
    status, _, _ = raw(trader, "POST", "/order", taker)
    assert status == 425
    assert raw(trader, "DELETE", "/cancel-all", b"")[0] == 425
    bench.pass_time(89.9)
    assert raw(trader, "POST", "/order", taker)[0] == 425
    bench.pass_time(0.2)
    status, headers, text = raw(trader, "POST", "/order", taker)
    told = json.loads(text)
    assert status == 503
    assert told == {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 120,
    }
    assert headers["retry-after"] == "120"
    resting = trader.resting()
    assert trader.private("DELETE", "/order", json.dumps({"orderID": resting}).encode())[1]["canceled"] == [resting]
    bench.pass_time(120)
    _, later = trader.signed("main/test/w/3")
    assert raw(trader, "POST", "/order", later)[0] == 200


def test_429_names_when_to_come_back(bench: Bench, trader: Client) -> None:
    arm(bench, "rate_limit", retry_after_s=3, times=1)
    order_id, body = trader.signed()
    status, headers, _ = raw(trader, "POST", "/order", body)
    assert (status, headers["retry-after"]) == (429, "3")
    assert known(bench, order_id) is None
    assert raw(trader, "POST", "/order", body)[0] == 200


def test_a_block_is_html_on_orders_while_market_data_works(bench: Bench, trader: Client) -> None:
    arm(bench, "geoblock")
    order_id, body = trader.signed()
    status, headers, text = raw(trader, "POST", "/order", body)
    assert (status, headers["content-type"]) == (403, "text/html; charset=UTF-8")
    assert text.startswith(b"<!DOCTYPE html>")
    assert known(bench, order_id) is None
    assert bench.client.get("clob", f"/book?token_id={UP}")[0] == 200


@pytest.mark.parametrize(("kind", "blocked"), [("geoblock", True), ("403_page", False)])
def test_a_page_is_a_block_only_where_the_geoblock_endpoint_says_so(
    bench: Bench, trader: Client, kind: str, blocked: bool
) -> None:
    arm(bench, kind)
    assert raw(trader, "POST", "/order", trader.signed()[1])[0] == 403
    told = read_geoblock(trader.urls["geoblock"], 5.0)
    assert (told.known, told.blocked) == (True, blocked)


def test_cancel_only_takes_cancels_and_no_orders_and_disabled_takes_neither(bench: Bench, trader: Client) -> None:
    resting = json.dumps({"orderID": trader.resting()}).encode()
    arm(bench, "cancel_only")
    _, body = trader.signed()
    status, _, text = raw(trader, "POST", "/order", body)
    assert status == 503
    assert "cancel-only" in json.loads(text)["error"]
    arm(bench, "trading_disabled")
    assert raw(trader, "DELETE", "/order", resting)[0] == 503
    bench.do(lambda: bench.faults.clear("trading_disabled"))
    assert raw(trader, "DELETE", "/order", resting)[0] == 200


def test_a_stale_book_keeps_its_first_answer_until_it_is_over(bench: Bench) -> None:
    arm(bench, "stale_book", for_s=30)
    first = bench.client.get("clob", f"/book?token_id={UP}")[1]
    bench.quote(bid_e6=600_000, ask_e6=620_000)
    assert bench.client.get("clob", f"/book?token_id={UP}")[1] == first
    bench.pass_time(31)
    assert bench.client.get("clob", f"/book?token_id={UP}")[1]["bids"][-1]["price"] == "0.6"


def test_a_heartbeat_is_refused_with_an_id_to_send_instead(bench: Bench, trader: Client) -> None:
    arm(bench, "heartbeat_refused")
    status, _, text = raw(trader, "POST", "/v1/heartbeats", b'{"heartbeat_id":""}')
    told = json.loads(text)
    assert status == 400
    assert told["error_msg"] == "Invalid Heartbeat ID"
    assert len(told["heartbeat_id"]) == 36


def test_a_failed_trade_gives_everything_back_and_is_told(bench: Bench, trader: Client) -> None:
    arm(bench, "trade_fails")
    wallet = trader.wallet.address.lower()
    _, body = trader.signed()
    status, _, text = raw(trader, "POST", "/order", body)
    (trade_id,) = json.loads(text)["tradeIDs"]
    assert status == 200
    assert bench.do(lambda: bench.house.engine.account_balance(wallet)) < USD
    seen = []
    for _ in range(15):
        seen.append(trader.private("GET", f"/data/trades?id={trade_id}")[1]["data"][0]["status"])
        bench.pass_time(1)
    assert list(dict.fromkeys(seen)) == ["MATCHED", "RETRYING", "FAILED"]
    assert bench.do(lambda: bench.house.engine.account_balance(wallet)) == USD
    assert bench.do(lambda: bench.house.engine.account_balance(wallet, UP)) == 0


def test_a_trade_may_need_a_second_attempt(bench: Bench, trader: Client) -> None:
    arm(bench, "trade_fails", ends="CONFIRMED")
    _, body = trader.signed()
    (trade_id,) = json.loads(raw(trader, "POST", "/order", body)[2])["tradeIDs"]
    seen = []
    for _ in range(20):
        seen.append(trader.private("GET", f"/data/trades?id={trade_id}")[1]["data"][0]["status"])
        bench.pass_time(1)
    assert list(dict.fromkeys(seen)) == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]


def test_trades_are_told_without_their_sizes_and_are_unknown_until_they_are_told_whole(
    bench: Bench, trader: Client
) -> None:
    assert raw(trader, "POST", "/order", trader.signed()[1])[0] == 200
    clob = Clob(trader.urls["clob"], trader.wallet, lambda: trader.clock.ns // 10**9, credentials=trader.credentials)
    arm(bench, "empty_size", for_s=60)
    (shown,) = trader.private("GET", "/data/trades")[1]["data"]
    assert (shown["size"], {maker["matched_amount"] for maker in shown["maker_orders"]}) == ("", {""})
    assert isinstance(trades_of(clob), Unknown)
    bench.pass_time(61)
    match trades_of(clob):
        case Known((trade,)):
            assert trade.size_e6 == 9_090_900
        case other:
            raise AssertionError(other)


def test_a_balance_of_null_is_unknown_until_it_is_told(bench: Bench, trader: Client) -> None:
    clob = Clob(trader.urls["clob"], trader.wallet, lambda: trader.clock.ns // 10**9, credentials=trader.credentials)
    arm(bench, "balance_null", for_s=60)
    path = "/balance-allowance?asset_type=COLLATERAL&signature_type=0"
    assert trader.private("GET", path) == (200, {"balance": None, "allowances": {}})
    assert isinstance(clob.balance(), Unknown)
    bench.pass_time(61)
    assert isinstance(clob.balance(), Known)


# --- live


def ctl(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    import os

    environment = os.environ | {"POLYBOT_STATE": str(folder)}
    command = [sys.executable, "-m", "polybot.cli", "venue", "fault", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_faults_are_added_shown_and_cleared_while_the_venue_runs(bench: Bench, trader: Client, tmp_path: Path) -> None:
    (tmp_path / "venue").symlink_to(tmp_path)
    assert (tmp_path / "control.json").stat().st_mode & 0o777 == 0o600
    assert ctl(tmp_path, "add", "rate_limit", "retry_after_s=7").returncode == 0
    _, body = trader.signed()
    assert raw(trader, "POST", "/order", body)[1]["retry-after"] == "7"
    (shown,) = json.loads(ctl(tmp_path, "list", "--json").stdout)["faults"]
    assert (shown["name"], shown["on"], shown["struck"]) == ("rate_limit", True, 1)
    wrong = ctl(tmp_path, "add", "rate_limt")
    assert (wrong.returncode, wrong.stderr) == (1, 'fault 1: unknown kind "rate_limt": did you mean "rate_limit"?\n')
    assert ctl(tmp_path, "clear").stdout == "no faults\n"
    assert raw(trader, "POST", "/order", body)[0] == 200


def test_nobody_without_the_token_controls_the_venue(bench: Bench, tmp_path: Path) -> None:
    url = json.loads((tmp_path / "control.json").read_text())["url"] + "/faults"
    for headers in ({}, {"Authorization": "Bearer 00"}):
        assert bench.client.http(url, "DELETE", None, headers)[0] == 401
