"""How often: one entry a strategy and window, one at a time, a pause between two in one market, and the guard against a bot
that has run away. Orders handed on count from that moment; those the executor signed, over any restart.
"""

from messages import OrderIntent
from messages.units import NS
from polybot.core.risk.view import RiskView, known, sent, stakes

COOLDOWN_S = 30  # world time
MAX_A_MINUTE = 20  # a strategy sends one order a window; ten strategies that all speak at once are half of it
MAX_UNFILLED = 20  # an hour has twelve windows: a strategy alone cannot come to it


def one_entry(intent: OrderIntent, view: RiskView) -> str | None:
    """An order that found nothing was the entry, too: it is never chased."""
    for held in stakes(view):
        if (held.slug, held.strategy) == (intent.slug, intent.strategy):
            return f"{held.what} is already {intent.strategy}'s entry into this window; 1 is allowed"
    for order in sent(view):
        if (order.slug, order.strategy) == (intent.slug, intent.strategy):
            return f"order {order.intent_id} was already {intent.strategy}'s entry into this window; 1 is allowed"
    return None


def entry_open(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses while any entry order, of whichever window and strategy, is not final."""
    pending = [o.intent_id for o in known(view)[1].orders if not o.final] + [i.id for i in view.in_flight]
    return f"entry order {pending[0]} is not final yet; 1 is allowed at a time" if pending else None


def cooldown(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses for a while after an order into the same market. Two strategies that had decided before that order left spoke in
    one moment: both are heard, one after the other.
    """
    decided_ns = intent.prediction.decided_ns
    newest = max((o.at_ns for o in sent(view) if o.slug == intent.slug and o.at_ns < decided_ns), default=None)
    if newest is None or view.now_ns - newest >= COOLDOWN_S * NS:
        return None
    return f"{(view.now_ns - newest) / NS:.1f} s after an order into this market; {COOLDOWN_S} s must pass"


def runaway(intent: OrderIntent, view: RiskView) -> str | None:
    """Orders a minute, and orders in a row that found nothing."""
    minute = orders_in_a_minute(view)
    if minute >= MAX_A_MINUTE:
        return f"{minute} orders in the last minute, {MAX_A_MINUTE} are allowed"
    vain = orders_in_vain(view)
    if vain >= MAX_UNFILLED:
        return f"{vain} orders in a row without a fill within the hour, {MAX_UNFILLED} are allowed"
    return None


def orders_in_a_minute(view: RiskView) -> int:
    """How many orders of all strategies were sent within the last minute of world time."""
    return sum(view.now_ns - order.at_ns < 60 * NS for order in sent(view))


def orders_in_vain(view: RiskView) -> int:
    """Orders in a row without a fill, as the account counts them; what is in flight has not filled yet either."""
    account = known(view)[0]
    told = [s.intent_id for s in account.sent]
    return account.unfilled + sum(i.id not in told for i in view.in_flight)
