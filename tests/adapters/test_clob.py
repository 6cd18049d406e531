"""The CLOB over a real socket: three-valued reads, signed requests, pages, cancels, posts, login."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from messages.inner import (
    BalanceRead,
    CancelOrders,
    ForCancelAll,
    ForLeaving,
    ForProbe,
    ForReconciliation,
    OpenOrdersRead,
    OrderRead,
    ReadBalance,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadTrades,
    TradesRead,
)
from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.effects import AccountEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.signing import Credentials, RequestSigner, Wallet
from tests.adapters.conftest import HttpScript, answer
from tests.build import a_post
from tests.trades import trades_of

WALLET = Wallet("0x" + "11" * 32)
CREDENTIALS = Credentials("5b1f0e0a", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "7d0f")
NOW_S = 1795132800
ORDER = "0x" + "ab" * 32
TOKEN = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
CID = "0x" + "74" * 32


@pytest.fixture
def clob(http: HttpScript) -> Clob:
    return Clob(http.url, WALLET, lambda: NOW_S, credentials=CREDENTIALS, timeout_s=0.5)


@pytest.fixture
def effects(clob: Clob, http: HttpScript) -> AccountEffects:
    return AccountEffects(clob, Gamma(http.url, 0.5))


def an_order(**changed: Any) -> dict[str, Any]:
    body = {
        "id": ORDER,
        "status": "LIVE",
        "owner": "5b1f0e0a",
        "maker_address": WALLET.address,
        "market": CID,
        "asset_id": TOKEN,
        "side": "BUY",
        "original_size": "10",
        "size_matched": "2.5",
        "price": "0.52",
        "outcome": "Up",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": NOW_S,
    }
    return body | changed


def a_trade(**changed: Any) -> dict[str, Any]:
    body = {
        "id": "bd7b0f5c",
        "taker_order_id": ORDER,
        "market": CID,
        "asset_id": TOKEN,
        "side": "BUY",
        "trader_side": "TAKER",
        "size": "10",
        "price": "0.52",
        "status": "CONFIRMED",
        "owner": "5b1f0e0a",
        "maker_address": WALLET.address,
        "match_time": str(NOW_S + 1),
        "bucket_index": 0,
        "maker_orders": [
            {
                "order_id": "0xaa",
                "owner": "somebody",
                "maker_address": "0x" + "33" * 20,
                "matched_amount": "10",
                "price": "0.52",
                "asset_id": TOKEN,
                "side": "SELL",
            }
        ],
    }
    return body | changed


def a_page(*rows: Any, after: str = "LTE=") -> dict[str, Any]:
    return {"limit": 100, "count": len(rows), "next_cursor": after, "data": list(rows)}


POST = a_post(order_id=ORDER, body=b'{"order":{}}')


# --- posts


def test_a_post_is_signed_over_its_exact_bytes(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, {"success": True, "orderID": ORDER, "makingAmount": "2.6", "takingAmount": "5"})]
    result = clob.post_order(POST)
    assert (result.outcome, result.making_e6, result.taking_e6, result.http) == ("accepted", 2_600_000, 5_000_000, 200)
    asked = http.asked[0]
    expected = RequestSigner(WALLET.address, CREDENTIALS).headers(NOW_S, "POST", "/order", asked.body)
    assert asked.body == b'{"order":{}}'
    assert {k.lower(): v for k, v in expected.items()}.items() <= asked.headers.items()


@pytest.mark.parametrize("said", ["hang", "drop", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"])
def test_a_post_without_an_answer_is_unknown_and_is_not_repeated(clob: Clob, http: HttpScript, said: Any) -> None:
    http.say = [lambda _: said] if isinstance(said, str) else [said]
    result = clob.post_order(POST)
    assert result.outcome == "unknown"
    assert len(http.asked) == 1


def test_a_post_that_could_not_leave_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    clob = Clob(f"http://127.0.0.1:{port}", WALLET, lambda: NOW_S, credentials=CREDENTIALS)
    result = clob.post_order(POST)
    assert (result.outcome, result.code, result.http) == ("retry", "NOT_SENT", 0)


def test_siblings_have_connections_of_their_own(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page())]
    clob.open_orders()
    clob.sibling().open_orders()
    assert http.connections == 2


# --- login


def test_login_derives_and_creates_only_where_there_is_nothing(http: HttpScript) -> None:
    keys = {"apiKey": "k", "secret": "AAEC", "passphrase": "p"}
    http.say = [answer(200, keys)]
    clob = Clob(http.url, WALLET, lambda: NOW_S)
    assert clob.login() == Known(Credentials("k", "AAEC", "p"))
    http.say = [answer(400, {"error": "Could not derive api key!"}), answer(200, keys)]
    assert Clob(http.url, WALLET, lambda: NOW_S).login() == Known(Credentials("k", "AAEC", "p"))
    assert [(a.method, a.path) for a in http.asked] == [
        ("GET", "/auth/derive-api-key"),
        ("GET", "/auth/derive-api-key"),
        ("POST", "/auth/api-key"),
    ]
    assert http.asked[0].headers["poly_timestamp"] == str(NOW_S)
    assert http.asked[0].headers["poly_address"] == WALLET.address


@pytest.mark.parametrize("said", [(500, {"error": "x"}), (200, {"apiKey": "k"}), (200, [1])])
def test_a_login_that_fails_is_unknown_and_names_no_secret(http: HttpScript, said: Any) -> None:
    http.say = [answer(*said)]
    assert isinstance(Clob(http.url, WALLET, lambda: NOW_S).login(), Unknown)


# --- orders and trades


def test_an_order_is_read_with_decimals_or_base_units_and_any_prefix(clob: Clob, http: HttpScript) -> None:
    http.say = [
        answer(200, an_order()),
        answer(200, an_order(status="ORDER_STATUS_LIVE", original_size="10000000", size_matched="2500000")),
    ]
    other = Clob(http.url, WALLET, lambda: NOW_S, credentials=CREDENTIALS, timeout_s=0.5)
    first, second = clob.order(ORDER), other.order(ORDER)
    assert isinstance(first, Known)
    assert first == second
    assert (first.value.original_e6, first.value.matched_e6, first.value.price_e6) == (10_000_000, 2_500_000, 520_000)
    assert http.asked[0].path == f"/data/order/{ORDER}"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("MATCHED", "MATCHED"),
        ("ORDER_STATUS_CANCELED", "CANCELED"),
        ("CANCELED_MARKET_RESOLVED", "CANCELED"),
        ("CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.", "CANCELED"),
        ("INVALID", "CANCELED"),
        ("DELAYED", "DELAYED"),
        ("UNMATCHED", "OTHER"),
        ("SOMETHING_NEW", "OTHER"),
    ],
)
def test_each_status_is_taken_for_what_it_is(clob: Clob, http: HttpScript, status: str, state: str) -> None:
    http.say = [answer(200, an_order(status=status))]
    read = clob.order(ORDER)
    assert isinstance(read, Known)
    assert read.value.state == state


@pytest.mark.parametrize("said", [(404, {"error": "order not found"}), (200, None)])
def test_an_order_is_empty_only_when_the_venue_says_so(clob: Clob, http: HttpScript, said: Any) -> None:
    http.say = [answer(*said)]
    assert clob.order(ORDER) == Empty()


UNCLEAR = [
    (404, "404 page not found"),
    (401, {"error": "Unauthorized/Invalid api key"}),
    (500, {"error": "x"}),
    (429, ""),
    (200, ""),
    (200, "{"),
    (200, {"data": []}),
    (200, [1, 2]),
    (200, {"data": 1, "next_cursor": "LTE="}),
]
ODD_ROWS = [(200, {"data": [{}], "next_cursor": "LTE="}), (200, {"data": [None], "next_cursor": "LTE="})]
READS = [Clob.open_orders, lambda c: c.order(ORDER), Clob.balance]


@pytest.mark.parametrize(
    ("read", "said"),
    [(read, said) for read in READS for said in UNCLEAR + ODD_ROWS] + [(Clob.trade_rows, said) for said in UNCLEAR],
)
def test_a_failed_read_is_never_taken_for_none(
    clob: Clob, http: HttpScript, said: Any, read: Callable[[Clob], Any]
) -> None:
    http.say = [answer(*said)]
    assert isinstance(read(clob), Unknown)


def test_all_pages_are_read_and_the_query_is_not_signed(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(an_order(), after="Mg==")), answer(200, a_page(an_order(id="0x02")))]
    read = clob.open_orders()
    assert isinstance(read, Known)
    assert [o.order_id for o in read.value] == [ORDER, "0x02"]
    assert [a.path for a in http.asked] == ["/data/orders?next_cursor=MA%3D%3D", "/data/orders?next_cursor=Mg%3D%3D"]
    expected = RequestSigner(WALLET.address, CREDENTIALS).headers(NOW_S, "GET", "/data/orders")
    assert http.asked[0].headers["poly_signature"] == expected["POLY_SIGNATURE"]


def test_a_page_lost_in_the_middle_makes_the_whole_read_unknown(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(an_order(), after="Mg==")), answer(500, "")]
    assert isinstance(clob.open_orders(), Unknown)


def test_pages_without_end_are_given_up(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(an_order(), after="Mg=="))]
    assert isinstance(clob.open_orders(), Unknown)
    assert len(http.asked) == 2


def unread(clob: Clob) -> list[tuple[str, str]]:
    """(market, trade id) of the rows that cannot be understood."""
    read = clob.trade_rows()
    assert isinstance(read, Known)
    return [(row.condition_id, row.trade_id) for row in read.value[1]]


def test_as_taker_the_top_level_is_ours(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_trade(status="TRADE_STATUS_MINED")))]
    read = clob.trade_rows(NOW_S)
    assert isinstance(read, Known)
    ((line,), _) = read.value
    assert (line.order_id, line.size_e6, line.price_e6, line.status, line.is_taker, line.matched_s) == (
        ORDER,
        10_000_000,
        520_000,
        "MINED",
        True,
        NOW_S + 1,
    )
    assert f"after={NOW_S - 1}" in http.asked[0].path


def test_as_maker_ours_is_inside_and_may_be_the_other_token(clob: Clob, http: HttpScript) -> None:
    ours = {
        "order_id": "0xBB",
        "owner": "someone",
        "maker_address": WALLET.address.lower(),
        "matched_amount": "4",
        "price": "0.48",
        "asset_id": "7",
        "side": "BUY",
    }
    also_ours = ours | {"order_id": "0xcc", "owner": "5b1f0e0a", "maker_address": "0x0"}
    foreign = ours | {"order_id": "0xdd", "maker_address": "0x0"}
    trade = a_trade(trader_side="MAKER", owner="somebody", maker_orders=[foreign, ours, also_ours])
    http.say = [answer(200, a_page(trade))]
    read = clob.trade_rows()
    assert isinstance(read, Known)
    assert [(t.order_id, t.token_id, t.size_e6, t.price_e6, t.side, t.is_taker) for t in read.value[0]] == [
        ("0xbb", "7", 4_000_000, 480_000, "BUY", False),
        ("0xcc", "7", 4_000_000, 480_000, "BUY", False),
    ]


def test_a_maker_trade_in_which_we_cannot_be_found_is_unknown(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_trade(trader_side="MAKER")))]
    assert unread(clob) == [(CID, "bd7b0f5c")]


def test_rows_of_one_trade_are_not_taken_for_repetitions(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_trade(), a_trade(bucket_index=1, size="3")))]
    read = clob.trade_rows()
    assert isinstance(read, Known)
    assert [(t.trade_id, t.size_e6) for t in read.value[0]] == [("bd7b0f5c", 10_000_000), ("bd7b0f5c#1", 3_000_000)]


@pytest.mark.parametrize(
    "changed",
    [{"status": "WHATEVER"}, {"side": "buy"}, {"price": "1"}, {"size": "-1"}, {"size": "1e3"}, {"id": ""}],
)
def test_a_trade_of_garbage_is_named_and_spoils_no_other(clob: Clob, http: HttpScript, changed: Any) -> None:
    http.say = [answer(200, a_page(a_trade(**changed), a_trade(id="good")))]
    read = clob.trade_rows()
    assert isinstance(read, Known)
    lines, unreadable = read.value
    assert [line.trade_id for line in lines] == ["good"]
    assert [(row.condition_id, row.trade_id) for row in unreadable] == [(CID, changed.get("id", "bd7b0f5c"))]


def test_a_row_that_is_no_object_names_no_market(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, {**a_page(), "data": ["garbled"]})]
    assert unread(clob) == [("", "")]


# --- what is not told is not zero


@pytest.mark.parametrize("absent", [{"size": ""}, {"size": None}, {"size": "0"}, {"size": "0.000000"}])
def test_a_trade_that_does_not_tell_its_size_is_unknown(clob: Clob, http: HttpScript, absent: Any) -> None:
    http.say = [answer(200, a_page(a_trade(**absent))), answer(200, a_page(a_trade()))]
    assert isinstance(trades_of(clob), Unknown)
    assert isinstance(trades_of(clob), Known)


def test_a_trade_without_the_key_of_its_size_is_unknown(clob: Clob, http: HttpScript) -> None:
    taken, made = a_trade(), a_trade(trader_side="MAKER", owner="somebody")
    del taken["size"]
    made["maker_orders"][0]["owner"] = "5b1f0e0a"
    del made["maker_orders"][0]["matched_amount"]
    http.say = [answer(200, a_page(taken)), answer(200, a_page(made))]
    assert isinstance(trades_of(clob), Unknown)
    assert isinstance(trades_of(clob), Unknown)


KILLED = {"status": "CANCELED_FOK", "order_type": "FOK"}


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    ("changed", "is_known"),
    [
        (KILLED, True),
        (KILLED | {"associate_trades": ["bd7b0f5c"]}, False),
        (KILLED | {"order_type": "FAK"}, False),
        ({"status": "CANCELED"}, False),
        ({"status": "LIVE"}, False),
        ({"status": "MATCHED", "order_type": "FOK"}, False),
    ],
)
def test_an_empty_match_is_none_only_of_an_order_that_is_all_or_nothing(
    clob: Clob, http: HttpScript, changed: Any, is_known: bool, empty: Any
) -> None:
    http.say = [answer(200, an_order(**changed, size_matched=empty))]
    read = clob.order(ORDER)
    assert isinstance(read, Known) == is_known
    if isinstance(read, Known):
        assert (read.value.matched_e6, read.value.state) == (0, "CANCELED")


def test_what_a_market_buy_was_made_for_is_no_number_of_shares(clob: Clob, http: HttpScript) -> None:
    dollars = {"original_size": "5", "size_matched": "9.4339", "status": "MATCHED"}
    http.say = [
        answer(200, an_order(**dollars, order_type="FAK")),
        answer(200, an_order(order_type="FAK", side="SELL")),
    ]
    bought, sold = clob.order(ORDER), clob.order(ORDER)
    assert isinstance(bought, Known) and isinstance(sold, Known)
    assert (bought.value.original_e6, bought.value.matched_e6) == (0, 9_433_900)
    assert sold.value.original_e6 == 10_000_000


@pytest.mark.parametrize("body", [{"balance": None, "allowances": {}}, {"balance": ""}, {"balance": -1}, {}])
def test_a_balance_that_is_not_told_is_unknown(effects: AccountEffects, http: HttpScript, body: Any) -> None:
    http.say = [answer(200, body)]
    read = effects.read_balance(ReadBalance(purpose=ForProbe(), token_id=""))
    assert (read.known, read.balance_e6) == (False, 0)
    assert read.why


@pytest.mark.parametrize("amount", [None, "", "much", 5])
def test_an_allowance_that_is_named_and_not_told_is_unknown(clob: Clob, http: HttpScript, amount: Any) -> None:
    spender = "0xe111180000d2663c0091e4f400237545b87b996b"
    http.say = [answer(200, {"balance": "5", "allowances": {spender: amount}}), answer(200, {"balance": "5"})]
    assert isinstance(clob.balance(), Unknown)
    assert clob.balance() == Known((5, 0))


# --- the unit of sizes


def sizes_of(clob: Clob) -> list[int]:
    read = trades_of(clob)
    assert isinstance(read, Known), read
    return [trade.size_e6 for trade in read.value]


def test_a_large_size_is_read_in_the_unit_that_was_learnt(clob: Clob, http: HttpScript) -> None:
    large = a_trade(size="150000")
    http.say = [answer(200, a_page(large)), answer(200, a_page(large, a_trade(id="2", size="9.6153")))]
    assert isinstance(trades_of(clob), Unknown)  # 150,000 shares, or 0.15
    assert sizes_of(clob) == [150_000_000_000, 9_615_300]
    http.say = [answer(200, a_page(a_trade(size="2000000")))]
    assert sizes_of(clob) == [2_000_000_000_000]
    assert sizes_of(clob.sibling()) == [2_000_000_000_000]


def test_a_small_size_in_base_units_is_small_once_they_were_learnt(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_trade(size="153"), a_trade(id="2", size="9615300")))]
    assert sizes_of(clob) == [153, 9_615_300]
    http.say = [answer(200, a_page(a_trade(size="9.6153")))]
    assert isinstance(trades_of(clob), Unknown)  # it has contradicted itself


def test_whole_shares_are_read_before_anything_was_learnt(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_trade(size="999")))]
    assert sizes_of(clob) == [999_000_000]
    http.say = [answer(200, a_page(a_trade(size="1000")))]
    assert isinstance(trades_of(clob), Unknown)


@pytest.mark.parametrize(
    ("ordered", "in_base_units"), [("9999", False), ("10000", None), ("999999", None), ("1000000", True)]
)
def test_an_order_teaches_the_unit_where_it_leaves_no_doubt(
    clob: Clob, http: HttpScript, ordered: str, in_base_units: bool | None
) -> None:
    http.say = [answer(200, an_order(original_size=ordered, size_matched="0"))]
    assert isinstance(clob.order(ORDER), Unknown if in_base_units is None else Known)
    assert clob.units.orders.in_base_units is in_base_units


def test_a_strangers_large_order_teaches_nothing(clob: Clob, http: HttpScript) -> None:
    made = a_trade(trader_side="MAKER", owner="somebody", size="3000000")
    made["maker_orders"][0] |= {"owner": "5b1f0e0a", "matched_amount": "10"}
    http.say = [answer(200, a_page(made))]
    assert sizes_of(clob) == [10_000_000]


@pytest.mark.parametrize(
    "told",
    [
        NOW_S + 1,
        str(NOW_S + 1),
        (NOW_S + 1) * 1000,
        float(NOW_S + 1),
        "2026-11-20T00:00:01Z",
        "2026-11-20T00:00:01.250Z",
        "2026-11-20T01:00:01+01:00",
        "2026-11-20T00:00:01",
        "2026-11-20 00:00:01",
    ],
)
def test_a_trades_time_is_read_in_each_of_its_forms(
    clob: Clob, http: HttpScript, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    http.say = [answer(200, a_page(a_trade(match_time=told)))]
    read = trades_of(clob)
    monkeypatch.undo()
    time.tzset()
    assert isinstance(read, Known), read
    assert read.value[0].matched_s == NOW_S + 1


# --- cancels, money


def test_one_several_and_all_are_cancelled_by_their_own_paths(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, {"canceled": [ORDER.upper()], "not_canceled": {"0xB": "order not found"}})]
    expected = Known(((ORDER,), {"0xb": "order not found"}))
    assert clob.cancel((ORDER,)) == expected
    assert clob.cancel((ORDER, "0xb")) == expected
    assert clob.cancel_all() == expected
    assert [(a.method, a.path, a.body) for a in http.asked] == [
        ("DELETE", "/order", json.dumps({"orderID": ORDER}, separators=(",", ":")).encode()),
        ("DELETE", "/orders", json.dumps([ORDER, "0xb"], separators=(",", ":")).encode()),
        ("DELETE", "/cancel-all", b""),
    ]


def test_cancels_go_out_in_portions_of_a_thousand(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, {"canceled": [], "not_canceled": {}})]
    clob.cancel(tuple(f"0x{i}" for i in range(1001)))
    assert [len(json.loads(a.body)) for a in http.asked] == [1000, 1]


@pytest.mark.parametrize("said", [(500, {}), (200, ""), (200, {}), (200, {"canceled": [1]}), (425, "")])
def test_a_cancel_without_a_clear_answer_is_unknown(effects: AccountEffects, http: HttpScript, said: Any) -> None:
    http.say = [answer(*said)]
    result = effects.cancel(CancelOrders(purpose=ForLeaving(), order_ids=()))
    assert (result.known, result.canceled) == (False, ())
    assert result.why


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {
                "balance": "25340000",
                "allowances": {"0xe111180000d2663c0091e4f400237545b87b996b": str(2**256 - 1), "0x1": "5"},
            },
            (25_340_000, 2**62),
        ),
        ({"balance": "1000000000", "allowance": "999999999000000"}, (1_000_000_000, 999_999_999_000_000)),
        ({"balance": "250.500000"}, (250_500_000, 0)),
        ({"balance": "1", "allowances": {"0x1": "5"}}, (1, 0)),
    ],
)
def test_a_balance_is_read_in_its_three_shapes(clob: Clob, http: HttpScript, body: Any, expected: Any) -> None:
    http.say = [answer(200, body)]
    assert clob.balance() == Known(expected)
    assert http.asked[0].path == "/balance-allowance?asset_type=COLLATERAL&signature_type=0"


def test_shares_are_asked_by_token(effects: AccountEffects, http: HttpScript) -> None:
    http.say = [answer(200, {"balance": "5000000", "allowances": {}})]
    read = effects.read_balance(ReadBalance(purpose=ForProbe(), token_id=TOKEN))
    assert (read.known, read.balance_e6, read.allowance_e6) == (True, 5_000_000, 0)
    assert f"asset_type=CONDITIONAL&signature_type=0&token_id={TOKEN}" in http.asked[0].path


def test_the_venues_clock_is_a_bare_number(clob: Clob, http: HttpScript) -> None:
    http.say = [answer(200, "1795132800"), answer(200, '"soon"')]
    assert clob.time() == Known(NOW_S)
    assert isinstance(clob.time(), Unknown)


# --- the executor's effects


def test_an_order_is_not_there_only_when_both_endpoints_say_so(effects: AccountEffects, http: HttpScript) -> None:
    wish = ReadOrder(purpose=ForProbe(), order_id=ORDER, condition_id=CID)
    missing, none = answer(404, {"error": "order not found"}), answer(200, a_page())
    http.say = [missing, none]
    read = effects.read_order(wish)
    assert (read.known, read.order, read.trades) == (True, None, ())
    for said in ([missing, answer(500, "")], [answer(500, "")], [missing, answer(404, "nothing here")]):
        http.say = list(said)
        assert not effects.read_order(wish).known


def test_a_fill_tells_of_an_order_that_its_endpoint_has_forgotten(effects: AccountEffects, http: HttpScript) -> None:
    http.say = [answer(404, {"error": "not found"}), answer(200, a_page(a_trade(), a_trade(taker_order_id="0x01")))]
    read = effects.read_order(ReadOrder(purpose=ForProbe(), order_id=ORDER, condition_id=CID))
    assert (read.known, read.order, [t.order_id for t in read.trades]) == (True, None, [ORDER])


def test_failed_reads_are_answered_as_not_known(effects: AccountEffects, http: HttpScript) -> None:
    http.say = [answer(500, {"error": "down"})]
    for read in (
        effects.read_open_orders(ReadOpenOrders(purpose=ForProbe())),
        effects.read_trades(ReadTrades(purpose=ForProbe(), after_s=0)),
        effects.read_balance(ReadBalance(purpose=ForProbe(), token_id="")),
        effects.read_market(ReadMarket(purpose=ForProbe(), slug="s", condition_id=CID)),
    ):
        assert not read.known
        assert "down" in read.why


@pytest.mark.parametrize(("status", "known"), [(200, True), (500, False)])
def test_every_answer_tells_what_it_was_asked_for(
    effects: AccountEffects, http: HttpScript, status: int, known: bool
) -> None:
    http.say = [lambda asked: answer(status, a_page() if asked.path.startswith("/data") else {"balance": "1"})]
    purpose = ForReconciliation(round=7)
    reads: list[Any] = [
        effects.read_open_orders(ReadOpenOrders(purpose=purpose)),
        effects.read_trades(ReadTrades(purpose=purpose, after_s=0)),
        effects.read_balance(ReadBalance(purpose=purpose, token_id=TOKEN)),
    ]
    assert [(read.known, read.purpose) for read in reads] == [(known, purpose)] * 3
    assert effects.read_order(ReadOrder(purpose=purpose, order_id=ORDER, condition_id=CID)).purpose == purpose
    assert effects.read_market(ReadMarket(purpose=purpose, slug="s", condition_id=CID)).purpose == purpose
    http.say = [answer(status, {"canceled": [ORDER], "not_canceled": {}})]
    done = effects.cancel(CancelOrders(purpose=ForCancelAll(attempt=3), order_ids=(ORDER,)))
    assert (done.known, done.purpose) == (known, ForCancelAll(attempt=3))


def gamma_says(closed: bool, prices: str) -> list[dict[str, Any]]:
    return [{"slug": "s", "closed": closed, "outcomes": '["Up", "Down"]', "outcomePrices": prices}]


def clob_says(closed: bool, winner: str) -> dict[str, Any]:
    tokens = [{"token_id": t, "outcome": t, "winner": t == winner} for t in ("Up", "Down")]
    return {"closed": closed, "tokens": tokens}


@pytest.mark.parametrize(
    ("by_gamma", "by_clob", "expected"),
    [
        (gamma_says(True, '["1", "0"]'), clob_says(False, ""), (True, True, "UP")),
        (gamma_says(True, '["0", "1"]'), clob_says(True, "Down"), (True, True, "DOWN")),
        (gamma_says(True, '["0.5", "0.5"]'), clob_says(True, ""), (True, True, "SPLIT")),
        (gamma_says(True, '["0.999", "0.001"]'), clob_says(False, ""), (True, True, "")),
        (gamma_says(False, '["1", "0"]'), clob_says(False, ""), (True, False, "")),
        (gamma_says(True, '["1", "0"]'), clob_says(True, "Down"), (False, False, "")),
        (gamma_says(True, "nonsense"), clob_says(True, "Up"), (True, True, "UP")),
        (gamma_says(True, "nonsense"), {"no": 1}, (False, False, "")),
    ],
)
def test_the_official_outcome_is_read_from_both_places(
    effects: AccountEffects, http: HttpScript, by_gamma: Any, by_clob: Any, expected: Any
) -> None:
    http.say = [lambda asked: answer(200, by_gamma if "slug=" in asked.path else by_clob)]
    read = effects.read_market(ReadMarket(purpose=ForProbe(), slug="s", condition_id=CID))
    assert (read.known, read.closed, read.winner) == expected


def test_a_read_that_refuses_us_carries_its_status(effects: AccountEffects, http: HttpScript) -> None:
    http.say = [answer(401, {"error": "Unauthorized/Invalid api key"})]
    reads: list[OrderRead | OpenOrdersRead | TradesRead | BalanceRead] = [
        effects.read_order(ReadOrder(purpose=ForProbe(), order_id=ORDER, condition_id=CID)),
        effects.read_open_orders(ReadOpenOrders(purpose=ForProbe())),
        effects.read_trades(ReadTrades(purpose=ForProbe(), after_s=0)),
        effects.read_balance(ReadBalance(purpose=ForProbe(), token_id="")),
    ]
    assert [(read.known, read.http) for read in reads] == [(False, 401)] * 4
