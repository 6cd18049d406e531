"""Counted quantities are integers in millionths; this is where people's decimals become them, and back.

`price_e6` is pUSD a share, `size_e6` shares, `usd_e6` pUSD. Estimates (a BTC price, an RSI) stay floats.
Times are integer nanoseconds since 1970 (`_ns`) in world time unless the name says `mono`.
"""

from decimal import ROUND_HALF_UP, Decimal

E6 = 1_000_000
NS = 1_000_000_000
MS = 1_000_000


def e6(text: str | int | Decimal) -> int:
    """Millionths of a decimal text ("0.52" → 520000). A seventh decimal is rounded half up."""
    return int((Decimal(text) * E6).to_integral_value(ROUND_HALF_UP))


def decimal_text(value_e6: int) -> str:
    """The shortest decimal text of millionths: 520000 → "0.52", 5000000 → "5"."""
    sign, value = ("-", -value_e6) if value_e6 < 0 else ("", value_e6)
    whole, part = divmod(value, E6)
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def usd_text(value_e6: int) -> str:
    """Dollars and cents for people, half up: 5005000 → "5.01"."""
    sign, value = ("-", -value_e6) if value_e6 < 0 else ("", value_e6)
    cents = (value + 5_000) // 10_000
    return f"{sign if cents else ''}{cents // 100}.{cents % 100:02d}"


def mul_e6(a_e6: int, b_e6: int) -> int:
    """Product of two millionths, rounded half up once. Both ≥ 0."""
    return (a_e6 * b_e6 + E6 // 2) // E6
