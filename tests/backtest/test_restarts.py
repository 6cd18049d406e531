"""Killed and started again between any two messages, an actor on the way to an order changes no decision it still makes.

The half minute around a window's decision is lived through once without a death, and then again for each place at which one
of them may die: before any message it hears, and in the middle of any sentence it says. What is compared is what everybody
decided, word for word:

1. Decided at the same moment as in the run without a death: the same content in every field.
2. Decided later, because the actor was away at the moment: the same side, stake and verdict, at that moment's prices.
3. Nothing is decided twice with two contents, nothing new is decided, and with a restart of 0.3 s nothing is left out.
4. The venue gets the same order, once.
"""

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from messages import Allocation, Envelope, Event, Prediction, RiskVerdict, Signal, Word
from polybot.backtest.environment import WorldOutside
from polybot.backtest.simulator import Simulator
from polybot.sim.world.synthetic import SyntheticWorld
from tests.backtest.cores import CORES

S = 1_000_000_000
ACTORS = ("price_feed", "signal", "allocator", "risk")
STRATEGIES = ("rsi_ema", "candle_direction")
LEAD_S, TAIL_S = 12, 16
SAMPLE = 12  # places an actor in the ordinary suite, hearing and saying together
WORLD = SyntheticWorld(7)
DECISIONS = (Prediction, Signal, Allocation, RiskVerdict)

Decided = dict[tuple[str, str], list[tuple[int, Any]]]
"""(kind, key) → (moment, content) each time it was said."""


class Mortal:
    """A core that is killed as its n-th message arrives, counted over all its lives."""

    def __init__(self, core: Any, count: list[int], dies_at: int, kill: Callable[[], None]) -> None:
        self._core, self._count, self._dies_at, self._kill = core, count, dies_at, kill

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        self._count[0] += 1
        if self._count[0] == self._dies_at:
            self._kill()
            return ()
        said: Iterable[Word] = self._core.handle(word, now_ns)
        return said


class Life:
    """One run around the decision. dies_hearing, dies_saying: the how-manieth message is the actor's last; 0 = none."""

    def __init__(self, actor: str = "", dies_hearing: int = 0, dies_saying: int = 0) -> None:
        self.heard, self.decided = [0], Decided()
        cores = dict(CORES)
        if actor:
            make = CORES[actor]
            cores[actor] = lambda: Mortal(make(), self.heard, dies_hearing, lambda: self.sim.kill(actor))
        session = {"id": "s", "first_window_s": WORLD.first_start_s, "windows": 1, "strategies": list(STRATEGIES)}
        config = {"bot": {"strategies": list(STRATEGIES)}}
        self.outside = WorldOutside(WORLD, 1_000_000_000)
        began_ns = (WORLD.first_start_s - LEAD_S) * S
        self.sim = Simulator(cores, self.outside, began_ns, json.dumps(config), json.dumps(session))
        self.sim.listeners.append(self._hear)
        self.sim.begin()
        if dies_saying:
            self.sim.members[actor].crash_at = dies_saying
        self.sim.run_until((WORLD.first_start_s + TAIL_S) * S)
        self.died = bool(actor) and (self.sim.members[actor].boot == 2 or not self.sim.members[actor].alive)
        self.said = {name: member.said for name, member in self.sim.members.items()}

    def _hear(self, _actor: str, envelope: Envelope) -> None:
        body = envelope.body
        if isinstance(body, DECISIONS) and isinstance(body, Event):
            self.decided.setdefault((type(body).__name__, body.key), []).append((envelope.at_ns, body))

    def orders(self) -> list[str]:
        """The tokens ordered at the venue."""
        engine, wallet = self.outside.engine, self.outside.counter.wallet
        return [o.token for o in engine.state.orders.values() if o.owner == wallet]


def essence(body: Any) -> tuple[Any, ...]:
    """What a decision is about, whatever the prices of its moment."""
    match body:
        case Prediction():
            return body.prediction, body.signal_type, body.label, body.indicators, body.probability, body.strike
        case Signal():
            return body.outcome, body.token_id, *essence(body.prediction)
        case Allocation():
            return body.stake_e6, body.reason_code
        case RiskVerdict():
            return body.approved, body.reason_code
    raise TypeError(body)


def check(life: Life, unhurt: Life) -> None:
    assert set(life.decided) == set(unhurt.decided), "nothing is left out, nothing is new"
    for name, told in life.decided.items():
        at_ns, body = told[0]
        assert all(again == body for _, again in told), f"{name} was decided twice"
        first_ns, first = unhurt.decided[name][0]
        if at_ns == first_ns:
            assert body == first, name
        assert essence(body) == essence(first), name
    assert life.orders() == unhurt.orders()


@pytest.fixture(scope="module")
def unhurt() -> Life:
    life = Life()
    assert {kind for kind, _ in life.decided} == {kind.__name__ for kind in DECISIONS}, "there is something to change"
    assert len(life.orders()) == 1
    return life


def places(actor: str, unhurt: Life) -> list[tuple[int, int]]:
    """(dies hearing, dies saying): every place."""
    heard = Life(actor).heard[0]
    return [(n, 0) for n in range(1, heard + 1)] + [(0, n) for n in range(1, unhurt.said[actor] + 1)]


def kill_at(actor: str, hearing: int, saying: int, unhurt: Life) -> None:
    life = Life(actor, hearing, saying)
    assert life.died
    try:
        check(life, unhurt)
    except AssertionError as exc:
        raise AssertionError(f"{actor} killed hearing {hearing}, saying {saying}: {exc}") from exc


@pytest.mark.parametrize("actor", ACTORS)
def test_killed_at_some_places_it_decides_the_same(actor: str, unhurt: Life) -> None:
    for hearing, saying in random.Random(actor).sample(places(actor, unhurt), SAMPLE):
        kill_at(actor, hearing, saying, unhurt)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("actor", ACTORS)
def test_killed_at_any_place_it_decides_the_same(actor: str, unhurt: Life) -> None:
    for hearing, saying in places(actor, unhurt):
        kill_at(actor, hearing, saying, unhurt)
