"""The outside world's hosts: what is asked again, when a host is left alone, and what its answers say of our quota."""

import socket
import threading
from typing import Any

import pytest

from polybot.adapters.net.breaker import FAILURES, Breaker
from polybot.adapters.net.endpoint import Alone, Endpoint, EndpointReader
from polybot.adapters.net.http import Lost, NotSent
from polybot.adapters.net.retry import READS, Backoff, Retries, refusal, retry_after_s
from tests.adapters.conftest import HttpScript, answer

QUICK = Retries(tries=3, first_s=0.01)


class Clock:
    """Machine time, moved by hand."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


class Told:
    """What would stand in the log."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, **facts: Any) -> None:
        self.events.append((event, facts))


def a_host(url: str, told: Told | None = None, clock: Clock | None = None, **options: Any) -> Endpoint:
    host = Endpoint("host", url, told or Told(), QUICK, **options)
    if clock is not None:
        host.breaker = Breaker(host._changed, mono_s=clock)
    return host


# --- the ladders


def test_reads_are_tried_three_times_a_second_and_two_apart() -> None:
    assert READS.tries == 3
    for tried, wait_s in ((1, 1.0), (2, 2.0)):
        waits = [READS.wait_s(tried) for _ in range(30)]
        assert all(0.8 * wait_s <= w <= 1.2 * wait_s for w in waits)
        assert len(set(waits)) > 1


def test_an_unreachable_server_is_tried_every_four_seconds_at_the_longest() -> None:
    waits = [Backoff().wait_s(n) for n in range(100)]
    assert max(waits) <= 4.0 and waits[0] <= 0.25


def test_refusals_grow_to_five_minutes_and_no_further() -> None:
    waits = [Backoff().refused_s(n) for n in range(60)]
    assert waits[0] <= 1.0 and max(waits) <= 300.0 and min(waits[10:]) >= 240.0


