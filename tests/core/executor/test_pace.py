"""A day's result, orders sent and orders in vain: facts of the books, the same after every restart and correction."""

import pytest

from messages import Outcome
from polybot.core.executor.books.fold import restored, snapshot
from polybot.core.executor.books.state import books_to_bytes
from polybot.core.utc import day_of
from tests.core.executor.conftest import House, Kit

WORST_E6 = 5_350_000


def day(house: House, named: str, strategy: str = "rsi_ema") -> tuple[int, int]:
    """(realised, open) of a strategy's day as the account says it; (0, 0) when it says nothing."""
    found = [d for d in house.account.days if (d.day, d.strategy) == (named, strategy)]
    return (found[0].realised_e6, found[0].open_e6) if found else (0, 0)


def enter(kit: Kit, house: House, start_s: int, strategy: str = "rsi_ema") -> None:
    house.ask(kit.approved(kit.intent(start_s=start_s, strategy=strategy)))
    house.settle()


def test_what_is_open_counts_at_its_worst_and_what_is_settled_at_its_result(kit: Kit) -> None:
    house = kit.ready()
    today = day_of(kit.START_S)
    house.post_takes_s = 1.0
    house.ask(kit.approved(kit.intent()))
    assert day(house, today) == (0, WORST_E6), "on its way: stake and the dearest fee"
    house.run(5)
    (position,) = house.positions.positions
    assert day(house, today) == (0, position.cost_e6) and position.cost_e6 < WORST_E6, "filled: what it cost"
    house.run_to(301)
    house.hear(kit.observed("DOWN"))
    assert day(house, today) == (-position.cost_e6, 0) and house.account.day_pnl_e6 == -position.cost_e6


def test_a_window_belongs_to_the_utc_day_of_its_end(kit: Kit) -> None:
    """START_S is midnight: the window that ends then counts to the day that begins."""
    house = kit.House(now_ns=(kit.START_S - 320) * kit.S)
    house.start()
    house.run_to(-290)
    enter(kit, house, kit.START_S - 300)
    tomorrow = day_of(kit.START_S)
    assert house.account.day < tomorrow and day(house, tomorrow)[1] > 0, "said before that day has begun"
    house.run_to(1)
    house.hear(kit.observed("DOWN", kit.START_S - 300))
    lost_e6 = -day(house, tomorrow)[0]
    assert lost_e6 > 0 and (house.account.day, house.account.day_pnl_e6) == (tomorrow, -lost_e6)


def test_a_correction_corrects_the_day_it_belongs_to(kit: Kit) -> None:
    house = kit.ready()
    enter(kit, house, kit.START_S)
    house.run_to(301)
    house.hear(kit.observed("DOWN"))
    today = day_of(kit.START_S)
    assert day(house, today)[0] < 0
    house.hear(kit.resolved("UP"))
    assert day(house, today)[0] > 0 and house.account.streaks["rsi_ema"].losses == 0


def test_days_are_told_by_strategy_and_survive_a_restart_and_a_snapshot(kit: Kit) -> None:
    house = kit.ready()
    enter(kit, house, kit.START_S)
    enter(kit, house, kit.START_S, "coin")
    house.run_to(301)
    house.hear(kit.observed("DOWN"))
    before, today = house.account.days, day_of(kit.START_S)
    assert [d.strategy for d in before] == ["coin", "rsi_ema"] and all(d.realised_e6 < 0 for d in before)
    house.die()
    house.start()
    assert house.account.days == before
    books = restored(tuple(house.records))
    kept = restored((snapshot(books),))
    assert kept.days == {today: {"rsi_ema": before[1].realised_e6, "coin": before[0].realised_e6}}
    older = restored((snapshot(books),))
    older.days = {}  # as a version wrote it that kept days otherwise
    assert books_to_bytes(restored((snapshot(older),))) == books_to_bytes(kept)


def test_losses_in_a_row_say_when_the_newest_ended(kit: Kit) -> None:
    house = kit.ready()
    outcomes: tuple[Outcome, ...] = ("DOWN", "DOWN", "UP")
    for n, outcome in enumerate(outcomes):
        house.run_to(300 * n + 10)
        enter(kit, house, kit.START_S + 300 * n)
        house.run_to(300 * n + 301)
        house.hear(kit.observed(outcome, kit.START_S + 300 * n))
        streak = house.account.streaks["rsi_ema"]
        expected = (n + 1, kit.START_S + 300 * (n + 1)) if outcome == "DOWN" else (0, 0)
        assert (streak.losses, streak.last_loss_s) == expected
    house.hear(kit.resolved("DOWN", kit.START_S + 600))
    streak = house.account.streaks["rsi_ema"]
    assert (streak.losses, streak.last_loss_s) == (3, kit.START_S + 900), "a correction folds anew"


@pytest.mark.parametrize(("fate", "filled"), [("fill", True), ("none", False)])
def test_orders_of_a_running_window_are_told_filled_or_not(kit: Kit, fate: str, filled: bool) -> None:
    house = kit.ready()
    house.venue.fates = [fate]
    enter(kit, house, kit.START_S)
    (sent,) = house.account.sent
    assert (sent.intent_id, sent.filled) == (kit.intent().id, filled)
    assert (kit.START_S + 10) * kit.S <= sent.signed_ns <= house.now_ns
    house.run_to(299)
    assert len(house.account.sent) == 1, "the window runs"
    house.run_to(301)
    assert not house.account.sent


def test_orders_in_vain_are_counted_until_one_fills_and_for_an_hour(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["none", "none", "fill", "none"]
    for n, count in enumerate((1, 2, 0, 1)):
        house.run_to(300 * n + 10)
        enter(kit, house, kit.START_S + 300 * n)
        house.run(3)
        assert house.account.unfilled == count
    house.run_to(900 + 10 + 3599)
    assert house.account.unfilled == 1
    house.run(3)
    assert house.account.unfilled == 0
