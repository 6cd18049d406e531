"""Turning a resolved market's shares into cash, on a lane of its own."""

from typing import Literal

from messages.base import Inner


class SubmitRedeem(Inner, frozen=True, kw_only=True):
    """Turn a resolved market's shares into pUSD, through the relayer or by a transaction of our own; on disk before it is said.

    shares: winning token → millionths that we believe to hold (a protocol-v2 position is redeemed by amount, others whole).
    """

    slug: str
    condition_id: str
    neg_risk: bool
    attempt: int
    shares: dict[str, int]


class PollRedeem(Inner, frozen=True, kw_only=True):
    """Ask once how far a redemption's transaction is."""

    slug: str
    attempt: int
    tx_id: str


class RedeemRead(Inner, frozen=True, kw_only=True):
    """The answer to SubmitRedeem and to PollRedeem.

    sent, mined, confirmed  as the relayer (or the chain) says     failed  a clear no; nothing of this attempt will happen
    unknown  it may have been heard, or it is not known there (any more)     silent  a poll without an answer: ask again
    """

    slug: str
    attempt: int
    state: Literal["sent", "mined", "confirmed", "failed", "unknown", "silent"]
    tx_id: str
    why: str = ""
