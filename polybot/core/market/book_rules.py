"""What a book must look like to be hit (rules §3). Each rule a function: book → sentence, or None where it holds.

Asked twice: by `signal`, so that the row says why, and by `risk`, on the book as it is then.
A missing bid counts as 0: the spread is then the ask itself (the losing side's bids vanish near the end).
"""

from collections.abc import Callable

from messages import Book, Outcome
from messages.units import decimal_text
from polybot.core.reasons import Reason
from polybot.settings import Trade, usd_e6

MAX_SUM_E6 = 1_060_000
MIN_SUM_E6 = 990_000


def ask_e6(book: Book, outcome: Outcome) -> int | None:
    """The best price at which the outcome can be bought, None when nobody offers it."""
    asks = book.up_asks if outcome == "UP" else book.down_asks
    return asks[0][0] if asks else None


def bid_e6(book: Book, outcome: Outcome) -> int | None:
    """The best price at which the outcome can be sold, None when nobody bids."""
    bids = book.up_bids if outcome == "UP" else book.down_bids
    return bids[0][0] if bids else None


def no_ask(book: Book, outcome: Outcome, trade: Trade) -> str | None:
    """Refuses when nobody offers the outcome (NO_ASK)."""
    return None if ask_e6(book, outcome) is not None else f"nobody offers {outcome}"


def above_cap(book: Book, outcome: Outcome, trade: Trade) -> str | None:
    """Refuses when the best ask is above max_price (PRICE_ABOVE_CAP)."""
    ask = ask_e6(book, outcome)
    if ask is None or ask <= usd_e6(trade.max_price):
        return None
    return f"{outcome} costs {decimal_text(ask)}, above max_price = {trade.max_price:g}"


def below_floor(book: Book, outcome: Outcome, trade: Trade) -> str | None:
    """Refuses when the best ask is below min_price (PRICE_BELOW_FLOOR)."""
    ask = ask_e6(book, outcome)
    if ask is None or ask >= usd_e6(trade.min_price):
        return None
    return f"{outcome} costs {decimal_text(ask)}, below min_price = {trade.min_price:g}"


def wide(book: Book, outcome: Outcome, trade: Trade) -> str | None:
    """Refuses when ask less bid is above max_spread (BOOK_WIDE)."""
    ask, bid = ask_e6(book, outcome), bid_e6(book, outcome) or 0
    if ask is None or ask - bid <= usd_e6(trade.max_spread):
        return None
    return f"{outcome} spread {decimal_text(ask - bid)} exceeds max_spread = {trade.max_spread:g}"


def crossed(book: Book, outcome: Outcome, trade: Trade) -> str | None:
    """BOOK_CROSSED: the two asks do not belong to one market's merged book at one moment."""
    up, down = ask_e6(book, "UP"), ask_e6(book, "DOWN")
    if up is None or down is None or MIN_SUM_E6 <= up + down <= MAX_SUM_E6:
        return None
    low, high = decimal_text(MIN_SUM_E6), decimal_text(MAX_SUM_E6)
    return f"asks sum to {decimal_text(up + down)}, outside {low} to {high}"


BOOK_RULES: tuple[tuple[str, Callable[[Book, Outcome, Trade], str | None]], ...] = (
    ("NO_ASK", no_ask),
    ("PRICE_ABOVE_CAP", above_cap),
    ("PRICE_BELOW_FLOOR", below_floor),
    ("BOOK_WIDE", wide),
    ("BOOK_CROSSED", crossed),
)


def book_reason(book: Book, outcome: Outcome, trade: Trade) -> Reason | None:
    """The first rule that does not hold, None when all do."""
    for code, rule in BOOK_RULES:
        text = rule(book, outcome, trade)
        if text is not None:
            return Reason(code, text)
    return None
