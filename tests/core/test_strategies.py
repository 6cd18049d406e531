"""Strategies as pure functions: each branch, each refusal at its limit, each parameter."""

import csv
import gzip
import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.inner import DecisionDue, Tick
from polybot.core.market.windows import SessionPlan
from polybot.core.signal.slot import Bound
from polybot.core.strategies import BUILT_IN, builtin, protocol
from polybot.core.strategies.builtin.rsi_ema import decide_from_samples
from polybot.core.strategies.candles import COLUMNS
from polybot.core.strategies.decision import split
from polybot.core.strategies.registry import by_name, params_of
from polybot.settings import Settings
from polybot.strategy import (
    Bet,
    Candles,
    Decision,
    EventView,
    MarketView,
    Params,
    StrategyError,
    Timeframe,
    candles_of,
    decide,
)

DATA = Path(__file__).parents[3] / "shared" / "data"
MINUTES = DATA / "btc-1m" / "BTC-PERP-1m-2021-12-31_2022-02-01.csv.gz"


def minutes(closes: list[float | None], imbalance: float | None = None) -> Candles:
    """Candles of which only the closes matter."""
    column = np.array([np.nan if close is None else close for close in closes], dtype=np.float64)
    heavy = np.full(len(column), np.nan)
    heavy[-1] = np.nan if imbalance is None else imbalance
    return Candles(60.0 * np.arange(len(column), dtype=np.float64), column, column, column, column, column * 0, heavy)


def a_start(start_s: float) -> Candles:
    """What a strategy without a timeframe is given."""
    nothing = np.array([np.nan])
    return Candles(np.array([start_s]), nothing, nothing, nothing, nothing, nothing, nothing)


def decided(name: str, candles: Candles, **given: object) -> Decision:
    strategy = by_name(name)
    return decide(strategy, candles, params_of(strategy, given))  # type: ignore[arg-type]


def zigzag(n: int = 60) -> list[float]:
    """Moves at every step and goes nowhere: RSI about 50."""
    return [100.0 + (i % 2) for i in range(n)]


def wave(phase: float) -> list[float]:
    """A slow swing whose EMA9 − EMA21 changes sign about once in ten samples."""
    return [1000 + 10 * math.sin(phase + i / 7) + 4 * (-1) ** i for i in range(60)]


# --- the registry


def test_every_strategy_loads_by_its_name_and_tells_about_itself() -> None:
    for name in BUILT_IN:
        strategy = by_name(name)
        assert strategy.name == name and strategy.description
        params_of(strategy, {})


def test_the_registry_names_exactly_the_files_of_the_folder() -> None:
    folder = Path(builtin.__file__).parent
    assert sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")) == list(BUILT_IN)


