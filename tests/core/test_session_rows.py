"""The calendar's rows: whatever is folded when, they are what one fold from the first window on would give."""

from hypothesis import given
from hypothesis import strategies as st

from polybot.core.recorder.session_rows import Calendar
from polybot.core.recorder.window_row import WindowRow
from tests.build import a_settlement, nth

STRATEGY = "coin"
PURSE_E6 = 100_000_000


def slug(n: int) -> str:
    return nth(n)["slug"]


def start_s(n: int) -> int:
    return nth(n)["start_s"]


def a_calendar() -> Calendar:
    calendar = Calendar(purse_e6=PURSE_E6)
    calendar.account = "main"
    return calendar


def test_a_window_that_was_never_folded_is_folded_though_an_old_one_changes_nothing() -> None:
    calendar = a_calendar()
    for n in (1, 2, 3):
        calendar.facts(slug(n), "main", STRATEGY)
        assert [row.slug for row in calendar.refold(start_s(n))] == [slug(n)]
    calendar.facts(slug(4), "main", STRATEGY)
    assert [row.slug for row in calendar.refold(start_s(1))] == [slug(4)]
    calendar.facts(slug(5), "main", STRATEGY)
    assert [row.slug for row in calendar.refold(start_s(5))] == [slug(5)]


def test_a_change_is_folded_though_an_earlier_window_waits_and_carries_nothing_on() -> None:
    calendar = a_calendar()
    for n in (2, 3, 4):
        calendar.facts(slug(n), "main", STRATEGY)
        list(calendar.refold(start_s(n)))
    calendar.facts(slug(1), "main", STRATEGY)
    changed = list(calendar.hear(slug(4), "main", STRATEGY, a_settlement(**nth(4), win_streak=7)))
    assert [(row.slug, row.win_streak) for row in changed] == [(slug(1), 0), (slug(4), 7)]


WINDOWS = st.integers(1, 6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), WINDOWS),
        st.tuples(st.just("refold"), WINDOWS),
        st.tuples(st.just("settle"), WINDOWS),
    ),
    max_size=25,
)


@given(STEPS)
def test_the_rows_are_those_of_one_fold_over_all_windows(steps: list[tuple[str, int]]) -> None:
    calendar, rows = a_calendar(), dict[str, WindowRow]()
    settled: dict[int, int] = {}
    made: set[int] = set()
    for number, (step, n) in enumerate(steps):
        changed: list[WindowRow] = []
        match step:
            case "make":
                calendar.facts(slug(n), "main", STRATEGY)
                made.add(n)
            case "refold":
                changed = list(calendar.refold(start_s(n)))
            case "settle":
                settled[n] = number
                made.add(n)
                word = a_settlement(**nth(n), win_streak=number, pnl_e6=number, corrected=True)
                changed = list(calendar.hear(slug(n), "main", STRATEGY, word))
        rows |= {row.slug: row for row in changed}
    rows |= {row.slug: row for row in calendar.refold(start_s(1))}
    whole = a_calendar()
    for n in sorted(made):
        facts = whole.facts(slug(n), "main", STRATEGY)
        assert facts is not None
        if n in settled:
            facts.hear(a_settlement(**nth(n), win_streak=settled[n], pnl_e6=settled[n], corrected=True))
    assert rows == {row.slug: row for row in whole.refold(start_s(1))}
