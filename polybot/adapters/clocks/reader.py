"""The effect of ReadClock: one answer of the venue's /time, or of a time server, as the interval that it proves."""

import time
from collections.abc import Callable

from messages.inner import ClockRead, ReadClock
from polybot.adapters.clocks.sntp import Sntp, SntpError
from polybot.adapters.net.reads import Known
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.core.market_feed.clock_offset import Doubt, proven_by_second, proven_by_stamps


class Clocks:
    """Not thread safe: a lane of its own, so that no other read waits in the connection and lengthens the round trip."""

    def __init__(self, venue: ClobPublic, sntp: Sntp, now_ns: Callable[[], int]) -> None:
        self._venue, self._sntp, self._now_ns = venue, sntp, now_ns

    def read(self, wish: ReadClock) -> ClockRead:
        """Ask the clock named in the wish once; not known, and why, when it gives no usable answer. Never raises."""
        try:
            doubt, took_ms = self._by_second() if wish.source == "venue" else self._by_stamps()
        except SntpError as exc:
            return ClockRead(
                source=wish.source, n=wish.n, known=False, least_ns=0, most_ns=0, took_ms=-1.0, why=str(exc)
            )
        return ClockRead(
            source=wish.source,
            n=wish.n,
            known=True,
            least_ns=doubt.least_ns,
            most_ns=doubt.most_ns,
            took_ms=round(took_ms, 3),
        )

    def _by_second(self) -> tuple[Doubt, float]:
        sent_ns, began_s = self._now_ns(), time.perf_counter()
        answer = self._venue.time()
        received_ns, took_ms = self._now_ns(), (time.perf_counter() - began_s) * 1000
        if not isinstance(answer, Known):
            raise SntpError(answer.why)
        if received_ns < sent_ns:
            raise SntpError("our clock was set back while we asked")
        return proven_by_second(sent_ns, received_ns, answer.value), took_ms

    def _by_stamps(self) -> tuple[Doubt, float]:
        stamps = self._sntp.ask()
        doubt = proven_by_stamps(stamps.sent_ns, stamps.their_received_ns, stamps.their_sent_ns, stamps.received_ns)
        if doubt.width_ns < 0:
            raise SntpError("the server's stamps lie further apart than ours")
        return doubt, stamps.took_ms
