"""Our wall clock wrong by a second, five minutes, a day, from the start or of a sudden: the world goes on by the true
time, and no order ever arrives in a window that is not the one it was meant for.
"""

import json
from typing import Any

import pytest

from messages import ClockOffset, RiskVerdict
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.sim.world.synthetic import SyntheticWorld
from tests.backtest.cores import CORES

S = 1_000_000_000
WORLD = SyntheticWorld(7)
FIRST_S = WORLD.first_start_s
LONG = pytest.mark.long  # a clock that is behind: price_feed is asked for bars it cannot have, four times a second
WRONG_S = [1, -1, 300, 86_400, pytest.param(-300, marks=LONG), pytest.param(-86_400, marks=LONG)]


class House:
    """Two windows, both traded when the clock is right. profile "live": the one that measures clocks."""

    def __init__(self) -> None:
        session = {"id": "s", "first_window_s": FIRST_S, "windows": 2, "strategies": ["rsi_ema"], "seed": 7}
        config = json.dumps({"bot": {"profile": "live"}})
        self.outside = WorldOutside(WORLD, 1_000_000_000)
        self.sim = Simulator(CORES, self.outside, (FIRST_S - 60) * S, config, json.dumps(session))
        self.offset: ClockOffset | None = None
        self.sim.listeners.append(self._hear)

    def _hear(self, _actor: str, envelope: Any) -> None:
        if isinstance(envelope.body, ClockOffset) and envelope.body.source == "venue":
            self.offset = envelope.body

    def run_until(self, second: float) -> None:
        """True seconds after the first window's start."""
        self.sim.run_until(FIRST_S * S + round(second * S))

    def orders(self) -> list[tuple[int, float]]:
        """(window's number from 1, true second in that window) of every order that came to the venue."""
        engine, wallet = self.outside.engine, self.outside.counter.wallet
        placed = [o for o in engine.state.orders.values() if o.owner == wallet]
        starts = [(o, engine.market(o.condition_id)) for o in placed]
        return [((m.start_s - FIRST_S) // 300 + 1, o.created_ns / S - m.start_s) for o, m in starts if m]


def in_their_windows(orders: list[tuple[int, float]]) -> bool:
    return all(0 <= second <= 270 for _, second in orders)


def test_a_right_clock_trades_both_windows() -> None:
    house = House()
    house.sim.begin()
    house.run_until(330)
    assert [n for n, _ in house.orders()] == [1, 2] and in_their_windows(house.orders())
    assert house.offset is not None and house.offset.offset_ms == pytest.approx(0, abs=house.offset.error_ms)


@pytest.mark.parametrize("wrong_s", WRONG_S)
def test_wrong_from_the_start(wrong_s: int) -> None:
    house = House()
    house.sim.set_wall_clock(wrong_s * S)
    house.sim.begin()
    house.run_until(330)
    assert not house.orders(), "nothing true to decide by, or CLOCK_OFFSET"
    assert house.offset is not None and house.offset.offset_ms is not None
    assert house.offset.offset_ms == pytest.approx(wrong_s * 1000, abs=house.offset.error_ms + 1)


@pytest.mark.parametrize("wrong_s", WRONG_S)
def test_set_wrong_of_a_sudden(wrong_s: int) -> None:
    house = House()
    house.sim.begin()
    house.run_until(30)
    boots = {name: member.boot for name, member in house.sim.members.items()}
    house.sim.set_wall_clock(wrong_s * S)
    house.run_until(31.5)
    assert house.offset is not None and house.offset.offset_ms is None, "unknown within a beat"
    house.run_until(330)
    assert in_their_windows(house.orders())
    assert house.offset.offset_ms == pytest.approx(wrong_s * 1000, abs=house.offset.error_ms + 1)
    started_anew = {name for name, member in house.sim.members.items() if member.boot > boots[name]}
    assert started_anew == (set(CORES) if abs(wrong_s) > 1 else set())
    assert [n for n, _ in house.orders()] == [1]


@pytest.mark.parametrize("off_s", [0.3, -0.3])
def test_less_than_half_a_second_is_borne(off_s: float) -> None:
    house = House()
    house.sim.set_wall_clock(round(off_s * S))
    house.sim.begin()
    house.run_until(30)
    assert [n for n, _ in house.orders()] == [1] and in_their_windows(house.orders())


def test_half_a_second_and_more_is_refused_by_name() -> None:
    house = House()
    house.sim.set_wall_clock(-S)
    house.sim.begin()
    house.run_until(30)
    (verdict,) = [e.body for e in house.sim.members["risk"].kept if isinstance(e.body, RiskVerdict)]
    assert verdict.reason_code == "CLOCK_OFFSET"
    assert "limit 500 ms" in verdict.reason


@pytest.mark.parametrize(("wrong_s", "until_s", "traded"), [(300, 5, [1, 2]), pytest.param(-300, 200, [2], marks=LONG)])
def test_set_right_again_it_trades_again(wrong_s: int, until_s: float, traded: list[int]) -> None:
    house = House()
    house.sim.set_wall_clock(wrong_s * S)
    house.sim.begin()
    house.run_until(until_s)
    assert not house.orders()
    house.sim.set_wall_clock(0)
    house.run_until(330)
    assert [n for n, _ in house.orders()] == traded and in_their_windows(house.orders())
