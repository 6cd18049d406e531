"""The venue's counter in one process: its engine (sim/venue) behind the executor's effect words. What the wire would change
(lost answers, silence) is an `OrderFates` object's to decide; here an answer is what the engine says.
"""

from collections.abc import Iterator
from typing import Literal, Protocol

import msgspec

from messages import OrderType, Side, Word
from messages.inner import (
    ActivityRead,
    BalanceRead,
    CancelOrders,
    CancelResult,
    HoldingsRead,
    MarketRead,
    OpenOrdersRead,
    OrderRead,
    PollRedeem,
    PostOrder,
    PostResult,
    ReadActivity,
    ReadBalance,
    ReadHoldings,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadTrades,
    RedeemRead,
    SubmitRedeem,
    TradesRead,
    UserFact,
    VenueOrder,
    VenueTrade,
)
from polybot.adapters.polymarket.post_answer import read_post_answer
from polybot.sim.venue import (
    COLLATERAL,
    Canceled,
    EngineEvent,
    EngineOrder,
    EngineTrade,
    NewOrder,
    OrderChanged,
    Placed,
    Rejected,
    TradeChanged,
    VenueEngine,
)

Fate = Literal["answer", "lose_answer", "lose_request"]


class OrderFates(Protocol):
    """What happens to a POST on its way: answered; taken and the answer lost; never heard and nothing said."""

    def fate(self, word: PostOrder) -> Fate:
        """What becomes of this attempt to post; asked once for each."""
        ...


class _Signed(msgspec.Struct, frozen=True, rename="camel"):
    maker: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: Side
    expiration: str


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    order: _Signed
    order_type: OrderType
    post_only: bool = False


def new_order(order_id: str, body: bytes) -> NewOrder:
    """The order in the exact bytes of a POST."""
    wire = msgspec.json.decode(body, type=_Body)
    return NewOrder(
        order_id=order_id,
        owner=wire.order.maker.lower(),
        token=wire.order.token_id,
        side=wire.order.side,
        maker_e6=int(wire.order.maker_amount),
        taker_e6=int(wire.order.taker_amount),
        kind=wire.order_type,
        post_only=wire.post_only,
        expiration_s=int(wire.order.expiration),
    )


def post_result(word: PostOrder, result: Placed | Rejected | None) -> PostResult:
    """What the executor hears of its POST; result None: the answer never came."""
    http, body = 0, b""
    match result:
        case Placed():
            http = 200
            body = msgspec.json.encode({"success": True, "orderID": result.order_id, "status": result.status})
        case Rejected():
            http, body = 400, msgspec.json.encode({"error": result.error})
    answer = read_post_answer(http, body, word.order_id)
    return PostResult(
        order_id=word.order_id,
        outcome=answer.outcome,
        status=answer.status,
        making_e6=result.making_e6 if isinstance(result, Placed) else 0,
        taking_e6=result.taking_e6 if isinstance(result, Placed) else 0,
        trade_ids=result.trade_ids if isinstance(result, Placed) else (),
        http=http,
        code=answer.code if result is not None else "TIMEOUT",
        text=answer.text if result is not None else "no answer within the deadline",
        took_ms=1.0,
        attempt=word.attempt,
    )


