"""An order's way to the venue and back, and the dead-man heartbeat: signing, the order gate, POST, cancel."""

from typing import Literal

from messages.base import Inner
from messages.inner.purposes import AnyCancelPurpose
from messages.trade import Side


class OrderFields(Inner, frozen=True, kw_only=True):
    """The signed struct of the venue's order: integers, hex and decimal texts, no signature yet."""

    salt: int
    token_id: str
    maker_e6: int
    taker_e6: int
    side: Side
    timestamp_ms: int
    metadata: str
    neg_risk: bool
    order_type: Literal["FAK", "FOK", "GTC", "GTD"]
    post_only: bool
    expiration_s: int


class SignOrder(Inner, frozen=True, kw_only=True):
    """Build, hash and sign. Performed by the loop at once; heard back as OrderSigned before anything else."""

    intent_id: str
    fields: OrderFields


class OrderSigned(Inner, frozen=True, kw_only=True):
    """order_id is the EIP-712 digest; body the exact bytes of POST /order. why: signing failed, both are empty."""

    intent_id: str
    order_id: str
    body: bytes
    why: str = ""


class PostOrder(Inner, frozen=True, kw_only=True):
    """Send these bytes through the order gate. It looks, its lock held while they leave, whether the journal has failed, the
    dead-man heartbeat goes unanswered, a halt file stands or good_until_ns is past. risk's boot was looked at before signing.
    """

    order_id: str
    body: bytes
    good_until_ns: int
    attempt: int


class PostResult(Inner, frozen=True, kw_only=True):
    """The venue's answer to a POST.

    outcome  "accepted" a clear yes · "refused" a clear no · "unknown" anything else · "gate" the order gate was shut
             "retry" a clear *not now* (425, 429, 503): the order was not taken
    making_e6, taking_e6: what was given and received so far, by the answer; code names refusals (INSUFFICIENT, …).
    retry_after_s: machine seconds for which the venue said it takes none; 0 = it did not say.
    """

    order_id: str
    outcome: Literal["accepted", "refused", "unknown", "gate", "retry"]
    status: str
    making_e6: int
    taking_e6: int
    trade_ids: tuple[str, ...]
    http: int
    code: str
    text: str
    took_ms: float
    attempt: int
    retry_after_s: float = 0.0


class MoveGate(Inner, frozen=True, kw_only=True):
    """Pause or reopen the order gate for the heartbeat's sake, at once: why "" opens it, anything else shuts it, also to orders
    queued on the lane. A gate that a failed journal has closed stays closed.
    """

    why: str


class WarmUp(Inner, frozen=True, kw_only=True):
    """Have the order lane's connection open, so that the next order's first byte waits for no handshake. No result."""


class SendHeartbeat(Inner, frozen=True, kw_only=True):
    """POST /v1/heartbeats, on a lane of its own. heartbeat_id: the one the venue gave last; "" = the one kept on disk."""

    heartbeat_id: str


class HeartbeatSent(Inner, frozen=True, kw_only=True):
    """The venue's answer to a heartbeat.

    acked     heartbeat_id is the next one to send, and is on disk
    mismatch  the venue expects heartbeat_id; what was sent did not extend its deadline
    failed    anything else, silence included: why
    """

    outcome: Literal["acked", "mismatch", "failed"]
    heartbeat_id: str
    why: str = ""


class CancelOrders(Inner, frozen=True, kw_only=True):
    """Cancel these ids at the venue; empty = all of this account. Runs on its own lane, never behind orders."""

    purpose: AnyCancelPurpose
    order_ids: tuple[str, ...]


class CancelResult(Inner, frozen=True, kw_only=True):
    """What a cancel did. known False: no clear answer. not_canceled: id → the venue's reason."""

    purpose: AnyCancelPurpose
    known: bool
    canceled: tuple[str, ...]
    not_canceled: dict[str, str]
    why: str
