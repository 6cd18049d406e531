"""The engine's nouns. What is handed out is frozen; `EngineOrder`, `VenueAccount` and `Market` live in it and change there."""

from dataclasses import dataclass, field
from typing import Literal

E6 = 1_000_000
COLLATERAL = "pUSD"
HOUSE = "house"  # the world's makers: a purse without bottom, cash may be negative and still counts
CROWD = "crowd"  # the world's takers, likewise
FEES = "fees"  # where taker fees go
UNLIMITED = (HOUSE, CROWD, FEES)
ALL = 2**256 - 1  # the allowance a wallet gives once and for all

Side = Literal["BUY", "SELL"]
OrderKind = Literal["GTC", "GTD", "FOK", "FAK"]
Winner = Literal["UP", "DOWN", "SPLIT"]
BookSide = Literal["BID", "ASK"]
TradeStatus = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]
Fate = Literal["CONFIRM", "RETRY", "FAIL"]
Levels = tuple[tuple[int, int], ...]
"""(price_e6, size_e6), best first."""


@dataclass(slots=True)
class Market:
    """One window's market. `pool_e6` pUSD behind the sets outstanding, one each.

    is_final: the winner is the chain's word; until then it is announced only, and `held` keeps (Up, Down) of each account
    as the announcement found it, so that a correction can be booked.
    """

    condition_id: str
    slug: str
    up_token: str
    down_token: str
    start_s: int
    end_s: int
    tick_e6: int = 10_000
    min_size_e6: int = 5 * E6
    fee_rate_e6: int = 70_000
    fee_exponent: int = 1
    taker_delay_ns: int = 150_000_000
    neg_risk: bool = False
    accepting: bool = True
    winner: Winner | None = None
    resolved_ns: int = 0
    pool_e6: int = 0
    is_final: bool = True
    held: dict[str, tuple[int, int]] = field(default_factory=dict)

    def other(self, token: str) -> str:
        """The token of the opposite outcome."""
        return self.down_token if token == self.up_token else self.up_token


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A signed order as it arrives, signature already checked. maker_e6 is given, taker_e6 received (facts §5.4)."""

    order_id: str
    owner: str
    token: str
    side: Side
    maker_e6: int
    taker_e6: int
    kind: OrderKind = "GTC"
    post_only: bool = False
    expiration_s: int = 0


@dataclass(slots=True)
class EngineOrder:
    """An order the venue's engine knows. status: LIVE HELD MATCHED CANCELED, or CANCELED_<why> as the venue words it.

    price_e6 the limit on the grid; size_e6 shares wanted; filled_e6 shares, usd_e6 their cost, fee_e6 what was paid on top
    (BUY) or kept back (SELL). reserved_e6: pUSD of a BUY or shares of a SELL set aside.
    """

    order_id: str
    owner: str
    condition_id: str
    token: str
    side: Side
    kind: OrderKind
    price_e6: int
    size_e6: int
    maker_e6: int
    taker_e6: int
    post_only: bool
    expiration_s: int
    created_ns: int
    status: str = "LIVE"
    filled_e6: int = 0
    usd_e6: int = 0
    fee_e6: int = 0
    reserved_e6: int = 0
    until_ns: int = 0
    trade_ids: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether the order rests on the book."""
        return self.status == "LIVE"


@dataclass(frozen=True, slots=True)
class MakerFill:
    """A maker's part of a trade, in the maker's own token and side. order_id "" for the world's makers."""

    order_id: str
    owner: str
    token: str
    side: Side
    size_e6: int
    price_e6: int


@dataclass(frozen=True, slots=True)
class EngineTrade:
    """One match of a taker at one price; price_e6 is in the taker's token, usd_e6 = size × price without rounding.

    mined_ns, confirmed_ns: when the chain will have it; a function of the trade's id. fate: what the chain will make of it
    (see chain.py); nobody outside is told. n: the engine's own count.
    """

    trade_id: str
    condition_id: str
    taker_order_id: str
    taker: str
    token: str
    side: Side
    size_e6: int
    price_e6: int
    usd_e6: int
    fee_e6: int
    makers: tuple[MakerFill, ...]
    matched_ns: int
    mined_ns: int
    confirmed_ns: int
    status: TradeStatus = "MATCHED"
    n: int = 0
    fate: Fate = "CONFIRM"


