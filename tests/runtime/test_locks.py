"""One process a name, found and named without ever taking its lock; boots that only grow."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import halt, locks

HOLD = """
import sys, time
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import locks
lock = locks.take_or_exit(Paths.of(sys.argv[1]), "risk")
print(lock.next_boot(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    return paths


class Holder(NamedTuple):
    popen: "subprocess.Popen[str]"
    boot: str  # what it says of itself: the number of its life

    def end(self) -> None:
        self.popen.kill()
        self.popen.communicate()


def a_holder(paths: Paths) -> Holder:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    popen = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(paths.state)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert popen.stdout is not None
    return Holder(popen, popen.stdout.readline().strip())


def test_a_second_taker_is_told_who_holds_it(paths: Paths) -> None:
    first = a_holder(paths)
    try:
        with pytest.raises(locks.Occupied, match=rf"risk already runs: .*held by process {first.popen.pid} \(risk\)"):
            locks.take(paths, "risk")
        assert locks.holder(paths, "risk") == locks.Holder(first.popen.pid, "risk")
        second = a_holder(paths)
        assert second.popen.wait(10) == 75
    finally:
        first.end()


def test_a_killed_holder_holds_nothing(paths: Paths) -> None:
    a_holder(paths).end()
    assert locks.holder(paths, "risk") is None, "its name still stands in the file"
    locks.take(paths, "risk").release()


def test_looking_never_takes(paths: Paths) -> None:
    lock = locks.take(paths, "risk")
    assert locks.holder(paths, "risk") == locks.Holder(os.getpid(), "risk")
    lock.release()
    assert locks.holder(paths, "risk") is None
    assert locks.holder(paths, "signal") is None


def test_a_lock_file_that_was_replaced_is_not_ours(paths: Paths) -> None:
    lock = locks.take(paths, "risk")
    paths.lock("risk").unlink()
    other = locks.take(paths, "risk")
    assert locks.holder(paths, "risk") is not None
    lock.release()
    other.release()


def test_boots_grow_over_lives(paths: Paths) -> None:
    boots = []
    for _ in range(3):
        holder = a_holder(paths)
        boots.append(int(holder.boot))
        holder.end()
    assert boots == [1, 2, 3]
    assert locks.restarts(paths, "risk") == 2
    assert locks.restarts(paths, "signal") is None


def test_a_lost_counter_of_a_bot_that_has_lived_jumps_ahead(paths: Paths) -> None:
    lock = locks.take(paths, "risk")
    assert lock.next_boot() == 1
    paths.boot("risk").unlink()
    paths.journal.mkdir()
    (paths.journal / "1.log").touch()
    boot = lock.next_boot()
    assert boot > 100_000_000
    assert lock.next_boot() == boot + 1
    lock.release()


def test_the_first_boot_is_1_though_others_were_faster(paths: Paths) -> None:
    paths.session.write_text("{}")
    (paths.flight / "signal").mkdir(parents=True)
    (paths.flight / "signal" / "1.bin").touch()
    paths.journal.mkdir()
    (paths.journal / "1.log").touch()
    lock = locks.take(paths, "risk")
    assert lock.next_boot() == 1
    lock.release()
