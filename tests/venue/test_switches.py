"""The switches that only the wire shows: a real venue with each of them on, read by the bot's own adapters."""

import time
from typing import Any

import pytest

from polybot.adapters.net.reads import Known
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.polybolt import Frames
from polybot.adapters.polymarket.signing import Wallet
from polybot.sim.venue.switches import Switches, sentences
from polybot.venue.channels.oracle_wires import SIXTY
from polybot.venue.faults.script import read_fault
from tests.build import a_post
from tests.venue.conftest import Opener

plays = pytest.mark.plays
KEY = "11" * 32
UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
USD = 1_000_000_000


def opened(opener: Opener, **switches: Any) -> tuple[Any, Any, Clob]:
    """(venue, its test client, the bot's own): logged in, with a book of 0.50/0.52."""
    bench = opener.open(switches=Switches(**switches))
    bench.client.login()
    bench.quote()
    clob = Clob(
        bench.urls["clob"],
        Wallet(KEY),
        lambda: bench.clock.ns // USD,
        credentials=bench.client.credentials,
        timeout_s=5.0,
    )
    return bench, bench.client, clob


def posted(clob: Clob, order: tuple[str, bytes]) -> Any:
    order_id, body = order
    return clob.post_order(a_post(order_id=order_id, body=body))


@pytest.mark.parametrize("in_base_units", [False, pytest.param(True, marks=plays("sizes_in_base_units"))])
def test_our_orders_sizes_are_read_the_same_in_either_unit(opener: Opener, in_base_units: bool) -> None:
    _, client, clob = opened(opener, sizes_in_base_units=in_base_units)
    order_id = client.resting()
    _, shown = client.private("GET", "/data/orders")
    assert shown["data"][0]["original_size"] == ("10000000" if in_base_units else "10")
    match clob.open_orders():
        case Known((order,)):
            assert (order.order_id, order.original_e6, order.matched_e6) == (order_id, 10_000_000, 0)
        case other:
            raise AssertionError(other)
    match clob.order(order_id):
        case Known(order):
            assert order.original_e6 == 10_000_000
        case unread:
            raise AssertionError(unread)


REFUSED: dict[str, dict[str, Any]] = {
    "INSUFFICIENT": {"maker_e6": 9_000_000_000, "taker_e6": 10_000_000_000},
    "TICK": {"maker_e6": 5_250_000, "taker_e6": 10_000_000, "order_type": "GTC"},
    "POST_ONLY": {"maker_e6": 5_500_000, "taker_e6": 10_000_000, "order_type": "GTC", "post_only": True},
    "PRECISION": {"maker_e6": 5_001_001, "taker_e6": 9_000_000},
    "FOK_KILLED": {"maker_e6": 900_000_000, "taker_e6": 1_730_769_200, "order_type": "FOK"},
    "FAK_NO_MATCH": {"maker_e6": 1_000_000, "taker_e6": 100_000_000},
}


@pytest.mark.parametrize("other", [False, True])
def test_every_refusal_has_its_code_in_either_wording(opener: Opener, other: bool) -> None:
    _, client, clob = opened(opener, other_words=other)
    told = {}
    for code, fields in REFUSED.items():
        answer = posted(clob, client.signed(code, **fields))
        assert (answer.outcome, answer.code) == ("refused", code), answer.text
        told[code] = answer.text
    assert ("supports a max" in told["PRECISION"]) != other
    order_id, body = client.signed("bad")
    spoilt = body.replace(b'"side":"BUY"', b'"side":"SELL"')
    assert posted(clob, (order_id, spoilt)).code == "SIGNATURE"


@pytest.mark.parametrize(("other", "why"), [(False, "order not found"), (True, "the order can't be found")])
def test_what_was_not_cancelled_is_told_in_either_wording(opener: Opener, other: bool, why: str) -> None:
    _, client, clob = opened(opener, other_words=other)
    mine = client.resting()
    assert clob.cancel((mine, "0xabc")) == Known(((mine,), {"0xabc": why}))


@pytest.mark.parametrize(("most", "status"), [(1000, 400), pytest.param(3000, 200, marks=plays("most_cancels"))])
def test_the_cap_of_a_cancel_is_the_switchs(opener: Opener, most: int, status: int) -> None:
    _, client, _ = opened(opener, most_cancels=most)
    body = b"[" + b",".join(b'"0x%x"' % n for n in range(1001)) + b"]"
    assert client.private("DELETE", "/orders", body)[0] == status


@pytest.mark.parametrize(("tolerance_s", "status"), [(30, 200), pytest.param(5, 401, marks=plays("l2_skew_s"))])
def test_a_stamp_may_be_off_by_the_switchs_seconds(opener: Opener, tolerance_s: int, status: int) -> None:
    _, client, _ = opened(opener, l2_skew_s=tolerance_s)
    assert client.private("GET", "/data/orders", skew_s=-10)[0] == status


