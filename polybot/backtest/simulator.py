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
from typing import Any, Protocol

from messages import (
    Envelope,
    Event,
    Request,
    Resend,
    Resent,
    Word,
    encode,
    tag_of,
    topic_of,
)
from messages.inner import (
    HaltSeen,
    NoReply,
    Started,
    Store,
    Tick,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.backtest.member import Killed, Member
from polybot.core.protocol import Core
from polybot.runtime.base.clock import LEAP_NS
from polybot.runtime.loop.performer import Performer
from polybot.topology import DEFAULT_PATIENCE, PATIENCE, TABLE, server_of

HALT_LOOK_NS = 100_000_000


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


def _is_wanted(envelope: Envelope, wish: Resend) -> bool:
    is_event = isinstance(envelope.body, Event) and topic_of(envelope.body).startswith(wish.topic)
    return is_event and envelope.at_ns >= wish.since_ns


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
        self.members = {row.name: Member(row.name, cores[row.name], self) for row in TABLE if row.name in cores}
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
        """From now on our clock is this far ahead of the truth. As for a real loop, a leap ends every actor."""
        leap_ns, self._skew_ns = skew_ns - self._skew_ns, skew_ns
        for name, member in self.members.items():
            if member.alive and abs(leap_ns) > LEAP_NS:
                self.kill(name)
            for _, wish in list(member.wishes.values()):
                if isinstance(wish, WakeAt):
                    self.wake(member, wish)

    @property
    def mono_s(self) -> float:
        """Machine seconds since the simulator's origin; one with world time here."""
        return (self.now_ns - self.origin_ns) / 1e9

    # --- life and death

    def start(self, name: str) -> None:
        """A new process of this actor: start-up is the recovery path."""
        member = self.members[name]
        member.be_born()
        member.halt_told = self.halt_id if member.row.watches_halt else ""
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
        if (restored := member.restored()) is not None:
            self.hear(name, restored)
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
        """A word from inside the actor's own house."""
        self._alive(name, lambda performer: performer.hear(word, cause))

    def _hear_envelope(self, name: str, envelope: Envelope) -> None:
        self._alive(name, lambda performer: performer.hear_envelope(envelope))

    def _alive(self, name: str, hear: Callable[[Performer], None]) -> None:
        """Let a living member hear; it may not survive that."""
        member = self.members[name]
        if member.alive:
            try:
                hear(member.performer)
            except Killed:
                self.kill(name)

    # --- what members say

    def note(self, member: Member, envelope: Envelope) -> None:
        """Into the digest, and before those who listen; a listener may raise Killed."""
        self._digest.update(repr(envelope).encode())
        for listener in self.listeners:
            listener(member.name, envelope)

    def store(self, word: Store) -> None:
        """A row of the index."""
        self.tables.setdefault(word.table, []).append(word.row)

    def effect(self, member: Member, word: Word) -> Word | None:
        """In the world outside; answered at once, or later."""
        return self.outside.perform(member.name, word, self.now_ns)

    def write_pause(self, word: WritePause) -> None:
        """The newest word stands."""
        self.paused = word.why

    def publish(self, member: Member, envelope: Envelope) -> None:
        """To everyone who hears it by the table, as the weather lets it through."""
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

    def ask(self, member: Member, request: Request, envelope: Envelope) -> None:
        """Of its server, or NoReply after the patience of the table."""
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
        """Served by the loop itself: the core does not hear it."""
        server = self.members.get(wish.to)
        if server is None or not server.alive:
            return
        found = [encode(e) for e in server.kept if _is_wanted(e, wish)][wish.skip :]
        resent = Resent(id=wish.id, envelopes=tuple(found[: wish.limit]), more=len(found) > wish.limit, lost=False)
        answer = server.performer.stamper.envelope(resent, self.wall_ns, f"request:{wish.id}")
        self.at(self.now_ns + self._hop_ns, lambda: self.reply(answer))

    def reply(self, envelope: Envelope) -> None:
        """To the one who asked, if it still waits."""
        reply: Any = envelope.body
        asker = self._asked.pop((envelope.source, reply.id), None)
        if asker is not None:
            self._on_its_way(asker, envelope, self._hop_ns)

    def wake(self, member: Member, wish: WakeAt | WakeIn) -> None:
        """The same timer again replaces the earlier wish."""
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
        for name in (name for name, member in self.members.items() if member.row.watches_halt):
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
