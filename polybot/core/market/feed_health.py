"""Is a feed alive? One `FeedHealth` per feed: it turns arrivals, comings and goings into the `FeedStatus` level.

1. down   the socket is closed.
2. stale  open, but nothing yet, or nothing for longer than the limit (world time, scaled with speed); for an oracle also
          when its newest stamp is that old.
3. up     else.
4. A silent stall (open, stale, and nothing at all heard for silent_s of machine time) is answered by `Reconnect`: these
   servers stop sending without closing. While the world waits no market time passes, hence nothing is stale: no reconnect.
"""

from collections.abc import Iterator

from messages import FeedStatus, Word
from messages.feeds import FeedState
from messages.inner import FeedStale, Reconnect, SourceState, WakeAt
from messages.units import NS
from polybot.core.market.windows import is_stale, staleness_s

SILENT_S = 10.0


class FeedHealth:
    """feed is the name others see ("price", "book", "oracle"), source the websocket behind it, what a noun for reasons."""

    def __init__(
        self,
        feed: str,
        source: str,
        what: str,
        limit_s: float,
        speed: float,
        mono_s: float,
        silent_s: float = SILENT_S,
    ) -> None:
        self.feed, self.source, self._what, self._silent_s = feed, source, what, silent_s
        self._limit_s, self._speed = limit_s, speed
        self.dropped = 0
        self._opened = 0
        self._connected = False
        self._closed_why = "not connected yet"
        self._arrived_ns: int | None = None
        self._opened_ns = 0
        self._stamp_ns: int | None = None
        self._alive, self._alive_mono_s = False, mono_s
        self._armed = False
        self._said: FeedState | None = None
        self._since_ns = 0

    # --- what happens

    def source_state(self, word: SourceState, now_ns: int) -> Iterator[Word]:
        """The socket came, went, or sent something unreadable."""
        match word.state:
            case "open":
                self._connected, self._alive, self._opened_ns = True, True, now_ns
                self._opened += 1
            case "closed":
                self._connected, self._closed_why = False, word.why or "closed"
            case "bad":
                self.refuse()
        yield from self._if_changed(now_ns)

    def refuse(self, count: int = 1) -> None:
        """So many of its words were not believed."""
        self.dropped += count

    def touched(self) -> None:
        """Something came out of the source, though not what makes the feed fresh."""
        self._alive = True

    def arrived(self, now_ns: int, stamp_ns: int | None = None) -> Iterator[Word]:
        """What makes the feed fresh has come; stamp_ns: the moment it is about, where its age matters too."""
        self._alive = True
        self._connected = True  # a word of a source that forgot to say it is open
        self._arrived_ns = now_ns
        if stamp_ns is not None:
            self._stamp_ns = max(stamp_ns, self._stamp_ns or 0)
        yield from self._if_changed(now_ns)
        if not self._armed:
            yield self._wake()

    def woken(self, now_ns: int) -> Iterator[Word]:
        """The timer `timer` has come: say the level if it has changed, and set the timer anew."""
        self._armed = False
        yield from self._if_changed(now_ns)
        if self._state(now_ns)[0] == "up":
            yield self._wake()

    def beat(self, mono_s: float, now_ns: int, expects: bool = True) -> Iterator[Word]:
        """Each machine second: the level, and rule 4. expects: whether this source has anything to send at all."""
        yield self.status(now_ns)
        if self._alive or not expects:
            self._alive, self._alive_mono_s = False, mono_s
        elif self._connected and mono_s - self._alive_mono_s >= self._silent_s and self._is_quiet(now_ns):
            self._alive_mono_s = mono_s
            yield Reconnect(source=self.source, why=f"nothing heard for {self._silent_s:g} s though the socket is open")

    # --- what it is

    @property
    def timer(self) -> FeedStale:
        """The timer that this feed asks for."""
        return FeedStale(feed=self.feed)

    def status(self, now_ns: int) -> FeedStatus:
        """The FeedStatus level as of now."""
        state, reason = self._state(now_ns)
        if state != self._said:
            self._said, self._since_ns = state, now_ns
        age_ns = None if self._arrived_ns is None else max(0, now_ns - self._arrived_ns)
        return FeedStatus(
            feed=self.feed,
            state=state,
            reason=reason,
            age_s=-1.0 if age_ns is None else round(age_ns / NS, 3),
            since_ns=self._since_ns,
            dropped=self.dropped,
            reconnects=max(0, self._opened - 1),
        )

    def _state(self, now_ns: int) -> tuple[FeedState, str]:
        limit = staleness_s(self._limit_s, self._speed)
        if not self._connected:
            return "down", self._closed_why
        if self._arrived_ns is None:
            return "stale", f"no {self._what} yet"
        age_ns = now_ns - self._arrived_ns
        if is_stale(age_ns, self._limit_s, self._speed):
            return "stale", f"no {self._what} for {age_ns / NS:.1f} s, limit {limit:g} s"
        if self._stamp_ns is not None and is_stale(now_ns - self._stamp_ns, self._limit_s, self._speed):
            return "stale", f"newest {self._what} is {(now_ns - self._stamp_ns) / NS:.1f} s old, limit {limit:g} s"
        return "up", ""

    def _is_quiet(self, now_ns: int) -> bool:
        """Has market time enough passed for something to have come?"""
        return is_stale(now_ns - max(self._arrived_ns or 0, self._opened_ns), self._limit_s, self._speed)

    def _if_changed(self, now_ns: int) -> Iterator[Word]:
        if self._state(now_ns)[0] != self._said:
            yield self.status(now_ns)

    def _wake(self) -> WakeAt:
        """A timer for the first moment at which what we have would be stale."""
        self._armed = True
        oldest_ns = self._arrived_ns or 0
        if self._stamp_ns is not None:
            oldest_ns = min(oldest_ns, self._stamp_ns)
        return WakeAt(timer=self.timer, at_ns=oldest_ns + round(staleness_s(self._limit_s, self._speed) * NS) + 1)
