"""When is the world outside asked again: the one place that says so. All in machine time.

Two kinds of trouble, two ladders, each doubling, with jitter, for ever:

1. Unreached: refused by our own system, timed out, cut, answered 5xx. Nobody has told us to stay away, so the wait stays
   short (CAP_S): whoever comes back is found within five seconds.
2. Refused: the server itself said no (429, 418, 403, 451, or a websocket closed with 1008). Knocking on makes it worse
   (Binance turns 429 into a ban of days), so this ladder grows to five minutes; a longer Retry-After is kept to.

A connection never begins less than SPACING_S after the one before it: Binance bans whoever tries 300 times in 5 minutes.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

CAP_S = 4.0
REFUSED_CAP_S = 300.0
SPACING_S = 1.0
REFUSALS = {
    403: "forbidden",
    418: "banned for asking too often",
    429: "too many requests",
    451: "not served from this country (geoblock)",
}
POLICY_VIOLATION = 1008
LONGEST_ASKED_S = 3 * 24 * 3600.0  # Binance's longest ban; who asks for more has written nonsense


@dataclass(frozen=True)
class Backoff:
    """The two ladders. failures and refusals count from 0: how many there were before this one."""

    first_s: float = 0.25
    cap_s: float = CAP_S
    spacing_s: float = SPACING_S
    refused_first_s: float = 1.0
    refused_cap_s: float = REFUSED_CAP_S

    def wait_s(self, failures: int) -> float:
        """Seconds until an unreached host is tried again (rule 1). Jitter keeps a crowd from coming back in step."""
        return _rung(self.first_s, self.cap_s, failures) * random.uniform(0.8, 1.0)

    def refused_s(self, refusals: int, asked_s: float = 0.0) -> float:
        """Seconds until a host that refused us is tried again (rule 2); never less than asked_s, its Retry-After (0 =
        none).
        """
        ladder = _rung(self.refused_first_s, self.refused_cap_s, refusals) * random.uniform(0.8, 1.0)
        return max(ladder, min(asked_s, LONGEST_ASKED_S) * random.uniform(1.0, 1.05))


@dataclass(frozen=True)
class Retries:
    """How often a read is tried: so many tries in all, first_s between the first two, then factor times as long; jitter
    ±20 %.
    """

    tries: int = 3
    first_s: float = 1.0
    factor: float = 2.0

    def wait_s(self, tried: int) -> float:
        """Seconds to wait after the tried-th try, counted from 1, jitter included."""
        return self.first_s * self.factor ** (tried - 1) * random.uniform(0.8, 1.2)


READS = Retries()
ONCE = Retries(tries=1)
"""Of a poll: the next one comes anyway."""


def refusal(status: int, headers: Mapping[str, str]) -> str:
    """The sentence for an answer that is a refusal of rule 2; "" for any other."""
    if status not in REFUSALS:
        return ""
    after = retry_after_s(headers)
    return f"HTTP {status} {REFUSALS[status]}" + (f", retry after {after:g} s" if after else "")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds; 0.0 where there is no such header, or one we cannot read (a date: none of our hosts writes one)."""
    try:
        value = float(headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0


def _rung(first_s: float, cap_s: float, n: int) -> float:
    return min(cap_s, first_s * 2.0 ** min(n, 32))
