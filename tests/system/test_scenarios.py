"""Each special day, and each market that must not be traded, end to end: real processes, and the row says why."""

from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Bot

ROOT = Path(__file__).resolve().parents[2]
SPEED = ("--speed", "60")


def rows_of(bot: Bot, *words: str, code: int = 0) -> dict[int, dict[str, Any]]:
    """The rows of a session by window."""
    bot.run(*SPEED, *words)
    assert bot.finish(240) == code, bot.output.read_text()[-3000:] + bot.logs()
    assert bot.told("statement")["difference_e6"] == 0
    return {row["n"]: row for row in bot.told("windows")["windows"]}


def codes(rows: dict[int, dict[str, Any]]) -> dict[int, str]:
    return {n: row["reason_code"] for n, row in rows.items()}


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "windows", "shows"),
    [
        ("crash", 8, {3: "RANGE", 8: "VOLATILITY"}),
        ("feed-loss", 5, {3: "STALE_PRICE", 5: "STALE_ORACLE"}),
        ("flat", 3, {1: "FLAT_FEED", 2: "FLAT_FEED", 3: "FLAT_FEED"}),
        ("gap", 5, {2: "NO_STRIKE", 5: "NO_STRIKE"}),
    ],
)
def test_a_special_days_rule_is_in_the_row(bot: Bot, scenario: str, windows: int, shows: dict[int, str]) -> None:
    bot.widen()
    rows = rows_of(bot, "--scenario", scenario, "--windows", str(windows))
    assert {n: code for n, code in codes(rows).items() if n in shows} == shows
    assert all(rows[n]["reason"] for n in shows)
    assert bot.told("report")["session"]["scenario"] == scenario


@pytest.mark.long
def test_a_losing_series_with_a_wider_day_stops_before_the_floor(bot: Bot) -> None:
    bot.env["POLYBOT__RISK__DAILY_LOSS_USD"] = "1000"
    bot.env["POLYBOT__RISK__MAX_DRAWDOWN_PCT"] = "8"
    rows = rows_of(bot, "--scenario", "halt", "--strategy", "always_down", "--windows", "6")
    assert "DRAWDOWN_AHEAD" in codes(rows).values() and "HALTED" not in codes(rows).values()
    assert bot.told("account")["account"]["equity_e6"] >= 92_000_000
    assert all(row["outcome"] == "UP" for n, row in rows.items() if n <= 4), (
        "up four times, whoever bets otherwise loses"
    )


@pytest.mark.long
def test_runs_are_bet_against_and_losses_in_a_row_pause(bot: Bot) -> None:
    bot.env["POLYBOT__RISK__DAILY_LOSS_USD"] = "1000"
    bot.env["POLYBOT__RISK__LOSS_PAUSE_AFTER"] = "2"
    bot.run(
        *SPEED, "--scenario", "streak", "--windows", "7", "--strategy", "streak_reversal", "--strategy", "always_down"
    )
    assert bot.finish(240) == 0, bot.output.read_text()[-3000:] + bot.logs()
    rows = bot.told("windows")["windows"]
    reversal = {row["n"]: row for row in rows if row["strategy"] == "streak_reversal"}
    assert reversal[6]["prediction"] == "DOWN", "windows 1 to 4 ended Up"
    assert reversal[6]["order_id"] or reversal[6]["reason_code"], reversal[6]
    assert "LOSS_PAUSE" in {row["reason_code"] for row in rows if row["strategy"] == "always_down"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "code"),
    [("no_fee_schedule", "NO_FEE_SCHEDULE"), ("rule_unknown", "RULE_UNKNOWN"), ("wide_book", "BOOK_WIDE")],
)
def test_a_market_that_must_not_be_traded_is_refused_by_name(bot: Bot, fault: str, code: str) -> None:
    bot.widen()
    script = ROOT / "presets" / "faults" / f"{fault}.toml"
    rows = rows_of(bot, "--windows", "4", "--faults", str(script))
    struck = [1, 2] if fault == "wide_book" else [2, 3]
    assert {n for n, found in codes(rows).items() if found == code} >= set(struck)
    assert not any(rows[n]["order_id"] for n in struck)
    if fault != "wide_book":
        assert rows[1]["reason_code"] != code and rows[4]["reason_code"] != code
