"""allocator: how much. Signal in; a size or a refusal out, and a wish to trade for risk to judge.

1. One Allocation a strategy and window: a repeated Signal gets the first one again, and no second wish.
2. The limit comes from the ask the strategy decided on, the stake from the Account: the wish is a function of these two.
   risk looks at the book as it is by then; if that has run away, the FAK finds nothing and that is final.
3. The wish's id is account/strategy/market/1. No reply: the same wish again, until the signal's good-until.
4. While the account, what is held or the market is not known the Signal waits; at good-until it is refused with what it lacked.
5. A bet that is to rest (streak_reversal) becomes a post-only GTC at the highest price that does not take, at most its own
   limit; cancelled when its window opens.
6. One wish at a time: while an order of ours is not final, the next Signal waits for it, until its own good-until. So two
   strategies that speak in one moment are both heard, in the order in which they spoke, and sized by what is left.
7. A wish that the executor already has (a restart of ours in between) is not sized anew: its order speaks for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from messages import (
    Account,
    Allocation,
    Judged,
    MarketListed,
    OrderIntent,
    OrderUpdate,
    Positions,
    Resent,
    RiskVerdict,
    Signal,
    Word,
)
from messages.inner import NoReply, SignalsLate, Started, Tick, WakeAt
from messages.units import E6, decimal_text
from polybot.core.market.backfill import Listings, words_of
from polybot.core.market.windows import GOOD_FOR_S, Window
from polybot.core.reasons import Reason
from polybot.core.sizing import amounts, stake
from polybot.settings import Settings, settings_from, usd_e6

KEPT = 300  # allocations remembered; a Signal is repeated for seconds, not for a day


@dataclass
class _Pending:
    """A wish on its way: until when it is waited for, and the journal's sequence at which its order was final."""

    good_until_ns: int
    final_seq: int | None = None


