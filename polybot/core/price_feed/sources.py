"""Where the exchange's price comes from: the chain, when it is walked down, and what may be traded on.

    binance        the stream: trades, minutes, depth, 24-hour statistics
    binance_rest   the same exchange's one-second klines, asked twice a second: the same series, a second late
    coinbase       another exchange's spot price, another instrument (USD, not USDT), cached for seconds
    coingecko      an average of the world, about a minute old

1. The best source that is fresh is the source. The stream is left when nothing came for the limit of staleness (at high
   speed not before a second of the machine has passed), and taken again with its first print. What stands below is asked
   only while all above it have failed; what stands above goes on being asked.
2. Traded on: binance and binance_rest alone. Their prints are of the instrument the indicators, σ and the strike's
   neighbourhood are reckoned from, and a sample is the same number by either way. Both are judged by the age of the trade
   itself, so that a slow answer refuses itself (STALE_PRICE).
3. Never traded on: coinbase and coingecko. Their level differs by about 10 bp, as much as a window moves, and they are
   older than the limit. They are said as PriceTick under a symbol and source of their own, for people and to confirm or
   deny a leap (`outliers.py`); no indicator, σ, range or freshness is fed from them.
"""

from dataclasses import dataclass, field

from messages.inner import AskedSource, AskPrice, FetchPrice, WakeIn
from messages.units import NS
from polybot.core.market.traded import STREAM
from polybot.core.market.windows import is_stale, staleness_s

ASKED: tuple[AskedSource, ...] = ("binance_rest", "coinbase", "coingecko")
SYMBOLS = {"binance_rest": "BTCUSDT", "coinbase": "BTC-USD", "coingecko": "bitcoin/usd"}
# World seconds between two questions; facts §15.1, §15.2, §15.3: weight 2 of 6000/min · ≤ 1/s · cached 60 s.
PERIOD_S = {"binance_rest": 0.5, "coinbase": 1.0, "coingecko": 30.0}
FRESH_S = {"coinbase": 5.0, "coingecko": 120.0}  # world seconds since its answer; binance_rest: the stream's own limit
LEAST_PAUSE_S = 0.05  # machine
FAILED_S = 0.5  # world; the first pause after a failure, doubled up to …
MOST_PAUSE_S = 4.0  # … machine seconds
LEAST_LATE_S = 1.0  # machine


@dataclass
class Asked:
    """A source that is asked. why: its last failure, "" after a success."""

    name: AskedSource
    arrived_ns: int | None = None
    price: float = 0.0
    why: str = ""
    failures: int = 0
    is_asked: bool = False
    is_pausing: bool = False


@dataclass
class SourceChain:
    """limit_s: the stream's limit of staleness (world). `polls` after everything that may change what is wanted."""

    limit_s: float
    speed: float
    began_ns: int
    stream_ns: int | None = None
    asked: dict[str, Asked] = field(default_factory=lambda: {name: Asked(name) for name in ASKED})

    # --- what arrives

    def streamed(self, now_ns: int) -> None:
        """Note that a print of the stream was believed."""
        self.stream_ns = now_ns

    def answered(self, name: AskedSource, price: float, now_ns: int) -> None:
        """Note that a source that was asked has said something new."""
        source = self.asked[name]
        source.arrived_ns, source.price, source.why, source.failures = now_ns, price, "", 0

    def failed(self, name: str, why: str) -> None:
        """One that was asked has said nothing, or nothing new for too long."""
        source = self.asked[name]
        source.why = why
        source.failures += 1

    # --- where we are

    def current(self, now_ns: int) -> str:
        """The source in force (rule 1); "" while there is none."""
        if not self.is_late(now_ns):
            return STREAM if self.stream_ns is not None else ""
        return next((name for name in ASKED if self.is_fresh(name, now_ns)), "")

    def is_late(self, now_ns: int) -> bool:
        """Nothing came by the stream for so long that others are asked."""
        limit_s = max(staleness_s(self.limit_s, self.speed), self.speed * LEAST_LATE_S)
        return now_ns - (self.began_ns if self.stream_ns is None else self.stream_ns) > limit_s * NS

    def is_fresh(self, name: str, now_ns: int) -> bool:
        """Whether a source that is asked has said something lately."""
        source, limit_s = self.asked[name], FRESH_S.get(name, self.limit_s)
        return source.arrived_ns is not None and not is_stale(now_ns - source.arrived_ns, limit_s, self.speed)

    def whys(self) -> str:
        """What is wrong with those that were asked and failed."""
        return "; ".join(f"{name}: {source.why}" for name, source in self.asked.items() if source.why)

    # --- asking

    def polls(self, now_ns: int) -> tuple[FetchPrice, ...]:
        """Questions to the sources that are to be asked at this moment."""
        if not self.is_late(now_ns):
            return ()
        due = []
        for name in ASKED:
            source = self.asked[name]
            if not (source.is_asked or source.is_pausing):
                source.is_asked = True
                due.append(FetchPrice(source=name))
            if self.is_fresh(name, now_ns) or not source.why:
                break
        return tuple(due)

    def confirm(self) -> tuple[FetchPrice, ...]:
        """A second opinion on a leap, unless one is on its way."""
        source = self.asked["coinbase"]
        if source.is_asked or source.is_pausing:
            return ()
        source.is_asked = True
        return (FetchPrice(source="coinbase"),)

    def heard(self, name: AskedSource) -> WakeIn:
        """The answer is here; when it may be asked again. Failures make the pause longer."""
        source = self.asked[name]
        source.is_asked, source.is_pausing = False, True
        period_s = min(PERIOD_S[name], FAILED_S) if source.failures else PERIOD_S[name]
        pause_s = max(LEAST_PAUSE_S, period_s / self.speed)
        if source.failures:
            pause_s = min(MOST_PAUSE_S, pause_s * 2.0 ** min(source.failures - 1, 16))
        return WakeIn(timer=AskPrice(source=name), after_s=pause_s)

    def paused(self, name: str) -> None:
        """The pause after an answer of this source is over: it may be asked again."""
        self.asked[name].is_pausing = False
