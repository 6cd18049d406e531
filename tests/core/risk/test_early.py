"""Bets on a window to come."""

import pytest

from messages.units import NS
from tests.build import T0
from tests.core.risk.conftest import Kit


@pytest.mark.parametrize(
    ("at_s", "code"), [(-60.001, "OUTSIDE_WINDOW"), (-60.0, ""), (-30.0, ""), (-0.001, ""), (0.0, "OUTSIDE_WINDOW")]
)
def test_an_order_gone_at_the_open_is_placed_in_the_minute_before_without_a_strike(
    kit: Kit, at_s: float, code: str
) -> None:
    assert kit.early_code(at_s, kit.a_resting()) == code


def test_what_rests_is_post_only_and_gone_at_the_open(kit: Kit) -> None:
    assert kit.early_code(-30.0, kit.a_resting(post_only=False)) == "ORDER_KIND"
    assert kit.early_code(-30.0, kit.a_resting(cancel_at_ns=T0 * NS + 1)) == "ORDER_KIND"
    assert kit.early_code(-30.0, kit.a_resting(side="SELL")) == "ORDER_KIND"


def test_the_amounts_of_what_rests_are_shares_times_limit_exactly(kit: Kit) -> None:
    assert kit.a_resting().taker_e6 == 9_430_000 and kit.a_resting().maker_e6 == 4_997_900
    assert kit.early_code(-30.0, kit.a_resting(maker_e6=5_000_000)) == "BAD_AMOUNTS"
    assert kit.early_code(-30.0, kit.a_resting(taker_e6=9_440_000)) == "BAD_AMOUNTS"


@pytest.mark.parametrize(("shares_e6", "code"), [(5_000_000, ""), (4_990_000, "BELOW_MINIMUM"), (5_010_000, "")])
def test_what_rests_is_at_least_the_markets_least_number_of_shares(kit: Kit, shares_e6: int, code: str) -> None:
    usd_e6 = shares_e6 * 53 // 100
    intent = kit.a_resting(stake_e6=usd_e6, maker_e6=usd_e6, taker_e6=shares_e6, worst_e6=usd_e6)
    assert kit.early_code(-30.0, intent) == code
