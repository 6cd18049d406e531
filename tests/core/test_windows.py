"""Window arithmetic, at its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.units import NS
from polybot.core.market.windows import (
    SessionPlan,
    Window,
    good_until_ns,
    is_stale,
    observe,
    session_from,
    slug_of,
    staleness_s,
    window_at,
    window_of,
)
from polybot.settings import Trade

START = 1_795_132_800
END = START + 300
STRIKE = 64_000 * 10**18
BP = STRIKE // 10_000


def test_a_slug_names_its_start_and_back() -> None:
    assert slug_of(START) == "btc-updown-5m-1795132800"
    assert window_of("btc-updown-5m-1795132800") == Window(START)


@pytest.mark.parametrize(
    "slug",
    [
        "btc-updown-5m-1795132801",
        "eth-updown-5m-1795132800",
        "btc-updown-5m-",
        "btc-updown-5m-01795132800",
        "1795132800",
    ],
)
def test_a_slug_that_is_none_of_ours_names_no_window(slug: str) -> None:
    assert window_of(slug) is None


def test_a_moment_falls_into_the_window_that_has_begun() -> None:
    assert window_at(START * NS) == Window(START)
    assert window_at(END * NS - 1) == Window(START)
    assert window_at(END * NS) == Window(END)


def test_windows_are_numbered_from_one_and_only_within_the_session() -> None:
    session = SessionPlan(first_window_s=START, windows=2)
    numbers = [session.n_of(START + k * 300) for k in (-1, 0, 1, 2)]
    assert numbers == [0, 1, 2, 0]
    assert session.n_of(START + 1) == 0
    assert [session.start_of(n) for n in (1, 2)] == [session.first_window_s, session.first_window_s + 300]


def test_without_a_session_there_are_no_windows() -> None:
    assert session_from("").n_of(START) == 0
    assert session_from('{"first_window_s": 1795132800, "windows": 1, "started_ns": 5}').n_of(START) == 1


def test_an_entry_is_allowed_to_both_ends_of_its_span_and_not_beyond() -> None:
    trade, window = Trade(), Window(START)
    latest = window.end_ns - 30 * NS
    moments = (window.start_ns - 1, window.start_ns, latest, latest + 1)
    assert [window.may_enter(at, trade) for at in moments] == [False, True, True, False]


def test_decision_span_and_good_until_come_from_the_knobs() -> None:
    trade, window = Trade(), Window(START)
    assert window.decide_from_ns(trade) == (START + 10) * NS
    assert window.decide_until_ns() == (START + 20) * NS
    assert good_until_ns(window.decide_from_ns(trade)) == (START + 13) * NS


def test_stale_begins_above_the_limit_which_grows_with_speed() -> None:
    assert staleness_s(2.0, 1.0) == 2.0
    assert staleness_s(2.0, 60.0) == 9.0
    assert not is_stale(2 * NS, 2.0, 1.0)
    assert is_stale(2 * NS + 1, 2.0, 1.0)
    assert not is_stale(9 * NS, 2.0, 60.0)
    assert not is_stale(-NS, 2.0, 1.0)


def test_the_print_at_the_end_decides_and_ties_are_up() -> None:
    for end, outcome in ((STRIKE - 1, "DOWN"), (STRIKE, "UP"), (STRIKE + 1, "UP")):
        seen = observe(STRIKE, {END: end, END - 1: STRIKE * 2, END + 1: STRIKE * 2}, END)
        assert (seen.outcome, seen.inferred, seen.end_e18) == (outcome, False, end)


def test_without_a_strike_nothing_is_guessed() -> None:
    seen = observe(None, {END: STRIKE}, END)
    assert seen.outcome is None and seen.end_e18 == STRIKE and seen.why


@pytest.mark.parametrize(
    ("move", "outcome"), [(BP - 1, None), (BP, "UP"), (BP + 1, "UP"), (-BP + 1, None), (-BP, "DOWN")]
)
def test_an_inferred_outcome_needs_one_basis_point_on_both_sides(move: int, outcome: str | None) -> None:
    wide = 5 * BP if move > 0 else -5 * BP
    for before, after in ((move, wide), (wide, move)):
        seen = observe(STRIKE, {END - 1: STRIKE + before, END + 1: STRIKE + after}, END)
        assert seen.outcome == outcome and seen.inferred is (outcome is not None)
        assert seen.end_e18 is None
        if outcome:
            assert seen.move_bp == pytest.approx(move / BP)


@pytest.mark.parametrize(("before", "after", "known"), [(3, 3, True), (4, 1, False), (1, 4, False), (3, None, False)])
def test_prints_three_seconds_beside_the_end_count_and_four_do_not(before: int, after: int | None, known: bool) -> None:
    prints = {END - before: STRIKE + 2 * BP} | ({END + after: STRIKE + 2 * BP} if after else {})
    assert (observe(STRIKE, prints, END).outcome is not None) is known


def test_neighbours_that_disagree_leave_it_unknown() -> None:
    seen = observe(STRIKE, {END - 1: STRIKE + 2 * BP, END + 1: STRIKE - 2 * BP}, END)
    assert seen.outcome is None and "disagree" in seen.why


def test_the_nearest_neighbour_counts_not_a_farther_one() -> None:
    prints = {END - 3: STRIKE - 9 * BP, END - 1: STRIKE + 2 * BP, END + 2: STRIKE + 3 * BP, END + 3: STRIKE - 9 * BP}
    assert observe(STRIKE, prints, END).outcome == "UP"


@given(strike=st.integers(1, 10**24), end=st.integers(1, 10**24))
def test_the_outcome_is_the_comparison_of_integers_whatever_the_floats_say(strike: int, end: int) -> None:
    assert observe(strike, {END: end}, END).outcome == ("UP" if end >= strike else "DOWN")
