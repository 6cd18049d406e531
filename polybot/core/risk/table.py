"""THE RULES of risk, one ordered table: each a named function (intent, view) → sentence, or None where it holds.

The first that does not hold is the verdict; its code is the row's reason. Silence is a refusal: what is not known, is not
approved. Orders handed on and not yet seen in a snapshot ("in flight") count at once and in full.
"""

from messages import OrderIntent
from polybot.core.market import book_rules
from polybot.core.reasons import Reason
from polybot.core.risk import (
    exposure,
    frequency,
    freshness,
    losses,
    market_conditions,
    permission,
    price_rules,
    validity,
)
from polybot.core.risk.view import RiskView, Rule

RULES: tuple[tuple[str, Rule], ...] = (
    ("HALTED", permission.halted),
    ("REDUCING", permission.reducing),
    ("ACCOUNT_UNKNOWN", permission.account_unknown),
    ("CLOCK_OFFSET", permission.clock_offset),
    ("VENUE_STATE", permission.venue_state),
    ("DRAWDOWN", losses.drawdown),
    ("LIVE_LOSS", losses.live_loss),
    ("DRAWDOWN_AHEAD", losses.floor_near),
    ("DAILY_LOSS", losses.day_over),
    ("LOSS_PAUSE", losses.loss_pause),
    ("ORDER_KIND", validity.order_kind),
    ("TOO_LATE", validity.too_late),
    ("OUTSIDE_WINDOW", validity.outside_window),
    ("RULE_UNKNOWN", validity.rule_unknown),
    ("NO_FEE_SCHEDULE", validity.no_fee_schedule),
    ("NO_STRIKE", freshness.no_strike),
    ("STALE_PRICE", freshness.stale_price),
    ("STALE_ORACLE", freshness.stale_oracle),
    ("STALE_BOOK", freshness.stale_book),
    ("NO_ASK", price_rules.of_book(book_rules.no_ask)),
    ("PRICE_ABOVE_CAP", price_rules.of_book(book_rules.above_cap)),
    ("PRICE_ABOVE_CAP", price_rules.limit_above_cap),
    ("PRICE_BELOW_FLOOR", price_rules.of_book(book_rules.below_floor)),
    ("BOOK_WIDE", price_rules.of_book(book_rules.wide)),
    ("BOOK_CROSSED", price_rules.of_book(book_rules.crossed)),
    ("BOOK_THIN", price_rules.thin),
    ("COLLAR", price_rules.collar),
    ("BELOW_MINIMUM", price_rules.below_minimum),
    ("BAD_AMOUNTS", price_rules.bad_amounts),
    ("MAX_ORDER", price_rules.max_order),
    ("UNKNOWN_ORDER", exposure.unknown_order),
    ("OPPOSITE", exposure.opposite),
    ("ONE_ENTRY", frequency.one_entry),
    ("OVERLAP", exposure.overlap),
    ("ENTRY_OPEN", frequency.entry_open),
    ("COOLDOWN", frequency.cooldown),
    ("RUNAWAY", frequency.runaway),
    ("UNRESOLVED", exposure.unresolved),
    ("SETTLEMENT_LATE", exposure.settlement_late),
    ("DRAWDOWN_AHEAD", losses.floor_ahead),
    ("DAILY_LOSS", losses.daily_loss),
    ("MAX_MARKET", exposure.max_market),
    ("MAX_EXPOSURE", exposure.max_exposure),
    ("MAX_POSITIONS", exposure.max_positions),
    ("FUNDS", price_rules.funds),
    ("SHARE", exposure.share),
    ("RANGE", market_conditions.price_range),
    ("VOLATILITY", market_conditions.volatility),
)


def judge(intent: OrderIntent, view: RiskView) -> Reason | None:
    """The first rule that does not hold; None = approved."""
    for code, rule in RULES:
        text = rule(intent, view)
        if text is not None:
            return Reason(code, text)
    return None
