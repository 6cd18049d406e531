"""The kill switch: what halts, what does not, who may lift it; and the gate that every order passes."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import halt
from polybot.runtime.safety.halt import Gate, HaltNotWritten, NotLifted, Standing, Turnstile


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


def by_hand(paths: Paths, reason: str = "test") -> Standing:
    return halt.write(paths, by=halt.USER, reason_code="KILL_SWITCH", reason=reason)


def test_only_no_file_inside_a_verified_folder_means_not_halted(paths: Paths) -> None:
    assert halt.look(paths) is None


def test_a_missing_folder_and_a_foreign_folder_halt(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        standing = halt.look(Paths(folder))
        assert standing is not None
        assert not standing.is_readable


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"id": "x"}', b"\xff\xfe", b'{"id": 1}', b"[" * 5000])
def test_a_file_that_cannot_be_read_halts(paths: Paths, content: bytes) -> None:
    paths.halt.write_bytes(content)
    standing = halt.look(paths)
    assert standing is not None
    assert not standing.is_readable
    assert standing.id, "the loop tells a halt by its id"


def test_a_folder_or_a_dangling_link_in_its_place_halts(paths: Paths) -> None:
    paths.halt.mkdir()
    assert halt.look(paths) is not None
    paths.halt.rmdir()
    paths.halt.symlink_to("/nowhere/at/all")
    assert halt.look(paths) is not None, "something stands there, wherever it points"


def test_a_vanished_spare_halts(paths: Paths) -> None:
    paths.halt_spare.unlink()
    assert halt.look(paths) is not None


def test_what_was_written_is_read_and_the_first_writer_wins(paths: Paths) -> None:
    first = by_hand(paths, "the first")
    assert halt.look(paths) == first
    assert (first.by, first.reason_code, first.reason) == ("user", "KILL_SWITCH", "the first")
    second = halt.write(paths, by="watchdog", reason_code="CRASH_LOOP", reason="the second")
    assert second == first
    assert not paths.halt_spare.exists()


def test_many_writers_at_once_leave_one_whole_halt(paths: Paths) -> None:
    start = threading.Barrier(8)
    seen: list[Standing] = []

    def write(n: int) -> None:
        start.wait()
        seen.append(halt.write(paths, by=f"w{n}", reason_code="X", reason="x" * 500))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert halt.look(paths) == seen[0]
    assert [p.name for p in paths.state.glob("halt*")] == ["halt.json"]


def test_a_writer_stopped_with_the_spare_in_its_hands_stops_nobody(paths: Paths) -> None:
    import fcntl

    held = os.open(paths.halt_spare, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert by_hand(paths).is_manual
    os.close(held)


def test_without_a_spare_it_is_written_all_the_same(paths: Paths) -> None:
    paths.halt_spare.unlink()
    assert by_hand(paths, "no spare").reason == "no spare"


def test_a_disk_that_refuses_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(HaltNotWritten, match="Input/output error"):
        by_hand(paths)


def test_it_is_written_on_a_full_disk(tmp_path: Path) -> None:
    """A file system of 64 KB, filled to the last byte, in a mount name space of its own."""
    script = f"""
