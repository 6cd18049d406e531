"""Decimal texts of the venue as millionths. Strict: exponents, signs, NaN, underscores and foreign digits are not numbers."""

import re
from datetime import UTC, datetime
from typing import TypeGuard

from messages.units import E6, e6

GARBAGE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading a strange object raises. Bad bytes from outside are weather: count and drop, or call the read unknown."""


def e6_of(text: object) -> int:
    """ "0.52" → 520000. A seventh decimal is rounded half up; raises ValueError."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError(f"not a decimal text: {text!r:.40}")
    whole, _, part = text.partition(".")
    if not (whole + part).isdigit() or len(whole) > 12:
        raise ValueError(f"not a decimal text: {text!r:.40}")
    if len(part) > 6:
        return e6(text)
    return int(whole or "0") * E6 + int(part.ljust(6, "0"))


def price_of(text: object) -> int:
    """A price, strictly between 0 and 1 pUSD a share."""
    price_e6 = e6_of(text)
    if not 0 < price_e6 < E6:
        raise ValueError(f"not a price: {text!r:.40}")
    return price_e6


def base_units_of(text: object) -> int:
    """ "5000000" → 5000000: millionths that the venue writes as whole numbers. Nothing, null and "" are not 0: ValueError."""
    if not _is_whole(text) or len(text) > 18:
        raise ValueError(f"not base units: {text!r:.40}")
    return int(text)


class SizeUnit:
    """Whether the venue writes these sizes as decimals or as 6-decimal integers (facts §4.2): learnt once, then never guessed.

    A point means decimals. A whole number from a million up, in a size of ours, means base units: it would be a million
    shares. A whole number below ten thousand that an order was made for means decimals: a hundredth of a share is below
    every minimum. Until something of the kind was seen a whole number from one thousand on may mean either, and is refused.
    """

    SURELY_BASE = 1_000_000
    NO_ORDER = 10_000
    NO_TRADE = 1_000

    def __init__(self) -> None:
        self.in_base_units: bool | None = None

    def learn(self, *told: object, ordered: object = None) -> None:
        """Take in sizes of ours, and what an order was made for. The first that leaves no doubt decides for good."""
        for text in (*told, ordered):
            if self.in_base_units is None and isinstance(text, str) and "." in text:
                self.in_base_units = False
        for text in (*told, ordered):
            if self.in_base_units is None and _is_whole(text) and int(text[:18]) >= self.SURELY_BASE:
                self.in_base_units = True
        if self.in_base_units is None and _is_whole(ordered) and 0 < int(ordered[:18]) < self.NO_ORDER:
            self.in_base_units = False

    def e6_of(self, text: object) -> int:
        """Millionths of a share. ValueError for what is no size, is absent, or may still mean two things."""
        if self.in_base_units:
            return base_units_of(text)
        if self.in_base_units is None and _is_whole(text) and int(text[:18]) >= self.NO_TRADE:
            raise ValueError(f"size {text:.40}: in shares or in millionths is not known yet")
        return e6_of(text)


def _is_whole(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and text.isascii() and text.isdigit()


def seconds_of(value: object) -> int:
    """Unix seconds from seconds, milliseconds (number or text) or an ISO text, which is UTC unless it says otherwise; 0 when
    absent."""
    if value is None or value == "":
        return 0
    text = str(value)
    if re.fullmatch(r"[0-9]+\.[0-9]*", text):
        text = text.partition(".")[0]
    if not (text.isascii() and text.isdigit()):
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if len(text) > 15:
        raise ValueError(f"not a unix time: {text:.40}")
    number = int(text)
    return number // 1000 if number > 100_000_000_000 else number
