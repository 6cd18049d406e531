"""What was lost: of the purse, of a live session, of a day, in a row. At the limit, one unit above, and what lifts it."""

import dataclasses
from typing import Literal

import msgspec
import pytest

from messages import ClockOffset, DayResult, Done, Resume, RiskState, RiskVerdict, Streak
from messages.inner import SayLevels, Tick, WriteHalt
from messages.units import NS
from polybot.core.risk import losses
from polybot.core.utc import day_of
from polybot.settings import Bot, Live, Risk, Settings, Sizing
from tests.build import T0, a_streak, an_account
from tests.core.risk.conftest import Kit

TODAY, TOMORROW = day_of(T0), day_of(T0 + 86_400)


def a_day(realised_e6: int, open_e6: int = 0, day: str = TODAY, strategy: str = "coin") -> DayResult:
    return DayResult(day=day, strategy=strategy, realised_e6=realised_e6, open_e6=open_e6)


def a_clock(source: Literal["venue", "sntp"]) -> ClockOffset:
    return ClockOffset(source=source, offset_ms=0.0, error_ms=5.0, round_trip_ms=3.0, measured_ns=1, why="")


def judged(
    kit: Kit, *days: DayResult, knobs: Settings | None = None, streaks: dict[str, Streak] | None = None
) -> RiskVerdict:
    bench = kit.Bench(knobs).ready()
    bench.hear(10.0, an_account(days=days, streaks=streaks or {}))
    return bench.judge()


# --- a day


@pytest.mark.parametrize(("lost", "code"), [(9_650_000, ""), (9_650_001, "DAILY_LOSS")])
@pytest.mark.parametrize("part", [0, 4_000_000])
def test_a_days_loss_with_what_is_open_and_this_order_at_worst(kit: Kit, lost: int, code: str, part: int) -> None:
    verdict = judged(kit, a_day(-(lost - part), part))
    assert verdict.reason_code == code
    if code and part:
        assert verdict.reason == (
            f"{TODAY}: a loss of 9.650001 USD with the worst of what is open, and 5.35 USD by this order at worst, "
            "would pass daily_loss_usd = 15.00"
        )


def test_all_strategies_add_up_another_day_does_not_and_a_gain_makes_room(kit: Kit) -> None:
    assert judged(kit, a_day(-5_000_000), a_day(-5_000_000, strategy="other")).reason_code == "DAILY_LOSS"
    assert judged(kit, a_day(-14_000_000, day=TOMORROW)).reason_code == ""
    knobs = Settings(risk=Risk(daily_loss_usd=6.0))
    big = kit.an_intent(stake_e6=7_000_000)
    for gain, code in ((1_490_000, ""), (1_489_999, "DAILY_LOSS")):
        bench = kit.Bench(knobs).ready()
        bench.hear(10.0, an_account(days=(a_day(gain),)))
        assert bench.judge(big).reason_code == code


def test_a_window_that_ends_at_midnight_belongs_to_the_day_that_begins(kit: Kit) -> None:
    start_s = T0 + 86_400 - 300
    at_s = 86_400 - 290.0
    bench = kit.Bench(windows=500).ready(at_s, start_s)
    intent = kit.an_intent(start_s=start_s)
    view = bench.core._view((start_s + 10) * NS)
    for day, refused in ((TOMORROW, True), (TODAY, False)):
        bench.hear(at_s, an_account(days=(a_day(-9_700_000, day=day),)))
        view = bench.core._view((start_s + 10) * NS)
        assert (losses.daily_loss(intent, view) is not None) is refused


def test_when_no_first_stake_fits_any_more_only_exits_until_the_next_utc_day(kit: Kit) -> None:
    for lost, state in ((9_650_000, "ACTIVE"), (9_650_001, "REDUCING")):
        bench = kit.Bench(windows=500).ready()
        bench.hear(10.0, an_account(days=(a_day(-lost),)))
        assert bench.trading_state() == state
    assert bench.state.reason_code == "DAILY_LOSS"
    assert (
        bench.judge().reason_code == "DAILY_LOSS"
        and bench.judge(kit.an_intent(strategy="b")).reason == bench.state.reason
    )
    bench.hear(86_399.9, Tick(timer=SayLevels(), mono_s=1.0))
    assert bench.trading_state() == "REDUCING", "the day has not ended"
    bench.hear(86_400.0, Tick(timer=SayLevels(), mono_s=2.0))
    assert bench.trading_state() == "ACTIVE", "the next has begun"


def test_that_state_survives_a_restart_a_resume_does_not_lift_it_and_a_correction_does(kit: Kit) -> None:
    account = an_account(days=(a_day(-12_000_000),))
    again = kit.Bench(boot=8)
    again.snapshot(10.0, account)
    assert again.trading_state() == "REDUCING" and again.state.reason_code == "DAILY_LOSS"
    again.hear(10.0, Resume(id="r", halt_id="", by="user", reason="x"))
    assert again.trading_state() == "REDUCING"
    again.hear(11.0, an_account(days=(a_day(3_000_000),)))
    assert again.trading_state() == "ACTIVE" and again.ready(11.0).judge(at_s=11.0).approved


