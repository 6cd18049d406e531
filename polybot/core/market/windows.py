"""The five-minute windows: their names, their moments, and what the oracle's prints say they came to. Pure arithmetic.

Rules (rules §2, §4):
 1. A window is [start, start + 300 s), start a multiple of 300; its market's slug is btc-updown-5m-<start>.
 2. A decision falls into [start + decide_after_s, start + 20 s]; it is good for 3 s.
 3. No entry outside [start, end − no_entry_last_s], except that a bet on a window to come, cancelled when it opens, may be
    placed in the EARLY_S before its start.
 4. Something is stale when its age is *above* max(limit, speed × 0.15 s).
 5. UP when the settlement print stamped exactly at the end is ≥ the strike, compared as integers; ties are UP.
 6. That print missing: the nearest prints at most 3 s before and after the end must agree and each lie at least 1 bp from
    the strike ("inferred"); else the outcome is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from messages import Outcome
from messages.units import NS
from polybot.settings import Trade

WINDOW_S = 300
SLUG_PREFIX = "btc-updown-5m-"
EARLY_S = 60  # rule 3
NEAR_S = 3  # rule 6
DECIDE_UNTIL_S = 20  # rule 2
GOOD_FOR_S = 3  # rule 2
STALE_PRICE_S = 2.0  # rule 4: no trade of the exchange for so long
STALE_BOOK_S = 2.0  # rule 4: nothing of the venue's book
STALE_ORACLE_S = 5.0  # rule 4: no print, or none newer than that; its normal age is 2 to 4 s
SPEED_SLACK_S = 0.15  # machine seconds that delivery may take; at 60× they are 9 s of market time


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A session as cores know it, out of `Started.session`. Window n starts at first_window_s + (n − 1)·300; windows outside
    1…windows are nobody's business. runtime/supervision/session.py writes it down, with what cores need not know.
    """

    id: str = ""
    profile: str = "demo"
    strategies: tuple[str, ...] = ()
    first_window_s: int = 0
    windows: int = 0
    seed: int = 0
    tape: str = ""
    scenario: str = ""
    speed: float = 1.0

    def n_of(self, start_s: int) -> int:
        """The window's number from 1; 0 when it is none of this session's."""
        n, rest = divmod(start_s - self.first_window_s, WINDOW_S)
        return n + 1 if rest == 0 and 0 <= n < self.windows else 0

    def start_of(self, n: int) -> int:
        """The start of window number n ≥ 1, in unix seconds."""
        return self.first_window_s + (n - 1) * WINDOW_S


_sessions = msgspec.json.Decoder(SessionPlan)


def session_from(text: str) -> SessionPlan:
    """The session out of `Started.session`; without one there are no windows. Raises msgspec.MsgspecError."""
    return _sessions.decode(text) if text else SessionPlan()


@dataclass(frozen=True, order=True)
class Window:
    """One window and its moments, world nanoseconds."""

    start_s: int

    @property
    def slug(self) -> str:
        """The market's name at the venue, btc-updown-5m-<start>."""
        return slug_of(self.start_s)

    @property
    def end_s(self) -> int:
        """The second at which the window is over, unix time."""
        return self.start_s + WINDOW_S

    @property
    def start_ns(self) -> int:
        """The window's first moment, world ns."""
        return self.start_s * NS

    @property
    def end_ns(self) -> int:
        """The moment at which the window is over, world ns."""
        return self.end_s * NS

    def decide_from_ns(self, trade: Trade) -> int:
        """The first moment at which a decision may be made, world ns."""
        return self.start_ns + round(trade.decide_after_s * NS)

    def decide_until_ns(self) -> int:
        """The last moment for a decision, world ns; after it the window is skipped."""
        return self.start_ns + DECIDE_UNTIL_S * NS

    def entry_until_ns(self, trade: Trade) -> int:
        """Last moment an entry may be sent: the venue itself would go on accepting after the end."""
        return self.end_ns - round(trade.no_entry_last_s * NS)

    def may_enter(self, at_ns: int, trade: Trade) -> bool:
        """Inside [start, end − no_entry_last_s], both ends included; else OUTSIDE_WINDOW."""
        return self.start_ns <= at_ns <= self.entry_until_ns(trade)

    def is_early(self, cancel_at_ns: int) -> bool:
        """True for an order that is cancelled by the start: a bet on a window to come (rule 3)."""
        return cancel_at_ns <= self.start_ns

    def may_send(self, at_ns: int, cancel_at_ns: int, trade: Trade) -> bool:
        """Whether either kind of order may leave now; both ends included, but an early one must leave before the start
        (rule 3).
        """
        if self.is_early(cancel_at_ns):
            return self.start_ns - EARLY_S * NS <= at_ns < self.start_ns
        return self.may_enter(at_ns, trade)

    def cancel_at_ns(self, decided_ns: int, trade: Trade) -> int:
        """Until when (world ns) an order decided then may rest."""
        return self.start_ns if decided_ns < self.start_ns else self.entry_until_ns(trade)


