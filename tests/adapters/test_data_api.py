"""The Data API's rows as words: exact millionths, all pages or not known."""

from typing import Any

import pytest

from messages.inner import Activity, ForProbe, ReadActivity, ReadHoldings
from polybot.adapters.polymarket.data_api import DataApi, millionths
from tests.adapters.conftest import HttpScript, answer

WALLET = "0x2222222222222222222222222222222222222222"


def a_page(*rows: dict[str, Any], following: str = "") -> dict[str, Any]:
    more = {"next_cursor": following} if following else {}
    return {"data": list(rows), "pagination": {"limit": 500, "offset": 0, "has_more": bool(following)} | more}


def a_move(kind: str, amount: Any, n: int = 1, **change: Any) -> dict[str, Any]:
    row = {"type": kind, "usdc_size": amount, "transaction_hash": f"0x{n}", "timestamp": 1_795_132_801}
    return row | {"condition_id": "", "token_id": "", "proxy_wallet": WALLET} | change


def test_what_came_and_what_went_trades_left_out(http: HttpScript) -> None:
    http.say = [
        answer(200, a_page(a_move("DEPOSIT", 25.5), a_move("TRADE", 5, 2), following="c2")),
        answer(200, a_page(a_move("WITHDRAWAL", 0.000001, 3), a_move("MAKER_REBATE", 1.234567, 4))),
    ]
    read = DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=7))
    assert read.known
    assert [(r.kind, r.amount_e6) for r in read.rows] == [
        ("DEPOSIT", 25_500_000),
        ("WITHDRAWAL", -1),
        ("MAKER_REBATE", 1_234_567),
    ]
    assert isinstance(read.rows[0], Activity) and read.rows[0].at_s == 1_795_132_801
    first, second = (asked.path for asked in http.asked)
    assert first.startswith("/v2/activity?") and f"user={WALLET}" in first and "start=7" in first
    assert "cursor=c2" in second


def test_rows_of_one_transaction_have_ids_of_their_own(http: HttpScript) -> None:
    rows = [a_move("REDEEM", 5, token_id="1"), a_move("REDEEM", 5, token_id="2"), a_move("REWARD", 5)]
    http.say = [answer(200, a_page(*rows))]
    read = DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=0))
    assert len({row.id for row in read.rows}) == 3


def test_equal_rewards_without_a_transaction_are_several_and_the_same_ones_on_each_read(http: HttpScript) -> None:
    day, market = 1_795_132_800, "0x74"
    rows = [
        a_move("REWARD", 0.05, transaction_hash=None, timestamp=day),
        a_move("REWARD", 0.05, transaction_hash=None, timestamp=day + 86_400),
        a_move("REWARD", 0.05, transaction_hash=None, timestamp=day, condition_id=market),
        a_move("REWARD", 0.05, transaction_hash=None, timestamp=day),
        a_move("DEPOSIT", 0.05, transaction_hash="", timestamp=day),
    ]
    without = a_move("MAKER_REBATE", 0.05, timestamp=day)
    del without["transaction_hash"]
    http.say = [answer(200, a_page(*rows, without)), answer(200, a_page(without, *rows[::-1]))]
    api = DataApi(http.url, WALLET, 2.0)
    first = api.activity(ReadActivity(purpose=ForProbe(), after_s=0))
    second = api.activity(ReadActivity(purpose=ForProbe(), after_s=0))
    assert first.known
    assert [row.amount_e6 for row in first.rows] == [50_000] * 6
    assert len({row.id for row in first.rows}) == 6
    assert {row.id for row in first.rows} == {row.id for row in second.rows}


def test_a_row_of_one_transaction_that_comes_twice_is_one(http: HttpScript) -> None:
    http.say = [answer(200, a_page(a_move("REWARD", 0.05), a_move("REWARD", 0.05)))]
    read = DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=0))
    assert len({row.id for row in read.rows}) == 1


@pytest.mark.parametrize(
    "pagination",
    [
        {"has_more": True, "next_cursor": None},
        {"has_more": True, "next_cursor": ""},
        {"has_more": True},
        {"has_more": None},
        {},
    ],
)
def test_a_page_that_does_not_say_where_it_goes_on_is_unknown_and_asked_once(http: HttpScript, pagination: Any) -> None:
    http.say = [answer(200, {"data": [a_move("DEPOSIT", 1)], "pagination": pagination})]
    assert not DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=0)).known
    assert len(http.asked) == 1


def test_pages_that_lead_in_a_circle_are_unknown(http: HttpScript) -> None:
    one, two = answer(200, a_page(a_move("DEPOSIT", 1), following="c1")), answer(200, a_page(following="c2"))
    http.say = [one, two, one, two, one]
    assert not DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=0)).known
    assert len(http.asked) == 3


def test_deposits_and_withdrawals_are_asked_for(http: HttpScript) -> None:
    http.say = [answer(200, a_page())]
    DataApi(http.url, WALLET, 2.0).activity(ReadActivity(purpose=ForProbe(), after_s=0))
    assert "exclude_deposits_withdrawals=false" in http.asked[0].path


@pytest.mark.parametrize(
    "said",
    [
        (500, "down"),
        (404, "Not Found"),
        (200, "not json"),
        (200, {"data": []}),
        (200, {"data": [a_move("DEPOSIT", None)], "pagination": {"has_more": False}}),
        (200, {"data": [a_move("DEPOSIT", 1, timestamp=None)], "pagination": {"has_more": False}}),
        (200, {"data": [{"type": "DEPOSIT"}], "pagination": {"has_more": False}}),
        (200, {"data": [{"token_id": "1", "type": "DEPOSIT", "current_size": -1, "usdc_size": "x"}], "pagination": {}}),
    ],
)
def test_whatever_cannot_be_read_is_not_known(http: HttpScript, said: tuple[int, Any]) -> None:
    http.say = [answer(*said)]
    api = DataApi(http.url, WALLET, 2.0)
    assert not api.activity(ReadActivity(purpose=ForProbe(), after_s=0)).known
    holdings = api.holdings(ReadHoldings(purpose=ForProbe()))
    assert not holdings.known and holdings.shares == {} and holdings.why


def test_open_positions_by_token(http: HttpScript) -> None:
    row = {"token_id": "91", "current_size": 9.6153, "status": "OPEN"}
    http.say = [answer(200, a_page(row))]
    read = DataApi(http.url, WALLET, 2.0).holdings(ReadHoldings(purpose=ForProbe()))
    assert read.known and read.shares == {"91": 9_615_300}
    assert "status=OPEN" in http.asked[0].path


@pytest.mark.parametrize(
    ("value", "exact"), [(0.1, 100_000), (0.29, 290_000), (0.57, 570_000), (5, 5_000_000), ("2.6", 2_600_000)]
)
def test_numbers_become_millionths_by_their_decimal_text(value: Any, exact: int) -> None:
    assert millionths(value) == exact


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 1e15, True, None, "x", [], "NaN"])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        millionths(value)
