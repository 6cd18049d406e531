"""Who trades with whom: a taker's walk over the opposite half of the merged book, planned first, then carried out."""

from dataclasses import dataclass

from polybot.sim.venue.book import HalfBook, QueueEntry, grain_e6
from polybot.sim.venue.fees import fees_e6
from polybot.sim.venue.types import E6, BookSide, Market, OrderKind, Side


@dataclass(frozen=True, slots=True)
class Wish:
    """What a taker wants, in Up's terms: a bid lifts offers. limit_e6 in the merged book; budget_e6 None = shares only."""

    is_up: bool
    side: Side
    limit_e6: int
    size_e6: int
    budget_e6: int | None = None

    @property
    def is_bid(self) -> bool:
        """True when it takes Up shares in the merged book's terms: it buys Up, or sells Down."""
        return (self.side == "BUY") == self.is_up

    @property
    def hits(self) -> BookSide:
        """The side of the book it takes from."""
        return "ASK" if self.is_bid else "BID"

    def own_price_e6(self, book_e6: int) -> int:
        """A price of the merged book in the taker's token."""
        return book_e6 if self.is_up else E6 - book_e6

    def reaches(self, book_e6: int) -> bool:
        """Whether the limit allows a level at this price of the merged book."""
        return book_e6 <= self.limit_e6 if self.is_bid else book_e6 >= self.limit_e6


def wish_for(market: Market, token: str, side: Side, price_e6: int, size_e6: int, budget_e6: int | None) -> Wish:
    """A taker's wish from its own token's price."""
    is_up = token == market.up_token
    return Wish(is_up, side, price_e6 if is_up else E6 - price_e6, size_e6, budget_e6)


@dataclass(frozen=True, slots=True)
class PlannedFill:
    """A planned fill against one place in a queue; price in the merged book."""

    price_e6: int
    entry: QueueEntry
    size_e6: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All fills in order. is_whole: nothing of the wish is left that a level could take."""

    fills: tuple[PlannedFill, ...]
    is_whole: bool


def plan(half: HalfBook, wish: Wish, *, meets_wallets: bool = True) -> Plan:
    """Walk the queues from the best price, oldest place first. Changes nothing.

    meets_wallets False: only the world's makers are traded with, wallets' orders are walked past.
    """
    fills: list[PlannedFill] = []
    left, budget, grain, own = wish.size_e6, wish.budget_e6, 1, E6
    for price in half.best_first():
        if not wish.reaches(price):
            break
        grain, own = grain_e6(price), wish.own_price_e6(price)
        for entry in half.queues[price]:
            if entry.order_id and not meets_wallets:
                continue
            able = left if budget is None else min(left, budget * E6 // own)
            if able < grain:
                return Plan(tuple(fills), is_whole=True)
            size = min(able, entry.size_e6) // grain * grain
            if size == 0:
                continue  # a crumb that cannot trade at this price
            fills.append(PlannedFill(price, entry, size))
            left -= size
            if budget is not None:
                budget -= size * own // E6
    able = left if budget is None else min(left, budget * E6 // own)
    return Plan(tuple(fills), is_whole=able < grain)


def by_price(fills: tuple[PlannedFill, ...]) -> list[list[PlannedFill]]:
    """Fills of one price together: each becomes one trade."""
    groups: list[list[PlannedFill]] = []
    for fill in fills:
        if groups and groups[-1][0].price_e6 == fill.price_e6:
            groups[-1].append(fill)
        else:
            groups.append([fill])
    return groups


def parts_of(wish: Wish, groups: list[list[PlannedFill]]) -> list[tuple[int, int]]:
    """(shares, the taker's own price) of each group."""
    return [(sum(f.size_e6 for f in group), wish.own_price_e6(group[0].price_e6)) for group in groups]


def cost_e6(market: Market, wish: Wish, fills: tuple[PlannedFill, ...], fee_on_whole: bool) -> int:
    """What a BUY will have to pay in all: cost and fees."""
    parts = parts_of(wish, by_price(fills))
    fees = fees_e6(parts, market.fee_rate_e6, market.fee_exponent, fee_on_whole)
    return sum(size * own // E6 for size, own in parts) + sum(fees)


def is_immediate(kind: OrderKind) -> bool:
    """True for kinds of order that never rest (FOK, FAK)."""
    return kind in ("FOK", "FAK")
