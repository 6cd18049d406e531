"""THE RULES of risk, one ordered table: each a named function (intent, view) → sentence, or None where it holds.

The first that does not hold is the verdict; its code is the row's reason. Silence is a refusal: what is not known, is not
approved. Orders handed on and not yet seen in a snapshot ("in flight") count at once and in full.
"""

from collections.abc import Callable
from dataclasses import dataclass

from messages import Account, Book, OrderIntent, Outcome, Positions
from messages.units import NS, decimal_text, usd_text
from polybot.core import amounts, quotes
from polybot.core.market_view import MarketView
from polybot.core.reasons import Reason
from polybot.core.settings import Settings, Trade, usd_e6
from polybot.core.turbulence import Volatility
from polybot.core.windows import EARLY_S, Session, Window

ACCOUNT_SILENCE_S = 5.0  # machine time; the level is said each second
MAX_LATE = 3
MAX_UNRESOLVED = 3  # ended windows whose outcome or redemption is still open (rules §2)
_PCT = 100_000_000


@dataclass(frozen=True)
class RiskView:
    """Everything a rule may look at, as of now_ns. account_age_s is machine time; range_pct None = nothing traded."""

    now_ns: int
    settings: Settings
    session: Session
    halted: Reason | None
    reducing: Reason | None
    has_snapshot: bool
    account: Account | None
    account_age_s: float
    positions: Positions | None
    in_flight: tuple[OrderIntent, ...]
    market: MarketView
    range_pct: float | None
    volatility: Volatility


def judge(intent: OrderIntent, view: RiskView) -> Reason | None:
    """The first rule that does not hold; None = approved."""
    for code, rule in RULES:
        text = rule(intent, view)
        if text is not None:
            return Reason(code, text)
    return None


# --- may anything be traded at all?


def halted(intent: OrderIntent, view: RiskView) -> str | None:
    if view.halted is not None:
        return f"halted by {view.halted.code}: {view.halted.text}"
    if view.account is not None and view.account.halted:
        return f"the executor is halted: {view.account.halt_reason}"
    return None


def reducing(intent: OrderIntent, view: RiskView) -> str | None:
    if view.reducing is None or intent.reduce_only:
        return None
    return f"only exits: {view.reducing.text}"


def account_unknown(intent: OrderIntent, view: RiskView) -> str | None:
    if not view.has_snapshot or view.account is None or view.positions is None:
        return "the executor has given no snapshot since risk started"
    if not view.account.ready:
        return view.account.why_not_ready or "the account is not reconciled yet"
    if view.account_age_s > ACCOUNT_SILENCE_S:
        return f"the account was last heard {view.account_age_s:.1f} s ago, limit {ACCOUNT_SILENCE_S:g} s"
    return None


def drawdown(intent: OrderIntent, view: RiskView) -> str | None:
    return drawdown_of(view.account, view.settings) if view.account else None


def drawdown_of(account: Account, settings: Settings) -> str | None:
    """At the floor itself the bot halts. The purse is the base, the executor keeps it."""
    floor = drawdown_floor_e6(account.purse_e6, settings.risk.max_drawdown_pct)
    if not account.ready or account.equity_e6 > floor:
        return None
    return (
        f"equity {usd_text(account.equity_e6)} USD is at or below {usd_text(floor)} USD: "
        f"purse {usd_text(account.purse_e6)} USD less max_drawdown_pct = {settings.risk.max_drawdown_pct:g}"
    )


def drawdown_floor_e6(purse_e6: int, max_drawdown_pct: float) -> int:
    """Equity at or below this halts."""
    return purse_e6 * (_PCT - usd_e6(max_drawdown_pct)) // _PCT


# --- is this wish in time, and of a market we understand?


def order_kind(intent: OrderIntent, view: RiskView) -> str | None:
    """What takes is FAK; what rests is post-only, and gone when its window opens."""
    if intent.side == "BUY" and intent.order_type == "FAK" and not intent.post_only:
        return None
    if intent.side == "BUY" and intent.order_type == "GTC" and intent.post_only and _is_early(intent):
        return None
    kind = f"{'post-only ' if intent.post_only else ''}{intent.order_type} {intent.side}"
    return f"{kind} is not traded; only FAK BUY is, and post-only GTC BUY before a window opens"


