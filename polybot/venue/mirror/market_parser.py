"""What the real venue's REST says of a market: Gamma's object, the CLOB's, and what the venue's engine needs of both. Pure.

A market is followed only where everything that decides about money is known: fee, tick, tokens, order version. The rest is
the same object as the real one's, so that the bot judges it by its own rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from messages import MarketListed
from polybot.adapters.polymarket.market_parser import listed_of, winner_of
from polybot.sim.venue.types import Market, Winner
from polybot.venue.wire.gamma_objects import Listing

ORDER_VERSIONS = (None, "", "v1")
TAKER_DELAY_NS = 150_000_000  # since 2026-09-04, where the market says that there is one


@dataclass(frozen=True)
class MirroredMarket:
    """untradable: why no order can be taken in it here, "" if one can. winner None: not closed with final prices yet."""

    listing: Listing
    told: MarketListed
    untradable: str
    winner: Winner | None

    def market(self) -> Market:
        """The market as the venue's engine opens it."""
        fee = self.told.fee
        return Market(
            condition_id=self.told.condition_id,
            slug=self.told.slug,
            up_token=self.told.up_token,
            down_token=self.told.down_token,
            start_s=self.told.start_s,
            end_s=self.told.end_s,
            tick_e6=self.told.tick_e6,
            min_size_e6=self.told.min_size_e6,
            fee_rate_e6=fee.rate_e6 if fee is not None else 0,
            fee_exponent=fee.exponent if fee is not None else 1,
            taker_delay_ns=TAKER_DELAY_NS if self.told.taker_delay else 0,
            accepting=self.told.accepting and not self.untradable,
        )


def facts_of(gamma: Mapping[str, Any], clob: Mapping[str, Any] | None) -> MirroredMarket:
    """Raises one of GARBAGE where it is not a market we can read."""
    told = listed_of(gamma, clob)
    fee = told.fee
    listing = Listing(
        slug=told.slug,
        start_s=told.start_s,
        end_s=told.end_s,
        condition_id=told.condition_id,
        question_id=str(gamma.get("questionID", "")),
        up_token=told.up_token,
        down_token=told.down_token,
        gamma_id=str(gamma["id"]),
        rule=told.rule or "twap60",
        raw=gamma,
        fee_rate_e6=fee.rate_e6 if fee is not None else 0,
        fee_exponent=fee.exponent if fee is not None else 1,
        min_size_e6=told.min_size_e6,
        has_real_books=not told.synthetic_books,
    )
    return MirroredMarket(listing, told, _untradable(told, clob), winner_of(gamma) or None)


def _untradable(told: MarketListed, clob: Mapping[str, Any] | None) -> str:
    if told.fee is None:
        return "its fee schedule is unknown"
    if not told.fee.taker_only:
        return "its makers pay fees, which is not known here"
    if told.neg_risk:
        return "its orders are signed for the neg-risk exchange contract"
    version = (clob or {}).get("v")
    return "" if version in ORDER_VERSIONS else f"its order version {version!r} is not v1"
