"""From a stake to the venue's two integers. Decimals never pass through floats: 0.29, 0.57 and 0.58 survive.

Rules (rules §3):
 1. limit = min(ask + slack, max_price), floored to the 0.01 grid even where the tick is 0.001: valid under both.
 2. maker = floor(stake, 2 decimals) pUSD; taker = floor(maker / limit, 4 decimals) shares: the implied price is never
    below the limit, so the last cent of the limit is really offered.
 3. worst = maker × (1 + rate), rounded up: what must be reserved. Why it bounds the fee: a fill of cost c at price p pays
    (c / p) · rate · (p(1 − p))^e = c · rate · p^(e−1) · (1 − p)^e ≤ c · rate for every e ≥ 1 and every p, and a FAK BUY
    never costs more than maker, however many shares a better price gives. At p ≥ 0.01 the true fee leaves at least 1 % of
    the bound, which covers the venue's rounding of each fill to 0.00001. With e < 1 nothing bounds it: such a schedule is
    refused (NO_FEE_SCHEDULE), as is none at all.
 4. A marketable BUY must be ≥ 1 USD before fee (BELOW_MINIMUM); never rounded up to it.
 5. A BUY that rests: shares = floor(stake / limit, 2 decimals), pUSD = shares × limit exactly; at least the market's own
    minimum of shares (5), else BELOW_MINIMUM. It never takes: where only takers pay a fee, nothing comes on top.
"""

from dataclasses import dataclass

from messages import FeeSchedule
from messages.units import E6, decimal_text, usd_text
from polybot.core.reasons import Reason

GRID_E6 = 10_000
CENT_E6 = 10_000
SHARE_STEP_E6 = 100  # 4 decimals: more are refused whatever the tick (facts §5.4)
MIN_MARKETABLE_E6 = E6


@dataclass(frozen=True)
class BuyAmounts:
    """A BUY: pUSD given, shares at least received, pUSD to reserve; all millionths."""

    limit_e6: int
    maker_e6: int
    taker_e6: int
    worst_e6: int


def limit_e6(ask_e6: int, slack_e6: int, cap_e6: int) -> int:
    """The order's limit (rule 1). May come out below the ask where the cap is not on the grid: then nothing can fill."""
    return min(ask_e6 + slack_e6, cap_e6) // GRID_E6 * GRID_E6


def worst_e6(maker_e6: int, rate_e6: int) -> int:
    """pUSD millionths to reserve for an order: the stake and the dearest fee, rounded up (rule 3)."""
    return maker_e6 - (-maker_e6 * rate_e6 // E6)


def no_schedule() -> Reason:
    """The venue did not say what it takes."""
    return Reason("NO_FEE_SCHEDULE", "the venue gave no fee schedule for this market; unknown is not zero")


def fak_buy(stake_e6: int, limit: int, fee: FeeSchedule | None) -> BuyAmounts | Reason:
    """The two integers of a FAK BUY at a limit in millionths, 0 < limit < 1, or why there is none (rules 2–4)."""
    schedule = _bounded(limit, fee)
    if isinstance(schedule, Reason):
        return schedule
    maker = stake_e6 // CENT_E6 * CENT_E6
    if maker < MIN_MARKETABLE_E6:
        return Reason("BELOW_MINIMUM", f"stake {usd_text(maker)} USD is below the venue's minimum of 1.00 USD")
    taker = maker * E6 // (limit * SHARE_STEP_E6) * SHARE_STEP_E6
    return BuyAmounts(limit, maker, taker, worst_e6(maker, schedule.rate_e6))


def resting_buy(stake_e6: int, limit: int, fee: FeeSchedule | None, min_size_e6: int) -> BuyAmounts | Reason:
    """Amounts of a resting BUY (rule 5); min_size_e6 in millionths of shares. The limit must lie on the 0.01 grid, else the
    product is not exact.
    """
    schedule = _bounded(limit, fee)
    if isinstance(schedule, Reason):
        return schedule
    shares = stake_e6 * E6 // (limit * CENT_E6) * CENT_E6
    if shares < min_size_e6:
        bought = f"{usd_text(stake_e6)} USD buy {decimal_text(shares)} shares at {decimal_text(limit)}"
        return Reason("BELOW_MINIMUM", f"{bought}; the venue's minimum to rest is {decimal_text(min_size_e6)}")
    maker = shares * limit // E6
    return BuyAmounts(limit, maker, shares, maker if schedule.taker_only else worst_e6(maker, schedule.rate_e6))


def _bounded(limit: int, fee: FeeSchedule | None) -> FeeSchedule | Reason:
    """The schedule, where it bounds the fee."""
    if fee is None:
        return no_schedule()
    if fee.exponent < 1 or fee.rate_e6 < 0:
        return Reason(
            "NO_FEE_SCHEDULE",
            f"fee rate {decimal_text(fee.rate_e6)}, exponent {fee.exponent}: only rate ≥ 0, exponent ≥ 1 is bounded",
        )
    if not 0 < limit < E6:
        return Reason("PRICE_ABOVE_CAP", f"limit {decimal_text(limit)} is not between 0 and 1")
    return fee
