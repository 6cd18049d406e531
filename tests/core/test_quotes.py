"""Each rule of the book at its limit, one unit inside, one outside."""

import pytest

from messages import Book
from polybot.core.market.book_rules import book_reason
from polybot.settings import Trade
from tests.build import a_book


def quoted(up_bid: int | None, up_ask: int | None, down_bid: int | None, down_ask: int | None) -> Book:
    def side(price: int | None) -> tuple[tuple[int, int], ...]:
        return () if price is None else ((price, 100_000_000),)

    return a_book(up_bids=side(up_bid), up_asks=side(up_ask), down_bids=side(down_bid), down_asks=side(down_ask))


def up(bid: int | None, ask: int | None, down_ask: int | None = None) -> str:
    reason = book_reason(quoted(bid, ask, None, down_ask), "UP", Trade())
    return reason.code if reason else ""


@pytest.mark.parametrize(("ask", "code"), [(649_000, ""), (650_000, ""), (651_000, "PRICE_ABOVE_CAP")])
def test_the_cap(ask: int, code: str) -> None:
    assert up(ask - 10_000, ask) == code


@pytest.mark.parametrize(("ask", "code"), [(201_000, ""), (200_000, ""), (199_000, "PRICE_BELOW_FLOOR")])
def test_the_floor(ask: int, code: str) -> None:
    assert up(ask - 10_000, ask) == code


@pytest.mark.parametrize(("bid", "code"), [(451_000, ""), (450_000, ""), (449_000, "BOOK_WIDE")])
def test_the_spread(bid: int, code: str) -> None:
    assert up(bid, 500_000) == code


def test_a_missing_bid_is_a_wide_book() -> None:
    assert up(None, 500_000) == "BOOK_WIDE"


def test_no_ask_on_our_side_is_named_even_if_the_other_side_has_one() -> None:
    assert up(500_000, None, 480_000) == "NO_ASK"


@pytest.mark.parametrize(
    ("down_ask", "code"),
    [(490_000, ""), (489_000, "BOOK_CROSSED"), (491_000, ""), (560_000, ""), (561_000, "BOOK_CROSSED"), (559_000, "")],
)
def test_the_sum_of_both_asks(down_ask: int, code: str) -> None:
    assert up(490_000, 500_000, down_ask) == code


def test_down_is_judged_by_its_own_side_and_the_reason_names_value_and_bound() -> None:
    reason = book_reason(quoted(300_000, 310_000, 690_000, 700_000), "DOWN", Trade())
    assert reason is not None
    assert reason.code == "PRICE_ABOVE_CAP"
    assert reason.text == "DOWN costs 0.7, above max_price = 0.65"
