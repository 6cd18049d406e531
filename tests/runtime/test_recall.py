"""What an actor said before, read back from its own flight recorder."""

from pathlib import Path

from messages import MarketResolved, decode_word, encode
from polybot.runtime.loop.stamping import Stamper
from polybot.runtime.store.flight import FlightRecorder
from polybot.runtime.store.recall import recalled
from tests.build import a_feed_status, a_resolution


def recorded(folder: Path, boot: int, said: list[tuple[int, str]]) -> None:
    """One boot of an actor that hears every slug at its time, says it, and says a level beside it."""
    flight, stamper = FlightRecorder(folder, boot, 10**9), Stamper("market_feed", boot)
    status = a_feed_status(feed="MarketResolved")
    for at_ns, slug in said:
        flight.heard(at_ns, encode(stamper.envelope(a_resolution(slug=f"heard-{slug}"), at_ns, "")))
        for word in (status, a_resolution(slug=slug)):
            flight.said(at_ns, encode(stamper.envelope(word, at_ns, "")))
    flight.close()


def slugs(folder: Path, since_ns: int) -> list[str]:
    bodies = [decode_word(record) for record in recalled(folder, (MarketResolved,), since_ns).records]
    return [body.slug for body in bodies if isinstance(body, MarketResolved)]


def test_what_was_said_since_a_moment_comes_back_in_order_over_all_boots(tmp_path: Path) -> None:
    recorded(tmp_path, 1, [(100, "a"), (200, "b")])
    recorded(tmp_path, 2, [])
    recorded(tmp_path, 3, [(300, "c")])
    assert slugs(tmp_path, 0) == ["a", "b", "c"]
    assert slugs(tmp_path, 200) == ["b", "c"]
    assert slugs(tmp_path, 301) == []


def test_a_torn_last_line_and_a_missing_folder_cost_nothing_else(tmp_path: Path) -> None:
    recorded(tmp_path, 1, [(100, "a"), (200, "b")])
    segment = tmp_path / "1.bin"
    segment.write_bytes(segment.read_bytes()[:-3])
    assert slugs(tmp_path, 0) == ["a"]
    assert slugs(tmp_path / "none", 0) == []