import os
from pathlib import Path
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt
paths = Paths(Path({str(tmp_path)!r}) / "small" / "state")
halt.prepare(paths)
try:
    with open(paths.state / "filler", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
except OSError as exc:
    assert exc.errno == 28, exc
print(halt.write(paths, by="user", reason_code="KILL_SWITCH", reason="disk full").reason)
"""
    (tmp_path / "small").mkdir()
    (tmp_path / "fill.py").write_text(script)
    inside = f"mount -t tmpfs -o size=64k none {tmp_path}/small && exec {sys.executable} {tmp_path}/fill.py"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("mounting a small file system is not permitted here")
    assert done.stdout.strip() == "disk full", done.stderr


# --- lifting


def test_a_halt_by_hand_is_lifted_by_its_name_and_noted(paths: Paths) -> None:
    standing = by_hand(paths)
    assert halt.lift(paths, standing.id, override=False, reason="all clear") == standing
    assert halt.look(paths) is None
    assert paths.halt_spare.stat().st_size == 4096
    assert json.loads((paths.state / "halt.log").read_text())["because"] == "all clear"


def test_a_newer_halt_is_not_lifted_by_an_older_name(paths: Paths) -> None:
    old = by_hand(paths)
    halt.lift(paths, old.id, override=False, reason="r")
    new = by_hand(paths)
    with pytest.raises(NotLifted, match="a newer halt stands"):
        halt.lift(paths, old.id, override=True, reason="r")
    assert halt.look(paths) == new


def test_an_automatic_halt_needs_an_override(paths: Paths) -> None:
    standing = halt.write(paths, by="risk", reason_code="DRAWDOWN", reason="equity 69.99 of 100.00")
    with pytest.raises(NotLifted, match="--override"):
        halt.lift(paths, standing.id, override=False, reason="r")
    halt.lift(paths, standing.id, override=True, reason="r")
    assert halt.look(paths) is None


def test_an_unreadable_halt_needs_an_override(paths: Paths) -> None:
    paths.halt.write_bytes(b"garbage")
    standing = halt.look(paths)
    assert standing is not None
    with pytest.raises(NotLifted):
        halt.lift(paths, standing.id, override=False, reason="r")
    halt.lift(paths, standing.id, override=True, reason="r")
    assert halt.look(paths) is None


def test_nothing_to_lift_is_told(paths: Paths) -> None:
    with pytest.raises(NotLifted, match="no halt stands"):
        halt.lift(paths, "h1", override=True, reason="r")


# --- the gate


GOOD_UNTIL_NS = 1000


def a_gate(paths: Paths, now_ns: int = GOOD_UNTIL_NS) -> Gate:
    return Gate(paths, lambda: now_ns)


def posted(gate: Gate) -> str:
    """What an order lane does: hold the turnstile while the bytes leave."""

    def post(turnstile: Turnstile) -> str:
        with turnstile() as why:
            return why or "sent"

    return gate.send(GOOD_UNTIL_NS, post)


def test_an_order_passes_until_its_good_until_and_not_a_nanosecond_later(paths: Paths) -> None:
    assert posted(a_gate(paths, GOOD_UNTIL_NS - 1)) == "sent"
    assert posted(a_gate(paths, GOOD_UNTIL_NS)) == "sent"
    assert posted(a_gate(paths, GOOD_UNTIL_NS + 1)).startswith("TOO_LATE: ")


def test_the_file_alone_shuts_the_gate(paths: Paths) -> None:
    gate = a_gate(paths)
    by_hand(paths, "by file")
    assert posted(gate) == "KILL_SWITCH: by file"


def test_a_paused_gate_opens_again_and_a_closed_one_never_does(paths: Paths) -> None:
    gate = a_gate(paths)
    gate.pause("no heartbeat")
    assert posted(gate) == "HEARTBEAT: no heartbeat"
    gate.pause("")
    assert posted(gate) == "sent"
    gate.close("disk refused")
    gate.pause("")
    assert posted(gate) == "HALTED: disk refused"


def test_close_returns_only_between_two_orders_bytes(paths: Paths) -> None:
    gate, writing, go_on = a_gate(paths), threading.Event(), threading.Event()
    written: list[str] = []

    def post(turnstile: Turnstile) -> None:
        with turnstile():
            writing.set()
            go_on.wait(10)
            written.append("bytes")

    order = threading.Thread(target=gate.send, args=(GOOD_UNTIL_NS, post))
    order.start()
    assert writing.wait(10)
    closing = threading.Thread(target=gate.close, args=("halt",))
    closing.start()
    assert not written
    go_on.set()
    closing.join(10)
    assert written == ["bytes"]
    order.join(10)


def test_a_post_that_raises_leaves_the_turnstile_free(paths: Paths) -> None:
    gate = a_gate(paths)

    def post(turnstile: Turnstile) -> None:
        with turnstile():
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        gate.send(GOOD_UNTIL_NS, post)
    assert posted(gate) == "sent", "the lock is free again"
