"""The makers' ladder: rules §8. A pure function of market and moment, over whatever ground the world stands on.

Several makers, each with its own σ within ± 15 %, quote one ladder around their mean. They place new quotes from the price
with a lag of median 150 ms, but pull a quote that has gone wrong by over a cent within 100 ms: less than the taker delay,
which is there for that. A move of over 2 bp within a second they answer with half the depth and a wide spread. In the
last thirty seconds nobody bids for the losing side.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from polybot.sim.world.probability import Ground, fair
from polybot.sim.world.rng import MAKERS, draw
from polybot.sim.world.world import MS, Ladder, Levels, S, WorldMarket

MAKERS_COUNT = 3
SIGMA_ERROR = 0.15
LAG_MEDIAN_S, LAG_LOG_SD = 0.150, 0.843  # p95 600 ms
FAST_LAG_NS = 100 * MS
WRONG_BY = 0.01
SHOCK = 2e-4
STEP_NS = 100 * MS  # quotes stand still between tenths of a second
SPREADS = (1,) * 56 + (3,) * 7 + (5,) * 1  # ticks of a cent
FINE_SPREADS = (5,) * 40 + (7,) * 16 + (9,) * 8  # ticks of a tenth of a cent, beyond 0.96 and 0.04
WIDE_SPREADS = (3, 5, 3, 5)  # 2–4 cents more than before
DEEP_BEFORE_OPEN, DEEP_IN_WINDOW = 47, 15
TABLE = 256
CENT_E6 = 10_000
FINE_HIGH_E6, FINE_LOW_E6 = 960_000, 40_000
LOSING = 0.25
LAST_S = 30


@dataclass(slots=True)
class Habits:
    """What is drawn once for a market."""

    sigma_factor: float
    lag_ns: list[int]
    spread: list[int]
    fine_spread: list[int]
    wide: list[int]
    wide_for_s: list[int]
    best: list[int]
    top: list[int]
    deep: list[int]


class Makers:
    """Quotes for any market at any time. `seed` gives the habits, `ground` the price."""

    def __init__(self, seed: int, ground: Ground) -> None:
        self.seed, self.ground = seed, ground
        self._habits: OrderedDict[int, Habits] = OrderedDict()

    def quotes(self, market: WorldMarket, t_ns: int, tick_e6: int) -> Ladder:
        """The ladder at a moment, on the market's current grid."""
        t = t_ns // STEP_NS * STEP_NS
        habits = self._of(market)
        bid, ask, tick, mid, half = self._touch(market, habits, t, tick_e6)
        deep = DEEP_BEFORE_OPEN if t < market.start_s * S else DEEP_IN_WINDOW
        bids = () if self._is_lost(market, t, mid) else _side(habits, bid, -tick, deep, t // S, half)
        asks = () if self._is_lost(market, t, 1 - mid) else _side(habits, ask, tick, deep, t // S, half)
        return Ladder(bids, asks, mid, half)

    def best(self, market: WorldMarket, t_ns: int, tick_e6: int = CENT_E6) -> tuple[int, int, float]:
        """(best bid, best ask, mid) without the rest of the ladder, sides present or not."""
        t = t_ns // STEP_NS * STEP_NS
        bid, ask, _, mid, _ = self._touch(market, self._of(market), t, tick_e6)
        return bid, ask, mid

    def _touch(self, market: WorldMarket, habits: Habits, t: int, tick_e6: int) -> tuple[int, int, int, float, bool]:
        """(best bid, best ask, step, mid, whether shocked)."""
        slow = fair(self.ground, market, self.seen_ns(habits, t), habits.sigma_factor)
        fast = fair(self.ground, market, t - FAST_LAG_NS, habits.sigma_factor)
        is_shocked = self._is_shocked(t, habits)
        if is_shocked:
            slow = fast
        bid, ask, step = _best(slow, habits, t, tick_e6, is_shocked)
        if abs(fast - slow) > WRONG_BY:  # the side that went wrong is pulled now, the other follows with the lag
            bid_now, ask_now, step_now = _best(fast, habits, t, tick_e6, is_shocked)
            step = max(step, step_now)
            bid, ask = min(bid, bid_now) // step * step, -(-max(ask, ask_now) // step) * step
        return bid, ask, step, slow, is_shocked

    def seen_ns(self, habits: Habits, t: int) -> int:
        """The newest moment the makers know at t. Lags change each second, but nobody ever un-sees a price."""
        second = t // S
        seen = t - habits.lag_ns[second % TABLE]
        for back in (1, 2):
            k = second - back
            seen = max(seen, (k + 1) * S - habits.lag_ns[k % TABLE])
        return seen

    def _is_shocked(self, t: int, habits: Habits) -> bool:
        """Whether the price ran more than 2 bp within a second, now or one to three seconds ago."""
        price = self.ground.price
        now = t - FAST_LAG_NS
        if abs(price(now - S) / price(now) - 1) > SHOCK:
            return True
        end = now // S * S
        last = price(end)
        for _ in range(habits.wide_for_s[now // S % TABLE]):
            end -= S
            before = price(end)
            if abs(before / last - 1) > SHOCK:
                return True
            last = before
        return False

    def _is_lost(self, market: WorldMarket, t: int, chance: float) -> bool:
        if t >= market.end_s * S:
            return chance < 0.5
        return chance < LOSING and t >= (market.end_s - LAST_S) * S

    def _of(self, market: WorldMarket) -> Habits:
        found = self._habits.get(market.start_s)
        if found is None:
            found = self._habits[market.start_s] = _draw(self.seed, market.start_s)
            if len(self._habits) > 16:
                self._habits.popitem(last=False)
        return found


def _draw(seed: int, start_s: int) -> Habits:
    luck = draw(seed, MAKERS, start_s)
    errors = luck.uniform(-SIGMA_ERROR, SIGMA_ERROR, MAKERS_COUNT)
    lags = LAG_MEDIAN_S * luck.lognormal(0, LAG_LOG_SD, TABLE)
    u = luck.random((3, TABLE))
    return Habits(
        sigma_factor=1 + float(errors.mean()),
        lag_ns=[int(v * S) for v in lags.clip(0.03, 2.0)],
        spread=luck.choice(SPREADS, TABLE).tolist(),
        fine_spread=luck.choice(FINE_SPREADS, TABLE).tolist(),
        wide=luck.choice(WIDE_SPREADS, TABLE).tolist(),
        wide_for_s=luck.integers(1, 4, TABLE).tolist(),
        best=[_shares(20 * 15**v) for v in u[0].tolist()],  # 20–300
        top=[_shares(60 * 10**v) for v in u[1].tolist()],  # with the best, $300–2,000 in the top five
        deep=[_shares(100 * 15**v) for v in u[2].tolist()],
    )


def _shares(value: float) -> int:
    return int(value * 100) * 10_000


def _best(mid: float, habits: Habits, t: int, tick_e6: int, is_wide: bool) -> tuple[int, int, int]:
    """(best bid, best ask, step): `mid` lies between them, an odd number of ticks apart. A price may be off the grid's
    ends; then that side is empty."""
    p = mid * 1e6
    slot = t // (4 * S) % TABLE
    fine = tick_e6 < CENT_E6 and not FINE_LOW_E6 <= p <= FINE_HIGH_E6
    step = tick_e6 if fine else CENT_E6
    ticks = habits.fine_spread[slot] if fine else habits.spread[slot]
    if is_wide:
        ticks += 2 * (habits.wide[slot] // 2) * (1 if not fine else 4)
    bid = (math.floor(p / step) - ticks // 2) * step
    return bid, bid + ticks * step, step


def _side(habits: Habits, best_e6: int, step_e6: int, deep: int, second: int, is_half: bool) -> Levels:
    """Levels outwards from the best. A level's size belongs to its price and changes every sixteen seconds (the two best
    every second); with each new best price another quarter of the outer levels is pulled."""
    out: list[tuple[int, int]] = []
    best, top, far = habits.best, habits.top, habits.deep
    pull = best_e6 // CENT_E6 * 101 + second // 16 * 17
    price = best_e6
    for k in range(deep):
        if 1_000 <= price <= 999_000:
            cent = price // 1_000 * 73
            if k < 2:
                size = (best if k == 0 else top)[(cent + second * 31) % TABLE]
            elif (cent + pull) % TABLE < TABLE // 4:
                size = 0
            else:
                size = (top if k < 5 else far)[(cent + (second + cent) // 16 * 57) % TABLE]
            if is_half:
                size = size // 20_000 * 10_000
            if size:
                out.append((price, size))
        elif out:
            break
        if step_e6 in (1_000, -1_000) and k >= 5:
            step_e6 *= 10
            price = -(-price // CENT_E6) * CENT_E6 if step_e6 > 0 else price // CENT_E6 * CENT_E6
            if out and price == out[-1][0]:
                price += step_e6
            continue
        price += step_e6
    return tuple(out)
