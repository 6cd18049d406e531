"""Each special day fires its rule, and the row's material says so: the whole house in one process, only the windows that
matter. The world's windows are counted from 1, as in polybot/sim/world/scenarios.py.
"""

import json
from typing import Any

import pytest

from messages import Allocation, OrderUpdate, Prediction, RiskVerdict, WindowObserved
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.sim.world.scenarios import scenario_named
from polybot.sim.world.synthetic import SyntheticWorld
from tests.backtest.cores import CORES

S = 1_000_000_000


class Day:
    """The default seed's world on a special day, traded from window `first` to `last` of it."""

    def __init__(self, scenario: str, first: int, last: int, trades: str = "rsi_ema", **tables: Any) -> None:
        world = SyntheticWorld(42, scenario=scenario_named(scenario))
        self.start_s = world.first_start_s
        began_s = self.start_s + (first - 1) * 300
        config = {"bot": {"strategies": [trades]}} | tables
        session = {"id": "s", "first_window_s": began_s, "windows": last - first + 1, "strategies": [trades]}
        self.sim = Simulator(
            CORES, WorldOutside(world, 10**9), (began_s - 60) * S, json.dumps(config), json.dumps(session)
        )
        self.sim.begin()

    def run_until(self, window: int, second: float) -> "Day":
        self.sim.run_until(round((self.start_s + (window - 1) * 300 + second) * S))
        return self

    def said(self, actor: str, kind: type[Any], window: int) -> Any:
        """The newest of a kind about a window; None."""
        slug = f"btc-updown-5m-{self.start_s + (window - 1) * 300}"
        found = [e.body for e in self.sim.members[actor].kept if isinstance(e.body, kind) and e.body.slug == slug]
        return found[-1] if found else None

    def reason(self, window: int) -> str:
        """The code that this window's row will carry; "" = it was traded."""
        for actor, kind in (("risk", RiskVerdict), ("allocator", Allocation), ("signal", Prediction)):
            if said := self.said(actor, kind, window):
                return str(said.reason_code)
        return "NOTHING"

    def seen(self, window: int) -> WindowObserved:
        found = self.said("market_feed", WindowObserved, window)
        assert isinstance(found, WindowObserved)
        return found


def test_crash_four_percent_within_five_minutes_is_refused_by_name() -> None:
    day = Day("crash", 2, 3).run_until(3, 25)
    assert day.reason(3) == "RANGE"
    assert "exceeds max_range_pct = 3" in day.said("risk", RiskVerdict, 3).reason


def test_crash_after_the_storm_volatility_is_refused_by_name() -> None:
    day = Day("crash", 8, 8).run_until(8, 25)
    assert day.reason(8) == "VOLATILITY"


def test_crash_twelve_percent_at_once_does_not_blind_the_bot() -> None:
    day = Day("crash", 6, 6)
    tick = day.run_until(6, 5).sim.members["signal"].core._market.tick
    before = SyntheticWorld(42).path.price((day.start_s + 4 * 300) * S)
    assert tick is not None and tick.price < before * (1 - 0.15), "both falls are believed: 4 % and then 12 %"
    day.run_until(6, 25)
    assert day.reason(6) not in ("STALE_PRICE", "")


def test_halt_a_losing_series_ends_the_day() -> None:
    day = Day("halt", 3, 5).run_until(5, 25)
    assert day.reason(5) == "DAILY_LOSS"


def test_halt_where_a_day_may_lose_more_it_stops_before_the_floor() -> None:
    day = Day("halt", 3, 5, risk={"daily_loss_usd": 1000.0, "max_drawdown_pct": 8.0}).run_until(5, 60)
    assert day.sim.halt is None
    assert day.reason(5) == "DRAWDOWN_AHEAD"


def test_streak_runs_are_bet_against_before_the_window_opens() -> None:
    day = Day("streak", 1, 4, "streak_reversal", strategy={"streak_reversal": {"streak": 2}}).run_until(3, 290)
    placed = day.said("executor", OrderUpdate, 4)
    assert placed is not None and placed.outcome == "DOWN", "two windows were Up"


def test_streak_losses_in_a_row_pause_the_strategy() -> None:
    day = Day("streak", 3, 5, "always_down", risk={"loss_pause_after": 2, "daily_loss_usd": 1000.0}).run_until(5, 25)
    assert day.reason(5) == "LOSS_PAUSE"


def test_feed_loss_each_silence_is_named_and_passes() -> None:
    assert Day("feed-loss", 3, 3).run_until(3, 25).reason(3) == "STALE_PRICE"
    assert Day("feed-loss", 5, 5).run_until(5, 25).reason(5) == "STALE_ORACLE"


def test_flat_a_price_that_stands_still_is_no_signal() -> None:
    day = Day("flat", 1, 1).run_until(1, 303)
    assert day.reason(1) == "FLAT_FEED"
    assert "of 60 samples unchanged" in day.said("signal", Prediction, 1).reason
    assert day.seen(1).outcome == "UP" and day.seen(1).move_bp == 0


def test_gap_no_print_is_no_strike_and_what_follows_an_unknown_outcome_is_sized_at_base() -> None:
    day = Day("gap", 1, 3).run_until(3, 25)
    assert day.reason(2) == "NO_STRIKE"
    assert day.seen(1).outcome is None and "no print stamped at the end" in day.seen(1).why
    sized = day.said("allocator", Allocation, 3)
    assert "has no outcome yet" in sized.reason + sized.sizing and sized.stake_e6 == 5_000_000


def test_gap_one_missing_print_is_inferred_and_a_leap_at_the_opening_is_out_of_price() -> None:
    day = Day("gap", 4, 5).run_until(5, 25)
    assert day.reason(5) == "NO_STRIKE"
    assert day.seen(4).inferred and day.seen(4).outcome is not None
    day = Day("gap", 8, 8).run_until(8, 25)
    assert day.reason(8) in ("PRICE_ABOVE_CAP", "PRICE_BELOW_FLOOR")


@pytest.mark.parametrize("name", ["crash", "halt", "streak", "feed-loss", "flat", "gap"])
def test_on_every_special_day_it_trades_the_ordinary_hours_before(name: str) -> None:
    """The history that strategies need is whole: what keeps them from trading is what the day shows, nothing else."""
    day = Day(name, 1, 1).run_until(1, 25)
    assert day.reason(1) == ("FLAT_FEED" if name == "flat" else "")
