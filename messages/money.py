"""What the executor says of money: everyone else's view is a cache of this. All carry the journal's sequence."""

from typing import Literal

import msgspec

from messages.base import Event, Part, Reply, Request
from messages.feeds import Outcome
from messages.trade import OrderIntent, Side

OrderState = Literal[
    "JOURNALLED",  # signed, on disk, not yet sent
    "UNKNOWN",  # sent, no clear yes or no
    "LIVE",
    "MATCHED",  # at the venue, filled in part or whole, nothing more will come
    "CANCELED",
    "REJECTED",  # the venue said a clear no, or it never passed the order gate
    "WRITTEN_OFF",  # absent at the venue and its market has closed
]


class OrderUpdate(Event, frozen=True, kw_only=True):
    """The state of an order as the journal knows it. final: no further fill is expected.

    reason_code, reason   why it came to nothing, or is not clear; "" for an order that is well
    reserved_e6           pUSD still set aside for it       posts   how often its bytes were sent
    filled_e6, cost_e6, fee_e6   of the fills that stand, the fee beside the cost
    """

    account: str
    order_id: str
    intent_id: str
    strategy: str
    slug: str
    token_id: str
    outcome: Outcome
    side: Side
    state: OrderState
    final: bool
    filled_e6: int
    cost_e6: int
    fee_e6: int
    reserved_e6: int
    limit_e6: int
    stake_e6: int
    reason_code: str
    reason: str
    posts: int
    updated_ns: int
    journal_seq: int
    intent: OrderIntent | None = None

    @property
    def key(self) -> str:
        return self.order_id


class Fill(Event, frozen=True, kw_only=True):
    """One trade of ours. cost_e6 is the venue's own amount; fee on top.

    status  MATCHED when it is first heard of, CONFIRMED is final, FAILED reverses it. The executor says these three alone:
            what the venue calls MINED or RETRYING is still MATCHED to it.
    """

    account: str
    trade_id: str
    order_id: str
    intent_id: str
    strategy: str
    slug: str
    token_id: str
    outcome: Outcome
    side: Side
    size_e6: int
    price_e6: int
    cost_e6: int
    fee_e6: int
    status: Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]
    traded_ns: int
    journal_seq: int

    @property
    def key(self) -> str:
        return self.trade_id


class Settlement(Event, frozen=True, kw_only=True):
    """What a window came to for one strategy; said once there is an outcome, and again when anything of it changes.

    provisional  from the oracle's print; else from the venue's resolution
    payout_e6    face value of what was held      paid   the cash has arrived
    pnl_e6       payout − cost − fee              corrected   it differs from what was said before, now or once
    win          something is held and `outcome` is its side, `held`; False for a loss, a split, and a bet that failed
    win_streak   the strategy's streak after this window
    """

    account: str
    strategy: str
    slug: str
    start_s: int
    end_s: int
    outcome: Literal["UP", "DOWN", "SPLIT"]
    provisional: bool
    paid: bool
    corrected: bool
    held: Outcome
    cost_e6: int
    fee_e6: int
    payout_e6: int
    pnl_e6: int
    win: bool
    win_streak: int
    settled_ns: int
    journal_seq: int

    @property
    def key(self) -> str:
        return f"{self.strategy}/{self.slug}"


class Position(Part, frozen=True, kw_only=True):
    """Shares held of one token by one strategy.

    cost_e6         includes the fee        provisional_e6   those of the shares whose trade is not confirmed yet
    state           "open", "claim" (outcome known, not paid) or "late" (no official outcome 15 minutes after the end)
    """

    account: str
    strategy: str
    slug: str
    token_id: str
    outcome: Outcome
    size_e6: int
    cost_e6: int
    provisional_e6: int
    end_s: int
    state: Literal["open", "claim", "late"]


RedeemState = Literal[
    "due",  # the official word is known, nothing was sent yet
    "sending",  # on disk, on its way to the relayer (or the chain)
    "sent",  # taken there, not on chain yet
    "mined",
    "confirmed",  # done on chain; the wallet has not been seen to rise yet
    "failed",  # a clear no: tried again with back-off
    "unknown",  # no clear answer: the wallet's shares are looked at before it is tried again
    "paid",  # verified: the wallet has risen
]


class Redemption(Part, frozen=True, kw_only=True):
    """What a resolved window still owes the wallet, and how far fetching it is. why: said with failed, unknown and due."""

    slug: str
    condition_id: str
    amount_e6: int
    state: RedeemState
    attempts: int
    tx_id: str
    why: str
    since_ns: int


class Positions(Event, frozen=True, kw_only=True):
    """Level: all positions, all orders not final, all payouts not received.

    foreign      ids of orders, trades and positions at the venue that are not ours
    journal_seq  how much of the journal this has seen
    """

    account: str
    positions: tuple[Position, ...]
    orders: tuple[OrderUpdate, ...]
    foreign: tuple[str, ...]
    journal_seq: int
    redemptions: tuple[Redemption, ...] = ()

    @property
    def key(self) -> str:
        return self.account


