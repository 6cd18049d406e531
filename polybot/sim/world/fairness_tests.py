"""Is the world honest? Four tests over many windows (rules §8): nothing in it may be free money.

coin     tossed at every window at the price then asked, it loses 4–6 % of its stake: fee and spread, no more, no less.
         The toss is averaged out (both sides of each window are priced). 2,000 windows still leave ± 0.8 points of luck
         in who won, so the figure is what the world's own odds expect, and what really came must be within its 95 %
         interval of the band too
makers   when their mid says 30 %, it happens 30 % of the time, within three points, decile by decile
probe    knows σ as the world knows it, sees the exchange 40 ms late and the book at once, looks every second, and sends
         a FAK when its odds beat ask and fee by a cent: after path and taker delay it must have no profit that its own
         95 % interval tells from zero
rsi_ema  its hit rate minus the price it paid has 0 within its interval
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from polybot.sim.world.calibration import Figure, figures
from polybot.sim.world.makers import CENT_E6, FINE_HIGH_E6, FINE_LOW_E6
from polybot.sim.world.probability import fair
from polybot.sim.world.rng import CHECK, draw
from polybot.sim.world.synthetic import SyntheticWorld
from polybot.sim.world.world import MS, WINDOW_S, S, WorldMarket

DECIDE_AFTER_S = 10
LAST_ENTRY_S = 270
SEES_AFTER_NS = 40 * MS  # the exchange's print, and our own reading of it
ARRIVES_AFTER_NS = 155 * MS  # our way to the venue and its taker delay
PROBE_MARGIN = 0.01
MAX_PRICE, MIN_PRICE = 0.65, 0.20
COIN_LOSES = (0.04, 0.06)
POINTS = 0.03
SAMPLE_S, SAMPLES = 30, 60
NS_FINE_E6 = 1_000


@dataclass(frozen=True)
class HonestyTest:
    """One of the four. text says the figures for people; values for programs."""

    name: str
    holds: bool
    text: str
    values: dict[str, float | list[float]]


@dataclass(frozen=True)
class WorldReport:
    """What `check_world` found out about a world: figures beside measured ones, and the four tests."""

    seed: int
    windows: int
    level_bp: float
    figures: tuple[Figure, ...]
    tests: tuple[HonestyTest, ...]

    @property
    def is_honest(self) -> bool:
        """True when all four tests hold."""
        return all(t.holds for t in self.tests)


@dataclass
class OutcomeTally:
    """What the windows are counted into, from which the tests are made."""

    expected: list[float] = field(default_factory=list)
    coin: list[float] = field(default_factory=list)
    tossed: list[float] = field(default_factory=list)
    count: list[int] = field(default_factory=lambda: [0] * 10)
    said: list[float] = field(default_factory=lambda: [0.0] * 10)
    happened: list[int] = field(default_factory=lambda: [0] * 10)
    probe: list[float] = field(default_factory=list)
    sent: int = 0
    rsi: list[float] = field(default_factory=list)


def check_world(seed: int, windows: int = 2_000, progress: Callable[[int], None] | None = None) -> WorldReport:
    """Run the figures and the four tests. progress is called with the number of windows done."""
    world, tally = SyntheticWorld(seed), OutcomeTally()
    toss = draw(seed, CHECK, 0).random(windows).tolist()
    first = world.first_start_s
    for n, market in enumerate(world.markets(first, first + windows * WINDOW_S)):
        up = world.outcome(market) == "UP"
        _coin(world, market, up, toss[n], tally)
        _watch(world, market, up, tally)
        _rsi_ema(world, market, up, tally)
        if progress is not None and n % 20 == 19:
            progress(n + 1)
    lines = figures(seed, max(windows * WINDOW_S, 86_400))
    tests = (_coin_test(tally), _makers_test(tally), _probe_test(tally), _rsi_test(tally))
    return WorldReport(seed, windows, world.path.level_bp, tuple(lines), tests)


def fee(price: float) -> float:
    """The taker's fee on one share at this price, in dollars."""
    return 0.07 * price * (1 - price)


def _asks(world: SyntheticWorld, market: WorldMarket, t_ns: int, tick_e6: int = CENT_E6) -> tuple[float, float, float]:
    """(ask of Up, ask of Down, mid) as anybody sees them."""
    bid, ask, _ = world.makers.best(market, t_ns, tick_e6)
    return ask / 1e6, 1 - bid / 1e6, (bid + ask) / 2e6


def _coin(world: SyntheticWorld, market: WorldMarket, up: bool, toss: float, tally: OutcomeTally) -> None:
    ask_up, ask_down, _ = _asks(world, market, (market.start_s + DECIDE_AFTER_S) * S)
    if not (MIN_PRICE <= ask_up <= MAX_PRICE and MIN_PRICE <= ask_down <= MAX_PRICE):
        return
    odds = fair(world.path, market, (market.start_s + DECIDE_AFTER_S) * S)

    def results(up_pays: float) -> list[float]:
        return [(pays - ask - fee(ask)) / ask for pays, ask in ((up_pays, ask_up), (1 - up_pays, ask_down))]

    tally.expected.append(sum(results(odds)) / 2)
    tally.coin.append(sum(results(up)) / 2)
    tally.tossed.append(results(up)[0 if toss < 0.5 else 1])


