"""THE RULES of risk, one ordered table: each a named function (intent, view) → sentence, or None where it holds.

The first that does not hold is the verdict; its code is the row's reason. Silence is a refusal: what is not known, is not
approved. Orders handed on and not yet seen in a snapshot ("in flight") count at once and in full.
"""

from messages import OrderIntent
from polybot.core.market import book_rules as quotes
from polybot.core.reasons import Reason
from polybot.core.risk import exposure, freshness, losses, permission
from polybot.core.risk import frequency as pace
from polybot.core.risk import market_conditions as weather
from polybot.core.risk import price_rules as prices
from polybot.core.risk import validity as wish
from polybot.core.risk.view import RiskView, Rule

RULES: tuple[tuple[str, Rule], ...] = (
    ("HALTED", permission.halted),
    ("REDUCING", permission.reducing),
    ("ACCOUNT_UNKNOWN", permission.account_unknown),
    ("CLOCK_OFFSET", permission.clock_offset),
    ("VENUE_STATE", permission.venue_state),
    ("DRAWDOWN", losses.drawdown),
    ("LIVE_LOSS", losses.live_loss),
    ("DAILY_LOSS", losses.day_over),
    ("LOSS_PAUSE", losses.loss_pause),
    ("ORDER_KIND", wish.order_kind),
    ("TOO_LATE", wish.too_late),
    ("OUTSIDE_WINDOW", wish.outside_window),
    ("RULE_UNKNOWN", wish.rule_unknown),
    ("NO_FEE_SCHEDULE", wish.no_fee_schedule),
    ("NO_STRIKE", freshness.no_strike),
    ("STALE_PRICE", freshness.stale_price),
    ("STALE_ORACLE", freshness.stale_oracle),
    ("STALE_BOOK", freshness.stale_book),
    ("NO_ASK", prices.of_book(quotes.no_ask)),
    ("PRICE_ABOVE_CAP", prices.of_book(quotes.above_cap)),
    ("PRICE_ABOVE_CAP", prices.limit_above_cap),
    ("PRICE_BELOW_FLOOR", prices.of_book(quotes.below_floor)),
    ("BOOK_WIDE", prices.of_book(quotes.wide)),
    ("BOOK_CROSSED", prices.of_book(quotes.crossed)),
    ("BOOK_THIN", prices.thin),
    ("COLLAR", prices.collar),
    ("BELOW_MINIMUM", prices.below_minimum),
    ("BAD_AMOUNTS", prices.bad_amounts),
    ("MAX_ORDER", prices.max_order),
    ("UNKNOWN_ORDER", exposure.unknown_order),
    ("OPPOSITE", exposure.opposite),
    ("ONE_ENTRY", pace.one_entry),
    ("OVERLAP", exposure.overlap),
    ("ENTRY_OPEN", pace.entry_open),
    ("COOLDOWN", pace.cooldown),
    ("RUNAWAY", pace.runaway),
    ("UNRESOLVED", exposure.unresolved),
    ("SETTLEMENT_LATE", exposure.settlement_late),
    ("DAILY_LOSS", losses.daily_loss),
    ("MAX_MARKET", exposure.max_market),
    ("MAX_EXPOSURE", exposure.max_exposure),
    ("MAX_POSITIONS", exposure.max_positions),
    ("FUNDS", prices.funds),
    ("SHARE", exposure.share),
    ("RANGE", weather.price_range),
    ("VOLATILITY", weather.volatility),
)


def judge(intent: OrderIntent, view: RiskView) -> Reason | None:
    """The first rule that does not hold; None = approved."""
    for code, rule in RULES:
        text = rule(intent, view)
        if text is not None:
            return Reason(code, text)
    return None