def good_until_ns(decided_ns: int) -> int:
    """Until when a decision may still be sent (that moment included); later is TOO_LATE."""
    return decided_ns + GOOD_FOR_S * NS


def slug_of(start_s: int) -> str:
    """The name of the market whose window starts then, btc-updown-5m-<start>."""
    return f"{SLUG_PREFIX}{start_s}"


def window_of(slug: str) -> Window | None:
    """The window a slug names; None when it is not one of ours."""
    digits = slug.removeprefix(SLUG_PREFIX)
    if digits == slug or not (digits.isascii() and digits.isdigit()):
        return None
    start_s = int(digits)
    return Window(start_s) if start_s % WINDOW_S == 0 and slug_of(start_s) == slug else None


def window_at(at_ns: int) -> Window:
    """The window into which this moment (world ns) falls."""
    return Window(at_ns // NS // WINDOW_S * WINDOW_S)


def staleness_s(limit_s: float, speed: float) -> float:
    """The limit in force, seconds: at high speed delivery alone takes seconds of market time."""
    return max(limit_s, speed * SPEED_SLACK_S)


def is_stale(age_ns: int, limit_s: float, speed: float) -> bool:
    """Whether this age is above the limit in force (rule 4). A negative age (a clock ahead of ours) is fresh."""
    return age_ns > staleness_s(limit_s, speed) * NS


@dataclass(frozen=True)
class Observed:
    """What prints say of a window's end. end_e18 None = the print itself is missing; move_bp then is the smaller of the
    two neighbours' moves, the pessimistic one.
    """

    end_e18: int | None = None
    outcome: Outcome | None = None
    inferred: bool = False
    move_bp: float | None = None
    why: str = ""


def observe(strike_e18: int | None, prints: Mapping[int, int], end_s: int) -> Observed:
    """What the prints say a window came to (rules 5 and 6). prints: observed second → USD × 1e18, of the one feed that the
    market's rule names.
    """
    end = prints.get(end_s)
    if strike_e18 is None:
        return Observed(end_e18=end, why="no print stamped at the start")
    if end is not None:
        return Observed(end_e18=end, outcome=_side(end, strike_e18), move_bp=_move_bp(end, strike_e18))
    before = next((prints[s] for s in range(end_s - 1, end_s - NEAR_S - 1, -1) if s in prints), None)
    after = next((prints[s] for s in range(end_s + 1, end_s + NEAR_S + 1) if s in prints), None)
    if before is None or after is None:
        side = "before" if before is None else "after"
        return Observed(why=f"no print stamped at the end, none within {NEAR_S} s {side} it")
    nearest = min(abs(before - strike_e18), abs(after - strike_e18))
    if _side(before, strike_e18) != _side(after, strike_e18) or nearest * 10_000 < strike_e18:
        return Observed(
            why="no print stamped at the end; the prints beside it disagree or lie within 1 bp of the strike"
        )
    closest = before if abs(before - strike_e18) == nearest else after
    return Observed(
        outcome=_side(closest, strike_e18),
        inferred=True,
        move_bp=_move_bp(closest, strike_e18),
        why="no print stamped at the end; inferred from those beside it",
    )


def _side(end_e18: int, strike_e18: int) -> Outcome:
    return "UP" if end_e18 >= strike_e18 else "DOWN"


def _move_bp(end_e18: int, strike_e18: int) -> float:
    return (end_e18 - strike_e18) / strike_e18 * 10_000
