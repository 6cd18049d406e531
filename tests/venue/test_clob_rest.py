"""The CLOB by REST, over real sockets, spoken to with the bot's own signatures."""

import hashlib
import json
from typing import Any

import pytest

from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.signing import Wallet, auth_headers
from tests.venue.conftest import Bench, Client

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
SECOND = 1_000_000_000
CID = "0x" + "74" * 32


def test_time_is_world_time_in_whole_seconds(bench: Bench) -> None:
    assert bench.client.get("clob", "/time") == (200, bench.clock.ns // SECOND)


def test_book_is_worst_first_and_its_hash_can_be_recomputed(bench: Bench) -> None:
    status, book = bench.client.get("clob", f"/book?token_id={UP}")
    assert status == 200
    assert [level["price"] for level in book["bids"]] == ["0.48", "0.49", "0.5"]
    assert [level["price"] for level in book["asks"]] == ["0.54", "0.53", "0.52"]
    shown = book["hash"]
    text = json.dumps(book | {"hash": ""}, separators=(",", ":"))
    assert hashlib.sha1(text.encode()).hexdigest() == shown


def test_down_is_the_mirror_of_up(bench: Bench) -> None:
    down = bench.listing.down_token
    _, book = bench.client.get("clob", f"/book?token_id={down}")
    assert (book["bids"][-1]["price"], book["asks"][-1]["price"]) == ("0.48", "0.5")


@pytest.mark.parametrize(("token", "status", "text"), [("abc", 400, "Invalid token id"), ("123", 404, "No orderbook")])
def test_unknown_tokens_are_named_as_the_venue_names_them(bench: Bench, token: str, status: int, text: str) -> None:
    code, body = bench.client.get("clob", f"/book?token_id={token}")
    assert code == status
    assert body["error"].startswith(text)


def test_market_objects_carry_tick_fee_and_delay(bench: Bench) -> None:
    _, compact = bench.client.get("clob", f"/clob-markets/{CID}")
    assert compact["fd"] == {"r": 0.07, "e": 1, "to": True}
    assert (compact["mts"], compact["mos"], compact["itode"]) == (0.01, 5, True)
    _, full = bench.client.get("clob", f"/markets/{CID}")
    assert [t["outcome"] for t in full["tokens"]] == ["Up", "Down"]
    assert not any(t["winner"] for t in full["tokens"])


def test_prices_of_one_token(bench: Bench) -> None:
    get = bench.client.get
    assert get("clob", f"/price?token_id={UP}&side=BUY") == (200, {"price": "0.5"})
    assert get("clob", f"/price?token_id={UP}&side=SELL") == (200, {"price": "0.52"})
    assert get("clob", f"/midpoint?token_id={UP}") == (200, {"mid": "0.51"})
    assert get("clob", f"/tick-size?token_id={UP}") == (200, {"minimum_tick_size": 0.01})
    assert get("clob", f"/neg-risk?token_id={UP}") == (200, {"neg_risk": False})
    assert get("clob", f"/fee-rate?token_id={UP}") == (200, {"base_fee": 1000})


def test_credentials_are_created_once_and_derived_for_ever(bench: Bench) -> None:
    made = bench.client.login()
    headers = auth_headers(bench.client.wallet, bench.clock.ns // SECOND)
    url = bench.urls["clob"]
    again, body = bench.client.http(url + "/auth/api-key", "POST", b"", headers)
    assert (again, body["error"]) == (400, "Could not create api key")
    status, derived = bench.client.http(url + "/auth/derive-api-key", "GET", None, headers)
    assert (status, derived["apiKey"]) == (200, made.api_key)


def test_a_wallet_signature_by_another_key_opens_nothing(bench: Bench) -> None:
    headers = auth_headers(Wallet("22" * 32), bench.clock.ns // SECOND)
    headers["POLY_ADDRESS"] = bench.client.wallet.address
    status, body = bench.client.http(bench.urls["clob"] + "/auth/api-key", "POST", b"", headers)
    assert (status, body["error"]) == (401, "Invalid L1 Request headers")


def test_the_published_hmac_vectors_are_reproduced() -> None:
    from polybot.venue.accounts.api_keys import l2_signature

    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert l2_signature(secret, "1795132800", "GET", "/data/orders", b"") == (
        "p4ygqcTwMhxeTnfOd0xuT8-qPp3daMmIrXBsAz0ft3M="
    )
    body = b'{"orderID":"0x' + b"ab" * 32 + b'"}'
    assert l2_signature(secret, "1795132800", "DELETE", "/order", body) == (
        "__jorHYxx1s-pe26GK6VLOyK_TDW-HXm0y4VWWrBOC4="
    )


def test_the_published_order_vector_is_read_hashed_and_accepted_as_signed() -> None:
    from polybot.venue.accounts.signatures import check_parties, read_envelope

    address = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
    signature = (
        "0x6203bc6416a2cac5c751b5d09094e910bf82c7c8b8036449f8d7b39e4cb2106f"
        "29daac6b7260353dde4e0eab980a2051ad5fbe2731ab65dd589d3c377af8414c1c"
    )
    order = {
        "salt": 271828182845,
        "maker": address,
        "signer": address,
        "tokenId": UP,
        "makerAmount": "2600000",
        "takerAmount": "5000000",
        "side": "BUY",
        "expiration": "0",
        "signatureType": 0,
        "timestamp": "1795132800123",
        "metadata": "0x" + "00" * 32,
        "builder": "0x" + "00" * 32,
        "signature": signature,
    }
    wire = read_envelope({"order": order, "orderType": "GTC", "owner": "k", "deferExec": False})
    assert wire.order_id == "0x83e41f37ea5cbae57243eb46addd3e8073b4c5f1430a75a9af36fd73bca45c5e"
    check_parties(wire, address, "k")


@pytest.mark.parametrize(("skew_s", "status"), [(30, 200), (-30, 200), (31, 401), (-31, 401)])
def test_private_requests_are_good_for_thirty_seconds_of_world_time(trader: Client, skew_s: int, status: int) -> None:
    assert trader.private("GET", "/data/orders", skew_s=skew_s)[0] == status


def test_another_secret_is_nobody(trader: Client) -> None:
    from dataclasses import replace

    trader.credentials = replace(trader.credentials, secret="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    status, body = trader.private("GET", "/data/orders")
    assert (status, body["error"]) == (401, "Unauthorized/Invalid api key")


def test_an_unseen_wallet_gets_its_grant_and_full_allowances(trader: Client) -> None:
    status, body = trader.private("GET", "/balance-allowance?asset_type=COLLATERAL&signature_type=0")
    assert (status, body["balance"]) == (200, "1000000000")
    assert int(body["allowances"][eip712.EXCHANGE]) > 10**70


def test_a_marketable_order_is_held_and_answered_with_its_fill(bench: Bench, trader: Client) -> None:
    at = bench.clock.ns
    order_id, body = trader.signed()
    status, answer = trader.private("POST", "/order", body)
    assert status == 200
    assert bench.delays == [at + 150_000_000]
    assert (answer["orderID"], answer["status"], answer["errorMsg"]) == (order_id, "matched", "")
    assert float(answer["makingAmount"]) <= 5
    assert len(answer["tradeIDs"]) == 1
    _, shown = trader.private("GET", f"/data/order/{order_id}")
    assert (shown["status"], shown["size_matched"]) == ("MATCHED", answer["takingAmount"])


def test_cost_and_fee_leave_the_balance_to_the_millionth(trader: Client) -> None:
    _, body = trader.signed(maker_e6=5_200_000, taker_e6=10_000_000)
    _, answer = trader.private("POST", "/order", body)
    assert (answer["makingAmount"], answer["takingAmount"]) == ("5.2", "10")
    _, shown = trader.private("GET", "/balance-allowance?asset_type=COLLATERAL")
    fee = 174_720  # 10 × 0.07 × 0.52 × 0.48
    assert int(shown["balance"]) == 1_000_000_000 - 5_200_000 - fee
    _, shares = trader.private("GET", f"/balance-allowance?asset_type=CONDITIONAL&token_id={UP}")
    assert shares["balance"] == "10000000"


def test_the_same_order_twice_is_duplicated(trader: Client) -> None:
    order_id, body = trader.signed()
    trader.private("POST", "/order", body)
    status, answer = trader.private("POST", "/order", body)
    assert (status, answer["error"]) == (400, f"order {order_id} is invalid. Duplicated.")


def test_a_fak_that_finds_nothing_says_so(trader: Client) -> None:
    _, body = trader.signed(maker_e6=5_000_000, taker_e6=10_000_000)
    status, answer = trader.private("POST", "/order", body)
    assert status == 400
    assert answer["error"].startswith("no orders found to match with FAK order.")


def test_a_signature_for_another_domain_version_is_invalid(trader: Client) -> None:
    order_id, body = trader.signed()
    domain = eip712.domain_separator("1", eip712.EXCHANGE)
    envelope = json.loads(body)
    order = envelope["order"]
    hashed = eip712.struct_hash(
        eip712.OrderStruct(
            order["salt"],
            eip712.address_word(order["maker"]),
            eip712.address_word(order["signer"]),
            int(order["tokenId"]),
            int(order["makerAmount"]),
            int(order["takerAmount"]),
            0,
            0,
            int(order["timestamp"]),
            bytes.fromhex(order["metadata"][2:]),
        )
    )
    order["signature"] = "0x" + eip712.sign(trader.wallet.key, eip712.digest(domain, hashed)).hex()
    status, answer = trader.private("POST", "/order", json.dumps(envelope).encode())
    assert (status, answer["error"]) == (400, "invalid signature")
    assert trader.private("GET", f"/data/order/{order_id}")[0] == 404


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"owner": "someone"}, "the order owner has to be the owner of the API KEY"),
        ({"orderType": "GTX"}, "Invalid order payload"),
    ],
)
def test_an_envelope_that_does_not_fit_the_key_is_refused(trader: Client, change: dict[str, Any], text: str) -> None:
    _, body = trader.signed()
    status, answer = trader.private("POST", "/order", json.dumps(json.loads(body) | change).encode())
    assert (status, answer["error"]) == (400, text)


