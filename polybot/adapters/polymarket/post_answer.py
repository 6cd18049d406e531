"""What the answer to POST /order means. Pure. Only a clear yes or no counts; whatever is in doubt is *unknown*.

  accepted  200 that names our order · 400 "Duplicated": the same bytes were heard before
  refused   400 and other 4xx whose JSON body gives a reason · 401 · a 403 with JSON
            200 with success false, or with a reason and no order id
  retry     425 · 429 · 503 whose JSON body says the venue is not trading now: the order was not taken
  unknown   everything else: all 500s, gateways' 502/503/504 pages, 408, redirects, answers that do not parse or name another
            order, "order timed out" and "order match delayed" under any status: the order was perhaps heard
            a 403 page (GEOBLOCK): a firewall spoke, not the venue, and nobody says on which side of it the order stopped

Sources: facts §5.5, §5.6, §12.3, §12.4.
"""

import re
from typing import Any, Literal, NamedTuple

import msgspec

from polybot.adapters.polymarket.numbers import e6_of

Outcome = Literal["accepted", "refused", "unknown", "retry"]

DUPLICATED = "DUPLICATED"
MOST_RETRY_S = 3600.0
_TEXT_LIMIT = 2000  # bytes of a strange body that are looked at
_WORDS = 8  # of a page that are told
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]*>?")

# (part of the venue's text in lower case, our code); the first that is found decides
REFUSALS: tuple[tuple[str, str], ...] = (
    ("not enough balance", "INSUFFICIENT"),
    ("insufficient balance", "INSUFFICIENT"),
    ("duplicated", DUPLICATED),
    ("lower than the minimum", "MIN_SIZE"),
    ("min size:", "MIN_SIZE"),
    ("minimum tick size", "TICK"),
    ("invalid price", "TICK"),
    ("fok orders are f", "FOK_KILLED"),
    ("no orders found to match", "FAK_NO_MATCH"),
    ("no match is found", "FAK_NO_MATCH"),
    ("not yet ready", "NOT_READY"),
    ("invalid amounts", "PRECISION"),
    ("post-only order", "POST_ONLY"),
    ("crosses the book", "POST_ONLY"),
    ("invalid expiration", "EXPIRATION"),
    ("order_version_mismatch", "VERSION"),
    ("invalid order version", "VERSION"),
    ("maker address not allowed", "WALLET_TYPE"),
    ("deposit wallet flow", "WALLET_TYPE"),
    ("invalid signature", "SIGNATURE"),
    ("address banned", "BANNED"),
    ("closed only", "CLOSED_ONLY"),
    ("owner of the api key", "AUTH"),
    ("address of the api key", "AUTH"),
    ("api key", "AUTH"),
    ("canceled in the ctf exchange", "CANCELED"),
    ("invalid order payload", "PAYLOAD"),
)
_NOT_NOW: tuple[tuple[str, str], ...] = (
    ("post_only_mode", "POST_ONLY_MODE"),
    ("post-only mode", "POST_ONLY_MODE"),
    ("cancel-only", "CANCEL_ONLY"),
    ("disabled", "DISABLED"),
)
# (part of the text, our code) of answers that leave open whether the order was heard, whatever their status
_IN_DOUBT: tuple[tuple[str, str], ...] = (
    ("order match delayed", "DELAYED"),
    ("timed out", "TIMED_OUT"),
)


class PostAnswer(NamedTuple):
    """What an answer means, in the words of PostResult. making, taking: given and received so far, by the answer; 0 = not told,
    which ends no order.
    """

    outcome: Outcome
    code: str
    text: str
    status: str = ""
    making_e6: int = 0
    taking_e6: int = 0
    trade_ids: tuple[str, ...] = ()
    retry_after_s: float = 0.0


