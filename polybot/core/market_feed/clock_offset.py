"""How far is our wall clock ahead of the venue's and of the world's? From answers that prove an interval each.

1. An answer proves that ours − theirs lies in [least, most]. Later answers of a round narrow it; one that contradicts the
   earlier ones begins the round anew: somebody's clock was set in between.
2. The venue's clock shows whole seconds, so one answer leaves a second of doubt. The next is asked for such that it arrives
   when, by the middle of what is still possible, their second changes: each answer then halves the doubt, until it is
   FINE_S wide or READS were made (the round trip is a floor to it). That is bisection on the second's edge.
3. A round is made every EVERY_S machine seconds, after a failure RETRY_S. What was found counts for KEPT_S; doubt of more
   than COARSE_S is unknown. In the demo these widths grow with speed, as staleness does.
4. At speed 1 machine time goes on evenly whatever is done to the wall clock: when the two part by more than SET_S
   within a beat, the clock was set: unknown, and measured anew at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from messages import ClockOffset, Word
from messages.inner import ClockRead, ClockSource, ReadClock, ReadClockAgain, WakeAt, WakeIn
from messages.units import NS
from polybot.core.market.windows import staleness_s

FINE_S, COARSE_S = 0.1, 0.5
READS = 8
EVERY_S, RETRY_S = 64.0, 15.0  # a public time server asks not to be asked more often than each 64 s and 15 s
KEPT_S = 3 * EVERY_S
SET_S = 0.25
MS = 1_000_000


@dataclass(frozen=True)
class Doubt:
    """What is known of an offset: ours − theirs lies in [least_ns, most_ns]."""

    least_ns: int
    most_ns: int

    @property
    def width_ns(self) -> int:
        """How much is in doubt, ns."""
        return self.most_ns - self.least_ns

    @property
    def middle_ns(self) -> int:
        """The middle of what is possible, ns."""
        return (self.least_ns + self.most_ns) // 2

    def narrowed(self, other: "Doubt") -> "Doubt | None":
        """What both allow; None when they contradict each other."""
        least, most = max(self.least_ns, other.least_ns), min(self.most_ns, other.most_ns)
        return Doubt(least, most) if least <= most else None


def proven_by_second(sent_ns: int, received_ns: int, second: int) -> Doubt:
    """What a clock that shows whole seconds proves: in [sent, received] of ours theirs was once in [second, second +
    1).
    """
    return Doubt(sent_ns - (second + 1) * NS, received_ns - second * NS)


def proven_by_stamps(sent_ns: int, their_receive_ns: int, their_send_ns: int, received_ns: int) -> Doubt:
    """What the four stamps of RFC 4330 prove: its offset (ours − theirs here) is the middle, half its delay the doubt."""
    return Doubt(sent_ns - their_receive_ns, received_ns - their_send_ns)


def edge_ns(doubt: Doubt, took_ns: int, now_ns: int) -> int:
    """Our moment to ask next so that, by the middle of the doubt, their second changes when the question arrives."""
    middle, half = doubt.middle_ns, took_ns // 2
    second = -(-(now_ns + half - middle) // NS)
    return second * NS + middle - half


class ClockOffsets:
    """The levels of all sources that are measured. Silent until `start`."""

    def __init__(self) -> None:
        self._meters: dict[ClockSource, _Meter] = {}
        self._even = False  # do world time and machine time go on at one pace?
        self._beat = (0, 0.0)  # world ns and machine seconds of the newest beat

    def start(self, profile: str, speed: float, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Live asks a time server too; nobody else talks to the world outside for this."""
        sources: tuple[ClockSource, ...] = ("venue", "sntp") if profile == "live" else ("venue",)
        self._even, self._beat = profile != "demo" and speed == 1.0, (now_ns, mono_s)
        self._meters = {source: _Meter(source, speed) for source in sources}
        for meter in self._meters.values():
            yield meter.level()
            yield meter.ask()

    def hear(self, read: ClockRead, now_ns: int) -> Iterator[Word]:
        """Take in one answer of another clock, and say what follows."""
        if meter := self._meters.get(read.source):
            yield from meter.hear(read, self._beat[1], now_ns)

    def woken(self, source: ClockSource) -> Iterator[Word]:
        """Ask the clock whose timer has come."""
        if meter := self._meters.get(source):
            yield meter.ask()

    def beat(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Each machine second: say the levels, and look whether our own clock was set (rule 4)."""
        parted_ns = now_ns - self._beat[0] - round((mono_s - self._beat[1]) * NS)
        self._beat = (now_ns, mono_s)
        for meter in self._meters.values():
            if self._even and abs(parted_ns) > SET_S * NS:
                yield meter.forget(f"our clock was set by {parted_ns / MS:+.0f} ms")
            meter.age(mono_s)
            yield meter.level()


class _Meter:
    """Measures one other clock in rounds, and keeps what it found."""

    def __init__(self, source: ClockSource, speed: float) -> None:
        self.source = source
        self._fine_ns = round(staleness_s(FINE_S, speed) * NS)
        self._coarse_ns = round(staleness_s(COARSE_S, speed) * NS)
        self._asked = 0
        self._round: Doubt | None = None
        self._reads = 0
        self._found: Doubt | None = None
        self._found_mono_s = 0.0
        self._why = "not measured yet"
        self._took_ms, self._measured_ns = -1.0, 0

    def level(self) -> ClockOffset:
        found = self._found
        return ClockOffset(
            source=self.source,
            offset_ms=None if found is None else round(found.middle_ns / MS, 3),
            error_ms=0.0 if found is None else round(found.width_ns / 2 / MS, 3),
            round_trip_ms=self._took_ms,
            measured_ns=self._measured_ns,
            why=self._why,
        )

    def ask(self) -> ReadClock:
        self._asked += 1
        return ReadClock(source=self.source, n=self._asked)

    def forget(self, why: str) -> ReadClock:
        self._found, self._round, self._reads, self._why = None, None, 0, why
        return self.ask()

    def age(self, mono_s: float) -> None:
        if self._found is not None and mono_s - self._found_mono_s > KEPT_S:
            self._found, self._why = None, f"not measured for {KEPT_S:g} s: {self._why or 'no answer'}"

    def hear(self, read: ClockRead, mono_s: float, now_ns: int) -> Iterator[Word]:
        if read.n != self._asked:
            return  # asked before we forgot
        if not read.known:
            self._round, self._reads, self._why = None, 0, read.why
            yield WakeIn(timer=ReadClockAgain(source=self.source), after_s=RETRY_S)
            return
        self._took_ms, self._measured_ns = read.took_ms, now_ns
        seen = Doubt(read.least_ns, read.most_ns)
        narrowed = self._round.narrowed(seen) if self._round else seen
        if narrowed is None:
            narrowed, self._reads = seen, 0
        self._round, self._reads = narrowed, self._reads + 1
        if self.source == "venue" and narrowed.width_ns > self._fine_ns and self._reads < READS:
            yield WakeAt(
                timer=ReadClockAgain(source=self.source),
                at_ns=edge_ns(narrowed, round(read.took_ms * MS), now_ns),
            )
        else:
            yield from self._conclude(narrowed, mono_s)

    def _conclude(self, doubt: Doubt, mono_s: float) -> Iterator[Word]:
        self._found, self._found_mono_s, self._why = doubt, mono_s, ""
        self._round, self._reads = None, 0
        if doubt.width_ns > self._coarse_ns:
            bound_ms = self._coarse_ns / 2 / MS
            self._found, self._why = (
                None,
                f"±{doubt.width_ns / 2 / MS:.0f} ms is too coarse, at most ±{bound_ms:.0f} ms",
            )
        yield self.level()
        yield WakeIn(timer=ReadClockAgain(source=self.source), after_s=EVERY_S)
