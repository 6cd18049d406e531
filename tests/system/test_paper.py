"""Paper from start to report, against a second local venue that plays the real one, twenty times faster than the wall."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Bot
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
REHEARSAL = "paper: synthetic books, local fills: no evidence of profit"
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


def venue_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "polybot.cli", "venue", *words]


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Path]:
    """The state folder of the venue that plays the real one; ready.json beside it is what it said."""
    state = tmp_path / "real"
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT")}
    command = venue_command("--port", "0", "--seed", "7", "--speed", "20", "--state", str(state))
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    (tmp_path / "ready.json").write_text(process.stdout.readline())
    yield state
    process.terminate()
    process.communicate(timeout=20)


def docs(state: Path, kind: str) -> list[dict[str, Any]]:
    db = sqlite3.connect(f"file:{state / 'venue' / 'venue.sqlite'}?mode=ro", uri=True)
    try:
        return [json.loads(row[0]) for row in db.execute("SELECT body FROM doc WHERE kind = ?", (kind,))]
    finally:
        db.close()


def test_a_paper_session_with_a_kill_and_a_stall_of_the_real_channel(bot: Bot, real: Path, tmp_path: Path) -> None:
    bot.env |= {
        "POLYBOT_ENDPOINTS": str(tmp_path / "ready.json"),
        "POLYBOT_PROFILE": "paper",
        "POLYBOT__BOT__ON_NO_SIGNAL": "down",
        "POLYBOT__RISK__DAILY_LOSS_USD": "90",  # a coin may lose a few times in a row
        "POLYBOT__RISK__MAX_DRAWDOWN_PCT": "90",
    }

    def fault(*words: str) -> None:
        env = bot.env | {"POLYBOT_STATE": str(real), "POLYBOT_PROFILE": "demo"}
        subprocess.run(venue_command("fault", *words), env=env, cwd=ROOT, check=True, capture_output=True, timeout=30)

    def next_row(after: int, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        shown = bot.ctl("windows", "--json")
        rows = json.loads(shown.stdout)["windows"] if shown.returncode == 0 else []
        return next((r for r in rows if r["n"] > after and fits(r)), {})

    def traded(after: int) -> int:
        found = wait_for(
            lambda: next_row(after, lambda r: r["filled_e6"] > 0), f"a trade after {after}; {bot.logs()}", 90
        )
        return int(found["n"])

    bot.run("--windows", "9", "--strategy", "coin")
    first = traded(0)
    killed = bot.kill("venue")
    bot.wait_back("venue", killed)
    second = traded(first)
    fault("add", "ws_stall", "channel=market", "for_s=600")
    stale = wait_for(
        lambda: next_row(second, lambda r: r["reason_code"] == "STALE_BOOK"), "a window without a book", 60
    )
    fault("clear")
    assert stale["filled_e6"] == 0
    traded(stale["n"])
    assert bot.finish(200) == 0, bot.output.read_text()[-3000:] + bot.logs()

    rows = bot.told("windows")["windows"]
    assert [r["n"] for r in rows] == list(range(1, 10))
    assert {r["books"] for r in rows} == {REHEARSAL}
    assert bot.told("report")["warning"] == REHEARSAL
    assert bot.check_books()["fills"] >= 3
    assert docs(real, "order") == docs(real, "key") == [], "the real venue was never ordered from"
    winners = {m["slug"]: m["winner"] for m in docs(real, "market")}
    for r in rows:
        assert r["outcome"] == winners[r["slug"]], "settled by the real venue's word"