def test_an_unknown_strategy_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(StrategyError, match=r'unknown strategy "rsi_emma": did you mean "rsi_ema"\?'):
        by_name("rsi_emma")
    with pytest.raises(StrategyError, match="known are always_down, always_up, candle_direction, coin"):
        by_name("zzz")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("rsi_ema", {"rsi_lo": 20.0}, 'did you mean "rsi_low"?'),
        ("coin", {"bias": 1}, "it has none"),
        ("rsi_ema", {"rsi_low": "20"}, "must be a float"),
        ("rsi_ema", {"rsi_period": 2.5}, "must be a int"),
        ("rsi_ema", {"rsi_low": 80}, "low < high"),
        ("rsi_ema", {"on_no_signal": "sideways"}, "none of up, down, skip"),
        ("rsi_ema", {"cross_samples": 40}, "1 … 39"),
        ("rsi_macd", {"cross_bars": 0}, "must be 1 … 10"),
        ("rsi_macd", {"require_imbalance": 1}, "must be a bool"),
    ],
)
def test_a_wrong_parameter_is_one_clear_sentence(name: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(StrategyError) as caught:
        params_of(by_name(name), given)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_an_imbalance_cannot_be_required_of_a_tape_without_volumes() -> None:
    with pytest.raises(StrategyError, match="recorded without volumes"):
        params_of(by_name("rsi_macd"), {"require_imbalance": True}, has_volumes=False)


# --- baselines


def test_the_baselines_do_what_they_say_and_the_coin_falls_by_the_slug_alone() -> None:
    sides = []
    for i in range(2000):
        slug = f"btc-updown-5m-{i * 300}"
        decision = decided("coin", a_start(i * 300))
        assert decision == decided("coin", a_start(i * 300 + 299))
        assert decision.side == ("UP" if hashlib.sha256(slug.encode()).digest()[0] < 128 else "DOWN")
        sides.append(decision.side)
    assert 900 < sides.count("UP") < 1100
    assert decided("always_up", a_start(0)).side == "UP"
    assert decided("always_down", a_start(0)).side == "DOWN"


# --- rsi_ema


def test_a_fall_is_bought_and_a_rise_is_sold() -> None:
    falling = decide_from_samples([1000.0 - i for i in range(60)])
    assert (falling.side, falling.signal_type, falling.label) == ("UP", "rsi", "high")
    rising = decide_from_samples([1000.0 + i for i in range(60)])
    assert (rising.side, rising.signal_type) == ("DOWN", "rsi")
    assert rising.indicators["rsi"] == 100.0 and rising.probability is None


def test_the_bounds_of_rsi_are_exclusive() -> None:
    strength = decide_from_samples(zigzag()).indicators["rsi"]
    assert decide_from_samples(zigzag(), rsi_low=strength, rsi_high=90.0).signal_type == "no_signal"
    assert decide_from_samples(zigzag(), rsi_low=math.nextafter(strength, 100), rsi_high=90.0).side == "UP"
    assert decide_from_samples(zigzag(), rsi_high=strength).signal_type == "no_signal"
    assert decide_from_samples(zigzag(), rsi_high=math.nextafter(strength, 0)).side == "DOWN"


def test_a_change_of_sign_within_ten_samples_follows_the_newest_sign() -> None:
    seen = []
    for step in range(60):
        decision = decide_from_samples(wave(step / 9), rsi_low=0.0, rsi_high=100.0)
        before, now = decision.indicators["ema_gap_before"], decision.indicators["ema_gap"]
        if decision.signal_type == "ema_cross":
            assert (now > 0) != (before > 0)
            assert decision.side == ("UP" if now > 0 else "DOWN") and decision.label == "medium"
            seen.append(decision.side)
        else:
            assert (now > 0) == (before > 0)
    assert "UP" in seen and "DOWN" in seen and len(seen) < 60


@pytest.mark.parametrize(
    ("choice", "side", "code"), [("up", "UP", ""), ("down", "DOWN", ""), ("skip", None, "NO_SIGNAL")]
)
def test_no_signal_does_what_the_knob_says(choice: str, side: str | None, code: str) -> None:
    decision = decide_from_samples(zigzag(), on_no_signal=choice)
    assert (decision.side, decision.reason_code, decision.signal_type) == (side, code, "no_signal")


@pytest.mark.parametrize(("missing", "code"), [(2, "NO_SIGNAL"), (3, "NO_SIGNAL"), (4, "INSUFFICIENT_DATA")])
def test_three_missing_samples_are_allowed_and_a_fourth_is_not(missing: int, code: str) -> None:
    samples: list[float | None] = [*zigzag()]
    for i in range(missing):
        samples[i * 15] = None
    assert decide_from_samples(samples).reason_code == code


def test_fifty_nine_samples_are_too_few_and_older_ones_than_sixty_do_not_count() -> None:
    assert decide_from_samples(zigzag(59)).reason_code == "INSUFFICIENT_DATA"
    assert decide_from_samples([5.0, 9.0, *wave(1.0)]) == decide_from_samples(wave(1.0))
    assert decide_from_samples([None] * 60).reason_code == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(("unchanged", "is_flat"), [(29, False), (30, False), (31, True)])
def test_half_of_the_samples_may_repeat_and_no_more(unchanged: int, is_flat: bool) -> None:
    samples = zigzag(60 - unchanged)
    samples = [samples[0]] * unchanged + samples
    assert (decide_from_samples(samples).reason_code == "FLAT_FEED") is is_flat


def test_a_missing_sample_takes_the_value_before_it() -> None:
    samples: list[float | None] = [*wave(2.0)]
    given = list(samples)
    given[30] = given[29]
    samples[30] = None
    assert decide_from_samples(samples).indicators == decide_from_samples(given).indicators


# --- rsi_macd


def recorded_minutes() -> list[float]:
    with gzip.open(MINUTES, "rt") as file:
        return [float(row["close"]) for row in csv.DictReader(file)]


@pytest.mark.skipif(not MINUTES.exists(), reason=f"{MINUTES} is missing")
def test_on_recorded_minutes_it_fires_as_rarely_as_its_docstring_says() -> None:
    closes = recorded_minutes()[:8120]
    fired = {}
    for within in (0, 10):
        sides = by_name("rsi_macd").evaluate(minutes([*closes]), rsi_within_bars=within)[119:]
        fired[within] = np.count_nonzero(sides) / len(sides)
        assert 1 in sides and -1 in sides
    assert 0.001 < fired[0] < 0.006
    assert 0.03 < fired[10] < 0.06


def a_turn() -> list[float]:
    """A long fall, then the first steps up: RSI was low, MACD crosses upwards at the end."""
    fall = [1000 - 3 * i + (i % 3) for i in range(100)]
    return [*map(float, fall), *(fall[-1] + 2.0 * i for i in range(1, 6))]


def a_turn_that_fires() -> list[float | None]:
    closes = a_turn()
    for end in range(90, len(closes) + 1):
        if decided("rsi_macd", minutes([*closes[:end]])).side == "UP":
            return [*closes[:end]]
    raise AssertionError("the turn never fires")


@pytest.mark.parametrize(
    ("imbalance", "label"),
    [(None, "medium"), (1.0, "medium"), (1.1, "medium"), (1.11, "high"), (0.9, "medium"), (0.89, "low")],
)
def test_imbalance_raises_or_lowers_the_label(imbalance: float | None, label: str) -> None:
    decision = decided("rsi_macd", minutes(a_turn_that_fires(), imbalance))
    assert (decision.side, decision.label) == ("UP", label)


@pytest.mark.parametrize(("imbalance", "side"), [(None, None), (1.1, None), (1.11, "UP"), (0.5, None)])
def test_a_required_imbalance_must_agree(imbalance: float | None, side: str | None) -> None:
    decision = decided("rsi_macd", minutes(a_turn_that_fires(), imbalance), require_imbalance=True)
    assert decision.side == side
    assert decision.reason_code == ("" if side else "NO_IMBALANCE")


def test_too_few_minutes_and_a_flat_feed_are_refused_by_name() -> None:
    assert decided("rsi_macd", minutes([None] * 84 + zigzag(36))).reason_code == "INSUFFICIENT_DATA"
    assert decided("rsi_macd", minutes([None] * 83 + zigzag(37))).reason_code == "NO_SIGNAL"
    assert decided("rsi_macd", minutes([100.0] * 120)).reason_code == "FLAT_FEED"


# --- candle_direction


def a_candle(open_: float, high: float, low: float, close: float) -> Candles:
    columns = [np.array([value]) for value in (0.0, open_, high, low, close, 1.0, np.nan)]
    return Candles(*columns)


def test_a_body_of_half_its_range_has_a_direction_and_one_below_has_none() -> None:
    assert decided("candle_direction", a_candle(1000, 1002, 998, 1002)).side == "UP"
    assert decided("candle_direction", a_candle(1000, 1001, 997, 998)).side == "DOWN"
    smaller = decided("candle_direction", a_candle(1000, 1002, 998, 1001.99))
    assert (smaller.side, smaller.reason_code) == (None, "NO_SIGNAL")
    assert "min_body = 0.5" in smaller.reason


def test_a_range_of_five_basis_points_is_enough_and_one_below_is_not() -> None:
    assert decided("candle_direction", a_candle(1000, 1000.5, 1000, 1000.5)).side == "UP"
    assert decided("candle_direction", a_candle(1000, 1000.49, 1000, 1000.49)).side is None


def test_fading_bets_against_it_and_a_candle_without_trades_says_so() -> None:
    faded = decided("candle_direction", a_candle(1000, 1002, 1000, 1002), fade=True)
    assert (faded.side, faded.signal_type) == ("DOWN", "fade")
    nothing = a_candle(np.nan, np.nan, np.nan, np.nan)
    assert decided("candle_direction", nothing).reason_code == "INSUFFICIENT_DATA"
    assert decided("candle_direction", a_candle(1000, 1000, 1000, 1000)).reason_code == "NO_SIGNAL"


# --- what holds for every strategy on candles


WALKS = st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, None]), min_size=1, max_size=160)