def _watch(world: SyntheticWorld, market: WorldMarket, up: bool, tally: OutcomeTally) -> None:
    """One walk through the window, second by second, for the makers' test and the probe."""
    tick, bought = CENT_E6, False
    for second in range(1, WINDOW_S):
        t = (market.start_s + second) * S
        bid, ask, _ = world.makers.best(market, t, tick)
        if bid > FINE_HIGH_E6 or ask < FINE_LOW_E6:
            tick = NS_FINE_E6
        if second % 5 == 0:
            _calibrate(tally, min(max((bid + ask) / 2e6, 0.0), 1.0), up)
        if not bought and DECIDE_AFTER_S <= second <= LAST_ENTRY_S:
            bought = _probe(world, market, t, tick, ask / 1e6, 1 - bid / 1e6, up, tally)


def _calibrate(tally: OutcomeTally, mid: float, up: bool) -> None:
    for said, happened in ((mid, up), (1 - mid, not up)):  # both tokens have a book
        k = min(int(said * 10), 9)
        tally.count[k] += 1
        tally.said[k] += said
        tally.happened[k] += happened


def _probe(
    world: SyntheticWorld,
    market: WorldMarket,
    t: int,
    tick: int,
    ask_up: float,
    ask_down: float,
    up: bool,
    tally: OutcomeTally,
) -> bool:
    odds = fair(world.path, market, t - SEES_AFTER_NS)
    edge_up, edge_down = odds - ask_up - fee(ask_up), 1 - odds - ask_down - fee(ask_down)
    if max(edge_up, edge_down) < PROBE_MARGIN:
        return False
    buys_up = edge_up >= edge_down
    limit = ask_up if buys_up else ask_down
    if not 0.01 <= limit <= 0.99:
        return False
    tally.sent += 1
    later_up, later_down, _ = _asks(world, market, t + ARRIVES_AFTER_NS, tick)
    price = later_up if buys_up else later_down
    if price > limit + 1e-9 or price <= 0:
        return False
    tally.probe.append((up == buys_up) - price - fee(price))
    return True


def _rsi_ema(world: SyntheticWorld, market: WorldMarket, up: bool, tally: OutcomeTally) -> None:
    from polybot.core.strategies.builtin.rsi_ema import decide_from_samples

    t = (market.start_s + DECIDE_AFTER_S) * S
    last = (market.start_s + DECIDE_AFTER_S) // SAMPLE_S
    closes = [world.close_at(k * SAMPLE_S) for k in range(last - SAMPLES + 1, last + 1)]
    side = decide_from_samples(closes, on_no_signal="down").side
    ask_up, ask_down, _ = _asks(world, market, t)
    price = ask_up if side == "UP" else ask_down
    if side is not None and MIN_PRICE <= price <= MAX_PRICE:
        tally.rsi.append((up == (side == "UP")) - price)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half width of its 95 % interval)."""
    n = len(values)
    if n < 2:
        return 0.0, math.inf
    mean = sum(values) / n
    return mean, 1.96 * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def _coin_test(tally: OutcomeTally) -> HonestyTest:
    loss, real = -_interval(tally.expected)[0], -_interval(tally.coin)[0]
    half = _interval(tally.coin)[1]
    tossed, tossed_half = _interval(tally.tossed)
    low, high = COIN_LOSES
    text = (
        f"loses {loss:.2%} of stake, wanted {low:.0%} to {high:.0%}; both sides of {len(tally.coin)} windows came to"
        f" {real:.2%} ± {half:.2%}; as tossed {-tossed:.1%} ± {tossed_half:.1%}"
    )
    holds = low <= round(loss, 9) <= high and low <= real + half and real - half <= high
    return HonestyTest("coin", holds, text, {"loss": loss, "realised": real, "half_width": half, "tossed": -tossed})


def _makers_test(tally: OutcomeTally) -> HonestyTest:
    said = [s / c if c else math.nan for s, c in zip(tally.said, tally.count, strict=True)]
    came = [h / c if c else math.nan for h, c in zip(tally.happened, tally.count, strict=True)]
    off = [c - s for s, c in zip(said, came, strict=True)]
    worst = max((o for o in off if o == o), key=abs, default=0.0)
    text = f"furthest decile {worst * 100:+.1f} points, wanted within ± {POINTS * 100:.0f}"
    values: dict[str, float | list[float]] = {"said": said, "happened": came, "worst": worst}
    return HonestyTest("makers", round(abs(worst), 9) <= POINTS, text, values)


def _probe_test(tally: OutcomeTally) -> HonestyTest:
    mean, half = _interval(tally.probe)
    text = (
        f"{mean * 100:+.2f} ± {half * 100:.2f} cents a share after fee"
        f" ({len(tally.probe)} fills of {tally.sent} orders), wanted no profit beyond the interval"
    )
    return HonestyTest("probe", mean - half <= 0, text, {"mean": mean, "half_width": half, "fills": len(tally.probe)})


def _rsi_test(tally: OutcomeTally) -> HonestyTest:
    mean, half = _interval(tally.rsi)
    text = f"hit rate − price paid {mean * 100:+.2f} ± {half * 100:.2f} points ({len(tally.rsi)} bets), wanted 0 within"
    return HonestyTest("rsi_ema", abs(mean) <= half, text, {"mean": mean, "half_width": half, "bets": len(tally.rsi)})
