"""Where everything lies. One state folder holds a bot: two state folders are two bots.

Standard library only: the kill switch imports this before anything heavy.
"""

import os
import stat
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]  # the checkout: config.toml, supervisor.conf and bin/ stand here

# An ipc path holds at most 107 bytes, terminator included. supervisord binds "supervisor.sock.<pid>" before it renames.
_LONGEST_SOCKET_PATH = 100
_LONGEST_SOCKET_NAME = len("supervisor.sock.4194304")


class UnsafeMode(Exception):
    """Someone else may read or write what only we may: the operator must run the chmod line it carries (77)."""


class Paths:
    """The state folder's layout. Properties only name; `make_folders` makes."""

    def __init__(self, state: Path) -> None:
        self.state = state

    @classmethod
    def of(cls, state: str | os.PathLike[str] | None = None) -> "Paths":
        """The folder given, else POLYBOT_STATE, else `state` beside the code."""
        chosen = state or os.environ.get("POLYBOT_STATE") or ROOT / "state"
        return cls(Path(os.path.abspath(os.path.expanduser(chosen))))

    # what survives

    @property
    def halt(self) -> Path:
        """The kill switch: while this file stands, nothing is traded."""
        return self.state / "halt.json"

    @property
    def pause(self) -> Path:
        """The file that stands while only exits are allowed, by hand."""
        return self.state / "pause.json"

    @property
    def halt_spare(self) -> Path:
        """The kill switch's body, written in advance: moving it works on a full disk."""
        return self.state / "halt.spare"

    @property
    def session(self) -> Path:
        """What the session is: profile, windows, world, speed."""
        return self.state / "session.json"

    @property
    def clock(self) -> Path:
        """The world clock's last state, from which the next start goes on."""
        return self.state / "clock.json"

    @property
    def journal(self) -> Path:
        """The folder of the executor's journal."""
        return self.state / "journal"

    @property
    def flight(self) -> Path:
        """The folder of all actors' flight recorders."""
        return self.state / "flight"

    @property
    def index(self) -> Path:
        """The recorder's SQLite index; the file keeps its old name."""
        return self.state / "ledger.sqlite"

    @property
    def venue(self) -> Path:
        """The folder of what the local venue must not forget."""
        return self.state / "venue"

    @property
    def fault_script(self) -> Path:
        """The fault script of this session's local venue."""
        return self.venue / "faults.toml"

    @property
    def key(self) -> Path:
        """The private key of the play wallet that demo and paper make for themselves."""
        return self.state / "wallet" / "key"

    @property
    def heartbeat(self) -> Path:
        """The newest dead-man heartbeat id."""
        return self.state / "heartbeat"

    @property
    def logs(self) -> Path:
        """The folder of all programs' logs."""
        return self.state / "logs"

    @property
    def report(self) -> Path:
        """The folder that `report` writes its page and picture to."""
        return self.state / "report"

    @property
    def archive(self) -> Path:
        """The folder of the sessions before this one."""
        return self.state / "archive"

    # what belongs to the running bot

    @property
    def run(self) -> Path:
        """The folder of what lives only while the programs do: locks, sockets, notes."""
        return self.state / "run"

    @property
    def endpoints(self) -> Path:
        """Where the local venue can be reached, as it wrote it down itself."""
        return self.run / "endpoints.json"

    @property
    def supervisor_conf(self) -> Path:
        """The configuration that supervisord was started with."""
        return self.run / "supervisor.conf"

    @property
    def supervisor_note(self) -> Path:
        """Which supervisord runs here: its pid and socket."""
        return self.run / "supervisor.json"

    def lock(self, name: str) -> Path:
        """The lock file of the program of this name."""
        return self.run / f"{name}.lock"

    def boot(self, name: str) -> Path:
        """The file that holds the boot number of the program of this name."""
        return self.run / f"{name}.boot"

    @cached_property
    def sockets(self) -> Path:
        """state/run when every socket's path fits, else a folder under the temporary directory, named by the state folder."""
        if len(os.fsencode(self.run)) + 1 + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
            return self.run
        import hashlib
        import tempfile

        name = hashlib.sha256(os.fsencode(self.run)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"polybot-{os.getuid()}-{name}"

    def make_folders(self) -> None:
        """Make the folders (0700) and the name of a far socket folder; `halt.prepare` adds the spare. Raises UnsafeMode."""
        for folder in (self.state, self.run, self.logs):
            _private_folder(folder)
        if self.sockets != self.run:
            _private_folder(self.sockets)
            (self.run / "sockets").write_text(f"{self.sockets}\n")


def _private_folder(folder: Path) -> None:
    """Made with 0700, or found so. An empty folder is taken over; a full one that others may enter is refused."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    seen = folder.stat()
    if seen.st_uid != os.getuid():
        raise UnsafeMode(f"{folder} belongs to another user: choose another folder with POLYBOT_STATE")
    if stat.S_IMODE(seen.st_mode) & 0o077:
        if any(folder.iterdir()):
            raise UnsafeMode(f"{folder} can be entered by others: chmod 700 {folder}")
        folder.chmod(0o700)


def check_secret(path: Path) -> None:
    """A secret's file must be ours alone: 0400 or 0600. Raises UnsafeMode."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o177:
        raise UnsafeMode(f"{path} has mode {mode:04o}, a secret needs 0600: chmod 600 {path}")


def ours_alone(name: str, flags: int) -> int:
    """An `opener` for open() that makes new files readable by their owner alone (0600)."""
    return os.open(name, flags | os.O_CLOEXEC, 0o600)


def sync_folder(folder: Path) -> None:
    """A rename is on disk only when its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_synced(path: Path, text: str) -> None:
    """The file's new content, or its old one, whenever the power goes."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text.encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    sync_folder(path.parent)
