"""Where nobody outside knows what the real venue does, both are built, and these say which: defaults as the facts lean."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switches:
    """One sentence each; facts §17 lists the questions.

    market_buy_exceeds      a market BUY spends all its dollars where the price is better than its limit, and so gets more
                            shares than its takerAmount (§16)
    limit_buy_exceeds       the same of a limit BUY that crosses (5@0.99 filled 5.051, §14.12)
    payout_by_redeem        winners are paid when they redeem, as on chain; off: the venue pays at resolution
    fee_on_whole_order      an order's fee is rounded once over all its fills; off: each fill's by itself (§6.3)
    minimum_counts_fee      the $1 of a marketable BUY may be reached with its fee (§5.4)
    minimum_size_in_usd     the smallest resting order is so many dollars, not shares (§5.4)
    tick_reverts            the grid returns to 0.01 once both best prices are back between 0.04 and 0.96 (§7.1)
    orders_survive_restart  resting orders are still there after the engine was restarted (§12.3)
    polybolt_e18            PolyBolt writes its exact price as an integer × 1e18, as the sheet's example has it; off: as a
                            decimal text, as the official migration guide and SDK have it (§8.2)
    taker_delay_ms          how long a marketable order is held (150 since 2026-09-04; some pages say 250)
    """

    market_buy_exceeds: bool = False
    limit_buy_exceeds: bool = False
    payout_by_redeem: bool = False
    fee_on_whole_order: bool = False
    minimum_counts_fee: bool = False
    minimum_size_in_usd: bool = False
    tick_reverts: bool = False
    orders_survive_restart: bool = False
    polybolt_e18: bool = False
    taker_delay_ms: int = 150
