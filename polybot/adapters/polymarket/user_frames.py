"""The user channel's frames as words for the executor. Pure: text in, words out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from messages.inner import UserFact
from polybot.adapters.polymarket.account_parser import Ourselves, Units, order_of, orders_named_in, trades_of
from polybot.adapters.polymarket.numbers import GARBAGE

if TYPE_CHECKING:  # whoever hears public frames alone needs no curve and no hash
    from polybot.adapters.polymarket.signing import Credentials


def first_frame(credentials: "Credentials") -> str:
    """The frame that logs in to the user channel; without `markets` it hears of all of them."""
    auth = {
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "passphrase": credentials.passphrase,
    }
    return msgspec.json.encode({"type": "user", "auth": auth}).decode()


def facts_of(text: str, us: Ourselves, units: Units) -> Iterator[UserFact]:
    """One frame. Never raises; what cannot be read is said to be bad, with the orders it names and without its content (it
    may name secrets).
    """
    if text.strip() in ("PONG", ""):
        return
    try:
        shown = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        yield UserFact(kind="bad", why=f"not JSON: {exc}")
        return
    for event in shown if isinstance(shown, list) else [shown]:
        try:
            match event.get("event_type"):
                case "order":
                    yield UserFact(kind="order", order=order_of(event, units.orders))
                case "trade":
                    yield UserFact(kind="trade", trades=trades_of(event, us, units.trades))
        except GARBAGE as exc:
            yield UserFact(kind="bad", why=f"{type(exc).__name__}: {exc}", order_ids=orders_named_in(event))
