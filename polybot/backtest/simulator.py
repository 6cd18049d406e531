"""One process, one clock, the same cores by the same table: a heap of deliveries.

Machine time and world time are one here (speed 1), unless our wall clock is set wrong (`set_wall_clock`). Every delivery
costs `hop_ns`; equal times keep the order of saying, so two runs with one seed say identical bytes. `kill` may strike
between any two words a core says (`crash_at`), and what an actor persisted is all that it finds again. The outside world
is an object behind the same effect words.
"""

import hashlib
import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from messages import (
    Envelope,
    Event,
    MarketListed,
    MarketResolved,
    Prediction,
    Reply,
    Request,
    Resend,
    Resent,
    WindowObserved,
    Word,
    encode,
    tag_of,
    topic_of,
)
from messages.inner import (
    AnyTimer,
    Compact,
    HaltSeen,
    Leave,
    NoReply,
    Persist,
    Restored,
    SignOrder,
    Started,
    Store,
    Tick,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.core.protocol import Core
from polybot.runtime.base.clock import LEAP_NS
from polybot.runtime.loop.bus import Stamper, cause_of
from polybot.topology import CLASS_OF, DEFAULT_PATIENCE, PATIENCE, TABLE, server_of

WATCH_HALT = ("risk", "executor")
HALT_LOOK_NS = 100_000_000
RECALLS: dict[str, tuple[type[Event], ...]] = {
    "market_feed": (MarketListed, WindowObserved, MarketResolved),
    "signal": (Prediction,),
}


class Outside(Protocol):
    """The world behind the effects. Everything it lets happen it puts on the simulator's heap itself."""

    def join(self, sim: "Simulator") -> None:
        """Take the simulator that will run this outside; called once, before any actor starts."""
        ...

    def begin(self) -> None:
        """Everyone has started: schedule the first happenings."""
        ...

    def connect(self, actor: str) -> None:
        """A new process of this actor opens its sources."""
        ...

    def perform(self, actor: str, word: Word, now_ns: int) -> Word | None:
        """Carry out an effect: answer at once with a word (SignOrder), or schedule the answer and return None."""
        ...


class Weather(Protocol):
    """What the bus does to one event on its way to one hearer: arrival delays in ns, none = lost, two = doubled."""

    def strike(self, event: Event, hearer: str) -> Iterable[int]:
        """How late each copy of this event reaches the hearer, in ns; none: it is lost."""
        ...


@dataclass
class Member:
    """One actor in the simulator and all that survives its death: `records` and the boot number."""

    name: str
    make: Callable[[], Core]
    core: Any = None
    stamper: Stamper = field(default_factory=lambda: Stamper("", 0))
    boot: int = 0
    alive: bool = False
    records: list[bytes] = field(default_factory=list)
    last_seq: int = 0
    kept: list[Envelope] = field(default_factory=list)  # its flight recorder, as far as others or itself may ask for it
    said: int = 0
    crash_at: int | None = None
    wishes: dict[AnyTimer, tuple[int, WakeAt | WakeIn]] = field(default_factory=dict)  # timer → the wish that stands
    halt_told: str = ""


def _tells(envelope: Envelope, wish: Resend) -> bool:
    assert isinstance(envelope.body, Event)
    return topic_of(envelope.body).startswith(wish.topic)


class Killed(Exception):
    """This actor's process has just ended, in the middle of a sentence."""


class Simulator:
    """Build, `begin`, `run_until`. `digest` is a hash over every word said by anyone, in order."""

    def __init__(
        self,
        cores: dict[str, Callable[[], Core]],
        outside: Outside,
        origin_ns: int,
        config: str,
        session: str,
        hop_ns: int = 100_000,
        restart_ns: int = 300_000_000,
        weather: Weather | None = None,
    ) -> None:
        self.members = {row.name: Member(row.name, cores[row.name]) for row in TABLE if row.name in cores}
        self.outside, self.origin_ns, self.now_ns = outside, origin_ns, origin_ns
        self._skew_ns = 0
        self.config, self.session = config, session
        self._hop_ns, self._restart_ns, self._weather = hop_ns, restart_ns, weather
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._asked: dict[tuple[str, str], str] = {}  # (server, request id) → asker
        self._digest = hashlib.blake2b(digest_size=16)
        self.halt: WriteHalt | None = None
        self.paused = ""
        self.halt_id = ""
        self.tables: dict[str, list[bytes]] = {}
        self.listeners: list[Callable[[str, Envelope], None]] = []

    # --- driving

    def begin(self) -> None:
        """Start every actor, then let the world begin."""
        self.outside.join(self)
        for name in self.members:
            self.start(name)
        self.outside.begin()

    def at(self, at_ns: int, happen: Callable[[], None]) -> None:
        """Let something happen at a world time (not before now)."""
        self._count += 1
        heapq.heappush(self._heap, (max(at_ns, self.now_ns), self._count, happen))

    def run_until(self, until_ns: int) -> None:
        """Deliver everything due up to and including world time until_ns, which is then now."""
        while self._heap and self._heap[0][0] <= until_ns:
            at_ns, _, happen = heapq.heappop(self._heap)
            self.now_ns = at_ns
            happen()
        self.now_ns = max(self.now_ns, until_ns)

    @property
    def digest(self) -> str:
        """Hex hash over every word said so far."""
        return self._digest.hexdigest()

    @property
    def wall_ns(self) -> int:
        """What our machine's clock shows: `now_ns` is the truth, of which only the outside knows."""
        return self.now_ns + self._skew_ns

    def set_wall_clock(self, skew_ns: int) -> None:
        """From now on our clock is this far ahead of the truth. As in runtime/loop/loop.py, a leap ends every actor."""
        leap_ns, self._skew_ns = skew_ns - self._skew_ns, skew_ns
        for name, member in self.members.items():
            if member.alive and abs(leap_ns) > LEAP_NS:
                self.kill(name)
            for _, wish in list(member.wishes.values()):
                if isinstance(wish, WakeAt):
                    self._wake(member, wish)

    @property
    def mono_s(self) -> float:
        """Machine seconds since the simulator's origin; one with world time here."""
        return (self.now_ns - self.origin_ns) / 1e9

    # --- life and death

    def start(self, name: str) -> None:
        """A new process of this actor: start-up is the recovery path."""
        member = self.members[name]
        member.core, member.alive, member.boot = member.make(), True, member.boot + 1
        member.stamper, member.said, member.wishes = Stamper(name, member.boot), 0, {}
        member.halt_told = self.halt_id if name in WATCH_HALT else ""
        started = Started(
            actor=name,
            boot=member.boot,
            config=self.config,
            versions={},
            mono_s=self.mono_s,
            speed=1.0,
            session=self.session,
            halted=member.halt_told,
            paused=self.paused,
        )
        self.hear(name, started)
        if member.alive and name == "executor":
            self.hear(name, Restored(records=tuple(member.records), last_seq=member.last_seq))
        elif member.alive and name in RECALLS:
            said = tuple(encode(e.body) for e in member.kept if isinstance(e.body, RECALLS[name]))
            self.hear(name, Restored(records=said, last_seq=0))
        self.outside.connect(name)

    def kill(self, name: str, restart: bool = True) -> None:
        """kill -9. What was on its way to it is lost; supervision starts it again."""
        member = self.members[name]
        member.alive, member.crash_at = False, None
        if restart:
            self.at(self.now_ns + self._restart_ns, lambda: None if member.alive else self.start(name))

    # --- words

    def deliver(self, name: str, word: Word, delay_ns: int, cause: str = "") -> None:
        """Put a word from outside (a source, an effect's result) on its way to the present process of an actor."""
        boot = self.members[name].boot if name in self.members else 0
        self.at(self.now_ns + delay_ns, lambda: self._arrive(name, word, boot, cause))

    def _arrive(self, name: str, word: Word, boot: int, cause: str) -> None:
        if name in self.members and self.members[name].boot == boot:
            self.hear(name, word, cause)

    def hear(self, name: str, word: Word, cause: str = "") -> None:
        """Hand an actor a word from inside its own house."""
        inner = Stamper(f"{name}.source", self.members[name].boot)
        self._hear_envelope(name, inner.envelope(word, self.wall_ns, cause))

    def _hear_envelope(self, name: str, envelope: Envelope) -> None:
        member = self.members[name]
        if not member.alive:
            return
        inside = envelope.source == f"{name}.source"
        heard: Any = envelope if getattr(member.core, "wants_envelopes", False) and not inside else envelope.body
        cause = cause_of(envelope, name)
        next_words: list[Word] = []
        try:
            for word in member.core.handle(heard, self.wall_ns):
                self._say(member, word, cause, next_words)
        except Killed:
            self.kill(name)
            return
        for word in next_words:
            self.hear(name, word, cause)

    def _say(self, member: Member, word: Word, cause: str, next_words: list[Word]) -> None:
        member.said += 1
        if member.crash_at is not None and member.said >= member.crash_at:
            raise Killed
        topic = "" if not isinstance(word, Event) else f"{tag_of(word)}/{word.key}"
        envelope = member.stamper.envelope(word, self.wall_ns, cause, topic)
        self._digest.update(repr(envelope).encode())
        for listener in self.listeners:
            listener(member.name, envelope)
        match word:
            case Event():
                if CLASS_OF[type(word)] == "kept":
                    member.kept.append(envelope)
                self._publish(member.name, envelope)
            case Reply():
                self._reply(envelope)
            case Request():
                self._ask(member, envelope)
            case WakeAt() | WakeIn():
                self._wake(member, word)
            case Persist():
                member.records.append(word.record)
                member.last_seq = word.seq
            case Compact():
                member.records, member.last_seq = [word.snapshot], word.seq
            case Store():
                self.tables.setdefault(word.table, []).append(word.row)
            case WriteHalt():
                self.write_halt(word)
            case WritePause():
                self.paused = word.why
            case Leave():
                raise Killed
            case SignOrder():
                answer = self.outside.perform(member.name, word, self.now_ns)
                assert answer is not None
                next_words.append(answer)
            case _:
                self.outside.perform(member.name, word, self.now_ns)

    def _publish(self, source: str, envelope: Envelope) -> None:
        event: Any = envelope.body
        for hearer in self._hearers(type(event)):
            strikes = [self._hop_ns] if self._weather is None else self._weather.strike(event, hearer)
            for delay_ns in strikes:
                self._on_its_way(hearer, envelope, delay_ns)

    def _hearers(self, word: type[Event]) -> Iterator[str]:
        return (row.name for row in TABLE if word in row.hears and row.name in self.members)

    def _on_its_way(self, name: str, envelope: Envelope, delay_ns: int) -> None:
        boot = self.members[name].boot

        def arrive() -> None:
            if self.members[name].boot == boot:
                self._hear_envelope(name, envelope)

        self.at(self.now_ns + delay_ns, arrive)

    def _ask(self, member: Member, envelope: Envelope) -> None:
        request: Any = envelope.body
        server = request.to if isinstance(request, Resend) else server_of(type(request)).name
        self._asked[server, request.id] = member.name
        if isinstance(request, Resend):
            self._resend(request, envelope)
        elif server in self.members:
            self._on_its_way(server, envelope, self._hop_ns)
        patience = PATIENCE.get(type(request), DEFAULT_PATIENCE)
        boot = member.boot

        def give_up() -> None:
            if self._asked.pop((server, request.id), None) == member.name and member.boot == boot:
                self.hear(
                    member.name, NoReply(id=request.id, to=server, request=tag_of(request)), f"request:{request.id}"
                )

        self.at(self.now_ns + int(patience.deadline_s * 1e9), give_up)

    def _resend(self, wish: Resend, envelope: Envelope) -> None:
        """Served by the loop itself, as in runtime/loop/loop.py: the core does not hear it."""
        server = self.members.get(wish.to)
        if server is None or not server.alive:
            return
        found = [encode(e) for e in server.kept if e.at_ns >= wish.since_ns and _tells(e, wish)][wish.skip :]
        resent = Resent(id=wish.id, envelopes=tuple(found[: wish.limit]), more=len(found) > wish.limit, lost=False)
        answer = server.stamper.envelope(resent, self.wall_ns, f"request:{wish.id}")
        self.at(self.now_ns + self._hop_ns, lambda: self._reply(answer))

    def _reply(self, envelope: Envelope) -> None:
        reply: Any = envelope.body
        asker = self._asked.pop((envelope.source, reply.id), None)
        if asker is not None:
            self._on_its_way(asker, envelope, self._hop_ns)

    def _wake(self, member: Member, wish: WakeAt | WakeIn) -> None:
        after_ns = wish.at_ns - self.wall_ns if isinstance(wish, WakeAt) else max(1, math.ceil(wish.after_s * 1e9))
        at_ns = self.now_ns + after_ns  # machine time passes, however little, or "a moment later" would come for ever
        self._count += 1
        number, boot = self._count, member.boot
        member.wishes[wish.timer] = number, wish

        def ring() -> None:
            if member.boot == boot and member.wishes.get(wish.timer) == (number, wish):
                del member.wishes[wish.timer]
                self.hear(member.name, Tick(timer=wish.timer, mono_s=self.mono_s), f"inner:Tick:{tag_of(wish.timer)}")

        self.at(at_ns, ring)

    # --- the kill switch

    def write_halt(self, word: WriteHalt) -> None:
        """The file: the first writer wins; who watches it sees it within 100 ms."""
        if self.halt is None:
            self.halt, self.halt_id = word, f"halt-{self._count}"
            self._tell_halt()

    def _tell_halt(self) -> None:
        for name in WATCH_HALT:
            if name in self.members:
                self.at(self.now_ns + HALT_LOOK_NS, lambda name=name: self._look_at_halt(name))  # type: ignore[misc]

    def _look_at_halt(self, name: str) -> None:
        member = self.members[name]
        if not member.alive or member.halt_told == self.halt_id:
            return
        member.halt_told = self.halt_id
        halt = self.halt
        self.hear(
            name,
            HaltSeen(
                halt_id=self.halt_id,
                by=halt.by if halt else "",
                reason_code=halt.reason_code if halt else "",
                reason=halt.reason if halt else "",
            ),
            "inner:HaltSeen",
        )
