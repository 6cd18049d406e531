"""Durations as two quantiles."""

from polybot.runtime.loop.latency import KEPT, Gauge


def test_nothing_measured_is_minus_one_and_not_zero() -> None:
    assert Gauge().quantiles_ms() == (-1.0, -1.0)


def test_the_middle_and_the_slow_twentieth_in_milliseconds() -> None:
    gauge = Gauge()
    for ms in range(101):
        gauge.add(ms / 1000)
    assert gauge.quantiles_ms() == (50.0, 95.0)


def test_only_the_newest_count() -> None:
    gauge = Gauge()
    for _ in range(KEPT):
        gauge.add(9.0)
    for _ in range(KEPT):
        gauge.add(0.002)
    assert gauge.quantiles_ms() == (2.0, 2.0)