def test_what_is_open_alone_does_not_end_the_day(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(days=(a_day(0, 14_000_000),)))
    assert bench.trading_state() == "ACTIVE" and bench.judge().reason_code == "DAILY_LOSS"


@pytest.mark.parametrize(("lost", "code"), [(650_000, ""), (650_001, "DAILY_LOSS")])
def test_a_strategys_own_day_is_held_against_its_own_limit(kit: Kit, lost: int, code: str) -> None:
    knobs = Settings(strategy={"coin": {"daily_loss_usd": 6.0}})
    verdict = judged(kit, a_day(-lost), knobs=knobs)
    assert verdict.reason_code == code and ("strategy.coin.daily_loss_usd = 6.00" in verdict.reason) is bool(code)
    assert judged(kit, a_day(-lost, strategy="other"), knobs=knobs).reason_code == ""


# --- in a row


@pytest.mark.parametrize(
    ("count", "ended_s", "code"),
    [(4, T0, ""), (5, T0, "LOSS_PAUSE"), (6, T0, "LOSS_PAUSE"), (5, T0 - 3300, "LOSS_PAUSE"), (5, T0 - 3600, "")],
)
def test_losses_in_a_row_pause_for_an_hour_of_windows(kit: Kit, count: int, ended_s: int, code: str) -> None:
    verdict = judged(kit, streaks={"coin": a_streak(wins=0, losses=count, last_loss_s=ended_s)})
    assert verdict.reason_code == code
    if (count, ended_s) == (5, T0):
        assert verdict.reason == "coin lost 5 windows in a row, loss_pause_after = 5: it pauses until 01:00:00 UTC"
    assert judged(kit, streaks={"other": a_streak(wins=0, losses=count, last_loss_s=ended_s)}).reason_code == "", (
        "per strategy"
    )


def test_a_strategy_may_be_paused_earlier_by_its_own_table(kit: Kit) -> None:
    knobs = Settings(strategy={"coin": {"loss_pause_after": 2}})
    assert judged(kit, knobs=knobs, streaks={"coin": a_streak(wins=0, losses=1, last_loss_s=T0)}).reason_code == ""
    assert (
        judged(kit, knobs=knobs, streaks={"coin": a_streak(wins=0, losses=2, last_loss_s=T0)}).reason_code
        == "LOSS_PAUSE"
    )


# --- a live session


@pytest.mark.parametrize(("lost", "code"), [(19_999_999, ""), (20_000_000, "LIVE_LOSS")])
def test_a_live_session_halts_at_its_own_limit(kit: Kit, lost: int, code: str) -> None:
    for profile, expected in (("live", code), ("demo", "")):
        knobs = Settings(bot=Bot(profile=profile), live=Live(live_max_loss_usd=20.0), risk=Risk(max_drawdown_pct=90.0))
        bench = kit.Bench(knobs).ready()
        said = bench.hear(10.0, an_account(equity_e6=100_000_000 - lost))
        assert [w.reason_code for w in said if isinstance(w, WriteHalt)] == ([expected] if expected else [])
        assert bench.trading_state() == ("HALTED" if expected else "REDUCING" if profile == "live" else "ACTIVE")


# --- before the floor is passed


@pytest.mark.parametrize(("equity", "code"), [(90_350_000, ""), (90_349_999, "DRAWDOWN_AHEAD")])
@pytest.mark.parametrize(("held", "ordered"), [(15_000_000, 0), (0, 15_000_000), (7_000_000, 8_000_000)])
def test_with_everything_open_lost_and_this_order_too_equity_stays_at_the_floor(
    kit: Kit, equity: int, code: str, held: int, ordered: int
) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(equity_e6=equity, positions_e6=held, reserved_e6=ordered))
    verdict = bench.judge()
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == (
            "equity 90.349999 USD less 15 USD at risk and 5.35 USD by this order at worst would pass the floor of 70 USD "
            "(the purse of 100.00 USD less max_drawdown_pct = 30)"
        )


def test_what_is_in_flight_counts_against_the_floor_and_an_exit_passes(kit: Kit) -> None:
    view = kit.Bench().ready().core._view((T0 + 10) * NS)
    for worst, refused in ((24_650_000, False), (24_650_001, True)):
        flying = msgspec.structs.replace(kit.an_intent(strategy="other"), worst_e6=worst)
        seen = dataclasses.replace(view, in_flight=(flying,), in_flight_ns={flying.id: T0 * NS})
        assert (losses.floor_ahead(kit.an_intent(), seen) is not None) is refused
        assert losses.floor_ahead(kit.an_intent(reduce_only=True), seen) is None


