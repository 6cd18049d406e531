"""Carrying out: reservations, fills, fees, and what becomes of the order that caused them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from polybot.sim.venue import rules
from polybot.sim.venue.balances import world_leg
from polybot.sim.venue.book import grain_e6
from polybot.sim.venue.fees import fee_e6, fees_e6
from polybot.sim.venue.matching import PlannedFill, Wish, by_price, cost_e6, is_immediate, parts_of, plan, wish_for
from polybot.sim.venue.state import State
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.types import (
    COLLATERAL,
    CROWD,
    E6,
    HOUSE,
    UNLIMITED,
    BookSide,
    EngineOrder,
    EngineTrade,
    Fate,
    MakerFill,
    Market,
    NewOrder,
    OrderChanged,
    OrderKind,
    Placed,
    Rejected,
    Result,
    Side,
    TradeChanged,
    VenueAccount,
)

S = 1_000_000_000


class TradeSteps:
    """The part of the venue's engine that moves shares and money."""

    def __init__(self, state: State, switches: Switches, *, wallets_meet: bool = True) -> None:
        self.state, self.switches, self.wallets_meet = state, switches, wallets_meet
        self.fate_of: Callable[[str], Fate] = lambda _trade_id: "CONFIRM"

    def reservation_e6(self, market: Market, new: NewOrder, price: int, size: int, crosses: bool) -> int:
        """What to set aside: shares of a SELL; dollars of a BUY, with the dearest fee if it may take.

        cost + fee grows with the price, so the limit is the dearest case for a fixed number of shares.
        """
        if new.side == "SELL":
            return size
        if not crosses:
            return new.maker_e6
        fee = fee_e6(size, price, market.fee_rate_e6, market.fee_exponent)
        if self._exceeds(new.kind):
            fee = -(-new.maker_e6 * market.fee_rate_e6 // E6)
        return new.maker_e6 + fee

    def reserve(self, order: EngineOrder, amount_e6: int) -> None:
        """Set an order's reservation to amount_e6: pUSD of a BUY, shares of a SELL."""
        asset = COLLATERAL if order.side == "BUY" else order.token
        self.state.balances.reserve(self.state.balances.account(order.owner), asset, amount_e6 - order.reserved_e6)
        order.reserved_e6 = amount_e6

    def execute(self, order: EngineOrder, market: Market, now_ns: int) -> Result:
        """Match what can be matched now; then rest, or kill the remainder."""
        book = self.state.books[market.condition_id]
        wish = self._wish(order, market)
        planned = plan(book.sides[wish.hits], wish, meets_wallets=self.wallets_meet)
        if order.kind == "FOK" and not planned.is_whole:
            return self.kill(order, rules.FOK_KILLED, now_ns)
        if order.kind == "FAK" and not planned.fills:
            return self.kill(order, rules.FAK_KILLED, now_ns)
        error = self._cannot_pay(order, market, wish, planned.fills)
        if error:
            return self.kill(order, error, now_ns)
        if planned.fills:
            trades = self._fill(order.owner, order.order_id, market, wish, planned.fills, now_ns)
            self._book_taker(order, trades)
        return self._rest_or_end(order, market, now_ns)

    def world_takes(self, market: Market, who: str, wish: Wish, now_ns: int) -> int:
        """The world's makers or takers take; returns shares. The makers' own ladder never trades with itself: it was
        lowered before it is raised."""
        planned = plan(self.state.books[market.condition_id].sides[wish.hits], wish)
        if planned.fills:
            self._fill(who, "", market, wish, planned.fills, now_ns)
        return sum(f.size_e6 for f in planned.fills)

    def crowd_takes(self, market: Market, fills: tuple[PlannedFill, ...], is_bid: bool, now_ns: int) -> None:
        """Somebody of the crowd takes from these places, all on one side of the book; is_bid: it buys Up."""
        if fills:
            size = sum(f.size_e6 for f in fills)
            wish = Wish(True, "BUY" if is_bid else "SELL", fills[-1].price_e6, size)
            self._fill(CROWD, "", market, wish, fills, now_ns)

    def kill(self, order: EngineOrder, error: str, now_ns: int) -> Rejected:
        """The order ends unfilled; its id stays known, so that a repeat is refused."""
        self.end(order, self.state.markets[order.condition_id], f"CANCELED_{error}", now_ns)
        self.state.say(OrderChanged("CANCELLATION", self.state.copy_of(order), now_ns))
        return Rejected(order.order_id, error, stored=True)

    def end(self, order: EngineOrder, market: Market, status: str, now_ns: int) -> None:
        """Take an order off the book, reserve nothing for it, and give it this status for good."""
        is_up = order.token == market.up_token
        side: BookSide = "BID" if (order.side == "BUY") == is_up else "ASK"
        price = order.price_e6 if is_up else E6 - order.price_e6
        if self.state.books[market.condition_id].sides[side].remove(price, order.order_id):
            self.state.touch_level(market.condition_id, side, price)
        order.status = status
        self.reserve(order, 0)
        self.state.close_order(order)

    def _wish(self, order: EngineOrder, market: Market) -> Wish:
        is_buy, exceeds = order.side == "BUY", self._exceeds(order.kind)
        budget = order.maker_e6 if is_buy and (is_immediate(order.kind) or exceeds) else None
        size = order.size_e6 - order.filled_e6
        if budget is not None and exceeds:
            size = budget * E6
        return wish_for(market, order.token, order.side, order.price_e6, size, budget)

    def _exceeds(self, kind: OrderKind) -> bool:
        return self.switches.market_buy_exceeds if is_immediate(kind) else self.switches.limit_buy_exceeds

    def _cannot_pay(self, order: EngineOrder, market: Market, wish: Wish, fills: tuple[PlannedFill, ...]) -> str:
        if not fills:
            return ""
        account = self.state.balances.account(order.owner)
        if order.side == "SELL":
            return self._cannot_pay_fee(account, market, wish, fills) if self.switches.sell_fee_beside else ""
        able = account.available_e6(COLLATERAL) + order.reserved_e6
        need = cost_e6(market, wish, fills, self.switches.fee_on_whole_order)
        return "" if need <= able else rules.BALANCE.format(what="balance", have=able, need=need)

    def _cannot_pay_fee(self, account: VenueAccount, market: Market, wish: Wish, fills: tuple[PlannedFill, ...]) -> str:
        """Why a SELL whose fee is not kept back from its proceeds cannot pay it."""
        parts = parts_of(wish, by_price(fills))
        fee = sum(fees_e6(parts, market.fee_rate_e6, market.fee_exponent, self.switches.fee_on_whole_order))
        free = account.available_e6(COLLATERAL)
        return "" if fee <= free else rules.BALANCE.format(what="balance", have=max(0, free), need=fee)

    def _rest_or_end(self, order: EngineOrder, market: Market, now_ns: int) -> Result:
        left = order.size_e6 - order.filled_e6
        making, taking = (order.usd_e6, order.filled_e6) if order.side == "BUY" else (order.filled_e6, order.usd_e6)
        is_partial = is_immediate(order.kind) or left >= grain_e6(order.price_e6)
        says_live = not order.filled_e6 or (is_partial and self.switches.answers_live)
        status: Literal["live", "matched"] = "live" if says_live else "matched"
        if is_immediate(order.kind) or left < grain_e6(order.price_e6):
            order.status = "MATCHED"
            self.reserve(order, 0)
            self.state.close_order(order)
            self.state.say(OrderChanged("UPDATE", self.state.copy_of(order), now_ns))
        else:
            self._rest(order, market, left)
            self.state.say(OrderChanged("PLACEMENT", self.state.copy_of(order), now_ns))
        return Placed(order.order_id, status, making, taking, tuple(order.trade_ids))

    def _rest(self, order: EngineOrder, market: Market, left: int) -> None:
        order.status = "LIVE"
        self.reserve(order, left if order.side == "SELL" else -(-left * order.price_e6 // E6))
        self.state.rest(order, market, left)

    def _book_taker(self, order: EngineOrder, trades: list[EngineTrade]) -> None:
        for trade in trades:
            order.filled_e6 += trade.size_e6
            order.usd_e6 += trade.usd_e6
            order.fee_e6 += trade.fee_e6
            order.trade_ids.append(trade.trade_id)
        self.state.touch_order(order)

    def _fill(
        self, taker: str, order_id: str, market: Market, wish: Wish, fills: tuple[PlannedFill, ...], now_ns: int
    ) -> list[EngineTrade]:
        trades = []
        groups = by_price(fills)
        parts = parts_of(wish, groups)
        fees = fees_e6(parts, market.fee_rate_e6, market.fee_exponent, self.switches.fee_on_whole_order)
        for group, (size, own), fee in zip(groups, parts, fees, strict=True):
            makers = tuple(self._fill_maker(taker, market, wish, f, now_ns) for f in group)
            self.state.balances.charge(self.state.balances.account(taker), fee, now_ns)
            token = market.up_token if wish.is_up else market.down_token
            trade = self._trade(taker, order_id, market, token, wish.side, size, own, fee, makers, now_ns)
            self._remember(trade, market, now_ns)
            trades.append(trade)
        self.state.touch_market(market)
        return trades

    def _fill_maker(self, taker: str, market: Market, wish: Wish, fill: PlannedFill, now_ns: int) -> MakerFill:
        balances, entry, price = self.state.balances, fill.entry, fill.price_e6
        maker_order = self.state.orders[entry.order_id] if entry.order_id else None
        side: Side
        if maker_order is None:
            owner, token, side, own = HOUSE, market.up_token, "SELL" if wish.is_bid else "BUY", price
        else:
            owner, token, side = maker_order.owner, maker_order.token, maker_order.side
            own = maker_order.price_e6
        taker_token = market.up_token if wish.is_up else market.down_token
        taker_leg = world_leg(balances.account(taker), market, taker_token, wish.side, wish.own_price_e6(price))
        maker_leg = world_leg(balances.account(owner), market, token, side, own)
        balances.settle(market, taker_leg, maker_leg, fill.size_e6, now_ns)
        self.state.books[market.condition_id].sides[wish.hits].take(price, entry, fill.size_e6)
        self.state.touch_level(market.condition_id, wish.hits, price)
        if maker_order is not None:
            self._book_maker(maker_order, fill.size_e6, own, now_ns)
        return MakerFill(entry.order_id, owner, token, side, fill.size_e6, own)

    def _book_maker(self, order: EngineOrder, size_e6: int, own_e6: int, now_ns: int) -> None:
        order.filled_e6 += size_e6
        order.usd_e6 += size_e6 * own_e6 // E6
        left = order.size_e6 - order.filled_e6
        if left < grain_e6(own_e6):
            order.status = "MATCHED"
            self.reserve(order, 0)
            self.state.close_order(order)
        else:
            self.reserve(order, left if order.side == "SELL" else -(-left * own_e6 // E6))
        self.state.touch_order(order)
        self.state.say(OrderChanged("UPDATE", self.state.copy_of(order), now_ns))

    def _trade(
        self,
        taker: str,
        order_id: str,
        market: Market,
        token: str,
        side: Side,
        size: int,
        own: int,
        fee: int,
        makers: tuple[MakerFill, ...],
        now_ns: int,
    ) -> EngineTrade:
        self.state.trade_count += 1
        seed = f"{market.condition_id}/{order_id}/{now_ns}/{self.state.trade_count if not order_id else own}"
        digest = hashlib.sha256(seed.encode()).digest()
        mined = now_ns + 2 * S + int.from_bytes(digest[16:20]) * 2 * S // 2**32
        confirmed = mined + 2 * S + int.from_bytes(digest[20:24]) * 8 * S // 2**32
        h = digest[:16].hex()
        trade_id = f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:32]}"
        return EngineTrade(
            trade_id=trade_id,
            condition_id=market.condition_id,
            taker_order_id=order_id,
            taker=taker,
            token=token,
            side=side,
            size_e6=size,
            price_e6=own,
            usd_e6=size * own // E6,
            fee_e6=fee,
            makers=makers,
            matched_ns=now_ns,
            mined_ns=mined,
            confirmed_ns=confirmed,
            n=self.state.trade_count,
        )

    def _remember(self, trade: EngineTrade, market: Market, now_ns: int) -> None:
        """Keep a trade that a wallet has a part in, and tell it; the world's own is only told."""
        owners = dict.fromkeys([trade.taker, *(m.owner for m in trade.makers)])
        wallets = [o for o in owners if o not in UNLIMITED]
        if wallets:
            trade = replace(trade, fate=self.fate_of(trade.trade_id))
            self.state.add_trade(trade, wallets)
        for maker in trade.makers:
            if maker.order_id:
                order = self.state.orders[maker.order_id]
                order.trade_ids.append(trade.trade_id)
        self.state.say(TradeChanged(trade, now_ns))
