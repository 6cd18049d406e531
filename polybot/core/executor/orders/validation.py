"""Would the venue read this order as it is meant? Integers only: a float would floor 0.29, 0.57 and 0.58 wrongly (facts §5.4).

    kind                  given                          received
    market BUY  FAK/FOK   pUSD, ≤ 2 decimals             shares = floor(pUSD / limit, 4): the implied price is never below
    market SELL FAK/FOK   shares, ≤ 2 decimals           pUSD = floor(shares × limit, 4): never above
    BUY         GTC/GTD   pUSD = shares × limit, exactly shares, ≤ 2 decimals
    SELL        GTC/GTD   shares, ≤ 2 decimals           pUSD = shares × limit, exactly

Rounded up by one unit the implied price of a BUY lies a hair under the ask, and nothing matches: worse than a refusal.
"""

from messages import OrderIntent
from messages.units import E6, NS, decimal_text
from polybot.core.executor.books.order_state import IMMEDIATE, expiration_s
from polybot.core.reasons import Reason

CENT_E6 = 10_000  # 2 decimals
FOUR_E6 = 100  # 4 decimals
GTD_AHEAD_S = 180  # the venue's own minimum; the order ends 60 s before its expiration


def fault(intent: OrderIntent, now_ns: int) -> Reason | None:
    """What is wrong with its kind or amounts; None = nothing."""
    if not 0 < intent.limit_e6 < E6 or intent.maker_e6 <= 0 or intent.taker_e6 <= 0:
        return Reason(
            "PRECISION", f"limit {decimal_text(intent.limit_e6)} and amounts must be positive, the limit below 1"
        )
    is_immediate = intent.order_type in IMMEDIATE
    if intent.post_only and is_immediate:
        return Reason("BAD_REQUEST", f"{intent.order_type} cannot be post-only")
    if intent.order_type == "GTD" and expiration_s(intent) * NS < now_ns + GTD_AHEAD_S * NS:
        left_s = expiration_s(intent) - now_ns / NS
        return Reason(
            "EXPIRATION", f"a GTD order must live ≥ {GTD_AHEAD_S} s, this one ends in {left_s:.0f} s: use GTC"
        )
    shares, usd = (intent.taker_e6, intent.maker_e6) if intent.side == "BUY" else (intent.maker_e6, intent.taker_e6)
    exact = expected_e6(intent, shares)
    given_e6 = intent.maker_e6 if is_immediate else shares
    if given_e6 % CENT_E6:
        return Reason("PRECISION", f"{decimal_text(given_e6)} has more than 2 decimals")
    if (shares if is_immediate and intent.side == "BUY" else usd) != exact:
        text = f"gives {decimal_text(intent.maker_e6)} for {decimal_text(intent.taker_e6)}"
        return Reason("PRECISION", f"{text}: at limit {decimal_text(intent.limit_e6)} it must be {decimal_text(exact)}")
    return None


def expected_e6(intent: OrderIntent, shares_e6: int) -> int:
    """The amount that follows from the other one and the limit: shares of a market BUY, else pUSD."""
    if intent.order_type not in IMMEDIATE:
        return shares_e6 * intent.limit_e6 // E6
    if intent.side == "BUY":
        return intent.maker_e6 * E6 // (intent.limit_e6 * FOUR_E6) * FOUR_E6
    return shares_e6 * intent.limit_e6 // (E6 * FOUR_E6) * FOUR_E6
