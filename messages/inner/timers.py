"""What a core can ask to be woken for: one struct a timer, so that nobody writes a name here and takes it apart there.

Two timers are the same when their kind and their fields are; the same timer wished for again replaces the earlier wish. A
core says WakeAt or WakeIn with one of these, and hears it back in the Tick. A new timer is a new struct in this file.
"""

import sys
from typing import TYPE_CHECKING

from messages.base import Part, union_of
from messages.inner.feed_reads import AskedSource, ClockSource


class Timer(Part, frozen=True, kw_only=True, tag=True):
    """What a wish to be woken is about. On the wire its `type` is the class name."""


# --- of several actors


class SayLevels(Timer, frozen=True, kw_only=True):
    """price_feed, market_feed, risk, executor: a machine second is over; levels are said again, what grew old is looked at."""


class LookAround(Timer, frozen=True, kw_only=True):
    """watchdog, notifier: it is time to look who has fallen silent."""


class FeedStale(Timer, frozen=True, kw_only=True):
    """Of the feed of this name (as in FeedStatus), what came last is too old from now on, unless something came meanwhile."""

    feed: str


class AskHistory(Timer, frozen=True, kw_only=True):
    """signal, risk: price_feed may be asked again for the bars of this interval."""

    interval_s: int


class AskListings(Timer, frozen=True, kw_only=True):
    """signal, allocator, risk: market_feed may be asked again for what it said before we listened."""


# --- price_feed


class SampleMark(Timer, frozen=True, kw_only=True):
    """The grace after a mark of the 30-second samples is over: its sample is made of what has come."""


class RefillCandles(Timer, frozen=True, kw_only=True):
    """Klines that could not be had are asked for again."""


class AskPrice(Timer, frozen=True, kw_only=True):
    """The pause between two questions to this source of prices is over."""

    source: AskedSource


# --- market_feed


class WindowBegins(Timer, frozen=True, kw_only=True):
    """The next window of the calendar begins: the market two windows ahead is to be asked for."""


class WindowLate(Timer, frozen=True, kw_only=True):
    """So long after this window's end its end print no longer comes: what is known of it is final."""

    slug: str


class FetchAgain(Timer, frozen=True, kw_only=True):
    """This market is asked for again: it is not described yet, or not resolved."""

    slug: str


class CheckResolution(Timer, frozen=True, kw_only=True):
    """A resolved market is asked for once more, after_s world seconds after it was: a resolution may be corrected."""

    slug: str
    after_s: int


class ReadClockAgain(Timer, frozen=True, kw_only=True):
    """This other clock is to be asked again."""

    source: ClockSource


# --- signal, allocator, risk


class DecisionDue(Timer, frozen=True, kw_only=True):
    """signal: the next moment at which a strategy decides, or gives its window up."""


class SignalsAgain(Timer, frozen=True, kw_only=True):
    """signal: what the allocator has not answered is said again."""


class SignalsLate(Timer, frozen=True, kw_only=True):
    """allocator: the good-until of a signal that waits for something has passed."""


class SnapshotAgain(Timer, frozen=True, kw_only=True):
    """risk: the executor was silent to a Snapshot, and is asked again."""


class StartupOver(Timer, frozen=True, kw_only=True):
    """risk: whatever was to be heard after a start has been heard; what is unknown now is a reason to refuse."""


# --- executor


class PostAgain(Timer, frozen=True, kw_only=True):
    """This order's turn to be sent has come: it waited for its token, the heartbeat, or after a clear *not now*."""

    order_id: str


class ProbeOrder(Timer, frozen=True, kw_only=True):
    """The venue is asked after this order, which is neither final nor resting as it should."""

    order_id: str


class CancelAt(Timer, frozen=True, kw_only=True):
    """This order's cancel_at has come, or its cancel was not answered: if it may still rest, it is cancelled."""

    order_id: str


class VenueStateOver(Timer, frozen=True, kw_only=True):
    """The state in which the venue took no orders (restarting, rate limit, …) should be over."""


class AskGeoblock(Timer, frozen=True, kw_only=True):
    """A page kept an order out, and the geoblock endpoint was silent: it is asked again."""


class AskShortfall(Timer, frozen=True, kw_only=True):
    """The venue said that an order could not be paid: the balance is read again."""


class Reconcile(Timer, frozen=True, kw_only=True):
    """Our books are compared with the venue's: the next round."""


class KeepWarm(Timer, frozen=True, kw_only=True):
    """The order lane's connection is looked at."""


class BeatHeart(Timer, frozen=True, kw_only=True):
    """The next heartbeat of the dead-man switch is due."""


class HeartbeatLate(Timer, frozen=True, kw_only=True):
    """The heartbeat that went out last should have been acknowledged by now."""


class RedeemAgain(Timer, frozen=True, kw_only=True):
    """The next step of redeeming this window: a poll, a look at shares or wallet, or another attempt."""

    slug: str


class ProofStep(Timer, frozen=True, kw_only=True):
    """Cancel-all under way: what is to be done next to prove that nothing is open?"""


class ProofCancelAgain(Timer, frozen=True, kw_only=True):
    """Cancel-all under way: something was open, or the cancel was not answered; everything is cancelled once more."""


class ProofAnew(Timer, frozen=True, kw_only=True):
    """Cancel-all ended without a proof: while we are halted or leaving it begins anew."""


class LeaveNow(Timer, frozen=True, kw_only=True):
    """After SIGTERM there is no more time to wait for answers."""


# --- recorder


class AskMissing(Timer, frozen=True, kw_only=True):
    """Money events and messages that were missed are asked for."""


class WindowRowsDue(Timer, frozen=True, kw_only=True):
    """Everything about a window's decision must have been said: those who said nothing get their row."""


class NoteCounts(Timer, frozen=True, kw_only=True):
    """A machine second is over: counters and marks that changed are written."""


if TYPE_CHECKING:
    AnyTimer = Timer
else:
    AnyTimer = union_of(Timer, sys.modules[__name__])
