"""The ports of a real process: clock, timers, journal, the files of the kill switch, and effects; then those of the bus."""

import time
from dataclasses import dataclass

import msgspec

from messages import Envelope, Event, Reply, Request, Word, encode, tag_of
from messages.inner import Compact, Leave, Persist, PersistFailed, Restored, WakeAt, WakeIn, WriteHalt, WritePause
from polybot.runtime.base import log, process
from polybot.runtime.loop.bus import Publisher, Server
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox, Lanes
from polybot.runtime.loop.latency import Gauge
from polybot.runtime.loop.requests import OpenRequests
from polybot.runtime.loop.stamping import Stamped
from polybot.runtime.loop.timers import Timers
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.safety import halt, pause
from polybot.runtime.store.flight import FlightRecorder
from polybot.runtime.store.journal import Journal, JournalFailed
from polybot.topology import BY_NAME


class MachinePorts:
    """Everything that needs no bus: what the loop and the lone executor have in common."""

    def __init__(self, context: Context, inbox: Inbox, wiring: Wiring, journal: Journal | None) -> None:
        self._name, self._paths = context.name, context.paths
        self._wiring, self._journal = wiring, journal
        self.now_ns = context.clock.now_ns
        self.timers = Timers(context.clock)
        self.lanes = Lanes(wiring.effects, inbox)

    def wake(self, wish: WakeAt | WakeIn) -> None:
        """Until it is due, `timers` has it."""
        self.timers.set(wish)

    def persist(self, word: Persist | Compact) -> PersistFailed | None:
        """One fdatasync. When the disk refuses, the gate of orders is shut before anything else happens."""
        assert self._journal is not None, "only an actor with a journal persists"
        try:
            if isinstance(word, Persist):
                self._journal.append(word.record, word.seq)
            else:
                self._journal.compact(word.snapshot, word.seq)
        except JournalFailed as exc:
            log.event("persist_failed", seq=word.seq, error=str(exc))
            if self._wiring.on_persist_failed:
                self._wiring.on_persist_failed(str(exc))
            return PersistFailed(seq=word.seq, why=str(exc))
        return None

    def halt(self, word: WriteHalt) -> None:
        """The first writer wins. Raises HaltNotWritten."""
        halt.write(self._paths, by=word.by, reason_code=word.reason_code, reason=word.reason)
        log.event("halt_written", by=word.by, code=word.reason_code, reason=word.reason)

    def pause(self, word: WritePause) -> None:
        """Write the pause file, or take it away; raises OSError."""
        pause.write(self._paths, word.why)
        log.event("pause_written", why=word.why)

    def effect(self, word: Word, cause: str) -> Word | None:
        """As the actor's page wires it; a word that is wired nowhere is the impossible."""
        sync = self._wiring.sync.get(type(word))
        if sync is not None:
            return sync(word)
        if not self.lanes.serves(word):
            process.die(f"{self._name} said {tag_of(word)}, which nobody here carries out")
        self.lanes.start(word, cause)
        return None


@dataclass(frozen=True)
class Outlets:
    """What words go out by on the bus, and the recorder that has each of them first."""

    flight: FlightRecorder
    publisher: Publisher
    server: Server
    asking: OpenRequests

    def close(self) -> None:
        """Close all sockets of the bus."""
        for part in (self.flight, self.asking, self.server, self.publisher):
            part.close()


class LoopPorts(MachinePorts):
    """On the bus: everything is recorded, and how long a decision took is measured. leaving: the exit code, once said."""

    def __init__(
        self, context: Context, inbox: Inbox, wiring: Wiring, journal: Journal | None, outlets: Outlets
    ) -> None:
        super().__init__(context, inbox, wiring, journal)
        self._flight, self._publisher = outlets.flight, outlets.publisher
        self._server, self._asking = outlets.server, outlets.asking
        self._decides = BY_NAME[context.name].decides
        self.decisions = Gauge()
        self.handled = 0
        self.leaving: int | None = None
        self._heard_s = 0.0

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        """Into the flight recorder."""
        self._heard_s = time.perf_counter()
        self.handled += 1
        self._flight.heard(now_ns, data or encode(_as_recorded(envelope)))

    def said(self, said: Stamped, now_ns: int) -> None:
        """Into the flight recorder; the same bytes go out."""
        self._flight.said(now_ns, said.data)

    def publish(self, event: Event, said: Stamped) -> None:
        """Send to all hearers; it never blocks."""
        self._publisher.send(said.topic, said.data)
        if type(event) is self._decides:
            self._decided()

    def answer(self, reply: Reply, said: Stamped) -> None:
        """To everyone who asked this id."""
        self._server.answer(reply, said.data)

    def ask(self, request: Request, said: Stamped) -> None:
        """Sent again until it is answered or its time is over."""
        self._asking.ask(request, said.data, said.envelope.cause)
        if type(request) is self._decides:
            self._decided()

    def effect(self, word: Word, cause: str) -> Word | None:
        """As without the bus."""
        answer = super().effect(word, cause)
        if type(word) is self._decides:
            self._decided()
        return answer

    def leave(self, word: Leave) -> None:
        """End the process after this turn."""
        log.event("leaving", why=word.why)
        self.leaving = word.code

    def _decided(self) -> None:
        """What this actor is there to say has just gone out."""
        self.decisions.add(time.perf_counter() - self._heard_s)


def _as_recorded(envelope: Envelope) -> Envelope:
    """The journal is not written down a second time at every start: what was read from it is named, and read there again."""
    word = envelope.body
    if not isinstance(word, Restored) or not word.segment:
        return envelope
    return msgspec.structs.replace(envelope, body=msgspec.structs.replace(word, records=()))
