"""The journal's language: what the executor writes down before anything follows from it. The state is the fold of these.

An entry is a fact that came from outside (an approval, the venue's word, a window's outcome), never a conclusion: what
follows from it (balances, streaks, settlements) is what `fold.py` makes of it, the same live and after a restart.
Money in millionths, times in world time. New fields get defaults; a type never changes; VERSION rises when the meaning does.
"""

from typing import Literal

import msgspec

from messages import OrderIntent, Outcome

VERSION = 1


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One fact of the journal."""


class Opened(Entry, frozen=True, kw_only=True):
    """The first entry: the purse of this session, and what the wallet held when it began."""

    account: str
    purse_e6: int
    wallet_e6: int


class IntentSigned(Entry, frozen=True, kw_only=True):
    """An approved order, signed; on disk before its first byte goes out. body: the exact bytes of POST /order."""

    intent: OrderIntent
    order_id: str
    body: bytes
    risk_boot: int
    good_until_ns: int
    cancel_at_ns: int


class IntentRefused(Entry, frozen=True, kw_only=True):
    """An approved order that was not taken, for good: a repeat gets this answer."""

    intent: OrderIntent
    reason_code: str
    reason: str


class OrderTold(Entry, frozen=True, kw_only=True):
    """More is known of an order. Joined with what was known, field by field, so that the order of hearing cannot matter.

    posts      how often it was sent           unsure   some POST of it may have been heard
    seen       the venue has had it            over     the venue said on an authoritative path: nothing more will come
    refused    a clear no, with nothing unsure before: it was never taken (code, text)
    lapsed     absent at both endpoints, asked after its market had closed
    cancelled  a cancel was issued for it: it is never sent again
    matched_e6 shares matched so far, making_e6 what was given for them (POST's own amount), both as told; 0 = not told
    """

    order_id: str
    posts: int = 0
    unsure: bool = False
    seen: bool = False
    over: bool = False
    refused: bool = False
    lapsed: bool = False
    cancelled: bool = False
    matched_e6: int = 0
    making_e6: int = 0
    code: str = ""
    text: str = ""


FillStatus = Literal["MATCHED", "CONFIRMED", "FAILED"]


class FillBooked(Entry, frozen=True, kw_only=True):
    """A trade of ours, once. FAILED at first hearing moves nothing, but belongs to the sum that makes an order complete."""

    order_id: str
    trade_id: str
    size_e6: int
    price_e6: int
    cost_e6: int
    fee_e6: int
    status: FillStatus
    is_taker: bool
    matched_s: int


class FillConfirmed(Entry, frozen=True, kw_only=True):
    """A trade of ours is confirmed on chain: its fill is provisional no more."""

    order_id: str
    trade_id: str


class FillReversed(Entry, frozen=True, kw_only=True):
    """FAILED: it never happened. Shares, cost and fee go back in this one entry."""

    order_id: str
    trade_id: str


class FillRepriced(Entry, frozen=True, kw_only=True):
    """The venue's own amount for the whole order differs from size × price, rounded, by this fill's rounding."""

    order_id: str
    trade_id: str
    cost_e6: int


class WindowNoted(Entry, frozen=True, kw_only=True):
    """A window has ended, and what market_feed concludes of it: a provisional outcome, or none (yet)."""

    slug: str
    start_s: int
    end_s: int
    outcome: Outcome | None
    inferred: bool
    move_bp: float | None


class WindowResolved(Entry, frozen=True, kw_only=True):
    """The venue's official word on a window; a later one with another winner corrects it."""

    slug: str
    start_s: int
    end_s: int
    winner: Literal["UP", "DOWN", "SPLIT"]


class PaidOut(Entry, frozen=True, kw_only=True):
    """The wallet was seen to have risen by this: what a strategy's holding of a resolved window pays."""

    strategy: str
    slug: str
    amount_e6: int


class RedeemBegun(Entry, frozen=True, kw_only=True):
    """A resolved window's shares are to be turned into pUSD; on disk before the attempt goes out. Moves no cash."""

    slug: str
    condition_id: str
    attempt: int


class RedeemTold(Entry, frozen=True, kw_only=True):
    """More is known of an attempt. Only the wallet's rise (PaidOut) is money."""

    slug: str
    attempt: int
    state: Literal["sent", "mined", "confirmed", "failed", "unknown"]
    tx_id: str
    why: str


class ExternalBooked(Entry, frozen=True, kw_only=True):
    """Cash that came or went (negative) without a trade of ours: never profit or loss. activity_id: the venue's own row of
    it, which explains nothing a second time; "" = the user accepted it.
    """

    amount_e6: int
    why: str
    activity_id: str = ""


class ForeignSeen(Entry, frozen=True, kw_only=True):
    """An order or trade at the venue that this journal never knew. Shown; new orders stop until `ForeignAccepted`."""

    id: str
    text: str


class ForeignAccepted(Entry, frozen=True, kw_only=True):
    """The user lifted a halt with these in sight: they are somebody else's, and may stay."""

    ids: tuple[str, ...]


class HaltNoted(Entry, frozen=True, kw_only=True):
    """The kill switch as seen from here; halt_id "" = lifted. What fills later, fills after the halt."""

    halt_id: str
    reason_code: str
    reason: str


class Recalled(Entry, frozen=True, kw_only=True):
    """A window that had left the books, as it was when it left (past.PastWindow as msgpack): something is still said of it."""

    past: bytes


class SnapshotEntry(Entry, frozen=True, kw_only=True):
    """The fold so far: the first record of a new segment. books: its msgpack, as `packing` says ("" plain, "zlib")."""

    books: bytes
    packing: str = ""


AnyEntry = (
    Opened
    | IntentSigned
    | IntentRefused
    | OrderTold
    | FillBooked
    | FillConfirmed
    | FillReversed
    | FillRepriced
    | WindowNoted
    | WindowResolved
    | PaidOut
    | RedeemBegun
    | RedeemTold
    | ExternalBooked
    | ForeignSeen
    | ForeignAccepted
    | HaltNoted
    | Recalled
    | SnapshotEntry
)


class Written(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One record of the journal. seq counts entries from 1; a snapshot carries the seq of the last entry in it."""

    version: int
    seq: int
    at_ns: int
    entry: AnyEntry


class UnknownVersion(ValueError):
    """The journal was written by a newer build: start that one."""


_encoder = msgspec.msgpack.Encoder()  # dicts keep their order, which is that of the journal
_decoder = msgspec.msgpack.Decoder(Written)
_version = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw, msgspec.Raw, msgspec.Raw])


def to_bytes(entry: AnyEntry, seq: int, at_ns: int) -> bytes:
    """The entry as the journal's record, the bytes of `Persist.record`."""
    return _encoder.encode(Written(version=VERSION, seq=seq, at_ns=at_ns, entry=entry))


def from_bytes(record: bytes) -> Written:
    """Raises UnknownVersion, or msgspec.MsgspecError for bytes that are no record of ours."""
    version = _version.decode(record)[0]
    if version != VERSION:
        raise UnknownVersion(f"the journal is of version {version}, this build reads version {VERSION}")
    return _decoder.decode(record)
