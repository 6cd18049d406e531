"""The loop: hears, writes the line to the flight recorder, calls the core, performs what it says. Crash-only.

One thread runs the core. Sockets of the bus, the inbox of other threads, timers and the halt file are looked at in turn;
effects run on lanes; `Persist`, `Compact`, `SignOrder`, `WriteHalt`, `Store` are performed here, at once, in order.
Start-up is the recovery path: `Started`, then `Restored` where there is a journal, then the world.
"""

import gc
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from messages import (
    ApprovedOrder,
    Envelope,
    Event,
    Heartbeat,
    OrderIntent,
    Prediction,
    Reply,
    Request,
    Resend,
    Word,
    encode,
    name_of,
    schema_hash,
    tag_of,
    topic_of,
)
from messages.inner import (
    Compact,
    HaltSeen,
    Leave,
    NoReply,
    Persist,
    PersistFailed,
    PostOrder,
    Restored,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.core.protocol import Core
from polybot.runtime.base import log, process
from polybot.runtime.base.clock import LEAP_NS, mono_s
from polybot.runtime.loop.bus import Client, Poller, Publisher, Server, Stamper, Subscriber, cause_of, new_context
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Heard, Host, Inbox, Lanes, Source
from polybot.runtime.loop.latency import Gauge
from polybot.runtime.loop.requests import OpenRequests
from polybot.runtime.loop.resend import Resender
from polybot.runtime.loop.timers import Timers
from polybot.runtime.safety import halt, pause
from polybot.runtime.store.flight import FlightRecorder
from polybot.runtime.store.journal import SNAPSHOT, Journal, JournalDamaged, JournalFailed
from polybot.topology import BY_NAME, CLASS_OF, speakers_of

HEARTBEAT_S = 0.5
FIRST_BEATS_S = 0.3
HALT_LOOK_S = 0.1
LEAVE_S = 1.8  # SIGTERM: gone within two seconds, whatever the core still wants
_DECISIONS = (Prediction, OrderIntent, ApprovedOrder, PostOrder)  # what each actor on the path of money decides
_LAGGING = 64  # words read in one go from which on market data is conflated to the newest per topic
_MOST = 512

Sync = Callable[[Any], Word | None]


@dataclass
class Wiring:
    """What connects a core to the world. effects run on lanes; sync are performed by the loop and may be answered at once;
    sources are threads that put words into the inbox; `every` is called by the loop about each `every_s` machine seconds.
    hosts are what the effects read from; how they are stands in every heartbeat.
    """

    effects: dict[type[Word], Effect] = field(default_factory=dict)
    sync: dict[type[Word], Sync] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    hosts: tuple[Host, ...] = ()
    every: Callable[[], None] | None = None
    every_s: float = 0.05
    journal: bool = False
    watches_halt: bool = False
    on_persist_failed: Callable[[str], None] | None = None
    waits_to_leave: bool = False  # the core hears Leave on SIGTERM and says Leave itself when done


def run(name: str, core: Core, wire: Callable[[Context, Inbox], Wiring] | None = None) -> None:
    """The body of every actor: take the lock, join the clock and the bus, turn until told to leave. Does not return."""
    process.die_with_parent()
    threading.excepthook = _thread_died
    sys.setswitchinterval(0.0005)  # a socket thread beside the loop must not cost 5 ms
    context = Context.open(name)
    inbox = Inbox()
    try:
        loop = Loop(context, core, inbox, wire(context, inbox) if wire else Wiring())
    except JournalDamaged as exc:
        log.event("journal_damaged", error=str(exc))
        sys.exit(78)
    code = loop.turn()
    log.event("left", actor=name, code=code)
    sys.stdout.flush()
    os._exit(code)  # socket and lane threads end with us


class Loop:
    """One actor's loop. `turn` runs until someone says Leave."""

    def __init__(self, context: Context, core: Core, inbox: Inbox, wiring: Wiring) -> None:
        self.context, self.core, self.inbox, self.wiring = context, core, inbox, wiring
        self.name = context.name
        self._row = BY_NAME[self.name]
        self.clock = context.clock
        self.stamper = Stamper(self.name, context.boot)
        self._inner = Stamper(f"{self.name}.source", context.boot)  # consumes no sequence of what we say
        self.flight = FlightRecorder(
            context.paths.flight / self.name, context.boot, context.settings.keep.flight_mb * 1024 * 1024
        )
        self.journal = Journal(context.paths.journal) if wiring.journal else None
        self._zmq = new_context()
        self._poller = Poller()
        self.publisher = Publisher(self._zmq, context.paths.sockets, self.name)
        self.server = Server(self._zmq, context.paths.sockets, self.name)
        self._clients: dict[Any, Client] = {}
        self.asking = OpenRequests(self._zmq, context.paths.sockets, self._register)
        speakers = sorted({a.name for word in self._row.hears for a in speakers_of(word)})
        self.subscriber = Subscriber(context.paths.sockets, speakers, self._row.hears, self._zmq)
        self.resender = Resender(context.paths.flight / self.name)
        self.timers = Timers(self.clock)
        self.lanes = Lanes(wiring.effects, inbox, _die)
        self._urgent: deque[Heard] = deque()
        self._leaving: int | None = None
        self._leave_by = 0.0
        self._halt_seen = ""
        self._handled = 0
        self._lag_ms = 0.0
        self._cycles, self._decisions, self._heard_s = Gauge(), Gauge(), 0.0
        self._next_beat = self._next_look = self._next_every = 0.0
        self._started_s = mono_s()
        self._wants_envelopes = bool(getattr(core, "wants_envelopes", False))

    # --- life

    def turn(self) -> int:
        """Start, then turn until told to leave; the exit code."""
        wake_fd = process.install_term_handler(self._on_term)
        for readable in (self.subscriber.socket, self.server.socket, self.inbox.wake_fd, wake_fd):
            self._poller.register(readable)
        self._start()
        for source in self.wiring.sources:
            source.start()
        gc.collect()
        gc.freeze()
        log.event("started", actor=self.name, boot=self.context.boot, pid=os.getpid())
        while self._leaving is None:
            self._one_turn(wake_fd)
        self._stop()
        return self._leaving

    def _start(self) -> None:
        if self.wiring.watches_halt:
            self._look_at_halt(tell=False)
        self._hear(self.context.started(self._halt_seen), "")
        if self.journal is not None:
            if self.journal.cut:
                log.event("journal_tail_cut", what=self.journal.cut)
            self._hear(_restored(self.journal), "")
            self.journal.records.clear()
        self._drain_urgent()

    def _stop(self) -> None:
        for source in self.wiring.sources:
            source.stop()
        if self.wiring.every:
            self.wiring.every()
        self.flight.close()
        self.subscriber.close()
        self.asking.close()
        self.server.close()
        self.publisher.close()

    def _on_term(self) -> None:
        if not self.wiring.waits_to_leave:
            self._leaving = 0
        elif not self._leave_by:
            self._leave_by = mono_s() + LEAVE_S
            self._urgent.append(Heard(Leave(code=0, why="SIGTERM"), ""))

    # --- one turn

    def _one_turn(self, wake_fd: int) -> None:
        ready = self._poller.wait(self._timeout_ms())
        began_s, handled = time.perf_counter(), self._handled
        if wake_fd in ready:
            process.drain_fd(wake_fd)
        if self.inbox.wake_fd in ready:
            self.inbox.drain_wake()
        for heard in self.inbox.take():
            self._hear(heard.word, heard.cause)
        if self.server.socket in ready:
            self._serve()
        for socket, client in self._clients.items():
            if socket in ready:
                self._hear_replies(client)
        if self.subscriber.socket in ready:
            self._hear_bus()
        for tick in self.timers.due():
            self._hear(tick, f"inner:Tick:{tag_of(tick.timer)}")
        for no_reply, cause in self.asking.overdue():
            self._hear(no_reply, cause)
        self._machine_duties()
        self._drain_urgent()
        self.flight.roll_if_full(self.core, self.stamper, self.clock.now_ns())
        if self._handled != handled:
            self._cycles.add(time.perf_counter() - began_s)

    def _timeout_ms(self) -> int:
        if self._urgent:
            return 0
        now = mono_s()
        wait = min(self.timers.wait_s(), self.asking.wait_s(), self._next_beat - now)
        if self.wiring.watches_halt:
            wait = min(wait, self._next_look - now)
        if self.wiring.every:
            wait = min(wait, self._next_every - now)
        return max(0, int(wait * 1000 + 0.999))

    def _machine_duties(self) -> None:
        now = mono_s()
        if now >= self._next_beat:
            # the first beats come quickly: peers that are just reconnecting lose the very first
            self._next_beat = now + (HEARTBEAT_S if now - self._started_s > FIRST_BEATS_S else HEARTBEAT_S / 10)
            self._look_at_clock()
            self._beat(now)
        if self.wiring.watches_halt and now >= self._next_look:
            self._next_look = now + HALT_LOOK_S
            self._look_at_halt()
        if self.wiring.every and now >= self._next_every:
            self._next_every = now + self.wiring.every_s
            self.wiring.every()
        if self._leave_by and now >= self._leave_by:
            self._leaving = 0

    def _look_at_clock(self) -> None:
        """Every wish in world time was made by a clock that is gone: start anew in the new time."""
        leap_ns = self.clock.was_set_ns()
        if abs(leap_ns) > LEAP_NS:
            _die(f"the wall clock was set by {leap_ns / 1e9:+.3f} s")

    def _beat(self, now: float) -> None:
        cycle, decision, api = (g.quantiles_ms() for g in (self._cycles, self._decisions, self.lanes.took))
        beat = Heartbeat(
            actor=self.name,
            pid=os.getpid(),
            boot=self.context.boot,
            mono_ns=time.monotonic_ns(),
            uptime_s=round(now - self._started_s, 3),
            handled=self._handled,
            inbox_lag_ms=round(self._lag_ms, 3),
            gaps=self.subscriber.gaps,
            dropped=self.subscriber.dropped + self.server.dropped,
            schema=schema_hash(),
            cycle_p50_ms=cycle[0],
            cycle_p95_ms=cycle[1],
            decision_p50_ms=decision[0],
            decision_p95_ms=decision[1],
            api_p50_ms=api[0],
            api_p95_ms=api[1],
            endpoints=tuple(host.health() for host in self.wiring.hosts),
        )
        self._lag_ms = 0.0
        self.publisher.send(*self.stamper.wrap(beat, self.clock.now_ns(), ""))

    def _look_at_halt(self, tell: bool = True) -> None:
        """The file is the switch: what it says now, told to the core when it changed."""
        standing = halt.look(self.context.paths)
        seen = standing.id if standing else ""
        if seen == self._halt_seen:
            return
        self._halt_seen = seen
        if tell:
            self._hear(
                HaltSeen(
                    halt_id=seen,
                    by=standing.by if standing else "",
                    reason_code=standing.reason_code if standing else "",
                    reason=standing.reason if standing else "",
                ),
                "inner:HaltSeen",
            )

    # --- hearing

    def _serve(self) -> None:
        for envelope, data in self.server.drain(_MOST):
            body = envelope.body
            if isinstance(body, Resend):
                resent = self.resender.answer(body)
                self.server.answer(resent, self.stamper.wrap(resent, self.clock.now_ns(), name_of(envelope))[1])
            elif type(body) in self._row.serves:
                self._hear_envelope(envelope, data)
            else:
                log.event("request_refused", tag=tag_of(body), source=envelope.source, reason="not served here")

    def _hear_replies(self, client: Client) -> None:
        for envelope, data in client.drain(_MOST):
            if self.asking.is_awaited(envelope):
                self._hear_envelope(envelope, data)
        if client.refused:
            _die(client.refused)

    def _hear_bus(self) -> None:
        batch = list(self.subscriber.drain(_MOST))
        if len(batch) >= _LAGGING:
            batch = _conflate(batch)
        if batch and len(batch) > 1:
            self._lag_ms = max(self._lag_ms, (self.clock.now_ns() - batch[0][0].at_ns) / 1e6 / self.clock.speed)
        for envelope, data in batch:
            self._hear_envelope(envelope, data)

    def _hear(self, word: Word, cause: str) -> None:
        """A word from inside this actor's house: wrapped as one from outside, so that replay reads one format."""
        envelope = self._inner.envelope(word, self.clock.now_ns(), cause)
        self._hear_envelope(envelope, encode(envelope))

    def _hear_envelope(self, envelope: Envelope, data: bytes) -> None:
        now_ns = self.clock.now_ns()
        self._heard_s = time.perf_counter()
        self.flight.heard(now_ns, data)
        inside = envelope.source == self._inner.source
        heard: Any = envelope if self._wants_envelopes and not inside else envelope.body
        self._perform_all(self.core.handle(heard, now_ns), now_ns, cause_of(envelope, self.name))

    def _drain_urgent(self) -> None:
        while self._urgent:
            heard = self._urgent.popleft()
            self._hear(heard.word, heard.cause)

    # --- performing

    def _perform_all(self, said: Iterable[Word], now_ns: int, cause: str) -> None:
        self._handled += 1
        for word in said:
            topic, data = self.stamper.wrap(word, now_ns, cause)
            self.flight.said(now_ns, data)
            if not self._perform(word, topic, data, cause):
                break
            if type(word) in _DECISIONS:
                self._decisions.add(time.perf_counter() - self._heard_s)
        if self._urgent:
            self._drain_urgent()

    def _perform(self, word: Word, topic: str, data: bytes, cause: str) -> bool:
        """Carry out one word; False = nothing said after it may go out."""
        match word:
            case NoReply():
                _die("a core said NoReply")
            case Event():
                self.publisher.send(topic, data)
            case Reply():
                self.server.answer(word, data)
            case Request():
                self.asking.ask(word, data, cause)
            case WakeAt() | WakeIn():
                self.timers.set(word)
            case Persist() | Compact():
                return self._persist(word, cause)
            case WriteHalt():
                halt.write(self.context.paths, by=word.by, reason_code=word.reason_code, reason=word.reason)
                log.event("halt_written", by=word.by, code=word.reason_code, reason=word.reason)
            case WritePause():
                pause.write(self.context.paths, word.why)
                log.event("pause_written", why=word.why)
            case Leave():
                log.event("leaving", why=word.why)
                self._leaving = word.code
            case _ if type(word) in self.wiring.sync:
                answer = self.wiring.sync[type(word)](word)
                if answer is not None:
                    self._urgent.append(Heard(answer, cause))
            case _ if self.lanes.serves(word):
                self.lanes.start(word, cause)
            case _:
                _die(f"{self.name} said {tag_of(word)}, which nobody here carries out")
        return True

    def _persist(self, word: Persist | Compact, cause: str) -> bool:
        assert self.journal is not None, "only an actor with a journal persists"
        try:
            if isinstance(word, Persist):
                self.journal.append(word.record, word.seq)
            else:
                self.journal.compact(word.snapshot, word.seq)
        except JournalFailed as exc:
            log.event("persist_failed", seq=word.seq, error=str(exc))
            if self.wiring.on_persist_failed:
                self.wiring.on_persist_failed(str(exc))
            self._urgent.append(Heard(PersistFailed(seq=word.seq, why=str(exc)), cause))
            return False
        return True

    def _register(self, client: Client) -> None:
        self._clients[client.socket] = client
        self._poller.register(client.socket)


def _restored(journal: Journal) -> Restored:
    """The newest snapshot and what came after it; with no snapshot, everything."""
    records = journal.records
    first = max((i for i, r in enumerate(records) if r.kind == SNAPSHOT), default=0)
    return Restored(records=tuple(r.data for r in records[first:]), last_seq=journal.last_seq)


def _conflate(batch: list[tuple[Envelope, bytes]]) -> list[tuple[Envelope, bytes]]:
    """We lag: of market data keep only the newest per topic, in the place of the newest."""
    newest: dict[str, int] = {}
    for i, (envelope, _) in enumerate(batch):
        if isinstance(envelope.body, Event) and CLASS_OF.get(type(envelope.body)) == "shed":
            newest[topic_of(envelope.body)] = i
    keep = set(newest.values())
    return [
        pair
        for i, pair in enumerate(batch)
        if i in keep or CLASS_OF.get(type(pair[0].body)) != "shed"  # type: ignore[arg-type]
    ]


def _thread_died(args: threading.ExceptHookArgs) -> None:
    """A source's thread met the impossible: an actor that has gone deaf must not live on."""
    text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    _die(f"thread {args.thread.name if args.thread else '?'} raised:\n{text}")


def _die(why: str) -> None:
    """The impossible: loudly, at once. Start-up is the recovery path."""
    log.event("died", why=why)
    sys.stdout.flush()
    os._exit(70)
