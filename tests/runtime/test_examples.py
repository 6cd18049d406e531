"""examples/: each is loaded as anybody's plug-in, bound as `signal` binds it, and bets on what it says it bets on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from messages import MarketResolved
from polybot.core.market.windows import SessionPlan
from polybot.core.signal.slot import Bound, bind
from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.decision import split
from polybot.runtime.config import plugin_paths, plugins
from polybot.settings import Bot, Settings
from polybot.strategy import (
    NS,
    WINDOW_S,
    Book,
    Candles,
    Decision,
    EventView,
    Floats,
    MarketView,
    StrategyError,
    decide,
    indicator,
    slug_of,
)

FOLDER = Path(__file__).resolve().parents[2] / "examples"
ON_CANDLES = ("three_in_a_row:ThreeInARow", "band_reversion:BandReversion", "straight_moves:StraightMoves")
ON_EVENTS = ("book_lean:BookLean", "resting_early:RestingEarly")
START_S = 1_795_132_800


@pytest.fixture(autouse=True)
def _no_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    monkeypatch.setattr(indicator_registry, "_added", {})


def bound(example: str, **params: Any) -> Bound:
    """file:Class as the real loader finds it and `signal` binds it, for one window."""
    file, _, name = example.partition(":")
    spec = f"{FOLDER / file}.py:{name}"
    assert plugins.load([spec]) == []
    settings = Settings(bot=Bot(strategies=(spec,)), strategy={name: params} if params else {})
    return bind(name, settings, SessionPlan(first_window_s=START_S, windows=1))


def some_candles(close: Floats, open_: Floats | None = None) -> Candles:
    """A minute each; opening where the one before closed."""
    opens = np.concatenate((close[:1], close[:-1])) if open_ is None else open_
    nothing = np.full(len(close), np.nan)
    high, low = np.fmax(opens, close) + 1, np.fmin(opens, close) - 1
    return Candles(60.0 * np.arange(len(close), dtype=np.float64), opens, high, low, close, close * 0 + 1, nothing)


def a_walk() -> Candles:
    close = 64_000 + np.cumsum(np.random.default_rng(3).normal(0, 20, 150))
    close[40] = np.nan  # nobody traded
    return some_candles(close)


# --- all of them


@pytest.mark.parametrize("example", [*ON_CANDLES, *ON_EVENTS])
def test_dropped_into_the_plug_in_folder_it_is_found_by_its_own_name(example: str) -> None:
    file, _, name = example.partition(":")
    folder = plugin_paths.folder()
    folder.mkdir(parents=True)
    (folder / f"{file}.py").write_bytes((FOLDER / f"{file}.py").read_bytes())
    assert plugins.load() == []
    assert type(strategy_registry.by_name(file)).__name__ == name


@pytest.mark.parametrize("example", [*ON_CANDLES, *ON_EVENTS])
def test_every_value_of_its_grid_makes_sense(example: str) -> None:
    strategy = bound(example).strategy
    assert set(strategy.param_grid) == set(strategy.default_params)
    for name, values in strategy.param_grid.items():
        assert strategy.default_params[name] in values
        for value in values:
            strategy_registry.params_of(strategy, {name: value})


@pytest.mark.parametrize(
    ("example", "params", "said"),
    [
        ("band_reversion:BandReversion", {"period": 61}, "period = 61 must be 2 to 60"),
        ("band_reversion:BandReversion", {"width": 0.0}, "width = 0 must be above 0"),
        ("straight_moves:StraightMoves", {"period": 21}, "period = 21 must be 1 to 20"),
        ("straight_moves:StraightMoves", {"least": 0.0}, "least = 0 must be above 0"),
        ("book_lean:BookLean", {"lean": 1.0}, "lean = 1 must be between 0 and 1"),
        ("book_lean:BookLean", {"most": 1.0}, "most = 1 must be between 0 and 1"),
        ("resting_early:RestingEarly", {"price": 1.0}, "price = 1 must be between 0 and 1"),
    ],
)
def test_parameters_without_sense_are_refused(example: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        bound(example, **params)


@pytest.mark.parametrize("example", ON_CANDLES)
def test_live_bets_as_a_sweep_does_and_nothing_looks_ahead(example: str) -> None:
    slot, candles = bound(example), a_walk()
    whole, _ = split(slot.strategy.evaluate(candles, **slot.params), len(candles))
    assert {-1, 0, 1} == set(whole.tolist())
    for end in range(1, len(candles) + 1):
        decision = decide(slot.strategy, candles.upto(end, slot.warm_up), slot.params)
        assert decision.reason_code != "STRATEGY_FAILED", decision.reason
        assert {1: "UP", -1: "DOWN", 0: None}[int(whole[end - 1])] == decision.side, end


# --- each of those on candles


def test_three_in_a_row_bets_on_a_fourth() -> None:
    slot = bound("three_in_a_row:ThreeInARow")
    close = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0])
    candles = some_candles(close, np.array([0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]))
    assert list(slot.strategy.evaluate(candles)) == [0, 0, 1, 1, 0, 0, -1]
    assert list(slot.strategy.evaluate({name: vars(candles)[name] for name in vars(candles)}, run=4))[3] == 1


def test_band_reversion_bets_against_a_close_outside_and_says_why() -> None:
    slot = bound("band_reversion:BandReversion")
    calm = np.tile([100.0, 101.0], 30)
    for last, side in ((90.0, "UP"), (110.0, "DOWN"), (100.5, None)):
        decision = decide(slot.strategy, some_candles(np.append(calm, last)), slot.params)
        assert decision.side == side
        assert decision.indicators["close"] == last and f"{last:.2f} lies" in decision.reason
    assert decision.reason_code == "NO_SIGNAL"


@pytest.mark.parametrize("count", [0, 19])
def test_band_reversion_says_when_it_knows_too_little(count: int) -> None:
    slot = bound("band_reversion:BandReversion")
    close = np.full(20, np.nan)
    close[:count] = 100.0
    decision = decide(slot.strategy, some_candles(close), slot.params)
    assert decision.reason_code == "INSUFFICIENT_DATA"
    assert decision.reason == f"{count} of the last 20 minutes are known"


def test_straight_moves_goes_with_a_straight_line_and_leaves_noise_alone() -> None:
    slot = bound("straight_moves:StraightMoves")
    for close, side in (
        (np.arange(100.0, 130.0), "UP"),
        (np.arange(130.0, 100.0, -1), "DOWN"),
        (np.tile([100.0, 101.0], 15), None),
        (np.full(30, 100.0), None),
    ):
        assert decide(slot.strategy, some_candles(close), slot.params).side == side
    assert indicator("straightness").warm_up() == 11


def test_straightness_keeps_what_an_indicator_promises() -> None:
    bound("straight_moves:StraightMoves")
    straightness, candles = indicator("straightness"), some_candles(np.arange(100.0, 130.0))
    values = straightness.compute(candles, period=4)
    assert len(values) == 30 and np.flatnonzero(~np.isnan(values))[0] + 1 == straightness.warm_up(period=4)
    assert len(straightness.compute(candles.upto(0, 0))) == 0


# --- each of those on events


def a_book(bid_size: int, ask_size: int, **changed: Any) -> Book:
    """0.49 to 0.51, of so many shares each."""
    facts: dict[str, Any] = {
        "slug": slug_of(START_S),
        "condition_id": "0x1",
        "up_bids": ((490_000, bid_size * 1_000_000),),
        "up_asks": ((510_000, ask_size * 1_000_000),),
        "down_bids": (),
        "down_asks": (),
        "venue_ns": 0,
        "received_ns": 0,
    }
    return Book(**(facts | changed))


def asked(slot: Bound, message: Any, *heard: Any) -> Decision:
    """What the slot acts on after this message, sixty seconds into the window or thirty before it."""
    market, now_ns = MarketView(Settings(), 1.0), (START_S + 60) * NS
    for word in (*heard, message):
        market.hear(word, now_ns)
    return slot.asked(message, EventView(market, a_walk(), slot.window), now_ns)


@pytest.mark.parametrize(("bid", "ask", "side"), [(300, 100, "UP"), (100, 300, "DOWN"), (299, 100, None), (1, 1, None)])
def test_book_lean_goes_where_the_book_leans_by_half(bid: int, ask: int, side: str | None) -> None:
    decision = asked(bound("book_lean:BookLean"), a_book(bid, ask))
    assert decision.side == side
    assert decision.limit == (0.6 if side else None)
    assert decision.indicators["imbalance"] == pytest.approx((bid - ask) / (bid + ask))
    assert decision.indicators["microprice"] == pytest.approx(0.49 + 0.02 * bid / (bid + ask))


@pytest.mark.parametrize("changed", [{"up_bids": ()}, {"up_asks": ()}, {"slug": slug_of(START_S + 300)}])
def test_book_lean_has_no_opinion_on_half_a_book_or_on_another_window(changed: dict[str, Any]) -> None:
    decision = asked(bound("book_lean:BookLean"), a_book(300, 100, **changed))
    assert (decision.side, decision.reason_code) == (None, "NO_SIGNAL")


def resolved(back: int, winner: Any) -> MarketResolved:
    slug = slug_of(START_S - back * WINDOW_S)
    return MarketResolved(slug=slug, condition_id="0x1", winner=winner, resolved_ns=0, source="gamma")


@pytest.mark.parametrize("winner", ["UP", "DOWN"])
def test_resting_early_rests_on_what_the_last_finished_window_came_to(winner: str) -> None:
    slot = bound("resting_early:RestingEarly")
    assert slot.is_early and slot.windows_back == 2
    decision = asked(slot, a_book(1, 1), resolved(2, winner), resolved(1, "UP"), resolved(3, "UP"))
    assert (decision.side, decision.limit, decision.rests) == (winner, 0.49, True)


@pytest.mark.parametrize("heard", [(), (resolved(1, "UP"),), (resolved(2, "SPLIT"),)])
def test_resting_early_knows_when_it_does_not_know(heard: tuple[Any, ...]) -> None:
    decision = asked(bound("resting_early:RestingEarly"), a_book(1, 1), *heard)
    assert (decision.side, decision.reason_code) == (None, "INSUFFICIENT_DATA")
    assert slug_of(START_S - 600) in decision.reason
