"""kill -9 of every program in turn while it trades: nothing is lost, nothing is doubled, the books add up to the cent."""

import shutil
from functools import partial

import pytest

from tests.system.conftest import Bot
from tests.waiting import wait_for

ACTORS = ("price_feed", "market_feed", "signal", "allocator", "risk", "executor", "recorder", "watchdog", "venue")
WINDOWS = 18


def has_passed(bot: Bot, windows: int) -> bool:
    return done(bot) >= windows


@pytest.mark.timeout(400)
def test_each_program_killed_in_turn_loses_no_cent_and_doubles_no_order(bot: Bot) -> None:
    bot.widen()
    bot.run("--windows", str(WINDOWS), "--speed", "60")
    wait_for(lambda: bot.paths.index.exists() and bot.pid("executor"), "the bot to run", 60)
    for i, actor in enumerate(ACTORS):
        wait_for(partial(has_passed, bot, i + 1), f"window {i + 1} to pass", 60)
        bot.wait_back(actor, bot.kill(actor))
    assert bot.finish(300) == 0, bot.output.read_text()[-3000:] + bot.logs()
    rows = bot.told("windows")["windows"]
    assert [row["n"] for row in rows] == list(range(1, WINDOWS + 1))
    assert all(row["reason"] for row in rows), "every row says why"
    counted = bot.check_books()
    assert counted["fills"] >= WINDOWS // 2, f"it went on trading: {counted}"


def done(bot: Bot) -> int:
    """Windows that have passed, by the index's rows."""
    shown = bot.ctl("status", "--json")
    if not shown.stdout.startswith("{"):
        return 0
    import json

    return int(json.loads(shown.stdout)["session"]["windows_done"])


@pytest.mark.timeout(300)
def test_from_the_journal_alone_a_restart_shows_the_same_account_streak_and_orders(bot: Bot) -> None:
    bot.run("--windows", "5", "--speed", "60")
    assert bot.finish(200) == 0, bot.output.read_text()[-3000:] + bot.logs()
    before = (bot.told("account"), bot.told("orders"), bot.told("fills"), bot.told("statement"))
    assert before[1]["orders"], "something was traded"
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (bot.paths.state / name).unlink(missing_ok=True)
    shutil.rmtree(bot.paths.flight)
    assert bot.ctl("up").returncode == 0
    wait_for(lambda: len(bot.told("fills")["fills"]) == len(before[2]["fills"]), "the index to be rebuilt", 60)
    after = (bot.told("account"), bot.told("orders"), bot.told("fills"), bot.told("statement"))
    keep = ("purse_e6", "wallet_e6", "free_e6", "equity_e6", "realised_e6", "fees_e6", "streaks", "peak_equity_e6")
    assert {k: after[0]["account"][k] for k in keep} == {k: before[0]["account"][k] for k in keep}
    assert after[1]["orders"] == before[1]["orders"]
    assert after[2]["fills"] == before[2]["fills"]
    assert after[3]["difference_e6"] == before[3]["difference_e6"] == 0
