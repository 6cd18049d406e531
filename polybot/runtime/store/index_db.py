"""`state/ledger.sqlite`: the recorder's derived index. Not the truth: everything in it can be asked for again.

WAL, synchronous NORMAL (a power cut may lose the newest batch; the marks lie in the same transaction, so it is asked for
again). One transaction a batch; within a batch the newest row of a key wins before it reaches the disk.
An index of a newer version is refused; a damaged one is moved aside and begun anew.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from messages import Envelope, Fill, OrderUpdate, Settlement, decode_word, encode
from messages.inner import Restored, Store
from polybot.core.recorder.tables import CounterRow, EquityRow, LevelRow, MarkRow, MessageRow, MoneyRow
from polybot.core.recorder.window_row import WindowRow
from polybot.runtime.store.index_version import VERSION as VERSION
from polybot.runtime.store.index_version import IndexTooNew as IndexTooNew
from polybot.runtime.store.index_version import IndexUnusable as IndexUnusable  # who writes finds all of it here

BATCH_ROWS = 500
TAPE_ROWS = 400_000  # retention: the oldest samples of the market go first
_TRIM_EVERY = 20_000


@dataclass(frozen=True)
class Table:
    """Columns in order, and which of them name a row."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    grows: bool = False  # appended to for ever: rows lie in the order of their coming, the key in an index of its own


TABLES: dict[str, Table] = {
    "windows": Table(WindowRow.__struct_fields__, ("start_s", "account", "strategy")),
    "messages": Table(MessageRow.__struct_fields__, ("name",), (("slug",), ("tag", "at_ns")), grows=True),
    "tape": Table(MessageRow.__struct_fields__, ("name",), (("tag", "at_ns"),), grows=True),
    "levels": Table(LevelRow.__struct_fields__, ("topic",)),
    "money": Table(MoneyRow.__struct_fields__, ("journal_seq", "tag", "key"), (("slug",), ("order_id",)), grows=True),
    "orders": Table(OrderUpdate.__struct_fields__, ("order_id",)),
    "fills": Table(Fill.__struct_fields__, ("trade_id", "order_id")),
    "settlements": Table(Settlement.__struct_fields__, ("account", "strategy", "slug")),
    "equity": Table(EquityRow.__struct_fields__, ("account", "at_ns", "journal_seq")),
    "marks": Table(MarkRow.__struct_fields__, ("source",)),
    "counters": Table(CounterRow.__struct_fields__, ("name",)),
}
_NEWER_WINS = ("orders", "fills", "settlements")  # by journal_seq: words of money may come late and twice

_ABSENT = (
    "SELECT start_s, account, strategy, reason_code, reason FROM windows"
    " WHERE order_id = '' AND reason_code IN ('ACTOR_DOWN', 'HALTED') AND prediction IS NULL AND signal_type = ''"
)
_PLAIN = (str, int, float, type(None))
_row_decoder = msgspec.json.Decoder(dict[str, Any])


def ddl(name: str, table: Table) -> list[str]:
    """The SQL statements that make a table and its indexes, where they are missing."""
    columns = ", ".join(f'"{c}"' for c in table.columns)
    key = ", ".join(f'"{c}"' for c in table.key)
    kind = "" if table.grows else " WITHOUT ROWID"
    made = [f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({key})){kind}"]
    for index in table.indexes:
        made.append(f"CREATE INDEX IF NOT EXISTS {name}_{'_'.join(index)} ON {name} ({', '.join(index)})")
    return made


def _upsert(name: str, table: Table) -> str:
    marks = ", ".join("?" * len(table.columns))
    if name not in _NEWER_WINS:
        return f"INSERT OR REPLACE INTO {name} VALUES ({marks})"
    key = ", ".join(table.key)
    sets = ", ".join(f'"{c}" = excluded."{c}"' for c in table.columns if c != "intent")
    if "intent" in table.columns:
        sets += ', "intent" = COALESCE(excluded."intent", "intent")'
    newer = f"excluded.journal_seq >= {name}.journal_seq"
    return f"INSERT INTO {name} VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {sets} WHERE {newer}"


@dataclass
class _Batch:
    rows: dict[str, dict[tuple[Any, ...], Sequence[Any]]] = field(default_factory=dict)
    count: int = 0


