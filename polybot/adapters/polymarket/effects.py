"""What cores wish of the venue, as functions from word to word; whatever is not known is answered as not known."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from messages import MarketResolved, Word
from messages.inner import (
    BalanceRead,
    CancelOrders,
    CancelResult,
    FetchMarket,
    MarketFetched,
    MarketRead,
    OpenOrdersRead,
    OrderRead,
    ReadBalance,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadTrades,
    TradesRead,
)
from polybot.adapters.net.reads import Empty, Known, Read, Unknown
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.market_parser import Winner, clob_winner_of, closed_ns, listed_of, winner_of
from polybot.adapters.polymarket.numbers import GARBAGE

if TYPE_CHECKING:  # whoever reads markets alone needs no wallet's curve and no hash
    from polybot.adapters.polymarket.clob import Clob


class MarketEffects:
    """Carries out what market_feed asks, on one lane; now_ns tells world time."""

    def __init__(self, gamma: Gamma, clob: ClobPublic, now_ns: Callable[[], int]) -> None:
        self._gamma, self._clob, self._now_ns = gamma, clob, now_ns

    def fetch(self, word: FetchMarket) -> Iterator[Word]:
        """MarketListed and MarketResolved as far as they are known, then MarketFetched."""
        gamma = self._gamma.market(word.slug)
        if not isinstance(gamma, Known):
            why = gamma.why if isinstance(gamma, Unknown) else ""
            yield MarketFetched(slug=word.slug, known=not why, gamma="", clob="", why=why)
            return
        clob: Read = Empty()
        try:
            winner = winner_of(gamma.value)
            if winner:
                yield MarketResolved(
                    slug=word.slug,
                    condition_id=gamma.value["conditionId"],
                    winner=winner,
                    resolved_ns=closed_ns(gamma.value, self._now_ns()),
                    source="gamma",
                )
            clob = self._clob.clob_market(gamma.value["conditionId"])
            if not isinstance(clob, Unknown):
                yield listed_of(gamma.value, clob.value if isinstance(clob, Known) else None)
            why = clob.why if isinstance(clob, Unknown) else ""
        except GARBAGE as exc:
            why = f"not a market we can read: {type(exc).__name__} {exc}"
        yield MarketFetched(
            slug=word.slug,
            known=not why,
            gamma=_json(gamma),
            clob=_json(clob),
            why=why,
        )


def _json(read: Read) -> str:
    return msgspec.json.encode(read.value).decode() if isinstance(read, Known) else ""


class AccountEffects:
    """Carries out what the executor asks, one lane each: build another on `clob.sibling()` for cancels."""

    def __init__(self, clob: "Clob", gamma: Gamma) -> None:
        self._clob, self._gamma = clob, gamma

    def cancel(self, word: CancelOrders) -> CancelResult:
        """Cancel the orders named in the wish, or all of this account when it names none."""
        answer = self._clob.cancel(word.order_ids) if word.order_ids else self._clob.cancel_all()
        match answer:
            case Known((canceled, left)):
                return CancelResult(purpose=word.purpose, known=True, canceled=canceled, not_canceled=left, why="")
            case Unknown(why):
                return CancelResult(purpose=word.purpose, known=False, canceled=(), not_canceled={}, why=why)

    def read_order(self, word: ReadOrder) -> OrderRead:
        """What the venue knows of the order; one endpoint that is silent leaves it unknown."""
        order = self._clob.order(word.order_id)
        if isinstance(order, Unknown):
            return self._order(word, f"order: {order.why}", order.http)
        trades = self._clob.trade_rows(condition_id=word.condition_id)
        if isinstance(trades, Unknown):
            return self._order(word, f"trades: {trades.why}", trades.http)
        lines, unreadable = trades.value
        if unreadable:
            failed = self._order(word, f"trades: {unreadable[0].why}", 0)
            return msgspec.structs.replace(failed, unreadable=unreadable)
        return OrderRead(
            purpose=word.purpose,
            order_id=word.order_id,
            known=True,
            order=order.value if isinstance(order, Known) else None,
            trades=tuple(t for t in lines if t.order_id == word.order_id.lower()),
            why="",
        )

    @staticmethod
    def _order(word: ReadOrder, why: str, http: int) -> OrderRead:
        return OrderRead(
            purpose=word.purpose, order_id=word.order_id, known=False, order=None, trades=(), why=why, http=http
        )

    def read_open_orders(self, word: ReadOpenOrders) -> OpenOrdersRead:
        """All open orders, every page; not known if a page fails."""
        match self._clob.open_orders():
            case Known(orders):
                return OpenOrdersRead(purpose=word.purpose, known=True, orders=orders, why="")
            case Unknown(why, http):
                return OpenOrdersRead(purpose=word.purpose, known=False, orders=(), why=why, http=http)

    def read_trades(self, word: ReadTrades) -> TradesRead:
        """All trades since `after_s`, every page; not known if a page fails. A row that says nothing spoils no other."""
        match self._clob.trade_rows(word.after_s):
            case Known((trades, unreadable)):
                return TradesRead(purpose=word.purpose, known=True, trades=trades, why="", unreadable=unreadable)
            case Unknown(why, http):
                return TradesRead(purpose=word.purpose, known=False, trades=(), why=why, http=http)

    def read_balance(self, word: ReadBalance) -> BalanceRead:
        """Balance and allowance as the venue shows them, neither reduced by the other nor by open orders."""
        if word.refresh:
            self._clob.refresh_balance(word.token_id)
        match self._clob.balance(word.token_id):
            case Known((balance, allowance)):
                known, why, http = True, "", 0
            case Unknown(why, http):
                known, balance, allowance = False, 0, 0
        return BalanceRead(
            purpose=word.purpose,
            token_id=word.token_id,
            known=known,
            balance_e6=balance,
            allowance_e6=allowance,
            why=why,
            http=http,
        )

    def read_market(self, word: ReadMarket) -> MarketRead:
        """Gamma knows first; one that answers is enough. Two official words that differ are no word."""
        whys: list[str] = []
        by_gamma, gamma_closed = _outcome(self._gamma.market(word.slug), winner_of, whys)
        by_clob, clob_closed = _outcome(self._clob.market(word.condition_id), clob_winner_of, whys)
        if by_gamma and by_clob and by_gamma != by_clob:
            whys.append(f"Gamma says {by_gamma}, the CLOB {by_clob}")
            by_gamma = by_clob = None
        known = by_gamma is not None or by_clob is not None
        closed = known and (gamma_closed or clob_closed)
        winner: Winner = by_gamma or by_clob or ""
        return MarketRead(
            purpose=word.purpose, slug=word.slug, known=known, closed=closed, winner=winner, why="; ".join(whys)
        )


def _outcome(read: Read, winner: Callable[[dict[str, object]], Winner], whys: list[str]) -> tuple[Winner | None, bool]:
    """(winner, closed); None and a reason more when this source does not know."""
    match read:
        case Known(dict(market)):
            try:
                return winner(market), market.get("closed") is True
            except GARBAGE as exc:
                whys.append(f"unreadable: {type(exc).__name__} {exc}")
        case Unknown(why):
            whys.append(why)
        case _:
            whys.append("not found")
    return None, False
