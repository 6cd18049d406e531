"""What is known of an order. Facts are joined, never overwritten: POST's answer, the user channel and reads may come in any
order and any number of times, and the same state comes out.

A state is the first line of STATES that holds:

    MATCHED      the venue said nothing more will come, and something matched
    LIVE         something matched, and more may come
    REJECTED     a clear no, and the venue never had it open
    CANCELED     the venue said nothing more will come, and nothing matched
    WRITTEN_OFF  absent at both endpoints after its market had closed
    LIVE         the venue has had it
    UNKNOWN      a POST of it may have been heard
    JOURNALLED   signed and on disk, nothing else known

An order is *final* when no further fill is expected: clearly refused, written off, or over with every share that the venue
says matched seen as a trade (a FAILED trade counts: it was matched, too).
"""

import hashlib
from collections.abc import Callable, Iterable

from messages import OrderIntent, OrderUpdate
from messages.inner import OrderFields
from messages.money import OrderState
from messages.units import NS
from polybot.core.executor.books.entries import OrderTold
from polybot.core.executor.books.state import BookedFill, BookedOrder

IMMEDIATE = ("FAK", "FOK")
MAX_SALT = 2**53 - 1  # a JSON number; beyond this JavaScript rounds


def standing(order: BookedOrder) -> list[BookedFill]:
    """The fills that happened, as far as is known."""
    return [fill for fill in order.fills.values() if fill.status != "FAILED"]


def filled_e6(order: BookedOrder) -> int:
    """Shares that filled and stand, in millionths; failed trades do not count."""
    return sum(fill.size_e6 for fill in standing(order))


def spent_e6(order: BookedOrder) -> int:
    """pUSD before fee; of a SELL, what it brought."""
    return sum(fill.cost_e6 for fill in standing(order))


def fees_e6(order: BookedOrder) -> int:
    """Fees of the fills that stand, pUSD millionths."""
    return sum(fill.fee_e6 for fill in standing(order))


def _matched(order: BookedOrder) -> bool:
    return order.matched_e6 > 0 or bool(order.fills)


STATES: tuple[tuple[OrderState, Callable[[BookedOrder], bool]], ...] = (
    ("MATCHED", lambda o: o.over and _matched(o)),
    ("LIVE", _matched),
    ("REJECTED", lambda o: o.refused and (o.over or not o.seen)),
    ("CANCELED", lambda o: o.over),
    ("WRITTEN_OFF", lambda o: o.lapsed),
    ("LIVE", lambda o: o.seen),
    ("UNKNOWN", lambda o: o.unsure),
    ("JOURNALLED", lambda o: True),
)


def state_of(order: BookedOrder) -> OrderState:
    """The order's state by the table at the head of this file."""
    return next(state for state, holds in STATES if holds(order))


def is_final(order: BookedOrder) -> bool:
    """True when no further fill of this order is expected."""
    match state_of(order):
        case "REJECTED" | "WRITTEN_OFF":
            return True
        case "CANCELED" | "MATCHED":
            return traded_e6(order) == order.matched_e6
        case _:
            return False


def traded_e6(order: BookedOrder) -> int:
    """Shares of all its trades, those that failed included."""
    return sum(fill.size_e6 for fill in order.fills.values())


def reason_of(order: BookedOrder) -> tuple[str, str]:
    """(code, sentence) for people; codes as in docs/rules.md."""
    match state_of(order):
        case "REJECTED":
            return order.code or "REJECTED", order.text
        case "CANCELED":
            if order.intent.order_type in IMMEDIATE and not order.cancelled:
                return "NO_FILL", ""
            return "CANCELED", order.text or "taken back, and nothing of it had filled"
        case "UNKNOWN":
            return "UNKNOWN_ORDER", order.text
        case "WRITTEN_OFF":
            return "WRITTEN_OFF", "never found at the venue, and its market has closed"
        case "MATCHED" if not standing(order) and order.fills:
            return "FILL_FAILED", "it matched, and failed to settle: it never happened"
        case _:
            return "", ""


# --- joining


def is_news(order: BookedOrder, told: OrderTold) -> bool:
    """Would joining this change anything that counts? (A new sentence alone does not.)"""
    flags = ("unsure", "seen", "over", "refused", "lapsed", "cancelled")
    more = any(getattr(told, flag) and not getattr(order, flag) for flag in flags)
    return more or any(getattr(told, f) > getattr(order, f) for f in ("posts", "matched_e6", "making_e6"))


def join(order: BookedOrder, told: OrderTold) -> None:
    """Add what was told to what is known of the order: flags stay set, amounts only rise."""
    for flag in ("unsure", "seen", "over", "lapsed", "cancelled"):
        setattr(order, flag, getattr(order, flag) or getattr(told, flag))
    for amount in ("posts", "matched_e6", "making_e6"):
        setattr(order, amount, max(getattr(order, amount), getattr(told, amount)))
    if told.refused and not order.refused:
        order.refused, order.code = True, told.code
    order.text = told.text or order.text


# --- making


def salt_of(intent_id: str) -> int:
    """The order's salt, a function of the intent: the same intent can only ever be the same order."""
    return int.from_bytes(hashlib.sha256(b"salt/" + intent_id.encode()).digest()[:8], "big") & MAX_SALT


def metadata_of(intent_id: str) -> str:
    """The signed `metadata`: 0x and the SHA-256 of the intent's id."""
    return "0x" + hashlib.sha256(intent_id.encode()).hexdigest()


def fields_of(intent: OrderIntent) -> OrderFields:
    """What is signed. Nothing in it is new: signing the same intent again gives the same order id."""
    return OrderFields(
        salt=salt_of(intent.id),
        token_id=intent.token_id,
        maker_e6=intent.maker_e6,
        taker_e6=intent.taker_e6,
        side=intent.side,
        timestamp_ms=intent.prediction.decided_ns // 1_000_000,
        metadata=metadata_of(intent.id),
        neg_risk=intent.neg_risk,
        order_type=intent.order_type,
        post_only=intent.post_only,
        expiration_s=expiration_s(intent),
    )


def expiration_s(intent: OrderIntent) -> int:
    """When a GTD order is to expire: the venue ends it a minute before the second it is told (facts §5.7). 0 = never."""
    return intent.cancel_at_ns // NS + 60 if intent.order_type == "GTD" else 0


def refused_update(account: str, intent: OrderIntent, code: str, text: str, at_ns: int, seq: int) -> OrderUpdate:
    """An order that never was: the executor would not have it. Its id is its intent's, behind "refused:"."""
    return OrderUpdate(
        account=account,
        order_id=f"refused:{intent.id}",
        intent_id=intent.id,
        strategy=intent.strategy,
        slug=intent.slug,
        token_id=intent.token_id,
        outcome=intent.outcome,
        side=intent.side,
        state="REJECTED",
        final=True,
        filled_e6=0,
        cost_e6=0,
        fee_e6=0,
        reserved_e6=0,
        limit_e6=intent.limit_e6,
        stake_e6=intent.stake_e6,
        reason_code=code,
        reason=text,
        posts=0,
        updated_ns=at_ns,
        journal_seq=seq,
        intent=intent,
    )


def unknown_of(orders: Iterable[BookedOrder]) -> list[BookedOrder]:
    """Those of the orders whose fate is not clear."""
    return [order for order in orders if state_of(order) == "UNKNOWN"]
