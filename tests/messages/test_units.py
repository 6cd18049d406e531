"""Millionths and people's decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.units import decimal_text, e6, mul_e6, usd_text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.52", 520_000), ("5", 5_000_000), ("0.0000004", 0), ("0.0000005", 1), ("-1.5", -1_500_000), (7, 7_000_000)],
)
def test_decimals_become_millionths_rounded_half_up(text: str, value: int) -> None:
    assert e6(text) == value


@given(st.integers(-(10**15), 10**15))
def test_the_shortest_text_reads_back_to_the_same(value: int) -> None:
    text = decimal_text(value)
    assert e6(text) == value
    assert not (("." in text) and text.endswith("0"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5_004_999, "5.00"),
        (5_005_000, "5.01"),
        (0, "0.00"),
        (-4_999, "0.00"),
        (-5_000, "-0.01"),
        (999_995_000, "1000.00"),
    ],
)
def test_people_see_cents_half_up(value: int, text: str) -> None:
    assert usd_text(value) == text


@given(st.integers(0, 10**12), st.integers(0, 10**9))
def test_products_are_rounded_half_up_once(a: int, b: int) -> None:
    assert mul_e6(a, b) == int((Decimal(a) * b / 10**6 + Decimal("0.5")).to_integral_value("ROUND_FLOOR"))
