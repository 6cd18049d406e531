"""The kill switch: a file, `state/halt.json`. Only "no such file inside an existing, verified state folder" means go.

A verified folder holds either the switch or its spare; a folder with neither is not one of ours, or is being damaged, and
halts. One way to write the switch: overwrite the pre-allocated spare, fsync, rename, fsync the folder: it works on a full
disk, with every process dead, and survives a reboot. The first writer wins.

Standard library only, and little of it: `polybot-ctl halt` writes the file before it imports anything heavy.
"""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from polybot.runtime.base.paths import Paths, sync_folder

# HaltError
# ├── HaltNotWritten  the disk refused: halt some other way (stop the processes), then mend the disk
# └── NotLifted       the halt that stands is not the one meant, or may not be lifted like this; nothing was changed


class HaltError(Exception):
    """The kill switch could not be moved; nothing is known to have changed."""


class HaltNotWritten(HaltError):
    """The halt file could not be written: trading was not stopped by it."""


class NotLifted(HaltError):
    """The halt was not lifted: the kill switch stands as it stood."""


USER = "user"  # `by` of a halt by hand; all others are automatic
_SIZE = 4096
_PATIENCE_S = 0.25


class Standing(NamedTuple):
    """The halt that stands. id names it; at: UTC wall time; by: "user" or the actor that wrote it."""

    id: str
    by: str
    reason_code: str
    reason: str
    at: str

    @property
    def is_manual(self) -> bool:
        """True when a person wrote the halt, not a program."""
        return self.by == USER

    @property
    def is_readable(self) -> bool:
        """False: something stands where the switch should be read, and it cannot be. That halts, too."""
        return self.by != ""


def look(paths: Paths) -> Standing | None:
    """What stands now. None, and only None, means not halted; whatever cannot be read is a halt that says why."""
    try:
        folder = os.open(paths.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        return _unreadable(f"the state folder {paths.state} cannot be opened: {exc.strerror}")
    try:
        return _look_inside(folder, paths)
    finally:
        os.close(folder)


def _look_inside(folder: int, paths: Paths) -> Standing | None:
    try:
        file = os.open(paths.halt.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return _verify(folder, paths)
    except OSError as exc:
        return _unreadable(f"{paths.halt} cannot be opened: {exc.strerror}")
    try:
        return _parse(os.read(file, 16 * _SIZE), paths)
    except OSError as exc:
        return _unreadable(f"{paths.halt} cannot be read: {exc.strerror}")
    finally:
        os.close(file)


def _verify(folder: int, paths: Paths) -> Standing | None:
    """No switch: then the spare must lie here. Between the two looks a writer may have renamed it: look once more."""
    for name in (paths.halt_spare.name, paths.halt.name):
        try:
            os.stat(name, dir_fd=folder)
        except OSError as exc:
            if exc.errno != errno.ENOENT:
                return _unreadable(f"{paths.state / name} cannot be looked at: {exc.strerror}")
            continue
        return None if name == paths.halt_spare.name else look(paths)
    return _unreadable(f"{paths.state} holds neither halt.json nor halt.spare: it is not a bot's state folder")


def _parse(raw: bytes, paths: Paths) -> Standing:
    try:
        facts = json.loads(raw)
        standing = Standing(*(facts[field] for field in Standing._fields))
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        return _unreadable(f"{paths.halt} is not readable as a halt ({type(exc).__name__}: {exc})")
    if not all(isinstance(field, str) for field in standing) or not standing.id or not standing.by:
        return _unreadable(f"{paths.halt} is not readable as a halt: a field is empty or no text")
    return standing


def _unreadable(why: str) -> Standing:
    return Standing("unreadable", "", "KILL_SWITCH", why, "")


# --- writing


def write(paths: Paths, *, by: str, reason_code: str, reason: str) -> Standing:
    """Halt; returns what stands then, which is an earlier halt where there was one. Raises HaltNotWritten."""
    standing = _new(by, reason_code, reason)
    try:
        with _SpareHeld(paths) as spare:
            if not os.path.lexists(paths.halt):
                _overwrite(spare, standing) if spare is not None else _write_fresh(paths, standing)
                if spare is not None:
                    os.rename(paths.halt_spare, paths.halt)
                sync_folder(paths.state)
    except OSError as exc:
        raise HaltNotWritten(f"{paths.halt} could not be written: {exc.strerror}") from exc
    seen = look(paths)
    if seen is None:
        raise HaltNotWritten(f"{paths.halt} was written and is gone: someone lifts halts in this folder")
    return seen


def _new(by: str, reason_code: str, reason: str) -> Standing:
    now_ns = time.time_ns()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 1_000_000_000))
    return Standing(f"h{now_ns:x}", by, reason_code, reason[:1000], at)