@pytest.mark.parametrize(
    ("taker", "price"), [(False, "0.5"), pytest.param(True, "0.52", marks=plays("price_of_the_taker"))]
)
def test_price_names_the_sides_own_best_or_what_a_taker_gets(opener: Opener, taker: bool, price: str) -> None:
    _, client, _ = opened(opener, price_of_the_taker=taker)
    assert float(client.get("clob", f"/price?token_id={UP}&side=BUY")[1]["price"]) == float(price)


def test_an_answer_delayed_is_accepted_and_the_reads_tell_the_rest(opener: Opener) -> None:
    _, client, clob = opened(opener, answers_delayed=True)
    order = client.signed()
    answer = posted(clob, order)
    assert (answer.outcome, answer.status, answer.making_e6) == ("accepted", "delayed", 0)
    deadline = time.monotonic() + 5
    while True:
        match clob.order(order[0]):
            case Known(known) if known.state == "MATCHED":
                break
        assert time.monotonic() < deadline
    assert known.matched_e6 == 9_090_900


def test_a_fak_that_matched_may_be_answered_live(opener: Opener) -> None:
    _, client, clob = opened(opener, answers_live=True)
    answer = posted(clob, client.signed())
    assert (answer.outcome, answer.status, answer.taking_e6) == ("accepted", "live", 9_090_900)


@pytest.mark.parametrize("caches", [True, pytest.param(False, marks=plays("balance_cache"))])
def test_what_a_redemption_paid_is_seen_once_the_cache_is_told_to_look(opener: Opener, caches: bool) -> None:
    bench, client, clob = opened(opener, balance_cache=caches)

    def pay() -> None:
        wallet = client.wallet.address.lower()
        bench.house.engine.state.balances.grant(wallet, 7_000_000, bench.clock.ns)
        bench.house.cached.paid(wallet, 7_000_000)

    bench.do(pay)

    def balance() -> int:
        match clob.balance():
            case Known((held, _)):
                return int(held)
            case other:
                raise AssertionError(other)

    assert balance() == 1_000_000_000 + (0 if caches else 7_000_000)
    wish = {"maker_e6": 1_005_000_000, "taker_e6": 2_010_000_000, "order_type": "GTC", "post_only": True}
    assert posted(clob, client.signed("too soon", **wish)).code == ("INSUFFICIENT" if caches else "")
    clob.refresh_balance()
    assert balance() == 1_007_000_000
    if caches:
        assert posted(clob, client.signed("now", **wish)).outcome == "accepted"


@pytest.mark.parametrize("delay_ms", [150, 250])
def test_a_market_that_is_listed_and_not_opened_yet_has_the_switchs_delay(opener: Opener, delay_ms: int) -> None:
    bench, _, _ = opened(opener, taker_delay_ms=delay_ms)
    listing = bench.listing
    bench.do(lambda: bench.house.engine.state.markets.clear())
    assert bench.do(lambda: bench.house.market(listing.condition_id)).taker_delay_ns == delay_ms * 1_000_000


@pytest.mark.parametrize("in_e18", [False, pytest.param(True, marks=plays("polybolt_e18"))])
def test_polybolts_exact_price_is_read_the_same_in_either_spelling(opener: Opener, in_e18: bool) -> None:
    bench, client, _ = opened(opener, polybolt_e18=in_e18)
    frames, second, value_e18 = Frames("btc/usd"), bench.clock.ns // USD, 64_210_123_456_700_000_000_000
    with bench.socket("polybolt") as socket:
        for frame, ack in ((frames.auth(client.credentials), "authed"), (frames.subscribe(), "subscribed")):
            socket.send(frame)
            assert frames.read(socket.recv(timeout=5), 0).ack == ack
        assert frames.read(socket.recv(timeout=5), 0).prints == (), "the snapshot of nothing"
        bench.do(lambda: bench.polybolt.publish(SIXTY, second * 1000, second * 1000 + 1300, value_e18))
        update = socket.recv(timeout=5)
    assert ("64210123456700000000000" in update) == in_e18
    (said,) = frames.read(update, 0).prints
    assert (said.feed, said.value_e18, said.observed_ns) == ("twap60", str(value_e18), bench.clock.ns)


def test_an_account_that_may_only_sell_is_told_so(opener: Opener) -> None:
    bench, client, clob = opened(opener)
    assert client.private("GET", "/auth/ban-status/closed-only") == (200, {"closed_only": False})
    bench.do(lambda: bench.faults.arm(read_fault({"kind": "closed_only"})))
    assert client.private("GET", "/auth/ban-status/closed-only") == (200, {"closed_only": True})
    answer = posted(clob, client.signed())
    assert (answer.outcome, answer.code) == ("refused", "CLOSED_ONLY")
    sells = client.signed("out", side="SELL", maker_e6=9_090_000, taker_e6=4_545_000)
    assert posted(clob, sells).code == "INSUFFICIENT", "a SELL gets through to the exchange"


def test_every_switch_has_its_sentence() -> None:
    assert set(sentences()) == set(Switches.__dataclass_fields__)
    assert all(len(text.split()) > 5 for text in sentences().values())
