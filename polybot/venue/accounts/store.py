"""What must survive the venue's death: committed, FULL, before the venue answers.

Documents are opaque here (JSON of the engine and the desk); the store knows keys and order only. One file is one session:
a new session's world begins in the past, so the old file is put aside, never mixed.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS doc (
    kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
"""

Doc = tuple[str, str, bytes]
"""(kind, id, body): the rows of the engine, and a few of our own"""


class VenueStore:
    """One connection, used by the event loop's thread only."""

    def __init__(self, path: Path, session: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = _open(path)
        known = self.meta("session")
        if known is not None and known.decode() != session:
            self._db.close()
            _put_aside(path, known.decode())
            self._db = _open(path)
        self.commit([], meta={"session": session.encode()})
        if self.meta("secret") is None:
            self.commit([], meta={"secret": os.urandom(32)})
        self._changes = next(iter(self._db.execute("SELECT coalesce(max(changed), 0) FROM doc")))[0]

    def meta(self, name: str) -> bytes | None:
        """A fact about the file itself, None when it was never written."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def commit(self, docs: Iterable[Doc], meta: dict[str, bytes] | None = None) -> None:
        """All of it on disk, or an exception: then the venue dies rather than answer."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for name, value in (meta or {}).items():
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            for kind, id_, body in docs:
                self._changes += 1
                self._db.execute("INSERT OR REPLACE INTO doc VALUES (?, ?, ?, ?)", (kind, id_, body, self._changes))

    def all(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """(id, body) of a kind, in the order of their last change."""
        return iter(self._db.execute("SELECT id, body FROM doc WHERE kind = ? ORDER BY changed", (kind,)).fetchall())

    def close(self) -> None:
        """Close the file; everything is committed already."""
        self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    os.chmod(path, 0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(_SCHEMA)
    return db


def _put_aside(path: Path, session: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        old = Path(f"{path}{suffix}")
        if old.exists():
            old.replace(path.with_name(f"{path.stem}.{session}{path.suffix}{suffix}"))
