"""Hearts, hangs and crash loops: what the watchdog decides. Its hands are effects; its time is machine time.

1. A process that is gone is counted once, whoever tells first (its pidfd or supervisord), and supervisord is woken.
2. An actor whose heart has been silent for 3 s is killed; it is never killed twice under the same pid.
3. The sixth exit of one actor within 60 s takes it out of supervision and halts: an endless restart is no recovery.
4. While supervisord is stopping, nothing is done.
5. After a pause of our own (we were stopped, the machine slept) everyone has 3 s to be heard again.
"""

from collections.abc import Iterator
from typing import Literal

from messages import ActorDied, ActorHealth, Health, Heartbeat, Word
from messages.inner import (
    KillActor,
    LookAround,
    ProcessGone,
    ProcessState,
    Started,
    StopProgram,
    Tick,
    WakeIn,
    WakeSupervisor,
    WatchPid,
    WriteHalt,
)

LOOK_S = 0.25
SILENT_S = 3.0
START_S = 35.0  # a first heartbeat may take this long: an actor waits up to 30 s for the local venue
MINUTE_S = 60.0
MOST_EXITS = 5
HEALTH_S = 1.0

State = Literal["up", "starting", "down", "stopped"]


class _Watched:
    """One actor as far as we know it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: State = "down"
        self.pid = 0
        self.beat_s = 0.0  # machine time of the newest sign of life under this pid
        self.has_beaten = False
        self.kill_said = ""
        self.gone_pid = 0
        self.exits: list[float] = []
        self.restarts = 0
        self.is_looping = False  # taken out of supervision by us
        self.down_since_ns = 0

    def exits_since(self, now_s: float) -> int:
        """How many times it left within the last minute; now_s is machine time."""
        return sum(1 for at in self.exits if now_s - at < MINUTE_S)

    def health(self, now_s: float) -> ActorHealth:
        age_ms = int(max(0.0, now_s - self.beat_s) * 1000) if self.has_beaten else -1
        return ActorHealth(
            actor=self.name,
            state=self.state,
            pid=self.pid,
            restarts=self.restarts,
            exits_in_minute=self.exits_since(now_s),
            heartbeat_age_ms=age_ms,
            down_since_ns=self.down_since_ns,
        )


class WatchCore:
    """Knows an actor from the first word about it: its heartbeat, or supervisord's."""

    def __init__(self) -> None:
        self._own = ""
        self._now_s = 0.0
        self._grace_until_s = 0.0
        self._said_health_s = -HEALTH_S
        self._is_stopping = False
        self._actors: dict[str, _Watched] = {}

    def handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case Started():
                self._own, self._now_s = word.actor, word.mono_s
                yield WakeIn(timer=LookAround(), after_s=LOOK_S)
            case Tick(timer=LookAround()):
                yield from self._look(word.mono_s)
            case _ if self._is_stopping:
                return
            case Heartbeat() if word.actor != self._own:
                yield from self._heard(word)
            case ProcessState(actor="", state="STOPPING"):
                self._is_stopping = True
            case ProcessState() if word.actor not in ("", self._own):
                yield from self._told(word, now_ns)
            case ProcessGone():
                yield from self._gone(word.actor, word.pid, word.mono_s, "left", now_ns)
                if not self._of(word.actor).is_looping:
                    yield WakeSupervisor(actor=word.actor, pid=word.pid)

    def _of(self, name: str) -> _Watched:
        return self._actors.setdefault(name, _Watched(name))

    # --- life

    def _heard(self, beat: Heartbeat) -> Iterator[Word]:
        watched = self._of(beat.actor)
        if beat.pid == watched.gone_pid:
            return  # said before it died, heard after
        if beat.pid != watched.pid:
            yield from self._born(watched, beat.pid, beat.mono_ns / 1e9)
        watched.beat_s, watched.has_beaten = beat.mono_ns / 1e9, True
        if watched.is_looping and not watched.exits_since(watched.beat_s):
            watched.is_looping = False  # someone started it by hand, and it lives
        if watched.state != "up":
            watched.state, watched.down_since_ns = "up", 0
            yield self._health()

    def _born(self, watched: _Watched, pid: int, at_s: float) -> Iterator[Word]:
        if watched.pid or watched.gone_pid:
            watched.restarts += 1
        watched.pid, watched.beat_s, watched.has_beaten, watched.kill_said = pid, at_s, False, ""
        watched.state = "starting"
        yield WatchPid(actor=watched.name, pid=pid)

    def _told(self, word: ProcessState, now_ns: int) -> Iterator[Word]:
        watched = self._of(word.actor)
        match word.state:
            case "RUNNING" if word.pid and word.pid not in (watched.pid, watched.gone_pid):
                yield from self._born(watched, word.pid, word.mono_s)
            case "EXITED":
                how = "left by itself" if word.expected else "died"
                yield from self._gone(word.actor, word.pid, word.mono_s, how, now_ns)
                if word.expected:
                    watched.state = "stopped"
            case "STOPPED" | "FATAL":
                watched.gone_pid = watched.pid or watched.gone_pid
                watched.pid, watched.state = 0, "stopped"
                watched.down_since_ns = watched.down_since_ns or now_ns

    # --- death

    def _gone(self, name: str, pid: int, at_s: float, how: str, now_ns: int) -> Iterator[Word]:
        watched = self._of(name)
        if pid == 0 or pid == watched.gone_pid:
            return
        watched.gone_pid = pid
        how = watched.kill_said or how
        if watched.pid in (0, pid):
            watched.pid, watched.state, watched.has_beaten, watched.kill_said = 0, "down", False, ""
            watched.down_since_ns = watched.down_since_ns or now_ns
        watched.exits = [at for at in watched.exits if at_s - at < MINUTE_S] + [at_s]
        count = len(watched.exits)
        yield ActorDied(actor=name, pid=pid, how=how, died_ns=now_ns, exits_in_minute=count)
        if count > MOST_EXITS:
            yield from self._give_up(watched, count)
        yield self._health()

    def _give_up(self, watched: _Watched, count: int) -> Iterator[Word]:
        watched.state = "stopped"
        if watched.is_looping:
            return  # its last gasps while supervisord is being asked to stop it
        watched.is_looping = True
        reason = f"{watched.name} ended {count} times within {MINUTE_S:.0f} s, more than {MOST_EXITS}"
        yield WriteHalt(by=self._own, reason_code="CRASH_LOOP", reason=reason)
        yield StopProgram(actor=watched.name)

    def _look(self, now_s: float) -> Iterator[Word]:
        if now_s - self._now_s > SILENT_S / 2:
            self._grace_until_s = now_s + SILENT_S
        self._now_s = now_s
        yield WakeIn(timer=LookAround(), after_s=LOOK_S)
        if not self._is_stopping:
            for watched in self._actors.values():
                yield from self._judge(watched, now_s)
        if now_s - self._said_health_s >= HEALTH_S:
            yield self._health()

    def _judge(self, watched: _Watched, now_s: float) -> Iterator[Word]:
        silent_s = now_s - watched.beat_s
        allowed_s = SILENT_S if watched.has_beaten else START_S
        if not watched.pid or watched.kill_said or silent_s <= allowed_s or now_s < self._grace_until_s:
            return
        watched.kill_said = f"killed: its heart was silent for {silent_s:.1f} s"
        yield KillActor(actor=watched.name, pid=watched.pid, why=watched.kill_said)

    def _health(self) -> Health:
        self._said_health_s = self._now_s
        actors = tuple(self._actors[name].health(self._now_s) for name in sorted(self._actors))
        return Health(actors=actors, mono_ns=int(self._now_s * 1e9))
