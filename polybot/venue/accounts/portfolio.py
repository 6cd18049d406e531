"""What the Data API knows of a wallet, worked out from the engine's trades: its fills on chain, its holdings. Pure.

Rows appear only once a trade is mined, and never for one that failed, as on chain (facts §11).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from messages.units import E6
from polybot.sim.venue import EngineTrade, Market

ON_CHAIN = ("MINED", "CONFIRMED")
Status = Literal["OPEN", "REDEEMABLE", "CLOSED"]


@dataclass(frozen=True)
class PortfolioFill:
    """One wallet's part of a trade, in its own token and side. usd_e6 without the fee."""

    trade_id: str
    wallet: str
    condition_id: str
    token: str
    side: Literal["BUY", "SELL"]
    size_e6: int
    price_e6: int
    usd_e6: int
    fee_e6: int
    at_s: int
    is_taker: bool


@dataclass
class PortfolioPosition:
    """A wallet's dealings in one token. size_e6 is what the account holds now; got_e6 what came of sales and payout."""

    wallet: str
    token: str
    condition_id: str
    bought_e6: int = 0
    cost_e6: int = 0
    sold_e6: int = 0
    got_e6: int = 0
    fees_e6: int = 0
    size_e6: int = 0
    first_s: int = 0
    last_s: int = 0

    @property
    def average_e6(self) -> int:
        """The mean price of all that was bought, in millionths; 0 when nothing was."""
        return self.cost_e6 * E6 // self.bought_e6 if self.bought_e6 else 0

    @property
    def cost_left_e6(self) -> int:
        """What the shares still held cost, at the average price, pUSD millionths."""
        return self.size_e6 * self.average_e6 // E6

    @property
    def realized_e6(self) -> int:
        """What the shares no longer held have gained, pUSD millionths."""
        return self.got_e6 - (self.cost_e6 - self.cost_left_e6)


def fills_of(trades: Iterable[EngineTrade], wallet: str = "") -> list[PortfolioFill]:
    """The fills on chain, of one wallet or (wallet "") of everyone, the newest first."""
    found = [fill for trade in trades if trade.status in ON_CHAIN for fill in _fills(trade)]
    mine = [fill for fill in found if not wallet or fill.wallet == wallet]
    return sorted(mine, key=lambda fill: fill.at_s)[::-1]


def _fills(trade: EngineTrade) -> list[PortfolioFill]:
    at_s = trade.mined_ns // 1_000_000_000

    def fill(
        wallet: str, token: str, side: Literal["BUY", "SELL"], size: int, price: int, fee: int, taker: bool
    ) -> PortfolioFill:
        usd = size * price // E6
        return PortfolioFill(
            trade.trade_id, wallet, trade.condition_id, token, side, size, price, usd, fee, at_s, taker
        )

    makers = [fill(m.owner, m.token, m.side, m.size_e6, m.price_e6, 0, False) for m in trade.makers]
    return [
        fill(trade.taker, trade.token, trade.side, trade.size_e6, trade.price_e6, trade.fee_e6, True),
        *makers,
    ]


def holdings_of(fills: Iterable[PortfolioFill], held_e6: dict[str, int]) -> list[PortfolioPosition]:
    """Token by token, oldest first; held_e6 is the account's own word on what it holds now."""
    found: dict[str, PortfolioPosition] = {}
    for fill in sorted(fills, key=lambda f: f.at_s):
        holding = found.setdefault(
            fill.token, PortfolioPosition(fill.wallet, fill.token, fill.condition_id, first_s=fill.at_s)
        )
        holding.last_s = fill.at_s
        holding.fees_e6 += fill.fee_e6
        if fill.side == "BUY":
            holding.bought_e6 += fill.size_e6
            holding.cost_e6 += fill.usd_e6
        else:
            holding.sold_e6 += fill.size_e6
            holding.got_e6 += fill.usd_e6
    for token, holding in found.items():
        holding.size_e6 = held_e6.get(token, 0)
    return list(found.values())


def pays_e6(market: Market, token: str) -> int | None:
    """What a share of it is redeemed for; None before the end."""
    match market.winner:
        case None:
            return None
        case "SPLIT":
            return E6 // 2
    return E6 if (token == market.up_token) == (market.winner == "UP") else 0


def redeemed_e6(holding: PortfolioPosition) -> int:
    """Shares that left otherwise than by a sale: after the end, by redemption."""
    return max(0, holding.bought_e6 - holding.sold_e6 - holding.size_e6)


def status_of(holding: PortfolioPosition, market: Market) -> Status:
    """The status that a position's row reports: lost ones are redeemable for nothing."""
    if not holding.size_e6:
        return "CLOSED"
    return "OPEN" if market.winner is None else "REDEEMABLE"
