"""Every rule against the table of the docstring, and what makes a stake smaller, refused, or another strategy's."""

from typing import Any

import msgspec
import pytest

from messages import Account, OrderUpdate, Position, Positions, Streak
from polybot.core.reasons import Reason
from polybot.core.sizing.stake import Offer, Purse, Size, cash_part_e6, size, steps, streak_stake_e6
from polybot.settings import Bot, Settings, Sizing
from tests import build
from tests.build import FEE, T0, a_streak, positions, slug_of

TABLE = (5_000_000, 7_500_000, 11_250_000, 16_880_000)


def an_account(streak: Streak | None, free_e6: int = 100_000_000) -> Account:
    """The purse of one strategy."""
    return build.an_account(free_e6=free_e6, streaks={"coin": streak} if streak else {})


def an_offer(limit_e6: int = 500_000, probability: float | None = None) -> Offer:
    return Offer(slug_of(), limit_e6, FEE, probability)


def out(*held: Position, orders: tuple[OrderUpdate, ...] = ()) -> Positions:
    return positions(positions=held, orders=orders)


def sized_by(
    account: Account, strategy: str, settings: Settings, held: Positions | None = None, **offered: Any
) -> Size:
    found = size(Purse(account, held or out()), strategy, settings, an_offer(**offered))
    assert isinstance(found, Size), found
    return found


def stake_after(wins: int, **changed: Any) -> int:
    return sized_by(an_account(a_streak(wins=wins, **changed)), "coin", Settings()).stake_e6


def test_the_progression_is_the_one_of_the_docstring() -> None:
    assert [stake_after(wins) for wins in range(7)] == [*TABLE, 25_000_000, 25_000_000, 25_000_000]


def test_a_half_cent_is_rounded_up_once_at_the_end() -> None:
    assert streak_stake_e6(5_000_000, 1.5, 3) == 16_880_000  # 16.875
    assert streak_stake_e6(5_000_000, 1.1, 2) == 6_050_000  # 6.05 exactly, in floats 6.050000000000001
    assert streak_stake_e6(1_000_000, 1.005, 1) == 1_010_000  # 1.005


def test_ever_longer_streaks_stay_at_the_cap() -> None:
    assert stake_after(10**9) == 25_000_000


def test_a_strategy_that_never_traded_begins_at_base() -> None:
    assert sized_by(an_account(None), "coin", Settings()).stake_e6 == 5_000_000
    assert steps(a_streak(last_slug="", known=False)) == (0, "")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"known": False}, "has no outcome yet"),
        ({"last_move_bp": None}, "is unknown"),
        ({"last_move_bp": 0.49}, "0.49 bp, below 0.5 bp"),
        ({"last_move_bp": -0.49}, "0.49 bp, below 0.5 bp"),
    ],
)
def test_a_streak_that_may_still_turn_sizes_at_base_and_says_so(changed: dict[str, Any], said: str) -> None:
    sized = sized_by(an_account(a_streak(**changed)), "coin", Settings())
    assert sized.stake_e6 == 5_000_000 and sized.win_streak == 0
    assert "base" in sized.text and said in sized.text


@pytest.mark.parametrize("move", [0.5, -0.5, 0.51])
def test_a_move_of_half_a_basis_point_is_enough(move: float) -> None:
    assert stake_after(2, last_move_bp=move) == TABLE[2]


@pytest.mark.parametrize(
    ("free", "stake"),
    [(10_000_000, 5_000_000), (9_999_999, 4_990_000), (10_020_000, 5_000_000), (0, 0), (-3_000_000, 0)],
)
def test_a_stake_takes_at_most_half_of_free_cash_in_whole_cents(free: int, stake: int) -> None:
    assert sized_by(an_account(None, free), "coin", Settings()).stake_e6 == stake


@pytest.mark.parametrize(("equity", "stake"), [(82_037_500, 11_250_000), (82_037_499, 5_000_000)])
@pytest.mark.parametrize("part", ["equity_e6", "positions_e6", "reserved_e6"])
def test_a_step_whose_worst_case_passes_the_floor_falls_to_its_base_and_says_so(
    part: str, equity: int, stake: int
) -> None:
    """Refused it would bring no outcome, and the streak would ask for it for ever. 11.25 USD cost 12.0375 at worst."""
    given = equity if part == "equity_e6" else 100_000_000 - equity
    account = msgspec.structs.replace(an_account(a_streak(wins=2)), **{part: given})
    found = sized_by(account, "coin", Settings())
    assert (found.stake_e6, found.win_streak) == (stake, 2 if stake > 5_000_000 else 0)
    assert ("base: win_streak step 2 at worst passes the 12.037499 USD left above the floor" in found.text) is (
        stake == 5_000_000
    )


def test_what_bound_the_stake_is_said() -> None:
    assert "capped at 25.00 USD" in sized_by(an_account(a_streak(wins=4)), "coin", Settings()).text
    assert "0.5 of 8.00 USD free cash" in sized_by(an_account(None, 8_000_000), "coin", Settings()).text
    assert cash_part_e6(99_999_999, 0.1) == 9_990_000


def test_live_starts_capped() -> None:
    settings = Settings(bot=Bot(profile="live"), sizing=Sizing(base_stake_usd=10.0))
    assert sized_by(an_account(None), "coin", settings).stake_e6 == 5_000_000
    assert sized_by(an_account(None), "coin", settings).text == "win_streak step 0, capped at 5.00 USD"


# --- the other rules


def stake_by(rule: str, equity_e6: int = 100_000_000, free_e6: int = 100_000_000, **offered: Any) -> Size:
    account = msgspec.structs.replace(an_account(None, free_e6), equity_e6=equity_e6)
    return sized_by(account, "coin", Settings(sizing=Sizing(rule=rule)), **offered)


