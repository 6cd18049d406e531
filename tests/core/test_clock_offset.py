"""Our clock against others: the doubt that an answer leaves, how it is halved, and what makes it unknown again."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import ClockOffset, Word
from messages.inner import AnyTimer, ClockRead, ReadClock, ReadClockAgain, SayLevels, Tick, WakeAt, WakeIn
from messages.units import NS
from polybot.core.market_feed.clock_offset import (
    EVERY_S,
    KEPT_S,
    READS,
    RETRY_S,
    Doubt,
    edge_ns,
    proven_by_second,
    proven_by_stamps,
)
from polybot.core.market_feed.core import MarketFeedCore
from tests.build import a_start

MS = 1_000_000
T0 = 1_795_132_800 * NS


ASK_VENUE = ReadClockAgain(source="venue")


class Machine:
    """market_feed's core on a machine whose clock is off_ns ahead, an answer's way there and back taking rtt_ns."""

    def __init__(self, profile: str = "live", off_ns: int = 0, rtt_ns: int = 40 * MS, split: float = 0.5) -> None:
        self.core, self.off_ns, self.rtt_ns, self.split = MarketFeedCore(), off_ns, rtt_ns, split
        self.true_ns = T0 + 123_456_789
        self.levels: dict[str, ClockOffset] = {}
        self.asked: list[ReadClock] = []
        self.wakes: dict[AnyTimer, WakeAt | WakeIn] = {}
        config, session = (
            json.dumps({"bot": {"profile": profile}}),
            json.dumps({"id": "s", "first_window_s": T0 // NS, "windows": 3, "speed": 1.0}),
        )
        started = a_start(actor="market_feed", config=config, mono_s=self.mono_s, session=session)
        self.hear(started)

    @property
    def now_ns(self) -> int:
        return self.true_ns + self.off_ns

    @property
    def mono_s(self) -> float:
        return (self.true_ns - T0) / NS

    def hear(self, word: Word) -> None:
        for said in self.core.handle(word, self.now_ns):
            match said:
                case ClockOffset():
                    self.levels[said.source] = said
                case ReadClock():
                    self.asked.append(said)
                case WakeAt() | WakeIn():
                    self.wakes[said.timer] = said

    def beat(self, after_s: float = 1.0) -> None:
        self.true_ns += round(after_s * NS)
        self.hear(Tick(timer=SayLevels(), mono_s=self.mono_s))

    def answer(self, known: bool = True) -> ClockRead:
        """The oldest question to the venue, asked now and answered by a clock that is right."""
        (wish,) = [w for w in self.asked if w.source == "venue"][-1:]
        self.asked.remove(wish)
        sent_ns = self.now_ns
        second = (self.true_ns + round(self.rtt_ns * self.split)) // NS
        self.true_ns += self.rtt_ns
        doubt = proven_by_second(sent_ns, self.now_ns, second)
        return ClockRead(
            source="venue",
            n=wish.n,
            known=known,
            least_ns=doubt.least_ns,
            most_ns=doubt.most_ns,
            took_ms=self.rtt_ns / MS,
            why="" if known else "HTTP 500",
        )

    def measure(self) -> ClockOffset:
        """A whole round."""
        for _ in range(READS):
            self.hear(self.answer())
            if not isinstance(self.wakes[ASK_VENUE], WakeAt):
                break
            self.sleep()
        return self.levels["venue"]

    def sleep(self) -> None:
        """Until the next question to the venue is due."""
        wish = self.wakes.pop(ASK_VENUE)
        wait_ns = wish.at_ns - self.now_ns if isinstance(wish, WakeAt) else round(wish.after_s * NS)
        assert wait_ns >= 0
        self.true_ns += wait_ns
        self.hear(Tick(timer=ASK_VENUE, mono_s=self.mono_s))


def test_a_clock_of_whole_seconds_leaves_a_second_and_the_round_trip() -> None:
    doubt = proven_by_second(T0 + 100 * MS, T0 + 140 * MS, T0 // NS)
    assert doubt == Doubt(-900 * MS, 140 * MS)


def test_the_four_stamps_are_the_offset_and_delay_of_rfc_4330() -> None:
    t1, t2, t3, t4 = T0, T0 + 7_000, T0 + 7_500, T0 + 1_300
    doubt = proven_by_stamps(t1, t2, t3, t4)
    offset, delay = ((t2 - t1) + (t3 - t4)) / 2, (t4 - t1) - (t3 - t2)
    assert doubt.middle_ns == -offset
    assert doubt.width_ns == delay


def test_contradicting_answers_allow_nothing() -> None:
    assert Doubt(0, 10).narrowed(Doubt(5, 20)) == Doubt(5, 10)
    assert Doubt(0, 10).narrowed(Doubt(11, 20)) is None


def test_the_next_question_arrives_when_the_second_is_thought_to_change() -> None:
    at_ns = edge_ns(Doubt(-900 * MS, 140 * MS), 40 * MS, T0 + 140 * MS)
    arrives_by_theirs = at_ns + 20 * MS + 380 * MS  # the middle: ours is 380 ms behind
    assert arrives_by_theirs % NS == 0
    assert T0 + 140 * MS <= at_ns < T0 + 1140 * MS


@given(
    off_ms=st.integers(-90_000_000, 90_000_000),
    rtt_ms=st.integers(1, 400),
    split=st.floats(0, 1),
    start=st.integers(0, NS),
)
def test_a_round_finds_any_offset_within_its_own_bound(off_ms: int, rtt_ms: int, split: float, start: int) -> None:
    machine = Machine(off_ns=off_ms * MS, rtt_ns=rtt_ms * MS, split=split)
    machine.true_ns += start
    found = machine.measure()
    assert found.offset_ms is not None
    assert abs(found.offset_ms - off_ms) <= found.error_ms + 0.001
    assert found.error_ms <= max(75, rtt_ms / 2 + 10), "eight questions halve a second down to the round trip"
    assert found.measured_ns and found.round_trip_ms == rtt_ms


def test_it_is_unknown_until_measured_and_says_so_each_beat() -> None:
    machine = Machine()
    assert {name: level.offset_ms for name, level in machine.levels.items()} == {"venue": None, "sntp": None}
    assert machine.levels["venue"].why == "not measured yet"
    machine.levels.clear()
    machine.beat()
    assert set(machine.levels) == {"venue", "sntp"}


@pytest.mark.parametrize(
    ("profile", "sources"), [("demo", {"venue"}), ("paper", {"venue"}), ("live", {"venue", "sntp"})]
)
def test_only_live_asks_a_time_server(profile: str, sources: set[str]) -> None:
    machine = Machine(profile)
    assert {wish.source for wish in machine.asked} == sources == set(machine.levels)


def test_no_answer_is_asked_again_later_and_what_was_found_counts_for_a_while() -> None:
    machine = Machine(off_ns=300 * MS)
    found = machine.measure()
    assert machine.wakes[ASK_VENUE] == WakeIn(timer=ASK_VENUE, after_s=EVERY_S)
    machine.sleep()
    machine.hear(machine.answer(known=False))
    assert machine.wakes[ASK_VENUE] == WakeIn(timer=ASK_VENUE, after_s=RETRY_S)
    machine.beat()
    assert machine.levels["venue"].offset_ms == found.offset_ms
    machine.beat(KEPT_S)
    assert machine.levels["venue"].offset_ms is None
    assert "not measured for 192 s: HTTP 500" in machine.levels["venue"].why


@pytest.mark.parametrize("step_s", [1, -1, 300, -300, 86_400, -86_400])
def test_when_our_clock_is_set_all_is_unknown_within_a_beat_and_measured_anew(step_s: int) -> None:
    machine = Machine()
    machine.measure()
    machine.beat()
    machine.asked.clear()
    machine.off_ns += step_s * NS
    machine.beat()
    assert machine.levels["venue"].offset_ms is None
    assert machine.levels["venue"].why == f"our clock was set by {step_s * 1000:+} ms"
    assert {w.source for w in machine.asked} == {"venue", "sntp"}
    found = machine.measure()
    assert found.offset_ms == pytest.approx(step_s * 1000, abs=found.error_ms)


def test_an_answer_to_a_question_from_before_the_clock_was_set_counts_for_nothing() -> None:
    machine = Machine()
    (old,) = [w for w in machine.asked if w.source == "sntp"]
    machine.off_ns += 5 * NS
    machine.beat()
    machine.hear(ClockRead(source="sntp", n=old.n, known=True, least_ns=0, most_ns=MS, took_ms=1.0))
    assert machine.levels["sntp"].offset_ms is None


def test_in_the_demo_time_may_stand_still() -> None:
    machine = Machine("demo")
    machine.measure()
    machine.off_ns -= 40 * NS
    machine.beat()
    assert machine.levels["venue"].offset_ms is not None


def test_a_time_server_answers_once_a_round_and_too_coarse_is_unknown() -> None:
    machine = Machine()
    wishes: Iterable[ReadClock] = [w for w in machine.asked if w.source == "sntp"]
    for wish, most_ns, known in zip(wishes, (30 * MS,), (True,), strict=True):
        machine.hear(ClockRead(source="sntp", n=wish.n, known=True, least_ns=0, most_ns=most_ns, took_ms=30.0))
        assert (machine.levels["sntp"].offset_ms is not None) == known
    assert machine.levels["sntp"].offset_ms == 15.0
    machine.hear(Tick(timer=ReadClockAgain(source="sntp"), mono_s=machine.mono_s))
    machine.hear(
        ClockRead(source="sntp", n=machine.asked[-1].n, known=True, least_ns=0, most_ns=900 * MS, took_ms=900.0)
    )
    assert machine.levels["sntp"].offset_ms is None
    assert machine.levels["sntp"].why == "±450 ms is too coarse, at most ±250 ms"
