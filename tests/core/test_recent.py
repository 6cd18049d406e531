"""What is said once a window stays small, however long the process lives."""

from messages.units import NS
from polybot.core.recent import Recent
from polybot.runtime.loop.stamping import MOST_TOPICS, Stamper
from tests.build import T0, a_market, a_tick, window


def test_the_newest_are_kept_and_setting_a_key_again_makes_it_the_newest() -> None:
    recent: Recent[str, int] = Recent(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        recent[key] = value
    assert dict(recent) == {"a": 3, "c": 4}


def test_a_topic_that_is_still_said_keeps_its_numbering_while_a_year_of_windows_passes() -> None:
    stamper = Stamper("market_feed", 1)
    for n in range(3 * MOST_TOPICS):
        last = stamper.envelope(a_tick(), 0, "", "PriceTick/btcusdt")
        stamper.envelope(a_market(**window(T0 + 300 * n)), n * NS, "", f"MarketListed/{n}")
    assert last.seq == 3 * MOST_TOPICS
    assert len(stamper._seq) == MOST_TOPICS
