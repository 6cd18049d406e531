"""A whole bot in a folder of its own: started by the command line as a person would, judged by the venue's own books."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.runtime.base import process
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import locks
from tests.waiting import wait_for

GRANT_E6 = 1_000_000_000
ROOT = Path(__file__).resolve().parents[2]


class Bot:
    """`run` in the background, and every verb that one would type beside it."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "state")
        self.venue = self.paths.venue  # the judge's own books; a rehearsal's lie elsewhere
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT")}
        self.env |= {"POLYBOT_STATE": str(self.paths.state), "NO_COLOR": "1"}
        self.running: subprocess.Popen[str] | None = None
        self.output = folder / "output"

    def widen(self) -> None:
        """Limits that no test of something else should meet: it trades window after window, however it loses."""
        wide = {"MAX_DRAWDOWN_PCT": "99", "DAILY_LOSS_USD": "1000", "LOSS_PAUSE_AFTER": "1000", "MIN_DEPTH_USD": "0"}
        self.env |= {f"POLYBOT__RISK__{knob}": value for knob, value in wide.items()}

    def ctl(self, *words: str, patience_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        command = [sys.executable, "-m", "polybot.cli", *words]
        return subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=patience_s)

    def told(self, *words: str) -> dict[str, Any]:
        """A command's --json."""
        done = self.ctl(*words, "--json")
        assert done.stdout, f"{words} said nothing on stdout: exit {done.returncode}, {done.stderr}"
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def run(self, *words: str) -> None:
        """`polybot-ctl run …` in the background."""
        command = [sys.executable, "-m", "polybot.cli", "run", *words]
        with open(self.output, "w") as out:
            self.running = subprocess.Popen(
                command, env=self.env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, text=True
            )

    def finish(self, patience_s: float) -> int:
        """The exit code of run."""
        assert self.running is not None
        try:
            return self.running.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the run did not end:\n{self.output.read_text()[-3000:]}\n{self.logs()}") from None

    def logs(self) -> str:
        """The last lines of every log, for a failure's text."""
        files = sorted(self.paths.logs.glob("*.log")) if self.paths.logs.exists() else []
        return "\n".join(f"--- {p.name}\n" + "\n".join(p.read_text(errors="replace").splitlines()[-8:]) for p in files)

    def pid(self, actor: str) -> int | None:
        """Who holds the actor's lock now."""
        holder = locks.holder(self.paths, actor)
        return holder.pid if holder is not None and process.is_alive(holder.pid) else None

    def living(self, actor: str) -> int:
        """Its pid, once it runs."""
        return wait_for(lambda: self.pid(actor), f"{actor} to run", 30)

    def kill(self, actor: str) -> int:
        """kill -9, and the pid it had."""
        pid = self.living(actor)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_back(self, actor: str, killed: int) -> int:
        """Until supervision has it running again."""
        return wait_for(
            lambda: p if (p := self.pid(actor)) != killed else None, f"{actor} to come back after {killed}", 30
        )

    # --- the venue's own books

    def venue_docs(self, kind: str) -> list[dict[str, Any]]:
        """The venue's records of a kind: trade, order, account."""
        db = sqlite3.connect(f"file:{self.venue / 'venue.sqlite'}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT body FROM doc WHERE kind = ? ORDER BY changed", (kind,)).fetchall()
        finally:
            db.close()
        return [json.loads(row[0]) for row in rows]

    def check_books(self) -> dict[str, int]:
        """The venue's own records against ours, exactly. Returns what was counted."""
        mine = {o["owner"] for o in self.venue_docs("order")}
        assert len(mine) == 1, "one wallet ordered"
        venue_trades = {t["trade_id"]: t for t in self.venue_docs("trade") if t["taker"] in mine}
        fills = {f["trade_id"]: f for f in self.told("fills")["fills"]}
        assert set(venue_trades) == set(fills), "the venue's fills are the index's fills"
        for trade_id, trade in venue_trades.items():
            fill = fills[trade_id]
            assert (trade["size_e6"], trade["price_e6"], trade["fee_e6"], trade["usd_e6"]) == (
                fill["size_e6"],
                fill["price_e6"],
                fill["fee_e6"],
                fill["cost_e6"],
            )
        orders = self.told("orders")["orders"]
        by_intent: dict[str, set[str]] = {}
        for order in orders:
            by_intent.setdefault(order["intent_id"], set()).add(order["order_id"])
        assert all(len(ids) == 1 for ids in by_intent.values()), "an intent has one order"
        known = {order["order_id"] for order in orders}
        venue_orders = {o["order_id"] for o in self.venue_docs("order")}
        assert venue_orders <= known, "every order at the venue is a journalled intent"
        statement = self.told("statement")
        assert statement["difference_e6"] == 0
        (wallet,) = [a for a in self.venue_docs("account") if a["address"] in mine]
        moved = wallet["cash_e6"] - GRANT_E6
        assert moved == statement["cash_e6"] - statement["start_e6"], "the venue's cash is ours, to the last millionth"
        return {"fills": len(fills), "orders": len(orders), "venue_orders": len(venue_orders)}

    def stop(self) -> None:
        """Whatever still runs of ours."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGINT)
            try:
                self.running.wait(30)
            except subprocess.TimeoutExpired:
                self.running.kill()
        if self.paths.state.exists():
            self.ctl("down")


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path)
    yield made
    made.stop()
