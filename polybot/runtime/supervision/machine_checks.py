"""Doctor's checks of this machine: what can be known without a word to the network."""

import os
import shlex
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from polybot.core.checks import Check, failed, passed, unknown
from polybot.runtime.base.paths import Paths, UnsafeMode, check_secret
from polybot.runtime.safety import halt, locks, wallet
from polybot.settings import Settings
from polybot.topology import TABLE, needed

LEAST_SUPERVISOR = (4, 3)  # the one whose ways were tried (supervisord.py)
LONGEST_PATH = 107  # bytes of an ipc path, its terminator left out
_LONGEST_NAME = len("supervisor.sock.4194304")
SPARE_MB = 200  # beside the flight recorders: journal, index, logs of some weeks
MB = 1_000_000


def of_the_machine(paths: Paths, settings: Settings) -> list[Check]:
    """Everything here that live and the demo both need."""
    return [
        state_folder(paths),
        kill_switch(paths),
        disk(paths, settings, shutil.disk_usage),
        supervisor(),
        bus_path(paths),
        program_locks(paths),
        notify_command(settings),
    ]


def state_folder(paths: Paths) -> Check:
    """Is the state folder ours alone (mode 0700), or not made yet?"""
    name = "state folder"
    if not paths.state.exists():
        return passed(name, f"{paths.state} is made at the first start")
    if not paths.state.is_dir():
        return failed(name, f"{paths.state} is no folder", "choose another one with POLYBOT_STATE")
    mode = paths.state.stat().st_mode & 0o777
    if mode & 0o077:
        return failed(name, f"{paths.state} has mode {mode:04o}: others may enter", f"chmod 700 {paths.state}")
    return passed(name, f"{paths.state}, mode {mode:04o}")


def kill_switch(paths: Paths) -> Check:
    """Nothing trades under a halt that stands; but under it `up` still settles and redeems, so it does not keep live shut."""
    name = "kill switch"
    standing = halt.look(paths) if paths.state.is_dir() and any(paths.state.iterdir()) else None
    if standing is None:
        return passed(name, "no halt stands")
    override = "" if standing.is_manual else " --override"
    seen = f"halted by {standing.by or 'what cannot be read'}: {standing.reason}"
    return failed(name, seen, f'once its cause is understood: polybot-ctl resume --reason "…"{override}', blocks=False)


def disk(paths: Paths, settings: Settings, usage: Callable[[Path], object]) -> Check:
    """Room for what the flight recorders may still grow to, and some more."""
    name = "disk"
    folder = next(p for p in (paths.state, *paths.state.parents) if p.exists())
    try:
        free_mb = int(getattr(usage(folder), "free")) // MB  # noqa: B009 (shutil's tuple has no public type)
    except OSError as exc:
        return unknown(name, f"{folder}: {exc.strerror}", "look whether the disk is mounted")
    recorders = len(needed(settings)) * settings.keep.flight_mb
    wanted_mb = max(0, recorders - _size_mb(paths.flight)) + SPARE_MB
    seen = f"{free_mb:,} MB free below {folder}, {wanted_mb:,} MB may be wanted (keep.flight_mb = {settings.keep.flight_mb})"
    if free_mb < wanted_mb:
        return failed(name, seen, "make room there, lower keep.flight_mb, or choose another disk with POLYBOT_STATE")
    return passed(name, seen)


def _size_mb(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // MB if folder.is_dir() else 0


def supervisor() -> Check:
    """Is supervisord installed, in a version whose ways were tried?"""
    name = "supervisord"
    least = ".".join(map(str, LEAST_SUPERVISOR))
    mend = "set up anew: remove .venv, then bin/polybot set-up"
    try:
        found = version("supervisor")
    except PackageNotFoundError:
        return failed(name, "supervisor is not installed", mend)
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < LEAST_SUPERVISOR:
        return failed(name, f"supervisor {found}, {least} is needed", mend)
    return passed(name, f"supervisor {found}")


def bus_path(paths: Paths) -> Check:
    """Sockets' paths must fit into the kernel's 107 bytes."""
    length = len(os.fsencode(paths.sockets)) + 1 + _LONGEST_NAME
    seen = f"the longest socket path below {paths.sockets} has {length} bytes, {LONGEST_PATH} fit"
    if length > LONGEST_PATH:
        return failed("bus path", seen, "choose a shorter POLYBOT_STATE or TMPDIR")
    return passed("bus path", seen)


def program_locks(paths: Paths) -> Check:
    """Who holds the locks of this folder: a bot that runs here, or nobody."""
    held = [f"{row.name} ({found.pid})" for row in TABLE if (found := locks.holder(paths, row.name)) is not None]
    return passed("locks", f"a bot runs here: {', '.join(held)}" if held else "nothing runs here")


def notify_command(settings: Settings) -> Check:
    """Can the operator's `notify_cmd` be run as it stands?"""
    name, text = "notify_cmd", settings.bot.notify_cmd
    if not text:
        return passed(name, "not set: nobody is told of a halt but who looks")
    try:
        argv = shlex.split(text)
    except ValueError as exc:
        return failed(name, f"bot.notify_cmd = {text!r} cannot be split into words: {exc}", "mend its quotes")
    found = shutil.which(os.path.expanduser(argv[0])) if argv else None
    if found is None:
        return failed(name, f"{argv[0] if argv else text!r} is no program", "name an executable file in bot.notify_cmd")
    return passed(name, found)


# --- the wallet's file


def key_file(paths: Paths, settings: Settings) -> tuple[Check, str]:
    """The check, and the key's text where it may be read; "" else. The text goes nowhere but into a Wallet."""
    name, path = "key file", wallet.key_path(paths, settings)
    if not path.exists():
        if settings.bot.profile != "live":
            return unknown(name, f"{path} is made at the first start", "nothing to do", blocks=False), ""
        return failed(name, f"{path} does not exist", f"put the wallet's key there, then chmod 600 {path}"), ""
    try:
        check_secret(path)
        text = path.read_text().strip()
    except UnsafeMode as exc:
        return failed(name, str(exc).partition(":")[0], f"chmod 600 {path}"), ""
    except (OSError, UnicodeDecodeError) as exc:
        return failed(
            name, f"{path} cannot be read: {type(exc).__name__}", "it must hold 64 hex digits, and be yours"
        ), ""
    return passed(name, f"{path}, mode {path.stat().st_mode & 0o777:04o}"), text


def wallet_lock(paths: Paths, address: str) -> Check:
    """One executor a wallet on this host; one that runs from this very folder is ours."""
    name = "wallet lock"
    if not wallet.is_held(address):
        return passed(name, f"no executor on this machine trades with {address}")
    own = locks.holder(paths, "executor")
    if own is not None:
        return passed(name, f"held by this folder's own executor ({own.pid})")
    return failed(
        name, f"another executor on this machine trades with {address}", "stop it first: polybot-ctl down there"
    )
