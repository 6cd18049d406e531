"""What the venue takes at present: a state, not an error (facts §12). Learned from its answers, forgotten by the clock.

    running       everything                               post_only     resting orders that do not cross, and cancels
    restarting    nothing for a moment (425)               cancel_only   cancels
    disabled      nothing (503)                            closed_only   this account may only sell
    rate_limited  no orders until its Retry-After          unauthorized  401: halts as well
    wallet_type   the account trades from another wallet   geoblocked    403: nothing; after a page, exits at least
    unreachable   the last read was not answered; orders are not refused for it, each has its own fate

Reads that are answered with 401 or 403 mean unauthorized and geoblocked as well, until one is answered as it should be. 401
halts once it has stood for REFUSED_S: a clock that was set, or a machine that stood still, is refused for less.

A 403 page in answer to an order is the word of a firewall: the state has no end of its own then, and `asks_where` holds until
the geoblock endpoint says that we are not blocked (refusals.py), or an order is taken.

A state with an end is over at its end, or at the first order that is taken; then our books are read anew, since the venue
does not say what a restart did to them. Without Retry-After it is tried again after 1, 2, 4 … 30 s. These are the venue's
seconds, as Retry-After's are: above speed 1 they are shorter by the machine's clock, but never below LEAST_S.
"""

from messages import OrderIntent
from messages.inner import PostResult, Started
from polybot.core.reasons import Reason

OF_CODE: dict[str, str] = {
    "RESTARTING": "restarting",
    "POST_ONLY_MODE": "post_only",
    "CANCEL_ONLY": "cancel_only",
    "DISABLED": "disabled",
    "NOT_NOW": "disabled",
    "RATE_LIMIT": "rate_limited",
    "NOT_SENT": "unreachable",
    "CLOSED_ONLY": "closed_only",
    "GEOBLOCK": "geoblocked",
    "FORBIDDEN": "geoblocked",
    "AUTH": "unauthorized",
    "BANNED": "unauthorized",
    "WALLET_TYPE": "wallet_type",
}
OF_STATUS: dict[int, str] = {401: "unauthorized", 403: "geoblocked"}
REFUSED_S = 5.0  # machine time
FOR_GOOD_S = 300.0  # what only the user or the venue's support can change is tried again after this
FOR_GOOD = ("closed_only", "geoblocked", "unauthorized", "wallet_type")
BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
LEAST_S = 1.0  # machine time: whoever looks at `status` meanwhile shall see it


class VenueState:
    """`state` and `why` as said in Account. asks_where: a page has kept an order out, and nobody has said yet who we are."""

    def __init__(self) -> None:
        self.state, self.why = "running", ""
        self.asks_where = False
        self._speed = 1.0
        self._in_a_row = 0
        self._reads, self._reads_since_s = "", 0.0  # what refused reads came to; "" = the last one was not refused

    def start(self, started: Started) -> None:
        """How many of its seconds pass in one of the machine's."""
        self._speed = started.speed

    def machine_s(self, venue_s: float) -> float:
        """So many of its seconds by the machine's clock."""
        return venue_s / self._speed

    def answered(self, result: PostResult) -> float:
        """The answer to an order. A refusal of that order alone means that the venue is running. Returns after how many
        machine seconds the state is `over`; 0 = it has no end.
        """
        if result.outcome == "unknown" and result.code == "GEOBLOCK":
            self.state, self.why, self.asks_where = "geoblocked", result.text, True
            return 0.0
        state = OF_CODE.get(result.code, "") if result.outcome in ("refused", "retry") else ""
        if result.outcome in ("accepted", "refused"):
            self.asks_where = False
        if state:
            self._in_a_row = self._in_a_row + 1 if state == self.state else 1
            wait_s = FOR_GOOD_S if state in FOR_GOOD else BACK_OFF_S[min(self._in_a_row, len(BACK_OFF_S)) - 1]
            self.state, self.why = state, result.text
            return max(LEAST_S, self.machine_s(max(wait_s, result.retry_after_s)))
        if result.outcome in ("accepted", "refused"):
            self.state, self.why, self._in_a_row = "running", "", 0
        return 0.0

    def read(self, known: bool, why: str) -> None:
        """The answer to a read, which says only whether somebody is there."""
        if known and self.state == "unreachable":
            self.state, self.why = "running", ""
        elif not known and self.state == "running":
            self.state, self.why = "unreachable", why

    def refused(self, known: bool, why: str, http: int, mono_s: float) -> bool:
        """The answer to a read, which may have been a refusal of ourselves. True once one of our credentials has stood."""
        state = "" if known else OF_STATUS.get(http, "")
        if state:
            if state != self._reads:
                self._reads, self._reads_since_s = state, mono_s
            self.state, self.why = state, why
        elif known and self._reads:
            if self.state == self._reads and not self.asks_where:
                self.state, self.why = "running", ""
            self._reads = ""
        return state == "unauthorized" and mono_s - self._reads_since_s >= REFUSED_S

    @property
    def refuses_us(self) -> bool:
        """Whatever the order, it is not taken: nothing has to be known to say so."""
        return self.state == "unauthorized" or (self.state == "geoblocked" and not self.asks_where)

    def not_blocked(self) -> bool:
        """The geoblock endpoint lets us trade; True if that ended a state."""
        self.asks_where = False
        return self.state == "geoblocked" and not self._reads and self.over()

    def over(self) -> bool:
        """Its end has come; True if there was one to end: the venue may have forgotten our orders meanwhile."""
        if self.state in ("running", "unreachable") or self.asks_where:
            return False
        self.state, self.why = "running", ""
        return True

    def shut(self, intent: OrderIntent) -> Reason | None:
        """Why the venue would not take this order now."""
        match self.state:
            case "running" | "unreachable":
                return None
            case "post_only" if intent.post_only:
                return None
            case "closed_only" if intent.side == "SELL":
                return None
            case "geoblocked" if intent.side == "SELL" and self.asks_where:
                return None
            case _:
                return self.reason

    @property
    def reason(self) -> Reason:
        """The state as the reason of an order that it did not take."""
        return Reason(f"VENUE_{self.state.upper()}", f"the venue is {self.state}: {self.why}")
