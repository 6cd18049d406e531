"""`state/logs/windows.jsonl`: every row of a window as it was known at each change, one JSON object a line, append-only.

For grep, and for the day on which nothing else can be read. 10 MB × 5: the oldest file goes first.
"""

import os
from pathlib import Path

MAX_BYTES = 10_000_000
FILES = 5


class Trail:
    """Appends lines; the newest file has the plain name, older ones end in .1 to .4. A restart may repeat a line."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, files: int = FILES) -> None:
        self._path, self._max_bytes, self._files = path, max_bytes, files
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def append(self, line: bytes) -> None:
        """One whole line in one write: two lines never mix, and only a full disk can tear one (OSError)."""
        if self._size and self._size + len(line) + 1 > self._max_bytes:
            self._rotate()
        self._size += os.write(self._fd, line + b"\n")

    def close(self) -> None:
        """Close the file; every line is written already."""
        os.close(self._fd)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        os.close(self._fd)
        for n in range(self._files - 1, 0, -1):
            older = self._numbered(n - 1) if n > 1 else self._path
            if older.exists():
                older.replace(self._numbered(n))
        self._fd, self._size = self._open(), 0

    def _numbered(self, n: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{n}")
