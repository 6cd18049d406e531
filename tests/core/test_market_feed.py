"""market_feed: markets, subscriptions, resolutions, prints, and what windows came to, in whatever order it is heard."""

from collections.abc import Iterable
from typing import TypedDict, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from messages import (
    Book,
    FeedStatus,
    MarketListed,
    MarketResolved,
    OraclePrice,
    OracleRelayed,
    Outcome,
    SettleRule,
    TickSizeChanged,
    TradePrint,
    WindowObserved,
    Word,
    encode,
)
from messages.inner import (
    AnyTimer,
    CheckResolution,
    FetchAgain,
    FetchMarket,
    MarketFetched,
    Reconnect,
    Restored,
    SayLevels,
    Subscribe,
    Tick,
    WakeAt,
    WakeIn,
    WindowBegins,
    WindowLate,
)
from messages.units import NS
from polybot.core.market_feed.core import MarketFeedCore
from tests import build
from tests.build import T0, a_source_state, a_start, session, slug_of, window

E18 = 10**18
STRIKE = 64_000 * E18
BP = STRIKE // 10_000


W = TypeVar("W", bound=Word)


class MarketIds(TypedDict):
    condition_id: str
    up_token: str
    down_token: str


def ids(start_s: int) -> MarketIds:
    """Every window's market has its own."""
    return {"condition_id": f"0x{start_s:064x}", "up_token": f"1{start_s}", "down_token": f"2{start_s}"}


def a_market(
    start_s: int = T0,
    rule: SettleRule | None = "twap60",
    rule_why: str = "",
    accepting: bool = True,
    tick_e6: int = 10_000,
) -> MarketListed:
    return build.a_market(
        **window(start_s), **ids(start_s), rule=rule, rule_why=rule_why, accepting=accepting, tick_e6=tick_e6
    )


def a_print(second: int, value: int = STRIKE, feed: SettleRule = "twap60", source: str = "rtds") -> OraclePrice:
    """Of that second, heard two seconds later."""
    return build.a_print(
        feed=feed,
        price=value / E18,
        value_e18=str(value),
        observed_ns=second * NS,
        received_ns=second * NS + 2 * NS,
        source=source,
    )


def a_book(start_s: int = T0) -> Book:
    return build.a_book(slug=slug_of(start_s), condition_id=ids(start_s)["condition_id"])


def a_resolution(start_s: int = T0, winner: Outcome = "UP", source: str = "ws") -> MarketResolved:
    return build.a_resolution(
        slug=slug_of(start_s), condition_id=ids(start_s)["condition_id"], winner=winner, source=source
    )


def a_fetch(start_s: int = T0, known: bool = True) -> MarketFetched:
    return MarketFetched(slug=slug_of(start_s), known=known, gamma="", clob="", why="" if known else "HTTP 500")


def a_tick(timer: AnyTimer, mono_s: float = 1.0) -> Tick:
    return Tick(timer=timer, mono_s=mono_s)


class Feed:
    """A core and all it said."""

    def __init__(self, now_s: float = T0 - 60, windows: int = 3, speed: float = 1.0) -> None:
        self.core = MarketFeedCore()
        self.said: list[Word] = []
        self.hear(a_start(actor="market_feed", speed=speed, session=session(windows, speed)), now_s)

    def hear(self, word: Word, now_s: float) -> list[Word]:
        said = list(self.core.handle(word, round(now_s * NS)))
        self.said += said
        return said

    def observed(self, start_s: int = T0) -> WindowObserved | None:
        found = [w for w in self.said if isinstance(w, WindowObserved) and w.start_s == start_s]
        return found[-1] if found else None


def listed(*starts: int, rule: SettleRule = "twap60", speed: float = 1.0) -> Feed:
    feed = Feed(speed=speed)
    for start in starts or (T0,):
        feed.hear(a_market(start, rule=rule), T0 - 50)
        feed.hear(a_fetch(start), T0 - 50)
    return feed


def of(kind: type[W], words: Iterable[Word]) -> list[W]:
    return [w for w in words if isinstance(w, kind)]


def wakes(words: Iterable[Word]) -> dict[AnyTimer, float]:
    return {w.timer: w.after_s for w in words if isinstance(w, WakeIn) and w.timer != SayLevels()}


