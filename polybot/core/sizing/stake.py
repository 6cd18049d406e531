"""How much a window is worth: four rules, the caps that hold for all of them, and what is refused rather than raised.

win_streak (rules §4, §5), with base 5, factor 1.5, cap 25:

    wins in a row   0     1     2      3      4 and more
    stake, USD      5.00  7.50  11.25  16.88  25.00

fixed, with 2:                 every stake 2.00
percent, with 2 % of equity:   equity 100.00 → 2.00, 90.00 → 1.80, 49.99 → 0.99 (below the minimum: refused)
kelly, a quarter of (p − c) / (1 − c) of the bankroll, c = limit + its fee; with rate 0.07 and 100 USD free:

    p, limit    0.60, 0.50   0.55, 0.50   0.70, 0.60   0.5175, 0.50
    c           0.5175       0.5175       0.6168       0.5175
    stake, USD  4.27         1.68         5.42         0.00 (refused)

 1. win_streak: base × factor^wins, exact, rounded half-up to cents once at the end. (One source rounds down and caps at 30:
    parameters.) The other rules round down to cents.
 2. Its base, and said so, when the previous traded window has no outcome yet, when its move is unknown, or when
    |end − strike| < 0.5 bp: such an outcome may still turn, and a streak must not stand on it.
    And its base, and said so, when the step's worst case would pass the floor (floor.py): a refused stake brings no outcome,
    so the streak would ask for it for ever.
 3. Then the caps, each floored to cents: `max_stake_usd` (in live also `live_max_stake_usd`); then what with its fee still
    fits under `max_market_usd` beside all that is held and ordered in that market; then `max_cash_fraction` of the
    strategy's free cash; kelly's bankroll is the same. risk holds the same limits against the order that comes of it.
    A strategy's free cash = share × (free + reserved + positions at cost) − what it has out itself (its positions at cost
    and its orders at worst), at least 0 and at most what is free at all: what it has out is never taken from another's share.
 4. kelly needs a probability; labels are none (NO_PROBABILITY). Where p is not above c the stake is 0.
 5. A stake below the venue's minimum is refused by whoever makes the order (BELOW_MINIMUM), never rounded up.
"""

from dataclasses import dataclass
from fractions import Fraction

from messages import Account, FeeSchedule, Positions, Streak
from messages.units import E6, decimal_text, usd_text
from polybot.core.reasons import Reason
from polybot.core.sizing.amounts import MIN_MARKETABLE_E6, worst_e6
from polybot.core.sizing.floor import room_e6 as above_floor_e6
from polybot.settings import Settings, usd_e6

CENT_E6 = 10_000
MIN_MOVE_BP = 0.5
WORST_RATE_E6 = 70_000  # the venue's dearest schedule for these markets; facts §6.1
MOST_STEPS = 500  # beyond it any factor above 1 has passed any cap; bounds the integers


@dataclass(frozen=True)
class Size:
    """stake in millionths of pUSD before fee, whole cents; text names the rule, the step and what bound it."""

    stake_e6: int
    win_streak: int
    text: str


@dataclass(frozen=True)
class Purse:
    """What there is and what is out, as the executor last told it. Positions count at cost until they are paid out."""

    account: Account
    positions: Positions

    def free_e6(self, strategy: str, share: float) -> int:
        """The strategy's free cash: its share of the account less what it holds and reserves, at least 0 (rule 3)."""
        own = sum(p.cost_e6 for p in self.positions.positions if p.strategy == strategy)
        own += sum(o.reserved_e6 for o in self.positions.orders if o.strategy == strategy)
        left = share_e6(self.account, self.positions, share) - own
        return max(0, min(self.account.free_e6, left))

    def in_market_e6(self, slug: str) -> int:
        """What all strategies hold and reserve in this market, fee included, at worst."""
        held = sum(p.cost_e6 for p in self.positions.positions if p.slug == slug)
        return held + sum(o.reserved_e6 for o in self.positions.orders if o.slug == slug)


def share_e6(account: Account, positions: Positions, share: float) -> int:
    """A strategy's share of everything there is, free or out, pUSD millionths (rule 3)."""
    capital = account.free_e6 + account.reserved_e6 + sum(p.cost_e6 for p in positions.positions)
    return int(capital * Fraction(repr(share)))


@dataclass(frozen=True)
class Offer:
    """What would be bought: the worst price, the fee that comes on top, how likely it pays (None: nobody says), and where."""

    slug: str
    limit_e6: int
    fee: FeeSchedule
    probability: float | None

    @property
    def cost(self) -> Fraction:
        """USD a share at the limit, with its fee."""
        limit = Fraction(self.limit_e6, E6)
        return limit + Fraction(self.fee.rate_e6, E6) * (limit * (1 - limit)) ** self.fee.exponent


