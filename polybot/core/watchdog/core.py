"""Hearts, hangs and crash loops: what the watchdog decides. Its hands are effects; its time is machine time.

1. A process that is gone is counted once, whoever tells first (its pidfd or supervisord), and supervisord is woken.
2. An actor whose heart has been silent for 3 s is killed; it is never killed twice under the same pid.
3. An actor that leaves for the sixth time within 60 s, or for the 61st within an hour, is taken out of supervision: an
   endless restart is no recovery. What then happens is a column of THE TABLE, `on_crash`: "halt" stops trading, and a
   person starts it again (`resume`, `up`); "drop" lets trading go on, and we start it again after 10 s, twice as long
   each time, at most 5 minutes. Once it has lived for a minute, all is forgiven. More than 20 exits within an hour are
   told, and nothing else is done.
4. While supervisord is stopping, nothing is done.
5. After a pause of our own (we were stopped, the machine slept) everyone has 3 s to be heard again. A machine that
   starves us starves them too: what our looks came late is not counted as anybody's silence.
6. Once an executor that loops is out of supervision, a lone one cancels everything.
"""

from collections import deque
from collections.abc import Iterator
from typing import Literal

from messages import ActorDied, ActorHealth, CancelAll, Health, Heartbeat, Word
from messages.inner import (
    CancelAlone,
    KillActor,
    LookAround,
    ProcessGone,
    ProcessState,
    Started,
    StartProgram,
    StopProgram,
    Tick,
    WakeIn,
    WakeSupervisor,
    WatchPid,
    WriteHalt,
)
from polybot.topology import BY_NAME, TABLE

LOOK_S = 0.25
LATE_S = 0.5  # two looks further apart than this: the machine is busy with something else
SILENT_S = 3.0
START_S = 35.0  # a first heartbeat may take this long: an actor waits up to 30 s for the local venue
MINUTE_S = 60.0
HOUR_S = 3600.0
MOST_EXITS = 5  # within a minute
OFTEN = 20  # within an hour: told
MOST_IN_HOUR = 60
REST_S = 10.0  # of an actor that is dropped; twice as long each time
LONGEST_REST_S = 300.0
HEALTH_S = 1.0

Loop = Literal["", "often", "halted", "dropped"]
State = Literal["up", "starting", "down", "stopped"]


_CANCELS = tuple(a.name for a in TABLE if CancelAll in a.serves)


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
        self.exits: deque[float] = deque(maxlen=MOST_IN_HOUR + 1)  # machine time of each
        self.restarts = 0
        self.is_looping = False  # taken out of supervision by us
        self.is_leaving = False  # supervisord is being asked to stop it
        self.is_out = False  # supervisord has said that it is stopped
        self.born_s = 0.0
        self.late_s = 0.0  # how late our looks had come in all when it was last heard
        self.rests = 0  # how often it was let rest, since it last lived for a minute
        self.rest_until_s: float | None = None  # machine time of its next start, by us
        self.told_often_s = -HOUR_S
        self.down_since_ns = 0

    @property
    def on_crash(self) -> str:
        """What its crash loop does; of a program that THE TABLE does not know, the careful thing."""
        row = BY_NAME.get(self.name)
        return row.on_crash if row else "halt"

    def exits_within(self, seconds: float, now_s: float) -> int:
        """How many times it left within the last so many seconds; now_s is machine time."""
        return sum(1 for at in self.exits if now_s - at < seconds)

    def forgive(self) -> None:
        """It is under supervision as if nothing had been."""
        self.is_looping, self.is_leaving, self.is_out = False, False, False
        self.rests, self.rest_until_s = 0, None

    def health(self, now_s: float) -> ActorHealth:
        age_ms = int(max(0.0, now_s - self.beat_s) * 1000) if self.has_beaten else -1
        return ActorHealth(
            actor=self.name,
            state=self.state,
            pid=self.pid,
            restarts=self.restarts,
            exits_in_minute=self.exits_within(MINUTE_S, now_s),
            heartbeat_age_ms=age_ms,
            down_since_ns=self.down_since_ns,
        )