@pytest.mark.parametrize("name", [n for n in BUILT_IN if not protocol.is_event_strategy(by_name(n))])
@given(steps=WALKS)
@settings(max_examples=25, deadline=None)
def test_the_last_element_on_a_growing_window_is_the_vectorised_one(name: str, steps: list[float | None]) -> None:
    strategy = by_name(name)
    params = params_of(strategy, {})
    closes: list[float | None] = []
    price = 1000.0
    for step in steps:
        price += step or 0.0
        closes.append(None if step is None else price)
    column = np.array([np.nan if close is None else close for close in closes])
    opens = np.concatenate(([1000.0], column[:-1]))
    high, low = np.fmax(opens, column) + 0.5, np.fmin(opens, column) - 0.25
    frame = Candles(
        300.0 * np.arange(len(column), dtype=np.float64), opens, high, low, column, column * 0, column * np.nan
    )
    whole, _ = split(strategy.evaluate(frame, **params), len(frame))
    warm_up = getattr(strategy, "warm_up", protocol.WARM_UP[strategy.timeframe])
    for end in range(1, len(frame) + 1):
        now = decide(strategy, frame.upto(end, warm_up), params)
        assert {1: "UP", -1: "DOWN", 0: None}[int(whole[end - 1])] == now.side


class _Frame:
    """As a data frame answers: columns by item only."""

    def __init__(self, candles: Candles) -> None:
        self.columns = {name: list(getattr(candles, name)) for name in COLUMNS}

    def __getitem__(self, name: str) -> list[float]:
        return self.columns[name]


