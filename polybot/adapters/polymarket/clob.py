"""REST of the CLOB for the executor: one kept-alive connection a lane, answers in three values, never an assumption.

A private read that fails in any way is Unknown; Empty is only said where the venue itself said "none". Only reads are
repeated, once, when a connection breaks; nothing that changes anything ever is: POST /order is the executor's to repeat.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from messages.inner import HeartbeatSent, PostOrder, PostResult, UnreadableTrade, VenueOrder, VenueTrade
from polybot.adapters.net.http import Gate, HttpConnection, HttpError, Lost, NotSent, Shut
from polybot.adapters.net.reads import Empty, Known, Read, Unknown
from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.account_parser import Ourselves, Units, order_of, trades_of
from polybot.adapters.polymarket.clob_public import ClobPublic, described
from polybot.adapters.polymarket.numbers import GARBAGE, base_units_of, e6_of
from polybot.adapters.polymarket.post_answer import object_of, read_post_answer
from polybot.adapters.polymarket.signing import Credentials, RequestSigner, Wallet, auth_headers

FIRST_PAGE, LAST_PAGE = "MA==", "LTE="
TradeRows = tuple[tuple[VenueTrade, ...], tuple[UnreadableTrade, ...]]
MAX_PAGES = 200
MAX_CANCELS = 1000  # ids in one DELETE /orders
MOST_E6 = 2**62  # an unlimited allowance does not fit the bus's 64 bits


class Clob(ClobPublic):
    """Not thread safe: one for each lane (`sibling`).

    now_s      world time, for the stamps in signatures      timeout_s  machine time, each wait for the network
    funder     who holds the money (order.maker); "" = the wallet's own address, signature type 0
    """

    def __init__(
        self,
        base_url: str,
        wallet: Wallet,
        now_s: Callable[[], int],
        *,
        credentials: Credentials | None = None,
        signature_type: int = 0,
        funder: str = "",
        timeout_s: float = 5.0,
    ) -> None:
        self._url, self._wallet, self._now_s, self._timeout_s = base_url, wallet, now_s, timeout_s
        self._type, self._funder = signature_type, funder or wallet.address
        self.units = Units()
        self.http = HttpConnection(base_url, timeout_s)
        super().__init__(self.http)
        self.credentials = credentials
        if credentials is not None:
            self._become(credentials)

    def _become(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._l2 = RequestSigner(self._wallet.address, credentials)
        self._us = Ourselves(credentials.api_key, self._funder)

    def sibling(self, timeout_s: float = 0.0) -> "Clob":
        """The same account on a connection of its own, for another lane; timeout_s 0 = the same. What is known of the
        venue's units is common to both.
        """
        other = Clob(
            self._url,
            self._wallet,
            self._now_s,
            credentials=self.credentials,
            signature_type=self._type,
            funder=self._funder,
            timeout_s=timeout_s or self._timeout_s,
        )
        other.units = self.units
        return other

    # --- who we are

    def login(self) -> Known[Credentials] | Unknown:
        """The wallet's credentials: derived (the same for ever), created where there are none yet. Needed before all else."""
        derived = self._l1("GET", "/auth/derive-api-key")
        found = derived if isinstance(derived, Known) else self._l1("POST", "/auth/api-key")
        if isinstance(found, Known):
            self._become(found.value)
            return found
        why = f"derive: {derived.why}; create: {found.why}" if isinstance(derived, Unknown) else found.why
        return Unknown(why, found.http)

    def _l1(self, method: str, path: str) -> Known[Credentials] | Unknown:
        try:
            response = self.http.exchange(method, path, auth_headers(self._wallet, self._now_s()))
            shown = object_of(response.body)
            if response.status == 200 and shown is not None:
                return Known(Credentials(*(_text(shown[k]) for k in ("apiKey", "secret", "passphrase"))))
        except HttpError as exc:
            return Unknown(str(exc))
        except GARBAGE as exc:
            return Unknown(f"unreadable credentials: {type(exc).__name__}")
        return Unknown(described(response), response.status)

    # --- orders

    def post_order(self, word: PostOrder, gate: Gate | None = None) -> PostResult:
        """The signed bytes, once. `gate` is held while they leave, not while the answer is awaited."""
        path, started = "/order", time.monotonic()
        try:
            headers = self._l2.headers(self._now_s(), "POST", path, word.body)
            response = self.http.exchange("POST", path, headers, word.body, gate)
        except Shut as exc:
            return self._result(word, started, "gate", str(exc))
        except NotSent as exc:
            return self._result(word, started, "retry", str(exc))
        except Lost as exc:
            return self._result(word, started, "unknown", str(exc))
        answer = read_post_answer(
            response.status, response.body, word.order_id, response.headers.get("retry-after", "")
        )
        return PostResult(
            order_id=word.order_id,
            attempt=word.attempt,
            http=response.status,
            took_ms=(time.monotonic() - started) * 1000,
            **answer._asdict(),
        )

    @staticmethod
    def _result(word: PostOrder, started: float, outcome: Any, why: str) -> PostResult:
        return PostResult(
            order_id=word.order_id,
            outcome=outcome,
            status="",
            making_e6=0,
            taking_e6=0,
            trade_ids=(),
            http=0,
            code={"gate": "GATE", "retry": "NOT_SENT", "unknown": "LOST"}[outcome],
            text=why,
            took_ms=(time.monotonic() - started) * 1000,
            attempt=word.attempt,
        )

    def warm(self) -> None:
        """Connect where that is needed. A venue that cannot be reached now is the next request's to tell."""
        with contextlib.suppress(NotSent):
            self.http.warm()

    def cancel(self, ids: tuple[str, ...]) -> Known[tuple[tuple[str, ...], dict[str, str]]] | Unknown:
        """(canceled, not canceled and why). An id the venue does not know stands in the second."""
        done: list[str] = []
        left: dict[str, str] = {}
        for chunk in (ids[i : i + MAX_CANCELS] for i in range(0, len(ids), MAX_CANCELS)):
            if len(chunk) == 1:
                answer = self._cancel("/order", msgspec.json.encode({"orderID": chunk[0]}))
            else:
                answer = self._cancel("/orders", msgspec.json.encode(chunk))
            if isinstance(answer, Unknown):
                return answer
            done += answer.value[0]
            left |= answer.value[1]
        return Known((tuple(done), left))

    def cancel_all(self) -> Known[tuple[tuple[str, ...], dict[str, str]]] | Unknown:
        """Cancel every order of this account: (cancelled ids, id → reason of those left), or not known."""
        return self._cancel("/cancel-all", b"")

    def _cancel(self, path: str, body: bytes) -> Known[tuple[tuple[str, ...], dict[str, str]]] | Unknown:
        try:
            headers = self._l2.headers(self._now_s(), "DELETE", path, body)
            response = self.http.exchange("DELETE", path, headers, body)
        except HttpError as exc:
            return Unknown(str(exc))
        shown = object_of(response.body)
        if response.status != 200 or shown is None:
            return Unknown(described(response))
        try:
            return Known(cancelled_of(shown))
        except GARBAGE as exc:
            return Unknown(f"unreadable answer to a cancel: {exc}")

    def order(self, order_id: str) -> Known[VenueOrder] | Empty | Unknown:
        """One order, also of those that are over; Empty only on the venue's own "not found"."""
        match self._read(f"/data/order/{order_id}"):
            case Known(None):
                return Empty()
            case Known(shown):
                return _parsed(lambda: order_of(shown, self.units.orders))
            case other:
                return other

    def open_orders(self) -> Known[tuple[VenueOrder, ...]] | Unknown:
        """All open orders of this account, every page; not known if a page fails."""
        rows = self._pages("/data/orders", {})
        if isinstance(rows, Unknown):
            return rows
        return _parsed(lambda: tuple(order_of(r, self.units.orders) for r in self._learnt(rows.value)))

    def trade_rows(self, after_s: int = 0, condition_id: str = "") -> Known[TradeRows] | Unknown:
        """Our lines of all trades at or after a world second, of one market or all; and the rows that cannot be understood."""
        query = {"market": condition_id} if condition_id else {}
        if after_s > 0:
            query["after"] = str(after_s - 1)  # whether the venue means ≥ or > is not written anywhere
        rows = self._pages("/data/trades", query)
        if isinstance(rows, Unknown):
            return rows
        lines: list[VenueTrade] = []
        unreadable: list[UnreadableTrade] = []
        for row in self._learnt(rows.value):
            try:
                lines += trades_of(row, self._us, self.units.trades)
            except GARBAGE as exc:
                unreadable.append(_unreadable(row, exc))
        return Known((tuple(lines), tuple(unreadable)))

    def _learnt(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows, after the venue's unit was looked for in all of them."""
        for row in rows:
            if isinstance(row, dict):  # whatever else stands there is told apart when it is read
                self.units.learn(row, self._us)
        return rows

    def heartbeat(self, heartbeat_id: str) -> HeartbeatSent:
        """One beat of the dead-man switch; never repeated by itself: a repetition would carry an id that is stale by then."""
        path, body = "/v1/heartbeats", msgspec.json.encode({"heartbeat_id": heartbeat_id})
        try:
            headers = self._l2.headers(self._now_s(), "POST", path, body)
            response = self.http.exchange("POST", path, headers, body)
        except HttpError as exc:
            return HeartbeatSent(outcome="failed", heartbeat_id="", why=str(exc))
        following = (object_of(response.body) or {}).get("heartbeat_id")
        if isinstance(following, str) and following and response.status in (200, 400):
            return HeartbeatSent(outcome="acked" if response.status == 200 else "mismatch", heartbeat_id=following)
        return HeartbeatSent(outcome="failed", heartbeat_id="", why=described(response))

    # --- money

    def refresh_balance(self, token_id: str = "") -> None:
        """Make the venue look at the chain again: what it shows of a wallet is a cache (facts §14.7)."""
        self._read("/balance-allowance/update", self._asset(token_id))

    def balance(self, token_id: str = "") -> Known[tuple[int, int]] | Unknown:
        """(balance, allowance for the exchange contract), millionths of pUSD or of a token's shares. No allowance shown = 0."""
        match self._read("/balance-allowance", self._asset(token_id)):
            case Known(shown):
                return _parsed(lambda: balance_of(shown))
            case Empty():
                return Unknown("the venue does not know this balance")
            case Unknown() as unknown:
                return unknown

    def allowances(self, token_id: str = "") -> Known[dict[str, int]] | Unknown:
        """What each spender may take of our pUSD, or of a token's shares: its address in lower case → millionths."""
        match self._read("/balance-allowance", self._asset(token_id)):
            case Known(shown):
                return _parsed(lambda: _allowances(shown))
            case Empty():
                return Unknown("the venue does not know this balance")
            case Unknown() as unknown:
                return unknown

    def _asset(self, token_id: str) -> dict[str, str]:
        if not token_id:
            return {"asset_type": "COLLATERAL", "signature_type": str(self._type)}
        kind = "CONDITIONAL-V2" if eip712.is_position_id(int(token_id)) else "CONDITIONAL"
        return {"asset_type": kind, "signature_type": str(self._type), "token_id": token_id}

    # --- the wire

    def _read(self, path: str, query: dict[str, str] | None = None) -> Read:
        headers = self._l2.headers(self._now_s(), "GET", path)  # the query is not signed
        return self.read(path + (f"?{urlencode(query)}" if query else ""), headers)

    def _pages(self, path: str, query: dict[str, str]) -> Known[list[dict[str, Any]]] | Unknown:
        rows: list[dict[str, Any]] = []
        cursor = FIRST_PAGE
        for _ in range(MAX_PAGES):
            match self._read(path, query | {"next_cursor": cursor}):
                case Known({"data": list(page), "next_cursor": str(following)}):
                    rows += page
                case Unknown() as unknown:
                    return unknown
                case other:
                    return Unknown(f"not a page: {other!r:.200}")
            if following == LAST_PAGE:
                return Known(rows)
            if following == cursor:
                return Unknown(f"{path}: page {cursor} points to itself")
            cursor = following
        return Unknown(f"{path}: more than {MAX_PAGES} pages")


def cancelled_of(shown: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """(canceled, not canceled and why); both spellings of the second have been seen. Raises for anything else."""
    left = shown["not_canceled"] if "not_canceled" in shown else shown["notCanceled"]
    done = tuple(_text(i).lower() for i in shown["canceled"] or ())
    return done, {_text(i).lower(): str(why) for i, why in (left or {}).items()}


def balance_of(shown: dict[str, Any]) -> tuple[int, int]:
    """What a wallet has and what the exchange contract may spend of it: (balance, allowance) in millionths."""
    return _base(shown["balance"]), _allowance(shown)


def _unreadable(row: object, exc: Exception) -> UnreadableTrade:
    shown = row if isinstance(row, dict) else {}
    market, trade_id = (v if isinstance(v := shown.get(key), str) else "" for key in ("market", "id"))
    why = f"unreadable answer: trade {trade_id or 'without an id'}: {type(exc).__name__} {exc}"
    return UnreadableTrade(condition_id=market, trade_id=trade_id, why=why)


def _parsed(read: Callable[[], Any]) -> Known[Any] | Unknown:
    try:
        return Known(read())
    except GARBAGE as exc:
        return Unknown(f"unreadable answer: {type(exc).__name__} {exc}")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {value!r:.40}")
    return value


def _base(value: object) -> int:
    """Base units, which are millionths. A text with a point has been seen too: then it is decimal. Null and "" are not 0:
    ValueError.
    """
    return min(e6_of(value) if "." in str(value) else base_units_of(value), MOST_E6)


def _allowance(shown: dict[str, Any]) -> int:
    """What the standard exchange contract may still spend, in millionths; 0 when it is not named."""
    return _allowances(shown).get(eip712.EXCHANGE.lower(), 0)


def _allowances(shown: dict[str, Any]) -> dict[str, int]:
    """Allowances by spender. The old form had one for all, which was the standard exchange contract's. Who is not named may
    spend nothing; an amount that is named and cannot be read is a ValueError.
    """
    told = shown.get("allowances") or {}
    if not told:
        told = {eip712.EXCHANGE: shown["allowance"]} if "allowance" in shown else {}
    return {str(k).lower(): min(_unlimited(v), MOST_E6) for k, v in told.items()}


def _unlimited(value: object) -> int:
    """An allowance in base units, of up to 78 digits."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit():
        raise ValueError(f"not an allowance: {value!r:.40}")
    return int(value)
