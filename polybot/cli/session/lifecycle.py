"""`run`, `up`, `down`: supervisord started, watched and stopped; sessions archived."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec.structs import asdict

from messages import Heartbeat
from polybot.runtime.base import process
from polybot.runtime.base.clock import peek_ns
from polybot.runtime.base.paths import ROOT, Paths, replace_synced
from polybot.runtime.config.config import variable_of
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.safety import halt, live_confirmation, locks
from polybot.runtime.supervision import preflight, session, supervisord
from polybot.runtime.supervision.preflight import StartRefused
from polybot.runtime.supervision.session import Session
from polybot.settings import Settings
from polybot.topology import TABLE, needed

READY_S = 40.0
STOP_S = 12.0
_SETTLE_S = 15 * 60  # market time a session's last window may take to be resolved

# What a finished session takes along: everything that is its own. Keys, boot counters and logs stay.
_OF_A_SESSION: tuple[str, ...] = (
    "session.json",
    "clock.json",
    "journal",
    "flight",
    "ledger.sqlite",
    "ledger.sqlite-wal",
    "ledger.sqlite-shm",
    "venue",
    "wallet",
    "report",
    "tapes",
)


@dataclass(frozen=True)
class RunningSession:
    """A supervisord that was started, and what it was started for."""

    paths: Paths
    settings: Settings
    session: Session
    popen: subprocess.Popen[bytes]


# --- sessions


def archive(paths: Paths) -> str:
    """Move a demo's session into archive/<its id>; the id, "" where there was none."""
    found = session.read(paths)
    if found is None and not paths.journal.exists():
        return ""
    name = found.id if found else time.strftime("unnamed-%Y%m%d-%H%M%S", time.gmtime())
    folder = paths.archive / name
    paths.archive.mkdir(exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    for part in _OF_A_SESSION:
        source = paths.state / part
        if source.exists():
            shutil.move(source, folder / part)
    if halt.look(paths) is not None:
        halt.archive(paths, folder)
    (paths.run / "clock.bin").unlink(missing_ok=True)
    return name


def fresh_session(paths: Paths, settings: Settings, *, windows_given: bool) -> Session:
    """`run`: the earlier demo session is archived whatever it came to, a new purse begins. Other profiles go on."""
    standing = halt.look(paths)
    ends_with_session = standing is not None and standing.reason_code == "DRAWDOWN" and settings.bot.profile == "demo"
    if not ends_with_session:
        preflight.check_not_halted(paths)
    if settings.bot.profile == "demo" and _is_demo(paths):
        _archive_and_tell(paths)
    return _ensure(paths, settings, windows_given)


def continued_session(paths: Paths, settings: Settings, *, windows_given: bool) -> Session:
    """`up`: goes on with the session that stands; a demo's that is over and not halted is archived."""
    found = session.read(paths)
    if found is not None and found.profile == "demo" == settings.bot.profile and halt.look(paths) is None:
        now_ns = peek_ns(paths.state)
        if now_ns is not None and now_ns >= (found.end_s + _SETTLE_S) * 10**9:
            _archive_and_tell(paths)
    return _ensure(paths, settings, windows_given)


def _archive_and_tell(paths: Paths) -> None:
    name = archive(paths)
    if name:
        sys.stderr.write(f"the session before is kept in {paths.archive / name}\n")


def _is_demo(paths: Paths) -> bool:
    found = session.read(paths)
    return found is None or found.profile == "demo"


def _ensure(paths: Paths, settings: Settings, windows_given: bool) -> Session:
    found = session.ensure(paths, settings, windows_given=windows_given)
    if found.profile != settings.bot.profile:
        raise StartRefused(78, session.other_profile(paths, found, settings.bot.profile))
    wanted = (settings.world.speed, settings.bot.strategy_names)
    if found.profile == "demo" and (found.speed, found.strategies) != wanted:  # may change between two starts
        changed = asdict(found) | {"speed": wanted[0], "strategies": wanted[1]}
        replace_synced(paths.session, json.dumps(changed, indent=1) + "\n")
        found = Session(**changed)
    return found


# --- start


def start(paths: Paths, settings: Settings, found: Session, flags: dict[str, str], *, attached: bool) -> RunningSession:
    """supervisord in a session of its own, so that Ctrl-C reaches us alone and is one clean stop."""
    paths.endpoints.unlink(missing_ok=True)
    conf = supervisord.render_for(paths, settings)
    environment = os.environ | {variable_of(knob): text for knob, text in flags.items()}
    environment |= {"POLYBOT_STATE": str(paths.state)}
    with open(paths.logs / "supervisord.out", "ab") as out:
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", str(conf)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_us if attached else None,
        )
    return RunningSession(paths, settings, found, popen)


def _die_with_us() -> None:
    process.die_with_parent(signal.SIGTERM)  # a `run` that is killed takes its bot along, cleanly


