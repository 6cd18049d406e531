"""The loop of an actor: one thread that runs its core. Crash-only.

Sockets of the bus, the inbox of other threads, timers and the halt file are looked at in turn; what they bring is heard by the
core and what it says is carried out (`Performer`). Start-up is the recovery path: `Started`, then `Restored` where the table
says that something is kept, then the world.
"""

import gc
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from messages import Envelope, Event, Resend, Word, name_of, tag_of, topic_of
from messages.inner import Leave
from messages.units import NS
from polybot.core.protocol import Core
from polybot.runtime.base import log, process
from polybot.runtime.base.clock import LEAP_NS, mono_s
from polybot.runtime.loop.bus import Client, Poller, Publisher, Server, Subscriber, new_context
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.halt_watch import HaltWatch
from polybot.runtime.loop.heartbeat import Heart
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.performer import Performer
from polybot.runtime.loop.ports import LoopPorts, Outlets
from polybot.runtime.loop.requests import OpenRequests
from polybot.runtime.loop.resend import Resender
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.store.flight import FlightRecorder
from polybot.runtime.store.journal import Journal, JournalDamaged
from polybot.runtime.store.recall import persisted, recalled
from polybot.topology import BY_NAME, CLASS_OF, speakers_of

LEAVE_S = 1.8  # SIGTERM: gone within two seconds, whatever the core still wants
_LAGGING = 64  # words read in one go from which on market data is conflated to the newest per topic
_MOST = 512


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
    try:
        code = loop.turn()
    except Exception:  # noqa: BLE001 crash-only: an orderly end would wait for the bus's sockets, for ever
        process.die(f"{name} met the impossible:\n{traceback.format_exc()}")
    log.event("left", actor=name, code=code)
    sys.stdout.flush()
    os._exit(code)  # socket and lane threads end with us


