"""The money path over real processes while the venue fails: one order an intent, one truth, every halt's proof true."""

import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Bot
from tests.waiting import wait_for

HELD_S = 4.0  # machine time for which the venue keeps an answer back: the order is taken, nobody knows


def a_script(folder: Path, *faults: str) -> str:
    path = folder / "faults.toml"
    path.write_text("seed = 7\n" + "\n".join(f"[[fault]]\n{fault}" for fault in faults))
    return str(path)


def venue_orders(bot: Bot) -> list[str]:
    """Its own records; none before it is ready."""
    return [o["order_id"] for o in bot.venue_docs("order")] if bot.paths.endpoints.exists() else []


def known_orders(bot: Bot) -> dict[str, Any]:
    return {o["order_id"]: o for o in bot.told("orders")["orders"]}


def fault(bot: Bot, *words: str) -> None:
    done = bot.ctl("venue", "fault", "add", *words)
    assert done.returncode == 0, done.stderr


def strikes(bot: Bot, kind: str) -> int:
    lines = (bot.paths.logs / "venue.log").read_text().splitlines()
    return sum(line.startswith("fault_struck") and f"kind={kind}" in line for line in lines)


def next_order(bot: Bot, seen: int) -> str:
    """The venue's own record of the order after these."""
    return str(wait_for(lambda: (o := venue_orders(bot))[seen:] and o[seen], "the venue to take an order", 90))


def kill_stopped(bot: Bot, stopped_s: float) -> None:
    """What comes to the executor meanwhile lies in its sockets, unread; then it is gone."""
    pid = bot.living("executor")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(stopped_s)  # below the watchdog's patience, or it does our work
    bot.kill("executor")
    bot.wait_back("executor", pid)


def approvals(bot: Bot) -> int:
    """How often risk has handed an order on, by the recorder's index."""
    db = sqlite3.connect(f"file:{bot.paths.index}?mode=ro", uri=True)
    try:
        asked = "SELECT count(*) FROM messages WHERE tag = 'RiskVerdict' AND body LIKE '%\"approved\":true%'"
        return int(db.execute(asked).fetchone()[0])
    finally:
        db.close()


def kill_before_journal(bot: Bot, seen: int) -> None:
    """Stopped when risk handed an order on: its wish lies unread in a dead process's socket."""
    for _ in range(20):
        pid, before = bot.living("executor"), approvals(bot)
        os.kill(pid, signal.SIGSTOP)
        end = time.monotonic() + 2.0  # below the watchdog's patience, or it does our work
        while time.monotonic() < end and approvals(bot) == before:
            time.sleep(0.02)
        if approvals(bot) > before:
            os.kill(pid, signal.SIGKILL)
            bot.wait_back("executor", pid)
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.7)
    raise AssertionError("risk approved nothing while the executor was stopped")


def kill_during_send(bot: Bot, seen: int) -> None:
    """Journalled; the connection broke under its bytes, the venue never read them, and it died before it knew."""
    before = strikes(bot, "lost_request")
    fault(bot, "lost_request", "times=1")
    wait_for(lambda: strikes(bot, "lost_request") > before, "a request to be lost", 60)
    bot.wait_back("executor", bot.kill("executor"))


def kill_unanswered(bot: Bot, seen: int) -> None:
    """The venue has it and keeps its answer back."""
    fault(bot, "late_answer", "times=1", f"delay_s={HELD_S}", "clock=machine")
    next_order(bot, seen)
    bot.wait_back("executor", bot.kill("executor"))


def kill_uncommitted(bot: Bot, seen: int) -> None:
    """The answer has come to its socket, and it never reads it."""
    fault(bot, "late_answer", "times=1", "delay_s=1", "clock=machine")
    next_order(bot, seen)
    kill_stopped(bot, 2.0)


def kill_during_fill(bot: Bot, seen: int) -> None:
    """Fill and answer have both come, on both ways, and are read by its next life alone."""
    fault(bot, "ws_late", "channel=user", "delay_s=0.8", "clock=machine", "for_s=20")
    fault(bot, "late_answer", "times=1", "delay_s=1", "clock=machine")
    next_order(bot, seen)
    kill_stopped(bot, 2.0)


def settled_books(bot: Bot) -> dict[str, int]:
    """The books checked when nothing moves any more: what is on its way is not a difference."""
    end = time.monotonic() + 60
    while True:
        try:
            counted: dict[str, int] = bot.check_books()
            return counted
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


STEPS = (kill_before_journal, kill_during_send, kill_unanswered, kill_uncommitted, kill_during_fill)