# --- rule 1: markets and subscriptions


def test_the_current_window_and_the_next_two_are_asked_for_within_the_session() -> None:
    before, early = Feed(T0 - 400), Feed(T0 - 60)
    assert [w.slug for w in of(FetchMarket, before.said)] == [slug_of(T0)]
    assert [w.slug for w in of(FetchMarket, early.said)] == [slug_of(T0), slug_of(T0 + 300)]
    again = early.hear(a_tick(WindowBegins()), T0)
    assert [w.slug for w in of(FetchMarket, again)] == [slug_of(T0 + 600)]
    assert not of(FetchMarket, early.hear(a_tick(WindowBegins()), T0 + 300))


def test_windows_of_long_ago_are_forgotten_however_long_it_runs() -> None:
    """Two weeks of windows, each listed, ended and resolved: a day of them is remembered."""
    feed = Feed(windows=5_000)
    for n in range(4_032):
        start_s = T0 + 300 * n
        feed.hear(a_market(start_s), start_s - 50)
        feed.hear(a_fetch(start_s), start_s - 50)
        feed.hear(a_tick(WindowBegins()), start_s)
        feed.hear(a_resolution(start_s), start_s + 330)
        feed.said.clear()
    held = {name: len(value) for name, value in vars(feed.core).items() if isinstance(value, dict)}
    assert max(held.values()) <= 86_400 // 300 + 5, held
    assert len(feed.core._resolved) > 200


