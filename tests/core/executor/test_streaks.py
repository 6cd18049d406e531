"""Wins in a row: rules §4, and what corrections do to them."""

import pytest

from messages import Outcome, Settlement
from polybot.core.executor.books.streaks import Traded, fold
from tests.core.executor.conftest import House, Kit


def a_window(n: int, outcome: str, cost_e6: int = 5_000_000, held: Outcome = "UP") -> Traded:
    return Traded(
        slug=f"w{n}",
        start_s=300 * n,
        held=held,
        outcome=outcome,
        cost_e6=cost_e6,
        stake_e6=5_000_000,
        move_bp=2.0,
    )


def wins(*outcomes: str) -> list[int]:
    return [s.wins for s in fold(a_window(n, outcome) for n, outcome in enumerate(outcomes))]


def test_wins_add_up_and_any_loss_resets() -> None:
    assert wins("UP", "UP", "DOWN", "UP") == [1, 2, 0, 1]


def test_a_split_is_a_push() -> None:
    assert wins("UP", "SPLIT", "UP") == [1, 1, 2]


def test_a_window_without_an_outcome_is_passed_over_and_said() -> None:
    after = fold([a_window(0, "UP"), a_window(1, "")])
    assert (after[-1].wins, after[-1].known, after[-1].last_slug) == (1, False, "w1")
    assert fold([a_window(0, "")])[-1].wins == 0


@pytest.mark.parametrize(("cost_e6", "expected"), [(2_499_999, 1), (2_500_000, 2), (2_500_001, 2)])
def test_a_win_counts_from_half_of_the_stake(cost_e6: int, expected: int) -> None:
    assert fold([a_window(0, "UP"), a_window(1, "UP", cost_e6)])[-1].wins == expected


def test_the_smallest_filled_loss_resets() -> None:
    assert fold([a_window(0, "UP"), a_window(1, "DOWN", 1)])[-1].wins == 0


def test_losses_in_a_row_and_counts() -> None:
    last = fold([a_window(n, o) for n, o in enumerate(("DOWN", "DOWN", "UP", "DOWN"))])[-1]
    assert (last.losses, last.trades, last.won, last.lost) == (1, 4, 1, 3)


def trade_windows(kit: Kit, *outcomes: Outcome | None, fates: tuple[str, ...] = ()) -> House:
    house = kit.House()
    house.venue.fates = list(fates)
    house.start()
    for n, outcome in enumerate(outcomes):
        start_s = kit.START_S + 300 * n
        house.run_to(300 * n + 10)
        house.ask(kit.approved(kit.intent(start_s=start_s)))
        house.run_to(300 * n + 301)
        house.hear(kit.observed(outcome, start_s))
    return house


def test_no_fill_leaves_the_streak_and_its_window(kit: Kit) -> None:
    house = trade_windows(kit, "UP", "UP", "UP", fates=("fill", "none", "fill"))
    streak = house.account.streaks["rsi_ema"]
    assert (streak.wins, streak.trades) == (2, 2)


def test_a_corrected_outcome_corrects_every_streak_after_it(kit: Kit) -> None:
    house = trade_windows(kit, "UP", "UP", "UP")
    assert house.account.streaks["rsi_ema"].wins == 3
    said = house.hear(kit.resolved("DOWN", kit.START_S + 300))
    settlements = [w for w in said if isinstance(w, Settlement)]
    assert [(s.start_s, s.win_streak, s.corrected) for s in settlements] == [
        (kit.START_S + 300, 0, True),
        (kit.START_S + 600, 1, True),
    ]
    assert house.account.streaks["rsi_ema"].wins == 1


def test_the_official_word_alone_is_no_correction(kit: Kit) -> None:
    house = trade_windows(kit, "UP")
    said = house.hear(kit.resolved("UP"))
    assert [(s.provisional, s.corrected) for s in said if isinstance(s, Settlement)] == [(False, False)]


def test_an_outcome_learnt_late_is_folded_into_its_place(kit: Kit) -> None:
    house = trade_windows(kit, "UP", None, "UP")
    assert (house.account.streaks["rsi_ema"].wins, house.account.streaks["rsi_ema"].known) == (2, True)
    house.hear(kit.observed("DOWN", kit.START_S + 300))
    assert house.account.streaks["rsi_ema"].wins == 1


def test_a_feed_that_knows_less_takes_nothing_back(kit: Kit) -> None:
    house = trade_windows(kit, "UP")
    seq = house.books.seq
    house.hear(kit.observed(None, move_bp=None))
    assert house.books.seq == seq and house.account.streaks["rsi_ema"].known


def test_windows_without_a_trade_move_the_calendar_on(kit: Kit) -> None:
    house = kit.ready()
    house.hear(kit.observed("UP", kit.START_S + 600))
    assert house.account.last_window_s == kit.START_S + 900
    house.hear(kit.observed(None, kit.START_S + 900, ended=True))
    assert house.account.last_window_s == kit.START_S + 1200
    house.hear(kit.observed(None, kit.START_S + 1200, ended=False))
    assert house.account.last_window_s == kit.START_S + 1200
    for n in range(100):
        house.hear(kit.observed("UP", kit.START_S + 300 * n))
    assert len(house.books.windows) <= 51, "windows without a trade are forgotten"


def test_a_failed_fill_after_a_provisional_win_takes_the_win_back(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fails = ["t1"]
    house.run_to(12)
    house.ask(kit.approved(kit.intent()))
    house.settle()
    house.hear(kit.observed("UP"))
    assert house.account.streaks["rsi_ema"].wins == 1
    house.run(10)
    assert house.account.streaks["rsi_ema"].wins == 0
    last = house.all(Settlement)[-1]
    assert (last.corrected, last.pnl_e6, last.win) == (True, 0, False)
    kit.check(house)
