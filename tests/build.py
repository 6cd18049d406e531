"""One builder per message: a whole and plain example of each, of which a test states only what it is about.

    an_intent(limit_e6=400_000)          the example, but for one field
    a_market(**window(T0 + 300))         the example of another window: slug, start and end
    an_order(**of_intent(intent))        … of another order: all that it shares with its intent

A builder is `functools.partial` of the message with a value for every field that has no default. So any field may be given
anew, by keyword, and mypy checks its name and its type as it checks the message's own; a field that is added to a message
is missing here, once. `window` and `of_intent` are typed dicts, hence checked too. All examples are of one scene: ten
seconds into the window that starts at T0, Up is offered at 0.51, and one strategy has 100 USD for it.

Found as `tests.build` from everywhere (pyproject.toml: pytest's `pythonpath`): the tests' folders are packages without an
__init__.py, none of which hides one of ours. A message whose few fields every test states anyway has no builder; a scene
that only one folder plays (an intent whose amounts fit its stake, a house) stands in that folder's conftest.
"""

import json
from functools import partial
from typing import Literal, TypedDict

from messages import (
    Account,
    Allocation,
    ApprovedOrder,
    Book,
    Candle,
    DayStats,
    FeedStatus,
    FeeSchedule,
    Fill,
    Heartbeat,
    MarketListed,
    MarketResolved,
    OraclePrice,
    OrderIntent,
    OrderType,
    OrderUpdate,
    Outcome,
    Position,
    Positions,
    Prediction,
    PriceTick,
    RiskState,
    RiskVerdict,
    Settlement,
    Side,
    Signal,
    Streak,
    WindowObserved,
)
from messages.inner import HaltSeen, OrderFields, PostOrder, SourceState, Started, VenueOrder, VenueTrade
from messages.units import NS

T0 = 1_795_132_800  # 2026-11-20, midnight UTC
NOW_NS = (T0 + 10) * NS
FEE = FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True)
UP, DOWN = "111", "222"
STRIKE_E18 = "64000000000000000000000"


class Window(TypedDict):
    """By which fields a window is known."""

    slug: str
    start_s: int
    end_s: int


def slug_of(start_s: int = T0) -> str:
    return f"btc-updown-5m-{start_s}"


def window(start_s: int = T0) -> Window:
    """The five minutes that begin there."""
    return {"slug": slug_of(start_s), "start_s": start_s, "end_s": start_s + 300}


def session(windows: int = 3, speed: float = 1.0) -> str:
    """What `Started` says of a session whose first window starts at T0."""
    return json.dumps({"id": "s", "first_window_s": T0, "windows": windows, "speed": speed})


def nth(n: int) -> Window:
    """The n-th window of that session, from 1."""
    return window(T0 + (n - 1) * 300)


# --- the actor

a_start = partial(Started, actor="signal", boot=1, config="{}", versions={}, mono_s=0.0, speed=1.0, session="")
a_halt = partial(HaltSeen, halt_id="h1", by="user", reason_code="KILL_SWITCH", reason="")
a_source_state = partial(SourceState, source="binance", state="open", why="", received_ns=0)
a_heartbeat = partial(
    Heartbeat, actor="price_feed", pid=1, boot=1, mono_ns=0, uptime_s=0.0, handled=0, inbox_lag_ms=0.0, gaps=0, dropped=0,
    schema="",
)  # fmt: skip
a_risk_state = partial(
    RiskState, state="ACTIVE", reason_code="", reason="", boot=1, refused={}, approved=0, limits=(), since_ns=0
)

# --- the exchange, the oracle

a_tick = partial(PriceTick, symbol="BTCUSDT", price=64_000.0, size=0.1, trade_id=1, traded_ns=NOW_NS, source="binance")
a_candle = partial(
    Candle, symbol="BTCUSDT", interval_s=30, start_ns=(T0 - 30) * NS, open=64_000.0, high=64_000.0, low=64_000.0,
    close=64_000.0, volume=1.0, traded=True, source="binance",
)  # fmt: skip
a_print = partial(
    OraclePrice, symbol="btc/usd", feed="twap60", price=64_000.0, value_e18=STRIKE_E18, observed_ns=NOW_NS,
    received_ns=NOW_NS, source="rtds",
)  # fmt: skip
a_feed_status = partial(FeedStatus, feed="price", state="up", reason="", age_s=0.0, since_ns=NOW_NS)
day_stats = partial(
    DayStats, open=63_000.0, high=65_000.0, low=62_500.5, last=64_000.0, volume=12_345.67, change_pct=1.587, as_of_ns=1
)


