"""One market's two books, built from the venue's snapshots and absolute level updates. Pure.

1. A snapshot replaces a token's book. A change sets the *new total* of one level; 0 deletes it.
2. After a change, the best prices must be those the venue names beside it (the checksum). If not, the token's book is not
   to be believed: nothing is said of this market until a new snapshot of that token has come.
3. A word is only made when both tokens have a book that is believed.
"""

from collections.abc import Iterable

from messages import Book
from messages.feeds import Level

DEPTH = 5


class TokenBook:
    """Levels of one token: price_e6 → size_e6. `believed` is False before the first snapshot and after a failed checksum."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.believed = False

    def best(self) -> tuple[int | None, int | None]:
        """(best bid, best ask); None where a side is empty."""
        return max(self.bids, default=None), min(self.asks, default=None)


class BookBuilder:
    """The books of one market's two tokens, as far as they are believed."""

    def __init__(self, slug: str, condition_id: str, up_token: str, down_token: str) -> None:
        self.slug, self.condition_id = slug, condition_id
        self.tokens = {up_token: TokenBook(), down_token: TokenBook()}
        self._up, self._down = self.tokens[up_token], self.tokens[down_token]
        self._venue_ns = 0

    def snapshot(self, token: str, bids: Iterable[Level], asks: Iterable[Level], venue_ns: int) -> None:
        """Replace a token's book (rule 1). Levels come in any order; those of size 0 are none."""
        book = self.tokens[token]
        book.bids = {price: size for price, size in bids if size}
        book.asks = {price: size for price, size in asks if size}
        book.believed = True
        self._venue_ns = max(self._venue_ns, venue_ns)

    def change(self, token: str, is_bid: bool, price_e6: int, size_e6: int, venue_ns: int) -> None:
        """Set the new total of one price level; a size of 0 deletes it (rule 1)."""
        book = self.tokens[token]
        side = book.bids if is_bid else book.asks
        if size_e6:
            side[price_e6] = size_e6
        else:
            side.pop(price_e6, None)
        self._venue_ns = max(self._venue_ns, venue_ns)

    def agrees(self, token: str, best_bid_e6: int | None, best_ask_e6: int | None) -> bool:
        """Are these the best prices (rule 2)? None = the side is empty. If not, the token's book is no longer believed."""
        book = self.tokens[token]
        if book.believed and book.best() != (best_bid_e6, best_ask_e6):
            book.believed = False
            return False
        return True

    def forget(self) -> bool:
        """What was missed is unknown: neither token's book is believed. Was any, until now?"""
        was_believed = any(book.believed for book in self.tokens.values())
        for book in self.tokens.values():
            book.believed = False
        return was_believed

    def book_word(self, received_ns: int) -> Book | None:
        """The market as a Book, the top five of each side, best first; None while a token's book is not believed (rule
        3).
        """
        if not (self._up.believed and self._down.believed):
            return None
        return Book(
            slug=self.slug,
            condition_id=self.condition_id,
            up_bids=_top(self._up.bids, reverse=True),
            up_asks=_top(self._up.asks, reverse=False),
            down_bids=_top(self._down.bids, reverse=True),
            down_asks=_top(self._down.asks, reverse=False),
            venue_ns=self._venue_ns,
            received_ns=received_ns,
        )


def _top(side: dict[int, int], reverse: bool) -> tuple[Level, ...]:
    return tuple((price, side[price]) for price in sorted(side, reverse=reverse)[:DEPTH])
