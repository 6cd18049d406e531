"""From a price to an order: prediction, signal, size, intent, verdict. Money still stands where it was."""

from typing import Literal

from messages.base import Event, Reply, Request
from messages.feeds import Outcome

Side = Literal["BUY", "SELL"]
OrderType = Literal["FAK", "FOK", "GTC", "GTD"]


class Prediction(Event, frozen=True, kw_only=True):
    """What a strategy thought of a window, or why it did not; one a window and strategy. `reason_code` "" means: trade.

    n             number of the window in the session, from 1       probability  None: this strategy has labels only
    token_id      of the predicted outcome, "" without one: a Signal is a function of its Prediction
    up_ask_e6     best asks at the decision, None = no ask          label        "high", "medium", "low" or ""
    limit_e6      the dearest price it wants; 0: as the bot's own rule has it
    rests         as a post-only order that waits in the book until the window opens, instead of taking what is offered
    """

    account: str
    strategy: str
    slug: str
    condition_id: str
    n: int
    start_s: int
    end_s: int
    signal_type: str
    label: str
    prediction: Outcome | None
    probability: float | None
    indicators: dict[str, float]
    btc_price: float | None
    strike: float | None
    strike_source: str
    up_ask_e6: int | None
    down_ask_e6: int | None
    reason_code: str
    reason: str
    decided_ns: int
    good_until_ns: int
    price_ns: int = 0
    book_ns: int = 0
    token_id: str = ""
    limit_e6: int = 0
    rests: bool = False

    @property
    def key(self) -> str:
        return f"{self.strategy}/{self.slug}"


class Signal(Event, frozen=True, kw_only=True):
    """A prediction worth trading; re-said every 250 ms of machine time until an Allocation answers or it is too late."""

    prediction: Prediction
    outcome: Outcome
    token_id: str
    good_until_ns: int
    cancel_at_ns: int

    @property
    def key(self) -> str:
        return self.prediction.key


class Allocation(Event, frozen=True, kw_only=True):
    """The size, or the refusal. `intent_id` "" with a reason_code: nothing was asked of risk.

    stake_e6 pUSD notional before fee; limit_e6 worst price; size_e6 shares at the limit; sizing names the rule and step.
    """

    account: str
    strategy: str
    slug: str
    intent_id: str
    stake_e6: int
    limit_e6: int
    size_e6: int
    win_streak: int
    sizing: str
    reason_code: str
    reason: str

    @property
    def key(self) -> str:
        return f"{self.strategy}/{self.slug}"


class OrderIntent(Request, frozen=True, kw_only=True):
    """A wish to trade, for risk to judge. `id` = account/strategy/market/n and fixes the content.

    maker_e6     what is given (pUSD of a BUY, shares of a SELL)     taker_e6  what is at least received
    worst_e6     pUSD to reserve: stake and the dearest fee          prediction  carried so that the journal alone tells why
    """

    account: str
    strategy: str
    slug: str
    condition_id: str
    token_id: str
    outcome: Outcome
    side: Side
    order_type: OrderType
    stake_e6: int
    limit_e6: int
    maker_e6: int
    taker_e6: int
    worst_e6: int
    fee_rate_e6: int
    fee_exponent: int
    neg_risk: bool
    start_s: int
    end_s: int
    good_until_ns: int
    cancel_at_ns: int
    win_streak: int
    prediction: Prediction
    reduce_only: bool = False
    post_only: bool = False


class RiskVerdict(Event, frozen=True, kw_only=True):
    """What risk said of an intent. approved = handed on to the executor. Refused: rule, value and bound in `reason`."""

    intent_id: str
    account: str
    strategy: str
    slug: str
    approved: bool
    reason_code: str
    reason: str
    judged_ns: int

    @property
    def key(self) -> str:
        return self.intent_id


class Judged(Reply, frozen=True, kw_only=True):
    """Answer to OrderIntent: risk's verdict. What becomes of an approved order is told by OrderUpdate."""

    verdict: RiskVerdict


class ApprovedOrder(Request, frozen=True, kw_only=True):
    """An intent that risk approved; only risk asks this, and the executor serves nothing else that buys.

    id is the intent's. A smaller `risk_boot` than one seen before is refused: an old risk must not speak again.
    """

    intent: OrderIntent
    risk_boot: int
    good_until_ns: int
    cancel_at_ns: int
    reduce_only: bool


class Accepted(Reply, frozen=True, kw_only=True):
    """Answer to ApprovedOrder: signed, journalled and on its way; the venue has not answered yet.

    order_id  the venue's id of it, known before it is sent
    """

    order_id: str


class Refused(Reply, frozen=True, kw_only=True):
    """Answer to ApprovedOrder: not taken, and why; nothing was sent to the venue."""

    reason_code: str
    reason: str


class Seen(Reply, frozen=True, kw_only=True):
    """Answer to ApprovedOrder of an intent that was answered before: the first answer stands.

    conflict  the repeat carried other content than the first
    """

    order_id: str
    reason_code: str
    reason: str
    conflict: bool
