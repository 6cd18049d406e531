"""The demo's world: everything from one seed, on an ordinary day or a special one (`scenarios`)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from polybot.sim.world.binance import BinanceTrades
from polybot.sim.world.makers import Makers
from polybot.sim.world.oracle_delay import LAG_MEDIAN_S, PUBLISH_BEFORE_S, Relay
from polybot.sim.world.price_path import BLOCK_S, SUBS, Path
from polybot.sim.world.probability import LOOKBACK_S
from polybot.sim.world.rng import SESSION, draw, hex_id, quantile
from polybot.sim.world.scenarios import ORDINARY, Scenario
from polybot.sim.world.takers import Takers
from polybot.sim.world.world import (
    E18,
    WINDOW_S,
    DepthBook,
    ExchangeTrade,
    Kline,
    Ladder,
    OraclePrint,
    Rule,
    S,
    TakerOrder,
    Winner,
    WorldMarket,
    by_rule,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EPOCH_S = 1_795_132_800  # 2026-11-20T00:00Z
HISTORY_S = 4 * 3_600  # of prices before the first window
RESOLVED_AFTER_S = ((0.0, 14.0), (0.5, 21.0), (0.9, 52.0), (0.99, 85.0), (1.0, 316.0))
MAX_LAG_S = 10
LAG_NS = int(LAG_MEDIAN_S * S)
UINT = 2**256


class SyntheticWorld:
    """A world of its own: latent path, oracle, exchange, makers and takers from a seed.

    level_bp   the session's volatility (rms of a latent second), None: drawn by the seed
    scenario   a special day instead of an ordinary one
    """

    label = "synthetic world, synthetic books: no evidence of profit"

    def __init__(
        self,
        seed: int,
        first_start_s: int = EPOCH_S,
        rule: Rule = "twap60",
        level_bp: float | None = None,
        scenario: Scenario = ORDINARY,
    ) -> None:
        self.seed, self.first_start_s, self.rule, self.scenario = seed, first_start_s, rule, scenario
        if scenario.name:
            self.label = f"scenario {scenario.name}: {self.label}"
        origin = (first_start_s - HISTORY_S) // BLOCK_S * BLOCK_S
        self.path = Path(seed, origin, level_bp, scenario, first_start_s)
        self.makers = Makers(seed, self.path)
        self.takers = Takers(seed, self.makers)
        self._relay = Relay(seed)
        self._exchange = BinanceTrades(seed, self._prices)
        self._values = lru_cache(maxsize=600)(self._value_e18)
        self._twaps = lru_cache(maxsize=600)(self._twap_e18)

    # --- markets

    def markets(self, from_s: int, to_s: int) -> list[WorldMarket]:
        """Markets whose window starts in [from_s, to_s); one every five minutes, for ever."""
        first = -(-max(from_s, self.path.origin_s + WINDOW_S) // WINDOW_S) * WINDOW_S
        return [self._market(start) for start in range(first, to_s, WINDOW_S)]

    def market(self, slug: str) -> WorldMarket | None:
        """The market of a slug; None unless it names a window of this world."""
        head, _, tail = slug.rpartition("-")
        if head != "btc-updown-5m" or not tail.isdecimal() or len(tail) > 10 or int(tail) % WINDOW_S:
            return None
        return self._market(int(tail)) if int(tail) > self.path.origin_s else None

    def strike_e18(self, market: WorldMarket) -> int | None:
        """The settlement variable at the start, relayed or not."""
        return self._settle_e18(market.rule, market.start_s)

    def end_e18(self, market: WorldMarket) -> int | None:
        """The settlement variable at the market's end, × 1e18; None while unknown."""
        return self._settle_e18(market.rule, market.end_s)

    def outcome(self, market: WorldMarket) -> Winner:
        """Who wins by the market's rule; a tie is Up."""
        return by_rule(self._settle_e18(market.rule, market.start_s), self._settle_e18(market.rule, market.end_s))

    def resolved_ns(self, market: WorldMarket) -> int:
        """The end and a delay from the measured distribution."""
        u = float(draw(self.seed, SESSION, market.start_s).random())
        window = (market.start_s - self.first_start_s) // WINDOW_S + 1
        return market.end_s * S + int(quantile(u, RESOLVED_AFTER_S) * S) + self.scenario.late_ns(window)

    # --- the oracle

    def spot_print(self, second: int) -> OraclePrint | None:
        """The print of a second, None if lost on the way."""
        return self._print("spot", 0, second)

    def twap_print(self, second: int) -> OraclePrint | None:
        """The TWAP-60 print of a second, None if lost on the way."""
        return self._print("twap60", 1, second)

    def prints(self, after_ns: int, upto_ns: int) -> list[OraclePrint]:
        """Prints of both feeds that arrive in (after, upto]."""
        seconds = range(after_ns // S - MAX_LAG_S, upto_ns // S + 1)
        found = [p for s in seconds for p in (self.spot_print(s), self.twap_print(s)) if p]
        return sorted((p for p in found if after_ns < p.received_ns <= upto_ns), key=lambda p: p.received_ns)

    # --- the exchange

    def trades(self, after_ns: int, upto_ns: int) -> list[ExchangeTrade]:
        """The exchange's trades in (after_ns, upto_ns], in order."""
        return self._exchange.trades(after_ns, upto_ns)

    def klines(self, interval_s: int, from_s: int, to_s: int, upto_ns: int) -> list[Kline]:
        """Bars that start in [from, to), of trades up to upto_ns."""
        return self._exchange.klines(interval_s, max(from_s, self.path.origin_s), to_s, upto_ns)

    def close_at(self, second: int) -> float | None:
        """Close of the one-second bar that ends at a second; None if nobody traded in it."""
        trades = self._exchange.trades((second - 1) * S - 1, second * S - 1)
        return trades[-1].price if trades else None

    def depth(self, t_ns: int) -> DepthBook | None:
        """The exchange's twenty levels a side; None while it is silent."""
        if self.scenario.is_untraded(t_ns / S - self.first_start_s):
            return None
        return self._exchange.depth(t_ns, self.path.price(t_ns - 35_000_000))

    # --- the venue's crowd

    def quotes(self, market: WorldMarket, t_ns: int, tick_e6: int) -> Ladder | None:
        """The makers' ladder at a moment; None when they quote nothing."""
        return self.makers.quotes(market, t_ns, tick_e6)

    def taker_flow(self, market: WorldMarket, after_ns: int, upto_ns: int) -> list[TakerOrder]:
        """Orders of anonymous takers in (after_ns, upto_ns], in order."""
        return self.takers.flow(market, after_ns, upto_ns)

    # --- inside

    def _market(self, start_s: int) -> WorldMarket:
        return synthetic_market(f"btc-updown-5m-{start_s}", start_s, self.rule)

    def _prices(self, at_ns: NDArray[np.int64], delay_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        first, last = max(int(at_ns[0]) // S - 1, self.path.origin_s), int(at_ns[-1]) // S
        values = self.path.latent_values(first, last)
        prices: NDArray[np.float64] = values[((at_ns - delay_ns - first * S) // (S // SUBS)).clip(0)].copy()
        for from_s, to_s in self.scenario.untraded:
            since_s = at_ns / S - self.first_start_s
            prices[(since_s >= from_s) & (since_s < to_s)] = float("nan")
        return prices

    def _value_e18(self, second: int) -> int:
        return round(self.path.oracle_at(second) * 1e9) * (E18 // 10**9)

    def _twap_e18(self, second: int) -> int:
        values: list[float] = self.path.oracle_values(second - 59, second).tolist()
        return mean_e18(values)

    def _settle_e18(self, rule: Rule, second: int) -> int:
        if rule == "twap60":
            return self._twaps(second)
        if rule == "spot":
            return self._values(second)
        values: list[float] = self.path.oracle_values(second - LOOKBACK_S[rule] + 1, second).tolist()
        return mean_e18(values)

    def _print(self, feed: Rule, index: int, second: int) -> OraclePrint | None:
        if second < self.path.origin_s + 60 or self.scenario.is_unprinted(second - self.first_start_s):
            return None
        lag = self._relay.lag_ns(index, second) or (LAG_NS if self.scenario.all_relayed else 0)
        if not lag:
            return None
        received = second * S + lag
        value = self._values(second) if feed == "spot" else self._twaps(second)
        return OraclePrint(feed, second, value, received - int(PUBLISH_BEFORE_S * S), received)


def mean_e18(values: list[float]) -> int:
    """Mean of oracle values, as the integer the TWAP stream would carry."""
    return sum(round(v * 1e9) for v in values) * (E18 // 10**9) // len(values)


@lru_cache(maxsize=600)
def synthetic_market(slug: str, start_s: int, rule: Rule) -> WorldMarket:
    """A market whose ids are hashes of its slug."""
    return WorldMarket(
        slug=slug,
        market_id=str(4_000_000 + start_s // WINDOW_S % 1_000_000),
        condition_id="0x" + hex_id("condition", slug),
        up_token=str(int(hex_id("token", slug, "Up"), 16) % UINT),
        down_token=str(int(hex_id("token", slug, "Down"), 16) % UINT),
        start_s=start_s,
        end_s=start_s + WINDOW_S,
        rule=rule,
    )
