"""What is already out there."""

from messages import OrderIntent
from polybot.core.risk.view import RiskView, entries, known

MAX_LATE = 3
MAX_UNRESOLVED = 3  # ended windows whose outcome or redemption is still open (rules §2)


def unknown_order(intent: OrderIntent, view: RiskView) -> str | None:
    account, positions = known(view)
    if intent.slug in account.blocked_slugs:
        return f"{intent.slug} is blocked: an order's fate is unknown"
    if positions.foreign:
        return f"{len(positions.foreign)} orders or trades at the venue are not ours: {positions.foreign[0]}"
    return None


def opposite(intent: OrderIntent, view: RiskView) -> str | None:
    for what, slug, _, outcome in entries(view):
        if slug == intent.slug and outcome != intent.outcome:
            return f"{what} already stands on {outcome} of this window, this is {intent.outcome}"
    return None


def one_entry(intent: OrderIntent, view: RiskView) -> str | None:
    for what, slug, strategy, _ in entries(view):
        if (slug, strategy) == (intent.slug, intent.strategy):
            return f"{what} is already {strategy}'s entry into this window; 1 is allowed"
    return None


def entry_open(intent: OrderIntent, view: RiskView) -> str | None:
    """Over all windows and strategies."""
    pending = [o.intent_id for o in known(view)[1].orders if not o.final] + [i.id for i in view.in_flight]
    return f"entry order {pending[0]} is not final yet; 1 is allowed at a time" if pending else None


def unresolved(intent: OrderIntent, view: RiskView) -> str | None:
    count, most = known(view)[0].unresolved, MAX_UNRESOLVED
    if count < most:
        return None
    return f"{count} ended windows unresolved or unredeemed, limit {most}"


def settlement_late(intent: OrderIntent, view: RiskView) -> str | None:
    count = known(view)[0].late
    if count < MAX_LATE:
        return None
    return f"{count} windows without an official outcome 15 min after their end, limit {MAX_LATE}"
