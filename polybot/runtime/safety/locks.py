"""One process a name: an exclusive flock before anything is bound, and the boot number kept under it."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from polybot.runtime.base.paths import Paths, UnsafeMode, replace_synced
from polybot.runtime.safety import halt

_PATIENCE_S = 0.3  # a killed holder's descriptors close a moment after its death
_EPOCH_2020_S = 1_577_836_800


class Occupied(Exception):
    """Someone else holds the lock: leave (75)."""


class Holder(NamedTuple):
    """Who holds a lock, as it wrote itself into the lock's file."""

    pid: int
    name: str


class Lock:
    """An exclusive lock on a name, held until the process ends or calls `release`."""

    def __init__(self, paths: Paths, name: str, fd: int) -> None:
        self._paths, self.name, self._fd = paths, name, fd

    def next_boot(self) -> int:
        """The number of this life: on disk before it is used, greater than all before it. Only the holder may ask."""
        path, parent = self._paths.boot(self.name), os.getppid()
        boot = _boot_before(path, self._paths) + 1
        first = _first_under(path, parent) or boot
        replace_synced(path, f"{boot} {parent} {first}\n")
        return boot

    def release(self) -> None:
        """Give the lock up: another process may take the name."""
        os.close(self._fd)


def _boot_before(path: Path, paths: Paths) -> int:
    """A lost counter must not go back to 1 where peers remember greater boots: seconds since 2020 are beyond any count."""
    try:
        return int(path.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return int(time.time()) - _EPOCH_2020_S if _has_lived(path.stem, paths) else 0


def _first_under(path: Path, parent: int) -> int:
    """The boot of our first life under this supervisor; 0 when this is it."""
    try:
        _, noted, first = path.read_text().split()
        return int(first) if int(noted) == parent else 0
    except (FileNotFoundError, ValueError):
        return 0


def restarts(paths: Paths, name: str) -> int | None:
    """How often it was started again under its present supervisor, whoever may have died meanwhile; None = never started."""
    try:
        boot, _, first = paths.boot(name).read_text().split()
        return int(boot) - int(first)
    except (FileNotFoundError, ValueError):
        return None


def _has_lived(name: str, paths: Paths) -> bool:
    """Did this bot run before its counter was lost? Its own recordings, or a journal older than the session, tell."""
    flight = paths.flight / name
    if flight.exists() and any(flight.iterdir()):
        return True
    began_ns = paths.session.stat().st_mtime_ns if paths.session.exists() else time.time_ns()
    return paths.journal.exists() and any(f.stat().st_mtime_ns < began_ns for f in paths.journal.iterdir())


def take(paths: Paths, name: str) -> Lock:
    """The lock of `name`, or Occupied naming its holder."""
    path = paths.lock(name)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            if time.monotonic() > deadline:
                raise Occupied(_told(paths, name)) from None
            time.sleep(0.02)
            continue
        if _is_named(path, fd):
            _write_holder(fd, name)
            return Lock(paths, name, fd)
        os.close(fd)  # removed and made anew between open and lock


def take_or_exit(paths: Paths, name: str) -> Lock:
    """Take the lock, for actors, with the folders made; else a sentence and 75 (occupied) or 77 (unsafe mode)."""
    try:
        halt.prepare(paths)
        return take(paths, name)
    except Occupied as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(75)
    except UnsafeMode as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(77)


def holder(paths: Paths, name: str) -> Holder | None:
    """Who holds the lock now: verified by that process having the very file open. Never takes the lock itself, so that a
    look can never make an actor believe that it is not alone.
    """
    path = paths.lock(name)
    try:
        facts = json.loads(path.read_text())
        found = Holder(int(facts["pid"]), str(facts["name"]))
        return found if _has_open(found.pid, path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(paths: Paths, name: str) -> str:
    found = holder(paths, name)
    who = f"by process {found.pid} ({found.name})" if found else "by a process that did not sign it"
    return f"{name} already runs: {paths.lock(name)} is held {who}"


def _write_holder(fd: int, name: str) -> None:
    text = json.dumps({"pid": os.getpid(), "name": name}).encode().ljust(80) + b"\n"
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))


def _is_named(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _has_open(pid: int, path: Path) -> bool:
    wanted = path.stat()
    folder = f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        try:
            if os.path.samestat(os.stat(f"{folder}/{number}"), wanted):
                return True
        except OSError:
            continue  # closed meanwhile
    return False
