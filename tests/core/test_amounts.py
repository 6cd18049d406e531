"""From a stake to the venue's integers; the vectors are the official client's, the float trap included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import FeeSchedule
from messages.units import E6
from polybot.core.reasons import Reason
from polybot.core.sizing.amounts import BuyAmounts, fak_buy, limit_e6, worst_e6

FEE = FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True)
CAP = 650_000


def a_buy(stake_e6: int, limit: int) -> BuyAmounts:
    buy = fak_buy(stake_e6, limit, FEE)
    assert isinstance(buy, BuyAmounts)
    return buy


@pytest.mark.parametrize(
    ("ask", "limit"),
    [
        (500_000, 520_000),
        (505_000, 520_000),  # a 0.001 tick: floored to 0.01
        (629_000, 640_000),
        (630_000, 650_000),  # the cap exactly
        (631_000, 650_000),
        (650_000, 650_000),
        (200_000, 220_000),
    ],
)
def test_the_limit_is_ask_plus_slack_at_most_the_cap_on_the_cent_grid(ask: int, limit: int) -> None:
    assert limit_e6(ask, 20_000, CAP) == limit


@pytest.mark.parametrize("price", [290_000, 570_000, 580_000])
def test_prices_that_floats_would_floor_wrongly_stay_what_they_are(price: int) -> None:
    assert limit_e6(price, 0, CAP) == price


@pytest.mark.parametrize(
    ("stake", "limit", "maker", "taker"),
    [
        (10_000_000, 520_000, 10_000_000, 19_230_700),  # facts §5.4, local vector
        (5_000_000, 580_000, 5_000_000, 8_620_600),
        (16_880_000, 570_000, 16_880_000, 29_614_000),
        (5_009_999, 500_000, 5_000_000, 10_000_000),  # stake floored to cents
        (7_500_000, 290_000, 7_500_000, 25_862_000),
    ],
)
def test_maker_has_two_decimals_and_taker_four_both_floored(stake: int, limit: int, maker: int, taker: int) -> None:
    buy = a_buy(stake, limit)
    assert (buy.maker_e6, buy.taker_e6) == (maker, taker)


def test_a_stake_of_one_dollar_passes_a_cent_less_is_refused_and_a_cent_more_passes() -> None:
    assert a_buy(1_000_000, 500_000).maker_e6 == 1_000_000
    assert a_buy(1_010_000, 500_000).maker_e6 == 1_010_000
    for stake in (990_000, 999_999):
        refused = fak_buy(stake, 500_000, FEE)
        assert isinstance(refused, Reason) and refused.code == "BELOW_MINIMUM"
        assert "0.99 USD" in refused.text and "1.00 USD" in refused.text


@pytest.mark.parametrize("fee", [None, FeeSchedule(rate_e6=70_000, exponent=0, taker_only=True)])
def test_without_a_schedule_that_bounds_the_fee_nothing_is_bought(fee: FeeSchedule | None) -> None:
    refused = fak_buy(5_000_000, 500_000, fee)
    assert isinstance(refused, Reason) and refused.code == "NO_FEE_SCHEDULE"


def test_the_worst_case_is_the_stake_and_the_whole_rate_rounded_up() -> None:
    assert worst_e6(5_000_000, 70_000) == 5_350_000
    assert worst_e6(1_010_000, 70_001) == 1_010_000 + 70_702


@given(
    stake=st.integers(1_000_000, 50_000_000),
    limit_cents=st.integers(1, 99),
    price_mills=st.integers(1, 999),
    exponent=st.integers(1, 3),
)
def test_no_fill_at_any_price_within_the_limit_costs_more_than_the_worst_case(
    stake: int, limit_cents: int, price_mills: int, exponent: int
) -> None:
    limit, price = limit_cents * 10_000, min(price_mills * 1_000, limit_cents * 10_000)
    buy = fak_buy(stake, limit, FeeSchedule(rate_e6=70_000, exponent=exponent, taker_only=True))
    assert isinstance(buy, BuyAmounts)
    shares = buy.maker_e6 / price
    fee = shares * 0.07 * (price / E6 * (1 - price / E6)) ** exponent * E6
    assert buy.maker_e6 + fee <= buy.worst_e6
    assert buy.maker_e6 * E6 >= limit * buy.taker_e6, "the implied price must not fall below the limit"
