"""Coinbase's retail spot price (facts §15.2): no stamp, cached for seconds, at most one request a second."""

import math
from collections.abc import Callable

import msgspec

from messages.inner import PriceFetched
from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpError, Response
from polybot.adapters.net.retry import ONCE, refusal

GARBAGE = (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError, ValueError, AttributeError)


class Coinbase:
    """Not thread safe: one a lane. now_ns: world time, the only stamp there is. Asked once: the next poll comes anyway."""

    def __init__(self, where: Endpoint | str, now_ns: Callable[[], int], timeout_s: float = 2.0) -> None:
        self._reads, self._now_ns = EndpointReader(where, timeout_s, ONCE), now_ns

    def price(self, pair: str = "BTC-USD") -> PriceFetched:
        """Known False with the reason when there is no clear answer."""
        try:
            amount = price_of(answered(self._reads.read(f"/v2/prices/{pair}/spot"))["data"]["amount"])
        except (HttpError, *GARBAGE) as exc:
            return PriceFetched(source="coinbase", known=False, price=0.0, size=0.0, stamped_ns=0, why=str(exc))
        return PriceFetched(source="coinbase", known=True, price=amount, size=0.0, stamped_ns=self._now_ns(), why="")


def answered(response: Response) -> dict[str, dict[str, object]]:
    """The JSON of a good answer; raises ValueError for any other."""
    if response.status != 200:
        raise ValueError(refusal(response.status, response.headers) or f"HTTP {response.status}")
    return msgspec.json.decode(response.body, type=dict[str, dict[str, object]])


def price_of(value: object) -> float:
    """A positive, finite number, as JSON or as text; ValueError else."""
    price = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(price) and price > 0):
        raise ValueError(f"not a price: {value!r:.40}")
    return price
