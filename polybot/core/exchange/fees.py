"""What a taker pays: facts §6.1, written down anew here, so that the bot's own formula has a judge."""

from fractions import Fraction

E6 = 1_000_000


def fee_e6(size_e6: int, price_e6: int, rate_e6: int, exponent: int) -> int:
    """shares × rate × (p(1−p))^exponent in pUSD millionths, to the venue's 5 decimals, half up."""
    if exponent == 1:
        # size·rate·p·(1−p) carries 10^24; one unit of the fifth decimal is 10^-5 = 10 millionths
        raw = size_e6 * rate_e6 * price_e6 * (E6 - price_e6)
        return (raw + 5 * 10**18) // 10**19 * 10
    share = Fraction(price_e6 * (E6 - price_e6), E6 * E6) ** exponent
    exact = Fraction(size_e6 * rate_e6, E6 * E6) * share * 10**5
    return int(exact + Fraction(1, 2)) * 10
