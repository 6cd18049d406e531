"""What was lost: of the purse, of a live session, of a day, in a row. At the limit, one unit above, and what lifts it."""

import msgspec
import pytest

from messages import DayResult, Resume, RiskVerdict, Streak
from messages.inner import SayLevels, Tick, WriteHalt
from messages.units import NS
from polybot.core.risk import losses
from polybot.core.utc import day_of
from polybot.settings import Bot, Live, Risk, Settings
from tests.build import T0, a_streak, an_account
from tests.core.risk.conftest import Kit

TODAY, TOMORROW = day_of(T0), day_of(T0 + 86_400)


def a_day(realised_e6: int, open_e6: int = 0, day: str = TODAY, strategy: str = "coin") -> DayResult:
    return DayResult(day=day, strategy=strategy, realised_e6=realised_e6, open_e6=open_e6)


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
        bench = kit.Bench(Settings(bot=Bot(profile=profile), live=Live(live_max_loss_usd=20.0))).ready()
        said = bench.hear(10.0, an_account(equity_e6=100_000_000 - lost))
        assert [w.reason_code for w in said if isinstance(w, WriteHalt)] == ([expected] if expected else [])
        assert bench.trading_state() == ("HALTED" if expected else "ACTIVE")


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