def size(purse: Purse, strategy: str, settings: Settings, offer: Offer) -> Size | Reason:
    """The stake of a strategy's next window."""
    account, knobs, share = purse.account, settings.sizing_of(strategy), settings.share_of(strategy)
    cap = _stake_cap_e6(settings, strategy)
    free_e6 = purse.free_e6(strategy, share)
    wins, why_base = steps(account.streaks.get(strategy))
    match knobs.rule:
        case "win_streak":
            stake = streak_stake_e6(usd_e6(knobs.base_stake_usd), knobs.streak_factor, wins)
            text = f"win_streak step {wins}{why_base}"
            room = above_floor_e6(account, settings)
            if wins and worst_e6(min(stake, cap), offer.fee.rate_e6) > room:
                wins, stake = 0, usd_e6(knobs.base_stake_usd)
                text = (
                    f"win_streak step 0, base: {text} at worst passes the {decimal_text(room)} USD left above the floor"
                )
        case "fixed":
            stake, text = _cents(Fraction(usd_e6(knobs.fixed_stake_usd))), "fixed"
        case "percent":
            stake = _cents(account.equity_e6 * Fraction(repr(knobs.equity_pct)) / 100)
            text = f"percent: {knobs.equity_pct:g} % of {usd_text(account.equity_e6)} USD equity"
        case _:
            if offer.probability is None:
                return Reason("NO_PROBABILITY", f"kelly sizes by a probability, and {strategy} publishes none")
            stake, text = _kelly(free_e6, knobs.kelly_fraction, offer, offer.probability)
    if stake > cap:
        stake, text = cap // CENT_E6 * CENT_E6, f"{text}, capped at {usd_text(cap)} USD"
    held, most = purse.in_market_e6(offer.slug), usd_e6(settings.risk.max_market_usd)
    room = room_e6(most - held, offer.fee.rate_e6)
    if stake > room:
        left = f"max_market_usd = {usd_text(most)} USD, {usd_text(held)} of it taken in {offer.slug}"
        stake, text = room, f"{text}, at most {usd_text(room)} USD before fee by {left}"
    part = cash_part_e6(free_e6, knobs.max_cash_fraction)
    if stake > part:
        of_share = f" (its {share:g} of all, less what it has out)" if share < 1 else ""
        stake, text = (
            part,
            f"{text}, at most {knobs.max_cash_fraction:g} of {usd_text(free_e6)} USD free cash{of_share}",
        )
    return Size(stake, wins, text)


def _stake_cap_e6(settings: Settings, strategy: str) -> int:
    cap = usd_e6(settings.max_stake_of(strategy))
    return min(cap, usd_e6(settings.live.live_max_stake_usd)) if settings.bot.profile == "live" else cap


def room_e6(left_e6: int, rate_e6: int) -> int:
    """The largest stake in whole cents whose worst case, fee included, is at most left."""
    return _cents(Fraction(left_e6 * E6, E6 + rate_e6))


def first_stake(settings: Settings, strategy: str) -> tuple[str, int]:
    """(the knob it comes from, millionths before fee): a strategy's first stake, with the whole purse and no streak.

    kelly has none before there is a price: the venue's least.
    """
    own = settings.sizing_of(strategy)
    match own.rule:
        case "win_streak":
            return "base_stake_usd", usd_e6(own.base_stake_usd)
        case "fixed":
            return "fixed_stake_usd", usd_e6(own.fixed_stake_usd)
        case "percent":
            return "equity_pct", _cents(usd_e6(settings.bot.capital_usd) * Fraction(repr(own.equity_pct)) / 100)
        case _:
            return "kelly", MIN_MARKETABLE_E6


def first_worst_e6(settings: Settings, strategy: str) -> int:
    """What a first stake may cost at worst: with the venue's dearest fee."""
    return worst_e6(first_stake(settings, strategy)[1], WORST_RATE_E6)


def least_worst_e6(settings: Settings, strategy: str, equity_e6: int) -> int:
    """What the smallest stake that the strategy would still send may cost at worst, at this equity.

    Only percent shrinks with equity, down to the venue's least; below that nothing is sent.
    """
    own = settings.sizing_of(strategy)
    if own.rule != "percent":
        return first_worst_e6(settings, strategy)
    stake = _cents(equity_e6 * Fraction(repr(own.equity_pct)) / 100)
    return worst_e6(max(MIN_MARKETABLE_E6, stake), WORST_RATE_E6)


def _kelly(free_e6: int, fraction: float, offer: Offer, probability: float) -> tuple[int, str]:
    p, c = Fraction(repr(probability)), offer.cost
    if p <= c or c >= 1:
        return 0, f"kelly: {float(p):.4f} is not above the cost of {float(c):.4f} a share"
    part = Fraction(repr(fraction)) * (p - c) / (1 - c)
    limit = decimal_text(offer.limit_e6)
    return _cents(free_e6 * part), f"kelly: {float(part):.2%} of {usd_text(free_e6)} USD for {float(p):.4f} at {limit}"


def _cents(exact_e6: Fraction) -> int:
    return max(0, int(exact_e6 / CENT_E6)) * CENT_E6


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
    """The streak's stake before the caps: base × factor^wins in whole cents, half-up (rule 1)."""
    exact = base_e6 * Fraction(repr(factor)) ** min(wins, MOST_STEPS) / CENT_E6
    return int(exact + Fraction(1, 2)) * CENT_E6


def cash_part_e6(free_e6: int, fraction: float) -> int:
    """The share of free cash a stake may take, floored to cents; 0 when nothing is free."""
    return max(0, int(free_e6 * Fraction(repr(fraction)) / CENT_E6)) * CENT_E6
