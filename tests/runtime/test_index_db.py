"""The ledger's file: batches are whole or absent, newer money wins, damage is moved aside, an unknown version is refused."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from messages import Envelope, Word
from messages.inner import Restored, Store
from polybot.core.recorder import tables
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.store.index_db import BATCH_ROWS, TABLES, VERSION, IndexDb, IndexTooNew, IndexUnusable
from polybot.settings import Settings
from tests.build import T0, a_fill, a_prediction, a_settlement, a_start


def rows(path: Path, sql: str) -> list[Any]:
    with sqlite3.connect(path) as db:
        return db.execute(sql).fetchall()


def test_a_batch_is_on_disk_only_when_it_is_committed(tmp_path: Path) -> None:
    index = IndexDb(tmp_path / "ledger.sqlite")
    index.store(tables.mark("risk", 1, 5))
    assert rows(index.path, "SELECT * FROM marks") == []
    index.store(Store(table="commit", row=b"{}"))
    assert rows(index.path, "SELECT * FROM marks") == [("risk", 1, 5)]
    for n in range(BATCH_ROWS):
        index.store(tables.mark(f"s{n}", 1, n))
    assert rows(index.path, "SELECT count(*) FROM marks") == [(BATCH_ROWS + 1,)]


def test_the_newest_row_of_a_key_wins_within_and_across_batches(tmp_path: Path) -> None:
    index = IndexDb(tmp_path / "ledger.sqlite")
    for value in (1, 2):
        index.store(tables.counter("gaps", value))
    index.commit()
    index.store(tables.counter("gaps", 3))
    index.close()
    assert rows(index.path, "SELECT value FROM counters") == [(3,)]


def test_late_money_never_replaces_newer_money(tmp_path: Path) -> None:
    index = IndexDb(tmp_path / "ledger.sqlite")
    index.store(tables.newest(a_fill(journal_seq=5, status="CONFIRMED")))
    index.store(tables.newest(a_fill(journal_seq=2)))
    index.commit()
    index.store(tables.newest(a_fill(journal_seq=3)))
    index.close()
    assert rows(index.path, "SELECT status, journal_seq FROM fills") == [("CONFIRMED", 5)]


def test_a_newer_version_is_refused_naming_both(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(IndexTooNew, match=f"version {VERSION + 1}, .* version {VERSION}$"):
        IndexDb(path)


@pytest.mark.parametrize("harm", ["head", "middle", "garbage"])
def test_a_damaged_ledger_is_moved_aside_and_begun_anew(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "ledger.sqlite"
    index = IndexDb(path)
    for n in range(2000):
        index.store(tables.mark(f"source {n}", 1, n))
    index.close()
    data = bytearray(path.read_bytes())
    start = {"head": 0, "middle": len(data) // 2 & ~4095, "garbage": 0}[harm]
    end = len(data) if harm == "garbage" else start + 4096
    data[start:end] = b"\xa5" * (end - start)
    path.write_bytes(data)
    again = IndexDb(path)
    assert again.moved_aside is not None and again.moved_aside.exists()
    empty = json.dumps({"marks": [], "absent": [], "counters": {}}, separators=(",", ":")).encode()
    assert again.restored() == Restored(records=(empty,), last_seq=0)


def test_a_lock_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.mkdir()
    with pytest.raises(IndexUnusable, match="unable to open"):
        IndexDb(path)


def test_a_restarted_recorder_folds_the_same_rows_from_what_was_kept(tmp_path: Path) -> None:
    session = json.dumps({"strategies": ["coin"], "first_window_s": T0, "windows": 2, "speed": 1.0})
    config = msgspec.json.encode(Settings()).decode()
    started = a_start(actor="recorder", config=config, session=session)
    index = IndexDb(tmp_path / "ledger.sqlite")

    def a_life(core: RecorderCore, *words: Word | Envelope) -> list[bytes]:
        said = [s for w in (started, index.restored(), *words) for s in core.handle(w, T0 * 10**9)]
        stores = [s for s in said if isinstance(s, Store)]
        for store in stores:
            index.store(store)
        index.commit()
        return [s.row for s in stores if s.table == "windows"]

    def heard(word: Any, source: str, seq: int) -> Envelope:
        return Envelope(source=source, boot=1, seq=seq, at_ns=T0 * 10**9, cause="", body=word)

    skipped = a_prediction(prediction=None, reason_code="NO_STRIKE", reason="no print")
    settled = a_settlement(journal_seq=7)
    first = a_life(RecorderCore(), heard(skipped, "signal", 1), heard(settled, "executor", 1))
    assert a_life(RecorderCore())[-1] == first[-1]


def test_every_row_has_the_columns_of_its_table() -> None:
    for name, row in {
        "windows": "WindowRow", "messages": "MessageRow", "tape": "MessageRow", "levels": "LevelRow", "money": "MoneyRow",
        "equity": "EquityRow", "marks": "MarkRow", "counters": "CounterRow",
    }.items():  # fmt: skip
        assert TABLES[name].columns == getattr(tables, row).__struct_fields__
    for table in TABLES.values():
        assert set(table.key) <= set(table.columns)
