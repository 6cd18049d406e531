"""What the world looks like to whoever must decide: newest price, oracle prints, books, markets, windows; and their age.

A price is one of the exchange itself (core/price_feed/sources.py, rules 2 and 3): what Coinbase or CoinGecko say is not
looked at.

Heard alike by `signal` and `risk`, so that both mean the same by fresh. Pessimistic: the age of a price is that of the
trade itself where that is older than its arrival; the oracle is judged by arrival and by stamp.
"""

from collections.abc import Iterable

from messages import (
    Book,
    FeedStatus,
    MarketListed,
    MarketResolved,
    OraclePrice,
    Outcome,
    PriceTick,
    SettleRule,
    WindowObserved,
    Word,
)
from messages.units import NS
from polybot.core.market.traded import TRADED_ON
from polybot.core.market.windows import (
    STALE_BOOK_S,
    STALE_ORACLE_S,
    STALE_PRICE_S,
    Window,
    is_stale,
    staleness_s,
    window_of,
)
from polybot.core.reasons import Reason
from polybot.settings import Settings

RECENT_S = 90  # a TWAP looks back sixty
NEAR_S = 3  # a second without a trade takes the price of one so much before it
KEPT_S = 3600  # markets and books of windows that ended longer ago are forgotten


class MarketView:
    """`hear` every word; ask for reasons. speed scales the limits of staleness."""

    def __init__(self, settings: Settings, speed: float) -> None:
        self._settings, self._speed = settings, speed
        self.tick: PriceTick | None = None
        self._tick_ns = 0
        self._prints: dict[SettleRule, OraclePrice] = {}
        self.recent_spot: dict[int, float] = {}  # observed second → USD of the oracle, the last RECENT_S
        self.recent_ticks: dict[int, float] = {}  # second → the exchange's last trade in it, the last RECENT_S
        self._feeds: dict[str, FeedStatus] = {}
        self.books: dict[str, Book] = {}
        self.markets: dict[str, MarketListed] = {}
        self.windows: dict[str, WindowObserved] = {}
        self.winners: dict[str, MarketResolved] = {}

    def hear(self, word: Word, now_ns: int) -> None:
        """Take a word in: the newest of each kind is kept, other kinds are ignored."""
        match word:
            case PriceTick() if word.source in TRADED_ON:
                self.tick, self._tick_ns = word, min(word.traded_ns, now_ns)
                _remember(self.recent_ticks, word.traded_ns // NS, word.price)
            case Book():
                self.books[word.slug] = word
            case OraclePrice():
                self._prints[word.feed] = word
                if word.feed == "spot":
                    _remember(self.recent_spot, word.observed_ns // NS, word.price)
            case FeedStatus():
                self._feeds[word.feed] = word
            case WindowObserved():
                self.windows[word.slug] = word
            case MarketResolved():
                self.winners[word.slug] = word
            case MarketListed():
                self.markets[word.slug] = word
                self._forget(now_ns)

    def spot_now(self, now_ns: int) -> tuple[float, int] | None:
        """(USD, world ns it holds for): the oracle's newest spot print, carried on by what the exchange moved since its stamp.

        The oracle is seconds old and the exchange is not; their level may differ, so only the exchange's ratio is used.
        None when stale_spot.
        """
        newest = self._prints.get("spot")
        if newest is None or self.stale_spot(now_ns) is not None:
            return None
        second = newest.observed_ns // NS
        then = next(
            (self.recent_ticks[s] for s in range(second, second - NEAR_S - 1, -1) if s in self.recent_ticks), None
        )
        if then is None or self.tick is None or self._tick_ns <= newest.observed_ns:
            return newest.price, newest.observed_ns
        return newest.price * self.tick.price / then, self._tick_ns

    def outcome(self, slug: str) -> Outcome | None:
        """What a window came to: the venue's word, else the provisional one; None = unknown, or split."""
        official = self.winners.get(slug)
        if official is not None:
            return None if official.winner == "SPLIT" else official.winner
        observed = self.windows.get(slug)
        return observed.outcome if observed else None

    def hear_again(self, words: Iterable[MarketListed | WindowObserved | MarketResolved], now_ns: int) -> None:
        """Take in what market_feed said before this process listened."""
        for word in words:
            self.hear(word, now_ns)

    # --- reasons

    def unlisted(self, window: Window) -> Reason | None:
        """Why this window's market cannot be traded, None if it can: NO_MARKET, RULE_UNKNOWN, NO_FEE_SCHEDULE,
        NOT_ACCEPTING.
        """
        market = self.markets.get(window.slug)
        if market is None:
            return Reason("NO_MARKET", f"the venue has not listed {window.slug}")
        if market.rule is None:
            return Reason("RULE_UNKNOWN", market.rule_why or "the market's description is in no known row")
        if market.fee is None:
            return Reason("NO_FEE_SCHEDULE", "the venue gave no fee schedule for this market; unknown is not zero")
        if not market.accepting:
            return Reason("NOT_ACCEPTING", "the venue takes no orders for this market")
        return None

    def no_strike(self, window: Window) -> Reason | None:
        """NO_STRIKE: no print, no trading; nothing else stands in for it."""
        observed = self.windows.get(window.slug)
        if observed is None:
            return Reason("NO_STRIKE", "no oracle print stamped at the window's start has been heard")
        if observed.strike is None or observed.strike_e18 is None or not observed.strike_source:
            return Reason("NO_STRIKE", observed.why or "no oracle print stamped at the window's start")
        return None

    def stale_price(self, now_ns: int) -> Reason | None:
        """STALE_PRICE: no trade of the exchange for longer than the limit."""
        return self._stale("STALE_PRICE", "price", self.price_ns, now_ns, STALE_PRICE_S)

    def stale_book(self, slug: str, now_ns: int) -> Reason | None:
        """STALE_BOOK with the book's age when it is too old or missing, else None."""
        book = self.books.get(slug)
        stamp_ns = book.received_ns if book else None
        return self._stale("STALE_BOOK", "book", stamp_ns, now_ns, STALE_BOOK_S)

    def stale_oracle(self, slug: str, now_ns: int) -> Reason | None:
        """STALE_ORACLE when the feed that this market settles on is too old or missing, else None."""
        market = self.markets.get(slug)
        feed = market.rule if market else None
        return self._stale("STALE_ORACLE", "oracle", self._print_ns(feed), now_ns, STALE_ORACLE_S)

    def stale_spot(self, now_ns: int) -> Reason | None:
        """STALE_ORACLE when the spot feed is, whatever a market settles on; on a TWAP market it may be silent all
        alone.
        """
        return self._stale(
            "STALE_ORACLE", "oracle", self._print_ns("spot"), now_ns, STALE_ORACLE_S, "oracle's spot feed"
        )

    def age_s(self, stamp_ns: int | None, now_ns: int) -> float | None:
        """World seconds since a stamp; None without one."""
        return None if stamp_ns is None else max(0, now_ns - stamp_ns) / NS

    @property
    def price_ns(self) -> int | None:
        """Stamp of the newest price, world ns; None before the first."""
        return self._tick_ns if self.tick else None

    @property
    def newest_book_ns(self) -> int | None:
        """When the newest book of any market arrived, world ns."""
        return max((book.received_ns for book in self.books.values()), default=None)

    @property
    def newest_print_ns(self) -> int | None:
        """Stamp of the newest oracle print of any feed."""
        return max((seen.observed_ns for seen in self._prints.values()), default=None)

    def _print_ns(self, feed: SettleRule | None) -> int | None:
        """Arrival or stamp of the newest print, the older of the two."""
        newest = self._prints.get(feed) if feed else None
        return min(newest.received_ns, newest.observed_ns) if newest else None

    def _stale(
        self, code: str, feed: str, stamp_ns: int | None, now_ns: int, limit_s: float, what: str = ""
    ) -> Reason | None:
        if stamp_ns is not None and not is_stale(now_ns - stamp_ns, limit_s, self._speed):
            return None
        status = self._feeds.get(feed)
        why = f"; feed {status.state}: {status.reason}" if status and status.reason else ""
        if stamp_ns is None:
            return Reason(code, f"no {what or feed} heard yet{why}")
        age, limit = (now_ns - stamp_ns) / NS, staleness_s(limit_s, self._speed)
        return Reason(code, f"{what or feed} is {age:.1f} s old, limit {limit:g} s{why}")

    def _forget(self, now_ns: int) -> None:
        oldest_s = now_ns // NS - KEPT_S
        self.books = {slug: b for slug, b in self.books.items() if _ended_after(slug, oldest_s)}
        self.markets = {slug: m for slug, m in self.markets.items() if _ended_after(slug, oldest_s)}
        self.windows = {slug: w for slug, w in self.windows.items() if _ended_after(slug, oldest_s)}
        self.winners = {slug: w for slug, w in self.winners.items() if _ended_after(slug, oldest_s)}


def _remember(recent: dict[int, float], second: int, price: float) -> None:
    recent[second] = price
    while (oldest := next(iter(recent))) < second - RECENT_S:
        del recent[oldest]


def _ended_after(slug: str, oldest_s: int) -> bool:
    window = window_of(slug)
    return window is not None and window.end_s >= oldest_s
