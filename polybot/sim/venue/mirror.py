"""The venue's engine in a mirror: its books are a real venue's, as that venue shows them; only our orders are its own. Pure.

Time here is the order in which things are heard. All in the merged book, in Up's terms.

 1. Takers walk the real size that is visible when their delay is over, best price first; wallets never trade with one
    another, so that nothing is filled that no real trader stood behind.
 2. Nobody takes the same share twice. Of what stands at a price, `taken` is what takers here have had of it. When the real
    size there falls below that, taken falls with it, for so many of those shares are certainly gone; it never falls
    otherwise. Offered is the real size less what was taken. So a share is offered again only when the real size was seen
    to fall below what was taken and to rise again: what rises is new.
 3. A resting order joins behind everything that is visible at its price. That queue gets shorter only by real trades
    printed at its price: whoever cancels is taken to have stood behind us.
 4. A print at its price beyond the queue, or through its price, fills it, at its price; all fills of one print together
    are never more than the print. Better prices are served before worse ones, then who came first. A print through its
    price also proves that the queue before it is gone.
 5. After a gap nothing of what happened in it is made up: no print, no fill. What stands at the price now stands before us.
 6. The grid is the real venue's (`set_tick`), never guessed from the prices.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from polybot.sim.venue.book import SIDES, QueueEntry, grain_e6
from polybot.sim.venue.engine import VenueEngine
from polybot.sim.venue.matching import PlannedFill, Wish
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.types import E6, HOUSE, BookSide, Levels, MakerFill, Market, Winner

Level = tuple[BookSide, int]
Change = tuple[BookSide, int, int]
"""(side, price_e6, its real total now in size_e6; 0: nobody stands there)."""


@dataclass(slots=True)
class Real:
    """What was heard of one market. visible: real size by level. ahead: shares before each resting order, by its id.
    recalled: what was taken before a restart, until the real size says more.
    """

    visible: dict[Level, int] = field(default_factory=dict)
    ahead: dict[str, int] = field(default_factory=dict)
    recalled: dict[Level, int] = field(default_factory=dict)


class MirrorEngine(VenueEngine):
    """`replace` a market's book first; until then nothing of it is offered."""

    def __init__(self, switches: Switches | None = None) -> None:
        super().__init__(switches, wallets_meet=False)
        self._real: dict[str, Real] = {}

    # --- what is heard

    def replace(self, condition_id: str, bids: Levels, asks: Levels, now_ns: int) -> None:
        """Take the whole real book: at first, and after a gap (rule 5)."""
        market, real = self.state.markets[condition_id], self._of(condition_id)
        if market.winner is not None:
            return
        wanted: dict[Level, int] = {("BID", p): s for p, s in bids} | {("ASK", p): s for p, s in asks}
        gone: list[Change] = [(side, price, 0) for side, price in real.visible if (side, price) not in wanted]
        self._set([*gone, *((side, price, size) for (side, price), size in wanted.items())], market, real)
        real.recalled.clear()
        for side, price, entry in self._resting(condition_id):
            before = real.ahead.get(entry.order_id, 0)
            real.ahead[entry.order_id] = max(before, real.visible.get((side, price), 0))
        self._settle_book(market, now_ns)

    def show(self, condition_id: str, changes: Iterable[Change], now_ns: int) -> None:
        """Take new real totals of some levels, then fill what they make possible."""
        market, real = self.state.markets[condition_id], self._of(condition_id)
        if market.winner is None:
            self._join(condition_id, real)
            self._set(changes, market, real)
            self._settle_book(market, now_ns)

    def printed(self, condition_id: str, hits: BookSide, price_e6: int, size_e6: int, now_ns: int) -> int:
        """A real trade: its taker hit this side at this price. Returns the shares that wallets here got of it."""
        market, real = self.state.markets[condition_id], self._of(condition_id)
        if market.winner is not None:
            return 0
        self._join(condition_id, real)
        left = size_e6
        for side in (hits, *(s for s in SIDES if s != hits)):
            fills, left = self._filled(condition_id, real, side, hits, price_e6, left)
            self._trading.crowd_takes(market, tuple(fills), side == "ASK", now_ns)
        real.ahead = {o: ahead for o, ahead in real.ahead.items() if o in self.state.open}
        self._settle_book(market, now_ns)
        return size_e6 - left

    def recall(self, condition_id: str) -> None:
        """After a restart: all that was ever taken of a market counts as taken, until the real book says more (rule 2)."""
        market, real = self.state.markets[condition_id], self._of(condition_id)
        for trade in self.state.trades.values():
            if trade.condition_id == condition_id:
                for maker in trade.makers:
                    if maker.owner == HOUSE:
                        level = _level_of(maker, market)
                        real.recalled[level] = real.recalled.get(level, 0) + maker.size_e6

    def resolve(self, condition_id: str, winner: Winner, now_ns: int, is_final: bool = True) -> dict[str, int]:
        """Resolve the market as the real venue did; returns what each wallet was paid."""
        self.replace(condition_id, (), (), now_ns)
        self._real.pop(condition_id, None)
        return super().resolve(condition_id, winner, now_ns, is_final)

    # --- what may be asked

    def ahead_e6(self, order_id: str) -> int:
        """Real shares that stand before a resting order of ours, in millionths."""
        order = self.state.orders[order_id]
        real = self._of(order.condition_id)
        self._join(order.condition_id, real)
        return real.ahead.get(order_id, 0)

    # --- inside

    def _of(self, condition_id: str) -> Real:
        return self._real.setdefault(condition_id, Real())

    def _set(self, changes: Iterable[Change], market: Market, real: Real) -> None:
        """Offer at each level its new real size less what was taken there (rule 2)."""
        book = self.state.books[market.condition_id]
        for side, price, size in changes:
            half, level = book.sides[side], (side, price)
            taken = real.recalled.get(level, 0) + real.visible.get(level, 0) - half.house_at(price)
            half.set_house(price, size - min(taken, size))
            if size:
                real.visible[level] = size
            else:
                real.visible.pop(level, None)
            self.state.touch_level(market.condition_id, side, price)

    def _join(self, condition_id: str, real: Real) -> None:
        """Set what stands before orders that came to rest since the book last changed: what is visible now (rule 3)."""
        for side, price, entry in self._resting(condition_id):
            if entry.order_id not in real.ahead:
                real.ahead[entry.order_id] = real.visible.get((side, price), 0)

    def _resting(self, condition_id: str) -> Iterator[tuple[BookSide, int, QueueEntry]]:
        """Wallets' orders: each side's best price first, then by age."""
        book = self.state.books[condition_id]
        for side in SIDES:
            half = book.sides[side]
            for price in half.best_first():
                yield from ((side, price, entry) for entry in half.queues[price] if entry.order_id)

    def _filled(
        self, condition_id: str, real: Real, side: BookSide, hits: BookSide, print_e6: int, left: int
    ) -> tuple[list[PlannedFill], int]:
        """(what a print fills on one side, what is left of it): rules 3 and 4."""
        fills = []
        for own, price, entry in self._resting(condition_id):
            is_through = print_e6 < price if own == "BID" else print_e6 > price
            if own != side or not (is_through or (own == hits and print_e6 == price)):
                continue
            ahead = 0 if is_through else real.ahead[entry.order_id]
            real.ahead[entry.order_id] = max(0, ahead - left)
            grain = grain_e6(price)
            size = min(entry.size_e6, max(0, left - ahead)) // grain * grain
            if size:
                fills.append(PlannedFill(price, entry, size))
                left -= size
        return fills, left

    def _crosses(self, market: Market, wish: Wish) -> bool:
        best = self.state.books[market.condition_id].sides[wish.hits].best_house()
        return best is not None and wish.reaches(best)

    def _settle_book(self, market: Market, now_ns: int) -> None:
        """Say what levels changed, and nothing of the grid (rule 6)."""
        self.state.say_book(market.condition_id, now_ns)


def _level_of(maker: MakerFill, market: Market) -> Level:
    """Where in the merged book the world's makers stood in a fill."""
    is_up = maker.token == market.up_token
    side: BookSide = "BID" if (maker.side == "BUY") == is_up else "ASK"
    return side, maker.price_e6 if is_up else E6 - maker.price_e6
