"""Paper from start to report, against a second local venue that plays the real one, twenty times faster than the wall."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REHEARSAL = "paper: synthetic books, local fills: no evidence of profit"
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def wait_for(condition: Callable[[], Any], what: str, deadline_s: float) -> Any:
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {deadline_s:g} s for {what}"
        time.sleep(0.05)
    return value


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


def test_a_paper_session_with_a_kill_and_a_stall_of_the_real_channel(bot: Any, real: Path, tmp_path: Path) -> None:
    bot.env |= {
        "POLYBOT_ENDPOINTS": str(tmp_path / "ready.json"),
        "POLYBOT_PROFILE": "paper",
        "POLYBOT__BOT__ON_NO_SIGNAL": "down",
    }

    def fault(*words: str) -> None:
        env = bot.env | {"POLYBOT_STATE": str(real), "POLYBOT_PROFILE": "demo"}
        subprocess.run(venue_command("fault", *words), env=env, cwd=ROOT, check=True, capture_output=True, timeout=30)

    def row(n: int) -> dict[str, Any]:
        shown = bot.ctl("windows", "--json")
        rows = json.loads(shown.stdout)["windows"] if shown.returncode == 0 else []
        return next((r for r in rows if r["n"] == n and (r["reason"] or r["filled_e6"])), {})

    bot.run("--windows", "4", "--strategy", "coin")
    first = wait_for(lambda: row(1), f"the first window's decision; {bot.logs()}", 90)
    assert first["filled_e6"], first["reason"]
    killed = bot.kill("venue")
    bot.wait_back("venue", killed)
    wait_for(lambda: row(2), "the second window's decision", 60)
    fault("add", "ws_stall", "channel=market", "for_s=600")
    third = wait_for(lambda: row(3), "the third window's decision", 60)
    fault("clear")
    assert (third["reason_code"], third["filled_e6"]) == ("STALE_BOOK", 0), third["reason"]
    assert bot.finish(150) == 0, bot.output.read_text()[-3000:] + bot.logs()

    rows = bot.told("windows")["windows"]
    assert [r["n"] for r in rows] == [1, 2, 3, 4]
    assert {r["books"] for r in rows} == {REHEARSAL}
    assert rows[3]["filled_e6"], rows[3]["reason"]
    assert bot.told("report")["warning"] == REHEARSAL
    assert bot.check_books()["fills"] >= 2
    assert docs(real, "order") == docs(real, "key") == [], "the real venue was never ordered from"
    winners = {m["slug"]: m["winner"] for m in docs(real, "market")}
    for r in rows:
        assert r["outcome"] == winners[r["slug"]], "settled by the real venue's word"