def read_post_answer(http: int, body: bytes, order_id: str, retry_after: str = "") -> PostAnswer:
    """What this answer means for the order whose digest, order_id, was posted; see the table above."""
    shown = object_of(body)
    text = reason_of(shown) or words_of(http, body)
    if http == 200:
        return _ok(shown, text, order_id)
    if http in (425, 429) or (http == 503 and reason_of(shown)):
        code = {425: "RESTARTING", 429: "RATE_LIMIT"}.get(http) or _named(text, _NOT_NOW, "NOT_NOW")
        return PostAnswer("retry", code, text, retry_after_s=_seconds(retry_after, shown))
    if http == 401:
        return PostAnswer("refused", "AUTH", text)
    if http == 403:
        return _forbidden(shown, text)
    if 400 <= http < 500 and http != 408 and reason_of(shown):
        return _refused(text)
    return PostAnswer("unknown", f"HTTP_{http}", text)


def _seconds(header: str, shown: dict[str, Any] | None) -> float:
    """Retry-After, else the body's own word; 0 = neither. Never longer than MOST_RETRY_S: it is asked again anyway."""
    told: object = header or (shown or {}).get("retry_after_seconds")
    try:
        seconds = float(told) if isinstance(told, int | float | str) else 0.0
    except ValueError:
        return 0.0  # an HTTP date: nobody has seen one here
    return seconds if 0 < seconds <= MOST_RETRY_S else 0.0


def _forbidden(shown: dict[str, Any] | None, text: str) -> PostAnswer:
    """JSON is the venue's own word; a page is not, and leaves the order in doubt."""
    if shown is None:
        return PostAnswer("unknown", "GEOBLOCK", text)
    return PostAnswer("refused", _named(text, REFUSALS, "FORBIDDEN"), text)


def _refused(text: str) -> PostAnswer:
    in_doubt = _named(text, _IN_DOUBT, "")
    if in_doubt:
        return PostAnswer("unknown", in_doubt, text)
    code = _named(text, REFUSALS, "REJECTED")
    return PostAnswer("accepted" if code == DUPLICATED else "refused", code, text)


def _ok(shown: dict[str, Any] | None, text: str, order_id: str) -> PostAnswer:
    if shown is None:
        return PostAnswer("unknown", "UNREADABLE", text)
    named, reason = shown.get("orderID"), reason_of(shown)
    if not named and (reason or shown.get("success") is False):
        return _refused(reason or text)
    if reason or shown.get("success") is not True:
        return PostAnswer("unknown", "CONTRADICTORY", text)
    if not isinstance(named, str) or named.lower() != order_id.lower():
        return PostAnswer("unknown", "OTHER_ORDER", f"the answer names {named!r}, not {order_id}")
    try:
        making, taking = (_told_e6(shown.get(k)) for k in ("makingAmount", "takingAmount"))
        trades = tuple(str(t) for t in shown.get("tradeIDs") or ())
    except (ValueError, TypeError):
        return PostAnswer("unknown", "UNREADABLE", text)
    return PostAnswer("accepted", "", "", str(shown.get("status") or ""), making, taking, trades)


def _told_e6(amount: object) -> int:
    return 0 if amount is None or amount == "" else e6_of(amount)


def _named(text: str, table: tuple[tuple[str, str], ...], otherwise: str) -> str:
    lowered = text.lower()
    return next((code for part, code in table if part in lowered), otherwise)


def words_of(http: int, body: bytes) -> str:
    """A body that gives no reason, for people: the status, and a page's title or its first words, without markup."""
    text = body[:_TEXT_LIMIT].decode("utf-8", "replace")
    title = _TITLE.search(text)
    words = _MARKUP.sub(" ", title.group(1) if title else text).split()
    told = " ".join(words[:_WORDS]) + (" …" if len(words) > _WORDS else "")
    return f"HTTP {http}: {told}" if told else f"HTTP {http}"


def object_of(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or None."""
    try:
        shown = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return shown if isinstance(shown, dict) else None


def reason_of(shown: dict[str, Any] | None) -> str:
    """The venue's own words: `error` or `errorMsg` (and `error_msg`), with its `code` where it gives one."""
    for key in ("error", "errorMsg", "error_msg"):
        reason = (shown or {}).get(key)
        if isinstance(reason, str) and reason:
            code = (shown or {}).get("code")
            return f"{reason} [{code}]" if isinstance(code, str) else reason
    return ""
