"""What each answer to POST /order is taken for: only a clear yes or no counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polybot.adapters.polymarket.post_answer import PostAnswer, read_post_answer

ORDER = "0x" + "ab" * 32


def read(http: int, body: Any, retry_after: str = "") -> PostAnswer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_post_answer(http, data, ORDER, retry_after)


def an_ok(**changed: Any) -> dict[str, Any]:
    body = {
        "success": True,
        "errorMsg": "",
        "orderID": ORDER,
        "status": "matched",
        "makingAmount": "2.6",
        "takingAmount": "5",
        "transactionsHashes": [],
        "tradeIDs": ["bd7b0f5c"],
    }
    return body | changed


def test_a_match_tells_what_was_given_and_received() -> None:
    assert read(200, an_ok()) == PostAnswer("accepted", "", "", "matched", 2_600_000, 5_000_000, ("bd7b0f5c",))


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "live", "makingAmount": "", "takingAmount": "", "tradeIDs": []},
        {"status": "delayed", "makingAmount": "0", "takingAmount": "0", "tradeIDs": None},
        {"status": "unmatched", "makingAmount": None, "takingAmount": None},
        {"orderID": ORDER.upper().replace("0X", "0x"), "errorMsg": None, "makingAmount": "0", "takingAmount": "0"},
    ],
)
def test_amounts_that_are_empty_are_zero(changed: dict[str, Any]) -> None:
    answer = read(200, an_ok(**changed))
    assert (answer.outcome, answer.making_e6, answer.taking_e6) == ("accepted", 0, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not enough balance / allowance", "INSUFFICIENT"),
        (
            "not enough balance / allowance: the balance is not enough -> balance: 4893500, order amount: 5000000",
            "INSUFFICIENT",
        ),
        (f"order {ORDER} is invalid. Size (1.08) lower than the minimum: 5", "MIN_SIZE"),
        ("invalid amount for a marketable BUY order ($0.63), min size: $1", "MIN_SIZE"),
        (f"order {ORDER} is invalid. Price (0.555) breaks minimum tick size rule: 0.01", "TICK"),
        ("order couldn't be fully filled. FOK orders are fully filled or killed.", "FOK_KILLED"),
        (
            "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
            "FAK_NO_MATCH",
        ),
        ("the market is not yet ready to process new orders", "NOT_READY"),
        ("invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals", "PRECISION"),
        ("invalid post-only order: order crosses book", "POST_ONLY"),
        (f"order {ORDER} crosses the book", "POST_ONLY"),
        ("the order owner has to be the owner of the API KEY", "AUTH"),
        ("the order signer address has to be the address of the API KEY", "AUTH"),
        ("invalid signature", "SIGNATURE"),
        ("order_version_mismatch", "VERSION"),
        ("invalid order version, please use the latest clob-client", "VERSION"),
        ("maker address not allowed, please use the deposit wallet flow", "WALLET_TYPE"),
        ("Insufficient balance", "INSUFFICIENT"),
        ("'0x19E7' address banned", "BANNED"),
        ("'0x19E7' address in closed only mode", "CLOSED_ONLY"),
        ("invalid expiration", "EXPIRATION"),
        ("Invalid order payload", "PAYLOAD"),
        ("a sentence nobody has seen yet", "REJECTED"),
    ],
)
def test_a_400_with_a_reason_is_a_refusal_with_its_code(text: str, code: str) -> None:
    answer = read(400, {"error": text})
    assert (answer.outcome, answer.code, answer.text) == ("refused", code, text)


def test_duplicated_means_that_it_was_heard() -> None:
    answer = read(400, {"error": f"order {ORDER} is invalid. Duplicated."})
    assert (answer.outcome, answer.code) == ("accepted", "DUPLICATED")


@pytest.mark.parametrize(
    "body", [{"success": False, "orderID": None, "errorMsg": "Insufficient balance"}, an_ok(orderID="", errorMsg="bad")]
)
def test_a_200_without_an_order_is_a_refusal(body: dict[str, Any]) -> None:
    assert read(200, body).outcome == "refused"


@pytest.mark.parametrize(
    ("http", "body", "code"),
    [
        (401, {"error": "Unauthorized/Invalid api key"}, "AUTH"),
        (401, b"<html>no</html>", "AUTH"),
        (403, {"error": "not here"}, "FORBIDDEN"),
        (404, {"error": "market not found"}, "REJECTED"),
    ],
)
def test_being_turned_away_at_the_door_is_a_refusal(http: int, body: Any, code: str) -> None:
    answer = read(http, body)
    assert (answer.outcome, answer.code) == ("refused", code)


@pytest.mark.parametrize(
    ("http", "body", "code"),
    [
        (425, b"", "RESTARTING"),
        (429, b"<html>1015</html>", "RATE_LIMIT"),
        (
            503,
            {"error": "post-only mode: only post-only orders and cancels are allowed", "code": "post_only_mode"},
            "POST_ONLY_MODE",
        ),
        (503, {"error": "Trading is currently cancel-only for maintenance"}, "CANCEL_ONLY"),
        (503, {"error": "trading is disabled"}, "DISABLED"),
    ],
)
def test_a_clear_not_now_may_be_tried_again(http: int, body: Any, code: str) -> None:
    answer = read(http, body, "79")
    assert (answer.outcome, answer.code) == ("retry", code)
    assert answer.retry_after_s == 79.0


@pytest.mark.parametrize(
    ("http", "body"),
    [
        (500, {"error": "order timed out"}),
        (400, {"error": "order timed out"}),
        (403, b"<html><title>Attention Required! | Cloudflare</title></html>"),
        (500, {"error": "there are no matching orders"}),
        (502, b"<html>Bad gateway</html>"),
        (503, b"<html>upstream connect error</html>"),
        (504, b""),
        (408, {"error": "timeout"}),
        (400, b"<html>400 Bad Request</html>"),
        (400, {"unexpected": 1}),
        (404, b"404 page not found"),
        (302, b""),
        (400, {"error": "order match delayed due to market conditions"}),
        (200, b""),
        (200, b"{"),
        (200, b"[]"),
        (200, b"\xff\xfe"),
        (200, b"[" * 100_000),
        (200, {"orderID": "0x" + "cd" * 32, "success": True}),
        (200, an_ok(errorMsg="though it is there, something is wrong")),
        (200, {"orderID": ORDER}),
        (200, an_ok(makingAmount="abc")),
        (200, an_ok(makingAmount="-1")),
        (200, an_ok(makingAmount="NaN")),
        (200, an_ok(makingAmount=2.6)),
        (200, an_ok(tradeIDs=7)),
    ],
)
def test_whatever_is_in_doubt_is_unknown(http: int, body: Any) -> None:
    assert read(http, body).outcome == "unknown"


CLOUDFLARE = (
    b"<!DOCTYPE html>\n<!--[if lt IE 7]> <html class='no-js ie6 oldie' lang='en-US'> <![endif]-->\n" * 5
    + b"<head><title>\n Attention Required! |\n Cloudflare</title><style>body{color:red}</style></head><body>long</body>"
)


@pytest.mark.parametrize(
    ("http", "body", "text"),
    [
        (403, CLOUDFLARE, "HTTP 403: Attention Required! | Cloudflare"),
        (502, b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>", "HTTP 502: 502 Bad Gateway nginx"),
        (425, b"", "HTTP 425"),
        (
            504,
            b"one two three four five six seven eight nine ten",
            "HTTP 504: one two three four five six seven eight …",
        ),
        (401, b"\xff<unfinished", "HTTP 401: \ufffd"),
        (500, {"error": "order timed out"}, "order timed out"),
    ],
)
def test_a_page_is_told_by_its_status_and_title_without_markup(http: int, body: Any, text: str) -> None:
    assert read(http, body).text == text


@given(http=st.integers(100, 599), body=st.binary(max_size=200))
def test_no_bytes_make_an_order_accepted_or_break_the_reader(http: int, body: bytes) -> None:
    assert read(http, body).outcome != "accepted"