def test_a_frame_with_the_columns_will_do_and_a_missing_one_is_named() -> None:
    candles = minutes([*wave(1.0), *wave(2.0)])
    for name in ("rsi_ema", "rsi_macd", "candle_direction"):
        strategy = by_name(name)
        ours, theirs = strategy.evaluate(candles), strategy.evaluate(_Frame(candles))
        assert np.array_equal(split(ours, 120)[0], split(theirs, 120)[0])
    frame = _Frame(candles)
    del frame.columns["close"]
    with pytest.raises(KeyError, match='candles need a column "close"'):
        candles_of(frame)


class _Odd:
    name = "odd"
    description = "answers what it was made with"
    timeframe: Timeframe = "1m"
    default_params: ClassVar[Params] = {}
    param_grid: ClassVar[dict[str, list[float]]] = {}

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def evaluate(self, candles: object) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 0], "shape (2,) for 3 candles"),
        ([0, 0, 2], "answered 2"),
        ([0, 0, float("nan")], "answered nan"),
        (None, "shape () for 3"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops"),
        (SystemExit(3), "SystemExit: 3"),
        (([0, 0, 1], [0.5]), "confidences of shape (1,) for 3 candles"),
        (([0, 0, 1], 0.5), "confidences of shape () for 3 candles"),
        (([0, 0, 1], [0.1, 0.2, math.inf]), "confidence = inf must be a finite number"),
    ],
)
def test_a_strategy_that_fails_loses_its_window_and_says_so(answer: object, said: str) -> None:
    decision = decide(_Odd(answer), minutes([1.0, 2.0, 3.0]), {})  # type: ignore[arg-type]
    assert (decision.side, decision.reason_code) == (None, "STRATEGY_FAILED")
    assert said in decision.reason


def test_an_array_is_enough_and_a_confidence_is_shown() -> None:
    closes = minutes([1.0, 2.0, 3.0])
    assert decide(_Odd([0, 0, 1]), closes, {}).side == "UP"  # type: ignore[arg-type]
    decision = decide(_Odd(([0, 0, -1], [0.1, 0.2, 0.3])), closes, {})  # type: ignore[arg-type]
    assert (decision.side, decision.indicators) == ("DOWN", {"confidence": 0.3})


class _Telling(_Odd):
    """Explains with the answer it was made with, and says so as an event strategy would."""

    from_s, until_s = 0.0, 300.0

    def __init__(self, answer: object) -> None:
        super().__init__([0, 0, 1])
        self.told = answer

    def explain(self, candles: object) -> object:
        return self.told


class _Betting(_Telling):
    def on_event(self, message: object, view: EventView, now_ns: int) -> list[Bet]:
        return [Bet(view.window.start_s, self.told)]  # type: ignore[arg-type]


