"""The house itself: hearts, health, the kill switch, and asking again for what was missed."""

from typing import Literal

import msgspec

from messages.base import Event, Part, Reply, Request

TradingState = Literal["ACTIVE", "REDUCING", "HALTED"]


class EndpointHealth(Part, frozen=True, kw_only=True):
    """A host of the outside world as one process's reads see it; machine seconds.

    state    its circuit breaker: closed (asked), open (not asked for retry_s more), half_open (one read is trying it)
    failures in a row; opened: how often since boot; why: the last failure, "" after a success
    used     of the host's own quota `limit`, as its answers say; −1 = it says nothing
    """

    name: str
    state: Literal["closed", "open", "half_open"]
    failures: int
    opened: int
    retry_s: float
    why: str
    used: int = -1
    limit: int = -1


class Heartbeat(Event, frozen=True, kw_only=True):
    """An actor's loop turns; every 0.5 s of machine time, the first ones quicker. The figures are the loop's own since boot.

    boot       fences: a smaller one is of a process before this
    Quantiles of the newest few hundred, machine ms, −1 = none yet:
    cycle      one turn of the loop that heard anything      decision   from what was heard to what was decided on it
    api        one call of the world outside: an effect on its lane
    endpoints  the hosts this actor reads from
    """

    actor: str
    pid: int
    boot: int
    mono_ns: int
    uptime_s: float
    handled: int
    inbox_lag_ms: float
    gaps: int
    dropped: int
    schema: str
    cycle_p50_ms: float = -1.0
    cycle_p95_ms: float = -1.0
    decision_p50_ms: float = -1.0
    decision_p95_ms: float = -1.0
    api_p50_ms: float = -1.0
    api_p95_ms: float = -1.0
    endpoints: tuple[EndpointHealth, ...] = ()

    @property
    def key(self) -> str:
        return self.actor


class ActorHealth(Part, frozen=True, kw_only=True):
    """One actor as the watchdog sees it. down_since_ns world time, 0 when up; exits within the last 60 machine seconds."""

    actor: str
    state: Literal["up", "starting", "down", "stopped"]
    pid: int
    restarts: int
    exits_in_minute: int
    heartbeat_age_ms: int
    down_since_ns: int


class Health(Event, frozen=True, kw_only=True):
    """Level of the watchdog, each second and whenever an actor comes up or is gone; risk halts after 10 s of silence."""

    actors: tuple[ActorHealth, ...]
    mono_ns: int


class ActorDied(Event, frozen=True, kw_only=True):
    """A process left or was killed for silence; `how` says which. Kept, so that the rows of its windows can say so.

    loop      it leaves again and again: "often" = many times within the hour, "halted" = it is given up and trading is
              halted, "dropped" = trading goes on without it, and it is started again after retry_s machine seconds
    """

    actor: str
    pid: int
    how: str
    died_ns: int
    exits_in_minute: int
    exits_in_hour: int = 0
    loop: Literal["", "often", "halted", "dropped"] = ""
    retry_s: float = 0.0

    @property
    def key(self) -> str:
        return self.actor


class LimitUse(Part, frozen=True, kw_only=True):
    """One limit as used/limit, both as people's text.

    strategy  "" = the whole bot's        share  used as a part of the limit, 0 … 1 and above; −1 = there is no such number
    """

    rule: str
    used: str
    limit: str
    strategy: str = ""
    share: float = -1.0


class RiskState(Event, frozen=True, kw_only=True):
    """Level of risk. executor closes admission on HALTED and lets only reduce_only through on REDUCING.

    refused, refused_by  how often each rule refused since risk's boot: code → count, and strategy → code → count
    """

    state: TradingState
    reason_code: str
    reason: str
    boot: int
    refused: dict[str, int]
    approved: int
    limits: tuple[LimitUse, ...]
    since_ns: int
    refused_by: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)


class Halt(Request, frozen=True, kw_only=True):
    """Stop trading. The file `state/halt.json` is the switch; this makes the living act at once."""

    by: str
    reason_code: str
    reason: str


class Resume(Request, frozen=True, kw_only=True):
    """Lift the halt of `halt_id` (another one standing: refused). The file has been removed by the asker before."""

    halt_id: str
    by: str
    reason: str


class Pause(Request, frozen=True, kw_only=True):
    """Allow only exits (REDUCING) until Resume; by hand, or asked by the executor after refusals that repeat themselves."""

    by: str
    reason: str


class Done(Reply, frozen=True, kw_only=True):
    """A request without a richer answer was carried out, or not and why."""

    ok: bool
    reason: str = ""
    trading_state: TradingState = "ACTIVE"


class Resend(Request, frozen=True, kw_only=True):
    """Say again what was said under a topic; served by every loop from its flight recorder.

    topic       prefix of full topic strings ("Prediction/"); "" = every kept topic      to       the actor asked
    boot, from_seq   not before this boot, and within that boot not below this sequence (for one full topic string)
    since_ns    not said before this world time        skip  how many matches to leave out: the next page
    """

    to: str
    topic: str
    boot: int = 0
    from_seq: int = 0
    since_ns: int = 0
    skip: int = 0
    limit: int = 500


class Resent(Reply, frozen=True, kw_only=True):
    """Answer to Resend: encoded envelopes, oldest first. lost: some of what was asked is no longer on disk."""

    envelopes: tuple[bytes, ...]
    more: bool
    lost: bool


class Query(Request, frozen=True, kw_only=True):
    """recorder: tell when everything up to this sequence of the journal is on disk. Answered by Done."""

    upto_journal_seq: int = 0
