"""Rules on permission: may anything be traded at all just now?"""

from dataclasses import dataclass

from messages import OrderIntent
from polybot.core.market.windows import staleness_s
from polybot.core.risk.view import RiskView, known

ACCOUNT_SILENCE_S = 5.0  # machine time; the level is said each second
MAX_OFFSET_MS = 500  # rules §6; at speed 1, which real money always has


def halted(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses while trading is halted, by risk or by the executor."""
    if view.halted is not None:
        return f"halted by {view.halted.code}: {view.halted.text}"
    if view.account is not None and view.account.halted:
        return f"the executor is halted: {view.account.halt_reason}"
    return None


def reducing(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses entries while only exits are allowed."""
    if view.reducing is None or intent.reduce_only:
        return None
    return f"only exits: {view.reducing.text}"


def account_unknown(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses until the executor's snapshot was heard, is reconciled, and is not too old."""
    if not view.has_snapshot or view.account is None or view.positions is None:
        return "the executor has given no snapshot since risk started"
    if not view.account.ready:
        return view.account.why_not_ready or "the account is not reconciled yet"
    if view.account_age_s > ACCOUNT_SILENCE_S:
        return f"the account was last heard {view.account_age_s:.1f} s ago, limit {ACCOUNT_SILENCE_S:g} s"
    return None


def clock_offset(intent: OrderIntent, view: RiskView) -> str | None:
    """Live only: the demo's and paper's venue lives by our own clock. The worst of the known ones, each at the far end of
    its doubt; none known is unknown.
    """
    if view.settings.bot.profile != "live":
        return None
    worst = worst_clock(view)
    if worst is None:
        whys = "; ".join(f"{clock.source}: {clock.why}" for clock in view.clocks) or "nobody has measured it"
        return f"how far our clock is off is unknown ({whys})"
    limit_ms = max_offset_ms(view)
    if worst.far_ms > limit_ms:
        return f"our clock is {worst.text} off by {worst.source}, limit {limit_ms:g} ms with the doubt"
    return None


def max_offset_ms(view: RiskView) -> float:
    """How far our clock may be off: a rehearsal that runs faster reads its venue's clock as much more coarsely."""
    return staleness_s(MAX_OFFSET_MS / 1000, view.session.speed) * 1000


@dataclass(frozen=True)
class Off:
    """Ours less theirs, and how far it may lie from that; milliseconds."""

    source: str
    offset_ms: float
    error_ms: float

    @property
    def far_ms(self) -> float:
        """How far the clock may be off at worst, ms."""
        return abs(self.offset_ms) + self.error_ms

    @property
    def text(self) -> str:
        """The offset and its error as people read them."""
        return f"{self.offset_ms:+.0f} ± {self.error_ms:.0f} ms"


def worst_clock(view: RiskView) -> Off | None:
    """Of the known offsets the one by which we may be furthest off, None when none is known."""
    found = [Off(c.source, c.offset_ms, c.error_ms) for c in view.clocks if c.offset_ms is not None]
    return max(found, key=lambda off: off.far_ms) if found else None


def venue_state(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses in states in which the venue takes no orders, as the executor has learnt from its answers
    (core/executor/orders/venue_status.py), and forgets it by the clock.

    "unreachable" refuses nothing here: a read went unanswered, each order has its own fate.
    """
    account = known(view)[0]
    match account.venue_state:
        case "running" | "unreachable" | "":
            return None
        case "post_only" if intent.post_only:
            return None
        case "closed_only" | "geoblocked" if intent.side == "SELL":
            return None  # whether a block is one is the executor's to find out
        case state:
            return f"the venue is {state}: {account.venue_why}"
