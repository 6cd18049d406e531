"""A session: which windows are traded, in which world. Written once, before anything starts; all actors read the same."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import asdict, replace

from polybot.core.market.windows import WINDOW_S, SessionPlan
from polybot.runtime.base.paths import Paths, ours_alone, replace_synced, sync_folder
from polybot.runtime.config import endpoints
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import halt
from polybot.settings import Settings

_SYNTHETIC_FIRST_S = 1_795_132_800  # 2026-11-20T00:00Z, where the synthetic world begins
_TAPE_HISTORY_S = 40 * 60  # what the strategies' buffers need before the first decision
_START_S = 8  # machine seconds in which everybody is up, of which a faster world makes windows
_ENDLESS = 1_000_000  # paper and live without --windows: nine years


class Session(SessionPlan, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """session.json: the plan that cores are told, and what of the session is its keepers' business alone."""

    started_ns: int
    ended: bool = False  # `run` saw it out: everything resolved and paid, or waited for long enough
    stand_in: str = ""  # paper and live: the local venue that stood in for the public hosts (a rehearsal)

    @property
    def end_s(self) -> int:
        """World time at which its last window ends."""
        return self.first_window_s + self.windows * WINDOW_S


# Always written: a plan has defaults for who has none, but a file that lacks one of these was not written by us.
_WRITTEN = ("id", "profile", "strategies", "first_window_s", "windows", "seed", "tape", "speed", "started_ns")


def read(paths: Paths) -> Session | None:
    """The session of this state folder, None without one. Raises ConfigError for one that cannot be read."""
    try:
        facts = msgspec.json.decode(paths.session.read_bytes())
        if lacking := [name for name in _WRITTEN if name not in facts]:
            raise ValueError(f"it has no {', '.join(lacking)}")
        return msgspec.convert(facts, Session)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, msgspec.MsgspecError) as exc:
        raise ConfigError(f"{paths.session}: not readable as a session: {exc}") from exc


def ensure(paths: Paths, settings: Settings, *, windows_given: bool = True) -> Session:
    """The session that stands, else a fresh one; also the demo's throw-away key. Many actors may ask at once."""
    halt.prepare(paths)
    with open(paths.lock("session"), "a", opener=ours_alone) as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        ensure_key(paths, settings)
        found = read(paths)
        if found is not None:
            return found
        fresh = new(settings, windows_given=windows_given)
        replace_synced(paths.session, json.dumps(asdict(fresh), indent=1) + "\n")
        return fresh


def end(paths: Paths, found: Session) -> None:
    """Mark it as over: the next start begins another one."""
    replace_synced(paths.session, json.dumps(asdict(replace(found, ended=True)), indent=1) + "\n")


def other_profile(paths: Paths, stands: Session, profile: str) -> str:
    """The sentence for a state folder that belongs to another profile."""
    return (
        f"{paths.state} holds the {stands.profile} session {stands.id}, the profile is {profile}: choose another state "
        "folder with POLYBOT_STATE"
    )


def new(settings: Settings, *, windows_given: bool = True) -> Session:
    """A session by the knobs. Raises ConfigError when the tape cannot serve one."""
    world, profile = settings.world, settings.bot.profile
    first_s, windows, speed, tape = _SYNTHETIC_FIRST_S, world.windows, world.speed, ""
    if profile != "demo":
        from polybot.runtime.loop import context  # only who begins a session needs all that an actor stands on

        clock = context.outside_clock(profile)
        started_s = clock.now_ns() // 10**9 + int(_START_S * (clock.speed - 1))
        first_s = (started_s // WINDOW_S + 1) * WINDOW_S
        windows, speed = (windows if windows_given else _ENDLESS), clock.speed
    elif world.tape:
        tape = os.path.abspath(os.path.expanduser(world.tape))
        first_s, most = tape_span(Path(tape))
        windows = min(windows, most)
    now_ns = time.time_ns()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ns // 10**9))
    return Session(
        id=f"{profile}-{stamp}-{os.urandom(2).hex()}",
        profile=profile,
        strategies=settings.bot.strategy_names,
        first_window_s=first_s,
        windows=windows,
        seed=world.seed,
        tape=tape,
        speed=speed,
        started_ns=now_ns,
        scenario=world.scenario if profile == "demo" else "",
        stand_in=endpoints.stands_in(profile),
    )


def ensure_key(paths: Paths, settings: Settings) -> None:
    """Demo and paper: a wallet's key nobody else has and nothing depends on. Live: the user's own file, never made here."""
    if settings.bot.profile == "live" or paths.key.exists():
        return
    import secrets  # only once in a folder's life

    paths.key.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = paths.key.with_name(f"key.{os.getpid()}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # the first byte is kept below the curve's order
        os.write(fd, f"0x{secrets.randbelow(0x7F) + 1:02x}{secrets.token_hex(31)}\n".encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(paths.key)
    sync_folder(paths.key.parent)


# --- the tape's span


def tape_files(folder: Path) -> tuple[Path, Path]:
    """(prices, markets) of a recorded day. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError(f"tape {folder}: no such folder")
    found = []
    for what, pattern in (("prices", "*-prices-*.csv*"), ("markets", "*-markets-*.jsonl*")):
        files = sorted(folder.glob(pattern))
        if len(files) != 1:
            raise ConfigError(f"tape {folder}: expected one file {pattern} with the {what}, found {len(files)}")
        found.append(files[0])
    return found[0], found[1]


def tape_span(folder: Path) -> tuple[int, int]:
    """(start of the first market that has 40 minutes of prices before it, number of windows from there to the last)."""
    prices, markets = tape_files(folder)
    try:
        began_s = next(int(line.split(",")[0]) // 1000 for line in _lines(prices) if line[:1].isdigit())
        starts = sorted(_starts(markets))
    except (OSError, EOFError, ValueError, KeyError, TypeError, StopIteration) as exc:
        raise ConfigError(f"tape {folder}: not readable as a recorded day: {type(exc).__name__}: {exc}") from exc
    usable = [s for s in starts if s >= began_s + _TAPE_HISTORY_S and s % WINDOW_S == 0]
    if not usable:
        raise ConfigError(f"tape {folder}: no market starts at least 40 minutes after its first price")
    return usable[0], (usable[-1] - usable[0]) // WINDOW_S + 1


def _starts(markets: Path) -> Iterator[int]:
    for number, line in enumerate(_lines(markets), 1):
        try:
            yield int(json.loads(line)["start_sec"])
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(f"{markets.name} line {number}: not a whole market: {exc}") from exc


def _lines(path: Path) -> Iterator[str]:
    import gzip  # only who begins a session on a tape reads one

    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from file
