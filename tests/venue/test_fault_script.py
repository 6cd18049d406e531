"""Fault scripts: what is read, what is refused and with which words, and when a fault is on."""

from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import KINDS, ScriptError, read_script

NS = 1_000_000_000
FIRST_S = 1_795_132_800
PRESETS = sorted((ROOT / "presets" / "faults").glob("*.toml"))


class Times:
    """Both clocks, moved by hand."""

    def __init__(self, at_s: float = FIRST_S) -> None:
        self.world_ns, self.machine_s = int(at_s * NS), 0.0

    def faults(self, text: str, speed: float = 1.0) -> FaultEngine:
        return FaultEngine(read_script(text), FIRST_S, lambda: self.world_ns, lambda: self.machine_s, speed)

    def to(self, second: float) -> None:
        self.world_ns = int(second * NS)


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.stem)
def test_every_preset_is_read(path: Path) -> None:
    assert read_script(path.read_text()).faults


def test_every_kind_has_a_preset_and_is_in_the_tour() -> None:
    used = {f.kind for path in PRESETS for f in read_script(path.read_text()).faults}
    assert used == set(KINDS)
    tour = next(p for p in PRESETS if p.stem == "every_fault_in_turn")
    assert {f.kind for f in read_script(tour.read_text()).faults} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[fault]]\nkind = 'late_anser'", 'fault 1: unknown kind "late_anser": did you mean "late_answer"?'),
        ("[[fault]]\nat_s = 3", "fault 1: kind is missing"),
        ("[[fault]]\nkind = 'ws_stall'\ndelay = 3", 'fault 1 (ws_stall): unknown field "delay"'),
        ("[[fault]]\nkind = 'late_answer'\ndelay_s = 'x'", "fault 1 (late_answer): Expected `float`, got `str`"),
        ("[[fault]]\nkind = 'late_answer'\ndelay_s = -1", "fault 1 (late_answer): delay_s -1.0 is below 0"),
        ("[[fault]]\nkind = 'user_twice'\nprobability = 1.5", "fault 1 (user_twice): probability 1.5"),
        ("[[fault]]\nkind = 'user_twice'\nwindow = 0", "fault 1 (user_twice): window and nth count from 1"),
        (
            "[[fault]]\nkind='ws_late'\nname='a'\n[[fault]]\nkind='ws_late'\nname='a'",
            'fault 2 (ws_late): name "a" is taken',
        ),
        ("[switches]\npayout_by_redem = true", 'unknown switch "payout_by_redem": did you mean "payout_by_redeem"?'),
        ("[fault", "not TOML"),
        ("[faults]", 'unknown table "faults"'),
    ],
)
def test_a_script_that_cannot_be_says_where_and_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(ScriptError) as refused:
        read_script(text)
    assert str(refused.value).startswith(says)


def test_a_fault_of_a_window_is_on_from_its_second_for_its_time() -> None:
    times = Times()
    faults = times.faults("[[fault]]\nkind='oracle_gap'\nwindow=[2, 4]\nat_s=10\nfor_s=5")
    for second, on in [
        (0, False),
        (309.9, False),
        (310, True),
        (314.9, True),
        (315, False),
        (910, True),
        (1210, False),
    ]:
        times.to(FIRST_S + second)
        assert (faults.on("oracle_gap") is not None) == on, second


def test_a_fault_without_a_window_counts_from_its_arming_and_machine_seconds_when_told() -> None:
    times = Times()
    faults = times.faults("[[fault]]\nkind='oracle_gap'\nclock='machine'\nat_s=1\nfor_s=2", speed=60)
    times.to(FIRST_S + 1000)
    assert faults.on("oracle_gap") is None
    times.machine_s = 1.5
    assert faults.on("oracle_gap") is not None
    times.machine_s = 3.0
    assert faults.on("oracle_gap") is None


def test_nth_times_and_probability_choose_the_chances() -> None:
    times = Times()
    text = "seed=5\n[[fault]]\nkind='user_twice'\nfor_s=0\n"
    faults = times.faults(text + "nth=[2, 3]")
    picked = [faults.strikes("user_twice") is not None for _ in range(4)]
    assert picked == [False, True, True, False]
    faults = times.faults(text + "times=2")
    assert [faults.strikes("user_twice") is not None for _ in range(4)] == [True, True, False, False]
    counts = []
    for _ in range(2):
        faults = times.faults(text + "probability=0.35")
        counts.append([faults.strikes("user_twice") is not None for _ in range(1000)])
    assert counts[0] == counts[1], "the seed decides"
    assert 300 < sum(counts[0]) < 400


def test_a_tick_changes_once_an_activation() -> None:
    times = Times()
    faults = times.faults("[[fault]]\nkind='tick_change'\nwindow=[1, 2]")
    struck = []
    for second in (0, 1, 2, 300, 301):
        times.to(FIRST_S + second)
        struck.append(faults.once("tick_change") is not None)
    assert struck == [True, False, False, True, False]


def test_a_window_is_described_with_its_own_flaws_from_long_before_it_runs() -> None:
    times = Times()
    text = "[[fault]]\nkind='no_fee_schedule'\nwindow=[2, 3]\n[[fault]]\nkind='rule_unknown'\nwindow=3"
    faults = times.faults(text)
    starts = [FIRST_S + 300 * n for n in range(4)]
    assert [faults.flaws_of(s) for s in starts] == [(), ("no_fee_schedule",), ("no_fee_schedule", "rule_unknown"), ()]
    assert times.faults("").flaws_of(FIRST_S) == ()