def test_fixed_is_two_dollars_whatever_happened() -> None:
    account = an_account(a_streak(wins=4))
    settings = Settings(sizing=Sizing(rule="fixed"))
    assert sized_by(account, "coin", settings) == Size(2_000_000, 4, "fixed")


@pytest.mark.parametrize(("equity", "stake"), [(100, 2_000_000), (90, 1_800_000), (49.99, 990_000)])
def test_percent_is_the_table_of_the_docstring_rounded_down_to_cents(equity: float, stake: int) -> None:
    assert stake_by("percent", equity_e6=round(equity * 1e6)).stake_e6 == stake


@pytest.mark.parametrize(
    ("p", "limit", "stake"),
    [(0.60, 500_000, 4_270_000), (0.55, 500_000, 1_680_000), (0.70, 600_000, 5_420_000), (0.5175, 500_000, 0)],
)
def test_kelly_is_the_table_of_the_docstring(p: float, limit: int, stake: int) -> None:
    assert stake_by("kelly", probability=p, limit_e6=limit).stake_e6 == stake


def test_kelly_bets_nothing_when_the_fee_eats_the_edge_and_says_so() -> None:
    sized = stake_by("kelly", probability=0.5175)
    assert sized.stake_e6 == 0 and "0.5175 is not above the cost of 0.5175" in sized.text
    assert stake_by("kelly", probability=0.5176).stake_e6 == 0  # a hair above: less than a cent
    assert stake_by("kelly", probability=0.53).stake_e6 == 640_000


def test_kelly_without_a_probability_is_refused() -> None:
    refused = size(Purse(an_account(None), out()), "coin", Settings(sizing=Sizing(rule="kelly")), an_offer())
    assert isinstance(refused, Reason) and refused.code == "NO_PROBABILITY"
    assert "coin publishes none" in refused.text


# --- a strategy's own


def own(**table: Any) -> Settings:
    return Settings(strategy={"coin": table})


def test_a_strategys_own_table_overrules_the_common_one() -> None:
    account = an_account(None)
    assert sized_by(account, "coin", own(sizing="fixed", fixed_stake_usd=3.0)).stake_e6 == 3_000_000
    assert sized_by(account, "other", own(sizing="fixed", fixed_stake_usd=3.0)).stake_e6 == 5_000_000


@pytest.mark.parametrize(("share", "stake"), [(0.1, 5_000_000), (0.0998, 4_990_000), (0.04, 2_000_000)])
def test_a_share_of_the_cash_bounds_the_stake_as_all_of_it_would(share: float, stake: int) -> None:
    sized = sized_by(an_account(None), "coin", own(share=share))
    assert sized.stake_e6 == stake
    if stake < 5_000_000:
        assert f"its {share:g} of all" in sized.text


def test_kellys_bankroll_is_the_strategys_share() -> None:
    sized = sized_by(an_account(None), "coin", own(sizing="kelly", share=0.5), probability=0.6)
    assert sized.stake_e6 == 2_130_000


# --- what is out already


def a_position(strategy: str, cost_e6: int, slug: str = slug_of(T0 - 300)) -> Position:
    return build.a_position(strategy=strategy, cost_e6=cost_e6, slug=slug)


def an_order(strategy: str, reserved_e6: int, slug: str = slug_of(T0 - 300)) -> OrderUpdate:
    return build.an_order(strategy=strategy, reserved_e6=reserved_e6, slug=slug)


@pytest.mark.parametrize("who", ["coin", "other"])
def test_what_a_strategy_has_out_is_of_its_own_share_and_of_no_others(who: str) -> None:
    """100 USD, half of it coin's: 30 held and 14 ordered leave it 6, of which a stake may take half; the other has its 50."""
    account = msgspec.structs.replace(an_account(None, 56_000_000), reserved_e6=14_000_000)
    held = out(a_position("coin", 30_000_000), orders=(an_order("coin", 14_000_000),))
    settings = Settings(strategy={"coin": {"share": 0.5}, "other": {"share": 0.5}})
    assert sized_by(account, who, settings, held).stake_e6 == (3_000_000 if who == "coin" else 5_000_000)
    assert Purse(account, held).free_e6(who, 0.5) == (6_000_000 if who == "coin" else 50_000_000)


def test_more_out_than_its_share_leaves_nothing_and_never_more_than_is_free() -> None:
    purse = Purse(an_account(None, 40_000_000), out(a_position("coin", 60_000_000)))
    assert purse.free_e6("coin", 0.5) == 0
    assert purse.free_e6("other", 0.5) == 40_000_000


@pytest.mark.parametrize(
    ("held_e6", "stake"),
    [(44_650_000, 5_000_000), (44_650_001, 4_990_000), (48_930_000, 1_000_000), (48_930_001, 990_000), (50_000_001, 0)],
)
@pytest.mark.parametrize("where", ["held", "ordered"])
def test_a_stake_with_its_fee_fits_into_what_the_market_may_still_hold(where: str, held_e6: int, stake: int) -> None:
    """max_market_usd = 50, a rate of 7 %: 5.00 cost 5.35 at worst, 1.00 cost 1.07. Over all strategies."""
    held, ordered = a_position("other", held_e6, slug_of()), an_order("other", held_e6, slug_of())
    there = out(held) if where == "held" else out(orders=(ordered,))
    sized = sized_by(an_account(None), "coin", Settings(), there)
    assert sized.stake_e6 == stake
    assert ("by max_market_usd = 50.00 USD" in sized.text) == (stake < 5_000_000)
    elsewhere = out(a_position("other", held_e6))
    assert sized_by(an_account(None), "coin", Settings(), elsewhere).stake_e6 == 5_000_000
