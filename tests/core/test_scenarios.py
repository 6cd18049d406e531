"""Special days are functions of seed and time like any other, and differ from the ordinary day only where they bend it."""

import numpy as np
import pytest

from polybot.sim.world.scenarios import (
    NAMES,
    ORDINARY,
    SCENARIOS,
    Move,
    Pace,
    Scenario,
    Span,
    UnknownScenario,
    scenario_named,
)
from polybot.sim.world.synthetic import SyntheticWorld
from polybot.sim.world.world import S


def at(*seconds: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array(seconds, dtype=float)


def test_a_move_runs_evenly_and_stays() -> None:
    slow = Scenario("x", "", moves=(Move(100, -200, 50),))
    assert slow.bend(at(99, 100, 125, 150, 9999)).tolist() == pytest.approx([0, 0, -0.01, -0.02, -0.02])
    leap = Scenario("x", "", moves=(Move(100, 60),))
    assert leap.bend(at(99.9, 100)).tolist() == pytest.approx([0, 0.006])


def test_trends_come_in_turn_for_ever_and_reach_back() -> None:
    day = Scenario("x", "", trends_bp=(30.0, 30.0, -10.0))
    ends = [300 * n for n in range(-3, 7)]
    assert (day.bend(at(*ends)) / 1e-4).tolist() == pytest.approx([-50, -20, 10, 0, 30, 60, 50, 80, 110, 100])
    assert (day.bend(at(29, 130, 230, 299)) / 1e-4).tolist() == pytest.approx([0, 15, 30, 30])


def test_the_price_goes_at_another_pace_within_a_span_only() -> None:
    still = Scenario("x", "", paces=(Pace(Span(10, 20), 0.0),))
    assert still.paces_of(at(9, 10, 19, 20)).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_any_moment_is_the_same_in_whatever_order_it_is_asked_for(scenario: Scenario) -> None:
    one, other = SyntheticWorld(3, scenario=scenario), SyntheticWorld(3, scenario=scenario)
    start = one.first_start_s
    late, early = (start + 2100) * S, (start + 100) * S
    assert one.path.price(late) == (other.path.price(early), other.path.price(late))[1]
    assert one.prints(early, early + 5 * S) == other.prints(early, early + 5 * S)
    assert one.trades(early, early + 5 * S) == other.trades(early, early + 5 * S)
    assert scenario.name in one.label


def test_the_ordinary_day_is_not_bent_by_a_hair() -> None:
    plain, named = SyntheticWorld(5), SyntheticWorld(5, scenario=scenario_named(""))
    start = plain.first_start_s
    assert not ORDINARY.bends_the_path
    assert (
        plain.path.latent_values(start, start + 600).tolist() == named.path.latent_values(start, start + 600).tolist()
    )
    assert plain.prints(start * S, (start + 60) * S) == named.prints(start * S, (start + 60) * S)
    assert plain.label == named.label


def test_before_it_begins_a_special_day_is_the_ordinary_one() -> None:
    plain, crash = SyntheticWorld(5), SyntheticWorld(5, scenario=scenario_named("crash"))
    start = plain.first_start_s
    assert (
        plain.path.latent_values(start - 600, start).tolist() == crash.path.latent_values(start - 600, start).tolist()
    )
    assert plain.path.price((start + 600) * S) > crash.path.price((start + 600) * S) * 1.03


def test_feed_loss_silences_the_exchange_and_the_oracle_apart() -> None:
    world = SyntheticWorld(5, scenario=scenario_named("feed-loss"))
    start = world.first_start_s
    silent, loud = start + 300 + 300, start + 1800
    assert not world.trades(silent * S, (silent + 60) * S) and world.depth((silent + 1) * S) is None
    assert not world.klines(1, silent, silent + 60, (silent + 60) * S)
    assert world.twap_print(silent) is not None
    assert world.trades(loud * S, (loud + 5) * S) and world.depth(loud * S) is not None
    fifth = start + 4 * 300
    assert world.twap_print(fifth) is not None, "the strike itself comes"
    assert all(world.twap_print(s) is None and world.spot_print(s) is None for s in range(fifth + 1, fifth + 90))


def test_gap_resolves_later_and_loses_no_other_print() -> None:
    plain, gap = SyntheticWorld(5), SyntheticWorld(5, scenario=scenario_named("gap"))
    slugs = [f"btc-updown-5m-{plain.first_start_s + 300 * n}" for n in range(2)]
    later = [gap.resolved_ns(m) - plain.resolved_ns(m) for s in slugs if (m := gap.market(s))]
    assert later == [600 * S, 0]
    start = gap.first_start_s
    lost = [s - start for s in range(start, start + 3600) if gap.twap_print(s) is None]
    assert lost == [*range(296, 305), 1200]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("crsh", 'unknown scenario "crsh": did you mean "crash"?'),
        ("feedloss", 'did you mean "feed-loss"?'),
        ("flt", 'did you mean "flat"?'),
        ("xyzzy", "one of crash, halt, streak, feed-loss, flat, gap"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, says: str) -> None:
    with pytest.raises(UnknownScenario) as refused:
        scenario_named(name)
    assert says in str(refused.value)


def test_each_says_in_one_line_what_it_shows() -> None:
    assert len(set(NAMES)) == len(SCENARIOS) == 6
    assert all(s.shows and "\n" not in s.shows for s in SCENARIOS)
