"""What `status` says of feeds and hosts: a word while all is well, a line for whatever is not."""

from functools import partial
from typing import Any

from messages import DayStats, EndpointHealth, Heartbeat
from messages.feeds import FeedState
from polybot.cli.render.feed_status import endpoints, feed, lines
from tests.build import a_feed_status, a_heartbeat, day_stats

DAY = day_stats()


def a_level(
    state: FeedState = "up", reason: str = "", source: str = "binance", refused: dict[str, int] | None = None,
    day: DayStats | None = None, price: float = 64_000.0,
) -> dict[str, Any]:  # fmt: skip
    status = a_feed_status(
        state=state, reason=reason, age_s=0.1, source=source, price=price, refused=refused or {}, day=day
    )
    return feed(status, None)


def a_beat(*hosts: EndpointHealth) -> Heartbeat:
    return a_heartbeat(endpoints=hosts)


a_host = partial(EndpointHealth, name="binance", state="closed", failures=0, opened=0, retry_s=0.0, why="")


def test_while_all_is_well_there_is_one_line() -> None:
    hosts = endpoints({"price_feed": a_beat(a_host(used=4799, limit=6000))})
    assert hosts[0]["actor"] == "price_feed"
    assert lines({"price": a_level()}, hosts) == ["feeds price up"]


def test_another_source_is_named_with_what_is_wrong() -> None:
    level = a_level(
        state="stale", source="coinbase", reason="coinbase's price is shown and not traded on; binance: gone"
    )
    assert lines({"price": level}, []) == [
        "feeds price stale by coinbase",
        "price: coinbase's price is shown and not traded on; binance: gone",
    ]
    assert lines({"price": a_level(state="down", source="", reason="closed")}, [])[0] == "feeds price down by nobody"
    assert lines({"book": feed(a_feed_status(feed="book"), None)}, []) == ["feeds book up"]


def test_refused_prints_are_counted_by_name_and_the_day_is_shown() -> None:
    assert lines({"price": a_level(refused={"ZERO_PRICE": 2, "LEAP": 1}, day=DAY)}, [])[1:] == [
        "price refused: 1 LEAP, 2 ZERO_PRICE",
        "64,000.00 USD, 24 h: +1.59 %, open 63,000.00, high 65,000.00, low 62,500.50, volume 12,345.7 BTC",
    ]


def test_an_open_circuit_and_a_quota_near_its_end_are_lines() -> None:
    hosts = (
        a_host(state="open", retry_s=29.6, why="HTTP 451 not served from this country (geoblock)"),
        a_host(name="gamma", used=4800, limit=6000),
    )
    assert lines({}, endpoints({"price_feed": a_beat(*hosts)})) == [
        "binance (price_feed): circuit open, next try in 30 s: HTTP 451 not served from this country (geoblock)",
        "gamma (price_feed): 4800 of 6000 of the minute's quota used",
    ]
