"""The book, the price and the amounts of one order."""

from collections.abc import Callable
from fractions import Fraction

from messages import Book, OrderIntent, Outcome
from messages.units import E6, decimal_text, mul_e6, usd_text
from polybot.core.market import book_rules
from polybot.core.reasons import Reason
from polybot.core.risk.view import RiskView, Rule, known
from polybot.core.sizing import amounts
from polybot.settings import Trade, usd_e6

DEPTH_LEVELS = 5
COLLAR_E6 = 100_000


def of_book(rule: Callable[[Book, Outcome, Trade], str | None]) -> Rule:
    """A rule of core/market/book_rules.py on the book as it is now; stale_book has made sure there is one."""
    return lambda intent, view: rule(view.market.books[intent.slug], intent.outcome, view.settings.trade)


def depth_e6(book: Book, outcome: Outcome) -> int:
    """pUSD offered in the best levels of a side's asks."""
    asks = book.up_asks if outcome == "UP" else book.down_asks
    return sum(mul_e6(price, size) for price, size in asks[:DEPTH_LEVELS])


def thin(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when the side we would hit is too thin; an order that rests hits nobody."""
    least = usd_e6(view.settings.risk.min_depth_usd)
    depth = depth_e6(view.market.books[intent.slug], intent.outcome)
    if intent.post_only or depth >= least:
        return None
    return (
        f"{decimal_text(depth)} USD of {intent.outcome} are offered in the best {DEPTH_LEVELS} levels, "
        f"min_depth_usd = {usd_text(least)}"
    )


def collar(intent: OrderIntent, view: RiskView) -> str | None:
    """Against the middle of the book, where its spread is sane, and against the strategy's own estimate, where it has one:
    a price so far from either is a mistake of ours more often than of the market's.
    """
    book, limit = view.market.books[intent.slug], intent.limit_e6
    ask, bid = book_rules.ask_e6(book, intent.outcome), book_rules.bid_e6(book, intent.outcome)
    is_sane = ask is not None and bid is not None and ask - bid <= usd_e6(view.settings.trade.max_spread)
    middle = Fraction((ask or 0) + (bid or 0), 2 * E6)
    if is_sane and abs(Fraction(limit, E6) - middle) > Fraction(COLLAR_E6, E6):
        return _too_far(limit, "the book's middle", middle)
    probability = intent.prediction.probability
    if probability is not None and abs(Fraction(limit, E6) - Fraction(repr(probability))) > Fraction(COLLAR_E6, E6):
        return _too_far(limit, f"{intent.strategy}'s fair value", Fraction(repr(probability)))
    return None


def _too_far(limit_e6: int, what: str, value: Fraction) -> str:
    away = abs(Fraction(limit_e6, E6) - value)
    return (
        f"limit {decimal_text(limit_e6)} is {float(away):.6g} from {what} of {float(value):.6g}, "
        f"the collar is {decimal_text(COLLAR_E6)}"
    )


def limit_above_cap(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a limit above max_price."""
    cap = usd_e6(view.settings.trade.max_price)
    if intent.limit_e6 <= cap:
        return None
    return f"limit {decimal_text(intent.limit_e6)} is above max_price = {view.settings.trade.max_price:g}"


def bad_amounts(intent: OrderIntent, view: RiskView) -> str | None:
    """The integers must be those of the stake and the limit, on the grid, with the dearest fee reserved."""
    market = view.market.markets[intent.slug]
    if intent.post_only:
        buy = amounts.resting_buy(intent.stake_e6, intent.limit_e6, market.fee, market.min_size_e6)
    else:
        buy = amounts.fak_buy(intent.stake_e6, intent.limit_e6, market.fee)
    if isinstance(buy, Reason):
        return buy.text
    given = (intent.limit_e6, intent.maker_e6, intent.taker_e6, intent.worst_e6)
    right = (intent.limit_e6 // amounts.GRID_E6 * amounts.GRID_E6, buy.maker_e6, buy.taker_e6, buy.worst_e6)
    return None if given == right else f"limit, maker, taker, worst case are {given}, must be {right}"


def below_minimum(intent: OrderIntent, view: RiskView) -> str | None:
    """A dollar; and of what rests, the market's least number of shares."""
    least = amounts.MIN_MARKETABLE_E6
    if intent.stake_e6 < least:
        return f"stake {usd_text(intent.stake_e6)} USD is below the venue's minimum of {usd_text(least)} USD"
    market = view.market.markets[intent.slug]
    if not intent.post_only:
        return None
    buy = amounts.resting_buy(intent.stake_e6, intent.limit_e6, market.fee, market.min_size_e6)
    return buy.text if isinstance(buy, Reason) and buy.code == "BELOW_MINIMUM" else None


def max_order(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses a stake above max_stake_usd, in live also above live_max_stake_usd."""
    settings = view.settings
    bounds = [("max_stake_usd", settings.max_stake_of(intent.strategy))]
    if settings.bot.profile == "live":
        bounds.append(("live_max_stake_usd", settings.live.live_max_stake_usd))
    for name, bound in bounds:
        if intent.stake_e6 > usd_e6(bound):
            return f"order of {decimal_text(intent.stake_e6)} USD exceeds {name} = {bound:.2f}"
    return None


def funds(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when the worst case exceeds free cash less what is in flight."""
    reserved = sum(other.worst_e6 for other in view.in_flight)
    free = known(view)[0].free_e6 - reserved
    if intent.worst_e6 <= free:
        return None
    return f"worst case {decimal_text(intent.worst_e6)} USD exceeds free cash {decimal_text(max(0, free))} USD"
