"""Two clocks. World time is what windows, decisions and settlement live in; machine time is `mono_s`, never scaled.

In the demo world time is shared by all processes through 40 bytes of mapped memory, `state/run/clock.bin`:

    now = min(v0 + (mono − m0) × speed, horizon)

The *horizon* is how far the world has promised to be ready. Only the venue program moves it, so at any speed nobody can
run past a decision or settlement instant that has not been answered (conservative time, as in parallel simulation).
With everything dead world time stands still; the next start goes on at the old horizon, which no one has ever seen
exceeded: time never goes backwards. Paper and live use the wall clock and have no horizon; only a rehearsal, against a
venue on this machine that runs faster than the wall, follows that venue's clock and moves nothing.
"""

import fcntl
import json
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from polybot.runtime.base.paths import ours_alone

_LAYOUT = struct.Struct("<Qqqdq")  # sequence (odd while being written), v0_ns, m0_ns, speed, horizon_ns
_HELD_POLL_S = 0.005
LEAP_NS = 1_000_000_000  # a wall clock set by more than this has mistaken windows and deadlines


def mono_s() -> float:
    """Machine time in seconds; comparable between processes of one boot of the machine."""
    return time.monotonic()


class Clock(Protocol):
    """World time as the loop needs it."""

    speed: float

    def now_ns(self) -> int:
        """World time, nanoseconds since 1970."""
        ...

    def wait_s(self, until_ns: int) -> float:
        """Machine seconds to sleep at most before looking again whether world time has reached until_ns."""
        ...

    def was_set_ns(self) -> int:
        """How far world time was moved by hand since we began: forward is positive."""
        ...


class WallClock:
    """Live and paper: the machine's own idea of the time. Machine time goes on evenly whatever is done to it (a step by
    hand or by a time daemon); while the machine sleeps it does not, which comes to the same.
    """

    speed = 1.0

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, machine_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._machine_ns = wall_ns, machine_ns
        self._began_ns = wall_ns() - machine_ns()

    def now_ns(self) -> int:
        """The wall clock, nanoseconds since 1970."""
        return self._wall_ns()

    def wait_s(self, until_ns: int) -> float:
        """Machine seconds until the wall clock shows until_ns, 0.0 when it has passed."""
        return max(0.0, (until_ns - self._wall_ns()) / 1e9)

    def was_set_ns(self) -> int:
        """How far the wall clock was set since this object was made, ns."""
        return self._wall_ns() - self._machine_ns() - self._began_ns


class FollowedClock:
    """World time as somebody's clock.bin tells it, read only. Raises OSError where there is none."""

    speed: float

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def follow(cls, file: Path) -> "FollowedClock":
        """The clock that others keep in `file`."""
        with open(file, "rb") as open_file:
            if os.fstat(open_file.fileno()).st_size < _LAYOUT.size:
                raise FileNotFoundError(f"{file} holds no clock")
            clock = cls(mmap.mmap(open_file.fileno(), _LAYOUT.size, prot=mmap.PROT_READ))
        clock.speed = clock._read()[2]
        return clock

    def now_ns(self) -> int:
        """World time, never beyond the horizon."""
        v0, m0, speed, horizon = self._read()
        return min(v0 + int((time.monotonic_ns() - m0) * speed), horizon)

    def wait_s(self, until_ns: int) -> float:
        """Machine seconds after which to look again: until until_ns, or a short poll at the horizon."""
        v0, m0, speed, horizon = self._read()
        now = min(v0 + int((time.monotonic_ns() - m0) * speed), horizon)
        if now >= until_ns:
            return 0.0
        if now >= horizon:
            return _HELD_POLL_S
        return max((min(until_ns, horizon) - now) / (speed * 1e9), 0.0002)

    def was_set_ns(self) -> int:
        """Always 0: this clock's leaps are the world's own."""
        return 0  # its leaps are the world's own

    def _read(self) -> tuple[int, int, float, int]:
        while True:
            before, v0, m0, speed, horizon = _LAYOUT.unpack_from(self._memory)
            if before % 2 == 0 and _LAYOUT.unpack_from(self._memory)[0] == before:
                return v0, m0, speed, horizon


class WorldClock(FollowedClock):
    """The demo's clock. `open` by every process; the first one up anchors it anew."""

    def __init__(self, memory: mmap.mmap, users_fd: int, speed: float) -> None:
        super().__init__(memory)
        self._users_fd = users_fd  # a shared lock for as long as we live
        self.speed = speed

    @classmethod
    def open(cls, state: Path, session: str, origin_ns: int, speed: float) -> "WorldClock":
        """Join the world clock of `state`. A new session starts at origin_ns; a known one goes on where it stood."""
        run = state / "run"
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(run / "clock.lock", "a", opener=ours_alone) as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            users = os.open(run / "clock.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            file = os.open(run / "clock.bin", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(file).st_size < _LAYOUT.size:
                os.ftruncate(file, _LAYOUT.size)
            memory = mmap.mmap(file, _LAYOUT.size)
            os.close(file)
            clock = cls(memory, users, speed)
            if _is_first(users):
                start_ns = clock._resume_ns(state, session, origin_ns)
                clock._write(start_ns, start_ns)
                _note(state, session, origin_ns, start_ns, speed)
            fcntl.flock(users, fcntl.LOCK_SH)
        return clock

    @property
    def horizon_ns(self) -> int:
        """World time beyond which nobody goes until the venue says so."""
        return self._read()[3]

    def set_horizon(self, horizon_ns: int) -> None:
        """Let the world run on to horizon_ns, from where it stands. The venue program alone calls this."""
        now = self.now_ns()
        self._write(now, max(now, horizon_ns))

    def jump(self, to_ns: int) -> None:
        """Move world time forward at once, within the horizon (a taker's delay while the world waits for its order)."""
        now = self.now_ns()
        horizon = max(self.horizon_ns, to_ns)
        self._write(max(now, to_ns), horizon)

    def _write(self, v0: int, horizon: int) -> None:
        sequence = _LAYOUT.unpack_from(self._memory)[0] | 1
        _LAYOUT.pack_into(self._memory, 0, sequence, v0, time.monotonic_ns(), self.speed, horizon)
        struct.pack_into("<Q", self._memory, 0, sequence + 1)

    def _resume_ns(self, state: Path, session: str, origin_ns: int) -> int:
        try:
            noted = json.loads((state / "clock.json").read_text())
        except FileNotFoundError:
            return origin_ns
        if noted.get("session") != session:
            return origin_ns
        horizon: int = _LAYOUT.unpack_from(self._memory)[4]
        return max(origin_ns, horizon, int(noted["start_ns"]))


def _is_first(users_fd: int) -> bool:
    try:
        fcntl.flock(users_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(state: Path, session: str, origin_ns: int, start_ns: int, speed: float) -> None:
    """clock.json: what the clock was anchored to, for people and for the next start."""
    text = json.dumps({"session": session, "origin_ns": origin_ns, "start_ns": start_ns, "speed": speed})
    fresh = state / "clock.json.new"
    fresh.write_text(text)
    fresh.replace(state / "clock.json")


def peek_ns(state: Path) -> int | None:
    """How far the world of a stopped bot has come, without joining its clock; None where there was none."""
    try:
        raw = (state / "run" / "clock.bin").read_bytes()
    except FileNotFoundError:
        return None
    return int(_LAYOUT.unpack_from(raw)[4]) if len(raw) >= _LAYOUT.size else None
