"""The Data API's word on a wallet: what came and went besides trades, and what it holds. Public, and seconds behind the chain.

Rows are JSON numbers; they become millionths by their decimal text. A page that cannot be read makes the whole read unknown.
Sources: facts §11 (v2 paths).
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

import msgspec

from messages.inner import Activity, ActivityRead, HoldingsRead, ReadActivity, ReadHoldings
from messages.units import E6
from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpError
from polybot.adapters.net.reads import Known, Unknown
from polybot.adapters.polymarket.clob_public import answered
from polybot.adapters.polymarket.numbers import GARBAGE, seconds_of

PAGE = 500
MAX_PAGES = 20
NO_TRANSACTION = "@"  # begins the id of a row that names none
EVERYTHING = {"exclude_deposits_withdrawals": "false"}  # else DEPOSIT and WITHDRAWAL are left out
# What moves cash without a trade of ours, and which way. A kind that is not named here explains nothing.
SIGN: dict[str, int] = {
    "DEPOSIT": 1,
    "WITHDRAWAL": -1,
    "REDEEM": 1,
    "MERGE": 1,
    "SPLIT": -1,
    "REWARD": 1,
    "YIELD": 1,
    "MAKER_REBATE": 1,
    "TAKER_REBATE": 1,
    "REFERRAL_REWARD": 1,
}


class DataApi:
    """Not thread safe: one a lane. wallet: who holds the money (the funder), not the key's own address."""

    def __init__(self, where: Endpoint | str, wallet: str, timeout_s: float) -> None:
        self._reads, self._wallet = EndpointReader(where, timeout_s), wallet

    def activity(self, word: ReadActivity) -> ActivityRead:
        """Every movement of cash since `after_s`, all pages; not known as soon as one page is."""
        try:
            rows = self._rows("/v2/activity", {"start": str(word.after_s), **EVERYTHING})
            if isinstance(rows, Unknown):
                return ActivityRead(purpose=word.purpose, known=False, rows=(), why=rows.why)
            found = _told_apart([activity_of(row) for row in rows.value if str(row["type"]).upper() in SIGN])
        except GARBAGE as exc:
            return ActivityRead(
                purpose=word.purpose, known=False, rows=(), why=f"unreadable: {type(exc).__name__} {exc}"
            )
        return ActivityRead(purpose=word.purpose, known=True, rows=found, why="")

    def holdings(self, word: ReadHoldings) -> HoldingsRead:
        """Open positions only: what is resolved is cash or nothing, and no order of anyone's can change it."""
        try:
            rows = self._rows("/v2/positions", {"status": "OPEN"})
            if isinstance(rows, Unknown):
                return HoldingsRead(purpose=word.purpose, known=False, shares={}, why=rows.why)
            shares = {str(row["token_id"]): millionths(row["current_size"]) for row in rows.value}
        except GARBAGE as exc:
            return HoldingsRead(
                purpose=word.purpose, known=False, shares={}, why=f"unreadable: {type(exc).__name__} {exc}"
            )
        return HoldingsRead(purpose=word.purpose, known=True, shares=shares, why="")

    def _rows(self, path: str, query: dict[str, str]) -> Known[list[dict[str, Any]]] | Unknown:
        rows: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        seen: dict[str, None] = {}
        for _ in range(MAX_PAGES):
            try:
                asked = {"user": self._wallet, "limit": str(PAGE)} | query | cursor
                answer = answered(self._reads.read(f"{path}?{urlencode(asked)}"))
            except HttpError as exc:
                return Unknown(str(exc))
            match answer:
                case Known({"data": list(page), "pagination": dict(pagination)}):
                    rows += page
                case Unknown() as unknown:
                    return unknown
                case other:
                    return Unknown(f"not a page: {other!r:.200}")
            match pagination:
                case {"has_more": False}:
                    return Known(rows)
                case {"has_more": True, "next_cursor": str(following)} if following and following not in seen:
                    seen[following] = None
                    cursor = {"cursor": following}
                case _:
                    return Unknown(f"{path}: where it goes on is not said: {pagination!r:.200}")
        return Unknown(f"{path}: more than {MAX_PAGES} pages")


def activity_of(row: dict[str, Any]) -> Activity:
    """One row. Its id: a transaction may hold several rows, which differ in kind, token or amount; a row that names none, as
    rewards do, is told by its second and market instead. ValueError without a time.
    """
    kind, amount = str(row["type"]).upper(), millionths(row["usdc_size"])
    token, at_s = str(row.get("token_id") or ""), seconds_of(row["timestamp"])
    market = str(row.get("condition_id") or "")
    if not at_s:
        raise ValueError(f"a {kind} without a time")
    where = row.get("transaction_hash") or f"{NO_TRANSACTION}{at_s}/{market}"
    return Activity(
        id=f"{where}/{kind}/{token}/{amount}",
        kind=kind,
        amount_e6=SIGN[kind] * amount,
        condition_id=market,
        at_s=at_s,
    )


def _told_apart(rows: list[Activity]) -> tuple[Activity, ...]:
    """Equal rows of one second without a transaction are several movements: those after the first get ids of their own
    ("…#2"), the same ones whenever they are read, since a read begins at a second's edge.
    """
    times: dict[str, int] = {}
    found: list[Activity] = []
    for row in rows:
        n = times[row.id] = times.get(row.id, 0) + 1
        is_another = n > 1 and row.id.startswith(NO_TRANSACTION)
        found.append(msgspec.structs.replace(row, id=f"{row.id}#{n}") if is_another else row)
    return tuple(found)


def millionths(value: object) -> int:
    """A JSON number, not negative, by its decimal text; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"not a number: {value!r:.40}")
    try:
        exact = Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation as exc:
        raise ValueError(f"not a number: {value!r:.40}") from exc
    if not (exact.is_finite() and 0 <= exact < 10**12):
        raise ValueError(f"not an amount: {value!r:.40}")
    return int((exact * E6).quantize(Decimal(1), ROUND_HALF_UP))
