"""The window's row: a pure fold over what the actors said of one window and one strategy (rules §7).

What wins, when several speak (later in the path of money beats earlier):
 1. an order of ours that filled: the window was traded
 2. an order of ours that is final without a fill: its own code, else NO_FILL
 3. a refusal of risk      4. a refusal of the allocator      5. the strategy's own reason not to trade
 6. nobody said anything in time: what the recorder concludes (ACTOR_DOWN, HALTED, NO_DECISION, NO_ANSWER)
A traded row's reason_code is "", its sentence says what was bought. Everything here may be rebuilt: an OrderUpdate
carries its intent and with it the prediction, so the executor's journal alone restores the rows of orders.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from messages import Allocation, MarketResolved, OrderUpdate, Prediction, RiskVerdict, Settlement, WindowObserved
from messages.units import E6, decimal_text, usd_text

NEVER_WAS = "refused:"  # how the executor names an order it would not have: nothing of it was ever at the venue

RowState = Literal["pending", "traded", "skipped"]


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """One window, one strategy. settle: the end print. win_streak: after this window. None: not known (yet).

    pnl_e6 and equity_after_e6 are None while a bought position has no outcome; equity here is the purse and what settled
    windows brought, in the order of the windows, so that a corrected outcome corrects every row after it.
    """

    n: int
    slug: str
    start_s: int
    account: str
    strategy: str
    state: RowState
    signal_type: str
    label: str
    probability: float | None
    indicators: dict[str, float]
    btc_price: float | None
    strike: float | None
    strike_source: str
    up_ask_e6: int | None
    down_ask_e6: int | None
    prediction: str | None
    reason_code: str
    reason: str
    stake_e6: int
    limit_e6: int
    order_id: str
    filled_e6: int
    price_e6: int | None
    fee_e6: int
    settle: float | None
    outcome: str | None
    provisional: bool
    win_streak: int
    pnl_e6: int | None
    equity_before_e6: int
    equity_after_e6: int | None


@dataclass
class SharedFacts:
    """What was heard of a window that holds for every strategy."""

    observed: WindowObserved | None = None
    resolved: MarketResolved | None = None

    def observe(self, word: WindowObserved) -> None:
        """Take a newer word; a feed that started again may know less than it once did: what was known stays."""
        old = self.observed
        if old is None:
            self.observed = word
            return
        self.observed = msgspec.structs.replace(
            word,
            strike_e18=word.strike_e18 or old.strike_e18,
            strike=old.strike if word.strike is None else word.strike,
            strike_source=word.strike_source or old.strike_source,
            end_e18=word.end_e18 or old.end_e18,
            end_price=old.end_price if word.end_price is None else word.end_price,
            outcome=word.outcome or old.outcome,
            move_bp=old.move_bp if word.move_bp is None else word.move_bp,
            ended=word.ended or old.ended,
        )


@dataclass
class WindowFacts:
    """What was heard of one window and one strategy. absent: (code, sentence) when nobody spoke in time."""

    n: int
    slug: str
    start_s: int
    account: str
    strategy: str
    seen: SharedFacts
    prediction: Prediction | None = None
    allocation: Allocation | None = None
    verdict: RiskVerdict | None = None
    orders: dict[str, OrderUpdate] = field(default_factory=dict)
    settlement: Settlement | None = None
    absent: tuple[str, str] | None = None

    def hear(self, word: object) -> bool:
        """Fold one word in; did it tell anything new? Any order, any number of times: the same facts come out."""
        match word:
            case Prediction():
                return self._predict(word)
            case Allocation() if self.allocation is None or (self.allocation.reason_code and not word.reason_code):
                self.allocation = word
            case RiskVerdict() if self.verdict is None or word.judged_ns >= self.verdict.judged_ns:
                self.verdict = word
            case OrderUpdate(side="BUY"):
                self._order(word)
            case Settlement() if self.settlement is None or word.journal_seq >= self.settlement.journal_seq:
                self.settlement = word
            case _:
                return False
        return True

    def _predict(self, word: Prediction) -> bool:
        old = self.prediction
        rank = (bool(word.reason_code), word.decided_ns)
        if old is not None and rank >= (bool(old.reason_code), old.decided_ns):
            return False
        self.prediction = word
        self.n = self.n or word.n
        return True

    def _order(self, word: OrderUpdate) -> None:
        old = self.orders.get(word.order_id)
        if old is None or word.journal_seq >= old.journal_seq:
            intent = word.intent or (old.intent if old else None)
            self.orders[word.order_id] = word if word.intent else msgspec.structs.replace(word, intent=intent)
        if word.intent is not None:
            self._predict(word.intent.prediction)

    @property
    def order(self) -> OrderUpdate | None:
        """The order that tells the row: one that filled before one that did not, then the newest."""
        return max(self.orders.values(), key=lambda o: (o.filled_e6 > 0, o.journal_seq), default=None)

    @property
    def is_answered(self) -> bool:
        """Has someone said what became of this window? False: still owed, or lost."""
        if self.order or (self.verdict and not self.verdict.approved):
            return True
        return bool(
            (self.allocation and self.allocation.reason_code) or (self.prediction and self.prediction.reason_code)
        )

    @property
    def missing(self) -> tuple[str, str]:
        """(who should have spoken next, about what): asked for only when not answered."""
        if self.verdict:
            return "executor", "said nothing of the approved order"
        if self.allocation:
            return "risk", "did not judge the order"
        return ("allocator", "did not size the signal") if self.prediction else ("signal", "made no decision")


@dataclass(frozen=True)
class Carry:
    """What the windows before this one came to."""

    equity_e6: int
    streaks: dict[str, int]


def fold(facts: WindowFacts, before: Carry) -> tuple[WindowRow, Carry]:
    """The row, and what to carry into the next."""
    order, settled = facts.order, facts.settlement
    state, code, reason = _what_became(facts)
    traded = order is not None and order.filled_e6 > 0
    pnl_e6 = (settled.pnl_e6 if settled else None) if traded or state == "pending" else 0
    streak = settled.win_streak if settled else before.streaks.get(facts.strategy, 0)
    equity_e6 = before.equity_e6 + (pnl_e6 or 0)
    row = WindowRow(
        n=facts.n,
        slug=facts.slug,
        start_s=facts.start_s,
        account=facts.account,
        strategy=facts.strategy,
        state=state,
        reason_code=code,
        reason=reason,
        win_streak=streak,
        pnl_e6=pnl_e6,
        equity_before_e6=before.equity_e6,
        equity_after_e6=None if pnl_e6 is None else equity_e6,
        **_thought(facts),
        **_money(facts),
        **_outcome(facts),
    )
    return row, Carry(equity_e6, {**before.streaks, facts.strategy: streak})


def _what_became(facts: WindowFacts) -> tuple[RowState, str, str]:
    order = facts.order
    if order is not None:
        if order.filled_e6 > 0:
            return "traded", "", _bought(order)
        if order.final:
            return "skipped", order.reason_code or "NO_FILL", order.reason or _unfilled(order)
        return "pending", "", order.reason or f"order {order.order_id[:10]} is {order.state}"
    if facts.verdict and not facts.verdict.approved:
        return "skipped", facts.verdict.reason_code, facts.verdict.reason
    if facts.allocation and facts.allocation.reason_code and not (facts.verdict and facts.verdict.approved):
        return "skipped", facts.allocation.reason_code, facts.allocation.reason
    if facts.prediction and facts.prediction.reason_code:
        return "skipped", facts.prediction.reason_code, facts.prediction.reason
    if facts.absent:
        return "skipped", *facts.absent
    return "pending", "", "decided, not yet answered" if facts.prediction else "no decision yet"


def _bought(order: OrderUpdate) -> str:
    shares, price = decimal_text(order.filled_e6), decimal_text(average_e6(order) or 0)
    part = "" if order.cost_e6 * 100 >= order.stake_e6 * 99 else f", of {usd_text(order.stake_e6)} USD wanted"
    return f"bought {shares} {order.outcome} at {price} for {usd_text(order.cost_e6)} USD{part}, fee {usd_text(order.fee_e6)}"


def _unfilled(order: OrderUpdate) -> str:
    return f"nothing was offered at {decimal_text(order.limit_e6)} or less: 0 of {usd_text(order.stake_e6)} USD filled"


def average_e6(order: OrderUpdate) -> int | None:
    """Average price paid, half up; None when nothing filled."""
    if order.filled_e6 <= 0:
        return None
    return (order.cost_e6 * E6 + order.filled_e6 // 2) // order.filled_e6


def _thought(facts: WindowFacts) -> dict[str, Any]:
    said, seen = facts.prediction, facts.seen.observed
    strike = said.strike if said and said.strike is not None else seen.strike if seen else None
    source = (said.strike_source if said else "") or (seen.strike_source if seen else "")
    return {
        "signal_type": said.signal_type if said else "",
        "label": said.label if said else "",
        "probability": said.probability if said else None,
        "indicators": said.indicators if said else {},
        "btc_price": said.btc_price if said else None,
        "strike": strike,
        "strike_source": source,
        "up_ask_e6": said.up_ask_e6 if said else None,
        "down_ask_e6": said.down_ask_e6 if said else None,
        "prediction": said.prediction if said else None,
    }


def _money(facts: WindowFacts) -> dict[str, Any]:
    order, sized = facts.order, facts.allocation
    return {
        "stake_e6": order.stake_e6 if order else sized.stake_e6 if sized else 0,
        "limit_e6": order.limit_e6 if order else sized.limit_e6 if sized else 0,
        "order_id": order.order_id if order and not order.order_id.startswith(NEVER_WAS) else "",
        "filled_e6": order.filled_e6 if order else 0,
        "price_e6": average_e6(order) if order else None,
        "fee_e6": order.fee_e6 if order else 0,
    }


def _outcome(facts: WindowFacts) -> dict[str, Any]:
    seen, settled = facts.seen, facts.settlement
    outcome: str | None = seen.observed.outcome if seen.observed else None
    provisional = True
    if settled:
        outcome, provisional = settled.outcome, settled.provisional
    if seen.resolved:
        outcome, provisional = seen.resolved.winner, False
    return {
        "settle": seen.observed.end_price if seen.observed else None,
        "outcome": outcome,
        "provisional": provisional if outcome else True,
    }