def test_an_order_signed_by_a_stranger_is_invalid(trader: Client) -> None:
    mine, trader.wallet = trader.wallet, Wallet("22" * 32)
    _, body = trader.signed()
    trader.wallet = mine
    status, answer = trader.private("POST", "/order", body)
    assert (status, answer["error"]) == (400, "the order signer address has to be the address of the API KEY")


def test_cancel_all_empties_and_proves_it(trader: Client) -> None:
    first, second = trader.resting("a", 400_000), trader.resting("b", 410_000)
    _, listed = trader.private("GET", "/data/orders")
    assert [o["id"] for o in listed["data"]] == [first, second]
    status, answer = trader.private("DELETE", "/cancel-all")
    assert (status, answer) == (200, {"canceled": [first, second], "not_canceled": {}})
    _, listed = trader.private("GET", "/data/orders")
    assert (listed["data"], listed["next_cursor"]) == ([], "LTE=")


def test_cancelling_what_is_not_there_is_a_polite_no(trader: Client) -> None:
    order_id = trader.resting()
    body = json.dumps({"orderID": order_id}).encode()
    assert trader.private("DELETE", "/order", body)[1]["canceled"] == [order_id]
    _, again = trader.private("DELETE", "/order", body)
    assert again["not_canceled"] == {order_id: "already canceled or matched"}
    _, unknown = trader.private("DELETE", "/order", b'{"orderID":"0xabc"}')
    assert unknown["not_canceled"] == {"0xabc": "order not found"}


