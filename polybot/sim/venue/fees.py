"""What a taker pays: facts §6.1, written down anew here, so that the bot's own formula has a judge."""

from collections.abc import Sequence
from fractions import Fraction

E6 = 1_000_000


def fee_e6(size_e6: int, price_e6: int, rate_e6: int, exponent: int) -> int:
    """shares × rate × (p(1−p))^exponent in pUSD millionths, to the venue's 5 decimals, half up."""
    if exponent == 1:
        # size·rate·p·(1−p) carries 10^24; one unit of the fifth decimal is 10^-5 = 10 millionths
        raw = size_e6 * rate_e6 * price_e6 * (E6 - price_e6)
        return (raw + 5 * 10**18) // 10**19 * 10
    return int(_exact(size_e6, price_e6, rate_e6, exponent) * 10**5 + Fraction(1, 2)) * 10


def fees_e6(parts: Sequence[tuple[int, int]], rate_e6: int, exponent: int, on_whole: bool) -> list[int]:
    """Fees of an order's fills, (size, price) each. on_whole: rounded once over all of them, the last bears the difference."""
    each = [fee_e6(size, price, rate_e6, exponent) for size, price in parts]
    if on_whole and len(parts) > 1:
        exact = sum(_exact(size, price, rate_e6, exponent) for size, price in parts)
        each[-1] = max(0, int(exact * 10**5 + Fraction(1, 2)) * 10 - sum(each[:-1]))
    return each


def _exact(size_e6: int, price_e6: int, rate_e6: int, exponent: int) -> Fraction:
    share = Fraction(price_e6 * (E6 - price_e6), E6 * E6) ** exponent
    return Fraction(size_e6 * rate_e6, E6 * E6) * share
