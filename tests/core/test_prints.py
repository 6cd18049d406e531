"""Which prints are believed: refusals by name, leaps held until they are confirmed, or found wrong."""

import itertools
import math

import pytest

from messages import PriceTick
from messages.units import NS
from polybot.core.market.windows import STALE_PRICE_S
from polybot.core.price_feed.outliers import TRADE_AHEAD_S, TradeFilter
from tests.build import T0, a_tick

_ids = itertools.count(1)


def a_print(at_s: float = 1.0, price: float = 1000.0, size: float = 0.01) -> PriceTick:
    return stamped(round((T0 + at_s) * NS), price, size)


def stamped(at_ns: int, price: float = 1000.0, size: float = 0.01) -> PriceTick:
    return a_tick(price=price, size=size, trade_id=next(_ids), traded_ns=at_ns)


def heard(prints: TradeFilter, *ticks: PriceTick) -> list[float]:
    """The prices believed, in order."""
    return [t.price for tick in ticks for t in prints.hear(tick, tick.traded_ns if tick.traded_ns > 0 else 0)]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"price": 0.0}, "ZERO_PRICE"),
        ({"price": -0.01}, "NEGATIVE_PRICE"),
        ({"price": math.nan}, "NOT_A_NUMBER"),
        ({"price": math.inf}, "NOT_A_NUMBER"),
        ({"size": math.nan}, "NOT_A_NUMBER"),
        ({"size": -1.0}, "BAD_SIZE"),
    ],
)
def test_what_is_no_price_is_refused_by_name(changes: dict[str, float], name: str) -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(**changes)) == []
    assert (prints.refused, prints.last) == ({name: 1}, None)


@pytest.mark.parametrize(("ahead_ns", "refused"), [(-1, {}), (0, {}), (1, {"FUTURE_STAMP": 1})])
@pytest.mark.parametrize(("speed", "may_s"), [(1.0, 1), (60.0, 9)])
def test_a_stamp_may_lie_a_second_ahead_of_the_clock(
    speed: float, may_s: int, ahead_ns: int, refused: dict[str, int]
) -> None:
    prints, now_ns = TradeFilter(speed), T0 * NS
    prints.hear(stamped(now_ns + may_s * NS + ahead_ns), now_ns)
    assert prints.refused == refused


def test_one_stamp_ahead_never_blinds_until_the_price_is_stale() -> None:
    prints, now_ns = TradeFilter(), T0 * NS
    for ahead_ns in range(0, 5 * NS + 1, NS // 2):
        prints.hear(stamped(now_ns + ahead_ns), now_ns)
    later_ns = now_ns + TRADE_AHEAD_S * NS + 1
    assert TRADE_AHEAD_S < STALE_PRICE_S and prints.hear(stamped(later_ns), later_ns) != ()


def test_stamps_go_forwards_and_a_trade_comes_once() -> None:
    prints = TradeFilter()
    first = a_print(1.0)
    assert heard(prints, first, first, a_print(0.999), a_print(1.0)) == [1000.0, 1000.0]
    assert prints.refused == {"REPEATED": 1, "BACKWARDS_STAMP": 1}


@pytest.mark.parametrize(("price", "believed"), [(1100.0, True), (1100.01, False), (900.0, True), (899.99, False)])
def test_a_tenth_is_no_leap_and_one_cent_more_is(price: float, believed: bool) -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(1), a_print(2, price)) == [1000.0] + [price] * believed
    assert bool(prints.held) is not believed


def test_three_successive_prints_that_agree_are_believed_all_three() -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(1), a_print(2, 800.0), a_print(3, 801.0)) == [1000.0]
    assert heard(prints, a_print(4, 799.0)) == [800.0, 801.0, 799.0]
    assert heard(prints, a_print(5, 798.0)) == [798.0], "the new level is the level"
    assert prints.refused == {}


def test_three_prints_that_do_not_agree_are_not_believed() -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(1), a_print(2, 800.0), a_print(3, 600.0), a_print(4, 10_000.0)) == [1000.0]
    assert prints.refused == {"LEAP": 2}
    assert len(prints.held) == 1


def test_a_repeat_of_a_held_print_is_no_second_print() -> None:
    prints = TradeFilter()
    wild = a_print(2, 10_000.0)
    assert heard(prints, a_print(1), wild, wild, wild) == [1000.0]
    assert prints.refused == {"REPEATED": 2}


def test_a_print_at_the_old_level_finds_the_held_ones_wrong() -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(1), a_print(2, 10_000.0), a_print(3, 10_001.0), a_print(4)) == [1000.0, 1000.0]
    assert (prints.refused, prints.held) == ({"LEAP": 2}, ())


@pytest.mark.parametrize(("elsewhere", "believed"), [(776.0, [800.0]), (775.9, []), (824.0, [800.0]), (1000.0, [])])
def test_a_second_source_confirms_or_does_not(elsewhere: float, believed: list[float]) -> None:
    prints = TradeFilter()
    heard(prints, a_print(1), a_print(2, 800.0))
    assert [t.price for t in prints.heard_elsewhere(elsewhere)] == believed


def test_a_first_print_that_was_wrong_is_overruled() -> None:
    prints = TradeFilter()
    assert heard(prints, a_print(1, 10_000.0), a_print(2), a_print(3), a_print(4)) == [10_000.0, 1000.0, 1000.0, 1000.0]