def test_lists_come_in_pages_until_the_last_cursor() -> None:
    from polybot.venue.net.paging import page

    rows = [{"n": n} for n in range(250)]
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor != "LTE=":
        answer = page(rows, cursor)
        seen += answer["data"]
        cursor = answer["next_cursor"]
    assert seen == rows


def test_trades_are_read_by_id_and_by_time(bench: Bench, trader: Client) -> None:
    _, body = trader.signed()
    trade_id = trader.private("POST", "/order", body)[1]["tradeIDs"][0]
    second = bench.clock.ns // SECOND
    _, found = trader.private("GET", f"/data/trades?id={trade_id}&after={second}")
    assert [(t["id"], t["trader_side"], t["status"]) for t in found["data"]] == [(trade_id, "TAKER", "MATCHED")]
    assert trader.private("GET", f"/data/trades?after={second + 1}")[1]["data"] == []
    bench.pass_time(15)
    _, found = trader.private("GET", "/data/trades")
    assert found["data"][0]["status"] == "CONFIRMED"


def test_a_batch_answers_leg_by_leg(trader: Client) -> None:
    good, bad = trader.signed("a")[1], trader.signed("b", maker_e6=500_000, taker_e6=909_000)[1]
    status, legs = trader.private("POST", "/orders", b"[" + good + b"," + bad + b"]")
    assert status == 200
    assert legs[0]["status"] == "matched"
    assert (legs[1]["orderID"], legs[1]["success"]) == ("", True)
    assert legs[1]["errorMsg"].startswith("invalid amount for a marketable BUY order")
