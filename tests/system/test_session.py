"""A session as a person lives it: run to the report, ask why, replay; halt, sleep, wake, resume; halt with everything dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.topology import actors_of
from tests.system.conftest import Bot
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


def open_at_the_venue(bot: Bot) -> list[str]:
    return [o["order_id"] for o in bot.venue_docs("order") if o["status"] == "LIVE"]


@pytest.mark.timeout(200)
def test_a_run_ends_with_its_rows_a_balance_and_nothing_left_behind(bot: Bot) -> None:
    bot.run("--windows", "3", "--speed", "60", "--seed", "42")
    assert bot.finish(150) == 0, bot.output.read_text()[-3000:] + bot.logs()
    rows = bot.told("windows")["windows"]
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert all(row["reason"] for row in rows)
    assert bot.told("statement")["difference_e6"] == 0
    assert (bot.paths.report / "equity.svg").read_text().startswith("<svg")
    assert "synthetic books: no evidence of profit" in bot.output.read_text()

    traded = next(row for row in rows if row["order_id"])
    chain = bot.ctl("why", traded["order_id"]).stdout
    for step in ("tick", "prediction", "signal", "size", "verdict", "order", "fill", "settlement"):
        assert f" {step} " in chain, f"{step} is missing:\n{chain}"
    assert traded["order_id"] in chain

    replayed = bot.ctl("replay", patience_s=120)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert replayed.stdout.count("the same, byte for byte") == 8, replayed.stdout

    assert not [a.name for a in actors_of("demo") if bot.pid(a.name)], "no process"
    assert not list(bot.paths.run.glob("*.lock")) and not list(bot.paths.run.glob("*.sock")), "no lock, no socket"
    loose = [p for p in bot.paths.state.rglob("*") if p.is_dir() and p.stat().st_mode & 0o077]
    assert not loose, f"folders others may enter: {loose}"
    assert bot.paths.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.timeout(200)
def test_a_halt_is_proven_survives_down_and_up_and_is_lifted_by_resume(bot: Bot) -> None:
    assert bot.ctl("up", "--windows", "40", "--speed", "60", "--seed", "42").returncode == 0
    wait_for(lambda: bot.told("orders")["orders"], "a first order", 60)
    halted = bot.ctl("halt", "--json")
    assert halted.returncode == 0, halted.stdout + halted.stderr
    assert '"proven": true' in halted.stdout and '"open": 0' in halted.stdout
    assert open_at_the_venue(bot) == []
    assert bot.ctl("down").returncode == 0
    assert bot.ctl("status").returncode == 4
    assert bot.ctl("up").returncode == 0
    assert bot.ctl("status").returncode == 5
    before = len(bot.told("orders")["orders"])
    assert bot.ctl("resume", "--reason", "test").returncode == 0
    wait_for(lambda: len(bot.told("orders")["orders"]) > before, "an order after the resume", 60)
    assert bot.ctl("status").returncode == 0


@pytest.fixture
def lone_venue(bot: Bot) -> Iterator[Any]:
    """The venue goes on though supervision is dead, as the real one would."""
    assert bot.ctl("up", "--windows", "40", "--speed", "60", "--seed", "42").returncode == 0
    wait_for(lambda: bot.told("orders")["orders"], "a first order", 60)
    pid = int((bot.paths.run / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not [a.name for a in actors_of("demo") if bot.pid(a.name)], "everybody to die with it", 20)
    (bot.paths.run / "endpoints.json").unlink()
    command = [sys.executable, "-m", "actors.venue"]
    with subprocess.Popen(
        command, env=bot.env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as venue:
        wait_for(lambda: (bot.paths.run / "endpoints.json").exists(), "the venue to serve", 30)
        yield bot
        venue.send_signal(signal.SIGTERM)
        venue.wait(20)


@pytest.mark.timeout(200)
def test_with_supervision_dead_a_lone_executor_cancels_and_proves(lone_venue: Bot) -> None:
    halted = lone_venue.told("halt")
    assert halted["how"] == "supervisord is dead: a lone executor cancelled", halted
    assert halted["proven"] is True and halted["open"] == 0
    assert open_at_the_venue(lone_venue) == []


@pytest.mark.timeout(120)
def test_with_the_venue_dead_too_nothing_is_called_proven(bot: Bot) -> None:
    assert bot.ctl("up", "--windows", "40", "--speed", "60", "--seed", "42").returncode == 0
    wait_for(lambda: bot.told("orders")["orders"], "a first order", 60)
    os.kill(int((bot.paths.run / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not [a.name for a in actors_of("demo") if bot.pid(a.name)], "everybody to die with it", 20)
    done = bot.ctl("halt", "--json")
    assert done.returncode in (1, 4)
    assert '"proven": false' in done.stdout and '"open": -1' in done.stdout and '"held": null' in done.stdout


@pytest.mark.timeout(120)
def test_a_pause_survives_the_death_of_risk_and_ends_with_resume(bot: Bot) -> None:
    assert bot.ctl("up", "--windows", "40", "--speed", "60", "--seed", "42").returncode == 0
    assert bot.ctl("pause", "--reason", "lunch").returncode == 0
    bot.wait_back("risk", bot.kill("risk"))
    wait_for(lambda: bot.told("status")["trading_state"] != "UNKNOWN", "risk to speak again", 30)
    assert bot.told("status")["trading_state"] == "REDUCING"
    assert bot.ctl("resume", "--reason", "back").returncode == 0
    assert bot.told("status")["trading_state"] == "ACTIVE"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_day_that_is_over_stays_over_through_kills_and_a_restart_of_everything(bot: Bot) -> None:
    """Room for one first stake: the first lost window ends the day."""
    bot.env["POLYBOT__RISK__DAILY_LOSS_USD"] = "5.35"
    bot.env["POLYBOT__SIZING__RULE"] = "fixed"
    bot.env["POLYBOT__SIZING__FIXED_STAKE_USD"] = "5"
    assert bot.ctl("up", "--windows", "100", "--speed", "60", "--seed", "7").returncode == 0

    def is_over() -> bool:
        told = bot.told("status")
        return bool(told["trading_state"] == "REDUCING" and told["reason"].startswith("DAILY_LOSS"))

    wait_for(is_over, "a first loss to end the day", 120)
    orders = len(bot.told("orders")["orders"])
    for actor in ("risk", "executor"):
        bot.wait_back(actor, bot.kill(actor))
    wait_for(is_over, "the day to be over for those who came back", 30)
    assert bot.ctl("down").returncode == 0
    assert bot.ctl("up").returncode == 0
    wait_for(is_over, "the day to be over after a restart of everything", 30)
    assert bot.ctl("resume", "--reason", "try").returncode in (0, 1)
    time.sleep(6)  # a window at this speed
    assert is_over() and len(bot.told("orders")["orders"]) == orders
    (use,) = [u for u in bot.told("limits")["limits"] if u["rule"] == "DAILY_LOSS"]
    assert use["limit"] == "5.35 USD" and use["share"] > 0
