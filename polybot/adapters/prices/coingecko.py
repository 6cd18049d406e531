"""CoinGecko's average (facts §15.3): cached for a minute, few calls without a key; a sanity check, nothing to trade on."""

from messages.inner import PriceFetched
from messages.units import NS
from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpError
from polybot.adapters.net.retry import ONCE
from polybot.adapters.prices.coinbase import GARBAGE, answered, price_of


class CoinGecko:
    """Not thread safe: one a lane. Asked once: the next poll comes anyway."""

    def __init__(self, where: Endpoint | str, timeout_s: float = 2.0) -> None:
        self._reads = EndpointReader(where, timeout_s, ONCE)

    def price(self, coin: str = "bitcoin") -> PriceFetched:
        """Known False with the reason when there is no clear answer."""
        path = f"/api/v3/simple/price?ids={coin}&vs_currencies=usd&include_last_updated_at=true"
        try:
            said = answered(self._reads.read(path))[coin]
            price, stamp = price_of(said["usd"]), said["last_updated_at"]
            if not isinstance(stamp, int) or not 0 < stamp < 10**11:
                raise ValueError(f"not a stamp: {stamp!r:.40}")
        except (HttpError, *GARBAGE) as exc:
            return PriceFetched(source="coingecko", known=False, price=0.0, size=0.0, stamped_ns=0, why=str(exc))
        return PriceFetched(source="coingecko", known=True, price=price, size=0.0, stamped_ns=stamp * NS, why="")