def a_flat_candle(end_s: int, close: float, interval_s: int = 30) -> Candle:
    """Of so many seconds up to `end_s`, in which every trade was at one price."""
    start_ns = (end_s - interval_s) * NS
    return a_candle(interval_s=interval_s, start_ns=start_ns, open=close, high=close, low=close, close=close)


# --- the market

Winner = Literal["UP", "DOWN", "SPLIT"]

a_market = partial(
    MarketListed, **window(), condition_id="0x1", up_token=UP, down_token=DOWN, tick_e6=10_000, min_size_e6=5_000_000,
    fee=FEE, neg_risk=False, rule="twap60", rule_why="", synthetic_books=True,
)  # fmt: skip
a_book = partial(
    Book, slug=slug_of(), condition_id="0x1", up_bids=((490_000, 200_000_000),), up_asks=((510_000, 200_000_000),),
    down_bids=((490_000, 200_000_000),), down_asks=((510_000, 200_000_000),), venue_ns=NOW_NS, received_ns=NOW_NS,
)  # fmt: skip
a_window = partial(WindowObserved, **window(), strike_e18=STRIKE_E18, strike=64_000.0, strike_source="rtds_twap60")
a_resolution = partial(
    MarketResolved, slug=slug_of(), condition_id="0x1", winner="UP", resolved_ns=(T0 + 320) * NS, source="market"
)

# --- from a price to an order

a_prediction = partial(
    Prediction, **window(), account="main", strategy="coin", condition_id="0x1", n=1, signal_type="baseline", label="low",
    prediction="UP", probability=None, indicators={"rsi": 27.5}, btc_price=64_010.5, strike=64_000.0,
    strike_source="rtds_twap60",
    up_ask_e6=510_000, down_ask_e6=500_000, reason_code="", reason="", decided_ns=NOW_NS,
    good_until_ns=(T0 + 13) * NS,
)  # fmt: skip
a_signal = partial(
    Signal, prediction=a_prediction(), outcome="UP", token_id=UP, good_until_ns=(T0 + 13) * NS,
    cancel_at_ns=(T0 + 270) * NS,
)  # fmt: skip
an_allocation = partial(
    Allocation, account="main", strategy="coin", slug=slug_of(), intent_id=f"main/coin/{slug_of()}/1", stake_e6=5_000_000,
    limit_e6=530_000, size_e6=9_433_900, win_streak=0, sizing="base", reason_code="", reason="",
)  # fmt: skip
an_intent = partial(
    OrderIntent, **window(), id=f"main/coin/{slug_of()}/1", account="main", strategy="coin", condition_id="0x1",
    token_id=UP, outcome="UP", side="BUY", order_type="FAK", stake_e6=5_000_000, limit_e6=530_000, maker_e6=5_000_000,
    taker_e6=9_433_900, worst_e6=5_350_000, fee_rate_e6=70_000, fee_exponent=1, neg_risk=False,
    good_until_ns=(T0 + 13) * NS, cancel_at_ns=(T0 + 270) * NS, win_streak=0, prediction=a_prediction(),
)  # fmt: skip
a_verdict = partial(
    RiskVerdict, intent_id=f"main/coin/{slug_of()}/1", account="main", strategy="coin", slug=slug_of(), approved=True,
    reason_code="", reason="", judged_ns=0,
)  # fmt: skip


class IntentFields(TypedDict, total=False):
    """What a scene that makes intents of its own lets through to `an_intent`, unseen."""

    id: str
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
    good_until_ns: int
    cancel_at_ns: int
    prediction: Prediction
    reduce_only: bool
    post_only: bool


def approved(intent: OrderIntent, risk_boot: int = 1) -> ApprovedOrder:
    """The same, as risk hands it on."""
    return ApprovedOrder(
        id=intent.id,
        intent=intent,
        risk_boot=risk_boot,
        good_until_ns=intent.good_until_ns,
        cancel_at_ns=intent.cancel_at_ns,
        reduce_only=intent.reduce_only,
    )


