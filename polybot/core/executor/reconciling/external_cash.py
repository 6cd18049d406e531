"""Cash that is more or less than the books', explained: by what is owed, and by what came and went besides our trades.

Pieces are the claims of resolved windows, each whole, and the rows of the Data API's activity that were never booked. Those
whose sum is the difference, exactly, are booked: all of them, else the fewest. A sum that is a cent off explains nothing.
"""

from itertools import combinations

from messages.inner import Activity
from polybot.core.executor.books.entries import AnyEntry, ExternalBooked, PaidOut
from polybot.core.executor.books.past import horizon_s
from polybot.core.executor.books.settlement import claim_e6, holdings, key_of
from polybot.core.executor.books.state import Books
from polybot.core.executor.orders.account_levels import unsettled

MOST_PIECES = 12  # 4,096 sums at most; more than three unpaid windows stop new entries anyway
Piece = tuple[int, list[AnyEntry]]


class ExternalCash:
    """Activity is remembered, and explains nothing until cash itself has moved."""

    def __init__(self) -> None:
        self._activity: tuple[Activity, ...] = ()

    def remember(self, rows: tuple[Activity, ...]) -> None:
        """The newest known rows."""
        self._activity = rows

    def entries(self, books: Books, off_e6: int) -> list[AnyEntry]:
        """What explains the difference (what is too much; negative, too little); [] when nothing does."""
        if not off_e6:
            return []
        pieces = [*_owed(books), *self._moved(books)][:MOST_PIECES]
        for count in (len(pieces), *range(1, len(pieces))):
            for some in combinations(pieces, count):
                if sum(amount for amount, _ in some) == off_e6:
                    return [entry for _, entries in some for entry in entries]
        return []

    def _moved(self, books: Books) -> list[Piece]:
        """A redemption in a market of ours is the payout of its window, which is a claim already."""
        ours = dict.fromkeys(order.intent.condition_id for order in books.orders.values())
        old_s = horizon_s(books)  # what is older may be the payout of a window that has left the books
        return [
            (row.amount_e6, [ExternalBooked(amount_e6=row.amount_e6, why=row.kind, activity_id=row.id)])
            for row in self._activity
            if row.amount_e6 and row.id not in books.activities and row.condition_id not in ours and row.at_s > old_s
        ]


def _owed(books: Books) -> list[Piece]:
    found: list[Piece] = []
    for window in unsettled(books):
        if window.winner:
            owed = [
                PaidOut(strategy=s, slug=window.slug, amount_e6=claim)
                for s in holdings(books, window)
                if (claim := claim_e6(books, key_of(s, window.slug)))
            ]
            if owed:
                found.append((sum(paid.amount_e6 for paid in owed), list(owed)))
    return found
