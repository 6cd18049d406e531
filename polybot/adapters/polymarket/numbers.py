"""Decimal texts of the venue as millionths. Strict: exponents, signs, NaN, underscores and foreign digits are not numbers."""

from datetime import datetime

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


def amount_of(text: object, in_base_units: bool) -> int:
    """Shares that the venue writes either as decimals or as 6-decimal integers. None and "" are 0."""
    if text is None or text == "":
        return 0
    if in_base_units:
        if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 18:
            raise ValueError(f"not base units: {text!r:.40}")
        return int(text)
    return e6_of(text)


def is_base_units(text: object) -> bool:
    """Is this size a 6-decimal integer? The venue's documents disagree (facts §4.2). From 100,000 up a whole number is read
    as base units: orders of ours are never so many shares, and 100,000 base units are a tenth of a share.
    """
    return isinstance(text, str) and text.isascii() and text.isdigit() and int(text[:18]) >= 100_000


def seconds_of(value: object) -> int:
    """Unix seconds from seconds, milliseconds (number or text) or an ISO text; 0 when absent."""
    if value is None or value == "":
        return 0
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        return int(datetime.fromisoformat(text).timestamp())
    if len(text) > 15:
        raise ValueError(f"not a unix time: {text:.40}")
    number = int(text)
    return number // 1000 if number > 100_000_000_000 else number