class Streak(Part, frozen=True, kw_only=True):
    """A strategy's fold over its traded windows. known: the last traded window has an outcome; last_move_bp of it.

    last_loss_s  end of the newest window lost in the run of `losses`; 0 while there is none
    """

    wins: int
    losses: int
    known: bool
    last_slug: str
    last_move_bp: float | None
    trades: int
    won: int
    lost: int
    last_loss_s: int = 0


class DayResult(Part, frozen=True, kw_only=True):
    """What one strategy's windows that end on a UTC day have come to.

    realised_e6  P&L after fees of those with an outcome, provisional or official
    open_e6      what the others, and orders that may still fill, cost at worst, fees included
    """

    day: str
    strategy: str
    realised_e6: int
    open_e6: int


class SentOrder(Part, frozen=True, kw_only=True):
    """An order that was signed, when (world time), and whether anything of it filled and stands."""

    intent_id: str
    strategy: str
    slug: str
    signed_ns: int
    filled: bool


class Account(Event, frozen=True, kw_only=True):
    """Level: the purse, and everything that risk needs to know of money.

    free_e6        min(wallet spendable, purse + P&L in cash) − reserved, never below 0
    open_e6        reserved by orders that the venue has had; the rest of reserved_e6 is on its way there
    equity_e6      purse + P&L in cash + positions at cost + claims at face
    ready          False until the first reconciliation: no one may trade on this
    last_window_s  end of the newest window whose outcome is folded in
    unresolved     ended windows in which something is held or owed; late: those without an official outcome for 15 minutes
    day_pnl_e6     realised P&L of the UTC day `day`: of the windows that end on it
    days           the same by strategy, with what is open, for today and the days to come
    sent           orders of windows that have not ended, and all of the last minute, oldest first
    unfilled       orders in a row without a fill up to now, of the last hour
    venue_state    "running" · restarting · post_only · cancel_only · disabled · closed_only · rate_limited · geoblocked
                   · unauthorized · unreachable (executor/orders/venue_status.py); venue_why: its own words, "" when running
    unreadable     market → why: rows of our trades there cannot be understood, and no entry leaves for it; "" = any market
    pulse_state    dead-man heartbeat: "off" until the first resting order · "beating" · "failing" (no new orders); pulse_why
    """

    account: str
    ready: bool
    why_not_ready: str
    purse_e6: int
    wallet_e6: int
    cash_pnl_e6: int
    free_e6: int
    reserved_e6: int
    positions_e6: int
    claims_e6: int
    equity_e6: int
    realised_e6: int
    peak_equity_e6: int
    max_drawdown_e6: int
    fees_e6: int
    streaks: dict[str, Streak]
    halted: bool
    halt_reason: str
    unknown_orders: tuple[str, ...]
    open_orders: int
    unresolved: int
    late: int
    blocked_slugs: tuple[str, ...]
    last_window_s: int
    day: str
    day_pnl_e6: int
    reconciled_ns: int
    journal_seq: int
    venue_state: str
    open_e6: int = 0
    venue_why: str = ""
    pulse_state: str = "off"
    pulse_why: str = ""
    days: tuple[DayResult, ...] = ()
    sent: tuple[SentOrder, ...] = ()
    unfilled: int = 0
    unreadable: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.account


class Snapshot(Request, frozen=True, kw_only=True):
    """executor: the account, positions and open orders as of now."""


class SnapshotTaken(Reply, frozen=True, kw_only=True):
    """Answer to Snapshot: the two levels at one journal sequence."""

    account: Account
    positions: Positions


class EventsSince(Request, frozen=True, kw_only=True):
    """executor: the money events of the journal after sequence `after`, about `limit`: those of one entry stay
    together.
    """

    after: int
    limit: int = 500


class Events(Reply, frozen=True, kw_only=True):
    """Answer to EventsSince, in order. more: ask again from the last one's sequence; last: the journal's newest."""

    events: tuple[OrderUpdate | Fill | Settlement, ...]
    last: int
    more: bool


class Redeem(Request, frozen=True, kw_only=True):
    """executor: what is there to redeem, and how far is it. now: try again what waits for its next turn. slugs: tell of these
    windows also when they are paid.
    """

    now: bool = False
    slugs: tuple[str, ...] = ()


class Redemptions(Reply, frozen=True, kw_only=True):
    """Answer to Redeem: what is owed, the oldest window first."""

    redemptions: tuple[Redemption, ...]


class CancelAll(Request, frozen=True, kw_only=True):
    """executor: cancel everything at the venue and prove it. The kill switch's second step."""

    reason: str


class CancelProof(Reply, frozen=True, kw_only=True):
    """Answer to CancelAll: what is known after everything was cancelled.

    open          0: the venue said twice, further apart than the taker delay, that nothing is open; -1: it did not
    unknown       orders whose fate is not clear           pending_posts   orders whose POST is still under way
    fills_after   trades first heard of since the halt, or since the cancel began       held   positions that stay
    """

    cancelled: tuple[str, ...]
    open: int
    unknown: tuple[str, ...]
    pending_posts: tuple[str, ...]
    fills_after: tuple[str, ...]
    held: tuple[Position, ...]
    took_ms: float
