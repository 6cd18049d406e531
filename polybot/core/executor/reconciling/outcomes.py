"""Outcomes of windows: provisional by market_feed, official by the venue, from the bus or by our own asking."""

from collections.abc import Iterator

from messages import MarketResolved, WindowObserved, Word
from messages.inner import ForOutcome, ForPayout, MarketRead, ReadBalance, ReadMarket
from messages.units import NS
from polybot.core.executor.books.entries import WindowNoted, WindowResolved
from polybot.core.executor.books.state import BookedWindow
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders.account_levels import unsettled
from polybot.core.executor.orders.admission import blocking
from polybot.core.executor.orders.tracker import OrderTracker

ASK_AFTER_S = 15  # world seconds after its end: the venue resolves after 21 s at the earliest
ASK_EVERY_S = 2.0  # machine time
MOST_ASKED = 4


class Outcomes:
    """Asks ReadMarket for ended windows in which something is held or in doubt; the bus alone could lose the word."""

    def __init__(self, writer: Writer, tracker: OrderTracker) -> None:
        self._writer, self._tracker = writer, tracker
        self._asked_s = 0.0
        self._asked: dict[str, None] = {}

    def observed(self, word: WindowObserved, now_ns: int) -> Iterator[Word]:
        """Provisional; a feed that knows less than before takes nothing back."""
        if not (word.ended or word.outcome):
            return
        known = self._writer.books.windows.get(word.slug)
        outcome, move_bp, inferred = word.outcome, word.move_bp, word.inferred
        if known is not None and known.ended:
            if outcome is None:
                outcome, inferred = known.outcome, known.inferred
            move_bp = known.move_bp if move_bp is None else move_bp
            if (outcome, move_bp) == (known.outcome, known.move_bp):
                return
        elif known is None and word.end_s <= self._writer.books.last_window_s - 86_400:
            return  # a day old, nothing of ours in it: long forgotten
        entry = WindowNoted(
            slug=word.slug, start_s=word.start_s, end_s=word.end_s, outcome=outcome, inferred=inferred, move_bp=move_bp
        )
        yield from self._writer.write(entry, now_ns)

    def resolved(self, word: MarketResolved, now_ns: int) -> Iterator[Word]:
        """Book the official outcome that market_feed said on the bus."""
        yield from self._official(word.slug, word.winner, now_ns)

    def market_read(self, word: MarketRead, now_ns: int) -> Iterator[Word]:
        """Book what the venue answered to our own question: market closed, and who won."""
        self._asked.pop(word.slug, None)
        if word.known and word.closed:
            self._tracker.market_closed(word.slug)
        if word.known and word.winner:
            yield from self._official(word.slug, word.winner, now_ns)

    def _official(self, slug: str, winner: str, now_ns: int) -> Iterator[Word]:
        self._tracker.market_closed(slug)
        window = self._writer.books.windows.get(slug)
        if window is None or not window.orders or window.winner == winner:
            return
        entry = WindowResolved(
            slug=slug,
            start_s=window.start_s,
            end_s=window.end_s,
            winner=winner,  # type: ignore[arg-type]
        )
        yield from self._writer.write(entry, now_ns)
        yield ReadBalance(purpose=ForPayout(), token_id="")

    def watch(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Ask the venue for outcomes that are due; called each machine second, asks every ASK_EVERY_S."""
        if mono_s - self._asked_s < ASK_EVERY_S:
            return
        self._asked_s = mono_s
        wanted = [(w, cid) for w, cid in self._wanted(now_ns) if w.slug not in self._asked]
        for window, condition_id in wanted[:MOST_ASKED]:
            self._asked[window.slug] = None
            yield ReadMarket(purpose=ForOutcome(), slug=window.slug, condition_id=condition_id)

    def _wanted(self, now_ns: int) -> list[tuple[BookedWindow, str]]:
        books = self._writer.books
        doubtful = [books.windows[order.intent.slug] for order in blocking(books)]
        found = {w.slug: w for w in (*unsettled(books), *doubtful)}
        return [
            (w, books.orders[w.orders[0]].intent.condition_id)
            for w in found.values()
            if not w.winner and now_ns >= (w.end_s + ASK_AFTER_S) * NS
        ]
