"""Reading `state/ledger.sqlite`, also while the recorder writes it and also when nothing runs. Rows as dicts of columns."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polybot.core.market.windows import slug_of
from polybot.runtime.store.index_version import VERSION, IndexTooNew, IndexUnusable

Row = dict[str, Any]

_JSON = ("indicators", "intent", "body")
_BOOLS = ("provisional", "final", "paid", "corrected", "win")


class NoIndex(IndexUnusable):
    """Nothing was ever recorded here: most likely the wrong state folder."""


class IndexReader:
    """Opened for reading only (`query_only`; not mode=ro, which cannot open a log that a killed writer left behind)."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NoIndex(f"there is no index in {path.parent}: nothing was recorded there yet")
        try:
            self._db = sqlite3.connect(path, timeout=5.0)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA query_only=ON")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as exc:
            raise IndexUnusable(f"{path}: {exc}; the recorder begins it anew at its next start") from exc
        if version > VERSION:
            raise IndexTooNew(f"{path} has index version {version}, this polybot reads version {VERSION}")
        if version < VERSION:
            raise NoIndex(f"the index in {path.parent} is empty: the recorder has not begun it yet")

    def close(self) -> None:
        """Close the index; nothing can be read afterwards."""
        self._db.close()

    def windows(self, first_s: int = 0) -> list[Row]:
        """All windows' rows, in order of windows and strategies."""
        return self._rows("SELECT * FROM windows WHERE start_s >= ? ORDER BY start_s, strategy", first_s)

    def orders(self) -> list[Row]:
        """Each order in its newest state, the oldest order first."""
        return self._rows("SELECT * FROM orders ORDER BY updated_ns, journal_seq")

    def fills(self) -> list[Row]:
        """Each fill in its newest state, the oldest fill first."""
        return self._rows("SELECT * FROM fills ORDER BY traded_ns, trade_id, order_id")

    def level(self, tag: str) -> list[Row]:
        """The newest of each topic of this level, body decoded."""
        return self._rows("SELECT * FROM levels WHERE tag = ? ORDER BY topic", tag)

    def money(self, upto_seq: int = 1 << 62) -> list[Row]:
        """Every money event of the journal up to a sequence, in order."""
        return self._rows("SELECT * FROM money WHERE journal_seq <= ? ORDER BY journal_seq, tag, key", upto_seq)

    def money_of(self, slug: str) -> list[Row]:
        """Every money event of a window, in the order of the journal."""
        return self._rows("SELECT * FROM money WHERE slug = ? ORDER BY journal_seq, tag, key", slug)

    def messages_of(self, slug: str) -> list[Row]:
        """Every kept message about a window, in the order in which they were said."""
        return self._rows("SELECT * FROM messages WHERE slug = ? ORDER BY at_ns, name", slug)

    def messages(self, tag: str) -> list[Row]:
        """Every kept message of this kind, the oldest first."""
        return self._rows("SELECT * FROM messages WHERE tag = ? ORDER BY at_ns, name", tag)

    def named(self, name: str) -> Row | None:
        """The message a `cause` names, if it was kept."""
        for table in ("messages", "tape", "money"):
            found = self._rows(f"SELECT * FROM {table} WHERE name = ? LIMIT 1", name)
            if found:
                return found[0]
        return None

    def newest_sample(self, topic: str, until_ns: int, stamp: str, stamp_ns: int) -> Row | None:
        """The newest sample of a market topic (a prefix) said by until_ns whose own `stamp` is not after stamp_ns."""
        tag = topic.partition("/")[0]
        sql = "SELECT * FROM tape WHERE tag = ? AND at_ns <= ? AND topic LIKE ? ORDER BY at_ns DESC LIMIT 64"
        samples = self._rows(sql, tag, until_ns, topic + "%")
        return next((row for row in samples if row["body"][stamp] <= stamp_ns), None)

    def counters(self) -> dict[str, int]:
        """The recorder's counters by name."""
        return {row["name"]: row["value"] for row in self._rows("SELECT * FROM counters")}

    def slug_of(self, ident: str) -> tuple[str, str]:
        """(slug, strategy) that an order id, a prefix of one (≥ 6 characters), an intent id, a slug, a window's start or
        its number names; strategy "" = all of them. Raises IndexUnusable naming what was looked for.
        """
        for sql in (
            "SELECT slug, strategy FROM windows WHERE slug = ?",
            "SELECT slug, strategy FROM orders WHERE order_id = ? OR intent_id = ?",
            "SELECT slug, strategy FROM fills WHERE trade_id = ?",
            "SELECT slug, strategy FROM windows WHERE n = CAST(? AS INTEGER) AND n > 0",
        ):
            found = self._rows(sql, *[ident] * sql.count("?"))
            if found:
                exact = "slug = ?" not in sql and " n = " not in sql
                return str(found[0]["slug"]), str(found[0]["strategy"]) if exact else ""
        if len(ident) >= 6:
            found = self._rows("SELECT slug, strategy FROM orders WHERE order_id LIKE ?", f"{ident}%")
            if len(found) == 1:
                return str(found[0]["slug"]), str(found[0]["strategy"])
        return self._by_parts(ident)

    def _by_parts(self, ident: str) -> tuple[str, str]:
        """An intent that never became an order (account/strategy/slug/n), a start in seconds, or a window only observed."""
        parts = ident.split("/")
        if len(parts) == 4 and self.messages_of(parts[2]):
            return parts[2], parts[1]
        slug = slug_of(int(ident)) if ident.isdigit() else ident
        if self.messages_of(slug) or self._rows("SELECT slug FROM windows WHERE slug = ?", slug):
            return slug, ""
        raise IndexUnusable(f"nothing called {ident!r} was recorded: no order, intent, trade, window or number of one")

    def _rows(self, sql: str, *values: object) -> list[Row]:
        try:
            return list(self._decoded(self._db.execute(sql, values)))
        except sqlite3.DatabaseError as exc:
            raise IndexUnusable(f"the index could not be read: {exc}") from exc

    def _decoded(self, cursor: sqlite3.Cursor) -> Iterator[Row]:
        for found in cursor:
            row = dict(found)
            for name in row:
                if name in _JSON and row[name] is not None:
                    row[name] = json.loads(row[name])
                elif name in _BOOLS and row[name] is not None:
                    row[name] = bool(row[name])
            yield row
