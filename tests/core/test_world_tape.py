"""A recorded day as a world: what was recorded is kept, what was not is not invented."""

import math

import pytest

from polybot.sim.world.tape import TapeMarket, TapePrint, TapeWorld
from polybot.sim.world.world import E18, Rule, S, Winner, WorldMarket

START = 1_784_851_200
GAP = range(START + 3_000, START + 3_060)


def a_print(second: int, price: float) -> TapePrint:
    return TapePrint(second, round(price * 1e6) * 10**12, second * S + 1_350_000_000, second * S + 1_640_000_000)


def a_price(second: int) -> float:
    return 65_000 + 8 * math.sin(second / 37) + 4 * math.sin(second / 5)


def a_market(start_s: int, rule: Rule = "spot", strike: int | None = None, outcome: Winner = "UP") -> TapeMarket:
    market = WorldMarket(
        f"btc-updown-5m-{start_s}", "1", f"0x{start_s}", f"1{start_s}", f"2{start_s}", start_s, start_s + 300, rule
    )
    return TapeMarket(market, strike, outcome, start_s + 330)


def a_tape(rule: Rule = "spot") -> TapeWorld:
    prints = [a_print(s, a_price(s)) for s in range(START, START + 4_500) if s not in GAP]
    return TapeWorld(prints, [a_market(START + 300 * k, rule) for k in range(-1, 15)])


def test_the_first_window_has_forty_minutes_of_tape_before_it() -> None:
    tape = a_tape()
    assert tape.first_start_s == START + 2_400
    assert len(tape.markets(0, 1 << 40)) == 16
    assert tape.market("btc-updown-5m-1") is None


def test_prints_are_the_recorded_ones_in_order_of_arrival() -> None:
    tape = a_tape()
    found = tape.prints((START + 100) * S, (START + 110) * S)
    assert [p.observed_s for p in found] == list(range(START + 99, START + 109))
    assert tape.spot_print(START + 100) == found[1]
    assert tape.spot_print(GAP[5]) is None
    assert tape.twap_print(START + 100) is None


def test_nothing_is_invented_in_a_gap() -> None:
    tape = a_tape()
    market = tape.markets(START + 3_000, START + 3_001)[0]
    first, last = GAP[0], GAP[-1]
    assert tape.trades(first * S - 1, (last + 1) * S - 1) == []
    assert tape.klines(1, first, last + 1, (last + 1) * S) == []
    assert tape.taker_flow(market, first * S, last * S) == []
    assert tape.depth(GAP[7] * S) is None
    assert tape.prints((first + 3) * S, last * S) == []
    before = tape.quotes(market, first * S - 1, 10_000)
    assert before is not None
    for second in GAP:
        assert tape.quotes(market, second * S + 500_000_000, 10_000) == before
    assert tape.trades((last + 1) * S, (last + 4) * S) != []
    assert tape.quotes(market, (last + 30) * S, 10_000) != before


def test_before_the_tape_there_are_no_quotes() -> None:
    tape = a_tape()
    assert tape.quotes(tape.markets(0, START + 1)[0], (START - 10) * S, 10_000) is None


def test_trades_follow_the_recorded_path() -> None:
    tape = a_tape()
    for trade in tape.trades((START + 10) * S, (START + 300) * S):
        assert abs(trade.price - a_price(trade.traded_ns // S)) < 5


def test_a_strike_is_the_published_one_else_the_print_else_unknown() -> None:
    prints = [a_print(s, a_price(s)) for s in range(START, START + 1_000) if s != START + 600]
    markets = [a_market(START + 300, strike=5 * E18), a_market(START + 600), a_market(START, strike=None)]
    tape = TapeWorld(prints, markets)
    by_start = {m.start_s: m for m in tape.markets(0, 1 << 40)}
    assert tape.strike_e18(by_start[START + 300]) == 5 * E18
    assert tape.strike_e18(by_start[START + 600]) is None
    assert tape.strike_e18(by_start[START]) == prints[0].value_e18
    assert tape.end_e18(by_start[START + 300]) is None


def test_the_outcome_is_the_recorded_one_whatever_the_prints_say() -> None:
    prints = [a_print(s, 65_000 + s - START) for s in range(START, START + 1_000)]
    tape = TapeWorld(prints, [a_market(START, outcome="DOWN")])
    assert tape.outcome(tape.markets(0, 1 << 40)[0]) == "DOWN"
    assert tape.resolved_ns(tape.markets(0, 1 << 40)[0]) == (START + 330) * S


def test_a_twap_market_settles_on_sixty_prints_or_not_at_all() -> None:
    tape = a_tape("twap60")
    whole, broken = START + 300, GAP[-1] + 30
    values = [round(a_price(whole - k) * 1e6) * 10**12 for k in range(60)]
    assert tape.settle_e18("twap60", whole) == sum(values) // 60
    printed = tape.twap_print(whole)
    assert printed is not None
    assert printed.value_e18 == sum(values) // 60
    assert tape.settle_e18("twap60", broken) is None
    assert tape.twap_print(broken) is None
    assert tape.settle_e18("spot", broken) is not None


def test_an_empty_tape_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one print"):
        TapeWorld([], [a_market(START)])
