"""What other clients read: the Data API by market, Gamma's search, keys and rewards; and how they may spell their requests."""

import json
import urllib.request
from typing import Any

import pytest

from messages.inner import ForProbe, ReadActivity
from polybot.adapters.polymarket.data_api import DataApi
from tests.venue.conftest import Bench, Client

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
DOWN = "76630000000000000000000000000000000000000000000000000000000000000000000003403"
CID = "0x" + "74" * 32


@pytest.fixture
def holder(bench: Bench, trader: Client) -> Any:
    """Ten shares of Up at 0.52, on chain."""
    trader.private("POST", "/order", trader.signed(maker_e6=5_200_000, taker_e6=10_000_000)[1])
    for _ in range(3):
        bench.pass_time(6)
    return trader


def data(client: Any, path: str) -> Any:
    status, body = client.get("data", path)
    assert status == 200, body
    return body


def test_a_market_that_is_resolved_says_how_and_by_whom(bench: Bench, holder: Any) -> None:
    assert data(holder, f"/v2/resolutions?condition_id={CID}") == {"data": []}
    bench.resolve("DOWN")
    (row,) = data(holder, f"/v2/resolutions?condition_id={CID}")["data"]
    assert (row["status"], row["payouts"], row["price"], row["resolution_source"]) == (
        "resolved",
        [0, 10**6],
        0,
        "reported",
    )
    assert data(holder, f"/v2/resolutions?question_id={row['question_id']}")["data"] == [row]


def test_withdrawals_are_told_only_to_who_asks_for_them(bench: Bench, holder: Any) -> None:
    wallet = holder.wallet.address
    bench.do(lambda: bench.house.withdrawals.append((wallet.lower(), 10_000_000, bench.clock.ns // 10**9)))
    asked = f"/v2/activity?user={wallet}&type=WITHDRAWAL"
    for query in ("", "&exclude_deposits_withdrawals=true"):
        assert data(holder, asked + query)["data"] == []
    (row,) = data(holder, f"{asked}&exclude_deposits_withdrawals=false")["data"]
    assert (row["type"], row["usdc_size"]) == ("WITHDRAWAL", 10)
    read = DataApi(holder.urls["data"], wallet, 5.0).activity(ReadActivity(purpose=ForProbe(), after_s=0))
    assert [(each.kind, each.amount_e6) for each in read.rows] == [("WITHDRAWAL", -10_000_000)]


def test_price_history_comes_in_pages_with_a_cursor(bench: Bench, holder: Any) -> None:
    first = data(holder, f"/v2/prices-history?token_id={UP}&limit=1")
    assert [p["price"] for p in first["data"]] == [0.52]
    assert first["pagination"] == {"limit": 1, "offset": 0, "has_more": False, "next_cursor": None}
    (other,) = data(holder, f"/v2/prices-history?token_id={DOWN}")["data"]
    assert (other["price"], other["resolution_seconds"]) == (0.48, 60)
    for wish in ("interval=1h", "as_of=1795132900", "start=1795132800&end=1795132900"):
        assert len(data(holder, f"/v2/prices-history?token_id={UP}&{wish}")["data"]) == 1, wish
    assert data(holder, f"/v2/prices-history?token_id={UP}&as_of=1795132700")["data"] == []
    for wrong in ("token_id=77", f"token_id={UP}&interval=2y"):
        assert holder.get("data", f"/v2/prices-history?{wrong}")[0] == 400


def test_holders_interest_and_volume_of_a_market(bench: Bench, holder: Any) -> None:
    wallet = holder.wallet.address
    up, down = data(holder, f"/v2/holders?condition_id={CID}")["data"]
    assert [(h["proxy_wallet"], h["amount"]) for h in up["holders"]] == [(wallet, 10)] and down["holders"] == []
    (one, _) = data(holder, f"/holders?market={CID}")
    assert (one["token"], one["holders"][0]["proxyWallet"], one["holders"][0]["amount"]) == (UP, wallet, 10)
    assert data(holder, f"/v2/oi?condition_id={CID}")["data"] == [{"condition_id": CID, "value": 10}]
    event = holder.get("gamma", "/events?limit=1")[1][0]["id"]
    assert data(holder, f"/v2/live-volume?event_id={event}")["data"]["taker_volume_total"] == 10


def test_tokens_are_described_by_themselves_and_by_their_market(bench: Bench, holder: Any) -> None:
    by_token = data(holder, f"/v2/tokens?token_id={UP}&token_id={DOWN}")["data"]
    assert [row["outcome"] for row in by_token] == ["Up", "Down"]
    assert data(holder, f"/v2/tokens?condition={CID}")["data"] == by_token
    assert by_token[0]["opposite_token_id"] == DOWN


def test_approvals_and_statistics_of_a_wallet(bench: Bench, holder: Any) -> None:
    wallet = holder.wallet.address
    shown = data(holder, f"/v2/approvals?user={wallet}")["data"]
    assert (shown["address"], shown["chain_id"]) == (wallet.lower(), 137)
    assert all(row["approved"] for row in shown["contracts"]) and len(shown["contracts"]) == 17
    assert data(holder, f"/v2/user-stats?user={wallet}")["data"]["trades"] == 1
    assert data(holder, f"/v2/user-volume?user={wallet}")["data"] == {
        "volume": 10,
        "volume_usdc": 5.2,
        "trade_count": 1,
    }
    assert data(holder, "/v2/user-stats?user=0x" + "00" * 20) == {"data": None}
    assert data(holder, "/v2/status")["data"]["status"] == "ok"
    assert data(holder, "/v2/leaderboard")["data"] == []


def test_gamma_finds_events_by_words(bench: Bench) -> None:
    status, found = bench.client.get("gamma", "/public-search?q=bitcoin%20up")
    assert (status, [e["slug"] for e in found["events"]]) == (200, ["btc-updown-5m-1795132800"])
    assert found["pagination"] == {"hasMore": False, "totalResults": 1}
    assert bench.client.get("gamma", "/public-search?q=ethereum")[1]["events"] == []
    assert bench.client.get("gamma", "/public-search")[0] == 422


def test_rewards_and_keys_that_nobody_has_here_are_empty_or_refused(bench: Bench, trader: Client) -> None:
    for path in ("/rewards/user?date=2026-11-20", "/builder/trades"):
        assert trader.private("GET", path)[1]["data"] == []
    assert trader.private("GET", "/auth/builder-api-key") == (200, [])
    assert trader.private("POST", "/auth/readonly-api-key")[0] == 400
    assert trader.get("clob", "/rewards/markets/current")[1]["data"] == []


@pytest.mark.parametrize(
    "spelling", ["token_id={up}&token_id={down}", "token_id={up},{down}", "token_id[]={up}&token_id[]={down}"]
)
def test_lists_in_a_query_may_be_repeated_bracketed_or_comma_separated(
    bench: Bench, holder: Any, spelling: str
) -> None:
    rows = data(holder, "/v2/tokens?" + spelling.format(up=UP, down=DOWN))["data"]
    assert {row["token_id"] for row in rows} == {UP, DOWN}


def request(url: str, method: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=5) as answer:
        return answer.status, dict(answer.headers), answer.read()


def test_head_options_and_trailing_slashes_are_answered(bench: Bench) -> None:
    clob = bench.urls["clob"]
    assert request(f"{clob}/time", "HEAD")[0::2] == (200, b"")
    assert json.loads(request(f"{clob}/book/?token_id={UP}", "GET")[2])["asset_id"] == UP
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    status, headers, _ = request(f"{clob}/order", "OPTIONS", **preflight)
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
