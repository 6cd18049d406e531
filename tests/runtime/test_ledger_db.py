"""The ledger's file: batches are whole or absent, newer money wins, damage is moved aside, an unknown version is refused."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from messages import Envelope, Fill, Prediction, Settlement, Word
from messages.inner import Restored, Started, Store
from polybot.core.recorder import tables
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.store.index_db import BATCH_ROWS, TABLES, VERSION, IndexDb, IndexUnusable, LedgerTooNew
from polybot.settings import Settings

FIRST = 1_795_132_800
SLUG = f"btc-updown-5m-{FIRST}"


def a_fill(seq: int, status: Any = "MATCHED") -> Fill:
    return Fill(
        account="main", trade_id="t1", order_id="0x1", intent_id="i", strategy="coin", slug=SLUG, token_id="t",
        outcome="UP", side="BUY", size_e6=1, price_e6=1, cost_e6=1, fee_e6=1, status=status, traded_ns=1, journal_seq=seq,
    )  # fmt: skip


def a_prediction(**over: Any) -> Prediction:
    base: dict[str, Any] = dict(  # noqa: C408
        account="main", strategy="coin", slug=SLUG, condition_id="0xc", n=1, start_s=FIRST, end_s=FIRST + 300,
        signal_type="coin", label="", prediction=None, probability=None, indicators={"rsi": 27.5}, btc_price=None,
        strike=None, strike_source="", up_ask_e6=None, down_ask_e6=None, reason_code="NO_STRIKE", reason="no print",
        decided_ns=1, good_until_ns=1,
    )  # fmt: skip
    return Prediction(**base | over)


def a_settlement(seq: int) -> Settlement:
    return Settlement(
        account="main", strategy="coin", slug=SLUG, start_s=FIRST, end_s=FIRST + 300, outcome="UP", provisional=False,
        paid=True, corrected=False, held="UP", cost_e6=1, fee_e6=1, payout_e6=3, pnl_e6=1, win=True, win_streak=1,
        settled_ns=1, journal_seq=seq,
    )  # fmt: skip


def rows(path: Path, sql: str) -> list[Any]:
    with sqlite3.connect(path) as db:
        return db.execute(sql).fetchall()


def test_a_batch_is_on_disk_only_when_it_is_committed(tmp_path: Path) -> None:
    ledger = IndexDb(tmp_path / "ledger.sqlite")
    ledger.store(tables.mark("risk", 1, 5))
    assert rows(ledger.path, "SELECT * FROM marks") == []
    ledger.store(Store(table="commit", row=b"{}"))
    assert rows(ledger.path, "SELECT * FROM marks") == [("risk", 1, 5)]
    for n in range(BATCH_ROWS):
        ledger.store(tables.mark(f"s{n}", 1, n))
    assert rows(ledger.path, "SELECT count(*) FROM marks") == [(BATCH_ROWS + 1,)]


def test_the_newest_row_of_a_key_wins_within_and_across_batches(tmp_path: Path) -> None:
    ledger = IndexDb(tmp_path / "ledger.sqlite")
    for value in (1, 2):
        ledger.store(tables.counter("gaps", value))
    ledger.commit()
    ledger.store(tables.counter("gaps", 3))
    ledger.close()
    assert rows(ledger.path, "SELECT value FROM counters") == [(3,)]


def test_late_money_never_replaces_newer_money(tmp_path: Path) -> None:
    ledger = IndexDb(tmp_path / "ledger.sqlite")
    ledger.store(tables.newest(a_fill(5, "CONFIRMED")))
    ledger.store(tables.newest(a_fill(2)))
    ledger.commit()
    ledger.store(tables.newest(a_fill(3)))
    ledger.close()
    assert rows(ledger.path, "SELECT status, journal_seq FROM fills") == [("CONFIRMED", 5)]


def test_a_newer_version_is_refused_naming_both(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(LedgerTooNew, match=f"version {VERSION + 1}, .* version {VERSION}$"):
        IndexDb(path)


@pytest.mark.parametrize("harm", ["head", "middle", "garbage"])
def test_a_damaged_ledger_is_moved_aside_and_begun_anew(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = IndexDb(path)
    for n in range(2000):
        ledger.store(tables.mark(f"source {n}", 1, n))
    ledger.close()
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
    session = json.dumps({"strategies": ["coin"], "first_window_s": FIRST, "windows": 2, "speed": 1.0})
    started = Started(actor="recorder", boot=1, config=msgspec.json.encode(Settings()).decode(), versions={}, mono_s=0.0,
                      speed=1.0, session=session)  # fmt: skip
    ledger = IndexDb(tmp_path / "ledger.sqlite")

    def a_life(core: RecorderCore, *words: Word | Envelope) -> list[bytes]:
        said = [s for w in (started, ledger.restored(), *words) for s in core.handle(w, FIRST * 10**9)]
        stores = [s for s in said if isinstance(s, Store)]
        for store in stores:
            ledger.store(store)
        ledger.commit()
        return [s.row for s in stores if s.table == "windows"]

    def heard(word: Any, source: str, seq: int) -> Envelope:
        return Envelope(source=source, boot=1, seq=seq, at_ns=FIRST * 10**9, cause="", body=word)

    first = a_life(RecorderCore(), heard(a_prediction(), "signal", 1), heard(a_settlement(7), "executor", 1))
    assert a_life(RecorderCore())[-1] == first[-1]


def test_every_row_has_the_columns_of_its_table() -> None:
    for name, row in {
        "windows": "WindowRow", "messages": "MessageRow", "tape": "MessageRow", "levels": "LevelRow", "money": "MoneyRow",
        "equity": "EquityRow", "marks": "MarkRow", "counters": "CounterRow",
    }.items():  # fmt: skip
        assert TABLES[name].columns == getattr(tables, row).__struct_fields__
    for table in TABLES.values():
        assert set(table.key) <= set(table.columns)