# --- the order at the venue

VenueOrderState = Literal["LIVE", "MATCHED", "CANCELED", "DELAYED", "OTHER"]
TradeStatus = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]

order_fields = partial(
    OrderFields, salt=1, token_id=UP, maker_e6=5_000_000, taker_e6=9_090_900, side="BUY", timestamp_ms=T0 * 1000,
    metadata="0x" + "00" * 32, neg_risk=False, order_type="FAK", post_only=False, expiration_s=0,
)  # fmt: skip
a_post = partial(PostOrder, order_id="0xa", body=b"{}", good_until_ns=1 << 62, attempt=1)
a_venue_order = partial(
    VenueOrder, order_id="0xa", condition_id="0xc0", token_id=UP, side="BUY", state="LIVE", raw_status="LIVE",
    original_e6=9_615_300, matched_e6=0, price_e6=520_000, trade_ids=(), created_s=T0,
)  # fmt: skip
a_venue_trade = partial(
    VenueTrade, trade_id="t1", order_id="0xa", condition_id="0xc0", token_id=UP, side="BUY", size_e6=9_615_300,
    price_e6=520_000, status="MATCHED", is_taker=True, matched_s=T0 + 10,
)  # fmt: skip

# --- money


class OfIntent(TypedDict):
    """What an order and its fills have of the intent."""

    account: str
    intent_id: str
    strategy: str
    slug: str
    token_id: str
    outcome: Outcome
    side: Side


def of_intent(intent: OrderIntent) -> OfIntent:
    return {
        "account": intent.account,
        "intent_id": intent.id,
        "strategy": intent.strategy,
        "slug": intent.slug,
        "token_id": intent.token_id,
        "outcome": intent.outcome,
        "side": intent.side,
    }


an_order = partial(
    OrderUpdate, **of_intent(an_intent()), order_id="0xabc", state="LIVE", final=False, filled_e6=0, cost_e6=0, fee_e6=0,
    reserved_e6=5_350_000, limit_e6=530_000, stake_e6=5_000_000, reason_code="", reason="", posts=1, updated_ns=0,
    journal_seq=1,
)  # fmt: skip
a_fill = partial(
    Fill, **of_intent(an_intent()), trade_id="t1", order_id="0xabc", size_e6=9_800_000, price_e6=510_204,
    cost_e6=5_000_000, fee_e6=171_500, status="MATCHED", traded_ns=(T0 + 11) * NS, journal_seq=1,
)  # fmt: skip
a_settlement = partial(
    Settlement, **window(), account="main", strategy="coin", outcome="UP", provisional=False, paid=True, corrected=False,
    held="UP", cost_e6=5_000_000, fee_e6=171_500, payout_e6=9_800_000, pnl_e6=4_628_500, win=True, win_streak=1,
    settled_ns=(T0 + 320) * NS, journal_seq=1,
)  # fmt: skip
a_position = partial(
    Position, account="main", strategy="coin", slug=slug_of(), token_id=UP, outcome="UP", size_e6=9_000_000,
    cost_e6=5_000_000, provisional_e6=0, end_s=T0 + 300, state="open",
)  # fmt: skip
positions = partial(Positions, account="main", positions=(), orders=(), foreign=(), journal_seq=1)
a_streak = partial(
    Streak, wins=2, losses=0, known=True, last_slug=slug_of(T0 - 300), last_move_bp=4.0, trades=3, won=2, lost=1
)
an_account = partial(
    Account, account="main", ready=True, why_not_ready="", purse_e6=100_000_000, wallet_e6=1_000_000_000, cash_pnl_e6=0,
    free_e6=100_000_000, reserved_e6=0, positions_e6=0, claims_e6=0, equity_e6=100_000_000, realised_e6=0,
    peak_equity_e6=100_000_000, max_drawdown_e6=0, fees_e6=0, streaks={}, halted=False, halt_reason="", unknown_orders=(),
    open_orders=0, unresolved=0, late=0, blocked_slugs=(), last_window_s=0, day="2026-11-20", day_pnl_e6=0,
    reconciled_ns=0, journal_seq=1, venue_state="running",
)  # fmt: skip