class Loop:
    """One actor's loop. `turn` runs until someone says Leave."""

    def __init__(self, context: Context, core: Core, inbox: Inbox, wiring: Wiring) -> None:
        self.context, self.inbox, self.wiring = context, inbox, wiring
        self.name = context.name
        self._row = BY_NAME[self.name]
        self.clock = context.clock
        self.journal = Journal(context.paths.journal) if self._row.journal else None
        folder, sockets, zmq = context.paths.flight / self.name, context.paths.sockets, new_context()
        self._poller = Poller()
        self._clients: dict[Any, Client] = {}
        self._outlets = Outlets(
            flight=FlightRecorder(folder, context.boot, context.settings.keep.flight_mb * 1024 * 1024),
            publisher=Publisher(zmq, sockets, self.name),
            server=Server(zmq, sockets, self.name),
            asking=OpenRequests(zmq, sockets, self._register),
        )
        self.resender = Resender(folder)
        speakers = sorted({a.name for word in self._row.hears for a in speakers_of(word)})
        self.subscriber = Subscriber(sockets, speakers, self._row.hears, zmq)
        self.ports = LoopPorts(context, inbox, wiring, self.journal, self._outlets)
        self.performer = Performer(self.name, context.boot, core, self.ports)
        self._heart = Heart(self.name, context.boot)
        self._halt_watch = HaltWatch(context.paths) if self._row.watches_halt else None
        self._leave_by = 0.0
        self._next_every = 0.0

    # --- life

    def turn(self) -> int:
        """Start, then turn until told to leave; the exit code."""
        wake_fd = process.install_term_handler(self._on_term)
        for readable in (self.subscriber.socket, self._outlets.server.socket, self.inbox.wake_fd, wake_fd):
            self._poller.register(readable)
        self._start()
        for source in self.wiring.sources:
            source.start()
        gc.collect()
        gc.freeze()
        log.event("started", actor=self.name, boot=self.context.boot, pid=os.getpid())
        while self.ports.leaving is None:
            self._one_turn(wake_fd)
        self._stop()
        return self.ports.leaving

    def _start(self) -> None:
        if self._halt_watch:
            self._halt_watch.look()
        self.performer.hear(self.context.started(self._halt_watch.seen if self._halt_watch else ""))
        if self.journal is not None:
            if self.journal.cut:
                log.event("journal_tail_cut", what=self.journal.cut)
            self.performer.hear(persisted(self.journal))
            self.journal.records.clear()
        elif recalls := self._row.recalls.words:
            since_ns = self.clock.now_ns() - self._row.recalls.back_s(self.clock.speed) * NS
            self.performer.hear(recalled(self.context.paths.flight / self.name, recalls, since_ns))

    def _stop(self) -> None:
        for source in self.wiring.sources:
            source.stop()
        if self.wiring.every:
            self.wiring.every()
        self.subscriber.close()
        self._outlets.close()

    def _on_term(self) -> None:
        if not self.wiring.waits_to_leave:
            self.ports.leaving = 0
        elif not self._leave_by:
            self._leave_by = mono_s() + LEAVE_S
            self.performer.hear_next(Leave(code=0, why="SIGTERM"))

    # --- one turn

    def _one_turn(self, wake_fd: int) -> None:
        ready = self._poller.wait(self._timeout_ms())
        began_s, handled = time.perf_counter(), self.ports.handled
        if wake_fd in ready:
            process.drain_fd(wake_fd)
        if self.inbox.wake_fd in ready:
            self.inbox.drain_wake()
        for heard in self.inbox.take():
            self.performer.hear(heard.word, heard.cause)
        if self._outlets.server.socket in ready:
            self._serve()
        for socket, client in list(
            self._clients.items()
        ):  # an answer may make the core ask a server for the first time
            if socket in ready:
                self._hear_replies(client)
        if self.subscriber.socket in ready:
            self._hear_bus()
        for tick in self.ports.timers.due():
            self.performer.hear(tick, f"inner:Tick:{tag_of(tick.timer)}")
        for no_reply, cause in self._outlets.asking.overdue():
            self.performer.hear(no_reply, cause)
        self._machine_duties()
        self.performer.hear_waiting()
        self._outlets.flight.roll_if_full()
        if self.ports.handled != handled:
            self._heart.cycles.add(time.perf_counter() - began_s)

    def _timeout_ms(self) -> int:
        if self.performer.has_waiting:
            return 0
        now = mono_s()
        wait = min(self.ports.timers.wait_s(), self._outlets.asking.wait_s(), self._heart.next_s - now)
        if self._halt_watch:
            wait = min(wait, self._halt_watch.next_s - now)
        if self.wiring.every:
            wait = min(wait, self._next_every - now)
        return max(0, int(wait * 1000 + 0.999))

    def _machine_duties(self) -> None:
        now = mono_s()
        if self._heart.is_due(now):
            self._look_at_clock()
            self._beat(now)
        if self._halt_watch and (seen := self._halt_watch.look_if_due(now)):
            self.performer.hear(seen, "inner:HaltSeen")
        if self.wiring.every and now >= self._next_every:
            self._next_every = now + self.wiring.every_s
            self.wiring.every()
        if self._leave_by and now >= self._leave_by:
            self.ports.leaving = 0

    def _look_at_clock(self) -> None:
        """Every wish in world time was made by a clock that is gone: start anew in the new time."""
        leap_ns = self.clock.was_set_ns()
        if abs(leap_ns) > LEAP_NS:
            process.die(f"the wall clock was set by {leap_ns / 1e9:+.3f} s")

    def _beat(self, now_s: float) -> None:
        beat = self._heart.beat(
            now_s,
            handled=self.ports.handled,
            gaps=self.subscriber.gaps,
            dropped=self.subscriber.dropped + self._outlets.server.dropped,
            decisions=self.ports.decisions,
            api=self.ports.lanes.took,
            endpoints=tuple(host.health() for host in self.wiring.hosts),
        )
        self._outlets.publisher.send(*self.performer.stamper.wrap(beat, self.clock.now_ns(), ""))

    # --- hearing

    def _serve(self) -> None:
        for envelope, data in self._outlets.server.drain(_MOST):
            body = envelope.body
            if isinstance(body, Resend):
                resent = self.resender.answer(body)
                stamped = self.performer.stamper.stamp(resent, self.clock.now_ns(), name_of(envelope))
                self._outlets.server.answer(resent, stamped.data)
            elif type(body) in self._row.serves:
                self.performer.hear_envelope(envelope, data)
            else:
                log.event("request_refused", tag=tag_of(body), source=envelope.source, reason="not served here")

    def _hear_replies(self, client: Client) -> None:
        for envelope, data in client.drain(_MOST):
            if self._outlets.asking.is_awaited(envelope):
                self.performer.hear_envelope(envelope, data)
        if client.refused:
            process.die(client.refused)

    def _hear_bus(self) -> None:
        batch = list(self.subscriber.drain(_MOST))
        if len(batch) >= _LAGGING:
            batch = _conflate(batch)
        if len(batch) > 1:
            self._heart.lagged((self.clock.now_ns() - batch[0][0].at_ns) / 1e6 / self.clock.speed)
        for envelope, data in batch:
            self.performer.hear_envelope(envelope, data)

    def _register(self, client: Client) -> None:
        self._clients[client.socket] = client
        self._poller.register(client.socket)


def _conflate(batch: list[tuple[Envelope, bytes]]) -> list[tuple[Envelope, bytes]]:
    """We lag: of market data keep only the newest per topic, in the place of the newest."""
    newest: dict[str, int] = {}
    for i, (envelope, _) in enumerate(batch):
        if _may_be_shed(envelope.body):
            newest[topic_of(envelope.body)] = i  # type: ignore[arg-type]
    keep = set(newest.values())
    return [pair for i, pair in enumerate(batch) if i in keep or not _may_be_shed(pair[0].body)]


def _may_be_shed(body: Word) -> bool:
    return isinstance(body, Event) and CLASS_OF.get(type(body)) == "shed"


def _thread_died(args: threading.ExceptHookArgs) -> None:
    """A source's thread met the impossible: an actor that has gone deaf must not live on."""
    text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    process.die(f"thread {args.thread.name if args.thread else '?'} raised:\n{text}")
