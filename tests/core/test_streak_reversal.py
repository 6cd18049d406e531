"""streak_reversal: the other side after four alike, known ones; resting below its price, or taken where it is cheap enough."""

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest

from messages import Book, MarketResolved, Outcome, WindowObserved
from messages.units import NS
from polybot.core.market.view import MarketView
from polybot.core.market.windows import Window
from polybot.core.strategies.builtin.streak_reversal import STRATEGY
from polybot.core.strategies.candles import candles_from
from polybot.core.strategies.registry import params_of
from polybot.settings import Settings
from polybot.strategy import Decision, EventView, StrategyError
from tests.build import T0, Winner, a_book, a_market, a_resolution, a_window, slug_of, window

OUTCOMES = (
    Path(__file__).parents[3]
    / "shared/data/polymarket-btc-updown-5m-outcomes/btc_updown_5m_outcomes_2025-12-18_2026-02-28.csv.gz"
)
NOW_NS = (T0 - 30) * NS


def observed(back: int, outcome: Outcome | None) -> WindowObserved:
    """The window that started `back` windows before T0; the one running at the decision is back = 1."""
    return a_window(**window(T0 - 300 * back), outcome=outcome, ended=True)


def resolved(back: int, winner: Winner) -> MarketResolved:
    return a_resolution(slug=slug_of(T0 - 300 * back), winner=winner)


def offered(down_ask_e6: int) -> Book:
    return a_book(down_asks=((down_ask_e6, 100_000_000),), received_ns=NOW_NS)


def decided(outcomes: dict[int, Any], *words: Any, **given: Any) -> Decision:
    market = MarketView(Settings(), 1.0)
    for back, outcome in outcomes.items():
        market.hear(observed(back, outcome), NOW_NS)
    for word in (a_market(), *words):
        market.hear(word, NOW_NS)
    view = EventView(market, candles_from([None], T0, 0, None), Window(T0))
    (bet,) = STRATEGY.on_event(a_market(), view, NOW_NS, **params_of(STRATEGY, given))
    assert bet.start_s == T0
    return bet.decision


ALL_UP: dict[int, Any] = dict.fromkeys((2, 3, 4, 5), "UP")


@pytest.mark.parametrize(("alike", "other"), [("UP", "DOWN"), ("DOWN", "UP")])
def test_after_four_alike_it_rests_on_the_other_side(alike: str, other: str) -> None:
    decision = decided(dict.fromkeys((2, 3, 4, 5), alike))
    assert (decision.side, decision.signal_type, decision.rests, decision.limit) == (other, "reversal", True, 0.51)


@pytest.mark.parametrize("running", ["UP", "DOWN", None])
def test_the_window_that_still_runs_is_not_looked_at(running: str | None) -> None:
    assert decided({**ALL_UP, 1: running}).side == "DOWN"


def test_four_do_not_need_a_fifth_and_three_are_too_few() -> None:
    assert decided({**ALL_UP, 6: "DOWN"}).side == "DOWN"
    assert decided({**ALL_UP, 5: "DOWN"}).reason_code == "NO_SIGNAL"
    assert decided({**ALL_UP, 5: "DOWN"}, streak=3).side == "DOWN"


@pytest.mark.parametrize("back", [2, 5])
def test_one_unknown_outcome_refuses_and_names_its_window(back: int) -> None:
    decision = decided({**ALL_UP, back: None})
    assert decision.side is None and decision.reason_code == "INSUFFICIENT_DATA"
    assert slug_of(T0 - 300 * back) in decision.reason


def test_the_venue_has_the_last_word_and_a_split_is_no_outcome() -> None:
    assert decided({**ALL_UP, 3: "DOWN"}, resolved(3, "UP")).side == "DOWN"
    assert decided({**ALL_UP, 3: None}, resolved(3, "UP")).side == "DOWN"
    assert decided(ALL_UP, resolved(3, "DOWN")).reason_code == "NO_SIGNAL"
    assert decided(ALL_UP, resolved(3, "SPLIT")).reason_code == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(("ask", "side"), [(490_000, "DOWN"), (492_000, "DOWN"), (493_000, None), (510_000, None)])
def test_taking_needs_an_ask_whose_fee_fits_into_what_it_may_cost(ask: int, side: str | None) -> None:
    """0.4925 + 0.07 · 0.4925 · 0.5075 = 0.5100."""
    decision = decided(ALL_UP, offered(ask), take=True)
    assert (decision.side, decision.rests) == (side, False)
    if side is None:
        assert decision.reason_code == "PRICE_ABOVE_CAP" and "max_all_in = 0.51" in decision.reason
    else:
        assert decision.limit == 0.49, "one cent more, with its fee, would cost 0.5175"


def test_taking_without_an_offer_is_refused() -> None:
    assert decided(ALL_UP, take=True).reason_code == "NO_ASK"


@pytest.mark.parametrize("given", [{"streak": 0}, {"streak": 11}, {"max_price": 1.0}, {"max_all_in": 0.0}])
def test_parameters_without_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(given))):
        params_of(STRATEGY, given)


@pytest.mark.skipif(not OUTCOMES.exists(), reason=f"{OUTCOMES} is missing")
def test_on_the_recorded_outcomes_it_is_right_as_often_as_its_docstring_says() -> None:
    named: dict[str, Outcome] = {"up": "UP", "down": "DOWN"}
    with gzip.open(OUTCOMES, "rt") as file:
        recorded = {int(row["start_sec"]): named[row["outcome"]] for row in csv.DictReader(file)}
    market = MarketView(Settings(), 1.0)
    for start_s, outcome in recorded.items():
        market.hear(observed((T0 - start_s) // 300, outcome), NOW_NS)
    params = params_of(STRATEGY, {})
    right = []
    for start_s, outcome in recorded.items():
        view = EventView(market, candles_from([None], start_s, 0, None), Window(start_s))
        (bet,) = STRATEGY.on_event(a_market(), view, NOW_NS, **params)
        if bet.decision.side is not None:
            right.append(bet.decision.side == outcome)
    assert len(right) == 1752
    assert round(sum(right) / len(right), 4) == 0.5245
