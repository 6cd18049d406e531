"""The oracle's prints: which to believe, and those near a window's boundary, kept for what windows came to.

1. Absurd: not a positive number, text and float at odds, not stamped at a whole second, stamped more than 5 s ahead of the
   clock, or a leap of more than a fifth within a minute of the feed's newest. Refused and counted.
2. One print a feed and second: a repeat is dropped, except that a snapshot's rounded value gives way to the exact one.
3. A print that comes late is used for its window but not said again: hearers take the latest for the newest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from messages import OraclePrice, SettleRule
from messages.units import NS
from polybot.core.windows import NEAR_S, WINDOW_S

AHEAD_S = 5
LEAP = 0.2
LEAP_FORGIVEN_S = 60
REPEATS_KEPT_S = 600  # how far back a repeat is recognised
BOUNDARIES_KEPT_S = 24 * 3600
_AGREE = 1e-6
E18 = 10**18

Verdict = Literal["new", "late", "repeat", "absurd"]


@dataclass
class Feed:
    """One stream. boundary: observed second → USD × 1e18, only seconds within NEAR_S of a window's boundary."""

    newest: OraclePrice | None = None
    seen: dict[int, bool] = field(default_factory=dict)  # second → is it exact
    boundary: dict[int, int] = field(default_factory=dict)


class Prints:
    """All streams by name."""

    def __init__(self) -> None:
        self._feeds: dict[SettleRule, Feed] = {}

    def of(self, rule: SettleRule | None) -> Mapping[int, int]:
        """The boundary prints of the stream a market's rule names."""
        return self._feeds[rule].boundary if rule in self._feeds else {}

    def remember(self, rule: SettleRule, second: int, value_e18: int) -> None:
        """A boundary print known from before this boot. What is heard now is worth more."""
        self._feeds.setdefault(rule, Feed()).boundary.setdefault(second, value_e18)

    def accept(self, price: OraclePrice, now_ns: int) -> Verdict:
        """Judge one print and keep what is worth keeping."""
        stream = self._feeds.setdefault(price.feed, Feed())
        if _is_absurd(price, stream.newest, now_ns):
            return "absurd"
        second, exact = price.observed_ns // NS, not price.source.endswith("snapshot")
        if stream.seen.get(second, False) or (second in stream.seen and not exact):
            return "repeat"
        stream.seen[second] = exact
        _keep_boundary(stream.boundary, second, price)
        if stream.newest is not None and price.observed_ns <= stream.newest.observed_ns:
            return "late"
        stream.newest = price
        _forget(stream, second)
        return "new"


def near_boundary(second: int) -> int | None:
    """The window boundary this second lies within NEAR_S of."""
    boundary = (second + NEAR_S) // WINDOW_S * WINDOW_S
    return boundary if abs(second - boundary) <= NEAR_S else None


def _keep_boundary(boundary: dict[int, int], second: int, price: OraclePrice) -> None:
    if near_boundary(second) is not None:
        boundary[second] = int(price.value_e18)


def _is_absurd(price: OraclePrice, newest: OraclePrice | None, now_ns: int) -> bool:
    """Rule 1."""
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
