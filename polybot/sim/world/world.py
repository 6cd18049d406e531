"""What the venue may ask of a world, and the values it answers with. Times are world nanoseconds, seconds are since 1970."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Rule = Literal["spot", "twap30", "twap60"]
Winner = Literal["UP", "DOWN", "SPLIT"]
Side = Literal["BUY", "SELL"]
Levels = tuple[tuple[int, int], ...]
"""(price_e6, size_e6), best first, in Up's terms."""

S = 1_000_000_000
MS = 1_000_000
E18 = 10**18
WINDOW_S = 300


class OraclePrint(NamedTuple):
    """One print of the oracle as relayed. value_e18 USD × 10^18; server_ns when sent, received_ns when it arrives."""

    feed: Rule
    observed_s: int
    value_e18: int
    server_ns: int
    received_ns: int


class ExchangeTrade(NamedTuple):
    """One trade of the exchange: USD, BTC. is_sell: the taker sold."""

    trade_id: int
    price: float
    size: float
    traded_ns: int
    is_sell: bool


class Kline(NamedTuple):
    """One bar of the exchange; volume in BTC. No bar at all where the world has no trades."""

    start_s: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int


class DepthBook(NamedTuple):
    """The exchange's best twenty (price USD, size BTC) a side."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


class Ladder(NamedTuple):
    """What the makers quote: levels in Up's terms. mid: their own probability of Up; wide: quoting after a shock."""

    bids: Levels
    asks: Levels
    mid: float
    wide: bool


class TakerOrder(NamedTuple):
    """An anonymous taker: takes up to size_e6 of Up or Down at limit_e6 or better (in that token's price)."""

    at_ns: int
    outcome: Literal["UP", "DOWN"]
    side: Side
    size_e6: int
    limit_e6: int
    informed: bool


@dataclass(frozen=True, slots=True)
class WorldMarket:
    """One window's market. raw: the venue's own Gamma object as JSON text where one was recorded, else ""."""

    slug: str
    market_id: str
    condition_id: str
    up_token: str
    down_token: str
    start_s: int
    end_s: int
    rule: Rule
    fee_rate_e6: int = 70_000
    fee_exponent: int = 1
    min_size_e6: int = 5_000_000
    raw: str = ""


class World(Protocol):
    """A world. Every answer is a function of its seed or tape and the arguments alone.

    label           how to call it wherever its figures are shown
    first_start_s   start of the first window worth trading
    """

    label: str
    first_start_s: int

    def markets(self, from_s: int, to_s: int) -> list[WorldMarket]:
        """Markets whose window starts in [from_s, to_s)."""
        ...

    def market(self, slug: str) -> WorldMarket | None:
        """The market of this slug, None when the world has none."""
        ...

    def spot_print(self, second: int) -> OraclePrint | None:
        """The oracle's print for a second; None where the relay lost it."""
        ...

    def twap_print(self, second: int) -> OraclePrint | None:
        """The TWAP-60 print for a second: mean of the 60 spot values up to and with it."""
        ...

    def prints(self, after_ns: int, upto_ns: int) -> list[OraclePrint]:
        """Prints of both feeds that arrive in (after, upto], in order of arrival."""
        ...

    def trades(self, after_ns: int, upto_ns: int) -> list[ExchangeTrade]:
        """The exchange's trades in (after_ns, upto_ns], in order."""
        ...

    def klines(self, interval_s: int, from_s: int, to_s: int, upto_ns: int) -> list[Kline]:
        """Bars that start in [from, to), made of trades up to upto_ns: the last one may still be open."""
        ...

    def depth(self, t_ns: int) -> DepthBook | None:
        """The exchange's book; None inside a gap of the tape."""
        ...

    def quotes(self, market: WorldMarket, t_ns: int, tick_e6: int) -> Ladder | None:
        """The makers' ladder at a moment; None = as it was (a gap of the tape)."""
        ...

    def taker_flow(self, market: WorldMarket, after_ns: int, upto_ns: int) -> list[TakerOrder]:
        """Orders of anonymous takers in (after_ns, upto_ns], in order."""
        ...

    def strike_e18(self, market: WorldMarket) -> int | None:
        """The settlement variable at the start; None where even the truth is unknown."""
        ...

    def end_e18(self, market: WorldMarket) -> int | None:
        """The settlement variable at the market's end, × 1e18; None while unknown."""
        ...

    def outcome(self, market: WorldMarket) -> Winner:
        """Who wins officially; a tie is Up."""
        ...

    def resolved_ns(self, market: WorldMarket) -> int:
        """When the venue says the outcome officially, world ns."""
        ...


def by_rule(strike_e18: int, end_e18: int) -> Winner:
    """Up iff the end is not below the strike: a tie is Up."""
    return "UP" if end_e18 >= strike_e18 else "DOWN"