@pytest.mark.parametrize(("equity", "code"), [(85_350_000, ""), (85_349_999, "DRAWDOWN_AHEAD")])
def test_a_live_session_holds_its_own_floor_where_that_is_higher(kit: Kit, equity: int, code: str) -> None:
    bench = kit.Bench(Settings(bot=Bot(profile="live"), live=Live(live_max_loss_usd=20.0))).ready()
    bench.hear(10.0, a_clock("venue"), an_account(equity_e6=equity))
    verdict = bench.judge()
    assert verdict.reason_code == code
    assert not code or "80 USD (the purse of 100.00 USD less live_max_loss_usd = 20.00)" in verdict.reason


def test_when_no_first_stake_fits_above_the_floor_only_exits_and_what_to_do_is_said(kit: Kit) -> None:
    for equity, state in ((75_350_000, "ACTIVE"), (75_349_999, "REDUCING")):
        bench = kit.Bench().ready()
        bench.hear(10.0, an_account(equity_e6=equity))
        assert bench.trading_state() == state
    assert (bench.state.reason_code, bench.state.reason) == (
        "DRAWDOWN_AHEAD",
        "equity 75.349999 USD: the loss of a first stake of 5.35 USD with its fee would pass the floor of 70 USD (the purse of "
        "100.00 USD less max_drawdown_pct = 30); only exits. To trade on: a smaller first stake, a wider max_drawdown_pct, or "
        "a new session with a fresh purse",
    )
    small = bench.judge(kit.an_intent(stake_e6=2_000_000))
    assert (small.reason_code, small.reason) == ("DRAWDOWN_AHEAD", bench.state.reason)
    assert not any(isinstance(w, WriteHalt) for w in bench.said)
    done = bench.hear(10.2, Resume(id="r", halt_id="", by="me", reason="try"))[-1]
    assert isinstance(done, Done) and done.trading_state == "REDUCING", "a resume does not lift its cause"
    bench.hear(11.0, an_account(equity_e6=75_350_000))
    assert bench.trading_state() == "ACTIVE", "a payout that came makes room"


@pytest.mark.parametrize(("held", "ordered"), [(5_000_000, 0), (0, 5_350_000)])
def test_while_something_open_may_yet_win_orders_are_refused_and_the_state_stays(
    kit: Kit, held: int, ordered: int
) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(equity_e6=75_000_000, positions_e6=held, reserved_e6=ordered))
    assert bench.trading_state() == "ACTIVE" and bench.judge().reason_code == "DRAWDOWN_AHEAD"


@pytest.mark.parametrize(("equity", "state"), [(71_530_000, "ACTIVE"), (71_510_000, "REDUCING")])
def test_a_first_stake_in_percent_of_equity_shrinks_with_it(kit: Kit, equity: int, state: str) -> None:
    """2 % of it in whole cents, with the dearest fee: 1.43 come to 1.5301."""
    bench = kit.Bench(Settings(sizing=Sizing(rule="percent", equity_pct=2.0))).ready()
    bench.hear(10.0, an_account(equity_e6=equity + 100))
    assert bench.trading_state() == state


def test_the_floor_and_the_day_are_told_apart_and_the_change_is_said(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(days=(a_day(-9_650_001),)))
    assert bench.state.reason_code == "DAILY_LOSS"
    said = bench.hear(11.0, an_account(days=(a_day(-9_650_001),), equity_e6=75_000_000))
    assert [w.reason_code for w in said if isinstance(w, RiskState)] == ["DRAWDOWN_AHEAD"]


def test_what_is_left_above_the_floor_is_a_limit_like_others(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(equity_e6=90_000_000, positions_e6=5_000_000), Tick(timer=SayLevels(), mono_s=1.0))
    (use,) = [u for u in bench.state.limits if u.rule == "DRAWDOWN_AHEAD"]
    assert (use.used, use.limit, use.share) == ("15.00 USD", "30.00 USD", 0.5)


def test_counters_by_rule_and_strategy(kit: Kit) -> None:
    bench = kit.Bench(Settings(risk=msgspec.structs.replace(Risk(), max_stake_usd=5.0))).ready()
    for strategy in ("coin", "other", "third"):
        bench.judge(kit.an_intent(stake_e6=6_000_000, strategy=strategy))
    bench.hear(10.0, an_account(late=3))
    bench.judge(kit.an_intent(strategy="coin", id="main/coin/x/2"))
    assert bench.state.refused == {"MAX_ORDER": 3, "SETTLEMENT_LATE": 1}
    assert bench.state.refused_by == {
        "coin": {"MAX_ORDER": 1, "SETTLEMENT_LATE": 1},
        "other": {"MAX_ORDER": 1},
        "third": {"MAX_ORDER": 1},
    }
