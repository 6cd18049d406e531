"""The whole house in one process: it trades, repeats itself byte for byte, and loses nothing wherever it is killed."""

import json
from functools import partial
from typing import Any

import pytest

from messages import Account, Envelope, Event, Fill, OrderUpdate, Prediction, Request
from messages.inner import PostOrder
from polybot.backtest.environment import WorldOutside
from polybot.backtest.order_entry import Fate
from polybot.backtest.simulator import Simulator
from polybot.sim.world.synthetic import SyntheticWorld
from polybot.topology import BY_NAME, PATH
from tests.backtest.cores import CORES

GRANT_E6 = 1_000_000_000
PURSE_E6 = 100_000_000
S = 1_000_000_000
WORLD = SyntheticWorld(7)
ACCOUNTS: dict[int, Account] = {}  # the newest level each simulator's executor said


def a_house(windows: int, faults: Any = None) -> Simulator:
    """The demo's house, one rsi_ema strategy; begun."""
    session = {
        "id": "s",
        "first_window_s": WORLD.first_start_s,
        "windows": windows,
        "strategies": ["rsi_ema"],
        "seed": 7,
    }
    outside = WorldOutside(WORLD, GRANT_E6, faults=faults)
    sim = Simulator(CORES, outside, (WORLD.first_start_s - 60) * S, "{}", json.dumps(session))

    def remember(_actor: str, envelope: Envelope) -> None:
        if isinstance(envelope.body, Account):
            ACCOUNTS[id(sim)] = envelope.body

    sim.listeners.append(remember)
    sim.begin()
    return sim


def at(second: float) -> int:
    """World time, seconds after the first window's start."""
    return WORLD.first_start_s * S + round(second * S)


def newest(sim: Simulator, kind: type[Any], name: str) -> dict[str, Any]:
    """The newest kept word of a kind by the executor, by one of its fields."""
    events = [e.body for e in sim.members["executor"].kept if isinstance(e.body, kind)]
    return {getattr(e, name): e for e in events}


def orders_of(sim: Simulator) -> dict[str, OrderUpdate]:
    """Each order as it was last told."""
    return newest(sim, OrderUpdate, "order_id")


def check_books(sim: Simulator) -> None:
    """Ours against the exchange's, exactly."""
    outside: Any = sim.outside
    engine, wallet = outside.engine, outside.counter.wallet
    account = ACCOUNTS[id(sim)]
    assert engine.account_balance(wallet) - GRANT_E6 == account.cash_pnl_e6, "the venue's cash is ours, to a millionth"
    trades = engine.trades(wallet)
    theirs = {(t.trade_id, t.taker_order_id, t.size_e6, t.usd_e6, t.fee_e6, t.status) for t in trades}
    fills = newest(sim, Fill, "trade_id").values()
    ours = {(f.trade_id, f.order_id, f.size_e6, f.cost_e6, f.fee_e6, f.status) for f in fills}
    assert ours == theirs
    placed = {o.order_id for o in engine.state.orders.values() if o.owner == wallet}
    orders = orders_of(sim)
    assert placed <= set(orders), "every order at the venue is a journalled intent"
    intents = [o.intent_id for o in orders.values()]
    assert len(intents) == len(set(intents)), "an intent has one order"


def test_it_trades_and_the_books_add_up() -> None:
    sim = a_house(5)
    sim.run_until(at(5 * 300 + 180))
    predictions = [e.body for e in sim.members["signal"].kept if isinstance(e.body, Prediction)]
    assert [p.n for p in predictions] == [1, 2, 3, 4, 5]
    assert sum(o.filled_e6 > 0 for o in orders_of(sim).values()) >= 2
    check_books(sim)


def test_nobody_says_or_asks_what_its_row_of_the_table_has_not() -> None:
    sim, said = a_house(1), dict[tuple[str, type[Any]], None]()
    sim.listeners.append(lambda actor, envelope: said.update({(actor, type(envelope.body)): None}))
    sim.run_until(at(400))
    rows = {actor: BY_NAME[actor] for actor, _ in said}
    assert [(a, w) for a, w in said if issubclass(w, Event) and w not in rows[a].says] == []
    assert [(a, w) for a, w in said if issubclass(w, Request) and w not in rows[a].asks] == []
    assert {(a.name, a.decides) for a in PATH} <= set(said), "every decision was seen"


def test_two_runs_say_identical_bytes() -> None:
    digests = []
    for _ in range(2):
        sim = a_house(2)
        sim.at(at(150), partial(sim.kill, "executor"))
        sim.run_until(at(700))
        digests.append(sim.digest)
    assert digests[0] == digests[1]


LONG = [pytest.mark.long, pytest.mark.timeout(1800)]
EVERY_WORD = [pytest.param(actor, 10**6, marks=LONG) for actor in ("executor", "risk")]


@pytest.mark.parametrize(("actor", "most"), [("executor", 14), ("risk", 8), ("allocator", 4), *EVERY_WORD])
def test_killed_between_any_two_words_of_a_trade_it_loses_nothing(actor: str, most: int) -> None:
    """From just before the decision until the fill is confirmed, between any two words this actor says; at so many points,
    evenly spread, unless there is time for all. (The executor's named steps: test_exactly_once.)
    """
    said = words_said_between(actor, at(9.9), at(30))
    assert said >= 2
    for n in range(1, said + 1, max(1, -(-said // most))):
        sim = a_house(1)
        sim.run_until(at(9.9))
        sim.members[actor].crash_at = sim.members[actor].said + n
        sim.run_until(at(100))  # every order is final by then, and read once more
        assert sim.members[actor].boot == 2, f"killed at word {n}"
        check_books(sim)


def words_said_between(actor: str, from_ns: int, to_ns: int) -> int:
    sim = a_house(1)
    sim.run_until(from_ns)
    before = sim.members[actor].said
    sim.run_until(to_ns)
    return sim.members[actor].said - before


class Losing:
    """The first attempts meet these fates, in turn; later ones are answered."""

    def __init__(self, *fates: Fate) -> None:
        self.fates = list(fates)
        self.posted: list[str] = []

    def fate(self, word: PostOrder) -> Fate:
        self.posted.append(word.order_id)
        return self.fates.pop(0) if self.fates else "answer"


@pytest.mark.parametrize("fates", [("lose_answer",), ("lose_request",), ("lose_answer", "lose_answer")])
def test_a_lost_answer_never_makes_a_second_order(fates: tuple[Fate, ...]) -> None:
    faults = Losing(*fates)
    sim = a_house(2, faults)
    sim.run_until(at(900))
    check_books(sim)
    first = faults.posted[0]
    assert all(o.final for o in orders_of(sim).values()), "every order came to an end"
    if fates[0] == "lose_answer":
        assert orders_of(sim)[first].filled_e6 > 0, "it was taken, and that was found out"