class _SpareHeld:
    """The spare, locked: one writer at a time. None after a wait: there is no spare, or its holder does not move."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._fd = -1

    def __enter__(self) -> int | None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self._fd = os.open(self._paths.halt_spare, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                time.sleep(0.005)
                continue
            if self._still_names_it():
                return self._fd
            self._close()
        return None

    def _still_names_it(self) -> bool:
        """Has nobody renamed or replaced the file between our open and our lock?"""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self._paths.halt_spare))
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __exit__(self, *_: object) -> None:
        self._close()


def _overwrite(fd: int, standing: Standing) -> None:
    os.pwrite(fd, _padded(standing), 0)
    os.fsync(fd)


def _padded(standing: Standing) -> bytes:
    text = json.dumps(standing._asdict(), ensure_ascii=False).encode()
    return text.ljust(_SIZE - 1) + b"\n"


def _write_fresh(paths: Paths, standing: Standing) -> None:
    """Without a spare: a file of our own, linked into place, which fails when another was first."""
    own = paths.state / f"halt.{os.getpid()}.{threading.get_ident()}.new"
    fd = os.open(own, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _overwrite(fd, standing)
        os.link(own, paths.halt)
    except FileExistsError:
        return
    finally:
        os.close(fd)
        os.unlink(own)


def prepare(paths: Paths) -> None:
    """Make the state folder one that can trade: its folders, and the spare of the switch. Raises UnsafeMode."""
    paths.make_folders()
    _ensure_spare(paths)


def _ensure_spare(paths: Paths) -> None:
    """Pre-allocate the spare, unless the switch or the spare stands. Its blocks are on disk before its name is."""
    if os.path.lexists(paths.halt_spare) or os.path.lexists(paths.halt):
        return
    _allocate_spare(paths)


def _allocate_spare(paths: Paths) -> None:
    own = paths.state / f"halt.{os.getpid()}.{threading.get_ident()}.spare"
    fd = os.open(own, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b" " * (_SIZE - 1) + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(own, paths.halt_spare)
    sync_folder(paths.state)


# --- lifting


def lift(paths: Paths, halt_id: str, *, override: bool, reason: str) -> Standing:
    """Remove the halt that is named, and only that one. Raises NotLifted. The spare stands before the switch goes, and
    `halt.log` keeps what was lifted and why.
    """
    standing = look(paths)
    if standing is None:
        raise NotLifted("no halt stands")
    if not standing.is_readable and not override:
        raise NotLifted(f"{standing.reason}; look at it, then resume with --override")
    if standing.id != halt_id:
        raise NotLifted(
            f"a newer halt stands: {standing.id} by {standing.by}, {standing.reason_code}: {standing.reason}"
        )
    if standing.is_readable and not standing.is_manual and not override:
        raise NotLifted(
            f"{standing.by} halted by itself ({standing.reason_code}: {standing.reason}): once its cause is "
            "understood, resume with --override"
        )
    _note_lifted(paths, standing, reason)
    _take_away(paths)
    return standing


def _note_lifted(paths: Paths, standing: Standing, reason: str) -> None:
    line = json.dumps({"lifted_ns": time.time_ns(), "because": reason, **standing._asdict()}, ensure_ascii=False)
    fd = os.open(paths.state / "halt.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


def _take_away(paths: Paths) -> None:
    if not os.path.lexists(paths.halt_spare):
        _allocate_spare(paths)
    if os.path.isdir(paths.halt) and not os.path.islink(paths.halt):
        os.rmdir(paths.halt)
    elif os.path.lexists(paths.halt):
        os.unlink(paths.halt)
    sync_folder(paths.state)


def archive(paths: Paths, folder: Path) -> None:
    """Move the switch away with the finished session it belongs to (a demo's own drawdown)."""
    if not os.path.lexists(paths.halt_spare):
        _allocate_spare(paths)
    os.rename(paths.halt, folder / paths.halt.name)
    sync_folder(paths.state)


# --- the order gate


Turnstile = Callable[[], AbstractContextManager[str]]  # entered yields "" (go) or why not; held while bytes leave
Sent = TypeVar("Sent")


class Gate:
    """The order gate: every order lane passes here, cancels never. Once `close` has returned no further order's bytes leave."""

    def __init__(self, paths: Paths, now_ns: Callable[[], int]) -> None:
        self._paths, self._now_ns = paths, now_ns
        self._lock = threading.Lock()
        self._closed = ""  # for good
        self._paused = ""

    def send(self, good_until_ns: int, post: Callable[[Turnstile], Sent]) -> Sent:
        """Run `post`. It is given the turnstile to hold while its bytes leave, so that everything is looked at with the
        connection open and the bytes ready. good_until_ns is world time, inclusive.
        """
        return post(lambda: self._turnstile(good_until_ns))

    @contextmanager
    def _turnstile(self, good_until_ns: int) -> Iterator[str]:
        with self._lock:
            yield self._why_shut(good_until_ns)

    def _why_shut(self, good_until_ns: int) -> str:
        """Why nothing may leave now, as "CODE: sentence"; empty when it may."""
        if self._closed:
            return f"HALTED: {self._closed}"
        if self._paused:
            return f"HEARTBEAT: {self._paused}"
        standing = look(self._paths)
        if standing is not None:
            return f"KILL_SWITCH: {standing.reason}"
        late_ns = self._now_ns() - good_until_ns
        return f"TOO_LATE: {late_ns / 1e6:.1f} ms past good-until" if late_ns > 0 else ""

    def close(self, why: str) -> None:
        """Nothing new passes after this returns, whatever the file says."""
        with self._lock:
            self._closed = why or "closed"

    def pause(self, why: str) -> None:
        """Shut, until the same is said with "": orders queued behind it are turned away, not kept. `close` stays closed."""
        with self._lock:
            self._paused = why
