"""What the world looks like: exchange prices, oracle prints, books, markets, windows."""

from typing import Literal

from msgspec import field

from messages.base import Event, Part, Reply, Request

Outcome = Literal["UP", "DOWN"]
FeedState = Literal["up", "stale", "down"]
SettleRule = Literal["spot", "twap30", "twap60"]


class PriceTick(Event, frozen=True, kw_only=True):
    """One accepted price of `source`. `price` USD float, `size` BTC float (0.0 = not said), stamps world ns.

    binance       a trade of the stream
    binance_rest  the close of the newest one-second kline with a trade; stamped at that second's start, hence never younger
                  than the trade; trade_id is the second
    coinbase, coingecko   somebody else's price of another instrument, under a symbol of its own: shown, never traded on
    """

    symbol: str
    price: float
    size: float
    trade_id: int
    traded_ns: int
    source: str

    @property
    def key(self) -> str:
        return self.symbol


class Candle(Event, frozen=True, kw_only=True):
    """A closed bar of `interval_s` seconds beginning at `start_ns`; never said before its end has passed.

    interval_s = 30: the sample of rsi_ema: `close` is the last trade at or before the end, at most 30 s older, and
    `traded` tells whether any trade fell into the bar at all. interval_s = 60: an ordinary minute bar.
    volume is in BTC; 0.0 where the source has none.
    """

    symbol: str
    interval_s: int
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    traded: bool
    source: str

    @property
    def key(self) -> str:
        return f"{self.symbol}/{self.interval_s}"

    @property
    def end_ns(self) -> int:
        """The moment at which the bar is over, world ns."""
        return self.start_ns + self.interval_s * 1_000_000_000


class Depth(Event, frozen=True, kw_only=True):
    """Sum of the exchange's top 20 levels a side, in BTC; imbalance = bid_size / ask_size."""

    symbol: str
    bid_size: float
    ask_size: float
    received_ns: int

    @property
    def key(self) -> str:
        return self.symbol


class OraclePrice(Event, frozen=True, kw_only=True):
    """One print of the oracle. `value_e18` is USD × 1e18 as a decimal integer text: settlement compares it exactly.

    feed  "spot" (Chainlink data stream) or "twap60" / "twap30" (its TWAP)      observed_ns  whole second it is for
    """

    symbol: str
    feed: SettleRule
    price: float
    value_e18: str
    observed_ns: int
    received_ns: int
    source: str

    @property
    def key(self) -> str:
        return f"{self.symbol}/{self.feed}"


class OracleRelayed(Event, frozen=True, kw_only=True):
    """Prints as the executor's own socket heard them, oldest first, not judged yet: PolyBolt wants credentials, which are the
    executor's alone. market_feed judges them beside those of RTDS and says OraclePrice.
    """

    prints: tuple[OraclePrice, ...]

    @property
    def key(self) -> str:
        return self.prints[-1].key if self.prints else ""


class DayStats(Part, frozen=True, kw_only=True):
    """The exchange's own last 24 hours: USD, volume in BTC, change_pct from open to last; as_of_ns: when it said so."""

    open: float
    high: float
    low: float
    last: float
    volume: float
    change_pct: float
    as_of_ns: int


class FeedStatus(Event, frozen=True, kw_only=True):
    """Health of one feed, re-said each second. `age_s` is world seconds since the last arrival, -1 before the first.

    state     "up" only while what arrives may be traded on            source   where it comes from now, "" = nowhere, unsaid
    price     what that source said last, 0.0 = nothing                day      24-hour statistics, None = not heard
    dropped, reconnects, refused (reason → how many of `dropped`): cumulative since boot
    """

    feed: str
    state: FeedState
    reason: str
    age_s: float
    since_ns: int
    dropped: int = 0
    reconnects: int = 0
    source: str = ""
    price: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    day: DayStats | None = None

    @property
    def key(self) -> str:
        return self.feed


