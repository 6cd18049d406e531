"""Says Account and Positions: what of them is not in the journal, and when they have changed."""

from collections.abc import Iterator

import msgspec

from messages import Account, Position, Positions, SnapshotTaken, Streak, Word
from polybot.core.executor.books.settlement import streak_of
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import account_levels
from polybot.core.executor.orders.account_levels import View
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.dead_man import DeadMan
from polybot.core.executor.orders.tracker import OrderTracker
from polybot.core.executor.reconciling.reconciler import Reconciler
from polybot.core.executor.reconciling.redemption import redemptions


class AccountPublisher:
    """Builds the levels Account and Positions from the books as of now."""

    def __init__(
        self, writer: Writer, switch: OrderSwitch, tracker: OrderTracker, reconciler: Reconciler, dead_man: DeadMan
    ) -> None:
        self._writer, self._switch, self._tracker, self._reconciler = writer, switch, tracker, reconciler
        self._dead_man = dead_man
        self._said: object = None
        self._streaks: tuple[int, dict[str, Streak]] = (-1, {})

    def say(self, now_ns: int) -> Iterator[Word]:
        """Say Account and Positions as of now."""
        view = self._view(now_ns)
        self._said = self._seen()
        yield self._account(view)
        yield self._positions(view)

    def say_if_changed(self, now_ns: int) -> Iterator[Word]:
        """Say Account and Positions if they differ from what was said last."""
        if self._said != self._seen():
            yield from self.say(now_ns)

    def snapshot(self, request_id: str, now_ns: int) -> SnapshotTaken:
        """Account and Positions as of now, as the reply to a Snapshot."""
        view = self._view(now_ns)
        return SnapshotTaken(id=request_id, account=self._account(view), positions=self._positions(view))

    def held(self, now_ns: int) -> tuple[Position, ...]:
        """The open positions as of now, for a cancel's proof."""
        return account_levels.positions(self._writer.books, self._view(now_ns)).positions

    def _view(self, now_ns: int) -> View:
        switch, reconciler = self._switch, self._reconciler
        return View(
            now_ns=now_ns,
            account=reconciler.account,
            is_ready=switch.is_ready,
            why_not_ready="" if switch.is_ready else reconciler.why,
            wallet_e6=reconciler.wallet_e6,
            is_halted=switch.is_halted,
            halt_reason=switch.halt_text,
            reconciled_ns=reconciler.reconciled_ns,
            venue_state=self._tracker.venue.state,
            venue_why=self._tracker.venue.why,
            pulse_state=self._dead_man.state,
            pulse_why=switch.pulse,
            unreadable=self._tracker.unreadable.by_market,
        )

    def _seen(self) -> object:
        """What the levels are made of, cheap to compare."""
        switch, reconciler = self._switch, self._reconciler
        return (
            self._writer.books.seq,
            switch.is_ready,
            switch.halt_id,
            reconciler.wallet_e6,
            reconciler.why,
            self._tracker.venue.state,
            self._dead_man.state,
            switch.pulse,
            tuple(self._tracker.unreadable.rows),
        )

    def _positions(self, view: View) -> Positions:
        books = self._writer.books
        return msgspec.structs.replace(account_levels.positions(books, view), redemptions=redemptions(books))

    def _account(self, view: View) -> Account:
        books = self._writer.books
        if self._streaks[0] != books.seq:
            self._streaks = (books.seq, {strategy: streak_of(books, strategy) for strategy in sorted(books.runs)})
        return account_levels.account(books, view, self._reconciler.purse_e6, self._streaks[1])