def _is_early(intent: OrderIntent) -> bool:
    return Window(intent.start_s).is_early(intent.cancel_at_ns)


def too_late(intent: OrderIntent, view: RiskView) -> str | None:
    late_ns = view.now_ns - intent.good_until_ns
    return None if late_ns <= 0 else f"{late_ns / NS:.3f} s past good-until"


def outside_window(intent: OrderIntent, view: RiskView) -> str | None:
    window, last = Window(intent.start_s), view.settings.trade.no_entry_last_s
    if window.slug != intent.slug or window.end_s != intent.end_s or not view.session.n_of(intent.start_s):
        return f"{intent.slug} from {intent.start_s} to {intent.end_s} is no window of this session"
    if not window.may_send(view.now_ns, intent.cancel_at_ns, view.settings.trade):
        into = (view.now_ns - window.start_ns) / NS
        if _is_early(intent):
            return f"{into:.1f} s into the window; a bet on a window to come leaves in the {EARLY_S} s before its start"
        return f"{into:.1f} s into the window; entries from 0 s to {last:g} s before its end"
    return None


def rule_unknown(intent: OrderIntent, view: RiskView) -> str | None:
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
    fee = view.market.markets[intent.slug].fee
    if fee is None:
        return "the venue gave no fee schedule for this market; unknown is not zero"
    if (fee.rate_e6, fee.exponent) != (intent.fee_rate_e6, intent.fee_exponent):
        return (
            f"reckoned with rate {decimal_text(intent.fee_rate_e6)}, exponent {intent.fee_exponent}; "
            f"the market's are {decimal_text(fee.rate_e6)}, {fee.exponent}"
        )
    return None


# --- is what we know fresh?


def no_strike(intent: OrderIntent, view: RiskView) -> str | None:
    """A window that has not begun has none."""
    if _is_early(intent):
        return None
    return _text(view.market.no_strike(Window(intent.start_s)))


def stale_price(intent: OrderIntent, view: RiskView) -> str | None:
    return _text(view.market.stale_price(view.now_ns))


def stale_oracle(intent: OrderIntent, view: RiskView) -> str | None:
    return _text(view.market.stale_oracle(intent.slug, view.now_ns))


def stale_book(intent: OrderIntent, view: RiskView) -> str | None:
    return _text(view.market.stale_book(intent.slug, view.now_ns))


# --- the price and the amounts


def _of_book(rule: Callable[[Book, Outcome, Trade], str | None]) -> "Rule":
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
    free = _known(view)[0].free_e6 - reserved
    if intent.worst_e6 <= free:
        return None
    return f"worst case {decimal_text(intent.worst_e6)} USD exceeds free cash {decimal_text(max(0, free))} USD"


# --- the market's weather


def price_range(intent: OrderIntent, view: RiskView) -> str | None:
    limit = view.settings.risk.max_range_pct
    if view.range_pct is None or view.range_pct <= limit:
        return None
    return f"5-minute range {view.range_pct:.3f} % exceeds max_range_pct = {limit:g}"


def volatility(intent: OrderIntent, view: RiskView) -> str | None:
    ratio, limit = view.volatility.ratio, view.settings.risk.max_volatility_ratio
    if ratio is None or ratio <= limit:
        return None
    return f"volatility is {ratio:.2f} times its baseline of the last hour, max_volatility_ratio = {limit:g}"


# --- what is already out there


def unknown_order(intent: OrderIntent, view: RiskView) -> str | None:
    account, positions = _known(view)
    if intent.slug in account.blocked_slugs:
        return f"{intent.slug} is blocked: an order's fate is unknown"
    if positions.foreign:
        return f"{len(positions.foreign)} orders or trades at the venue are not ours: {positions.foreign[0]}"
    return None


