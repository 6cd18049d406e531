"""The book, the price and the amounts of one order."""

from collections.abc import Callable

from messages import Book, OrderIntent, Outcome
from messages.units import decimal_text, usd_text
from polybot.core import amounts
from polybot.core.reasons import Reason
from polybot.core.risk.view import RiskView, Rule, known
from polybot.core.settings import Trade, usd_e6


def of_book(rule: Callable[[Book, Outcome, Trade], str | None]) -> Rule:
    """A rule of quotes.py on the book as it is now; stale_book has made sure there is one."""
    return lambda intent, view: rule(view.market.books[intent.slug], intent.outcome, view.settings.trade)


def limit_above_cap(intent: OrderIntent, view: RiskView) -> str | None:
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
    least = amounts.MIN_MARKETABLE_E6
    if intent.stake_e6 >= least:
        return None
    return f"stake {usd_text(intent.stake_e6)} USD is below the venue's minimum of {usd_text(least)} USD"


def max_order(intent: OrderIntent, view: RiskView) -> str | None:
    settings = view.settings
    bounds = [("max_stake_usd", settings.risk.max_stake_usd)]
    if settings.bot.profile == "live":
        bounds.append(("live_max_stake_usd", settings.live.live_max_stake_usd))
    for name, bound in bounds:
        if intent.stake_e6 > usd_e6(bound):
            return f"order of {decimal_text(intent.stake_e6)} USD exceeds {name} = {bound:.2f}"
    return None


def funds(intent: OrderIntent, view: RiskView) -> str | None:
    reserved = sum(other.worst_e6 for other in view.in_flight)
    free = known(view)[0].free_e6 - reserved
    if intent.worst_e6 <= free:
        return None
    return f"worst case {decimal_text(intent.worst_e6)} USD exceeds free cash {decimal_text(max(0, free))} USD"