class IndexDb:
    """The writer: `store` each row, `commit` about every 50 ms. One process only (the recorder holds its lock)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.moved_aside: Path | None = None
        self.rows_written = 0
        self.batches = 0
        self._batch = _Batch()
        self._tape_since_trim = 0
        self._sql = {name: _upsert(name, table) for name, table in TABLES.items()}
        self._db = self._open()

    # --- opening

    def _open(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except sqlite3.OperationalError as exc:  # locked, no room, no right: moving it away would mend nothing
            raise IndexUnusable(f"{self.path}: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            self.moved_aside = _move_aside(self.path)
            if self.moved_aside is None:
                raise IndexUnusable(f"{self.path}: {exc}") from exc
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise IndexTooNew(f"{self.path} has index version {version}, this polybot writes version {VERSION}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA wal_autocheckpoint=4000")
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(str(verdict))
            for name, table in TABLES.items():
                for statement in ddl(name, table):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
        except BaseException:
            db.close()
            raise
        return db

    # --- writing

    def store(self, word: Store) -> None:
        """One row into the batch; table "commit" means now."""
        if word.table == "commit":
            self.commit()
            return
        table = TABLES[word.table]
        row = _row_decoder.decode(word.row)
        values = [v if type(v) in _PLAIN else _sql_value(v) for v in map(row.get, table.columns)]
        key = tuple(row[c] for c in table.key)
        rows = self._batch.rows.setdefault(word.table, {})
        if word.table in _NEWER_WINS and key in rows:
            key = (*key, len(rows))  # both go: the statement itself knows which is newer
        rows[key] = values
        self._batch.count += 1
        if self._batch.count >= BATCH_ROWS:
            self.commit()

    def commit(self) -> None:
        """Write the batch, if any, in one transaction."""
        if not self._batch.count:
            return
        batch, self._batch = self._batch, _Batch()
        db = self._db
        db.execute("BEGIN")
        for name, rows in batch.rows.items():
            db.executemany(self._sql[name], rows.values())
            self.rows_written += len(rows)
        self._trim(len(batch.rows.get("tape", ())))
        db.execute("COMMIT")
        self.batches += 1

    def _trim(self, fresh: int) -> None:
        self._tape_since_trim += fresh
        if self._tape_since_trim < _TRIM_EVERY:
            return
        self._tape_since_trim = 0
        (count,) = self._db.execute("SELECT count(*) FROM tape").fetchone()
        if count > TAPE_ROWS:
            oldest = "SELECT name FROM tape ORDER BY at_ns LIMIT ?"
            self._db.execute(f"DELETE FROM tape WHERE name IN ({oldest})", (count - TAPE_ROWS,))

    def close(self) -> None:
        """Write what is left and let go."""
        self.commit()
        self._db.close()

    # --- beginning again

    def restored(self) -> Restored:
        """What RecorderCore needs of an earlier life: the marks, then the messages that rows are made of, oldest first."""
        db = self._db
        marks = [
            {"source": source, "boot": boot, "safe_ns": safe_ns}
            for source, boot, safe_ns in db.execute("SELECT source, boot, safe_ns FROM marks")
        ]
        applied = next((m["safe_ns"] for m in marks if m["source"] == "journal"), 0)
        sources = [m for m in marks if m["source"] != "journal"]
        tags = "('Prediction', 'Allocation', 'RiskVerdict', 'WindowObserved', 'MarketResolved', 'ActorDied')"
        bodies = list(db.execute(f"SELECT at_ns, body FROM messages WHERE tag IN {tags} ORDER BY at_ns"))
        bodies += db.execute(
            "SELECT at_ns, body FROM money WHERE tag IN ('OrderUpdate', 'Settlement') ORDER BY journal_seq"
        )
        records = [encode(_envelope(at_ns, body)) for at_ns, body in bodies]
        absent = list(db.execute(_ABSENT))
        counters = dict(db.execute("SELECT name, value FROM counters"))
        known = msgspec.json.encode({"marks": sources, "absent": absent, "counters": counters})
        return Restored(records=(known, *records), last_seq=applied)


def _envelope(at_ns: int, body: str) -> Envelope:
    word = decode_word(msgspec.msgpack.encode(msgspec.json.decode(body)))
    return Envelope(source="index", boot=0, seq=0, at_ns=at_ns, cause="", body=word)


def _sql_value(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return int(value) if isinstance(value, bool) else value


def _move_aside(path: Path) -> Path | None:
    """ledger.sqlite → ledger.sqlite.damaged-<when>; its log goes with it. None when there is nothing to move."""
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.rename(aside)
    for tail in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + tail).rename(aside.with_name(aside.name + tail))
    return aside
