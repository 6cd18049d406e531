"""When a session is over: all its windows passed, resolved and paid, or a quarter of an hour of market time later."""

import time
from pathlib import Path

from messages import Account, Done, MarketResolved, Positions, Query, Redemption, RiskState
from messages.base import Event
from polybot.core.market.windows import WINDOW_S
from polybot.runtime.loop.bus import Subscriber, ask
from polybot.runtime.supervision.session import Session
from polybot.topology import actors_of

SETTLE_S = 15 * 60
_HEARD: tuple[type[Event], ...] = (Account, Positions, MarketResolved, RiskState)


class Completion:
    """Hears the bus; `is_over` is asked in turn with whatever is shown meanwhile. All world time but the last resort."""

    def __init__(self, sockets: Path, session: Session) -> None:
        self._sockets, self._session = sockets, session
        self._hear = Subscriber(sockets, [a.name for a in actors_of(session.profile)], _HEARD)
        self.account: Account | None = None
        self.trading_state = "ACTIVE"
        self.was_halted = False
        self.owed: tuple[Redemption, ...] = ()  # what resolved windows still owe the wallet
        self._positions = -1
        self._now_s = 0.0
        self._resolved: set[str] = set()
        world_s = session.windows * WINDOW_S + SETTLE_S
        # a world that stands still must not hold us for ever; held instants and restarts are given their time
        self._give_up_s = time.monotonic() + 3 * world_s / session.speed + 180

    def listen(self, timeout_ms: int) -> None:
        """Take in what was said on the bus; waits at most timeout_ms for the first message."""
        envelope = self._hear.recv(timeout_ms)
        while envelope is not None:
            self._now_s = max(self._now_s, envelope.at_ns / 1e9)
            match envelope.body:
                case Account():
                    self.account = envelope.body
                    self.was_halted |= envelope.body.halted
                case Positions():
                    self._positions = len(envelope.body.positions) + len(envelope.body.orders)
                    self.owed = envelope.body.redemptions
                case MarketResolved():
                    self._count(envelope.body.slug)
                case RiskState():
                    self.trading_state = envelope.body.state
                    self.was_halted |= envelope.body.state == "HALTED"
            envelope = self._hear.recv(0)

    def _count(self, slug: str) -> None:
        """A market of this session's windows; the start stands at the end of its slug."""
        start = slug.rpartition("-")[2]
        if start.isdigit() and self._session.first_window_s <= int(start) < self._session.end_s:
            self._resolved.add(slug)

    def is_over(self) -> bool:
        """Everything resolved and paid, or waited for long enough."""
        if self._now_s >= self._session.end_s + SETTLE_S:
            return True
        if self._now_s < self._session.end_s or self.account is None:
            return False
        settled = self.account.unresolved == 0 and self._positions == 0 and self.account.open_orders == 0
        return settled and len(self._resolved) >= self._session.windows

    def is_stuck(self) -> bool:
        """The world did not come to its end in three times its time."""
        return time.monotonic() > self._give_up_s

    def wait_written(self) -> None:
        """Until the recorder has on disk what the executor last told; at most ten seconds."""
        seq = self.account.journal_seq if self.account else 0
        for n in range(5):
            reply = ask(
                self._sockets, "recorder", Query(id=f"ctl/written/{time.time_ns()}/{n}", upto_journal_seq=seq), 2.0
            )
            if isinstance(reply, Done) and reply.ok:
                return

    def close(self) -> None:
        """Stop listening and free the socket."""
        self._hear.close()
