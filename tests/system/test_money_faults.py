"""The money path over real processes while the venue fails: one order an intent, one truth, every halt's proof true."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

HELD_S = 4.0  # machine time for which the venue keeps an answer back: the order is taken, nobody knows


def wait_for(condition: Any, what: str, deadline_s: float) -> Any:
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {deadline_s:g} s for {what}"
        time.sleep(0.02)
    return value


def a_script(folder: Path, *faults: str) -> str:
    path = folder / "faults.toml"
    path.write_text("seed = 7\n" + "\n".join(f"[[fault]]\n{fault}" for fault in faults))
    return str(path)


def venue_orders(bot: Any) -> list[str]:
    """Its own records; none before it is ready."""
    return [o["order_id"] for o in bot.venue_docs("order")] if bot.paths.endpoints.exists() else []


def known_orders(bot: Any) -> dict[str, Any]:
    return {o["order_id"]: o for o in bot.told("orders")["orders"]}


@pytest.mark.timeout(300)
def test_killed_while_the_venue_holds_its_answer_back_the_order_is_found_and_never_sent_twice(bot: Any) -> None:
    bot.env["POLYBOT__RISK__MAX_DRAWDOWN_PCT"] = "99"
    held = f'kind = "late_answer"\ndelay_s = {HELD_S}\nclock = "machine"\ntimes = 1'
    lost = 'kind = "lost_answer"\nwindow = [3, 4]'
    unheard = 'kind = "lost_request"\nwindow = [5]\ntimes = 1'
    script = a_script(bot.paths.state.parent, held, lost, unheard)
    bot.run("--windows", "6", "--speed", "60", "--seed", "42", "--faults", script)
    (first,) = wait_for(lambda: venue_orders(bot), "the venue to take an order", 90)
    killed = bot.kill("executor")
    bot.wait_back("executor", killed)
    assert bot.finish(200) == 0, bot.output.read_text()[-3000:] + bot.logs()
    orders = known_orders(bot)
    assert orders[first]["final"] and orders[first]["posts"] <= 1, "it was read, not sent again"
    counted = bot.check_books()
    assert counted["venue_orders"] >= 3


@pytest.mark.long
@pytest.mark.timeout(400)
def test_ten_answers_that_never_come_make_ten_orders(bot: Any) -> None:
    bot.env["POLYBOT__RISK__MAX_DRAWDOWN_PCT"] = "99"
    script = a_script(bot.paths.state.parent, 'kind = "lost_answer"')
    bot.run("--windows", "16", "--speed", "60", "--seed", "42", "--faults", script)
    assert bot.finish(300) == 0, bot.output.read_text()[-3000:] + bot.logs()
    counted = bot.check_books()
    assert counted["venue_orders"] >= 10
    assert all(order["posts"] == 1 for order in known_orders(bot).values() if order["order_id"] in venue_orders(bot))


@pytest.mark.timeout(300)
def test_halted_at_random_moments_under_faults_each_proof_is_what_the_venue_counts(bot: Any) -> None:
    bot.env["POLYBOT__RISK__MAX_DRAWDOWN_PCT"] = "99"
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
        wait_for(lambda seen=seen: len(venue_orders(bot)) > seen, f"order {seen + 1}", 90)
        time.sleep(luck.uniform(0, 1.0))
        if n == 3:
            os.kill(bot.pid("executor") or 0, signal.SIGSTOP)  # and once it does not even answer
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
def test_without_a_heartbeat_nothing_new_leaves_and_it_goes_on_by_itself(bot: Any) -> None:
    """Resting orders, over the wire: refused beats, then taken again."""
    bot.env |= {"POLYBOT__RISK__MAX_DRAWDOWN_PCT": "99", "POLYBOT__STRATEGY__STREAK_REVERSAL__STREAK": "1"}
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
