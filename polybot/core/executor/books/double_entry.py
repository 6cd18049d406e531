"""Double entry in whole millionths. Balances are debit-positive; a posting moves one amount from one account to another,
so it balances by construction, and the sum over all accounts is always 0.

    cash            pUSD in the wallet, as the venue's facts make it
    capital         the wallet as the session found it (credit)      external  what came or went without a trade of ours
    position:TOKEN  what the shares of a token cost, before fee      fees      what takers' fees took
    spent           cost of positions whose window is settled        payouts   face value of settled windows (credit)
    claims          payouts that the wallet has not received yet

    cash = capital + external + payouts − claims − spent − positions − fees
    P&L  = payouts − spent − fees of settled windows

A provisional outcome moves positions, spent, payouts and claims; cash moves on fills, fees and payouts received, only.
A SELL takes its proceeds out of the position's cost: what a sold position brought is realised with its window.
"""

from collections.abc import Mapping

from messages import OrderIntent
from messages.units import E6, mul_e6
from polybot.core.executor.books.state import BookedFill, Books

CASH, CAPITAL, EXTERNAL = "cash", "capital", "external"
FEES, SPENT, PAYOUTS, CLAIMS = "fees", "spent", "payouts", "claims"
POSITION = "position:"
CENT_E6 = 10_000  # 2 decimals
_FIFTH = 10  # the venue's fees have five decimals


def taker_fee_e6(size_e6: int, price_e6: int, rate_e6: int, exponent: int) -> int:
    """Fee a taker pays in pUSD millionths, on top of a BUY and out of a SELL: size × rate × (p(1 − p))^exponent.

    rounds to the venue's 5 decimals, half up, once per fill; so below half of 0.00001 it is 0 (facts §6.1)
    """
    top: int = size_e6 * rate_e6 * (price_e6 * (E6 - price_e6)) ** exponent
    bottom: int = E6 ** (1 + 2 * exponent) * _FIFTH
    return (2 * top + bottom) // (2 * bottom) * _FIFTH


def cost_e6(size_e6: int, price_e6: int) -> int:
    """What a fill costs before fee: rounded half up once, where the venue gives no amount of its own."""
    return mul_e6(size_e6, price_e6)


def position(token_id: str) -> str:
    """The name of the account that holds a token's shares at cost."""
    return POSITION + token_id


def move(books: Books, debit: str, credit: str, amount_e6: int) -> None:
    """One posting. Accounts that come to 0 leave the book, so that equal books are equal bytes."""
    for account, change in ((debit, amount_e6), (credit, -amount_e6)):
        left = books.accounts.get(account, 0) + change
        if left:
            books.accounts[account] = left
        else:
            books.accounts.pop(account, None)


def book_fill(books: Books, intent: OrderIntent, fill: BookedFill, sign: int = 1) -> None:
    """A fill that stands; sign −1 takes it back."""
    if intent.side == "BUY":
        move(books, position(intent.token_id), CASH, sign * fill.cost_e6)
    else:
        move(books, CASH, position(intent.token_id), sign * fill.cost_e6)
    move(books, FEES, CASH, sign * fill.fee_e6)


def book_outcome(books: Books, payout_e6: int, moved: Mapping[str, int], sign: int = 1) -> None:
    """A window's outcome: positions become spent, and payouts are claimed. sign −1 takes it back."""
    move(books, CLAIMS, PAYOUTS, sign * payout_e6)
    for token_id, cost in moved.items():
        move(books, SPENT, position(token_id), sign * cost)


def balance_e6(books: Books, account: str) -> int:
    """Debit-positive; 0 for an account nothing was ever posted to."""
    return books.accounts.get(account, 0)


def cash_e6(books: Books) -> int:
    """What the wallet must hold by the books, pUSD millionths."""
    return balance_e6(books, CASH)


def cash_pnl_e6(books: Books) -> int:
    """What trading has done to the wallet's cash so far."""
    return cash_e6(books) + balance_e6(books, CAPITAL) + balance_e6(books, EXTERNAL)


def positions_e6(books: Books) -> int:
    """Open positions of all tokens at cost, before fee, pUSD millionths."""
    return sum(amount for account, amount in books.accounts.items() if account.startswith(POSITION))


def equity_e6(books: Books) -> int:
    """Purse + what trading did to cash + open positions + claims at face. Positions stand at cost, not at min(cost, bid):
    the executor hears no books; risk, which does, may only ever see less.
    """
    return books.purse_e6 + cash_pnl_e6(books) + positions_e6(books) + balance_e6(books, CLAIMS)


def reserved_e6(books: Books) -> int:
    """Worst case of all orders that may still fill, less what of them has."""
    return sum(order_reserved_e6(books, order_id) for order_id in books.open)


def order_reserved_e6(books: Books, order_id: str) -> int:
    """Cash set aside for one order; 0 once it is final, and for a SELL."""
    order = books.orders[order_id]
    if order_id not in books.open or order.intent.side != "BUY":
        return 0
    standing = [f.cost_e6 + f.fee_e6 for f in order.fills.values() if f.status != "FAILED"]
    return max(0, order.intent.worst_e6 - sum(standing))


def sellable_e6(books: Books, token_id: str) -> int:
    """Shares of a token that the venue would let us sell now, to its 2 decimals, rounded down: confirmed ones (those of a
    trade that is not settled yet cannot be delivered), less what was sold and what open SELLs may still sell.
    """
    shares = 0
    for slug in books.pending:
        for order in (books.orders[order_id] for order_id in books.windows[slug].orders):
            if order.intent.token_id != token_id:
                continue
            if order.intent.side == "BUY":
                shares += sum(f.size_e6 for f in order.fills.values() if f.status == "CONFIRMED")
            elif order.order_id in books.open:
                shares -= order.intent.maker_e6
            else:
                shares -= sum(f.size_e6 for f in order.fills.values() if f.status != "FAILED")
    return max(0, shares) // CENT_E6 * CENT_E6


def free_e6(books: Books, wallet_e6: int) -> int:
    """min(wallet spendable, purse + P&L in cash) − reserved, never below 0. wallet_e6 is what the venue said last."""
    return max(0, min(wallet_e6, cash_e6(books), books.purse_e6 + cash_pnl_e6(books)) - reserved_e6(books))


def statement(books: Books) -> tuple[tuple[str, int], ...]:
    """The lines that must add up: each account and its balance in a fixed order; their sum is 0."""
    heads = (CASH, CAPITAL, EXTERNAL, FEES, SPENT, PAYOUTS, CLAIMS)
    tokens = sorted(a for a in books.accounts if a.startswith(POSITION))
    return tuple((account, balance_e6(books, account)) for account in (*heads, *tokens))
