"""What something was asked of the venue for: goes out with the question, comes back with its answer.

Nothing at the venue depends on it. A new purpose is a new struct in this file.
"""

import sys
from typing import TYPE_CHECKING

from messages.base import Part, union_of


class ReadPurpose(Part, frozen=True, kw_only=True, tag=True):
    """What the account, an order or a market was read for."""


class CancelPurpose(Part, frozen=True, kw_only=True, tag=True):
    """What orders were cancelled for."""


# --- reads


class ForReconciliation(ReadPurpose, frozen=True, kw_only=True):
    """This round of comparing our books with the venue's; an answer to an earlier round completes nothing."""

    round: int


class ForDifference(ReadPurpose, frozen=True, kw_only=True):
    """Between two rounds: the two sides differ, or a resolved window owes the wallet."""


class ForProbe(ReadPurpose, frozen=True, kw_only=True):
    """What became of an order that is neither final nor resting as it should."""


class ForProof(ReadPurpose, frozen=True, kw_only=True):
    """The proof of this attempt at cancel-all that nothing is open."""

    attempt: int


class ForOutcome(ReadPurpose, frozen=True, kw_only=True):
    """Who won an ended window in which something is held or in doubt."""


class ForPayout(ReadPurpose, frozen=True, kw_only=True):
    """The wallet, which a payout may just have reached."""


class ForRedemption(ReadPurpose, frozen=True, kw_only=True):
    """The shares of this window's winner: are they still there to be redeemed?"""

    slug: str


class ForShortfall(ReadPurpose, frozen=True, kw_only=True):
    """The venue said that this order could not be paid: can it?"""

    order_id: str


class ForCheckup(ReadPurpose, frozen=True, kw_only=True):
    """`doctor` asks, not a core."""


# --- cancels


class ForCancelAt(CancelPurpose, frozen=True, kw_only=True):
    """This order's cancel_at has come."""

    order_id: str


class ForStillOpen(CancelPurpose, frozen=True, kw_only=True):
    """This order was cancelled before, and is still open."""

    order_id: str


class ForCancelAll(CancelPurpose, frozen=True, kw_only=True):
    """Cancel-all, this attempt: everything of the account at once."""

    attempt: int


class ForCancelEach(CancelPurpose, frozen=True, kw_only=True):
    """Cancel-all, this attempt: by their ids, those the venue may not know as open."""

    attempt: int


class ForLeaving(CancelPurpose, frozen=True, kw_only=True):
    """SIGTERM: what rests goes before we do."""


if TYPE_CHECKING:
    AnyReadPurpose = ReadPurpose
    AnyCancelPurpose = CancelPurpose
else:
    AnyReadPurpose = union_of(ReadPurpose, sys.modules[__name__])
    AnyCancelPurpose = union_of(CancelPurpose, sys.modules[__name__])
