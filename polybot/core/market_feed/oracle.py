"""The oracle's prints: which to believe, and those near a window's boundary, kept for what windows came to.

1. Absurd: not a positive number, text and float at odds, not stamped at a whole second, stamped more than 5 s ahead of the
   clock, or a leap of more than a fifth within a minute of the feed's newest. Refused and counted.
2. One print a feed and second: a repeat is dropped, except that a snapshot's rounded value gives way to the exact one, and
   RTDS's to PolyBolt's, the first link of the strike chain (rules §3). Two exact ones that differ are counted.
3. A print that comes late is used for its window but not said again: hearers take the latest for the newest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from messages import OraclePrice, SettleRule
from messages.units import NS
from polybot.core.market.windows import NEAR_S, WINDOW_S

ORACLE_SYMBOL = "btc/usd"
AHEAD_S = 5
LEAP = 0.2
LEAP_FORGIVEN_S = 60
REPEATS_KEPT_S = 600  # how far back a repeat is recognised
BOUNDARIES_KEPT_S = 24 * 3600
_AGREE = 1e-6
E18 = 10**18

RANK = {"polybolt": 0, "rtds": 1}  # the strike chain; whatever else there is comes last (a snapshot's rounded values)
LAST = len(RANK)

Verdict = Literal["new", "late", "repeat", "absurd"]


@dataclass
class Feed:
    """One stream. boundary: observed second → USD × 1e18, only seconds within NEAR_S of a window's boundary; source: whose."""

    newest: OraclePrice | None = None
    seen: dict[int, int] = field(default_factory=dict)  # second → rank of its source
    boundary: dict[int, int] = field(default_factory=dict)
    source: dict[int, str] = field(default_factory=dict)


class OraclePrints:
    """The oracle's streams, each under the name of the rule that settles on it."""

    def __init__(self) -> None:
        self._feeds: dict[SettleRule, Feed] = {}
        self.disagreed = 0

    def of(self, rule: SettleRule | None) -> Mapping[int, int]:
        """The boundary prints of the stream a market's rule names."""
        return self._feeds[rule].boundary if rule in self._feeds else {}

    def source(self, rule: SettleRule | None, second: int) -> str:
        """Whose print of that second is believed; "" where there is none."""
        return self._feeds[rule].source.get(second, "") if rule in self._feeds else ""

    def remember(self, rule: SettleRule, second: int, value_e18: int, source: str) -> None:
        """A boundary print known from before this boot. What is heard now is worth more."""
        feed = self._feeds.setdefault(rule, Feed())
        if second not in feed.boundary:
            feed.boundary[second], feed.source[second] = value_e18, source

    def accept(self, price: OraclePrice, now_ns: int) -> Verdict:
        """Judge one print and keep what is worth keeping."""
        stream = self._feeds.setdefault(price.feed, Feed())
        if _is_absurd(price, stream.newest, now_ns):
            return "absurd"
        second, rank = price.observed_ns // NS, RANK.get(price.source, LAST)
        known = stream.seen.get(second)
        if (
            known is not None
            and known < LAST
            and rank < LAST
            and stream.boundary.get(second, _e18(price)) != _e18(price)
        ):
            self.disagreed += 1
        if known is not None and known <= rank:
            return "repeat"
        stream.seen[second] = rank
        _keep_boundary(stream, second, price)
        if stream.newest is not None and price.observed_ns <= stream.newest.observed_ns:
            return "late"
        stream.newest = price
        _forget(stream, second)
        return "new"


def near_boundary(second: int) -> int | None:
    """The window boundary this second lies within NEAR_S of."""
    boundary = (second + NEAR_S) // WINDOW_S * WINDOW_S
    return boundary if abs(second - boundary) <= NEAR_S else None


def _e18(price: OraclePrice) -> int:
    return int(price.value_e18)


def _keep_boundary(stream: Feed, second: int, price: OraclePrice) -> None:
    if near_boundary(second) is not None:
        stream.boundary[second], stream.source[second] = _e18(price), price.source.removesuffix("_snapshot")


def _is_absurd(price: OraclePrice, newest: OraclePrice | None, now_ns: int) -> bool:
    """True for a print that cannot be one (rule 1)."""
    if not (math.isfinite(price.price) and price.price > 0):
        return True
    if not (price.value_e18.isascii() and price.value_e18.isdigit() and len(price.value_e18) < 40):
        return True
    if abs(int(price.value_e18) / E18 - price.price) > _AGREE * price.price:
        return True
    if price.observed_ns % NS or price.observed_ns > now_ns + AHEAD_S * NS or price.observed_ns <= 0:
        return True
    if newest is None or abs(price.observed_ns - newest.observed_ns) > LEAP_FORGIVEN_S * NS:
        return False
    return abs(price.price - newest.price) > LEAP * newest.price


def _forget(stream: Feed, newest_s: int) -> None:
    """Both dicts are nearly in order of time: dropping from the front is enough."""
    while stream.seen and (oldest := next(iter(stream.seen))) < newest_s - REPEATS_KEPT_S:
        del stream.seen[oldest]
    while stream.boundary and (oldest := next(iter(stream.boundary))) < newest_s - BOUNDARIES_KEPT_S:
        del stream.boundary[oldest]
        stream.source.pop(oldest, None)