class WatchCore:
    """Knows an actor from the first word about it: its heartbeat, or supervisord's."""

    def __init__(self) -> None:
        self._own = ""
        self._now_s = 0.0
        self._grace_until_s = 0.0
        self._late_s = 0.0  # how late our looks came, in all
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
        watched.beat_s, watched.has_beaten, watched.late_s = beat.mono_ns / 1e9, True, self._late_s
        if watched.is_looping and watched.beat_s - watched.born_s >= MINUTE_S:
            watched.forgive()
        if watched.state != "up":
            watched.state, watched.down_since_ns = "up", 0
            yield self._health()

    def _born(self, watched: _Watched, pid: int, at_s: float) -> Iterator[Word]:
        if watched.pid or watched.gone_pid:
            watched.restarts += 1
        watched.pid, watched.beat_s, watched.has_beaten, watched.kill_said = pid, at_s, False, ""
        watched.born_s, watched.late_s = at_s, self._late_s
        if not watched.is_leaving:
            watched.rest_until_s = None
        if watched.is_out and watched.on_crash == "halt":
            watched.forgive()  # a person started it
            watched.exits.clear()
        watched.is_out = False
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
                if watched.is_leaving and word.actor in _CANCELS:
                    yield CancelAlone(why=f"{word.actor} ends again and again and is given up")
                if watched.on_crash == "drop" and not watched.gone_pid:  # a life of ours before this one let it rest
                    watched.rest_until_s = word.mono_s + LONGEST_REST_S
                watched.is_out, watched.is_leaving = True, False

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
        watched.exits.append(at_s)
        yield from self._died(watched, pid, how, at_s, now_ns)
        if watched.is_looping:
            watched.state = "stopped"
        yield self._health()

    def _died(self, watched: _Watched, pid: int, how: str, at_s: float, now_ns: int) -> Iterator[Word]:
        """Say the death, and do what the number of them asks for."""
        loop, why = self._judge_exits(watched, at_s)
        if loop in ("halted", "dropped"):
            watched.is_looping = watched.is_leaving = True
        rest_s = 0.0
        if loop == "dropped":
            rest_s = min(REST_S * 2**watched.rests, LONGEST_REST_S)
            watched.rests, watched.rest_until_s = watched.rests + 1, at_s + rest_s
        yield ActorDied(
            actor=watched.name,
            pid=pid,
            how=how,
            died_ns=now_ns,
            exits_in_minute=watched.exits_within(MINUTE_S, at_s),
            exits_in_hour=watched.exits_within(HOUR_S, at_s),
            loop=loop,
            retry_s=rest_s,
        )
        if loop == "halted":
            yield WriteHalt(by=self._own, reason_code="CRASH_LOOP", reason=why)
        if watched.is_leaving and loop:
            yield StopProgram(actor=watched.name)

    def _judge_exits(self, watched: _Watched, at_s: float) -> tuple[Loop, str]:
        """What this exit is besides a death, and the sentence of the halt."""
        if watched.is_leaving:
            return "", ""  # its last gasps while supervisord is being asked to stop it
        minute, hour = watched.exits_within(MINUTE_S, at_s), watched.exits_within(HOUR_S, at_s)
        done: Loop = "dropped" if watched.on_crash == "drop" else "halted"
        if minute > MOST_EXITS:
            return done, f"{watched.name} ended {minute} times within {MINUTE_S:.0f} s, more than {MOST_EXITS}"
        if hour > MOST_IN_HOUR:
            return done, f"{watched.name} ended {hour} times within an hour, more than {MOST_IN_HOUR}"
        if watched.is_looping:
            return done, f"{watched.name} ended again soon after its start"
        if hour > OFTEN and at_s - watched.told_often_s >= HOUR_S:
            watched.told_often_s = at_s
            return "often", ""
        return "", ""

    def _look(self, now_s: float) -> Iterator[Word]:
        passed_s, self._now_s = now_s - self._now_s, now_s
        if passed_s > SILENT_S / 2:
            self._grace_until_s = now_s + SILENT_S
        self._late_s += max(0.0, passed_s - LATE_S)
        yield WakeIn(timer=LookAround(), after_s=LOOK_S)
        if not self._is_stopping:
            for watched in self._actors.values():
                yield from self._judge(watched, now_s)
                yield from self._rested(watched, now_s)
        if now_s - self._said_health_s >= HEALTH_S:
            yield self._health()

    def _judge(self, watched: _Watched, now_s: float) -> Iterator[Word]:
        silent_s = now_s - watched.beat_s - (self._late_s - watched.late_s)
        allowed_s = SILENT_S if watched.has_beaten else START_S
        if not watched.pid or watched.kill_said or silent_s <= allowed_s or now_s < self._grace_until_s:
            return
        watched.kill_said = f"killed: its heart was silent for {now_s - watched.beat_s:.1f} s"
        yield KillActor(actor=watched.name, pid=watched.pid, why=watched.kill_said)

    def _rested(self, watched: _Watched, now_s: float) -> Iterator[Word]:
        """Start again what has rested; should nothing come of it, once more after the longest rest."""
        if watched.rest_until_s is not None and now_s >= watched.rest_until_s:
            watched.rest_until_s, watched.is_leaving = now_s + LONGEST_REST_S, False
            yield StartProgram(actor=watched.name)

    def _health(self) -> Health:
        self._said_health_s = self._now_s
        actors = tuple(self._actors[name].health(self._now_s) for name in sorted(self._actors))
        return Health(actors=actors, mono_ns=int(self._now_s * 1e9))
