"""Is this wish in time, of a kind we trade, and of a market we understand?"""

from messages import OrderIntent
from messages.units import NS, decimal_text
from polybot.core.market.windows import EARLY_S, Window
from polybot.core.risk.view import RiskView, is_early


def order_kind(intent: OrderIntent, view: RiskView) -> str | None:
    """What takes is FAK; what rests is post-only, and gone when its window opens."""
    if intent.side == "BUY" and intent.order_type == "FAK" and not intent.post_only:
        return None
    if intent.side == "BUY" and intent.order_type == "GTC" and intent.post_only and is_early(intent):
        return None
    kind = f"{'post-only ' if intent.post_only else ''}{intent.order_type} {intent.side}"
    return f"{kind} is not traded; only FAK BUY is, and post-only GTC BUY before a window opens"


def too_late(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a wish after its good-until."""
    late_ns = view.now_ns - intent.good_until_ns
    return None if late_ns <= 0 else f"{late_ns / NS:.3f} s past good-until"


def outside_window(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a window that is none of this session's, or a moment at which no entry may leave."""
    window, last = Window(intent.start_s), view.settings.trade.no_entry_last_s
    if window.slug != intent.slug or window.end_s != intent.end_s or not view.session.n_of(intent.start_s):
        return f"{intent.slug} from {intent.start_s} to {intent.end_s} is no window of this session"
    if not window.may_send(view.now_ns, intent.cancel_at_ns, view.settings.trade):
        into = (view.now_ns - window.start_ns) / NS
        if is_early(intent):
            return f"{into:.1f} s into the window; a bet on a window to come leaves in the {EARLY_S} s before its start"
        return f"{into:.1f} s into the window; entries from 0 s to {last:g} s before its end"
    return None


def rule_unknown(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a market that is not listed, settles by no known rule, or has other tokens than the wish names."""
    market = view.market.markets.get(intent.slug)
    if market is None:
        return f"the venue has not listed {intent.slug}"
    if market.rule is None:
        return market.rule_why or "the market's description is in no known row"
    token = market.up_token if intent.outcome == "UP" else market.down_token
    if (token, market.condition_id, market.neg_risk) != (intent.token_id, intent.condition_id, intent.neg_risk):
        return f"token {intent.token_id} of {intent.condition_id} is not {intent.outcome} of {intent.slug}"
    return None


def no_fee_schedule(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a market without a fee schedule, or with another one than the wish was reckoned with."""
    fee = view.market.markets[intent.slug].fee
    if fee is None:
        return "the venue gave no fee schedule for this market; unknown is not zero"
    if (fee.rate_e6, fee.exponent) != (intent.fee_rate_e6, intent.fee_exponent):
        return (
            f"reckoned with rate {decimal_text(intent.fee_rate_e6)}, exponent {intent.fee_exponent}; "
            f"the market's are {decimal_text(fee.rate_e6)}, {fee.exponent}"
        )
    return None
