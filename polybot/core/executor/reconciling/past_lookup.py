"""Words about what has left the books wait until the archive has said what it knows of it.

1. An order, trade or intent that the books do not know is looked up in the archive before it is called foreign or new, where it
   may be of a window that has left (`core/executor/books/past.py`): it is dated before the horizon, or not dated at all.
2. What the archive has comes back by one entry (`Recalled`), and the word is heard again as if it had never left.
3. An official outcome of such a window that says nothing new brings nothing back.
4. An archive that cannot be read is unknown: the word is dropped, unanswered. Facts of money are read again by the next
   reconciliation; nothing new is sent for an intent that may be an old one.
"""

from collections.abc import Iterator

from messages import ApprovedOrder, MarketResolved, Word
from messages.inner import OpenOrdersRead, PastWindowRead, ReadPastWindow, TradesRead, UserFact
from polybot.core.executor.books.entries import Recalled
from polybot.core.executor.books.past import horizon_s, past_from_bytes
from polybot.core.executor.books.writer import Writer
from polybot.core.market.windows import WINDOW_S, window_of

REMEMBERED = 1_000  # answers of the archive: what it did not have once, it will not have the next time


class PastLookup:
    """`holds` asks the archive and keeps the word; `read` gives back what may be heard now."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._answered: dict[str, None] = {}
        self._waiting: dict[str, list[Word]] = {}

    def holds(self, word: Word) -> list[ReadPastWindow]:
        """What is to be asked before this word can be heard; [] = it can be heard now."""
        wanted = [value for value in dict.fromkeys(self._values(word)) if value not in self._answered]
        if not wanted:
            return []
        asked = [ReadPastWindow(value=value) for value in wanted if value not in self._waiting]
        self._waiting.setdefault(wanted[0], []).append(word)
        for value in wanted[1:]:
            self._waiting.setdefault(value, [])
        return asked

    def read(self, answer: PastWindowRead, now_ns: int) -> Iterator[Word]:
        """Take in the archive's answer: the window is in the books again, where it is needed (rules 2 to 4)."""
        words = self._waiting.get(answer.wish.value, [])
        if answer.known and not answer.past:  # only this is remembered: what is there may be wanted again
            self._answered[answer.wish.value] = None
            while len(self._answered) > REMEMBERED:
                del self._answered[next(iter(self._answered))]
        elif answer.known and not self._writer.broken and any(self._is_news(answer.past, word) for word in words):
            yield from self._writer.write(Recalled(past=answer.past), now_ns)
        else:
            self._waiting.pop(answer.wish.value, None)

    def freed(self, answer: PastWindowRead) -> list[Word]:
        """The words that waited for this answer, to be heard again, in their order."""
        return self._waiting.pop(answer.wish.value, [])

    @staticmethod
    def _is_news(past: bytes, word: Word) -> bool:
        return not (isinstance(word, MarketResolved) and past_from_bytes(past).window.winner == word.winner)

    def _values(self, word: Word) -> Iterator[str]:
        """Ids and slugs in this word that may belong to a window that has left (rule 1)."""
        books = self._writer.books
        old_s = horizon_s(books)
        match word:
            case ApprovedOrder() if word.intent.end_s <= old_s:
                if word.id not in books.by_intent and word.id not in books.refusals:
                    yield word.id
            case MarketResolved() if word.slug not in books.windows:
                window = window_of(word.slug)
                if window is not None and window.start_s + WINDOW_S <= old_s:
                    yield word.slug
            case OpenOrdersRead():
                for order in word.orders:
                    if order.order_id not in books.orders and order.created_s <= old_s:
                        yield order.order_id
            case TradesRead() | UserFact():
                for trade in word.trades:
                    if trade.order_id not in books.orders and trade.matched_s <= old_s:
                        yield trade.order_id