def wait_ready(started: RunningSession, interrupted: list[str]) -> None:
    """Every actor's heart has been heard. Raises Refused when one left for good, READY_S is over, or we are to stop."""
    missing = {a.name for a in needed(started.settings)}
    hearts = Subscriber(started.paths.sockets, sorted(missing), (Heartbeat,))
    deadline = time.monotonic() + READY_S
    try:
        while missing:
            envelope = hearts.recv(100)
            if envelope is not None and isinstance(envelope.body, Heartbeat):
                missing.discard(envelope.body.actor)
            _refuse_if_gone(started, missing)
            if interrupted:
                raise StartRefused(130, f"stopped by {interrupted[0]}")
            if time.monotonic() > deadline:
                raise StartRefused(
                    1, f"not ready after {READY_S:.0f} s: {', '.join(sorted(missing))}; {_logs(started, missing)}"
                )
    finally:
        hearts.close()


def _refuse_if_gone(started: RunningSession, missing: set[str]) -> None:
    if started.popen.poll() is not None:
        tail = _tail(started.paths, "supervisord.out")
        raise StartRefused(1, f"supervisord left with code {started.popen.returncode}: {tail}")
    try:
        infos = supervisord.Supervisor(str(started.paths.sockets / "supervisor.sock"), 2.0).processes()
    except supervisord.Unreachable:
        return
    for info in infos:
        name, code = str(info["name"]), int(info["exitstatus"])
        if name in missing and info["statename"] == "EXITED" and code in (75, 77, 78):
            raise StartRefused(code, f"{name} left with code {code}: {_tail(started.paths, f'{name}.log')}")
        if name in missing and info["statename"] in ("STOPPED", "FATAL"):
            raise StartRefused(1, f"{name} died again and again: {_tail(started.paths, f'{name}.log')}")


def _logs(started: RunningSession, names: set[str]) -> str:
    return "; ".join(f"{name}: {_tail(started.paths, f'{name}.log')}" for name in sorted(names))


def _tail(paths: Paths, file: str) -> str:
    try:
        lines = (paths.logs / file).read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return "no log"
    return lines[-1] if lines else "an empty log"


# --- stop


def stop(paths: Paths, popen: subprocess.Popen[bytes] | None = None) -> list[str]:
    """The clean stop, in the table's order; then whoever is left is killed. Returns who had to be."""
    supervisor = supervisord.Supervisor.of(paths, 3.0)
    pid = popen.pid if popen else 0
    try:
        pid = supervisor.pid()
        supervisor.shutdown()
    except supervisord.Unreachable:
        if popen is not None and popen.poll() is None:
            popen.terminate()
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline and (running(paths) or (pid and _is_there(pid, popen))):
        _nudge(supervisor)
        time.sleep(0.05)
    killed = _kill_leftovers(paths)
    if pid and _is_there(pid, popen):
        os.kill(pid, signal.SIGKILL)
        killed.append("supervisord")
    sweep(paths)
    return killed


def _nudge(supervisor: supervisord.Supervisor) -> None:
    """Each call turns supervisord's loop, which else sleeps a second between two groups."""
    try:
        supervisor.pid()
    except (supervisord.Unreachable, xmlrpc.client.Fault):
        return  # it has said its last word, or says that it is shutting down: the loop turned all the same


def _is_there(pid: int, popen: subprocess.Popen[bytes] | None) -> bool:
    return popen.poll() is None if popen is not None else process.is_alive(pid)


def running(paths: Paths) -> list[str]:
    """Names of the actors that are running, that is, whose lock is held."""
    return [a.name for a in TABLE if locks.holder(paths, a.name)]


def _kill_leftovers(paths: Paths) -> list[str]:
    killed = []
    for actor in TABLE:
        found = locks.holder(paths, actor.name)
        if found is not None:
            os.kill(found.pid, signal.SIGKILL)
            killed.append(actor.name)
    return killed


def sweep(paths: Paths) -> None:
    """Take away sockets, locks and notes of the life that ended. A lock is removed only while it is held by us."""
    for actor in TABLE:
        try:
            lock = locks.take(paths, actor.name)
        except locks.Occupied:
            return  # somebody started anew: all of this is theirs
        for path in (paths.sockets / f"{actor.name}.pub", paths.sockets / f"{actor.name}.req", paths.lock(actor.name)):
            path.unlink(missing_ok=True)
        lock.release()
    live_confirmation.forget(paths)
    for name in ("session.lock", "clock.lock", "clock.users", "supervisord.pid", "watchdog.starts"):
        (paths.run / name).unlink(missing_ok=True)
    for path in (paths.endpoints, paths.supervisor_note, paths.sockets / "supervisor.sock"):
        path.unlink(missing_ok=True)
    if paths.sockets != paths.run and paths.sockets.is_dir() and not any(paths.sockets.iterdir()):
        paths.sockets.rmdir()
        (paths.run / "sockets").unlink(missing_ok=True)


@contextmanager
def interrupts() -> Iterator[list[str]]:
    """SIGINT, SIGTERM and SIGHUP as a list that fills: the loop that looks at it ends, and everything stops once."""
    seen: list[str] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, lambda number, _frame: seen.append(signal.Signals(number).name)) for n in numbers}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
