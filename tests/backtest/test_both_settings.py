"""Where nobody knows what the real venue does, the bot survives both: whole sessions with each switch away from its default."""

import importlib.util
import json
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from messages.inner import ForProbe, ReadTrades
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.core.executor.books.fold import restored
from polybot.sim.venue.switches import Switches
from polybot.sim.world.synthetic import SyntheticWorld
from tests.backtest.cores import CORES

GRANT_E6 = 1_000_000_000
S = 1_000_000_000
WORLD = SyntheticWorld(42)
FIRST_S = WORLD.first_start_s
TAKES, RESTS = "coin", "streak_reversal"

# only the wire shows them, and tests/venue reads them there by the adapters
ON_THE_WIRE = (
    "orders_survive_restart",
    "sizes_in_base_units",
    "price_of_the_taker",
    "balance_cache",
    "most_cancels",
    "l2_skew_s",
    "polybolt_e18",
)
OTHER_NUMBERS = {"tick_edge_e6": 450_000, "taker_delay_ms": 250, "most_cancels": 3000, "l2_skew_s": 5}
PLAYED = [f.name for f in fields(Switches) if f.name not in ON_THE_WIRE]


def collecting() -> Any:
    """tests/house/collecting.py: tests are no packages."""
    path = Path(__file__).parents[1] / "house" / "collecting.py"
    spec = importlib.util.spec_from_file_location("house_collecting", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def away(name: str) -> Switches:
    """Only this one is not as it is by default."""
    default = getattr(Switches(), name)
    other = not default if isinstance(default, bool) else OTHER_NUMBERS[name]
    assert other != default
    changed: dict[str, Any] = {name: other}
    return Switches(**changed)


def a_session(strategy: str, switches: Switches, windows: int) -> tuple[Simulator, WorldOutside]:
    """Played to its end and a little further."""
    config: dict[str, Any] = {"bot": {"strategies": [strategy]}, "strategy": {"streak_reversal": {"streak": 1}}}
    session = {"id": "s", "first_window_s": FIRST_S, "windows": windows, "strategies": [strategy], "seed": 42}
    outside = WorldOutside(WORLD, GRANT_E6, quote_s=2, switches=switches)
    sim = Simulator(CORES, outside, (FIRST_S - 60) * S, json.dumps(config), json.dumps(session))
    sim.begin()
    sim.run_until((FIRST_S + windows * 300 + 120) * S)
    return sim, outside


def check(sim: Simulator, outside: WorldOutside) -> None:
    """The executor's journal against the exchange, to the millionth."""
    assert sim.halt is None, sim.halt
    venue, wallet = outside.engine, outside.counter.wallet
    books = restored(tuple(sim.members["executor"].records))
    assert venue.total_e6() == venue.granted_e6()
    assert books.accounts["cash"] == venue.account_balance(wallet)
    ours = {(f.trade_id, o.order_id, f.size_e6, f.status) for o in books.orders.values() for f in o.fills.values()}
    read: Any = outside.counter.read(ReadTrades(purpose=ForProbe(), after_s=0), sim.now_ns)
    assert ours == {(line.trade_id, line.order_id, line.size_e6, line.status) for line in read.trades}
    taken = [o for o in venue.state.orders.values() if o.owner == wallet]
    assert books.orders and {o.order_id for o in taken} <= set(books.orders)
    assert taken or venue.switches.minimum_size_in_usd, "in dollars our stakes are too small to rest"
    assert set(Counter(o.condition_id for o in taken).values()) <= {1}, "one order a window"
    assert len(books.by_intent) == len(books.orders)


@pytest.mark.parametrize("name", PLAYED)
def test_books_are_the_exchanges_and_nothing_is_doubled(name: str) -> None:
    is_about_resting = name in ("limit_buy_exceeds", "minimum_size_in_usd", "answers_live")
    check(*(a_session(RESTS, away(name), 3) if is_about_resting else a_session(TAKES, away(name), 2)))


@pytest.mark.long
@pytest.mark.parametrize("strategy", [TAKES, RESTS])
@pytest.mark.parametrize("name", ["", *PLAYED])
def test_so_over_many_windows(name: str, strategy: str) -> None:
    check(*a_session(strategy, away(name) if name else Switches(), 24))


def test_every_switch_is_played_here_or_read_on_the_wire() -> None:
    """The mark `plays` is a promise that tests/venue/conftest.py holds each test to while it runs."""
    assert set(ON_THE_WIRE) < {f.name for f in fields(Switches)}
    played = {switch for found in collecting().collected("venue") for switch in found.plays}
    assert sorted(set(ON_THE_WIRE) - played) == []
