"""The world's prices on the wires that carry them: RTDS's topics and PolyBolt's channels.

oracle's spot print        crypto_prices_chainlink; the mean of the last thirty of them: crypto_prices_twap_thirty and
                           price.crypto.twap (30)
oracle's TWAP-60 print     crypto_prices_twap_sixty and price.crypto.twap (60): what settles
a second of the exchange   crypto_prices (Binance's last trade), and price.crypto: another vendor's price near it, in
                           dollars instead of tethers, which settles nothing
"""

from collections import deque

from polybot.sim.world.world import OraclePrint
from polybot.venue.channels import polybolt, rtds
from polybot.venue.channels.polybolt import PolyBolt
from polybot.venue.channels.rtds import Rtds

NS = 1_000_000_000
E18 = 10**18
LOOKBACK_S = 30
LEAST_POINTS = 20  # of the thirty: the relay loses about one second in twenty
CARRIED_S = 3  # missing seconds that PolyBolt fills by carrying the last price forward; a longer gap is silence
DOLLARS_PER_TETHER = 0.999_776  # recorded 2026-04-29: Binance stood 17.2 above Chainlink at 76,600
BINANCE_LAG_MS, PYTH_LAG_MS = 142, 250
SPOT: polybolt.Key = (polybolt.SPOT, polybolt.SYMBOL, 0)
THIRTY: polybolt.Key = (polybolt.TWAP, polybolt.SYMBOL, 30)
SIXTY: polybolt.Key = (polybolt.TWAP, polybolt.SYMBOL, 60)


class PriceWires:
    """Told every print and every second of the exchange, in order of their arrival."""

    def __init__(self, to_rtds: Rtds, to_polybolt: PolyBolt) -> None:
        self.rtds, self.polybolt = to_rtds, to_polybolt
        self._spots: deque[tuple[int, int]] = deque()
        self._twap_s = 0
        self._exchange_s = 0

    def oracle(self, printed: OraclePrint) -> None:
        """Send one print of the oracle out on every topic and channel that carries it."""
        published_ms = printed.server_ns // 1_000_000
        if printed.feed == "spot":
            self._to_rtds(rtds.CHAINLINK, printed.observed_s, published_ms, printed.value_e18)
            self._thirty(printed, published_ms)
        elif printed.feed == "twap60":
            self._to_rtds(rtds.TWAP_SIXTY, printed.observed_s, published_ms, printed.value_e18)
            self._carry(printed.observed_s, published_ms)
            self.polybolt.publish(SIXTY, printed.observed_s * 1000, published_ms, printed.value_e18)

    def exchange(self, second: int, price: float) -> None:
        """The exchange's last price as a second of the world has passed; once a second."""
        if second <= self._exchange_s:
            return
        self._exchange_s, at_ms = second, second * 1000
        self.rtds.publish(rtds.BINANCE, at_ms, at_ms + BINANCE_LAG_MS, price, f"{price:.8f}")
        dollars_e8 = round(price * DOLLARS_PER_TETHER * 1e8)
        self.polybolt.publish(SPOT, at_ms, at_ms + PYTH_LAG_MS, dollars_e8 * 10**10)

    def _to_rtds(self, topic: str, second: int, published_ms: int, value_e18: int) -> None:
        self.rtds.publish(topic, second * 1000, published_ms, value_e18 / E18, str(value_e18))

    def _thirty(self, printed: OraclePrint, published_ms: int) -> None:
        second = printed.observed_s
        self._spots.append((second, printed.value_e18))
        while self._spots and self._spots[0][0] <= second - LOOKBACK_S:
            self._spots.popleft()
        if len(self._spots) >= LEAST_POINTS:
            mean_e18 = sum(value for _, value in self._spots) // len(self._spots)
            self._to_rtds(rtds.TWAP_THIRTY, second, published_ms, mean_e18)
            self.polybolt.publish(THIRTY, second * 1000, published_ms, mean_e18)

    def _carry(self, second: int, published_ms: int) -> None:
        missing = second - self._twap_s - 1
        if self._twap_s and 0 < missing <= CARRIED_S:
            for ago in range(missing, 0, -1):
                self.polybolt.carry_forward(SIXTY, published_ms - ago * 1000)
        self._twap_s = max(self._twap_s, second)
