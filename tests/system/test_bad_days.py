"""Eighteen windows with every fault in turn: our books are the venue's to the millionth, and nothing was ordered twice."""

from collections import Counter
from pathlib import Path

import pytest

from tests.system.conftest import Bot

ROOT = Path(__file__).resolve().parents[2]
GRANT_E6 = 1_000_000_000
WITHDRAWN_E6 = 10_000_000  # a fault of the script: not a loss of the bot's, and booked as none
GEOBLOCKED = 5  # the last fault is the block, and a bot that was refused for good halts


@pytest.mark.long
@pytest.mark.timeout(420)
def test_every_fault_in_turn_leaves_equal_books_nothing_doubled_and_every_refusal_explained(bot: Bot) -> None:
    bot.widen()
    script = ROOT / "presets" / "faults" / "every_fault_in_turn.toml"
    bot.run("--windows", "18", "--speed", "60", "--seed", "42", "--faults", str(script))
    assert bot.finish(360) == GEOBLOCKED, bot.output.read_text()[-3000:] + bot.logs()

    struck = Counter(
        line.partition(" kind=")[2].split()[0]
        for line in (bot.paths.logs / "venue.log").read_text().splitlines()
        if line.startswith("fault_struck")
    )
    assert {
        "rate_limit",
        "late_answer",
        "lost_answer",
        "trade_fails",
        "restart",
        "resolution_wrong",
        "withdrawal",
    } <= set(struck)

    rows = bot.told("windows")["windows"]
    assert [row["n"] for row in rows] == list(range(1, 19))
    assert all(row["reason"] for row in rows if not row["filled_e6"])

    orders = Counter(order["condition_id"] for order in bot.venue_docs("order"))
    assert orders
    assert set(orders.values()) == {1}, "one order a window, whatever was lost on the way"

    trades = [t for t in bot.venue_docs("trade") if t["status"] == "CONFIRMED"]
    assert "FAILED" in {t["status"] for t in bot.venue_docs("trade")}
    statement = bot.told("statement")
    assert statement["difference_e6"] == 0
    (wallet,) = [a for a in bot.venue_docs("account") if a["address"].startswith("0x")]
    spent = sum(t["usd_e6"] + t["fee_e6"] for t in trades)
    pnl = sum(row["pnl_e6"] for row in rows)
    assert wallet["cash_e6"] - GRANT_E6 + WITHDRAWN_E6 == pnl, (spent, statement)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_price_is_lost_step_by_step_and_comes_back(bot: Bot) -> None:
    """Down the chain of sources and up again: traded on the exchange's own klines, never on anyone else's price."""
    bot.widen()
    script = ROOT / "presets" / "faults" / "feed_loss.toml"
    bot.run("--windows", "5", "--speed", "60", "--seed", "42", "--faults", str(script))
    assert bot.finish(120) == 0, bot.output.read_text()[-3000:] + bot.logs()

    lines = [
        line for line in (bot.paths.logs / "price_feed.log").read_text().splitlines() if "price_source_changed" in line
    ]
    sources = [line.partition(" now=")[2].split()[0].strip('"') for line in lines]
    taken = [source for source in sources if source]
    assert taken[:4] == ["binance", "binance_rest", "coinbase", "coingecko"], lines
    assert taken[-1] == "binance", lines

    rows = {row["n"]: row for row in bot.told("windows")["windows"]}
    assert rows[2]["filled_e6"] > 0, "on klines alone it trades"
    for n, source in ((3, "coinbase"), (4, "coingecko")):
        assert (rows[n]["reason_code"], rows[n]["filled_e6"]) == ("STALE_PRICE", 0)
        assert f"{source}'s price is shown and not traded on" in rows[n]["reason"]
