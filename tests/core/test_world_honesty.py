"""The check of the world: quick, repeatable, and able to fail."""

import pytest

from polybot.sim.world import fairness_tests
from polybot.sim.world.fairness_tests import OutcomeTally, check_world


def test_a_few_windows_are_checked_the_same_way_twice() -> None:
    done: list[int] = []
    report = check_world(3, 40, done.append)
    again = check_world(3, 40)
    assert report.tests == again.tests
    assert done == [20, 40]
    assert [t.name for t in report.tests] == ["coin", "makers", "probe", "rsi_ema"]
    assert all(len(f.world) >= len(f.measured) for f in report.figures)


def test_the_coin_loses_fee_and_spread() -> None:
    report = check_world(7, 120)
    loss = report.tests[0].values["loss"]
    assert isinstance(loss, float) and 0.04 <= loss <= 0.06


@pytest.mark.parametrize(("loss", "holds"), [(0.0399, False), (0.04, True), (0.06, True), (0.0601, False)])
def test_the_coins_band_is_four_to_six_percent(loss: float, holds: bool) -> None:
    tally = OutcomeTally(expected=[-loss] * 9, coin=[-loss - 0.2, -loss + 0.2] * 9, tossed=[0.0] * 9)
    assert fairness_tests._coin_test(tally).holds is holds


@pytest.mark.parametrize(("happened", "holds"), [(470, True), (471, True), (469, False), (530, True), (531, False)])
def test_makers_may_be_off_by_three_points(happened: int, holds: bool) -> None:
    tally = OutcomeTally()
    tally.count[5], tally.said[5], tally.happened[5] = 1_000, 500.0, happened
    assert fairness_tests._makers_test(tally).holds is holds


def test_a_probe_that_earns_is_told_from_luck() -> None:
    assert not fairness_tests._probe_test(OutcomeTally(probe=[0.1, 0.11] * 50)).holds
    assert fairness_tests._probe_test(OutcomeTally(probe=[0.5, -0.45] * 50)).holds
    assert fairness_tests._probe_test(OutcomeTally(probe=[-0.1, -0.11] * 50)).holds


def test_an_edge_of_rsi_ema_is_told_either_way() -> None:
    assert fairness_tests._rsi_test(OutcomeTally(rsi=[0.5, -0.5] * 50)).holds
    assert not fairness_tests._rsi_test(OutcomeTally(rsi=[0.2, 0.21] * 50)).holds
    assert not fairness_tests._rsi_test(OutcomeTally(rsi=[-0.2, -0.21] * 50)).holds
