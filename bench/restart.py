"""What a long history costs: the executor's start, and a fill, after so many windows of so many strategies.

    python -m bench.restart --windows 100000 --strategies 8

A journal is written as the executor writes it (without waiting for the disk, or this would take an hour), compacted as it
compacts, and stands just before its next compaction. Measured: reading it and folding the books, beside an empty journal's
start in the same run; and what one fill costs there, from entry to words.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from messages import OrderIntent, Outcome
from polybot.core.executor.books.entries import (
    AnyEntry,
    FillBooked,
    FillConfirmed,
    IntentSigned,
    Opened,
    OrderTold,
    PaidOut,
    WindowNoted,
    WindowResolved,
    Written,
    to_bytes,
)
from polybot.core.executor.books.events import newest
from polybot.core.executor.books.fold import apply, restored, snapshot
from polybot.core.executor.books.state import Books
from polybot.core.executor.books.writer import SNAPSHOT_EVERY
from polybot.runtime.store.journal import Journal
from tests.build import an_intent

FIRST_S = 1_700_000_100
SIZE_E6, COST_E6, FEE_E6 = 9_000_000, 4_500_000, 157_500


def an_order_of(n: int, strategy: str, outcome: Outcome) -> OrderIntent:
    """The strategy's order of the n-th window."""
    start_s = FIRST_S + 300 * n
    slug = f"btc-updown-5m-{start_s}"
    return an_intent(
        id=f"main/{strategy}/{slug}/1", slug=slug, start_s=start_s, end_s=start_s + 300, strategy=strategy,
        condition_id=f"0x{n:064x}", token_id=f"{n:070d}{outcome}", outcome=outcome,
    )  # fmt: skip


def entries_of(windows: int, strategies: int, luck: random.Random) -> Iterator[AnyEntry]:
    """Every strategy trades half of the windows; all settle, winners are paid."""
    yield Opened(account="main", purse_e6=100_000_000_000, wallet_e6=1_000_000_000_000)
    for n in range(windows):
        start_s = FIRST_S + 300 * n
        slug = f"btc-updown-5m-{start_s}"
        winner: Outcome = luck.choice(("UP", "DOWN"))
        paid: list[AnyEntry] = []
        for k in range(strategies):
            if luck.random() < 0.5:
                continue
            strategy = f"strategy_{k}"
            outcome: Outcome = luck.choice(("UP", "DOWN"))
            order_id = f"0x{luck.getrandbits(256):064x}"
            yield IntentSigned(
                intent=an_order_of(n, strategy, outcome), order_id=order_id, body=b"{}" * 400, risk_boot=1, good_until_ns=0,
                cancel_at_ns=0,
            )  # fmt: skip
            yield a_fill(order_id, start_s)
            yield OrderTold(order_id=order_id, posts=1, seen=True, over=True, matched_e6=SIZE_E6)
            yield FillConfirmed(order_id=order_id, trade_id=order_id)
            if outcome == winner:
                paid.append(PaidOut(strategy=strategy, slug=slug, amount_e6=SIZE_E6))
        yield WindowNoted(slug=slug, start_s=start_s, end_s=start_s + 300, outcome=winner, inferred=False, move_bp=1.5)
        if paid:
            yield WindowResolved(slug=slug, start_s=start_s, end_s=start_s + 300, winner=winner)
        yield from paid


def a_fill(order_id: str, start_s: int) -> FillBooked:
    """The whole order, at once."""
    return FillBooked(
        order_id=order_id, trade_id=order_id, size_e6=SIZE_E6, price_e6=500_000, cost_e6=COST_E6, fee_e6=FEE_E6,
        status="MATCHED", is_taker=True, matched_s=start_s,
    )  # fmt: skip


def write(folder: Path, windows: int, strategies: int) -> Books:
    """The journal of such a history, up to just before a compaction."""
    books, journal = Books(), Journal(folder)
    began, shown = time.monotonic(), 0.0
    with mock.patch("os.fdatasync"):
        for entry in entries_of(windows, strategies, random.Random(1)):
            one = Written(version=1, seq=books.seq + 1, at_ns=(FIRST_S + books.seq) * 10**9, entry=entry)
            journal.append(to_bytes(entry, one.seq, one.at_ns), one.seq)
            apply(books, one)
            if isinstance(entry, WindowNoted) and books.seq - books.snapshot_seq >= SNAPSHOT_EVERY:
                journal.compact(snapshot(books), books.seq)
            if sys.stderr.isatty() and time.monotonic() - shown > 1.0:
                shown = time.monotonic()
                done = (books.last_window_s - FIRST_S) // 300 if books.last_window_s else 0
                sys.stderr.write(f"\r{done:,} of {windows:,} windows, {shown - began:.0f} s")
        while books.seq - books.snapshot_seq < SNAPSHOT_EVERY - 1:  # the dearest moment for a restart
            one = Written(
                version=1, seq=books.seq + 1, at_ns=books.last_ns,
                entry=WindowNoted(
                    slug=f"btc-updown-5m-{books.last_window_s}", start_s=books.last_window_s,
                    end_s=books.last_window_s + 300, outcome="UP", inferred=False, move_bp=0.1 * (books.seq % 7),
                ),
            )  # fmt: skip
            journal.append(to_bytes(one.entry, one.seq, one.at_ns), one.seq)
            apply(books, one)
    journal.close()
    return books


def start(folder: Path) -> tuple[float, Books]:
    """Seconds from opening the journal to folded books."""
    began = time.perf_counter()
    journal = Journal(folder)
    books = restored(tuple(record.data for record in journal.records))
    took = time.perf_counter() - began
    journal.close()
    return took, books


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--strategies", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, empty = Path(temporary) / "journal", Path(temporary) / "empty"
        write(folder, asked.windows, asked.strategies)
        Journal(empty).close()
        starts = [(start(folder)[0], start(empty)[0]) for _ in range(asked.rounds)]
        _, books = start(folder)
        fills = []
        for n in range(200):
            order_id = f"0xbench{n}"
            intent = an_order_of(asked.windows + 10, "strategy_0", "UP")
            signed = IntentSigned(
                intent=intent, order_id=order_id, body=b"{}", risk_boot=1, good_until_ns=0, cancel_at_ns=0
            )
            apply(books, Written(version=1, seq=books.seq + 1, at_ns=books.last_ns, entry=signed))
            began = time.perf_counter()
            fill = Written(version=1, seq=books.seq + 1, at_ns=books.last_ns, entry=a_fill(order_id, intent.start_s))
            to_bytes(fill.entry, fill.seq, fill.at_ns)
            apply(books, fill)
            list(newest(books))
            fills.append(time.perf_counter() - began)
        size = sum(path.stat().st_size for path in folder.glob("*.log"))
        newest_segment = max(folder.glob("*.log"), key=lambda path: int(path.stem)).stat().st_size
    full, bare = (statistics.median(times) for times in zip(*starts, strict=True))
    print(f"{asked.windows:,} windows of {asked.strategies} strategies, {os.cpu_count()} cores")
    print(f"journal             {size / 1e6:9.1f} MB, of which a start reads {newest_segment / 1e6:.1f}")
    print(
        f"start, beyond empty {full - bare:9.3f} s   (empty {bare * 1000:.2f} ms; worst {max(a for a, _ in starts):.3f} s)"
    )
    print(f"a fill              {statistics.median(fills) * 1000:9.3f} ms  (worst {max(fills) * 1000:.3f} ms)")


if __name__ == "__main__":
    main()