class ClockOffset(Event, frozen=True, kw_only=True):
    """How far our wall clock is ahead of another one; re-said each second, one level a source.

    offset_ms      ours − theirs; it lies within ± error_ms. None = unknown: never measured, too long ago, too coarse, or
                   the clock was set since (`why` says which)
    round_trip_ms  machine time, of the newest reading; -1 before the first       measured_ns  world time of it; 0 before
    source         "venue": its GET /time, whole seconds, narrowed by repeated reads · "sntp": a public time server

    Who must trust the clock takes the worst of the known ones; none known is unknown.
    """

    source: Literal["venue", "sntp"]
    offset_ms: float | None
    error_ms: float
    round_trip_ms: float
    measured_ns: int
    why: str = ""

    @property
    def key(self) -> str:
        return self.source


class FeeSchedule(Part, frozen=True, kw_only=True):
    """A market's taker fee: fee = shares × rate × (p(1−p))^exponent, in pUSD on top of a BUY. rate_e6: 0.07 → 70000."""

    rate_e6: int
    exponent: int
    taker_only: bool


class MarketListed(Event, frozen=True, kw_only=True):
    """A window's market as the venue describes it. `rule` is None when the description matches no known row (`rule_why`).

    fee None = the venue gave no schedule (unknown, not zero). `synthetic_books` labels made-up books wherever shown.
    accepting: the venue takes orders for it. taker_delay: it holds an order that takes for a moment before it matches.
    """

    slug: str
    condition_id: str
    up_token: str
    down_token: str
    start_s: int
    end_s: int
    tick_e6: int
    min_size_e6: int
    fee: FeeSchedule | None
    neg_risk: bool
    rule: SettleRule | None
    rule_why: str
    synthetic_books: bool
    accepting: bool = True
    taker_delay: bool = True

    @property
    def key(self) -> str:
        return self.slug


Level = tuple[int, int]
"""(price_e6, size_e6)"""


class Book(Event, frozen=True, kw_only=True):
    """The top five levels of both tokens, best first. Stamps: venue's own and ours on arrival, world ns."""

    slug: str
    condition_id: str
    up_bids: tuple[Level, ...]
    up_asks: tuple[Level, ...]
    down_bids: tuple[Level, ...]
    down_asks: tuple[Level, ...]
    venue_ns: int
    received_ns: int

    @property
    def key(self) -> str:
        return self.slug


class TradePrint(Event, frozen=True, kw_only=True):
    """A public trade on the venue; `side` is the taker's."""

    slug: str
    token_id: str
    price_e6: int
    size_e6: int
    side: Literal["BUY", "SELL"]
    traded_ns: int

    @property
    def key(self) -> str:
        return self.slug


class TickSizeChanged(Event, frozen=True, kw_only=True):
    """The venue has changed the price grid of one token."""

    slug: str
    token_id: str
    old_e6: int
    new_e6: int
    changed_ns: int

    @property
    def key(self) -> str:
        return self.slug


class MarketResolved(Event, frozen=True, kw_only=True):
    """The venue's official word. `winner` "SPLIT" pays both sides one half."""

    slug: str
    condition_id: str
    winner: Literal["UP", "DOWN", "SPLIT"]
    resolved_ns: int
    source: str

    @property
    def key(self) -> str:
        return self.slug


class WindowObserved(Event, frozen=True, kw_only=True):
    """What market_feed, and nobody else, concludes about a window from oracle prints; re-said when anything is learnt.

    strike_e18, end_e18   USD × 1e18 texts, None = print missing       strike_source  "polybolt_twap60", "rtds_twap60", … or ""
    outcome               provisional; None = unknown                  inferred       from prints beside the missing one
    move_bp               (end − strike)/strike in basis points, None until known
    ended                 the end is known, or no print of it is expected any more; why: what of it is missing
    """

    slug: str
    start_s: int
    end_s: int
    strike_e18: str | None
    strike: float | None
    strike_source: str
    end_e18: str | None = None
    end_price: float | None = None
    outcome: Outcome | None = None
    inferred: bool = False
    move_bp: float | None = None
    ended: bool = False
    why: str = ""

    @property
    def key(self) -> str:
        return self.slug


class History(Request, frozen=True, kw_only=True):
    """price_feed: the closed candles of `interval_s` that end after `since_ns`, oldest first."""

    symbol: str
    interval_s: int
    since_ns: int


class Candles(Reply, frozen=True, kw_only=True):
    """Answer to History. `complete` is False while the feed itself is still back-filling."""

    symbol: str
    interval_s: int
    candles: tuple[Candle, ...]
    complete: bool
