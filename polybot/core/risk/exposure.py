"""What is already out there, and how much more there may be. Positions, open orders and orders in flight count alike."""

from messages import OrderIntent
from messages.units import decimal_text
from polybot.core.risk.view import RiskView, is_early, known, stakes
from polybot.core.sizing.stake import share_e6
from polybot.settings import usd_e6

MAX_LATE = 3
MAX_UNRESOLVED = 3  # ended windows whose outcome or redemption is still open (rules §2)


def unknown_order(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses while an order's fate in this market is unknown, or something at the venue is not ours."""
    account, positions = known(view)
    if intent.slug in account.blocked_slugs:
        return f"{intent.slug} is blocked: an order's fate is unknown"
    if positions.foreign:
        return f"{len(positions.foreign)} orders or trades at the venue are not ours: {positions.foreign[0]}"
    return None


def opposite(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a bet against what already stands on the other outcome of this window."""
    for held in stakes(view):
        if held.slug == intent.slug and held.outcome != intent.outcome:
            return f"{held.what} already stands on {held.outcome} of this window, this is {intent.outcome}"
    return None


def overlap(intent: OrderIntent, view: RiskView) -> str | None:
    """A window is entered only after the one before it ended; a bet on a window to come, by its nature, is placed before."""
    if is_early(intent):
        return None
    for held in stakes(view):
        if held.strategy == intent.strategy and held.slug != intent.slug and held.end_s > intent.start_s:
            return f"{held.what} stands in {held.slug}, which ends after this window begins; windows must not overlap"
    return None


def unresolved(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses while too many ended windows are without an outcome or not paid."""
    count, most = known(view)[0].unresolved, MAX_UNRESOLVED
    if count < most:
        return None
    return f"{count} ended windows unresolved or unredeemed, limit {most}"


def settlement_late(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses while too many windows have no official outcome 15 minutes after their end."""
    count = known(view)[0].late
    if count < MAX_LATE:
        return None
    return f"{count} windows without an official outcome 15 min after their end, limit {MAX_LATE}"


def max_market(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when all strategies together would hold more than max_market_usd of this market."""
    held = sum(s.worst_e6 for s in stakes(view) if s.slug == intent.slug)
    return _above(intent, held, f"{intent.slug} would hold", "max_market_usd", view.settings.risk.max_market_usd)


def max_exposure(intent: OrderIntent, view: RiskView) -> str | None:
    """What is held counts at its cost until it is paid out. A strategy's own limit is held against its own alone."""
    everything = stakes(view)
    own = view.settings.risk_of(intent.strategy).max_exposure_usd
    if own is not None:
        held = sum(s.worst_e6 for s in everything if s.strategy == intent.strategy)
        knob = f"strategy.{intent.strategy}.max_exposure_usd"
        if text := _above(intent, held, f"{intent.strategy} would hold", knob, own):
            return text
    held = sum(s.worst_e6 for s in everything)
    return _above(intent, held, "all markets would hold", "max_exposure_usd", view.settings.risk.max_exposure_usd)


def share(intent: OrderIntent, view: RiskView) -> str | None:
    """A strategy with a `share` keeps within it, whatever others leave unused: core/sizing/stake.py, rule 3."""
    part = view.settings.share_of(intent.strategy)
    if part >= 1:
        return None
    whole = share_e6(*known(view), part)
    out = sum(s.worst_e6 for s in stakes(view) if s.strategy == intent.strategy)
    if out + intent.worst_e6 <= whole:
        return None
    return (
        f"worst case {decimal_text(intent.worst_e6)} USD exceeds {decimal_text(max(0, whole - out))} USD: "
        f"strategy.{intent.strategy}.share = {part:g} of all is {decimal_text(whole)}, {decimal_text(out)} of it is out"
    )


def _above(intent: OrderIntent, held_e6: int, what: str, knob: str, limit_usd: float) -> str | None:
    total = held_e6 + intent.worst_e6
    if total <= usd_e6(limit_usd):
        return None
    return (
        f"{what} {decimal_text(total)} USD at worst, {decimal_text(intent.worst_e6)} of it by this order, "
        f"above {knob} = {limit_usd:.2f}"
    )


def max_positions(intent: OrderIntent, view: RiskView) -> str | None:
    """Markets at once. One whose outcome is known is a claim, no longer open."""
    count, most = len(open_markets(view) | {intent.slug: None}), view.settings.risk.max_positions
    if count <= most:
        return None
    return f"this would be market {count} held or ordered in at once, max_positions = {most}"


def open_markets(view: RiskView) -> dict[str, None]:
    """Slugs in which something may still be won or lost."""
    return dict.fromkeys(s.slug for s in stakes(view) if s.is_open)
