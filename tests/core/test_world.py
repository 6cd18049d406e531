"""The synthetic world: a function of seed and second, settled by its rule, with makers and takers on top."""

import math

import pytest

from polybot.sim.world.oracle_delay import LONGEST_S
from polybot.sim.world.probability import fair, up_probability
from polybot.sim.world.rng import quantile
from polybot.sim.world.synthetic import EPOCH_S, RESOLVED_AFTER_S, SyntheticWorld
from polybot.sim.world.volatility import expected_variance, weighted_seconds
from polybot.sim.world.world import E18, Ladder, OraclePrint, S, World, WorldMarket, by_rule

TICK = 10_000
FINE = 1_000


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(7)


@pytest.fixture(scope="module")
def market(world: SyntheticWorld) -> WorldMarket:
    return world.markets(EPOCH_S, EPOCH_S + 1)[0]


def an_interface(world: World) -> World:
    return world


def quoted(world: SyntheticWorld, market: WorldMarket, t_ns: int, tick: int = TICK) -> Ladder:
    ladder = world.quotes(market, t_ns, tick)
    assert ladder is not None
    return ladder


def test_a_world_is_the_same_in_whatever_order_it_is_asked(world: SyntheticWorld, market: WorldMarket) -> None:
    later = SyntheticWorld(7)
    far = EPOCH_S + 3 * 3_600
    answers = []
    for order in ((EPOCH_S, far), (far, EPOCH_S)):
        asked = SyntheticWorld(7)
        found = {}
        for second in order:
            window = asked.markets(second, second + 1)[0]
            t = (second + 77) * S
            found[second] = (
                asked.trades(t, t + S),
                asked.spot_print(second),
                asked.twap_print(second),
                asked.quotes(window, t, TICK),
                asked.taker_flow(window, t, t + 20 * S),
                asked.depth(t),
                asked.outcome(window),
                asked.resolved_ns(window),
            )
        answers.append(sorted(found.items()))
    assert answers[0] == answers[1]
    assert later.outcome(market) == world.outcome(market)
    assert an_interface(later).markets(EPOCH_S, EPOCH_S + 600) == world.markets(EPOCH_S, EPOCH_S + 600)


def test_another_seed_is_another_world(world: SyntheticWorld) -> None:
    other = SyntheticWorld(8)
    assert other.path.level_bp != world.path.level_bp
    assert other.spot_print(EPOCH_S) != world.spot_print(EPOCH_S)


def test_there_is_a_market_every_five_minutes_and_it_is_found_by_its_slug(world: SyntheticWorld) -> None:
    listed = world.markets(EPOCH_S, EPOCH_S + 900)
    assert [m.start_s for m in listed] == [EPOCH_S, EPOCH_S + 300, EPOCH_S + 600]
    assert world.market(listed[1].slug) == listed[1]
    assert len({m.condition_id for m in listed} | {m.up_token for m in listed} | {m.down_token for m in listed}) == 9
    for slug in ("btc-updown-5m-1795132801", "eth-updown-5m-1795132800", "btc-updown-5m-", "nonsense"):
        assert world.market(slug) is None


def test_the_twap_is_the_mean_of_sixty_spot_values(world: SyntheticWorld, market: WorldMarket) -> None:
    values = [round(world.path.oracle_at(market.end_s - k) * 1e9) * 10**9 for k in range(60)]
    end = world.end_e18(market)
    assert end == sum(values) // 60
    printed = [p for s in range(EPOCH_S, EPOCH_S + 20) if (p := world.twap_print(s))]
    assert printed
    assert all(abs(p.value_e18 - E18 * world.path.price0) < E18 * world.path.price0 * 0.2 for p in printed)


def test_a_tie_is_up() -> None:
    assert [by_rule(100, end) for end in (99, 100, 101)] == ["DOWN", "UP", "UP"]


def test_the_outcome_is_the_rule_at_the_exact_seconds() -> None:
    for rule in ("spot", "twap30", "twap60"):
        world = SyntheticWorld(3, rule=rule)
        for market in world.markets(EPOCH_S, EPOCH_S + 3_000):
            strike, end = world.strike_e18(market), world.end_e18(market)
            assert strike is not None
            assert end is not None
            assert world.outcome(market) == ("UP" if end >= strike else "DOWN")


def test_prints_arrive_late_in_order_of_arrival_and_each_once(world: SyntheticWorld) -> None:
    t0, t1 = EPOCH_S * S, (EPOCH_S + 600) * S
    whole = world.prints(t0, t1)
    pieces = [p for k in range(0, 600) for p in world.prints(t0 + k * S, t0 + (k + 1) * S)]
    assert pieces == whole
    assert whole == sorted(whole, key=lambda p: p.received_ns)
    lags = [(p.received_ns - p.observed_s * S) / S for p in whole]
    assert 0.5 < min(lags) < sum(lags) / len(lags) < 2.2
    assert all(p.server_ns < p.received_ns for p in whole)
    assert all(world.spot_print(p.observed_s) == p for p in whole if p.feed == "spot")


