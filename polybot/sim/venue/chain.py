"""What the chain makes of a match, step by step: a table.

    CONFIRM   MATCHED → MINED → CONFIRMED
    RETRY     MATCHED → RETRYING → MINED → CONFIRMED     the transaction failed once, the operator sent it again
    FAIL      MATCHED → RETRYING → FAILED                the fill never happened: shares, pUSD and fee go back

The order keeps what it matched: at the real venue too a ghost fill is told by its trade, not by its order (facts §14.1).
"""

from polybot.sim.venue.types import COLLATERAL, UNLIMITED, EngineTrade, Fate, TradeStatus

AFTER: dict[tuple[Fate, TradeStatus], TradeStatus] = {
    ("CONFIRM", "MATCHED"): "MINED",
    ("CONFIRM", "MINED"): "CONFIRMED",
    ("RETRY", "MATCHED"): "RETRYING",
    ("RETRY", "RETRYING"): "MINED",
    ("RETRY", "MINED"): "CONFIRMED",
    ("FAIL", "MATCHED"): "RETRYING",
    ("FAIL", "RETRYING"): "FAILED",
}
RETRIED_NS = 2_000_000_000  # a second attempt is confirmed so much later than it would have been at the first


def next_step(trade: EngineTrade) -> tuple[TradeStatus, int] | None:
    """(status, world time) of a trade's next change; None when it is final."""
    after = AFTER.get((trade.fate, trade.status))
    if after is None:
        return None
    if trade.status == "MATCHED":
        return after, trade.mined_ns
    late = RETRIED_NS if trade.fate == "RETRY" and after == "CONFIRMED" else 0
    return after, trade.confirmed_ns + late


def changed_ns(trade: EngineTrade) -> int:
    """When a trade came to the status it has."""
    if trade.status == "MATCHED":
        return trade.matched_ns
    if trade.status == "RETRYING" or (trade.status == "MINED" and trade.fate == "CONFIRM"):
        return trade.mined_ns
    return trade.confirmed_ns + (RETRIED_NS if trade.fate == "RETRY" and trade.status == "CONFIRMED" else 0)


def received(trade: EngineTrade) -> list[tuple[str, str, int]]:
    """(wallet, asset, amount) of what a trade brings the wallets in it: shares of a BUY, proceeds after fee of a SELL."""
    bought = trade.side == "BUY"
    parts = [
        (trade.taker, trade.token if bought else COLLATERAL, trade.size_e6 if bought else trade.usd_e6 - trade.fee_e6)
    ]
    for maker in trade.makers:
        if maker.side == "BUY":
            parts.append((maker.owner, maker.token, maker.size_e6))
        else:
            parts.append((maker.owner, COLLATERAL, maker.size_e6 * maker.price_e6 // 1_000_000))
    return [part for part in parts if part[0] not in UNLIMITED]
