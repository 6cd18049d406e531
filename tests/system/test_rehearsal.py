"""A whole session in profile live, with a throw-away key, against a local venue that knows nothing of the bot: the same gates,
the same executor, the same wire as with real money. Judged by the venue's own books.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import live_confirmation
from polybot.topology import actors_of
from tests.system.conftest import Bot

KEY = f"0x{0xA11CE:064x}"


@pytest.fixture
def rehearsal(bot: Bot, tmp_path: Path) -> Iterator[Any]:
    """The bot with its environment turned to live, and the venue that stands in for the public hosts."""
    key, ready, state = tmp_path / "key", tmp_path / "ready.json", tmp_path / "venue"
    key.touch(mode=0o600)
    key.write_text(f"{KEY}\n")
    command = [sys.executable, "-m", "polybot.cli", "venue", "--port", "0", "--speed", "45", "--seed", "7"]
    venue = subprocess.Popen(
        [*command, "--state", str(state)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    assert venue.stdout is not None
    ready.write_text(venue.stdout.readline())
    bot.venue = Paths(state).venue
    bot.env |= {
        "POLYBOT_PROFILE": "live",
        "POLYBOT_ENDPOINTS": str(ready),
        "POLYBOT__LIVE__KEY_FILE": str(key),
        "POLYBOT__BOT__ON_NO_SIGNAL": "down",
        "POLYBOT__BOT__NOTIFY_CMD": f"sh -c 'cat >> {tmp_path}/told'",
        # this world begins now, so it is another one each time: no loss of it may end the session
        "POLYBOT__BOT__CAPITAL_USD": "500",
        "POLYBOT__LIVE__LIVE_MAX_LOSS_USD": "450",
        "POLYBOT__RISK__DAILY_LOSS_USD": "450",
        "POLYBOT__RISK__MAX_DRAWDOWN_PCT": "90",
        "POLYBOT__RISK__LOSS_PAUSE_AFTER": "100",
    }
    yield bot
    bot.stop()
    venue.kill()
    venue.communicate()


def secrets_of(bot: Bot) -> list[bytes]:
    """The key, and the credentials as the venue keeps them."""
    keys = bot.venue_docs("key")
    assert keys, "somebody logged in"
    return [KEY[2:].encode(), *(k[part].encode() for k in keys for part in ("secret", "passphrase"))]


def leaks(bot: Bot, secrets: list[bytes]) -> list[str]:
    """Files of the bot in which a secret stands."""
    files = [p for p in (bot.output, *bot.paths.state.rglob("*")) if p.is_file()]
    return [str(file) for file in files if any(secret in file.read_bytes() for secret in secrets)]


def environments(bot: Bot, rows: list[Any]) -> bytes:
    pids = [pid for row in rows if (pid := bot.pid(row.name))]
    assert pids
    return b"".join(Path(f"/proc/{pid}/{what}").read_bytes() for pid in pids for what in ("environ", "cmdline"))


def run_through(bot: Bot, windows: int) -> None:
    """The session from its gates to its report, a row a window."""
    address = bot.told("doctor")["address"]
    bot.run("--windows", str(windows), "--confirm-live", address[-6:])
    assert bot.finish(windows * 60 + 120) == 0, bot.output.read_text()[-3000:] + bot.logs()
    rows = bot.told("windows")["windows"]
    assert [row["n"] for row in rows] == list(range(1, windows + 1))
    assert all(row["reason"] or row["state"] == "traded" for row in rows), "every refusal is explained"


def check_told(bot: Bot) -> None:
    """Loudly a rehearsal, everywhere."""
    text = bot.output.read_text()
    assert "LIVE REHEARSAL against a local venue" in text and "real money of" not in text
    assert "a live rehearsal against a local venue" in text, "the report says it"
    assert "paper record  of rsi_ema: none" in text and "fee drag" in text
    assert "rehearsal" in (bot.paths.logs / "executor.log").read_text()
    assert bot.told("status")["rehearsal"].startswith("http://127.0.0.1:")


def check_redeemed(bot: Bot) -> int:
    """Who does not redeem is not paid here: each winner was redeemed once, and nothing is left. How many."""
    mine = {order["owner"] for order in bot.venue_docs("order")}
    (wallet,) = [a for a in bot.venue_docs("account") if a["address"] in mine]
    paid = {m["up_token"] if m["winner"] == "UP" else m["down_token"] for m in bot.venue_docs("market") if m["winner"]}
    assert not paid & set(wallet["positions"]), "what is left is worth nothing"
    account = bot.told("account")["account"]
    assert (account["claims_e6"], account["unresolved"]) == (0, 0)
    won = sorted(row["slug"] for row in bot.told("windows")["windows"] if row["filled_e6"] and row["pnl_e6"] > 0)
    sent = [line for line in (bot.paths.logs / "executor.log").read_text().splitlines() if "redeem" in line]
    assert redeemed_at(bot, wallet["address"]) == won, sent
    return len(won)


def redeemed_at(bot: Bot, address: str) -> list[str]:
    """Slugs of what the venue's own Data API says was redeemed for more than nothing."""
    urls = json.loads(Path(bot.env["POLYBOT_ENDPOINTS"]).read_text())
    query = f"user={address}&type=REDEEM&limit=500"
    with urllib.request.urlopen(f"{urls['data']}/v2/activity?{query}", timeout=10) as answer:
        rows = json.loads(answer.read())["data"]
    return sorted(row["slug"] for row in rows if row["usdc_size"] > 0)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_eighteen_windows_in_profile_live_with_books_that_agree(rehearsal: Bot) -> None:
    bot = rehearsal
    run_through(bot, 18)
    counted = bot.check_books()
    assert counted["fills"] >= 3 and counted["venue_orders"] >= counted["fills"], counted
    assert check_redeemed(bot) >= 1
    check_told(bot)
    assert leaks(bot, secrets_of(bot)) == []
    assert live_confirmation.read(bot.paths) is None, "the clean stop takes the confirmation with it"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_up_keeps_secrets_out_of_every_process_and_a_dead_executor_needs_no_second_confirmation(rehearsal: Bot) -> None:
    bot = rehearsal
    address = bot.told("doctor")["address"]
    done = bot.ctl("up", "--confirm-live", address[-6:])
    assert done.returncode == 0, done.stderr + bot.logs()
    try:
        secrets = secrets_of(bot)
        seen = environments(bot, list(actors_of("live")))
        assert not [s for s in secrets if s in seen]
        assert bot.told("status")["actors"]["notifier"]["state"] == "up"
        killed = bot.kill("executor")
        bot.wait_back("executor", killed)
        proof = bot.ctl("halt", "--reason", "a test of the notifier")
        assert proof.returncode == 0, proof.stdout + proof.stderr
    finally:
        bot.ctl("down")
    told = json.loads((bot.output.parent / "told").read_text().splitlines()[0])
    assert (told["event"], told["reason"]) == ("halt", "a test of the notifier")
    alone = bot.ctl("halt")
    assert alone.returncode == 0, "the kill switch needs no confirmation: " + alone.stdout + alone.stderr
    again = bot.ctl("actor", "executor")
    assert again.returncode == 77, "after the clean stop nothing starts by hand"
    assert leaks(bot, secrets) == []