def test_a_failed_read_is_repeated_with_growing_waits_until_the_market_is_known() -> None:
    feed = Feed()
    waits = [wakes(feed.hear(a_fetch(known=False), T0))[FetchAgain(slug=slug_of(T0))] for _ in range(7)]
    assert waits == [0.3, 0.6, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert of(FetchMarket, feed.hear(a_tick(FetchAgain(slug=slug_of(T0))), T0))
    feed.hear(a_market(), T0)
    assert not wakes(feed.hear(a_fetch(), T0))


def test_a_market_the_venue_does_not_list_yet_is_asked_for_again() -> None:
    assert wakes(Feed().hear(a_fetch(known=True), T0))


def test_a_market_is_said_once_subscribed_once_and_said_again_when_it_changes() -> None:
    feed = Feed()
    first = feed.hear(a_market(), T0)
    assert of(MarketListed, first) == [a_market()]
    assert of(Subscribe, first) == [Subscribe(add=(a_market(),), remove=())]
    assert not feed.hear(a_market(), T0)
    changed = feed.hear(a_market(accepting=False), T0)
    assert of(MarketListed, changed) == [a_market(accepting=False)] and not of(Subscribe, changed)


@pytest.mark.parametrize(
    "word", [a_market(T0 - 300), a_market(T0 + 900), replace(a_market(), slug="eth-updown-5m-1795132800")]
)
def test_a_market_of_no_window_of_ours_is_nobodys_business(word: MarketListed) -> None:
    assert not Feed().hear(word, T0)


def test_a_finer_tick_is_kept_though_gamma_still_shows_the_old_one() -> None:
    feed = listed()
    change = TickSizeChanged(slug=slug_of(T0), token_id="1", old_e6=10_000, new_e6=1_000, changed_ns=1)
    assert feed.hear(change, T0 + 1) == [change, a_market(tick_e6=1_000)]
    other = msgspec.structs.replace(change, token_id="2")
    assert feed.hear(other, T0 + 1) == [other]
    assert not feed.hear(a_market(tick_e6=10_000), T0 + 2)


def test_books_and_trades_pass_for_known_markets_only_and_not_after_resolution() -> None:
    feed = listed()
    trade = TradePrint(slug=slug_of(T0), token_id="1", price_e6=1, size_e6=1, side="BUY", traded_ns=1)
    assert a_book() in feed.hear(a_book(), T0 + 1)
    assert feed.hear(trade, T0 + 1) == [trade]
    assert a_book(T0 + 300) not in feed.hear(a_book(T0 + 300), T0 + 1)
    feed.hear(a_resolution(), T0 + 320)
    assert not feed.hear(a_book(), T0 + 321)


# --- rule 2: resolution


def test_an_ended_market_is_polled_every_two_machine_seconds_until_resolved() -> None:
    feed = listed()
    slug = slug_of(T0)
    assert wakes(feed.hear(a_tick(WindowBegins()), T0 + 300)) == {FetchAgain(slug=slug): 2.0}
    assert of(FetchMarket, feed.hear(a_tick(FetchAgain(slug=slug)), T0 + 302))
    assert wakes(feed.hear(a_fetch(), T0 + 302)) == {FetchAgain(slug=slug): 2.0}
    resolved = feed.hear(a_resolution(source="gamma"), T0 + 304)
    assert resolved[:2] == [a_resolution(source="gamma"), Subscribe(add=(), remove=(slug,))]
    assert not wakes(feed.hear(a_fetch(), T0 + 304))
    assert not of(FetchMarket, feed.hear(a_tick(FetchAgain(slug=slug)), T0 + 306))


def test_windows_that_follow_fast_do_not_put_a_poll_off_for_ever() -> None:
    feed = listed(T0, T0 + 300, T0 + 600, speed=300.0)
    feed.hear(a_tick(WindowBegins()), T0 + 300)
    assert FetchAgain(slug=slug_of(T0)) not in wakes(feed.hear(a_tick(WindowBegins()), T0 + 600))


def test_a_resolution_is_said_once_and_again_only_if_the_winner_differs() -> None:
    feed = listed()
    assert a_resolution() in feed.hear(a_resolution(), T0 + 320)
    assert not feed.hear(a_resolution(source="gamma"), T0 + 321)
    assert feed.hear(a_resolution(winner="DOWN"), T0 + 322) == [a_resolution(winner="DOWN")]


# --- rules 3 and 4: prints and windows


def test_a_resolved_market_is_asked_for_again_because_a_resolution_may_be_corrected() -> None:
    feed = listed(T0)
    feed.hear(a_resolution(winner="UP"), T0 + 320)
    again = [w for w in of(WakeAt, feed.said) if isinstance(w.timer, CheckResolution)]
    assert [w.at_ns // NS - T0 for w in again] == [410, 620, 1220]
    assert len({w.timer for w in again}) == 3, "none replaces another"
    asked = feed.hear(a_tick(again[0].timer), T0 + 410)
    assert of(FetchMarket, asked) == [FetchMarket(slug=slug_of(T0))]
    assert of(MarketResolved, feed.hear(a_resolution(winner="UP", source="gamma"), T0 + 411)) == []
    corrected = a_resolution(winner="DOWN", source="gamma")
    assert of(MarketResolved, feed.hear(corrected, T0 + 621)) == [corrected]


def test_the_strike_is_the_print_stamped_exactly_at_the_start() -> None:
    feed = listed()
    for second in (T0 - 1, T0 + 1):
        assert not of(WindowObserved, feed.hear(a_print(second), second + 2))
    (seen,) = of(WindowObserved, feed.hear(a_print(T0, STRIKE + 1), T0 + 3))
    assert (seen.strike_e18, seen.strike_source, seen.ended) == (str(STRIKE + 1), "rtds_twap60", False)
    assert seen.strike == pytest.approx(64_000.0)


@pytest.mark.parametrize("rule", ["spot", "twap30", "twap60"])
def test_only_the_stream_that_the_rule_names_counts(rule: SettleRule) -> None:
    feed = listed(rule=rule)
    rules: tuple[SettleRule, ...] = ("spot", "twap30", "twap60")
    for other in (each for each in rules if each != rule):
        feed.hear(a_print(T0, STRIKE + 5, feed=other), T0 + 2)
    assert feed.observed() is None
    feed.hear(a_print(T0, feed=rule), T0 + 2)
    seen = feed.observed()
    assert seen is not None and seen.strike_e18 == str(STRIKE) and seen.strike_source == f"rtds_{rule}"


def test_a_print_heard_before_its_market_is_described_is_not_lost() -> None:
    feed = Feed()
    feed.hear(a_print(T0), T0 + 2)
    assert feed.observed() is None
    assert of(WindowObserved, feed.hear(a_market(), T0 + 4))[0].strike_e18 == str(STRIKE)


@pytest.mark.parametrize(("move", "outcome"), [(-1, "DOWN"), (0, "UP"), (1, "UP")])
def test_the_end_print_decides_by_integers_and_opens_the_next_window(move: int, outcome: str) -> None:
    feed = listed(T0, T0 + 300)
    feed.hear(a_print(T0), T0 + 2)
    first, second = of(WindowObserved, feed.hear(a_print(T0 + 300, STRIKE + move), T0 + 302))
    assert (first.outcome, first.ended, first.inferred, first.why) == (outcome, True, False, "")
    assert (second.start_s, second.strike_e18, second.ended) == (T0 + 300, str(STRIKE + move), False)


def test_a_missing_end_print_is_inferred_as_soon_as_both_neighbours_are_known() -> None:
    feed = listed()
    feed.hear(a_print(T0), T0 + 2)
    assert not of(WindowObserved, feed.hear(a_print(T0 + 298, STRIKE + BP), T0 + 300))
    (seen,) = of(WindowObserved, feed.hear(a_print(T0 + 303, STRIKE + BP), T0 + 305))
    assert (seen.outcome, seen.inferred, seen.end_e18, seen.ended) == ("UP", True, None, True)
    (exact,) = of(WindowObserved, feed.hear(a_print(T0 + 300, STRIKE - 1), T0 + 306))
    assert (exact.outcome, exact.inferred) == ("DOWN", False)


@pytest.mark.parametrize(("speed", "late_s"), [(1.0, 15.0), (300.0, 45.0)])
def test_without_an_end_print_the_window_ends_unknown_after_a_while_and_says_why(speed: float, late_s: float) -> None:
    feed = listed(speed=speed)
    late = WindowLate(slug=slug_of(T0))
    assert {w.timer: w.at_ns for w in of(WakeAt, feed.said)}[late] == round((T0 + 300 + late_s) * NS)
    feed.hear(a_print(T0), T0 + 2)
    assert not of(WindowObserved, feed.hear(a_tick(late), T0 + 300 + late_s - 0.001))
    (seen,) = of(WindowObserved, feed.hear(a_tick(late), T0 + 300 + late_s))
    assert (seen.ended, seen.outcome) == (True, None) and "no print stamped at the end" in seen.why


def test_a_window_without_a_strike_ends_with_that_reason_and_no_guess() -> None:
    feed = listed()
    (seen,) = of(WindowObserved, feed.hear(a_print(T0 + 300), T0 + 302))
    assert (seen.strike, seen.strike_source, seen.outcome, seen.end_e18) == (None, "", None, str(STRIKE))
    assert "start" in seen.why


def test_a_market_of_unknown_rule_has_no_strike_and_says_the_value() -> None:
    feed = Feed()
    feed.hear(a_market(rule=None, rule_why="feeType 'x' is none of crypto_fees_v2"), T0)
    feed.hear(a_print(T0), T0 + 2)
    (seen,) = of(WindowObserved, feed.hear(a_tick(WindowLate(slug=slug_of(T0))), T0 + 315))
    assert seen.strike is None and seen.why == "RULE_UNKNOWN: feeType 'x' is none of crypto_fees_v2"


def test_prints_are_said_once_a_second_and_late_ones_only_used() -> None:
    feed = listed()
    assert a_print(T0 + 10) in feed.hear(a_print(T0 + 10), T0 + 12)
    assert not of(OraclePrice, feed.hear(replace(a_print(T0 + 10), received_ns=1), T0 + 12))
    assert not of(OraclePrice, feed.hear(a_print(T0), T0 + 12))
    assert feed.observed() is not None


def test_an_exact_print_replaces_a_snapshots_rounded_one_and_not_the_other_way_round() -> None:
    exact, rounded = a_print(T0, STRIKE), a_print(T0, STRIKE + 3, source="rtds_snapshot")
    for order in ((exact, rounded), (rounded, exact)):
        feed = listed()
        for word in order:
            feed.hear(word, T0 + 2)
        seen = feed.observed()
        assert seen is not None and seen.strike_e18 == str(STRIKE)


@pytest.mark.parametrize(
    "word",
    [
        a_print(T0, 0),
        replace(a_print(T0), price=float("nan")),
        replace(a_print(T0), price=-1.0),
        replace(a_print(T0), value_e18="-5"),
        replace(a_print(T0), value_e18="6.4e22"),
        replace(a_print(T0), price=64_001.0),
        replace(a_print(T0), observed_ns=T0 * NS + 1),
        a_print(T0 + 8),
        a_print(T0, STRIKE * 10),
    ],
)
def test_an_absurd_print_is_refused_and_counted(word: OraclePrice) -> None:
    feed = listed()
    feed.hear(a_print(T0 - 2), T0)
    assert not of(OraclePrice, feed.hear(word, T0 + 2))
    assert feed.observed() is None
    statuses = {w.feed: w for w in of(FeedStatus, feed.hear(a_tick(SayLevels()), T0 + 2))}
    assert statuses["oracle"].dropped == 1


PRINTS = [
    a_print(T0, STRIKE),
    a_print(T0 + 298, STRIKE + 2 * BP),
    a_print(T0 + 301, STRIKE + 3 * BP),
    a_print(T0 + 302, STRIKE - 3 * BP),
    a_print(T0 + 600, STRIKE - 1),
    a_print(T0 + 600, STRIKE, feed="spot"),
]
WORDS = [
    *PRINTS,
    a_market(T0),
    a_market(T0 + 300),
    a_tick(WindowLate(slug=slug_of(T0))),
    a_tick(WindowLate(slug=slug_of(T0 + 300))),
]


@settings(max_examples=60, deadline=None)
@given(st.permutations(WORDS + WORDS[:6]))
def test_repeated_and_reordered_words_come_to_the_same_windows(words: list[Word]) -> None:
    feed = Feed()
    for word in words:
        feed.hear(word, T0 + 700)
    first, second = feed.observed(), feed.observed(T0 + 300)
    assert first is not None and (first.outcome, first.inferred, first.strike_e18) == ("UP", True, str(STRIKE))
    assert second is not None and (second.strike, second.end_e18, second.outcome) == (None, str(STRIKE - 1), None)


# --- rule 5: a restart


def test_a_restart_remembers_the_strike_it_saw_and_asks_for_what_is_unresolved() -> None:
    before = listed(T0)
    before.hear(a_print(T0), T0 + 2)
    records = tuple(encode(w) for w in before.said if isinstance(w, MarketListed | WindowObserved))
    after = Feed(T0 + 320)
    assert [w.slug for w in of(FetchMarket, after.said)] == [slug_of(T0), slug_of(T0 + 300), slug_of(T0 + 600)]
    said = after.hear(Restored(records=records, last_seq=0), T0 + 320)
    assert of(Subscribe, said) == [Subscribe(add=(a_market(),), remove=())]
    assert of(WindowObserved, said)[-1].strike_e18 == str(STRIKE)
    assert wakes(after.hear(a_fetch(), T0 + 320)) == {FetchAgain(slug=slug_of(T0)): 2.0}


def test_a_restart_says_nothing_of_a_window_it_knows_nothing_of() -> None:
    feed = Feed(T0 + 100)
    feed.hear(a_market(), T0 + 101)
    assert feed.observed() is None
    feed.hear(a_tick(WindowLate(slug=slug_of(T0))), T0 + 400)
    assert feed.observed() is None


def test_a_restart_leaves_alone_what_was_resolved_before() -> None:
    feed = Feed(T0 + 340)
    records = tuple(encode(w) for w in (a_market(), a_resolution()))
    said = feed.hear(Restored(records=records, last_seq=0), T0 + 340)
    assert not of(Subscribe, said) and not wakes(feed.hear(a_fetch(), T0 + 341))


# --- health


def test_both_levels_are_said_each_machine_second() -> None:
    feed = listed()
    feed.hear(a_source_state(source="rtds"), T0)
    feed.hear(a_print(T0), T0 + 2)
    statuses = {w.feed: w.state for w in of(FeedStatus, feed.hear(a_tick(SayLevels()), T0 + 2))}
    assert statuses == {"oracle": "up", "book": "down"}


@pytest.mark.parametrize(("age_ns", "state"), [(5 * NS, "up"), (5 * NS + 1, "stale")])
def test_the_oracle_is_stale_by_its_newest_stamp_too(age_ns: int, state: str) -> None:
    feed = listed()
    feed.hear(a_source_state(source="rtds"), T0)
    now_ns = T0 * NS + age_ns
    assert list(feed.core.handle(a_print(T0), now_ns))
    status = next(w for w in feed.core.handle(a_tick(SayLevels()), now_ns) if isinstance(w, FeedStatus))
    assert (status.feed, status.state) == ("oracle", state)


def test_a_stalled_book_channel_is_reconnected_only_while_a_market_is_live() -> None:
    for feed, expected in ((listed(), True), (Feed(), False)):
        feed.hear(a_source_state(source="market"), T0)
        said = [w for m in range(1, 15) for w in feed.hear(a_tick(SayLevels(), float(m)), T0 + m)]
        assert any(w.source == "market" for w in of(Reconnect, said)) is expected


# --- PolyBolt, relayed by the executor: the strike chain's first link


def a_relay(*prints: OraclePrice) -> OracleRelayed:
    return OracleRelayed(
        prints=tuple(p if p.source != "rtds" else msgspec.structs.replace(p, source="polybolt") for p in prints)
    )


def strikes(feed: Feed) -> list[tuple[str | None, str]]:
    return [(w.strike_e18, w.strike_source) for w in of(WindowObserved, feed.said) if w.start_s == T0]


@pytest.mark.parametrize("order", ["polybolt first", "rtds first"])
def test_both_ways_of_one_second_are_one_print_and_the_strike_is_polybolts(order: str) -> None:
    feed = Feed()
    feed.hear(a_market(), T0 - 50)
    words: list[Word] = [a_relay(a_print(T0)), a_print(T0)]
    for word in words if order == "polybolt first" else words[::-1]:
        feed.hear(word, T0 + 2)
    assert strikes(feed)[-1] == (str(STRIKE), "polybolt_twap60")
    assert len(of(OraclePrice, feed.said)) == 1, "said once"
    said = len(of(WindowObserved, feed.said))
    for word in words:
        feed.hear(word, T0 + 3)
    assert len(of(WindowObserved, feed.said)) == said, "and nothing new when both come again"


def test_without_polybolt_the_strike_is_rtdss_and_without_either_there_is_none() -> None:
    feed = Feed()
    feed.hear(a_market(), T0 - 50)
    feed.hear(a_print(T0), T0 + 2)
    assert strikes(feed) == [(str(STRIKE), "rtds_twap60")]
    assert strikes(Feed()) == []


def test_where_the_two_differ_the_first_link_is_believed_and_the_difference_counted() -> None:
    feed = Feed()
    feed.hear(a_market(), T0 - 50)
    feed.hear(a_print(T0, STRIKE + 1), T0 + 2)
    feed.hear(a_relay(a_print(T0)), T0 + 3)
    assert strikes(feed)[-1] == (str(STRIKE), "polybolt_twap60")
    feed.hear(a_tick(SayLevels(), 2.0), T0 + 3)
    assert [s.dropped for s in of(FeedStatus, feed.said) if s.feed == "oracle"][-1] == 1


def test_the_oracle_is_up_by_polybolt_alone_while_rtdss_silent_stall_is_still_found() -> None:
    feed = Feed()
    feed.hear(a_market(), T0 - 50)
    feed.hear(a_source_state(source="rtds"), T0)
    for k in range(1, 14):
        feed.hear(a_relay(a_print(T0 + k)), T0 + k + 1)
        feed.hear(a_tick(SayLevels(), float(k)), T0 + k + 1)
    assert [s.state for s in of(FeedStatus, feed.said) if s.feed == "oracle"][-1] == "up"
    assert [w.source for w in of(Reconnect, feed.said)] == ["rtds"]
    feed.hear(a_source_state(source="rtds", state="closed", why="gone"), T0 + 14)
    assert [s.state for s in of(FeedStatus, feed.said) if s.feed == "oracle"][-1] == "up"


def test_a_restart_remembers_whose_print_the_strike_was() -> None:
    before = Feed()
    before.hear(a_market(), T0 - 50)
    before.hear(a_relay(a_print(T0)), T0 + 2)
    after = Feed(now_s=T0 + 20)
    records = tuple(encode(w) for w in (a_market(), of(WindowObserved, before.said)[-1]))
    after.hear(Restored(records=records, last_seq=0), T0 + 20)
    assert strikes(after)[-1] == (str(STRIKE), "polybolt_twap60")