@dataclass(slots=True)
class VenueAccount:
    """A wallet. unconfirmed_e6: what trades that are not CONFIRMED yet have brought, shares and proceeds: not to be spent,
    because a trade that FAILED takes it back."""

    address: str
    cash_e6: int = 0
    allowance_e6: int = ALL
    tokens_approved: bool = True
    positions: dict[str, int] = field(default_factory=dict)
    unconfirmed_e6: dict[str, int] = field(default_factory=dict)
    reserved_e6: dict[str, int] = field(default_factory=dict)

    def available_e6(self, asset: str) -> int:
        """What a new order may count on: balance − what open orders have set aside − what is unconfirmed."""
        balance = self.cash_e6 if asset == COLLATERAL else self.positions.get(asset, 0)
        return balance - self.reserved_e6.get(asset, 0) - self.unconfirmed_e6.get(asset, 0)


# --- results


@dataclass(frozen=True, slots=True)
class Placed:
    """The engine took the order. making_e6 given and taking_e6 received at once (pUSD or shares by side), fee apart.
    delayed: held, and answered before it was looked at; the engine itself never says so, who answers for it may."""

    order_id: str
    status: Literal["live", "matched", "delayed"]
    making_e6: int
    taking_e6: int
    trade_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """No, in the venue's own words. stored: the order is known by its id now (a killed FOK or FAK), a repeat is refused."""

    order_id: str
    error: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A marketable order waits out the taker delay: call `release(order_id, now)` at until_ns; not cancellable before."""

    order_id: str
    until_ns: int


Result = Placed | Rejected | Held


@dataclass(frozen=True, slots=True)
class Canceled:
    """Answer to a cancel: ids gone, and why the others are not."""

    canceled: tuple[str, ...]
    not_canceled: dict[str, str]


# --- events


@dataclass(frozen=True, slots=True)
class BookChanged:
    """New totals at levels of the merged book, in Up's terms: mirror (1 − price, BID↔ASK) for Down. size 0: level gone."""

    condition_id: str
    changes: tuple[tuple[BookSide, int, int], ...]
    best_bid_e6: int | None
    best_ask_e6: int | None
    at_ns: int


@dataclass(frozen=True, slots=True)
class TickChanged:
    """Both tokens of the market move to another grid, nearly always a finer one."""

    condition_id: str
    old_e6: int
    new_e6: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class TradeChanged:
    """A trade was made (MATCHED) or moved on. public: just now, so the market channel prints it."""

    trade: EngineTrade
    at_ns: int

    @property
    def public(self) -> bool:
        """True for the event that everybody hears of: the match itself, no later status."""
        return self.trade.status == "MATCHED"


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """A wallet's order was placed, filled further, or ended. `order` is a copy as of now."""

    kind: Literal["PLACEMENT", "UPDATE", "CANCELLATION"]
    order: EngineOrder
    at_ns: int


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """A wallet's balance of pUSD (asset COLLATERAL) or of a token is now this."""

    address: str
    asset: str
    balance_e6: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class MarketEnded:
    """The market is resolved: its orders are gone, its book is empty, winners are paid (or may redeem). is_correction: the
    winner said before was wrong; paid_e6 are then differences, of either sign."""

    condition_id: str
    winner: Winner
    paid_e6: dict[str, int]
    at_ns: int
    is_correction: bool = False


EngineEvent = BookChanged | TickChanged | TradeChanged | OrderChanged | BalanceChanged | MarketEnded

Row = tuple[str, str, bytes]
"""(table, key, JSON): table one of market, account, order, trade; a later row replaces an earlier one of the same key."""
