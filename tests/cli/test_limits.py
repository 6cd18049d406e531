"""`limits`: what risk's level says of each limit, for people and for programs; and where refusals are counted."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import zmq
from typer.testing import CliRunner

from messages import Envelope, LimitUse, RiskState, encode, topic_of
from polybot.cli.commands import limits
from polybot.cli.render.statistics import refusals
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Publisher
from polybot.runtime.safety import locks

LEVEL = RiskState(
    state="REDUCING",
    reason_code="DAILY_LOSS",
    reason="2026-11-20 has lost 12 USD",
    boot=3,
    refused={"DAILY_LOSS": 3, "BOOK_THIN": 1},
    refused_by={"coin": {"BOOK_THIN": 1, "DAILY_LOSS": 2}, "rsi_ema": {"DAILY_LOSS": 1}},
    approved=4,
    limits=(
        LimitUse(rule="DAILY_LOSS", used="12.00 USD", limit="15.00 USD", share=0.8),
        LimitUse(rule="MAX_ORDER", used="-", limit="25.00 USD"),
        LimitUse(rule="LOSS_PAUSE", used="2", limit="5 in a row", strategy="coin", share=0.4),
    ),
    since_ns=1,
)


def ctl(*words: str) -> Any:
    app = typer.Typer()
    limits.register(app)
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def risk_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody holds risk's lock and repeats its level."""
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path))
    (tmp_path / "run").mkdir(mode=0o700)
    lock = locks.take(Paths(tmp_path), "risk")
    context: zmq.Context[Any] = zmq.Context()
    publisher, over = Publisher(context, tmp_path / "run", "risk"), threading.Event()

    def speak() -> None:
        n = 0
        while not over.wait(0.02):
            n += 1
            said = Envelope(source="risk", boot=3, seq=n, at_ns=1, cause="", body=LEVEL)
            publisher.send(topic_of(LEVEL), encode(said))

    thread = threading.Thread(target=speak)
    thread.start()
    yield
    over.set()
    thread.join()
    publisher.close()
    context.term()
    lock.release()


@pytest.mark.usefixtures("risk_speaks")
def test_each_limit_is_told_as_used_and_limit() -> None:
    done = ctl()
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "REDUCING: DAILY_LOSS: 2026-11-20 has lost 12 USD"
    words = [line.split() for line in lines[2:5]]
    assert words[0] == ["DAILY_LOSS", "all", "12.00", "USD", "/", "15.00", "USD", "80%"]
    assert words[2] == ["LOSS_PAUSE", "coin", "2", "/", "5", "in", "a", "row", "40%"]
    assert lines[-2:] == ["coin refused: 2 DAILY_LOSS, 1 BOOK_THIN", "rsi_ema refused: 1 DAILY_LOSS"]


@pytest.mark.usefixtures("risk_speaks")
def test_programs_get_one_object_with_the_list_under_its_own_name() -> None:
    facts = json.loads(ctl("--json").stdout)
    assert facts["v"] == 1 and facts["trading_state"] == "REDUCING"
    assert facts["limits"][0] == {
        "rule": "DAILY_LOSS",
        "used": "12.00 USD",
        "limit": "15.00 USD",
        "strategy": "",
        "share": 0.8,
    }
    assert facts["limits"][1]["share"] is None
    assert facts["refused_by"]["coin"] == {"BOOK_THIN": 1, "DAILY_LOSS": 2}


def test_without_risk_there_is_nothing_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYBOT_STATE", str(tmp_path / "nowhere"))
    done = ctl()
    assert done.exit_code == 4 and "does not run" in done.output


def test_a_report_counts_refusals_by_rule_and_strategy() -> None:
    def a_row(strategy: str, code: str, reason: str, state: str = "skipped") -> dict[str, Any]:
        return {"state": state, "reason_code": code, "reason": reason, "strategy": strategy}

    rows = [a_row("a", "RANGE", "1"), a_row("b", "COLLAR", "2"), a_row("b", "RANGE", "3"), a_row("a", "", "", "traded")]
    found = refusals(rows)
    assert [(r.code, r.count, r.example) for r in found] == [("RANGE", 2, "3"), ("COLLAR", 1, "2")]
    assert found[0].by_strategy == {"a": 1, "b": 1} and found[1].by_strategy == {"b": 1}
