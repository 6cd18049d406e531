"""What a process promises its supervisor: it dies with it, and it hears SIGTERM at once."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from polybot.runtime.base import log

IMPOSSIBLE = 70  # exit code: none of those that supervisord leaves alone

_PR_SET_PDEATHSIG = 1


def die_with_parent(with_signal: int = signal.SIGKILL) -> None:
    """The kernel ends us when our parent ends: a supervisor killed with -9 leaves no orphan holding locks and sockets.

    SIGKILL, since a hung or stopped actor must go too. Linux only; elsewhere the locks alone keep two bots apart.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = _expected_parent()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)


def _expected_parent() -> int:
    """Our supervisor's pid where it names itself in the environment it gives us, else whoever started us."""
    named = os.environ.get("POLYBOT_PARENT", "")
    return int(named) if named.isdigit() else os.getppid()


def install_term_handler(callback: Callable[[], None]) -> int:
    """callback runs inside the handler of SIGTERM and SIGINT: it may only set flags. Returns a descriptor that becomes
    readable with each signal, so that a loop asleep in poll wakes at once.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def handle(_number: int, _frame: object) -> None:
        callback()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return reader


def die(why: str) -> NoReturn:
    """The impossible: the whole process ends loudly and at once, from whatever thread. Start-up is the recovery path."""
    log.event("died", why=why)
    sys.stdout.flush()
    os._exit(IMPOSSIBLE)


def drain_fd(fd: int) -> None:
    """Read what is there; the content says nothing."""
    try:
        while len(os.read(fd, 4096)) == 4096:
            continue
    except BlockingIOError:
        return


def is_alive(pid: int) -> bool:
    """Does this process run? A zombie does not: where PID 1 does not reap, /proc/PID outlives the process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False
