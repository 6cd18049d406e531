"""Strategies as pure functions: each branch, each refusal at its limit, each parameter."""

import csv
import gzip
import hashlib
import math
from pathlib import Path

import pytest

from polybot.core import strategies
from polybot.core.strategies import StrategyError, View, by_name, params_of
from polybot.core.strategies.rsi_ema import decide_from_samples

DATA = Path(__file__).parents[3] / "shared" / "data"
MINUTES = DATA / "btc-1m" / "BTC-PERP-1m-2021-12-31_2022-02-01.csv.gz"


def a_view(**changed: object) -> View:
    return View(**{"slug": "btc-updown-5m-0", "start_s": 0, "end_s": 300, "now_ns": 0, **changed})  # type: ignore[arg-type]


def zigzag(n: int = 60) -> list[float]:
    """Moves at every step and goes nowhere: RSI about 50."""
    return [100.0 + (i % 2) for i in range(n)]


def wave(phase: float) -> list[float]:
    """A slow swing whose EMA9 − EMA21 changes sign about once in ten samples."""
    return [1000 + 10 * math.sin(phase + i / 7) + 4 * (-1) ** i for i in range(60)]


# --- the registry


def test_every_strategy_loads_by_its_name_and_tells_about_itself() -> None:
    for name in strategies.NAMES:
        strategy = by_name(name)
        assert strategy.name == name and strategy.description
        params_of(strategy, {})


def test_the_registry_names_exactly_the_files_of_the_folder() -> None:
    folder = Path(strategies.__file__).parent
    assert sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")) == list(strategies.NAMES)


def test_an_unknown_strategy_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(StrategyError, match=r'unknown strategy "rsi_emma": did you mean "rsi_ema"\?'):
        by_name("rsi_emma")
    with pytest.raises(StrategyError, match="known are always_down, always_up, coin"):
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
        decision = by_name("coin").decide(a_view(slug=slug, now_ns=i), {})
        assert decision == by_name("coin").decide(a_view(slug=slug), {})
        assert decision.side == ("UP" if hashlib.sha256(slug.encode()).digest()[0] < 128 else "DOWN")
        sides.append(decision.side)
    assert 900 < sides.count("UP") < 1100
    assert by_name("always_up").decide(a_view(), {}).side == "UP"
    assert by_name("always_down").decide(a_view(), {}).side == "DOWN"


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


def minutes_of(view_end: int, closes: list[float]) -> View:
    return a_view(minutes=closes[max(0, view_end - 120) : view_end])


def recorded_minutes() -> list[float]:
    with gzip.open(MINUTES, "rt") as file:
        return [float(row["close"]) for row in csv.DictReader(file)]


@pytest.mark.skipif(not MINUTES.exists(), reason=f"{MINUTES} is missing")
def test_on_recorded_minutes_it_fires_as_rarely_as_its_docstring_says() -> None:
    closes = recorded_minutes()[:8120]
    fired = {}
    for within in (0, 10):
        params = params_of(by_name("rsi_macd"), {"rsi_within_bars": within})
        sides = [by_name("rsi_macd").decide(minutes_of(end, closes), params).side for end in range(120, 8120)]
        fired[within] = sum(side is not None for side in sides) / len(sides)
        assert "UP" in sides and "DOWN" in sides
    assert 0.001 < fired[0] < 0.006
    assert 0.03 < fired[10] < 0.06


def a_turn() -> list[float]:
    """A long fall, then the first steps up: RSI was low, MACD crosses upwards at the end."""
    fall = [1000 - 3 * i + (i % 3) for i in range(100)]
    return [*map(float, fall), *(fall[-1] + 2.0 * i for i in range(1, 6))]


def turning_view(**changed: object) -> View:
    params = params_of(by_name("rsi_macd"), {})
    closes = a_turn()
    for end in range(90, len(closes) + 1):
        if by_name("rsi_macd").decide(a_view(minutes=closes[:end]), params).side == "UP":
            return a_view(minutes=closes[:end], **changed)
    raise AssertionError("the turn never fires")


@pytest.mark.parametrize(
    ("imbalance", "label"),
    [(None, "medium"), (1.0, "medium"), (1.1, "medium"), (1.11, "high"), (0.9, "medium"), (0.89, "low")],
)
def test_imbalance_raises_or_lowers_the_label(imbalance: float | None, label: str) -> None:
    decision = by_name("rsi_macd").decide(turning_view(imbalance=imbalance), params_of(by_name("rsi_macd"), {}))
    assert (decision.side, decision.label) == ("UP", label)


@pytest.mark.parametrize(("imbalance", "side"), [(None, None), (1.1, None), (1.11, "UP"), (0.5, None)])
def test_a_required_imbalance_must_agree(imbalance: float | None, side: str | None) -> None:
    params = params_of(by_name("rsi_macd"), {"require_imbalance": True})
    decision = by_name("rsi_macd").decide(turning_view(imbalance=imbalance), params)
    assert decision.side == side
    assert decision.reason_code == ("" if side else "NO_IMBALANCE")


def test_too_few_minutes_and_a_flat_feed_are_refused_by_name() -> None:
    params = params_of(by_name("rsi_macd"), {})
    strategy = by_name("rsi_macd")
    assert strategy.decide(a_view(minutes=[None] * 84 + zigzag(36)), params).reason_code == "INSUFFICIENT_DATA"
    assert strategy.decide(a_view(minutes=[None] * 83 + zigzag(37)), params).reason_code == "NO_SIGNAL"
    assert strategy.decide(a_view(minutes=[100.0] * 120), params).reason_code == "FLAT_FEED"