def _both(answer: object) -> list[Decision]:
    """The bot's decision on it, of a strategy on candles and of one on events."""
    candles, session = minutes([1.0, 2.0, 3.0]), SessionPlan(first_window_s=0, windows=1)
    bound = Bound("odd", _Betting(answer), {}, session)
    view = EventView(MarketView(Settings(), 1.0), candles, bound.window)
    return [decide(_Telling(answer), candles, {}), bound.asked(Tick(timer=DecisionDue(), mono_s=0.0), view, 0)]  # type: ignore[arg-type]


def a_decision(**changed: object) -> Decision:
    return replace(Decision("UP", "odd"), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "the answer is None: it must be a Decision"),
        ("UP", "the answer is 'UP': it must be a Decision"),
        (a_decision(side="up"), """side = 'up' must be "UP", "DOWN" or None"""),
        (a_decision(side=1), """side = 1 must be "UP", "DOWN" or None"""),
        (a_decision(probability=math.nan), "probability = nan must be a finite number"),
        (a_decision(probability=7), "probability = 7 must be 0 … 1"),
        (a_decision(probability=-0.001), "probability = -0.001 must be 0 … 1"),
        (a_decision(probability="0.5"), "probability = '0.5' must be a finite number"),
        (a_decision(limit=1.001), "limit = 1.001 must be 1e-06 … 1"),
        (a_decision(limit=0.0), "limit = 0 must be 1e-06 … 1"),
        (a_decision(indicators={"rsi": math.inf}), "rsi = inf must be a finite number"),
        (a_decision(indicators={"rsi": 10**400}), "OverflowError"),
        (a_decision(indicators={1: 2.0}), "an indicator's name = 1 must be text"),
        (a_decision(indicators=None), "indicators = None"),
        (a_decision(signal_type=None), "signal_type = None must be text"),
        (a_decision(reason=5), "reason = 5 must be text"),
        (a_decision(rests="no"), "rests = 'no' must be True or False"),
    ],
)
def test_an_answer_that_cannot_be_loses_the_window_and_the_sentence_says_why(answer: object, said: str) -> None:
    for decision in _both(answer):
        assert (decision.side, decision.reason_code) == (None, "STRATEGY_FAILED")
        assert said in decision.reason


def test_numpys_numbers_and_texts_are_made_plain_so_that_the_bus_takes_them() -> None:
    seen = {np.str_("rsi"): np.float32(0.5), "n": np.int64(3)}
    answer = a_decision(
        side=np.str_("UP"), indicators=seen, probability=np.float64(1.0), limit=np.float64(0.5), rests=np.True_
    )
    for decision in _both(replace(answer, reason="half a pair: \ud800")):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(decision), type=Decision) == decision
        assert (decision.side, decision.indicators) == ("UP", {"rsi": 0.5, "n": 3.0})
        assert (decision.probability, decision.limit, decision.rests) == (1.0, 0.5, True)


def test_a_confidence_of_nan_is_none() -> None:
    answer = _Odd(([0, 0, 1], [math.nan, math.nan, math.nan]))
    decision = decide(answer, minutes([1.0, 2.0, 3.0]), {})  # type: ignore[arg-type]
    assert (decision.side, decision.indicators) == ("UP", {})


@pytest.mark.parametrize(("element", "side"), [(1, "DOWN"), (1, None), (0, "UP"), (-1, "UP")])
def test_an_explanation_of_another_side_than_the_sweeps_loses_the_window(element: int, side: str | None) -> None:
    strategy = _Telling(a_decision(side=side))
    strategy.answer = [0, 0, element]
    decision = decide(strategy, minutes([1.0, 2.0, 3.0]), {})  # type: ignore[arg-type]
    assert (decision.side, decision.reason_code) == (None, "STRATEGY_FAILED")
    assert f"explain says {side} where the last element of evaluate is {element}" in decision.reason


def test_one_that_explains_and_sweeps_by_itself_is_asked_for_both() -> None:
    class Own(type(by_name("rsi_ema"))):  # type: ignore[misc]
        def evaluate(self, candles: object, **params: object) -> list[int]:
            return [0] * 60

    rising = minutes([100.0 + i for i in range(60)])
    assert decided("rsi_ema", rising).side == "DOWN"
    assert decide(Own(), rising, Own.default_params).reason_code == "STRATEGY_FAILED"