@pytest.mark.timeout(400)
def test_killed_at_each_named_step_there_is_one_order_and_no_fill_is_lost(bot: Bot) -> None:
    """R2 by real processes; that journal and POST are two steps apart is the simulator's to show."""
    bot.widen()
    bot.run("--windows", "200", "--speed", "60", "--seed", "42", "--strategy", "coin")
    wait_for(lambda: venue_orders(bot), "the first order", 90)
    for step in STEPS:
        step(bot, len(venue_orders(bot)))
    assert bot.told("status")["halt"] is None, bot.told("status")["halt"]
    bot.ctl("halt")
    wait_for(lambda: all(o["final"] for o in known_orders(bot).values()), "every order's end", 60)
    counted = settled_books(bot)
    assert counted["venue_orders"] >= 4


@pytest.mark.long
@pytest.mark.timeout(400)
def test_ten_answers_that_never_come_make_ten_orders(bot: Bot) -> None:
    bot.widen()
    script = a_script(bot.paths.state.parent, 'kind = "lost_answer"')
    bot.run("--windows", "16", "--speed", "60", "--seed", "42", "--faults", script)
    assert bot.finish(300) == 0, bot.output.read_text()[-3000:] + bot.logs()
    counted = bot.check_books()
    assert counted["venue_orders"] >= 10
    assert all(order["posts"] == 1 for order in known_orders(bot).values() if order["order_id"] in venue_orders(bot))


@pytest.mark.timeout(300)
def test_halted_at_random_moments_under_faults_each_proof_is_what_the_venue_counts(bot: Bot) -> None:
    bot.widen()
    script = a_script(
        bot.paths.state.parent,
        'kind = "late_answer"\ndelay_s = 1.5\nclock = "machine"\nprobability = 0.5',
        'kind = "lost_answer"\nprobability = 0.4',
        'kind = "user_twice"',
        'kind = "trade_fails"\nprobability = 0.3',
    )
    bot.run("--windows", "60", "--speed", "60", "--seed", "42", "--faults", script)
    luck = random.Random(6)
    for n in range(4):
        seen = len(venue_orders(bot))
        next_order(bot, seen)
        time.sleep(luck.uniform(0, 1.0))
        if n == 3:
            os.kill(bot.living("executor"), signal.SIGSTOP)  # and once it does not even answer
        halted = bot.told("halt")
        at_halt = venue_orders(bot)
        live = [o["order_id"] for o in bot.venue_docs("order") if o["status"] == "LIVE"]
        if halted["proven"]:
            assert (halted["open"], halted["unknown"], live) == (0, [], [])
        time.sleep(1.0)
        assert venue_orders(bot) == at_halt, "no order reaches the venue after the halt"
        again = wait_for(lambda: (p := bot.told("halt"))["proven"] and p, "the proof", 30)
        assert again["open"] == 0
        assert bot.ctl("resume", "--reason", "test", "--override").returncode == 0
    bot.ctl("halt")
    wait_for(lambda: all(o["final"] for o in known_orders(bot).values()), "every order's end", 60)
    fills = {f["trade_id"] for f in bot.told("fills")["fills"]}
    assert {t["trade_id"] for t in bot.venue_docs("trade")} >= fills
    by_intent = [o["intent_id"] for o in known_orders(bot).values()]
    assert len(by_intent) == len(set(by_intent))
    assert set(venue_orders(bot)) <= set(known_orders(bot))


@pytest.mark.timeout(200)
def test_without_a_heartbeat_nothing_new_leaves_and_it_goes_on_by_itself(bot: Bot) -> None:
    """Resting orders, over the wire: refused beats, then taken again."""
    bot.widen()
    bot.env["POLYBOT__STRATEGY__STREAK_REVERSAL__STREAK"] = "1"
    bot.run("--windows", "60", "--speed", "60", "--seed", "42", "--strategy", "streak_reversal")

    def pulse() -> str:
        account = bot.told("status")["account"]
        return str(account["pulse_state"]) if account else ""

    wait_for(lambda: venue_orders(bot) and pulse() == "beating", "a resting order and its heartbeat", 90)
    assert bot.paths.heartbeat.read_text().strip()
    assert bot.ctl("venue", "fault", "add", "heartbeat_refused", "for_s=60", "clock=machine").returncode == 0
    wait_for(lambda: pulse() == "failing", "the failure to be seen", 20)
    before = venue_orders(bot)
    time.sleep(12)  # two windows at this speed
    assert venue_orders(bot) == before, "no new order without a heartbeat"
    assert bot.ctl("venue", "fault", "clear").returncode == 0
    wait_for(lambda: pulse() == "beating", "the next ack and known books", 20)
    wait_for(lambda: len(venue_orders(bot)) > len(before), "a new order", 60)
    status = bot.told("status")
    assert status["halt"] is None, status["halt"]
