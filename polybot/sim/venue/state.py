"""What the venue's engine knows, what changed since it was last written, and how it comes back from rows."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from polybot.sim.venue.balances import Balances
from polybot.sim.venue.book import MergedBook
from polybot.sim.venue.chain import next_step, received
from polybot.sim.venue.rows import row_of, thing_of
from polybot.sim.venue.types import (
    E6,
    UNLIMITED,
    BookChanged,
    BookSide,
    EngineEvent,
    EngineOrder,
    EngineTrade,
    Market,
    Row,
    TradeStatus,
    VenueAccount,
)


@dataclass(slots=True)
class State:
    """Plain containers; dictionaries keep the order in which things came."""

    balances: Balances = field(default_factory=Balances)
    markets: dict[str, Market] = field(default_factory=dict)
    market_by_token: dict[str, Market] = field(default_factory=dict)
    books: dict[str, MergedBook] = field(default_factory=dict)
    orders: dict[str, EngineOrder] = field(default_factory=dict)
    open: dict[str, EngineOrder] = field(default_factory=dict)
    trades: dict[str, EngineTrade] = field(default_factory=dict)
    trades_by_owner: dict[str, list[str]] = field(default_factory=dict)
    trade_count: int = 0
    pending: list[tuple[int, str]] = field(default_factory=list)
    touched_markets: dict[str, None] = field(default_factory=dict)
    touched_orders: dict[str, None] = field(default_factory=dict)
    touched_trades: dict[str, None] = field(default_factory=dict)
    touched_levels: dict[str, dict[tuple[BookSide, int], None]] = field(default_factory=dict)

    # --- markets and books

    def add_market(self, market: Market) -> None:
        """Take in a new market, with an empty book."""
        self.markets[market.condition_id] = market
        self.market_by_token[market.up_token] = self.market_by_token[market.down_token] = market
        self.books[market.condition_id] = MergedBook()
        self.touch_market(market)

    def market_of(self, token: str) -> Market | None:
        """The market to which this token belongs, None when there is none."""
        return self.market_by_token.get(token)

    def touch_market(self, market: Market) -> None:
        """Remember that this market's row has changed."""
        self.touched_markets[market.condition_id] = None

    def touch_level(self, condition_id: str, side: BookSide, price_e6: int) -> None:
        """Remember that a level's total may have changed."""
        self.touched_levels.setdefault(condition_id, {})[side, price_e6] = None

    def say_book(self, condition_id: str, now_ns: int) -> None:
        """One event for all levels touched since the last one."""
        touched = self.touched_levels.pop(condition_id, None)
        if not touched:
            return
        book = self.books[condition_id]
        changes = tuple((side, price, book.sides[side].totals.get(price, 0)) for side, price in touched)
        self.say(BookChanged(condition_id, changes, book.best_bid, book.best_ask, now_ns))

    # --- orders

    def add_order(self, order: EngineOrder) -> None:
        """Take in a new open order."""
        self.orders[order.order_id] = self.open[order.order_id] = order
        self.touch_order(order)

    def rest(self, order: EngineOrder, market: Market, left_e6: int) -> None:
        """Join the queue with what is left."""
        is_up = order.token == market.up_token
        side: BookSide = "BID" if (order.side == "BUY") == is_up else "ASK"
        price = order.price_e6 if is_up else E6 - order.price_e6
        self.books[market.condition_id].sides[side].add(price, order.order_id, left_e6)
        self.touch_level(market.condition_id, side, price)
        self.touch_order(order)

    def close_order(self, order: EngineOrder) -> None:
        """Take the order from the open ones: nothing more will come of it."""
        self.open.pop(order.order_id, None)
        self.touch_order(order)

    def touch_order(self, order: EngineOrder) -> None:
        """Remember that this order's row has changed."""
        self.touched_orders[order.order_id] = None

    def open_orders(self, owner: str) -> list[EngineOrder]:
        """A wallet's resting and held orders, oldest first."""
        return [o for o in self.open.values() if o.owner == owner]

    def copy_of(self, order: EngineOrder) -> EngineOrder:
        """The order as of now, for an event."""
        return replace(order, trade_ids=list(order.trade_ids))

    # --- trades

    def add_trade(self, trade: EngineTrade, wallets: Iterable[str]) -> None:
        """Keep a trade; what it brings stays unconfirmed until the chain has it for good."""
        self.trades[trade.trade_id] = trade
        self.touched_trades[trade.trade_id] = None
        for wallet in wallets:
            self.trades_by_owner.setdefault(wallet, []).append(trade.trade_id)
        for owner, asset, amount in received(trade):
            account = self.balances.account(owner)
            account.unconfirmed_e6[asset] = account.unconfirmed_e6.get(asset, 0) + amount
        self._await(trade)

    def advance_trades(self, now_ns: int) -> Iterator[tuple[EngineTrade, int]]:
        """(trade after its change, when) of all whose next status is due, in order of time."""
        while self.pending and self.pending[0][0] <= now_ns:
            at_ns, trade_id = heapq.heappop(self.pending)
            step = next_step(self.trades[trade_id])
            if step is not None:  # else it was made to fail before its time
                trade = self.set_status(self.trades[trade_id], step[0])
                self._await(trade)
                yield trade, at_ns

    def set_status(self, before: EngineTrade, status: TradeStatus) -> EngineTrade:
        """A trade one step on; at its end what it brought is no longer unconfirmed."""
        trade = self.trades[before.trade_id] = replace(before, status=status)
        self.touched_trades[trade.trade_id] = None
        if status in ("CONFIRMED", "FAILED"):
            for owner, asset, amount in received(trade):
                self.balances.confirm(owner, asset, amount)
        return trade

    def pending_trades(self, condition_id: str) -> list[EngineTrade]:
        """Trades of a market whose end the chain has not seen, oldest first."""
        names = dict.fromkeys(trade_id for _, trade_id in self.pending)
        found = [t for name in names if (t := self.trades[name]).condition_id == condition_id and next_step(t)]
        return sorted(found, key=lambda t: t.n)

    def _await(self, trade: EngineTrade) -> None:
        step = next_step(trade)
        if step is not None:
            heapq.heappush(self.pending, (step[1], trade.trade_id))

    # --- events and rows

    def say(self, event: EngineEvent) -> None:
        """Add one event to what happened since `take_events`."""
        self.balances.events.append(event)

    def take_events(self) -> list[EngineEvent]:
        """What happened since this was last called, in order."""
        events, self.balances.events = self.balances.events, []
        return events

    def take_changed_rows(self) -> list[Row]:
        """Rows of everything that changed since this was last called."""
        rows = [row_of(self.markets[k]) for k in self.touched_markets]
        rows += [row_of(self.balances.accounts[k]) for k in self.balances.touched]
        rows += [row_of(self.orders[k]) for k in self.touched_orders]
        rows += [row_of(self.trades[k]) for k in self.touched_trades]
        for touched in (self.touched_markets, self.balances.touched, self.touched_orders, self.touched_trades):
            touched.clear()
        return rows

    def restore(self, rows: Iterable[Row]) -> None:
        """Rows in any order become the state they were taken from, except the world's ladders."""
        for row in rows:
            match thing_of(row):
                case Market() as market:
                    self.add_market(market)
                case VenueAccount() as account:
                    self.balances.accounts[account.address] = account
                case EngineOrder() as order:
                    self.orders[order.order_id] = order
                case EngineTrade() as trade:
                    self.trades[trade.trade_id] = trade
        self._reopen()
        self.balances.granted_e6 = sum(a.cash_e6 for a in self.balances.accounts.values())
        self.balances.granted_e6 += sum(m.pool_e6 for m in self.markets.values())
        self.take_changed_rows()
        self.touched_levels.clear()

    def _reopen(self) -> None:
        for order in sorted(self.orders.values(), key=lambda o: (o.created_ns, o.order_id)):
            if order.status in ("LIVE", "HELD"):
                self.open[order.order_id] = order
            if order.status == "LIVE":
                self.rest(order, self.markets[order.condition_id], order.size_e6 - order.filled_e6)
        for trade in sorted(self.trades.values(), key=lambda t: t.n):
            for wallet in dict.fromkeys([trade.taker, *(m.owner for m in trade.makers)]):
                if wallet not in UNLIMITED:
                    self.trades_by_owner.setdefault(wallet, []).append(trade.trade_id)
            self._await(trade)
        self.trade_count = max((t.n for t in self.trades.values()), default=0)
