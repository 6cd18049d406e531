"""streak_reversal through the whole house in one process: placed before the window opens, post-only, gone when it does."""

import json
from typing import Any

import pytest

from messages import Allocation, OrderUpdate, Prediction
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.sim.world.synthetic import SyntheticWorld
from tests.backtest.cores import CORES

GRANT_E6 = 1_000_000_000
S = 1_000_000_000
WORLD = SyntheticWorld(42)
FIRST_S = WORLD.first_start_s
WINDOWS = 6


def a_house(**params: Any) -> Simulator:
    """streak_reversal over WINDOWS windows."""
    config = {"bot": {"strategies": ["streak_reversal"]}, "strategy": {"streak_reversal": params}}
    session = {"id": "s", "first_window_s": FIRST_S, "windows": WINDOWS, "strategies": ["streak_reversal"], "seed": 42}
    sim = Simulator(CORES, WorldOutside(WORLD, GRANT_E6), (FIRST_S - 60) * S, json.dumps(config), json.dumps(session))
    sim.begin()
    return sim


def heard(sim: Simulator, actor: str, kind: type[Any]) -> list[Any]:
    return [e.body for e in sim.members[actor].kept if isinstance(e.body, kind)]


@pytest.fixture(scope="module")
def house() -> Simulator:
    sim = a_house(streak=1)
    sim.run_until((FIRST_S + WINDOWS * 300) * S)
    return sim


def test_every_window_has_its_row_and_the_first_two_have_no_outcomes_before_them(house: Simulator) -> None:
    said: list[Prediction] = heard(house, "signal", Prediction)
    assert [p.n for p in said] == list(range(1, WINDOWS + 1))
    assert [p.reason_code for p in said[:2]] == ["INSUFFICIENT_DATA"] * 2
    for prediction in said[2:]:
        assert prediction.prediction is not None and prediction.rests and prediction.limit_e6 == 510_000
        before_s = prediction.start_s - prediction.decided_ns / S
        assert 20 <= before_s <= 30, "30 s before it opens, or soon after"


def test_its_orders_rest_post_only_below_the_ask_and_are_over_when_the_window_opens(house: Simulator) -> None:
    newest: dict[str, OrderUpdate] = {o.order_id: o for o in heard(house, "executor", OrderUpdate)}
    assert len(newest) == WINDOWS - 2
    for order in newest.values():
        intent = order.intent
        assert intent is not None
        assert (intent.order_type, intent.post_only, intent.cancel_at_ns) == ("GTC", True, intent.start_s * S)
        seen = intent.prediction
        ask = seen.up_ask_e6 if intent.outcome == "UP" else seen.down_ask_e6
        assert ask is not None and intent.limit_e6 == min(510_000, (ask - 10_000) // 10_000 * 10_000)
        assert order.final and order.updated_ns < (intent.start_s + 60) * S
        assert order.filled_e6 or order.reason_code in ("CANCELED", "POST_ONLY"), "the book may have come to meet it"


def test_who_rests_pays_no_fee(house: Simulator) -> None:
    newest: dict[str, OrderUpdate] = {o.order_id: o for o in heard(house, "executor", OrderUpdate)}
    filled = [o for o in newest.values() if o.filled_e6]
    assert filled, "somebody came"
    assert all(o.fee_e6 == 0 and o.cost_e6 <= o.stake_e6 for o in filled)


def test_killed_after_placing_the_order_is_still_cancelled_at_the_open() -> None:
    sim = a_house(streak=1)
    sim.run_until((FIRST_S + 600 - 15) * S)
    live = [o for o in heard(sim, "executor", OrderUpdate) if not o.final]
    assert live, "an order rests"
    for actor in ("signal", "allocator", "risk", "executor"):
        sim.kill(actor)
    sim.run_until((FIRST_S + 640) * S)
    newest = {o.order_id: o for o in heard(sim, "executor", OrderUpdate)}
    assert newest and all(o.final for o in newest.values())


def test_below_five_shares_it_is_refused_and_not_rounded_up() -> None:
    config = {"bot": {"strategies": ["streak_reversal"]}, "sizing": {"rule": "fixed", "fixed_stake_usd": 2.0}}
    config["strategy"] = {"streak_reversal": {"streak": 1}}
    session = {"id": "s", "first_window_s": FIRST_S, "windows": 3, "strategies": ["streak_reversal"], "seed": 42}
    sim = Simulator(CORES, WorldOutside(WORLD, GRANT_E6), (FIRST_S - 60) * S, json.dumps(config), json.dumps(session))
    sim.begin()
    sim.run_until((FIRST_S + 620) * S)
    (refused,) = [a for a in heard(sim, "allocator", Allocation) if a.reason_code == "BELOW_MINIMUM"]
    assert "minimum to rest is 5" in refused.reason
    assert not heard(sim, "executor", OrderUpdate)
