"""Signature types 0–3: who holds the money, whose signature counts, and whose balance is shown."""

import json
from typing import Any

import pytest

from messages import OrderType
from messages.inner import SignOrder
from polybot.adapters.polymarket.signing import OrderSigner
from polybot.core.executor.books.order_state import metadata_of, salt_of
from polybot.venue.accounts.funders import funder_of
from tests.build import order_fields
from tests.venue.conftest import Bench, Client, Opener

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
OTHER = "0x" + "22" * 20
# derived by the official SDK (0.14.0) for the key 0x11…11
SIGNER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
FUNDERS = {
    0: SIGNER,
    1: "0x6Cd089333445c89b55B7693c6009DCc229613738",
    2: "0x75F00B003FBBBA193FABEB06284c3187a4C1232E",
    3: "0x8154deDBDAAA46c07453E47b5b6C0Ff60B8542b9",
}


def order(
    trader: Client,
    kind: int,
    funder: str,
    intent: str = "i",
    maker_e6: int = 4_000_000,
    taker_e6: int = 10_000_000,
    order_type: OrderType = "GTC",
    post_only: bool = True,
) -> tuple[str, dict[str, Any]]:
    """(id, body of POST /order), by default of one that rests."""
    fields = order_fields(
        salt=salt_of(intent),
        token_id=UP,
        maker_e6=maker_e6,
        taker_e6=taker_e6,
        timestamp_ms=trader.clock.ns // 1_000_000,
        metadata=metadata_of(intent),
        order_type=order_type,
        post_only=post_only,
    )
    signer = OrderSigner(trader.wallet, trader.credentials.api_key, kind, funder if kind else "")
    done = signer.sign(SignOrder(intent_id=intent, fields=fields))
    assert not done.why, done.why
    return done.order_id, json.loads(done.body)


def post(trader: Client, body: dict[str, Any]) -> tuple[int, Any]:
    answer: tuple[int, Any] = trader.private("POST", "/order", json.dumps(body).encode())
    return answer


def balance(trader: Client, kind: int | str) -> int:
    asked = f"/balance-allowance?asset_type=COLLATERAL&signature_type={kind}"
    return int(trader.private("GET", asked)[1]["balance"])


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_the_factories_addresses_are_those_the_sdk_derives(kind: int) -> None:
    assert funder_of(SIGNER, kind) == FUNDERS[kind]


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_an_order_of_each_type_rests_and_reserves_its_funders_money(bench: Bench, trader: Client, kind: int) -> None:
    order_id, body = order(trader, kind, FUNDERS[kind])
    status, answer = post(trader, body)
    assert (status, answer["status"], answer["orderID"]) == (200, "live", order_id), answer
    shown = trader.private("GET", f"/data/order/{order_id}")[1]
    assert shown["maker_address"] == FUNDERS[kind]


def test_balances_are_told_apart_by_type_and_each_pays_for_its_own_orders(bench: Bench, trader: Client) -> None:
    _, body = order(trader, 2, FUNDERS[2], order_type="FAK", post_only=False, maker_e6=5_200_000)
    answer = post(trader, body)[1]
    assert answer["takingAmount"] == "10", answer
    spent = 1_000_000_000 - balance(trader, 2)
    assert spent == 5_200_000 + 174_720
    assert [balance(trader, kind) for kind in (0, 1, 3)] == [1_000_000_000] * 3
    shares = "/balance-allowance?asset_type=CONDITIONAL&token_id=" + UP
    assert trader.private("GET", f"{shares}&signature_type=2")[1]["balance"] == "10000000"
    assert trader.private("GET", f"{shares}&signature_type=0")[1]["balance"] == "0"
    assert trader.private("GET", "/balance-allowance?asset_type=COLLATERAL&signature_type=4")[0] == 400


def test_a_funder_of_ones_own_choosing_is_the_one_its_type_shows(bench: Bench, trader: Client) -> None:
    post(trader, order(trader, 1, OTHER, order_type="FAK", post_only=False, maker_e6=5_200_000)[1])
    assert balance(trader, 1) < 1_000_000_000
    assert bench.house.engine.account_balance(OTHER) == balance(trader, 1)


def test_what_type_a_funder_is_survives_a_restart(opener: Opener) -> None:
    bench = opener.open()
    bench.quote()
    bench.client.login()
    post(bench.client, order(bench.client, 1, OTHER, order_type="FAK", post_only=False, maker_e6=5_200_000)[1])
    spent = balance(bench.client, 1)
    opener.close()
    again = opener.open(clock=bench.clock)
    again.client.credentials = bench.client.credentials
    assert balance(again.client, 1) == spent < 1_000_000_000


def test_a_wrapped_signature_is_unwrapped_and_every_byte_of_it_counts(bench: Bench, trader: Client) -> None:
    _, body = order(trader, 3, FUNDERS[3])
    good = bytes.fromhex(body["order"]["signature"][2:])
    assert len(good) == 317
    for at in (10, 65, 97, 140, 316):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        refused = body | {"order": body["order"] | {"signature": "0x" + bad.hex()}}
        assert post(trader, refused) == (400, {"error": "invalid signature"}), at
    plain = body | {"order": body["order"] | {"signature": "0x" + good[:65].hex()}}
    assert post(trader, plain) == (400, {"error": "invalid signature"})
    assert post(trader, body)[0] == 200


def test_a_signature_of_another_type_or_for_another_funder_is_invalid(bench: Bench, trader: Client) -> None:
    _, body = order(trader, 1, FUNDERS[1])
    assert post(trader, body | {"order": body["order"] | {"signatureType": 2}})[1]["error"] == "invalid signature"
    assert post(trader, body | {"order": body["order"] | {"maker": FUNDERS[2]}})[1]["error"] == "invalid signature"


def test_money_that_leaves_takes_uncovered_orders_with_it_and_the_data_api_tells_of_it(opener: Opener) -> None:
    bench = opener.open()
    bench.quote()
    bench.client.login()
    order_id, wallet = bench.client.resting(), bench.client.wallet.address
    bench.do(lambda: bench.house.withdraw(wallet.lower(), 997_000_000))
    bench.do(bench.house.flush)
    shown = bench.client.private("GET", f"/data/order/{order_id}")[1]
    assert shown["status"] == "CANCELED_NOT_ENOUGH_BALANCE"
    asked = f"/v2/activity?user={wallet}&type=WITHDRAWAL&exclude_deposits_withdrawals=false"
    rows = bench.client.get("data", asked)[1]["data"]
    assert [(r["type"], r["usdc_size"]) for r in rows] == [("WITHDRAWAL", 997)]
    opener.close()
    again = opener.open(clock=bench.clock)
    assert again.client.get("data", asked)[1]["data"] == rows, "remembered"