def test_the_relay_loses_seconds_and_falls_silent(world: SyntheticWorld) -> None:
    prints = [world.spot_print(s) for s in range(EPOCH_S, EPOCH_S + 86_400)]
    lost, longest = 0, 0
    for print_ in prints:
        lost = 0 if print_ else lost + 1
        longest = max(longest, lost)
    assert 60 < longest <= 2 * LONGEST_S
    share = sum(p is None for p in prints) / len(prints)
    assert 0.06 < share < 0.13


def test_there_is_a_trade_every_second_behind_the_latent_price(world: SyntheticWorld) -> None:
    t0 = EPOCH_S * S
    trades = world.trades(t0, t0 + 600 * S)
    assert {t.traded_ns // S for t in trades} >= set(range(EPOCH_S + 1, EPOCH_S + 600))
    assert [t.trade_id for t in trades] == sorted({t.trade_id for t in trades})
    for trade in trades[:200]:
        seen = {round(world.path.price(trade.traded_ns - d * 1_000_000), 2) for d in range(20, 51)}
        assert trade.price in seen
        assert trade.size > 0


def test_bars_are_the_trades_and_reach_back_two_hours(world: SyntheticWorld) -> None:
    now = EPOCH_S * S
    minutes = world.klines(60, EPOCH_S - 7_200, EPOCH_S, now)
    seconds = world.klines(1, EPOCH_S - 7_200, EPOCH_S, now)
    assert len(minutes) == 120
    assert len(seconds) == 7_200
    first = seconds[:60]
    assert minutes[0].open == first[0].open
    assert minutes[0].close == first[-1].close
    assert minutes[0].high == max(b.high for b in first)
    assert minutes[0].trades == sum(b.trades for b in first)
    still_open = world.klines(60, EPOCH_S - 60, EPOCH_S, now - 30 * S)
    assert still_open[0].trades < minutes[-1].trades
    assert world.close_at(EPOCH_S - 60) == seconds[-61].close


def test_depth_has_twenty_levels_a_side_that_do_not_cross(world: SyntheticWorld) -> None:
    book = world.depth(EPOCH_S * S)
    assert book is not None
    assert len(book.bids) == len(book.asks) == 20
    assert book.bids[0][0] < book.asks[0][0]
    assert [p for p, _ in book.bids] == sorted({p for p, _ in book.bids}, reverse=True)


def test_a_ladder_is_on_the_grid_and_never_crossed(world: SyntheticWorld, market: WorldMarket) -> None:
    for tick in (TICK, FINE):
        for tenth in range(0, 3_050, 7):
            ladder = quoted(world, market, market.start_s * S + tenth * S // 10, tick)
            prices = [p for p, _ in ladder.bids[::-1]] + [p for p, _ in ladder.asks]
            assert prices == sorted(set(prices))
            assert all(p % tick == 0 and tick <= p <= 1_000_000 - tick for p in prices)
            assert all(size > 0 and size % 10_000 == 0 for _, size in ladder.bids + ladder.asks)


def test_the_book_is_deep_and_even_before_the_open(world: SyntheticWorld, market: WorldMarket) -> None:
    ladder = quoted(world, market, (market.start_s - 200) * S)
    assert ladder.mid == pytest.approx(0.5, abs=0.01)
    assert 30 <= len(ladder.bids) <= 47
    top_five = sum(p * size / 1e12 for p, size in ladder.bids[:5])
    assert 100 < top_five < 2_500


def test_nobody_bids_for_the_losing_side_in_the_last_thirty_seconds(world: SyntheticWorld) -> None:
    seen = 0
    for market in world.markets(EPOCH_S, EPOCH_S + 6_000):
        ladder = quoted(world, market, (market.end_s - 5) * S, FINE)
        if ladder.mid < 0.25:
            seen += 1
            assert ladder.bids == ()
        if ladder.mid > 0.75:
            seen += 1
            assert ladder.asks == ()
    assert seen > 10


def test_a_shock_halves_the_depth_and_widens_the_spread(world: SyntheticWorld) -> None:
    wide: list[int] = []
    calm: list[int] = []
    for market in world.markets(EPOCH_S, EPOCH_S + 12_000):
        for second in range(20, 240):
            ladder = quoted(world, market, (market.start_s + second) * S)
            if ladder.bids and ladder.asks:
                (wide if ladder.wide else calm).append(ladder.asks[0][0] - ladder.bids[0][0])
    assert sum(wide) / len(wide) > sum(calm) / len(calm) + 15_000
    assert sorted(calm)[len(calm) // 2] == 10_000


def test_makers_know_no_more_than_was_there_to_know(market: WorldMarket) -> None:
    """Cut the path after a moment: the ladder at that moment stays the same."""
    whole, cut = SyntheticWorld(11), SyntheticWorld(11)
    t = (market.start_s + 100) * S
    whole.path.ensure(market.end_s + 4 * 3_600)
    cut.path.ensure(market.start_s + 100)
    edge = cut.path.index(t)
    cut.path.latent_values(market.start_s + 101, market.end_s)[:] *= 1.01
    assert cut.path.price((market.start_s + 150) * S) != whole.path.price((market.start_s + 150) * S)
    assert edge == whole.path.index(t)
    assert cut.quotes(market, t, TICK) == whole.quotes(market, t, TICK)


def test_about_one_taker_a_second_some_of_them_informed(world: SyntheticWorld) -> None:
    flow = []
    for market in world.markets(EPOCH_S, EPOCH_S + 6_000):
        whole = world.taker_flow(market, market.start_s * S, market.end_s * S)
        half = (market.start_s + 150) * S
        parts = world.taker_flow(market, market.start_s * S, half) + world.taker_flow(market, half, market.end_s * S)
        assert parts == whole
        flow += whole
    assert 0.8 < len(flow) / 6_000 < 1.3
    assert any(t.informed for t in flow)
    assert all(t.size_e6 > 0 and 10_000 <= t.limit_e6 <= 990_000 for t in flow)
    up = sum(t.outcome == "UP" for t in flow) / len(flow)
    assert 0.45 < up < 0.55


def test_resolution_follows_the_measured_delays(world: SyntheticWorld) -> None:
    delays = [(world.resolved_ns(m) - m.end_s * S) / S for m in world.markets(EPOCH_S, EPOCH_S + 300 * 400)]
    assert 14 <= min(delays) < max(delays) <= 316
    assert 18 < sorted(delays)[200] < 25
    assert quantile(0.5, RESOLVED_AFTER_S) == pytest.approx(21)
    assert quantile(1.0, RESOLVED_AFTER_S) == pytest.approx(316)


# --- the odds


def test_a_twap_carries_less_variance_than_its_time(world: SyntheticWorld) -> None:
    assert weighted_seconds(300, 0) == 300
    assert weighted_seconds(300, 60) == pytest.approx(260)
    assert weighted_seconds(30, 60) == pytest.approx(30**3 / 10_800)
    for lookback in (0, 30, 60):
        for h in (1, 10, 59, 60, 61, 300):
            steps = [1 if s <= h - lookback else (h - s) / lookback for s in (k / 100 + 0.005 for k in range(h * 100))]
            assert weighted_seconds(h, lookback) == pytest.approx(sum(w * w for w in steps) / 100, rel=1e-3)


def test_expected_variance_is_what_the_processes_come_to() -> None:
    world = SyntheticWorld(5)
    start = EPOCH_S
    ratios = []
    for k in range(400):
        t = start + 300 * k
        variance, _, _ = world.path.spread(t * S, 120.0, 0)
        ratios.append((float((world.path.sigma_values(t, t + 119) ** 2).sum()), variance))
    real, expected = sum(r for r, _ in ratios), sum(e for _, e in ratios)
    assert real / expected == pytest.approx(1.0, abs=0.15)
    assert expected_variance(1e-4, (0.0, 0.0, 0.0), 0.5, 0) > 0


def test_odds_are_symmetric_and_certain_at_the_end(world: SyntheticWorld, market: WorldMarket) -> None:
    assert up_probability(0.0, 1e-8, 0.0, 0.0) == pytest.approx(0.5)
    for move in (1e-5, 1e-4, 1e-3):
        total = up_probability(move, 1e-8, 0.1, 1e-7) + up_probability(-move, 1e-8, 0.1, 1e-7)
        assert total == pytest.approx(1.0)
    assert fair(world.path, market, (market.end_s + 1) * S) == (1.0 if world.outcome(market) == "UP" else 0.0)
    assert math.isclose(fair(world.path, market, (market.start_s - 100) * S), 0.5, abs_tol=1e-6)


def test_a_print_is_exact_text_for_the_wire(world: SyntheticWorld) -> None:
    found = [p for s in range(EPOCH_S, EPOCH_S + 10) if (p := world.spot_print(s))]
    assert all(isinstance(p, OraclePrint) and isinstance(p.value_e18, int) and p.value_e18 > 10**22 for p in found)
