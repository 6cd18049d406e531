"""The trading state: halts, pauses, and who lifts them."""

import pytest

from messages import (
    Done,
    Halt,
    Health,
    Pause,
    Resume,
    RiskState,
)
from messages.inner import HaltSeen, SayLevels, Tick, WriteHalt, WritePause
from messages.units import NS
from polybot.core.risk.table import RULES
from tests.build import T0, an_account
from tests.core.risk.conftest import Kit


def halt_file(halt_id: str) -> HaltSeen:
    return HaltSeen(halt_id=halt_id, by="me" if halt_id else "", reason_code="MANUAL" if halt_id else "", reason="")


def test_the_halt_file_halts_and_its_removal_lifts(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, halt_file("h1"))
    assert bench.trading_state() == "HALTED"
    verdict = bench.judge()
    assert verdict.reason_code == "HALTED" and "MANUAL" in verdict.reason
    bench.hear(11.0, halt_file(""))
    assert bench.trading_state() == "ACTIVE" and kit.second_window(bench) == ""


def test_a_halt_that_stood_at_the_start_holds(kit: Kit) -> None:
    bench = kit.Bench(halted="h1").ready()
    assert bench.trading_state() == "HALTED" and bench.judge().reason_code == "HALTED"


def test_a_halt_request_writes_the_file_and_acts_at_once(kit: Kit) -> None:
    bench = kit.Bench().ready()
    said = bench.hear(10.0, Halt(id="r1", by="cli", reason_code="MANUAL", reason="test"))
    assert [type(w) for w in said] == [WriteHalt, RiskState, Done]
    assert bench.judge().reason_code == "HALTED"


def test_resume_names_the_halt_it_lifts(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, halt_file("h2"))
    done = bench.hear(10.1, Resume(id="r1", halt_id="h1", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and not done.ok and "h2" in done.reason and bench.trading_state() == "HALTED"
    done = bench.hear(10.2, Resume(id="r2", halt_id="h2", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and done.ok and done.trading_state == "ACTIVE"
    assert bench.judge().approved


def test_lifting_a_halt_does_not_lift_its_cause(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(equity_e6=60_000_000), halt_file("h1"))
    done = bench.hear(10.1, Resume(id="r", halt_id="h1", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and done.trading_state == "HALTED"
    assert bench.judge().reason_code == "HALTED"


def test_a_pause_is_written_down_and_a_restarted_risk_keeps_to_it(kit: Kit) -> None:
    bench = kit.Bench().ready()
    said = bench.hear(10.0, Pause(id="p", by="user", reason="lunch"))
    (written,) = [w for w in said if isinstance(w, WritePause)]
    again = kit.Bench(paused=written.why).ready()
    assert again.trading_state() == "REDUCING" and "paused by user: lunch" in again.state.reason
    assert again.judge().reason_code == "REDUCING"
    said = again.hear(11.0, Resume(id="r", halt_id="", by="user", reason="back"))
    assert WritePause(why="") in said and again.trading_state() == "ACTIVE"


def test_pause_lets_only_exits_through_until_resume(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, Pause(id="p", by="cli", reason="lunch"))
    assert bench.trading_state() == "REDUCING"
    verdict = bench.judge()
    assert verdict.reason_code == "REDUCING" and "lunch" in verdict.reason
    bench.hear(10.1, Resume(id="r", halt_id="", by="cli", reason="back"))
    assert bench.trading_state() == "ACTIVE" and kit.second_window(bench) == ""


def test_an_account_that_says_halted_is_believed(kit: Kit) -> None:
    assert kit.code_with(10.0, an_account(halted=True, halt_reason="cash differs")) == "HALTED"


@pytest.mark.parametrize(("silent_s", "state"), [(9.9, "ACTIVE"), (10.0, "ACTIVE"), (10.1, "HALTED")])
def test_a_silent_watchdog_halts_after_ten_machine_seconds(kit: Kit, silent_s: float, state: str) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, Health(actors=(), mono_ns=0), Tick(timer=SayLevels(), mono_s=50.0))
    said = bench.hear(11.0, Tick(timer=SayLevels(), mono_s=50.0 + silent_s))
    assert bench.trading_state() == state
    assert [w.reason_code for w in said if isinstance(w, WriteHalt)] == (["WATCHDOG"] if state == "HALTED" else [])


def test_our_own_sleep_is_not_taken_for_the_watchdogs_silence(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, Tick(timer=SayLevels(), mono_s=1.0))
    bench.hear(10.0, Health(actors=(), mono_ns=0), Tick(timer=SayLevels(), mono_s=60.0))
    assert bench.trading_state() == "ACTIVE"


def test_the_level_is_said_each_second_with_every_standing_limit(kit: Kit) -> None:
    bench = kit.Bench().ready()
    said = bench.hear(10.0, Tick(timer=SayLevels(), mono_s=1.0))
    (level,) = [w for w in said if isinstance(w, RiskState)]
    rules = [use.rule for use in level.limits]
    assert len(rules) == len(set(rules)) and {"DRAWDOWN", "ENTRY_OPEN", "RANGE", "STALE_ORACLE"} <= set(rules)
    assert set(rules) <= {code for code, _ in RULES}
    assert level.boot == 7 and level.since_ns == (T0 - 60) * NS
