"""The wallet's key, read by the executor alone; and one process a wallet on this host, whatever state folder it trades from."""

import fcntl
import json
import os
import pwd
import sys
import time
from pathlib import Path

from polybot.runtime.base.paths import Paths, UnsafeMode, check_secret
from polybot.settings import Settings

_PATIENCE_S = 0.5  # a killed holder's descriptors close a moment after its death


def key_path(paths: Paths, settings: Settings) -> Path:
    """Where the key lies: the user's own file in live, the folder's throw-away one elsewhere."""
    return Path(settings.live.key_file).expanduser() if settings.bot.profile == "live" else paths.key


def key_or_exit(paths: Paths, settings: Settings) -> str:
    """The private key's text. Exits with a sentence: 69 where there is none, 77 where others could read it."""
    path = key_path(paths, settings)
    try:
        check_secret(path)
        return path.read_text().strip()
    except FileNotFoundError:
        sys.stderr.write(f"{path} does not exist: the wallet's key belongs there, mode 0600\n")
        sys.exit(69)
    except UnsafeMode as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(77)


def _folder() -> Path:
    """One for every process of this user, whatever its HOME and TMPDIR say, also for a service with a /tmp of its own. Only a
    user without a home has it in /tmp.
    """
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        home = Path("/nonexistent")
    return home / ".local/state/polybot/wallets" if home.is_dir() else Path(f"/tmp/polybot-wallets-{os.getuid()}")


def is_held(address: str) -> bool:
    """Does an executor on this host trade with it? Asked with a shared lock, for a moment shorter than its patience."""
    try:
        fd = os.open(_folder() / f"{address.lower()}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def relayer_file(settings: Settings) -> Path:
    """Where the relayer's key belongs: the file beside the wallet's."""
    return Path(settings.live.key_file).expanduser().with_name("relayer.json")


def relayer_key(settings: Settings) -> dict[str, str]:
    """The relayer's key as its file holds it; {} where there is none. Raises UnsafeMode, ValueError."""
    path = relayer_file(settings)
    try:
        check_secret(path)
        told = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError:
        told = None
    names = {"key", "address"}, {"key", "secret", "passphrase"}
    if not isinstance(told, dict) or set(told) not in names or not all(isinstance(v, str) for v in told.values()):
        raise ValueError(f'{path}: expected {{"key", "address"}} or {{"key", "secret", "passphrase"}} as JSON texts')
    return told


def relayer_key_or_exit(settings: Settings) -> dict[str, str]:
    """The relayer's key, for programs: else 77 where others could read it, 78 if unreadable."""
    try:
        return relayer_key(settings)
    except (UnsafeMode, ValueError) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(77 if isinstance(exc, UnsafeMode) else 78)


def hold_or_exit(address: str, folder: Path | None = None) -> int:
    """The wallet's lock, held until the process ends; 75 when another executor trades with it, 77 for an unsafe folder."""
    folder = folder or _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.stat()
    except OSError as exc:
        sys.stderr.write(f"{folder}, where the wallets' locks lie, cannot be made: {exc.strerror}\n")
        sys.exit(77)
    if seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        sys.stderr.write(f"{folder} can be entered by others: chmod 700 {folder}\n")
        sys.exit(77)
    fd = os.open(folder / f"{address.lower()}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.stderr.write(f"another executor on this machine trades with {address}: stop it first\n")
                sys.exit(75)
            time.sleep(0.02)
