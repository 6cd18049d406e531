"""What is said of streak sizing's cost is what the bot's own code reckons: no draw of luck, every path with its weight.

The coin: UP or DOWN with one half each, bought at 0.51, the whole stake filled, held to the end. Sizing, amounts, fee and floor
are the bot's own functions at their defaults; but for the floor no limit holds (no day's loss, no pause after losses). A
session is over when the worst case of a first stake would pass the floor.
"""

import inspect
from functools import cache
from types import ModuleType

import pytest

from messages import FeeSchedule
from polybot.cli.session import live_conditions, live_notice
from polybot.core.executor.books.double_entry import cost_e6, taker_fee_e6
from polybot.core.sizing.amounts import BuyAmounts, fak_buy, worst_e6
from polybot.core.sizing.floor import drawdown_floor_e6
from polybot.core.sizing.stake import WORST_RATE_E6, streak_stake_e6
from polybot.runtime.base.paths import ROOT
from polybot.settings import Settings, usd_e6

PRICE_E6 = 510_000
FEE = FeeSchedule(rate_e6=WORST_RATE_E6, exponent=1, taker_only=True)
DEFAULTS = Settings()
PURSE_E6 = usd_e6(DEFAULTS.bot.capital_usd)
FLOOR_E6 = drawdown_floor_e6(PURSE_E6, DEFAULTS.risk.max_drawdown_pct)
CENT_E6 = 10_000
STEPS = 5  # with the defaults the fifth stake is the cap, and so are all after it


@cache
def bought(wins: int) -> tuple[int, int, int]:
    """(shares, cost, fee) after so many wins in a row, millionths."""
    cap = usd_e6(DEFAULTS.risk.max_stake_usd)
    stake = streak_stake_e6(usd_e6(DEFAULTS.sizing.base_stake_usd), DEFAULTS.sizing.streak_factor, wins)
    buy = fak_buy(min(stake, cap), PRICE_E6, FEE)
    assert isinstance(buy, BuyAmounts)
    cost = cost_e6(buy.taker_e6, PRICE_E6)
    return buy.taker_e6, cost, taker_fee_e6(buy.taker_e6, PRICE_E6, FEE.rate_e6, FEE.exponent)


@cache
def worst(wins: int) -> int:
    """What risk holds against the floor: the stake after so many wins with its dearest fee."""
    cap = usd_e6(DEFAULTS.risk.max_stake_usd)
    stake = streak_stake_e6(usd_e6(DEFAULTS.sizing.base_stake_usd), DEFAULTS.sizing.streak_factor, wins)
    return worst_e6(min(stake, cap), WORST_RATE_E6)


def loss(wins: int) -> int:
    _, cost, fee = bought(wins)
    return cost + fee


def drag(worth: float) -> float:
    """The part of a stake that is lost on average, of a share that is worth so much."""
    shares, cost, fee = bought(0)
    return (cost + fee - shares * worth) / cost


@cache
def is_over_within(windows: int) -> float:
    """The part of all sessions in which no first stake fits above the floor any more within so many windows."""
    alive, over = {(PURSE_E6, 0): 1.0}, 0.0
    for left in reversed(range(windows)):  # windows that are left after this one
        after: dict[tuple[int, int], float] = {}
        for (equity, wins), weight in alive.items():
            step = wins if equity - worst(wins) >= FLOOR_E6 else 0
            shares, cost, fee = bought(step)
            lost_e6 = equity - cost - fee
            assert lost_e6 >= FLOOR_E6, "the floor is never passed"
            won = (lost_e6 + shares, min(wins + 1, STEPS - 1))
            for exact_e6, streak in (won, (lost_e6, 0)):
                left_e6 = (
                    (exact_e6 + CENT_E6 // 2) // CENT_E6 * CENT_E6
                )  # paths meet again: half a cent moves no percent
                if left_e6 - worst(0) < FLOOR_E6:
                    over += weight / 2
                elif left_e6 - loss(streak) - (left - 1) * loss(0) - worst(0) < FLOOR_E6:  # else it lasts for certain
                    after[left_e6, streak] = after.get((left_e6, streak), 0.0) + weight / 2
        alive = after
    return over


def percent(part: float, digits: int = 0) -> str:
    return f"{100 * part:.{digits}f} %"


def test_a_higher_step_is_the_cap_again() -> None:
    assert bought(STEPS - 1) == bought(STEPS) == bought(STEPS + 9)
    assert bought(STEPS - 2) != bought(STEPS - 1)


def test_a_purse_that_losses_alone_end_and_one_that_survives_them_are_told_apart() -> None:
    """By hand: five losses of 5.17 leave 74.14 of 100, less than the floor and a first stake's 5.35; four leave 79.31."""
    assert is_over_within(4) == 0 < is_over_within(5)
    assert PURSE_E6 - 5 * loss(0) < FLOOR_E6 + worst(0) <= PURSE_E6 - 4 * loss(0)
    assert (loss(0), worst(0)) == (5_171_489, 5_350_000)


@pytest.mark.parametrize(
    ("path", "figures"),
    [
        ("README.md", (percent(drag(0.505), 1), percent(drag(0.5), 1), "18 windows in", "72 windows in")),
        ("docs/rules.md", (percent(drag(0.505), 1), percent(drag(0.5), 1), "72 windows in")),
    ],
)
def test_the_papers_say_it(path: str, figures: tuple[str, ...]) -> None:
    text = " ".join((ROOT / path).read_text().split())
    for figure in figures:
        windows = figure.partition(" windows")[0]
        said = f"{figure} {percent(is_over_within(int(windows)))}" if windows.isdigit() else figure
        assert said in text, said


@pytest.mark.parametrize("module", [live_conditions, live_notice], ids=["conditions", "notice"])
def test_it_is_said_before_live_starts(module: ModuleType) -> None:
    text = inspect.getsource(module)
    assert percent(drag(0.5), 1) in text
    assert f"72 windows in {percent(is_over_within(72))}" in text
