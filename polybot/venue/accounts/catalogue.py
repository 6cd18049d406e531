"""The world's markets as listings: found by slug, condition or token, from a day before their window on."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from polybot.core.market.windows import WINDOW_S, window_of
from polybot.sim.world.world import World, WorldMarket
from polybot.venue.wire.gamma_objects import Listing

LISTED_AHEAD_S = 24 * 3600


class WorldCatalogue:
    """Nothing is listed earlier than it would be: a slug from the day after tomorrow is not found."""

    def __init__(self, world: World, now_ns: Callable[[], int]) -> None:
        self.world, self._now_ns = world, now_ns
        self._by_slug: dict[str, tuple[Listing, WorldMarket]] = {}
        self._by_name: dict[str, Listing] = {}
        self._indexed_to_s = world.first_start_s

    def listing(self, slug: str) -> Listing | None:
        """The listing of this slug; None: no such market, or not listed yet."""
        window = window_of(slug)
        if window is None or window.start_s > self._now_ns() // 1_000_000_000 + LISTED_AHEAD_S:
            return None
        found = self.find(slug)
        return found[0] if found is not None else None

    def find(self, slug: str) -> tuple[Listing, WorldMarket] | None:
        """The market of this slug, listed or not: the driver's own look."""
        known = self._by_slug.get(slug)
        if known is None:
            market = self.world.market(slug)
            if market is None:
                return None
            known = self._by_slug[slug] = (listing_of(market), market)
            for name in (market.condition_id, market.up_token, market.down_token):
                self._by_name[name] = known[0]
        return known

    def open_listing(self, condition_id: str = "", token: str = "") -> Listing | None:
        """The listing of this condition or token, None when it is not listed by now; the index grows with the day."""
        until_s = self._now_ns() // 1_000_000_000 + LISTED_AHEAD_S
        if (condition_id or token) not in self._by_name and self._indexed_to_s < until_s:
            for market in self.world.markets(self._indexed_to_s, until_s + WINDOW_S):
                self.find(market.slug)
            self._indexed_to_s = until_s
        found = self._by_name.get(condition_id or token)
        return found if found is not None and found.start_s <= until_s else None


def listing_of(market: WorldMarket) -> Listing:
    """The world's market with the names Gamma has for it."""
    raw: dict[str, Any] | None = msgspec.json.decode(market.raw) if market.raw else None
    question = raw["questionID"] if raw else "0x" + hashlib.sha256(b"question/" + market.slug.encode()).hexdigest()
    return Listing(
        slug=market.slug,
        start_s=market.start_s,
        end_s=market.end_s,
        condition_id=market.condition_id,
        question_id=question,
        up_token=market.up_token,
        down_token=market.down_token,
        gamma_id=market.market_id,
        rule=market.rule,
        raw=raw,
        fee_rate_e6=market.fee_rate_e6,
        fee_exponent=market.fee_exponent,
        min_size_e6=market.min_size_e6,
    )
