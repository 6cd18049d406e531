"""How much a window is worth. One rule so far, `win_streak`; a stake that comes out too small is refused, never raised.

win_streak (rules.md §4, §5), with base 5, factor 1.5, cap 25:

    wins in a row   0     1     2      3      4 and more
    stake, USD      5.00  7.50  11.25  16.88  25.00

 1. base × factor^wins, exact, rounded half-up to cents once at the end; then the cap; then at most `max_cash_fraction` of
    free cash, floored to cents. (One source rounds down and caps at 30: parameters.)
 2. Base, and said so, when the previous traded window has no outcome yet, when its move is unknown, or when
    |end − strike| < 0.5 bp: such an outcome may still turn, and a streak must not stand on it.
 3. In live the cap is also `live_max_stake_usd`.
"""

from dataclasses import dataclass
from fractions import Fraction

from messages import Account, Streak
from messages.units import usd_text
from polybot.core.settings import Settings, usd_e6

CENT_E6 = 10_000
MIN_MOVE_BP = 0.5
MOST_STEPS = 500  # beyond it any factor above 1 has passed any cap; bounds the integers


@dataclass(frozen=True)
class Size:
    """stake in millionths of pUSD before fee, whole cents; text names the rule, the step and what bound it."""

    stake_e6: int
    win_streak: int
    text: str


def size(account: Account, strategy: str, settings: Settings) -> Size:
    """The stake of a strategy's next window, by the account as the executor last told it."""
    knobs = settings.sizing
    wins, why_base = steps(account.streaks.get(strategy))
    stake = streak_stake_e6(usd_e6(knobs.base_stake_usd), knobs.streak_factor, wins)
    text = f"win_streak step {wins}{why_base}"
    cap = usd_e6(knobs.max_stake_usd)
    if settings.bot.profile == "live":
        cap = min(cap, usd_e6(settings.live.live_max_stake_usd))
    if stake > cap:
        stake, text = cap // CENT_E6 * CENT_E6, f"{text}, capped at {usd_text(cap)} USD"
    part = cash_part_e6(account.free_e6, knobs.max_cash_fraction)
    if stake > part:
        free = usd_text(account.free_e6)
        stake, text = part, f"{text}, at most {knobs.max_cash_fraction:g} of {free} USD free cash"
    return Size(stake, wins, text)


def steps(streak: Streak | None) -> tuple[int, str]:
    """How many wins in a row count, and why none do where the fold says otherwise (rule 2)."""
    if streak is None or not streak.last_slug:
        return 0, ""
    if not streak.known:
        return 0, f", base: {streak.last_slug} has no outcome yet"
    if streak.last_move_bp is None:
        return 0, f", base: the move of {streak.last_slug} is unknown"
    if abs(streak.last_move_bp) < MIN_MOVE_BP:
        return 0, f", base: {streak.last_slug} moved {abs(streak.last_move_bp):.2f} bp, below {MIN_MOVE_BP} bp"
    return streak.wins, ""


def streak_stake_e6(base_e6: int, factor: float, wins: int) -> int:
    """Rule 1 before the caps: base × factor^wins in whole cents, half-up."""
    exact = base_e6 * Fraction(repr(factor)) ** min(wins, MOST_STEPS) / CENT_E6
    return int(exact + Fraction(1, 2)) * CENT_E6


def cash_part_e6(free_e6: int, fraction: float) -> int:
    """The share of free cash a stake may take, floored to cents; 0 when nothing is free."""
    return max(0, int(free_e6 * Fraction(repr(fraction)) / CENT_E6)) * CENT_E6