@pytest.mark.parametrize("asked_s", [0.5, 7.0, 600.0])
def test_a_server_that_says_for_how_long_is_believed(asked_s: float) -> None:
    assert asked_s <= Backoff().refused_s(0, asked_s) <= max(1.0, asked_s * 1.05)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (429, {"retry-after": "9"}, "HTTP 429 too many requests, retry after 9 s"),
        (418, {}, "HTTP 418 banned for asking too often"),
        (451, {}, "HTTP 451 not served from this country (geoblock)"),
        (403, {}, "HTTP 403 forbidden"),
        (500, {}, ""),
        (404, {}, ""),
        (200, {}, ""),
    ],
)
def test_what_a_refusal_is_called(status: int, headers: dict[str, str], says: str) -> None:
    assert refusal(status, headers) == says


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-3", 0.0),
        ("inf", 0.0),
        ("nan", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_nothing(text: str, seconds: float) -> None:
    assert retry_after_s({"retry-after": text}) == seconds


# --- the breaker


def state_of(breaker: Breaker) -> str:
    """As it is at this moment: asserting on the field itself would have mypy believe that it stays so."""
    return breaker.state


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    breaker = Breaker(mono_s=Clock())
    for _ in range(FAILURES - 1):
        breaker.failed("no")
    assert (breaker.state, breaker.enter()) == ("closed", "")
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed("no")
    assert state_of(breaker) == "closed", "a success begins the count anew"
    breaker.failed("no")
    assert state_of(breaker) == "open"
    assert "no" in breaker.enter()


def test_after_its_pause_one_read_tries_and_its_answer_decides() -> None:
    clock = Clock()
    breaker = Breaker(mono_s=clock)
    for _ in range(FAILURES):
        breaker.failed("no")
    clock.s += 0.26
    assert breaker.enter() == ""
    assert state_of(breaker) == "half_open"
    assert breaker.enter() != "", "one, not two"
    breaker.failed("still no")
    assert state_of(breaker) == "open"
    clock.s += 0.3
    assert breaker.enter() != "", "the second pause is longer"
    clock.s += 0.3
    assert breaker.enter() == ""
    breaker.succeeded()
    assert (breaker.state, breaker.failures, breaker.why, breaker.opened) == ("closed", 0, "", 2)


def test_a_host_that_comes_back_is_found_within_five_seconds_however_long_it_was_away() -> None:
    clock = Clock()
    breaker = Breaker(mono_s=clock)
    for _ in range(500):
        clock.s += breaker.retry_s
        assert breaker.enter() == ""
        breaker.failed("no")
        assert breaker.retry_s <= 4.0


def test_a_refusal_opens_it_at_once_for_as_long_as_was_asked() -> None:
    clock = Clock()
    breaker = Breaker(mono_s=clock)
    breaker.refused("HTTP 429", 30.0)
    assert breaker.state == "open" and breaker.retry_s >= 30.0
    breaker.refused("HTTP 429, of a read that had left before", 0.0)
    assert breaker.retry_s >= 30.0, "nothing shortens it"


# --- reads over a real socket


def test_a_bad_answer_is_asked_again_and_a_good_one_ends_it(http: HttpScript) -> None:
    http.say = [answer(503, ""), answer(500, ""), answer(200, "ok"), answer(200, "never")]
    host = a_host(http.url)
    assert EndpointReader(host, 1.0).read("/x").body == b"ok"
    assert (len(http.asked), host.health().failures) == (3, 0)


def test_three_bad_answers_are_an_answer(http: HttpScript) -> None:
    http.say = [answer(500, "")]
    assert EndpointReader(a_host(http.url), 1.0).read("/x").status == 500
    assert len(http.asked) == 3


def test_a_clear_no_is_not_asked_again(http: HttpScript) -> None:
    http.say = [answer(404, "")]
    host = a_host(http.url)
    assert EndpointReader(host, 1.0).read("/x").status == 404
    assert (len(http.asked), host.health().state, host.health().failures) == (1, "closed", 0)


def test_a_refusal_is_not_asked_again_and_leaves_the_host_alone(http: HttpScript) -> None:
    http.say = [answer(429, "", retry_after="30"), answer(200, "ok")]
    told, clock = Told(), Clock()
    host = a_host(http.url, told, clock)
    reads, other_lane = EndpointReader(host, 1.0), EndpointReader(host, 1.0)
    assert reads.read("/x").status == 429
    with pytest.raises(Alone, match="too many requests, retry after 30 s"):
        other_lane.read("/x")
    assert len(http.asked) == 1
    health = host.health()
    assert (health.state, health.opened) == ("open", 1) and 29.0 <= health.retry_s <= 32.0
    clock.s += 32
    assert reads.read("/x").body == b"ok"
    states = [facts["state"] for event, facts in told.events if event == "endpoint_breaker"]
    assert states == ["open", "closed"], "said when it opens and when it closes"


def test_nobody_there_is_not_sent_three_times_then_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    host = a_host(f"http://127.0.0.1:{port}")
    reads = EndpointReader(host, 1.0)
    with pytest.raises(NotSent):
        reads.read("/x")
    assert host.health().failures == 3
    with pytest.raises(Alone):
        reads.read("/x")
    assert (host.health().failures, host.health().state) == (FAILURES, "open")


def test_an_answer_that_never_comes_whole_is_lost_after_three_tries(http: HttpScript) -> None:
    http.say = ["drop"]
    with pytest.raises(Lost):
        EndpointReader(a_host(http.url), 0.3).read("/x")
    assert len(http.asked) == 6, "each try once more on a new connection, as a kept one may have been closed under us"


def test_a_bare_address_is_asked_once(http: HttpScript) -> None:
    http.say = [answer(500, "")]
    assert EndpointReader(http.url, 1.0).read("/x").status == 500
    assert len(http.asked) == 1


def test_the_quotas_end_is_warned_of_once_each_time_it_comes_near(http: HttpScript) -> None:
    weights = ["100", "4799", "4800", "5000", "10", "5990"]
    http.say = [answer(200, "", **{"X_MBX_USED_WEIGHT_1M": w}) for w in weights]
    told = Told()
    host = a_host(http.url, told, limit=6000)
    reads = EndpointReader(host, 1.0)
    seen = []
    for _ in weights:
        reads.read("/x")
        seen.append(host.health().used)
    assert seen == [int(w) for w in weights]
    assert [facts["used"] for event, facts in told.events if event == "quota_near_its_end"] == [4800, 5990]


def test_a_breaker_is_shared_by_lanes_without_a_second_probe() -> None:
    clock = Clock()
    breaker = Breaker(mono_s=clock)
    breaker.refused("no", 1.0)
    clock.s += 2
    entered: list[str] = []
    threads = [threading.Thread(target=lambda: entered.append(breaker.enter())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entered.count("") == 1