def opposite(intent: OrderIntent, view: RiskView) -> str | None:
    for what, slug, _, outcome in _entries(view):
        if slug == intent.slug and outcome != intent.outcome:
            return f"{what} already stands on {outcome} of this window, this is {intent.outcome}"
    return None


def one_entry(intent: OrderIntent, view: RiskView) -> str | None:
    for what, slug, strategy, _ in _entries(view):
        if (slug, strategy) == (intent.slug, intent.strategy):
            return f"{what} is already {strategy}'s entry into this window; 1 is allowed"
    return None


def entry_open(intent: OrderIntent, view: RiskView) -> str | None:
    """Over all windows and strategies."""
    pending = [o.intent_id for o in _known(view)[1].orders if not o.final] + [i.id for i in view.in_flight]
    return f"entry order {pending[0]} is not final yet; 1 is allowed at a time" if pending else None


def unresolved(intent: OrderIntent, view: RiskView) -> str | None:
    count, most = _known(view)[0].unresolved, MAX_UNRESOLVED
    if count < most:
        return None
    return f"{count} ended windows unresolved or unredeemed, limit {most}"


def settlement_late(intent: OrderIntent, view: RiskView) -> str | None:
    count = _known(view)[0].late
    if count < MAX_LATE:
        return None
    return f"{count} windows without an official outcome 15 min after their end, limit {MAX_LATE}"


def _entries(view: RiskView) -> list[tuple[str, str, str, Outcome]]:
    """(what, slug, strategy, outcome) of every position held, order open or order in flight."""
    positions = _known(view)[1]
    held = [(f"a position of {p.strategy}", p.slug, p.strategy, p.outcome) for p in positions.positions]
    orders = [(f"order {o.intent_id}", o.slug, o.strategy, o.outcome) for o in positions.orders]
    flying = [(f"order {i.id} in flight", i.slug, i.strategy, i.outcome) for i in view.in_flight]
    return held + orders + flying


def _known(view: RiskView) -> tuple[Account, Positions]:
    """For rules below account_unknown in the table, which makes sure of both."""
    assert view.account is not None
    assert view.positions is not None
    return view.account, view.positions


def _text(reason: Reason | None) -> str | None:
    return reason.text if reason else None


Rule = Callable[[OrderIntent, RiskView], str | None]

RULES: tuple[tuple[str, Rule], ...] = (
    ("HALTED", halted),
    ("REDUCING", reducing),
    ("ACCOUNT_UNKNOWN", account_unknown),
    ("DRAWDOWN", drawdown),
    ("ORDER_KIND", order_kind),
    ("TOO_LATE", too_late),
    ("OUTSIDE_WINDOW", outside_window),
    ("RULE_UNKNOWN", rule_unknown),
    ("NO_FEE_SCHEDULE", no_fee_schedule),
    ("NO_STRIKE", no_strike),
    ("STALE_PRICE", stale_price),
    ("STALE_ORACLE", stale_oracle),
    ("STALE_BOOK", stale_book),
    ("NO_ASK", _of_book(quotes.no_ask)),
    ("PRICE_ABOVE_CAP", _of_book(quotes.above_cap)),
    ("PRICE_ABOVE_CAP", limit_above_cap),
    ("PRICE_BELOW_FLOOR", _of_book(quotes.below_floor)),
    ("BOOK_WIDE", _of_book(quotes.wide)),
    ("BOOK_CROSSED", _of_book(quotes.crossed)),
    ("BELOW_MINIMUM", below_minimum),
    ("BAD_AMOUNTS", bad_amounts),
    ("MAX_ORDER", max_order),
    ("UNKNOWN_ORDER", unknown_order),
    ("OPPOSITE", opposite),
    ("ONE_ENTRY", one_entry),
    ("ENTRY_OPEN", entry_open),
    ("UNRESOLVED", unresolved),
    ("SETTLEMENT_LATE", settlement_late),
    ("FUNDS", funds),
    ("RANGE", price_range),
    ("VOLATILITY", volatility),
)
