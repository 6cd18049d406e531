"""What the venue says of our account: orders, trades, balances, activity, holdings; asked for, or heard on the user channel.

Every read is three-valued: known, empty, or unknown and why. Its purpose comes back with the answer.
"""

from typing import Literal

from messages.base import Inner
from messages.inner.purposes import AnyReadPurpose
from messages.trade import Side


class VenueOrder(Inner, frozen=True, kw_only=True):
    """One order as the venue reports it, on either endpoint or the user channel."""

    order_id: str
    condition_id: str
    token_id: str
    side: Side
    state: Literal["LIVE", "MATCHED", "CANCELED", "DELAYED", "OTHER"]
    raw_status: str
    original_e6: int
    matched_e6: int
    price_e6: int
    trade_ids: tuple[str, ...]
    created_s: int


class VenueTrade(Inner, frozen=True, kw_only=True):
    """One trade of ours, ours being the taker or one of the makers: one line an order of ours in it."""

    trade_id: str
    order_id: str
    condition_id: str
    token_id: str
    side: Side
    size_e6: int
    price_e6: int
    status: Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]
    is_taker: bool
    matched_s: int


class UnreadableTrade(Inner, frozen=True, kw_only=True):
    """A row of our trades that cannot be understood. "" = not even its market, or its id, can be read."""

    condition_id: str
    why: str
    trade_id: str = ""


class ReadOrder(Inner, frozen=True, kw_only=True):
    """What does the venue know of this order: asks the order endpoint and the trades endpoint."""

    purpose: AnyReadPurpose
    order_id: str
    condition_id: str


class OrderRead(Inner, frozen=True, kw_only=True):
    """Three-valued: known with `order`, known and empty (order None and both endpoints said so), or not known."""

    purpose: AnyReadPurpose
    order_id: str
    known: bool
    order: VenueOrder | None
    trades: tuple[VenueTrade, ...]
    why: str
    http: int = 0  # the status that refused it; 0 = none
    unreadable: tuple[UnreadableTrade, ...] = ()  # known is False then: what they say of this order is open


class ReadOpenOrders(Inner, frozen=True, kw_only=True):
    """All orders of this account that are open at the venue."""

    purpose: AnyReadPurpose


class OpenOrdersRead(Inner, frozen=True, kw_only=True):
    """The open orders; known False: the read failed, which is not "no orders"."""

    purpose: AnyReadPurpose
    known: bool
    orders: tuple[VenueOrder, ...]
    why: str
    http: int = 0  # the status that refused it; 0 = none


class ReadTrades(Inner, frozen=True, kw_only=True):
    """All trades of this account since `after_s` (world unix seconds)."""

    purpose: AnyReadPurpose
    after_s: int


class TradesRead(Inner, frozen=True, kw_only=True):
    """The trades; known False: the read failed, which is not "no trades". unreadable: rows of it that say nothing."""

    purpose: AnyReadPurpose
    known: bool
    trades: tuple[VenueTrade, ...]
    why: str
    http: int = 0  # the status that refused it; 0 = none
    unreadable: tuple[UnreadableTrade, ...] = ()


class ReadBalance(Inner, frozen=True, kw_only=True):
    """Spendable pUSD (token_id "") or the shares of a token. refresh: the venue looks at the chain first, not at its cache."""

    purpose: AnyReadPurpose
    token_id: str
    refresh: bool = False


class BalanceRead(Inner, frozen=True, kw_only=True):
    """What may be spent or sold, and what the exchange contract may take of it; both meaningless unless known."""

    purpose: AnyReadPurpose
    token_id: str
    known: bool
    balance_e6: int
    allowance_e6: int
    why: str
    http: int = 0  # the status that refused it; 0 = none


class ReadActivity(Inner, frozen=True, kw_only=True):
    """What came to and went from the wallet since `after_s` (world unix seconds), trades left out: the Data API's activity."""

    purpose: AnyReadPurpose
    after_s: int


class Activity(Inner, frozen=True, kw_only=True):
    """One movement of cash. id names it for ever; amount_e6 is negative for what went out."""

    id: str
    kind: str
    amount_e6: int
    condition_id: str
    at_s: int


class ActivityRead(Inner, frozen=True, kw_only=True):
    """The movements of cash, or (known False) that the read failed, which is not "nothing happened"."""

    purpose: AnyReadPurpose
    known: bool
    rows: tuple[Activity, ...]
    why: str


class ReadHoldings(Inner, frozen=True, kw_only=True):
    """All open positions of the wallet, as the Data API shows them."""

    purpose: AnyReadPurpose


class HoldingsRead(Inner, frozen=True, kw_only=True):
    """The wallet's shares, token → millionths; known False: the read failed, which is not "none"."""

    purpose: AnyReadPurpose
    known: bool
    shares: dict[str, int]
    why: str


class ReadMarket(Inner, frozen=True, kw_only=True):
    """Is this market closed, and who won? From the venue's market endpoint and Gamma."""

    purpose: AnyReadPurpose
    slug: str
    condition_id: str


class MarketRead(Inner, frozen=True, kw_only=True):
    """What the venue says of a market. closed: no more trades; winner "" while unresolved. Meaningless unless known."""

    purpose: AnyReadPurpose
    slug: str
    known: bool
    closed: bool
    winner: Literal["UP", "DOWN", "SPLIT", ""]
    why: str


class ReadGeoblock(Inner, frozen=True, kw_only=True):
    """May one trade from this machine's address? The venue's geoblock endpoint."""


class GeoblockRead(Inner, frozen=True, kw_only=True):
    """Whether the venue takes orders from here; known False: it did not say, and blocked means nothing."""

    known: bool
    blocked: bool
    why: str


class UserFact(Inner, frozen=True, kw_only=True):
    """Something the user channel pushed: an order's or a trade's new state, or the channel's own coming and going.

    order_ids: orders that an event which could not be read names; they are asked after.
    """

    kind: Literal["order", "trade", "open", "closed", "bad"]
    order: VenueOrder | None = None
    trades: tuple[VenueTrade, ...] = ()
    why: str = ""
    order_ids: tuple[str, ...] = ()
