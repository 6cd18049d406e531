"""The session as it happens: a line per finished window when piped, a live line per window on a terminal."""

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from messages import Envelope
from messages.envelope import EventWord
from messages.inner import Store
from polybot.cli.session import progress
from polybot.core.recorder import tables
from polybot.core.recorder.window_row import Carry, SharedFacts, WindowFacts, WindowRow, fold
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_db import IndexDb
from polybot.runtime.supervision.session import Session
from polybot.settings import Settings
from tests.build import T0, a_book, a_prediction, a_tick, a_window, nth, slug_of

S = 1_000_000_000
SESSION = Session(id="demo-1", profile="demo", strategies=("coin",), first_window_s=T0, windows=3, seed=7, tape="",
                  speed=60.0, started_ns=1)  # fmt: skip


def a_row(n: int, outcome: str | None = "UP", code: str = "NO_STRIKE") -> WindowRow:
    facts = WindowFacts(n, nth(n)["slug"], nth(n)["start_s"], "main", "coin", SharedFacts(), absent=(code, "no print"))
    row, _ = fold(facts, Carry(100_000_000, {}))
    return msgspec.structs.replace(row, outcome=outcome)


def as_dict(row: WindowRow) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(msgspec.json.encode(row))
    return shown


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "session.json").write_text(json.dumps(msgspec.to_builtins(SESSION)))
    return tmp_path


def test_each_window_is_one_plain_line_once_it_is_finished(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = IndexDb(state / "ledger.sqlite")
    turn = iter([[a_row(1)], [a_row(2, outcome=None)], [a_row(2), a_row(3, outcome=None)]])

    def is_over() -> bool:
        rows = next(turn, None)
        for row in rows or ():
            index.store(tables.window(row))
        index.store(Store(table="commit", row=b"{}"))
        return rows is None

    progress.watch(Paths(state), Settings(), is_over)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "  1/3 00:00 coin  skipped NO_STRIKE: no print",
        "  2/3 00:05 coin  skipped NO_STRIKE: no print",
        "  3/3 00:10 coin  skipped NO_STRIKE: no print",
    ], "the last has no outcome yet: it is said when the session is over"


def test_nothing_recorded_yet_is_nothing_shown(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress.watch(Paths(state), Settings(), lambda: True)
    assert capsys.readouterr().out == ""


def drawn(board: progress.Board) -> str:
    out = io.StringIO()
    Console(file=out, width=150).print(progress.screen(board, 20))
    return out.getvalue()


def test_the_running_window_shows_time_left_strike_price_odds_and_side() -> None:
    board = progress.Board(SESSION)
    start_s = nth(2)["start_s"]
    words: list[EventWord] = [
        a_tick(price=100_010.5),
        a_window(**nth(2), strike=99_999.5),
        a_book(slug=slug_of(start_s), down_asks=()),
        a_prediction(**nth(2), n=2, strategy="coin"),
    ]
    board.take([as_dict(a_row(1))])
    for body in words:
        board.hear(Envelope(source="x", boot=1, seq=1, at_ns=(start_s + 35) * S, cause="", body=body))
    lines = drawn(board).splitlines()
    assert "NO_STRIKE: no print" in lines[1]
    for text in ("2 00:05 coin", "4:25", "99,999.50", "100,010.50", "0.51/-", "UP", "decided"):
        assert text in lines[2], text
    assert board.windows_done == 1 and "00:05:35 UTC" in lines[-1]
