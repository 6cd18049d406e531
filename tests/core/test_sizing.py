"""win_streak against the table of its docstring, and what makes it fall back to base or below."""

from typing import Any

import msgspec
import pytest

from messages import Account, Streak
from polybot.core.settings import Bot, Settings, Sizing
from polybot.core.sizing import cash_part_e6, size, steps, streak_stake_e6

TABLE = (5_000_000, 7_500_000, 11_250_000, 16_880_000)


def a_streak(**changed: Any) -> Streak:
    streak = Streak(
        wins=2, losses=0, known=True, last_slug="btc-updown-5m-0", last_move_bp=4.0, trades=3, won=2, lost=1
    )
    return msgspec.structs.replace(streak, **changed)


def an_account(streak: Streak | None, free_e6: int = 100_000_000) -> Account:
    return Account(
        account="main",
        ready=True,
        why_not_ready="",
        purse_e6=100_000_000,
        wallet_e6=1_000_000_000,
        cash_pnl_e6=0,
        free_e6=free_e6,
        reserved_e6=0,
        positions_e6=0,
        claims_e6=0,
        equity_e6=100_000_000,
        realised_e6=0,
        peak_equity_e6=100_000_000,
        max_drawdown_e6=0,
        fees_e6=0,
        streaks={"coin": streak} if streak else {},
        halted=False,
        halt_reason="",
        unknown_orders=(),
        open_orders=0,
        unresolved=0,
        late=0,
        blocked_slugs=(),
        last_window_s=0,
        day="2026-11-20",
        day_pnl_e6=0,
        reconciled_ns=0,
        journal_seq=1,
        venue_state="",
    )


def stake_after(wins: int, **changed: Any) -> int:
    return size(an_account(a_streak(wins=wins, **changed)), "coin", Settings()).stake_e6


def test_the_progression_is_the_one_of_the_docstring() -> None:
    assert [stake_after(wins) for wins in range(7)] == [*TABLE, 25_000_000, 25_000_000, 25_000_000]


def test_a_half_cent_is_rounded_up_once_at_the_end() -> None:
    assert streak_stake_e6(5_000_000, 1.5, 3) == 16_880_000  # 16.875
    assert streak_stake_e6(5_000_000, 1.1, 2) == 6_050_000  # 6.05 exactly, in floats 6.050000000000001
    assert streak_stake_e6(1_000_000, 1.005, 1) == 1_010_000  # 1.005


def test_ever_longer_streaks_stay_at_the_cap() -> None:
    assert stake_after(10**9) == 25_000_000


def test_a_strategy_that_never_traded_begins_at_base() -> None:
    assert size(an_account(None), "coin", Settings()).stake_e6 == 5_000_000
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
    sized = size(an_account(a_streak(**changed)), "coin", Settings())
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
    assert size(an_account(None, free), "coin", Settings()).stake_e6 == stake


def test_what_bound_the_stake_is_said() -> None:
    assert "capped at 25.00 USD" in size(an_account(a_streak(wins=4)), "coin", Settings()).text
    assert "0.5 of 8.00 USD free cash" in size(an_account(None, 8_000_000), "coin", Settings()).text
    assert cash_part_e6(99_999_999, 0.1) == 9_990_000


def test_live_starts_capped() -> None:
    settings = Settings(bot=Bot(profile="live"), sizing=Sizing(base_stake_usd=10.0))
    assert size(an_account(None), "coin", settings).stake_e6 == 5_000_000
    assert size(an_account(None), "coin", settings).text == "win_streak step 0, capped at 5.00 USD"