class AllocatorCore:
    """Decides how much a Signal is worth and wishes an order of that size; the rules stand at the head of this file."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._account: Account | None = None
        self._listings = Listings("allocator/0")
        self._markets: dict[str, MarketListed] = {}
        self._orders: dict[str, OrderUpdate] = {}
        self._said: dict[str, Allocation] = {}
        self._asked: dict[str, OrderIntent] = {}
        self._waiting: dict[str, Signal] = {}
        self._pending: dict[str, _Pending] = {}
        self._positions: Positions | None = None

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Started():
                self._settings = settings_from(word.config)
                self._listings = Listings(f"allocator/{word.boot}", ("MarketListed/",))
                yield from self._listings.ask(now_ns)
            case Signal() if word.prediction.account == self._settings.bot.account:
                yield from self._signal(word, now_ns)
            case Account() if word.account == self._settings.bot.account:
                self._account = word
                yield from self._settled(now_ns)
                yield from self._retry(now_ns)
            case MarketListed():
                self._markets[word.slug] = word
                _forget_oldest(self._markets)
                yield from self._retry(now_ns)
            case Positions() if word.account == self._settings.bot.account:
                self._orders = {order.intent_id: order for order in word.orders}
                first, self._positions = self._positions is None, word
                yield from self._settled(now_ns)
                if first:
                    yield from self._retry(now_ns)
            case OrderUpdate(final=True) if word.intent_id in self._pending:
                self._pending[word.intent_id].final_seq = word.journal_seq
                yield from self._settled(now_ns)
            case Judged():
                self._asked.pop(word.id, None)
            case RiskVerdict():
                self._asked.pop(word.intent_id, None)
                if not word.approved and word.intent_id in self._pending:
                    del self._pending[word.intent_id]
                    yield from self._retry(now_ns)
            case NoReply(request="OrderIntent"):
                yield from self._unanswered(word.id, now_ns)
            case Tick(timer=SignalsLate()):
                yield from self._retry(now_ns)
            case Resent():
                for listed in words_of(word):
                    if isinstance(listed, MarketListed):
                        self._markets.setdefault(listed.slug, listed)
                yield from self._listings.hear(word)
                yield from self._retry(now_ns)
            case NoReply() | Tick():
                yield from self._listings.hear(word)

    # --- one allocation

    def _signal(self, signal: Signal, now_ns: int) -> Iterator[Word]:
        said = self._said.get(signal.key)
        if said is not None:
            yield said
        else:
            yield from self._allocate(signal, now_ns)

    def _retry(self, now_ns: int) -> Iterator[Word]:
        waiting, self._waiting = self._waiting, {}
        for signal in waiting.values():
            yield from self._allocate(signal, now_ns)

    def _allocate(self, signal: Signal, now_ns: int) -> Iterator[Word]:
        account, positions = self._account, self._positions
        market = self._markets.get(signal.prediction.slug)
        missing = self._missing(signal) or self._busy(now_ns)
        late = self._late(signal, now_ns)
        if late is not None:
            yield self._refused(signal, missing or late)
        elif missing is not None or account is None or positions is None or market is None:
            self._waiting[signal.key] = signal
            if market is None:
                yield from self._listings.ask(now_ns, signal.prediction.slug)
            yield WakeAt(timer=SignalsLate(), at_ns=1 + min(s.good_until_ns for s in self._waiting.values()))
        elif (order := self._orders.get(self._intent_id(signal))) is not None:
            yield self._keep(_of_order(signal, order))
        else:
            yield from self._size(signal, stake.Purse(account, positions), market)

    def _missing(self, signal: Signal) -> Reason | None:
        if self._account is None:
            return Reason("ACCOUNT_UNKNOWN", "the executor has not been heard")
        if not self._account.ready:
            return Reason("ACCOUNT_UNKNOWN", self._account.why_not_ready or "the account is not reconciled yet")
        if self._positions is None:
            return Reason("ACCOUNT_UNKNOWN", "what is held and ordered has not been heard")
        if signal.prediction.slug not in self._markets:
            return Reason("NO_MARKET", f"the venue has not listed {signal.prediction.slug}")
        return None

    def _busy(self, now_ns: int) -> Reason | None:
        """ENTRY_OPEN. Past its own good-until risk, who knows the books, is the judge of it."""
        self._pending = {i: p for i, p in self._pending.items() if now_ns <= p.good_until_ns}
        for intent_id in self._pending:
            return Reason("ENTRY_OPEN", f"entry order {intent_id} is not final yet; 1 is allowed at a time")
        return None

    def _settled(self, now_ns: int) -> Iterator[Word]:
        """Account and positions hold all that a final order came to: the next may be sized."""
        seen = min(level.journal_seq if level else 0 for level in (self._positions, self._account))
        left = {i: p for i, p in self._pending.items() if p.final_seq is None or p.final_seq > seen}
        if len(left) < len(self._pending):
            self._pending = left
            yield from self._retry(now_ns)

    def _late(self, signal: Signal, now_ns: int) -> Reason | None:
        """TOO_LATE, OUTSIDE_WINDOW: good-until itself is still in time."""
        if now_ns > signal.good_until_ns:
            late = (now_ns - signal.good_until_ns) / 1e9
            return Reason("TOO_LATE", f"{late:.3f} s past good-until, {GOOD_FOR_S} s after deciding")
        if not Window(signal.prediction.start_s).may_send(now_ns, signal.cancel_at_ns, self._settings.trade):
            return Reason("OUTSIDE_WINDOW", "no entry before the start or in the last seconds of a window")
        return None

    def _size(self, signal: Signal, purse: stake.Purse, market: MarketListed) -> Iterator[Word]:
        limit = self._limit(signal)
        if isinstance(limit, Reason):
            yield self._refused(signal, limit)
            return
        if market.fee is None:
            yield self._refused(signal, amounts.no_schedule())
            return
        offer = stake.Offer(market.slug, limit, market.fee, signal.prediction.probability)
        size = stake.size(purse, signal.prediction.strategy, self._settings, offer)
        if isinstance(size, Reason):
            yield self._refused(signal, size)
            return
        rests = signal.prediction.rests
        if rests:
            buy = amounts.resting_buy(size.stake_e6, limit, market.fee, market.min_size_e6)
        else:
            buy = amounts.fak_buy(size.stake_e6, limit, market.fee)
        if isinstance(buy, Reason):
            text = f"{buy.text} ({size.text})"
            yield self._refused(signal, Reason(buy.code, text), size)
            return
        intent = OrderIntent(
            id=self._intent_id(signal),
            account=signal.prediction.account,
            strategy=signal.prediction.strategy,
            slug=market.slug,
            condition_id=market.condition_id,
            token_id=signal.token_id,
            outcome=signal.outcome,
            side="BUY",
            order_type="GTC" if rests else "FAK",
            stake_e6=buy.maker_e6,
            limit_e6=buy.limit_e6,
            maker_e6=buy.maker_e6,
            taker_e6=buy.taker_e6,
            worst_e6=buy.worst_e6,
            fee_rate_e6=market.fee.rate_e6,
            fee_exponent=market.fee.exponent,
            neg_risk=market.neg_risk,
            start_s=market.start_s,
            end_s=market.end_s,
            good_until_ns=signal.good_until_ns,
            cancel_at_ns=signal.cancel_at_ns,
            win_streak=size.win_streak,
            prediction=signal.prediction,
            post_only=rests,
        )
        self._asked[intent.id] = intent
        self._pending[intent.id] = _Pending(intent.good_until_ns)
        yield intent  # before the Allocation: dying between the two, the Signal is repeated and nothing is lost
        yield self._keep(_of_intent(intent, size.text))

    def _limit(self, signal: Signal) -> int | Reason:
        """The worst price to pay, by the ask that was decided on."""
        trade, seen = self._settings.trade, signal.prediction
        ask = seen.up_ask_e6 if signal.outcome == "UP" else seen.down_ask_e6
        if ask is None:
            return Reason("NO_ASK", f"nobody offered {signal.outcome}")
        cap = min(usd_e6(trade.max_price), seen.limit_e6 or E6)
        if seen.rests:
            return amounts.limit_e6(ask, -amounts.GRID_E6, cap)
        limit = amounts.limit_e6(ask, usd_e6(trade.limit_slack), cap)
        if limit < ask:
            text = f"limit {decimal_text(limit)}, floored to the 0.01 grid, is below the ask {decimal_text(ask)}"
            return Reason("PRICE_ABOVE_CAP", text)
        return limit

    # --- saying

    def _unanswered(self, intent_id: str, now_ns: int) -> Iterator[Word]:
        """Unknown is not no: the same wish again, as long as it is good."""
        intent = self._asked.get(intent_id)
        if intent is not None and now_ns <= intent.good_until_ns:
            yield intent
        else:
            self._asked.pop(intent_id, None)

    def _intent_id(self, signal: Signal) -> str:
        return f"{signal.prediction.account}/{signal.prediction.strategy}/{signal.prediction.slug}/1"

    def _keep(self, allocation: Allocation) -> Allocation:
        self._said[allocation.key] = allocation
        _forget_oldest(self._said)
        return allocation

    def _refused(self, signal: Signal, reason: Reason, size: stake.Size | None = None) -> Allocation:
        return self._keep(
            Allocation(
                account=signal.prediction.account,
                strategy=signal.prediction.strategy,
                slug=signal.prediction.slug,
                intent_id="",
                stake_e6=size.stake_e6 if size else 0,
                limit_e6=0,
                size_e6=0,
                win_streak=size.win_streak if size else 0,
                sizing=size.text if size else "",
                reason_code=reason.code,
                reason=reason.text,
            )
        )


def _of_intent(intent: OrderIntent, sizing_text: str) -> Allocation:
    return Allocation(
        account=intent.account,
        strategy=intent.strategy,
        slug=intent.slug,
        intent_id=intent.id,
        stake_e6=intent.stake_e6,
        limit_e6=intent.limit_e6,
        size_e6=intent.taker_e6,
        win_streak=intent.win_streak,
        sizing=sizing_text,
        reason_code="",
        reason="",
    )


def _of_order(signal: Signal, order: OrderUpdate) -> Allocation:
    """The Allocation of a window whose order already stands in the books (rule 7)."""
    intent = order.intent
    return Allocation(
        account=order.account,
        strategy=signal.prediction.strategy,
        slug=order.slug,
        intent_id=order.intent_id,
        stake_e6=order.stake_e6,
        limit_e6=order.limit_e6,
        size_e6=intent.taker_e6 if intent else 0,
        win_streak=intent.win_streak if intent else 0,
        sizing="as already ordered",
        reason_code="",
        reason="",
    )


def _forget_oldest(kept: dict[str, Allocation] | dict[str, MarketListed]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
