"""The statement: a double-entry book folded from the journal's events, in millionths, and its balance against the account.

Accounts of the book: cash, shares (at cost), fees, result. A buy credits cash and debits shares; its fee credits cash and
debits fees; a payout that has arrived debits cash and credits shares at cost, the rest is result. What a trade's correction
(FAILED) or a window's correction undoes is booked as the difference to what stood before, so every line stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from messages import Account
from messages.units import decimal_text
from polybot.cli.render import tables
from polybot.runtime.store.index_read import Row

Kind = Literal["trade", "fee", "payout", "redeem"]


@dataclass(frozen=True)
class StatementEntry:
    """amount_e6 > 0 moves from the credited account to the debited one."""

    at_ns: int
    journal_seq: int
    what: str
    debit: str
    credit: str
    amount_e6: int
    kind: Kind


@dataclass
class Statement:
    """Entries in order, and the account they must add up to."""

    account: Account
    source: str
    entries: list[StatementEntry] = field(default_factory=list)

    def sum_e6(self, name: str) -> int:
        """The balance of one account of the statement, pUSD millionths, debit-positive."""
        debits = sum(e.amount_e6 for e in self.entries if e.debit == name)
        return debits - sum(e.amount_e6 for e in self.entries if e.credit == name)

    def _cash_of(self, kind: str) -> int:
        return sum(_signed(e, "cash") for e in self.entries if e.kind == kind)

    @property
    def payouts_e6(self) -> int:
        """What the venue has paid out for settled windows, pUSD millionths."""
        return self._cash_of("payout")

    @property
    def cost_e6(self) -> int:
        """What was paid for shares, less what sales brought."""
        return -self._cash_of("trade")

    @property
    def fees_e6(self) -> int:
        """All fees charged, as a positive amount of pUSD millionths."""
        return -self._cash_of("fee")

    @property
    def cash_e6(self) -> int:
        """The cash there must be: the purse and everything booked to cash since."""
        return self.account.purse_e6 + self.sum_e6("cash")

    @property
    def stated_e6(self) -> int:
        """The cash the executor says: purse and its own sum of what the venue told."""
        return self.account.purse_e6 + self.account.cash_pnl_e6

    @property
    def difference_e6(self) -> int:
        """The executor's cash less the statement's; anything but 0 is an error in the books."""
        return self.stated_e6 - self.cash_e6

    def sums(self) -> dict[str, Any]:
        """The sums that must add up, as a JSON object."""
        return {
            "source": self.source,
            "journal_seq": self.account.journal_seq,
            "start_e6": self.account.purse_e6,
            "payouts_e6": self.payouts_e6,
            "cost_e6": self.cost_e6,
            "fees_e6": self.fees_e6,
            "cash_e6": self.cash_e6,
            "stated_e6": self.stated_e6,
            "difference_e6": self.difference_e6,
            "balanced": self.difference_e6 == 0,
            "shares_e6": self.sum_e6("shares"),
            "result_e6": -self.sum_e6("result"),
            "equity_e6": self.account.equity_e6,
        }

    def facts(self) -> dict[str, Any]:
        """The entries and their sums as a JSON object, for programs."""
        return {
            "statement": [
                {
                    "at_ns": e.at_ns,
                    "journal_seq": e.journal_seq,
                    "what": e.what,
                    "debit": e.debit,
                    "credit": e.credit,
                    "amount_e6": e.amount_e6,
                }
                for e in self.entries
            ],
            **self.sums(),
        }

    def cells(self) -> Iterator[tuple[str, ...]]:
        """The entries as cells of a table, with cash running along."""
        cash_e6 = self.account.purse_e6
        for e in self.entries:
            cash_e6 += _signed(e, "cash")
            yield (tables.hms(e.at_ns), e.what, e.debit, e.credit, decimal_text(e.amount_e6), decimal_text(cash_e6))

    def sum_text(self) -> str:
        """The lines that show whether start, payouts, cost and fees add up to the executor's cash."""
        verdict = "balanced" if not self.difference_e6 else f"DIFFERENCE {decimal_text(self.difference_e6)}"
        return (
            f"start {decimal_text(self.account.purse_e6)} + payouts {decimal_text(self.payouts_e6)}"
            f" − cost {decimal_text(self.cost_e6)} − fees {decimal_text(self.fees_e6)} = {decimal_text(self.cash_e6)}\n"
            f"the executor's cash {decimal_text(self.stated_e6)}: {verdict}"
            f" (as told by {self.source}, journal {self.account.journal_seq})\n"
        )


def statement_of(account: Account, events: list[Row], source: str) -> Statement:
    """Fold the journal's events, in their order, into entries."""
    made = Statement(account, source)
    fills: dict[tuple[str, str], tuple[int, int]] = {}
    payouts: dict[tuple[str, str], tuple[int, int]] = {}
    for row in events:
        body = row["body"]
        if row["tag"] == "Fill":
            _book_fill(made, row, body, fills)
        elif row["tag"] == "Settlement":
            _book_payout(made, row, body, payouts)
    return made


def _book_fill(made: Statement, row: Row, body: Row, known: dict[tuple[str, str], tuple[int, int]]) -> None:
    key = (body["trade_id"], body["order_id"])
    failed, sign = body["status"] == "FAILED", 1 if body["side"] == "BUY" else -1
    now = (0, 0) if failed else (sign * body["cost_e6"], body["fee_e6"])
    before = known.get(key, (0, 0))
    known[key] = now
    verb = "buy undone" if failed else "buy" if sign > 0 else "sell"
    what = f"{verb} {decimal_text(body['size_e6'])} {body['outcome']} {body['slug']}"
    _move(made, row, "trade", what, ("shares", "cash"), now[0] - before[0])
    _move(made, row, "fee", f"fee of trade {body['trade_id'][:12]}", ("fees", "cash"), now[1] - before[1])


def _book_payout(made: Statement, row: Row, body: Row, known: dict[tuple[str, str], tuple[int, int]]) -> None:
    """A final word moves the shares out at cost; cash comes only with what the venue paid, and what it paid it paid: a
    correction that is not settled yet leaves cash as it was.
    """
    key = (body["strategy"], body["slug"])
    before = known.get(key, (0, 0))
    paid_e6 = body["payout_e6"] if body["paid"] else before[0]
    cost_e6 = 0 if body["provisional"] else body["cost_e6"]
    known[key] = (paid_e6, cost_e6)
    outcome = f"{body['outcome']} {body['slug']}" + (", corrected" if body["corrected"] else "")
    _move(made, row, "payout", f"payout {outcome}", ("cash", "result"), paid_e6 - before[0])
    _move(made, row, "redeem", f"shares redeemed {outcome}", ("result", "shares"), cost_e6 - before[1])


def _move(made: Statement, row: Row, kind: Kind, what: str, pair: tuple[str, str], amount_e6: int) -> None:
    debit, credit = pair
    if amount_e6 < 0:
        debit, credit, amount_e6 = credit, debit, -amount_e6
    if amount_e6:
        made.entries.append(StatementEntry(row["at_ns"], row["journal_seq"], what, debit, credit, amount_e6, kind))


def _signed(entry: StatementEntry, name: str) -> int:
    return entry.amount_e6 * ((entry.debit == name) - (entry.credit == name))
