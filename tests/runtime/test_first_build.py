"""What the first build wrote is read by this one: its journal, its index, its tape, its state folders."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from polybot.core.executor.books import double_entry, order_state
from polybot.core.executor.books.fold import restored
from polybot.core.executor.books.state import Books
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_read import IndexReader
from polybot.runtime.store.journal import SNAPSHOT, Journal, records_of, segments_of
from polybot.runtime.store.recall import persisted
from polybot.venue.tape_files import open_tape

FIRST_BUILD = Path(__file__).parents[1] / "fixtures" / "first_build"
FIRST_WINDOW_S = 1_795_132_800


def unpacked(name: str, into: Path) -> Paths:
    with tarfile.open(FIRST_BUILD / f"{name}.tar.gz") as tar:
        tar.extractall(into, filter="data")
    return Paths(into / name)


def a_journal(tmp_path: Path) -> Journal:
    return Journal(Path(shutil.copytree(FIRST_BUILD / "journal", tmp_path / "journal")))


def told_then() -> dict[str, Any]:
    """The books as the first build folded them, field by field."""
    told: dict[str, Any] = json.loads(gzip.decompress((FIRST_BUILD / "books.json.gz").read_bytes()))
    return told


def holds(now: Any, then: Any, where: str = "books") -> None:
    """Everything the first build knew is still known, with the same value; what is new since then is not looked at."""
    if isinstance(then, dict):
        for key, value in then.items():
            assert key in now, f"{where}.{key} is gone"
            holds(now[key], value, f"{where}.{key}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for i, (a, b) in enumerate(zip(now, then, strict=True)):
            holds(a, b, f"{where}[{i}]")
    else:
        assert now == then, where


def as_json(books: Books) -> Any:
    """As the first build would have told it: what streaks are folded from was a dict of dicts then."""
    now = json.loads(msgspec.json.encode(books))
    now["traded"] = {strategy: {row["slug"]: row for row in run["rows"]} for strategy, run in now["runs"].items()}
    return now


def test_its_journal_folds_to_the_same_books() -> None:
    segments = segments_of(FIRST_BUILD / "journal")
    entries = [r.data for path in segments for r in records_of(path) if r.kind != SNAPSHOT]
    books = restored(tuple(entries))
    assert len(entries) == 129
    holds(as_json(books), told_then())
    assert double_entry.cash_e6(books) == 1_030_797_662
    assert sum(amount for _, amount in double_entry.statement(books)) == 0


def test_its_snapshot_and_what_came_after_it_fold_to_the_same_books(tmp_path: Path) -> None:
    word = persisted(a_journal(tmp_path))
    then = told_then()
    del then["snapshot_seq"]  # that build compacted nothing in so short a session: the snapshot was made for this test
    assert len(word.records) == 50 and word.last_seq == 129
    holds(as_json(restored(word.records)), then)


def test_a_field_that_changed_its_value_would_be_seen() -> None:
    with pytest.raises(AssertionError, match=r"books\.a\[1\]"):
        holds({"a": [1, 3], "b": 0}, {"a": [1, 2]})


def test_its_index_is_read(tmp_path: Path) -> None:
    index = IndexReader(unpacked("finished", tmp_path).index)
    rows = index.windows(FIRST_WINDOW_S)
    assert [(row["n"], row["strategy"]) for row in rows] == [(n, s) for n in (1, 2, 3) for s in ("coin", "rsi_ema")]
    assert sum(row["state"] == "traded" for row in rows) == 2
    index.close()


def test_its_tape_is_played() -> None:
    world = open_tape(FIRST_BUILD / "tape")
    assert [market.slug for market in world.markets(1_784_851_200, 1_784_852_100)] == [
        f"btc-updown-5m-{1_784_851_200 + 300 * n}" for n in range(3)
    ]


@pytest.mark.parametrize(
    ("verb", "key", "count"), [("windows", "windows", 6), ("orders", "orders", 2), ("fills", "fills", 2)]
)
def test_its_finished_session_is_told(tmp_path: Path, verb: str, key: str, count: int) -> None:
    paths = unpacked("finished", tmp_path)
    command = [sys.executable, "-m", "polybot.cli", verb, "--json"]
    done = subprocess.run(
        command, env=os.environ | {"POLYBOT_STATE": str(paths.state)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)[key]) == count


def test_what_was_in_flight_is_known(tmp_path: Path) -> None:
    """Killed with an open position and an order that rests: both are in the books, and the cash is reserved."""
    books = restored(persisted(Journal(unpacked("in_flight", tmp_path).journal)).records)
    states = [order_state.state_of(order) for order in books.orders.values()]
    assert sorted(states) == ["CANCELED", "LIVE", "MATCHED"]
    assert double_entry.reserved_e6(books) == 4_998_000
    assert double_entry.positions_e6(books) > 0
