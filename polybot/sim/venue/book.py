"""The merged book of a market, in Up's terms: a BUY of Down at p is an offer of Up at 1 − p, and so on.

Price-time priority. The world's makers stand in the same queues as wallets: what they add joins at the back, what they
take away leaves from the back.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd

from polybot.sim.venue.types import E6, BookSide, Levels

SIDES: tuple[BookSide, BookSide] = ("BID", "ASK")


def grain_e6(price_e6: int) -> int:
    """The smallest number of shares whose cost at this price is a whole number of millionths.

    All fills are multiples of it, so that no amount is ever rounded and both sides of a trade agree to the millionth.
    """
    return E6 // gcd(price_e6, E6)


@dataclass(slots=True)
class QueueEntry:
    """A place in a queue. order_id "" = the world's makers."""

    order_id: str
    size_e6: int


class HalfBook:
    """One side: a queue per price, and the prices in order (best last for BID, best first for ASK)."""

    __slots__ = ("is_bid", "prices", "queues", "totals")

    def __init__(self, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.prices: list[int] = []
        self.queues: dict[int, list[QueueEntry]] = {}
        self.totals: dict[int, int] = {}

    def best(self) -> int | None:
        """The best price, in millionths; None when this half is empty."""
        return (self.prices[-1] if self.is_bid else self.prices[0]) if self.prices else None

    def best_house(self) -> int | None:
        """Best price at which the world's makers stand, None when they stand nowhere."""
        return next((price for price in self.best_first() if self.house_at(price)), None)

    def house_at(self, price_e6: int) -> int:
        """What the world's makers have at a price."""
        return sum(e.size_e6 for e in self.queues.get(price_e6, ()) if not e.order_id)

    def best_first(self) -> Iterator[int]:
        """This half's prices in millionths, from the best outwards."""
        return iter(self.prices[::-1] if self.is_bid else self.prices[:])

    def add(self, price_e6: int, order_id: str, size_e6: int) -> None:
        """Join the queue at a price, at the back."""
        queue = self.queues.get(price_e6)
        if queue is None:
            insort(self.prices, price_e6)
            self.queues[price_e6] = [QueueEntry(order_id, size_e6)]
            self.totals[price_e6] = size_e6
            return
        self.totals[price_e6] += size_e6
        if not order_id and not queue[-1].order_id:
            queue[-1].size_e6 += size_e6
        else:
            queue.append(QueueEntry(order_id, size_e6))

    def take(self, price_e6: int, entry: QueueEntry, size_e6: int) -> None:
        """A fill: `size_e6` leaves an entry. What is less than a grain cannot trade and goes too."""
        entry.size_e6 -= size_e6
        self.totals[price_e6] -= size_e6
        if entry.size_e6 < grain_e6(price_e6):
            self._drop(price_e6, entry)

    def remove(self, price_e6: int, order_id: str) -> bool:
        """A wallet's order leaves; False if it did not rest here."""
        for entry in self.queues.get(price_e6, []):
            if entry.order_id == order_id:
                self._drop(price_e6, entry)
                return True
        return False

    def set_house(self, price_e6: int, size_e6: int) -> None:
        """The world's makers want this much at a price: more joins at the back, less leaves from the back."""
        queue = self.queues.get(price_e6, [])
        excess = sum(e.size_e6 for e in queue if not e.order_id) - size_e6
        if excess < 0:
            self.add(price_e6, "", -excess)
        for entry in reversed(queue[:]):
            if excess <= 0:
                return
            if not entry.order_id:
                cut = min(entry.size_e6, excess)
                excess -= cut
                self.take(price_e6, entry, cut)

    def _drop(self, price_e6: int, entry: QueueEntry) -> None:
        queue = self.queues[price_e6]
        self.totals[price_e6] -= entry.size_e6
        queue[:] = [e for e in queue if e is not entry]
        if not queue:
            del self.queues[price_e6], self.totals[price_e6]
            del self.prices[bisect_left(self.prices, price_e6)]


class MergedBook:
    """Both sides of a market. `house` remembers the makers' ladder, so that a new one costs only its differences."""

    __slots__ = ("house", "sides")

    def __init__(self) -> None:
        self.sides: dict[BookSide, HalfBook] = {"BID": HalfBook(True), "ASK": HalfBook(False)}
        self.house: dict[BookSide, Mapping[int, int]] = {"BID": {}, "ASK": {}}

    @property
    def best_bid(self) -> int | None:
        """The highest price bid for Up, None without a bid."""
        return self.sides["BID"].best()

    @property
    def best_ask(self) -> int | None:
        """The lowest price at which Up is offered, None without an offer."""
        return self.sides["ASK"].best()

    def levels(self, is_up: bool) -> tuple[Levels, Levels]:
        """(bids, asks) of one token, best first."""
        bids, asks = self.sides["BID"], self.sides["ASK"]
        if is_up:
            return (
                tuple((p, bids.totals[p]) for p in bids.best_first()),
                tuple((p, asks.totals[p]) for p in asks.best_first()),
            )
        return (
            tuple((E6 - p, asks.totals[p]) for p in asks.best_first()),
            tuple((E6 - p, bids.totals[p]) for p in bids.best_first()),
        )
