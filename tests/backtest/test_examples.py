"""The strategies of examples/, all of them in one house: each decides every window, bets, and none of them fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messages import OrderUpdate, Prediction
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.core.allocator.core import AllocatorCore
from polybot.core.executor import ExecutorCore
from polybot.core.market_feed.core import MarketFeedCore
from polybot.core.price_feed.core import PriceFeedCore
from polybot.core.risk import RiskCore
from polybot.core.signal.core import SignalCore
from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.runtime.config import plugins
from polybot.sim.world.synthetic import SyntheticWorld

FOLDER = Path(__file__).resolve().parents[2] / "examples"
S = 1_000_000_000
WINDOWS = 4
CORES: dict[str, Callable[[], Any]] = {
    "price_feed": PriceFeedCore,
    "market_feed": MarketFeedCore,
    "signal": SignalCore,
    "allocator": AllocatorCore,
    "risk": RiskCore,
    "executor": ExecutorCore,
}
EAGER: dict[str, dict[str, float]] = {  # so that few windows are enough for a bet of each
    "ThreeInARow": {"run": 1},
    "BandReversion": {"width": 0.2},
    "StraightMoves": {"least": 0.05},
    "BookLean": {"lean": 0.2},
    "RestingEarly": {},
}
FILES = ("three_in_a_row", "band_reversion", "straight_moves", "book_lean", "resting_early")
SPECS = tuple(f"{FOLDER / file}.py:{name}" for file, name in zip(FILES, EAGER, strict=True))


@pytest.fixture
def _no_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    monkeypatch.setattr(indicator_registry, "_added", {})


def heard(sim: Simulator, actor: str, kind: type[Any]) -> list[Any]:
    return [e.body for e in sim.members[actor].kept if isinstance(e.body, kind)]


@pytest.mark.usefixtures("_no_plugins")
def test_every_example_trades() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(FILES)
    assert plugins.load(SPECS) == []
    world = SyntheticWorld(42)
    first_s = world.first_start_s
    config = {"bot": {"strategies": SPECS}, "strategy": EAGER}
    session = {"id": "s", "first_window_s": first_s, "windows": WINDOWS, "strategies": tuple(EAGER), "seed": 42}
    outside = WorldOutside(world, 1_000_000_000)
    sim = Simulator(CORES, outside, (first_s - 60) * S, json.dumps(config), json.dumps(session))
    sim.begin()
    sim.run_until((first_s + WINDOWS * 300) * S)

    said: list[Prediction] = heard(sim, "signal", Prediction)
    for name in EAGER:
        own = [p for p in said if p.strategy == name]
        assert [p.n for p in own] == list(range(1, WINDOWS + 1))
        assert not [p.reason for p in own if p.reason_code == "STRATEGY_FAILED"]
        assert [p for p in own if p.prediction is not None], f"{name} never bet"
    orders: list[OrderUpdate] = heard(sim, "executor", OrderUpdate)
    placed = {order.intent.strategy for order in orders if order.intent}
    assert placed == set(EAGER), "each has sent an order"
    assert any(order.filled_e6 for order in orders)
    assert {p.strategy for p in said if p.indicators} == set(EAGER) - {"ThreeInARow", "RestingEarly"}
