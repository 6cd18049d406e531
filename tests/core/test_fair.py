"""Fair value: each row of its table, its tails, its volatility; and on the recorded day it is as good as it says."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polybot.core.strategies.fair_price import fee_per_share, settlement, sigma_per_root_s, up_probability

ROOT = Path(__file__).resolve().parents[2]
TAPE = ROOT.parent / "shared" / "data" / "chainlink-btcusd-1hz-and-5m-markets"


def test_on_spot_all_of_the_time_counts() -> None:
    assert settlement("spot", 100.0, 200.0, {}, 0) == (100.0, 200.0)


def test_a_twap_far_away_is_worth_the_price_and_forty_seconds_less() -> None:
    assert settlement("twap60", 100.0, 200.0, {}, 0) == (100.0, 160.0)
    assert settlement("twap60", 100.0, 60.0, {}, 0) == (100.0, 20.0)
    assert settlement("twap30", 100.0, 30.0, {}, 0) == (100.0, 10.0)


def test_within_the_last_minute_the_known_seconds_weigh_in() -> None:
    known = dict.fromkeys(range(941, 971), 110.0)  # thirty of the sixty that end at 1000
    mean, weight = settlement("twap60", 100.0, 30.0, known, 1000) or (0.0, 0.0)
    assert mean == pytest.approx((30 * 110 + 30 * 100) / 60)
    assert weight == pytest.approx(30**3 / 10_800)


def test_the_two_rows_of_a_twap_meet() -> None:
    above = settlement("twap60", 100.0, 60.0, {}, 1000)
    below = settlement("twap60", 100.0, math.nextafter(60.0, 0), {}, 1000)
    assert above == pytest.approx(below)


@pytest.mark.parametrize(("heard", "claims"), [(30, True), (23, True), (22, False)])
def test_with_fewer_than_three_quarters_of_the_seconds_nothing_is_claimed(heard: int, claims: bool) -> None:
    known = dict.fromkeys(range(941, 941 + heard), 100.0)
    assert (settlement("twap60", 100.0, 30.0, known, 1000) is not None) == claims


def test_ties_are_up_when_nothing_can_move_any_more() -> None:
    assert up_probability(100.0, 100.0, 0.0) == 1.0
    assert up_probability(99.99, 100.0, 0.0) == 0.0


@given(st.floats(-0.01, 0.01), st.floats(1e-9, 1e-4))
def test_probabilities_mirror_and_stay_between_nothing_and_one(move: float, variance: float) -> None:
    p = up_probability(math.exp(move), 1.0, variance)
    assert 0 <= p <= 1
    assert p + up_probability(math.exp(-move), 1.0, variance) == pytest.approx(1.0)


def test_tails_are_fatter_than_normal_and_the_variance_is_one() -> None:
    normal = 0.5 * (1 + math.erf(-3 / math.sqrt(2)))
    assert up_probability(math.exp(-3e-4), 1.0, 1e-8) > 2 * normal
    grid = np.linspace(-60, 60, 200_001)
    below = np.array([up_probability(math.exp(z * 1e-6), 1.0, 1e-12) for z in grid[::20]])
    density = np.diff(below)
    centre = (grid[::20][1:] + grid[::20][:-1]) / 2
    assert float((density * centre**2).sum()) == pytest.approx(1.0, abs=0.01)


def test_volatility_comes_back_out_of_a_walk_that_was_made_with_it() -> None:
    luck = np.random.default_rng(3)
    walk = 100 * np.exp(np.cumsum(luck.normal(0, 0.5e-4, 20_000)))
    assert sigma_per_root_s(walk, 1, 10_000.0) == pytest.approx(0.5e-4, rel=0.1)
    assert sigma_per_root_s(walk[::30], 30, 10_000.0) == pytest.approx(0.5e-4, rel=0.15)


def test_too_few_returns_or_none_that_moved_is_unknown() -> None:
    assert sigma_per_root_s(np.linspace(100, 101, 20), 30) is None
    assert sigma_per_root_s(np.linspace(100, 101, 21), 30) is not None
    assert sigma_per_root_s(np.full(50, 100.0), 30) is None


def test_the_fee_is_the_venues_by_its_schedule() -> None:
    assert fee_per_share(0.5, 0.07, 1) == pytest.approx(0.0175)
    assert fee_per_share(0.5, 0.25, 2) == pytest.approx(0.015625)


@pytest.mark.skipif(not TAPE.is_dir(), reason=f"{TAPE} is missing")
@pytest.mark.parametrize("settle", ["spot", "twap60"])
def test_on_the_recorded_day_it_beats_a_half_and_inside_the_last_minute_the_plain_model(settle: str) -> None:
    command = [
        sys.executable,
        "-m",
        "polybot.cli",
        "data",
        "calibrate",
        "--tape",
        str(TAPE),
        "--settle",
        settle,
        "--json",
    ]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    brier = {(row["model"], row["lead_s"]): row["brier"] for row in shown["calibration"]}
    assert shown["counterfactual"] == (settle == "twap60")
    assert all(brier["by rule", lead] < 0.25 for lead in (30, 60, 120, 240))
    if settle == "spot":
        assert brier["by rule", 60] == pytest.approx(0.155, abs=0.005)
        assert brier["by rule", 60] < brier["one-second", 60]
    else:
        assert brier["by rule", 30] < brier["plain", 30]
