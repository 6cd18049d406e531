"""What survives the venue's death, and what does not."""

import json
from pathlib import Path

from polybot.venue.accounts.store import VenueStore
from tests.venue.conftest import Opener

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"


def test_accounts_orders_and_trades_survive_and_resting_orders_do_not(opener: Opener) -> None:
    first = opener.open()
    first.quote()
    trader = first.client
    trader.login()
    taken = trader.private("POST", "/order", trader.signed()[1])[1]
    resting = trader.resting()
    before = trader.private("GET", "/balance-allowance?asset_type=COLLATERAL")[1]["balance"]
    shares = trader.private("GET", f"/balance-allowance?asset_type=CONDITIONAL&token_id={UP}")[1]["balance"]
    opener.close()

    second = opener.open(clock=first.clock)
    assert second.urls == first.urls, "a restarted venue stands where it stood"
    assert trader.private("GET", "/balance-allowance?asset_type=COLLATERAL")[1]["balance"] == before
    assert trader.private("GET", f"/balance-allowance?asset_type=CONDITIONAL&token_id={UP}")[1]["balance"] == shares
    assert trader.private("GET", f"/data/order/{taken['orderID']}")[1]["status"] == "MATCHED"
    assert [t["id"] for t in trader.private("GET", "/data/trades")[1]["data"]] == taken["tradeIDs"]
    assert trader.private("GET", f"/data/order/{resting}")[1]["status"] == "CANCELED"
    assert trader.private("GET", "/data/orders")[1]["data"] == []
    second.pass_time(15)
    assert trader.private("GET", "/data/trades")[1]["data"][0]["status"] == "CONFIRMED"


def test_resting_orders_stay_when_the_switch_says_so(opener: Opener) -> None:
    first = opener.open()
    first.quote()
    first.client.login()
    resting = first.client.resting()
    opener.close()
    opener.open(clock=first.clock, wipe=False)
    listed = first.client.private("GET", "/data/orders")[1]["data"]
    assert [o["id"] for o in listed] == [resting]


def test_a_resolution_pays_once_and_stays_paid(opener: Opener) -> None:
    first = opener.open()
    first.quote()
    trader = first.client
    trader.login()
    answer = trader.private("POST", "/order", trader.signed(maker_e6=5_200_000, taker_e6=10_000_000)[1])[1]
    first.pass_time(15)
    first.resolve("UP")
    cash = int(trader.private("GET", "/balance-allowance?asset_type=COLLATERAL")[1]["balance"])
    assert cash == 1_000_000_000 - 5_200_000 - 174_720 + int(answer["takingAmount"]) * 1_000_000
    opener.close()
    second = opener.open(clock=first.clock)
    assert int(trader.private("GET", "/balance-allowance?asset_type=COLLATERAL")[1]["balance"]) == cash
    assert second.client.get("clob", f"/book?token_id={UP}")[0] == 404
    total = second.do(lambda: (second.house.engine.total_e6(), second.house.engine.granted_e6()))
    assert total[0] == total[1]


def test_the_same_order_is_duplicated_after_a_restart_too(opener: Opener) -> None:
    first = opener.open()
    first.quote()
    first.client.login()
    order_id, body = first.client.signed()
    first.client.private("POST", "/order", body)
    opener.close()
    opener.open(clock=first.clock).quote()
    status, answer = first.client.private("POST", "/order", body)
    assert (status, answer["error"]) == (400, f"order {order_id} is invalid. Duplicated.")


def test_a_dropped_key_is_nobody_before_and_after_a_restart(opener: Opener) -> None:
    first = opener.open()
    first.client.login()
    assert first.client.private("DELETE", "/auth/api-key") == (200, "OK")
    assert first.client.private("GET", "/data/orders")[0] == 401
    opener.close()
    opener.open(clock=first.clock)
    assert first.client.private("GET", "/data/orders")[0] == 401


def test_a_new_session_starts_with_an_empty_store_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    old = VenueStore(path, "one")
    old.commit([("wallet", "0xabc", json.dumps("k").encode())])
    old.close()
    again = VenueStore(path, "one")
    assert len(list(again.all("wallet"))) == 1
    again.close()
    new = VenueStore(path, "two")
    assert list(new.all("wallet")) == []
    new.close()
    assert (tmp_path / "venue.one.sqlite").exists()
