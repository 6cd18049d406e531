"""Where nobody outside knows what the real venue does, both are built, and these say which: defaults as the facts lean."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switches:
    """One sentence each; facts §17 lists the questions.

    market_buy_exceeds      a market BUY spends all its dollars where the price is better than its limit, and so gets more
                            shares than its takerAmount (facts §16)
    limit_buy_exceeds       the same of a limit BUY that crosses (5@0.99 filled 5.051: facts §14.12)
    payout_by_redeem        winners are paid when they redeem, as on chain; off: the venue pays at resolution
    fee_on_whole_order      an order's fee is rounded once over all its fills; off: each fill's by itself (facts §6.3)
    sell_fee_beside         the fee of a SELL must lie free in the wallet before it; off: it is kept back from the proceeds
                            (facts §6.3)
    minimum_counts_fee      the $1 of a marketable BUY may be reached with its fee (facts §5.4)
    minimum_size_in_usd     the smallest resting order is so many dollars, not shares (facts §5.4)
    tick_reverts            the grid returns to 0.01 once both best prices are back between 0.04 and 0.96 (facts §7.1)
    tick_edge_e6            how near to 0 or 1 a best price makes the grid finer: beyond 0.04 or 0.96 (facts §7.1)
    orders_survive_restart  resting orders are still there after the engine was restarted (facts §12.3)
    answers_live            a FAK that matched, and any order that matched only in part, is answered `live` (facts §5.5, §14.13)
    answers_delayed         a marketable order that is held is answered `delayed` at once, and what became of it is told by
                            the user channel and the reads alone; off: the answer waits for it (facts §5.7, §14.13)
    other_words             refusals and cancel reasons in the venue's other recorded wordings (facts §5.6, §4.2)
    sizes_in_base_units     our orders' sizes are read as 6-decimal integers; off: as decimals (facts §4.2)
    price_of_the_taker      GET /price names what a taker would get, BUY the best ask; off: the side's own best (facts §4.1)
    balance_cache           GET /balance-allowance, and the check of a new order, look at a cache that has not seen what a
                            redemption paid until /balance-allowance/update is asked (facts §13, §14.7)
    most_cancels            ids that one DELETE /orders may name: 1000 by the changelog, 3000 by the docs page (facts §17.13)
    l2_skew_s               how far a signed stamp may be from the venue's clock, in seconds (facts §2.2)
    polybolt_e18            PolyBolt writes its exact price as an integer × 1e18, as RTDS does; off: as a
                            decimal text, as the official migration guide and SDK have it (facts §8.2)
    taker_delay_ms          how long a marketable order is held (150 since 2026-09-04; some pages say 250)
    """

    market_buy_exceeds: bool = False
    limit_buy_exceeds: bool = False
    payout_by_redeem: bool = False
    fee_on_whole_order: bool = False
    sell_fee_beside: bool = False
    minimum_counts_fee: bool = False
    minimum_size_in_usd: bool = False
    tick_reverts: bool = False
    tick_edge_e6: int = 40_000
    orders_survive_restart: bool = False
    answers_live: bool = False
    answers_delayed: bool = False
    other_words: bool = False
    sizes_in_base_units: bool = False
    price_of_the_taker: bool = False
    balance_cache: bool = True
    most_cancels: int = 1000
    l2_skew_s: int = 30
    polybolt_e18: bool = False
    taker_delay_ms: int = 150


def sentences() -> dict[str, str]:
    """The sentence of each switch, as above, for people who look for it."""
    told: dict[str, str] = {}
    name = ""
    for line in (Switches.__doc__ or "").splitlines()[2:]:
        words = line.split()
        if words and words[0] in Switches.__dataclass_fields__ and line.startswith("    " + words[0] + " "):
            name, words = words[0], words[1:]
        if name and words:
            told[name] = " ".join([*told.get(name, "").split(), *words])
    return told
