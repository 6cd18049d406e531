"""The venue's engine: orders in, results out; what happened is collected as events, what must survive as rows.

Life of an order: submit → Rejected | Held → release → Placed | Rejected; a resting one goes on to fills, cancel, expiry
(`due`) or the market's resolution. The world's makers set whole ladders (`set_levels`), its takers walk the book (`take`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from polybot.sim.venue import rules
from polybot.sim.venue.book import SIDES, MergedBook
from polybot.sim.venue.matching import Wish, is_immediate, wish_for
from polybot.sim.venue.queries import Queries
from polybot.sim.venue.settlement import SettlementSteps
from polybot.sim.venue.state import State
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.trading import TradeSteps
from polybot.sim.venue.types import (
    COLLATERAL,
    CROWD,
    E6,
    HOUSE,
    BookSide,
    Canceled,
    EngineEvent,
    EngineOrder,
    Fate,
    Held,
    Levels,
    Market,
    NewOrder,
    OrderChanged,
    Rejected,
    Result,
    Row,
    Side,
    TickChanged,
    TradeChanged,
    Winner,
)
from polybot.sim.venue.wordings import reworded

FINE_TICK_E6, COARSE_TICK_E6 = 1_000, 10_000


class VenueEngine(Queries):
    """All markets, books, orders and accounts of the venue. `switches` say how it is where nobody knows the real one."""

    def __init__(self, switches: Switches | None = None, *, wallets_meet: bool = True) -> None:
        super().__init__(State())
        self.switches = switches or Switches()
        self._trading = TradeSteps(self.state, self.switches, wallets_meet=wallets_meet)
        self._settlement = SettlementSteps(self.state, self.switches)

    def set_fate(self, fate_of: Callable[[str], Fate]) -> None:
        """Who decides what the chain will make of a wallet's trade; without it everything is confirmed."""
        self._trading.fate_of = fate_of

    # --- markets and money from outside

    def list_market(self, market: Market) -> None:
        """Open a market; a second time changes nothing."""
        if market.condition_id not in self.state.markets:
            self.state.add_market(market)

    def set_accepting(self, condition_id: str, accepting: bool) -> None:
        """Stop or resume taking orders for a market."""
        market = self.state.markets[condition_id]
        market.accepting = accepting
        self.state.touch_market(market)

    def grant(self, address: str, usd_e6: int, now_ns: int) -> None:
        """A deposit into a wallet, opened at first sight with full allowances."""
        self.state.balances.grant(address, usd_e6, now_ns)

    def withdraw(self, address: str, usd_e6: int, now_ns: int) -> int:
        """Money leaves a wallet, at most what it has; what it took. Resting orders that are no longer covered are
        cancelled, the newest first (facts §5.4).
        """
        account = self.state.balances.account(address)
        taken = max(0, min(usd_e6, account.cash_e6))
        self.state.balances.grant(address, -taken, now_ns)
        buys = [o for o in self.state.open_orders(address) if o.is_open and o.side == "BUY"]
        for order in sorted(buys, key=lambda o: o.created_ns)[::-1]:
            if account.available_e6(COLLATERAL) >= 0:
                break
            self._end(order, "CANCELED_NOT_ENOUGH_BALANCE", now_ns)
        return taken

    # --- orders

    def submit(self, new: NewOrder, now_ns: int) -> Result:
        """A signed order arrives. A marketable one of a delayed market is Held; call `release` at its until_ns."""
        return self._worded(self._submit(new, now_ns))

    def _submit(self, new: NewOrder, now_ns: int) -> Result:
        if new.order_id in self.state.orders:
            return Rejected(new.order_id, rules.DUPLICATED.format(id=new.order_id))
        market = self.state.market_of(new.token)
        if market is None or not market.accepting:
            return Rejected(new.order_id, rules.NOT_READY)
        error = rules.shape_error(new, market, now_ns, self.switches)
        if error:
            return Rejected(new.order_id, error)
        price, _ = rules.limit_price_e6(new, market.tick_e6)
        size = new.taker_e6 if new.side == "BUY" else new.maker_e6
        crosses = self._crosses(market, wish_for(market, new.token, new.side, price, size, None))
        error = self._standing_error(new, market, price, size, crosses)
        if error:
            return Rejected(new.order_id, error)
        order = self._admit(new, market, price, size, crosses, now_ns)
        if crosses and market.taker_delay_ns:
            order.status, order.until_ns = "HELD", now_ns + market.taker_delay_ns
            return Held(order.order_id, order.until_ns)
        return self._finish(order, market, now_ns)

    def release(self, order_id: str, now_ns: int) -> Result:
        """The taker delay is over: look at the book as it is now, then match, rest or kill."""
        order = self.state.orders.get(order_id)
        if order is None or order.status != "HELD":
            return Rejected(order_id, rules.NOT_READY, stored=order is not None)
        market = self.state.markets[order.condition_id]
        if not market.accepting:
            return self._trading.kill(order, rules.NOT_READY, now_ns)
        order.status = "LIVE"
        return self._worded(self._finish(order, market, now_ns))

    def drop(self, order_id: str, error: str, now_ns: int) -> Result:
        """A held order ends unfilled, in these words: nobody can say what it would meet."""
        order = self.state.orders.get(order_id)
        if order is None or order.status != "HELD":
            return Rejected(order_id, error, stored=order is not None)
        return self._trading.kill(order, error, now_ns)

    def cancel(self, owner: str, order_ids: Iterable[str], now_ns: int) -> Canceled:
        """Cancel some of an owner's orders; finished, held and unknown ones are named with the reason."""
        gone: list[str] = []
        kept: dict[str, str] = {}
        for order_id in order_ids:
            order = self.state.orders.get(order_id)
            if order is None or order.owner != owner:
                kept[order_id] = "order not found"
            elif order.status == "HELD":
                kept[order_id] = "order is held for the taker delay"
            elif not order.is_open:
                kept[order_id] = "already canceled or matched"
            else:
                self._end(order, "CANCELED", now_ns)
                gone.append(order_id)
        return Canceled(tuple(gone), {id_: self.words(why) for id_, why in kept.items()})

    def words(self, text: str) -> str:
        """A refusal in the words that this venue uses."""
        return reworded(text) if self.switches.other_words else text

    def cancel_all(self, owner: str, now_ns: int, condition_id: str = "", token: str = "") -> Canceled:
        """Cancel all of an owner's resting orders, or those of one market or token."""
        mine = [o for o in self.state.open_orders(owner) if o.is_open]
        chosen = [o for o in mine if condition_id in ("", o.condition_id) and token in ("", o.token)]
        return self.cancel(owner, [o.order_id for o in chosen], now_ns)

    def wipe(self, now_ns: int) -> int:
        """What a restart of the real engine does: resting orders and held takers are gone. Returns how many."""
        open_orders = list(self.state.open.values())
        for order in open_orders:
            self._end(order, "CANCELED", now_ns)
        return len(open_orders)

    # --- the world

    def set_levels(self, condition_id: str, bids: Levels, asks: Levels, now_ns: int) -> None:
        """The world's makers replace their whole ladder, in Up's terms. Costs only the levels that differ from the
        ladder before; a level whose wanted size is unchanged is not refilled. Wallets' orders in the way are traded with.
        """
        market = self.state.markets[condition_id]
        book = self.state.books[condition_id]
        wanted = {"BID": dict(bids), "ASK": dict(asks)}
        for side in SIDES:
            before, after = book.house[side], wanted[side]
            for price in before:
                if price not in after:
                    book.sides[side].set_house(price, 0)
                    self.state.touch_level(condition_id, side, price)
        for side in SIDES:
            self._raise_levels(market, book, side == "BID", book.house[side], wanted[side], now_ns)
            book.house[side] = wanted[side]
        self._settle_book(market, now_ns)

    def _raise_levels(
        self,
        market: Market,
        book: MergedBook,
        is_bid: bool,
        before: Mapping[int, int],
        after: dict[int, int],
        now_ns: int,
    ) -> None:
        side: BookSide = "BID" if is_bid else "ASK"
        other: BookSide = "ASK" if is_bid else "BID"
        for price, size in after.items():
            if before.get(price) == size:
                continue
            best = book.sides[other].best()
            if best is not None and (best <= price if is_bid else best >= price):
                wish = Wish(True, "BUY" if is_bid else "SELL", price, size)
                size -= self._trading.world_takes(market, HOUSE, wish, now_ns)
            book.sides[side].set_house(price, size)
            self.state.touch_level(market.condition_id, side, price)

    def take(self, condition_id: str, token: str, side: Side, size_e6: int, limit_e6: int, now_ns: int) -> int:
        """An anonymous taker of the world walks the book down to its limit; returns the shares it got."""
        market = self.state.markets[condition_id]
        if not market.accepting:
            return 0
        wish = wish_for(market, token, side, limit_e6, size_e6, None)
        taken = self._trading.world_takes(market, CROWD, wish, now_ns)
        self._settle_book(market, now_ns)
        return taken

    def resolve(self, condition_id: str, winner: Winner, now_ns: int, is_final: bool = True) -> dict[str, int]:
        """The official word: orders are cancelled, winners paid. Returns pUSD paid by wallet. Again: {}.

        is_final False: announced only; `correct` says the final word.
        """
        market = self.state.markets[condition_id]
        if market.winner is not None:
            return {}
        for order in [o for o in self.state.open.values() if o.condition_id == condition_id]:
            self._end(order, "CANCELED_MARKET_RESOLVED", now_ns)
        self.set_levels(condition_id, (), (), now_ns)
        return self._settlement.resolve(market, winner, now_ns, is_final)

    def correct(self, condition_id: str, winner: Winner, now_ns: int) -> dict[str, int]:
        """The final word on a market whose winner was only announced. Returns by how much payouts change; again: {}."""
        market = self.state.markets[condition_id]
        return {} if market.is_final else self._settlement.correct(market, winner, now_ns)

    def redeem(self, address: str, condition_id: str, now_ns: int) -> int | None:
        """A wallet turns its shares of a resolved market into pUSD; what it got. None: there is no final word yet."""
        return self._settlement.redeem(self.state.markets[condition_id], address, now_ns)

    def set_tick(self, condition_id: str, tick_e6: int, now_ns: int) -> None:
        """The grid changes under whatever rests; orders on the old grid stay valid."""
        market = self.state.markets[condition_id]
        if market.tick_e6 != tick_e6 and market.winner is None:
            old, market.tick_e6 = market.tick_e6, tick_e6
            self.state.touch_market(market)
            self.state.say(TickChanged(condition_id, old, tick_e6, now_ns))

    def due(self, now_ns: int) -> None:
        """Advance what only needs time: trades towards CONFIRMED, GTD orders past their life."""
        for trade, at_ns in self.state.advance_trades(now_ns):
            if trade.status == "FAILED":
                self._settlement.fail(trade, at_ns)
            self.state.say(TradeChanged(trade, at_ns))
        for order in [o for o in self.state.open.values() if o.kind == "GTD" and o.is_open]:
            if (order.expiration_s - rules.GTD_EARLY_S) * 10**9 <= now_ns:
                self._end(order, "CANCELED_EXPIRED_ORDER", now_ns)

    # --- what happened, what to keep

    def take_events(self) -> list[EngineEvent]:
        """What happened since the last call, in order."""
        return self.state.take_events()

    def take_changed_rows(self) -> list[Row]:
        """One row for everything that changed since the last call. Written in one transaction they are a state."""
        return self.state.take_changed_rows()

    def restore(self, rows: Iterable[Row]) -> None:
        """Load rows into an empty engine. Books hold wallets' resting orders again; call `wipe` if they must not."""
        self.state.restore(rows)

    # --- inside

    def _worded(self, result: Result) -> Result:
        return replace(result, error=self.words(result.error)) if isinstance(result, Rejected) else result

    def _crosses(self, market: Market, wish: Wish) -> bool:
        best = self.state.books[market.condition_id].sides[wish.hits].best()
        return best is not None and wish.reaches(best)

    def _standing_error(self, new: NewOrder, market: Market, price: int, size: int, crosses: bool) -> str:
        if new.post_only and crosses:
            return rules.CROSSES
        if is_immediate(new.kind) or crosses:
            error = rules.marketable_error(new, market, price, self.switches.minimum_counts_fee)
            if error:
                return error
        account = self.state.balances.account(new.owner)
        asset = COLLATERAL if new.side == "BUY" else new.token
        need = self._trading.reservation_e6(market, new, price, size, crosses)
        return rules.funds_error(account, asset, need, new.side == "BUY")

    def _admit(self, new: NewOrder, market: Market, price: int, size: int, crosses: bool, now_ns: int) -> EngineOrder:
        order = EngineOrder(
            order_id=new.order_id,
            owner=new.owner,
            condition_id=market.condition_id,
            token=new.token,
            side=new.side,
            kind=new.kind,
            price_e6=price,
            size_e6=size,
            maker_e6=new.maker_e6,
            taker_e6=new.taker_e6,
            post_only=new.post_only,
            expiration_s=new.expiration_s,
            created_ns=now_ns,
        )
        self.state.add_order(order)
        self._trading.reserve(order, self._trading.reservation_e6(market, new, price, size, crosses))
        return order

    def _finish(self, order: EngineOrder, market: Market, now_ns: int) -> Result:
        result = self._trading.execute(order, market, now_ns)
        self._settle_book(market, now_ns)
        return result

    def _end(self, order: EngineOrder, status: str, now_ns: int) -> None:
        market = self.state.markets[order.condition_id]
        self._trading.end(order, market, status, now_ns)
        self.state.say(OrderChanged("CANCELLATION", self.state.copy_of(order), now_ns))
        self._settle_book(market, now_ns)

    def _settle_book(self, market: Market, now_ns: int) -> None:
        """Say what levels changed; then the grid, which gets finer for good once the best price is extreme."""
        self.state.say_book(market.condition_id, now_ns)
        if market.winner is not None or (market.tick_e6 <= FINE_TICK_E6 and not self.switches.tick_reverts):
            return
        bid, ask = self.best(market.condition_id)
        low = self.switches.tick_edge_e6
        high = E6 - low
        if (bid is not None and bid > high) or (ask is not None and ask < low):
            self.set_tick(market.condition_id, FINE_TICK_E6, now_ns)
        elif self.switches.tick_reverts and bid is not None and ask is not None and bid >= low and ask <= high:
            self.set_tick(market.condition_id, COARSE_TICK_E6, now_ns)