class Counter:
    """Answers the executor's words from the venue's engine, as one wallet sees it."""

    def __init__(self, engine: VenueEngine, wallet: str) -> None:
        self.engine, self.wallet = engine, wallet.lower()

    def read(self, word: Word, now_ns: int) -> Word | None:
        """The answer to any read or cancel; None for a word that is none."""
        match word:
            case CancelOrders():
                return self._cancel(word, now_ns)
            case ReadOrder():
                return self._order(word)
            case ReadOpenOrders():
                orders = tuple(_order(o) for o in self.engine.open_orders(self.wallet) if o.is_open)
                return OpenOrdersRead(purpose=word.purpose, known=True, orders=orders, why="")
            case ReadTrades():
                return TradesRead(purpose=word.purpose, known=True, trades=tuple(self._trades(word.after_s)), why="")
            case ReadBalance():
                balance = self.engine.account_balance(self.wallet, word.token_id or COLLATERAL)
                return BalanceRead(
                    purpose=word.purpose,
                    token_id=word.token_id,
                    known=True,
                    balance_e6=balance,
                    allowance_e6=2**62,
                    why="",
                )
            case ReadHoldings():
                return HoldingsRead(purpose=word.purpose, known=True, shares=self._holdings(), why="")
            case ReadActivity():
                return ActivityRead(
                    purpose=word.purpose, known=True, rows=(), why=""
                )  # nothing but trades moves this wallet
            case SubmitRedeem():
                paid = self.engine.redeem(self.wallet, word.condition_id, now_ns)
                tx_id, why = f"{word.slug}/{word.attempt}", "" if paid is not None else "there is no final word yet"
                state: Literal["sent", "failed"] = "failed" if why else "sent"
                return RedeemRead(slug=word.slug, attempt=word.attempt, state=state, tx_id=tx_id, why=why)
            case PollRedeem():
                return RedeemRead(slug=word.slug, attempt=word.attempt, state="confirmed", tx_id=word.tx_id)
            case ReadMarket():
                market = self.engine.market(word.condition_id)
                winner = (market.winner if market else None) or ""
                return MarketRead(
                    purpose=word.purpose,
                    slug=word.slug,
                    known=market is not None,
                    closed=bool(winner),
                    winner=winner,
                    why="",
                )
        return None

    def _holdings(self) -> dict[str, int]:
        """Shares of markets that are not resolved."""
        open_markets = (m for m in self.engine.state.markets.values() if m.winner is None)
        tokens = (token for market in open_markets for token in (market.up_token, market.down_token))
        shares = {token: self.engine.account_balance(self.wallet, token) for token in tokens}
        return {token: size for token, size in shares.items() if size}

    def facts(self, events: list[EngineEvent]) -> Iterator[UserFact]:
        """What the user channel would push of these events to this wallet."""
        for event in events:
            match event:
                case OrderChanged() if event.order.owner == self.wallet:
                    yield UserFact(kind="order", order=_order(event.order))
                case TradeChanged():
                    lines = tuple(_lines(event.trade, self.wallet))
                    if lines:
                        yield UserFact(kind="trade", trades=lines)

    def _cancel(self, word: CancelOrders, now_ns: int) -> CancelResult:
        done: Canceled = (
            self.engine.cancel(self.wallet, word.order_ids, now_ns)
            if word.order_ids
            else self.engine.cancel_all(self.wallet, now_ns)
        )
        return CancelResult(
            purpose=word.purpose, known=True, canceled=done.canceled, not_canceled=done.not_canceled, why=""
        )

    def _order(self, word: ReadOrder) -> OrderRead:
        order = self.engine.order(word.order_id)
        trades = tuple(t for t in self._trades(0) if t.order_id == word.order_id)
        return OrderRead(
            purpose=word.purpose,
            order_id=word.order_id,
            known=True,
            order=_order(order) if order is not None else None,
            trades=trades,
            why="",
        )

    def _trades(self, after_s: int) -> Iterator[VenueTrade]:
        for trade in self.engine.trades(self.wallet):
            if trade.matched_ns // 1_000_000_000 >= after_s:
                yield from _lines(trade, self.wallet)


_STATES: dict[str, Literal["LIVE", "MATCHED", "DELAYED", "CANCELED"]] = {
    "LIVE": "LIVE",
    "MATCHED": "MATCHED",
    "HELD": "DELAYED",
}


def _order(order: EngineOrder) -> VenueOrder:
    return VenueOrder(
        order_id=order.order_id,
        condition_id=order.condition_id,
        token_id=order.token,
        side=order.side,
        state=_STATES.get(order.status, "CANCELED"),
        raw_status=order.status,
        original_e6=order.size_e6,
        matched_e6=order.filled_e6,
        price_e6=order.price_e6,
        trade_ids=tuple(order.trade_ids),
        created_s=order.created_ns // 1_000_000_000,
    )


def _lines(trade: EngineTrade, wallet: str) -> Iterator[VenueTrade]:
    """One line an order of ours in this trade."""
    parts: list[tuple[str, str, Side, int, int, bool]] = []
    if trade.taker == wallet:
        parts.append((trade.taker_order_id, trade.token, trade.side, trade.size_e6, trade.price_e6, True))
    parts += [(m.order_id, m.token, m.side, m.size_e6, m.price_e6, False) for m in trade.makers if m.owner == wallet]
    for order_id, token, side, size_e6, price_e6, is_taker in parts:
        yield VenueTrade(
            trade_id=trade.trade_id,
            order_id=order_id,
            condition_id=trade.condition_id,
            token_id=token,
            side=side,
            size_e6=size_e6,
            price_e6=price_e6,
            status=trade.status,
            is_taker=is_taker,
            matched_s=trade.matched_ns // 1_000_000_000,
        )
