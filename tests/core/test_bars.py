"""Bars that know what they do not know; the questions that keep them whole; the weather measured from them."""

import math
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from messages import Candle, Candles, Envelope, History, MarketListed, Resend, Resent, Word, encode
from messages.inner import NoReply, SayLevels, Tick, WakeIn
from messages.units import NS
from polybot.core.market.backfill import Listings, is_news, words_of
from polybot.core.market.candle_buffer import CandleBuffer
from polybot.core.market.candle_history import BarFeed
from polybot.core.market.view import MarketView
from polybot.core.risk.volatility import LEAST_MARKS, Range, volatility
from polybot.settings import Settings
from tests.build import T0, a_flat_candle, a_market


def a_candle(end_s: int, close: float = 100.0) -> Candle:
    return a_flat_candle(end_s, close)


def candles(first_end_s: int, n: int) -> list[Candle]:
    return [a_candle(first_end_s + 30 * i, 100.0 + i) for i in range(n)]


def only(words: Iterable[Word]) -> Any:
    (word,) = words
    return word


# --- Bars


def test_a_mark_without_a_candle_is_missing_only_once_a_complete_answer_covers_it() -> None:
    bars = CandleBuffer(30, 10)
    assert bars.known_until_ns == 0
    bars.answered(candles(T0, 3), (T0 + 95) * NS, 5 * NS)
    assert bars.known_until_ns == (T0 + 90) * NS, "asked five seconds after the mark T0 + 90: nobody traded then"
    assert bars.closes((T0 + 90) * NS, 4) == [100.0, 101.0, 102.0, None]


def test_a_mark_too_young_when_asked_stays_unheard() -> None:
    bars = CandleBuffer(30, 10)
    bars.answered(candles(T0, 3), (T0 + 94) * NS, 5 * NS)
    assert bars.known_until_ns == (T0 + 60) * NS


def test_candles_in_sequence_move_the_bound_and_a_skipped_one_stops_it() -> None:
    bars = CandleBuffer(30, 10)
    bars.answered(candles(T0, 1), (T0 + 1) * NS, 5 * NS)
    bars.put(a_candle(T0 + 30))
    assert bars.known_until_ns == (T0 + 30) * NS and not bars.is_behind
    bars.put(a_candle(T0 + 90))
    assert bars.known_until_ns == (T0 + 30) * NS and bars.is_behind
    bars.answered([a_candle(T0 + 60)], (T0 + 62) * NS, 5 * NS)
    assert bars.known_until_ns == (T0 + 90) * NS and not bars.is_behind


def test_a_restart_rebuilds_the_same_closes_from_history_alone() -> None:
    lived, restarted = CandleBuffer(30, 80), CandleBuffer(30, 80)
    said = candles(T0, 70)
    lived.answered(said[:5], T0 * NS, 0)
    for candle in said[5:]:
        lived.put(candle)
    restarted.answered(said, said[-1].end_ns + NS, 5 * NS)
    mark = said[-1].end_ns
    assert lived.closes(mark, 60) == restarted.closes(mark, 60)
    assert lived.known_until_ns == restarted.known_until_ns == mark


# --- BarFeed


def test_it_asks_once_and_again_only_after_a_pause() -> None:
    feed = BarFeed("signal/3", 30, 60, 1.0)
    now = (T0 + 10) * NS
    asked = only(feed.ask(now))
    assert isinstance(asked, History) and asked.since_ns == (T0 - 62 * 30) * NS
    assert list(feed.ask(now)) == []
    pause = only(feed.hear(NoReply(id=asked.id, to="price_feed", request="History"), now))
    assert isinstance(pause, WakeIn)
    assert list(feed.ask(now)) == []
    again = only(feed.hear(Tick(timer=pause.timer, mono_s=1.0), now))
    assert isinstance(again, History) and again.id != asked.id


def test_an_answer_given_while_back_filling_is_not_believed() -> None:
    feed = BarFeed("signal/3", 30, 60, 1.0)
    now = (T0 + 10) * NS
    asked = only(feed.ask(now))
    said = tuple(candles(T0 - 30 * 59, 60))
    answer = Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=said, complete=False)
    assert isinstance(only(feed.hear(answer, now)), WakeIn)
    assert not feed.is_heard(now)


def test_a_complete_answer_makes_it_whole_and_a_lost_candle_is_asked_for() -> None:
    feed = BarFeed("signal/3", 30, 60, 1.0)
    now = (T0 + 10) * NS
    asked = only(feed.ask(now))
    said = tuple(candles(T0 - 30 * 59, 60))
    answer = Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=said, complete=True)
    assert list(feed.hear(answer, now)) == [] and feed.is_heard(now)
    assert not feed.is_heard((T0 + 30) * NS)
    assert isinstance(only(feed.hear(a_candle(T0 + 60), (T0 + 61) * NS)), History), "T0 + 30 was lost"


def test_words_for_others_are_not_heard() -> None:
    feed = BarFeed("signal/3", 30, 60, 1.0)
    list(feed.ask(T0 * NS))
    other = Candles(id="risk/1/history/30/1", symbol="BTCUSDT", interval_s=30, candles=(), complete=True)
    minute, foreign = a_flat_candle(T0, 100.0, interval_s=60), replace(a_candle(T0), symbol="ETHUSDT")
    for word in (minute, foreign, other, Tick(timer=SayLevels(), mono_s=0.0)):
        assert list(feed.hear(word, T0 * NS)) == []
    assert feed.bars.newest_ns == 0


# --- Listings


def an_answer(request: Resend, *bodies: Any, more: bool = False) -> Resent:
    said = [Envelope(source="market_feed", boot=1, seq=i, at_ns=0, cause="", body=b) for i, b in enumerate(bodies, 1)]
    return Resent(id=request.id, envelopes=tuple(encode(e) for e in said), more=more, lost=False)


def test_what_market_feed_said_before_is_asked_page_by_page() -> None:
    listings = Listings("allocator/2", ("MarketListed/",))
    asked = only(listings.ask(T0 * NS))
    assert isinstance(asked, Resend) and asked.to == "market_feed" and asked.topic == "MarketListed/"
    first = an_answer(asked, a_market(tick_e6=10_000), a_market(tick_e6=1_000), more=True)
    assert [w.tick_e6 for w in words_of(first) if isinstance(w, MarketListed)] == [1_000], "the newest of a window"
    second = only(listings.hear(first))
    assert isinstance(second, Resend) and second.skip == 2
    assert isinstance(only(listings.hear(an_answer(second))), WakeIn)


def test_a_window_that_stays_unknown_is_asked_about_three_times_and_no_more() -> None:
    listings = Listings("allocator/2", ("MarketListed/",))
    times = 0
    for _ in range(10):
        for asked in listings.ask(T0 * NS, "btc-updown-5m-0"):
            times += 1
            assert isinstance(asked, Resend)
            pause = only(listings.hear(NoReply(id=asked.id, to="market_feed", request="Resend")))
            list(listings.hear(Tick(timer=pause.timer, mono_s=0.0)))
    assert times == 3
    assert len(list(listings.ask(T0 * NS, "btc-updown-5m-300"))) == 1


def test_an_answer_never_replaces_what_was_heard_live() -> None:
    view = MarketView(Settings(), 1.0)
    assert is_news(a_market(), view)
    view.hear(a_market(tick_e6=1_000), T0 * NS)
    assert not is_news(a_market(tick_e6=10_000), view)


# --- the weather


@pytest.mark.parametrize("high", [103.0, 102.99, 103.01])
def test_the_range_is_high_less_low_over_low_of_the_last_five_minutes(high: float) -> None:
    seen, now = Range(), (T0 + 400) * NS
    seen.trade(50.0, (T0 + 94) * NS)  # too old
    seen.trade(100.0, (T0 + 101) * NS)
    seen.trade(high, (T0 + 399) * NS)
    pct = seen.pct(CandleBuffer(30, 10), now)
    assert pct == pytest.approx(high - 100)


def test_candles_whole_within_count_and_those_nobody_traded_in_do_not() -> None:
    bars, now = CandleBuffer(30, 40), (T0 + 310) * NS
    bars.put(replace(a_candle(T0 + 30), low=10.0))  # begins 310 s ago
    bars.put(replace(a_candle(T0 + 60), low=100.0, high=101.0))
    bars.put(replace(a_candle(T0 + 90), low=10.0, traded=False))
    assert Range().pct(bars, now) == pytest.approx(1.0)
    assert Range().pct(CandleBuffer(30, 40), now) is None


def test_the_range_forgets_what_it_no_longer_needs() -> None:
    seen = Range()
    for second in range(5000):
        seen.trade(100.0, (T0 + second) * NS)
    assert len(seen._slots) <= 121


def shaken(amplitudes: list[float]) -> CandleBuffer:
    """Five minutes per amplitude of closes that alternate by it; ends at T0."""
    bars, close = CandleBuffer(30, 200), 100.0
    for i, bp in enumerate(a for a in amplitudes for _ in range(10)):
        close *= math.exp((1 if i % 2 else -1) * bp / 10_000)
        bars.put(a_candle(T0 - 30 * (10 * len(amplitudes) - 1 - i), close))
    return bars


@pytest.mark.parametrize("factor", [1.0, 2.0, 3.0])
def test_volatility_now_is_compared_with_the_median_of_the_hour_before(factor: float) -> None:
    seen = volatility(shaken([5.0] * 13 + [5.0 * factor]), (T0 + 10) * NS)
    assert seen.off == "" and seen.ratio == pytest.approx(factor, rel=1e-3)


def test_fewer_than_six_marks_turn_the_rule_off_and_it_says_so() -> None:
    enough = volatility(shaken([5.0] * (LEAST_MARKS + 2)), (T0 + 10) * NS)
    assert enough.ratio is not None
    few = volatility(shaken([5.0] * (LEAST_MARKS + 1 - 1)), (T0 + 10) * NS)
    assert few.ratio is None and few.off == "5 of 6 marks known"
    assert volatility(CandleBuffer(30, 10), T0 * NS).off.startswith("fewer than 8 of the last 10")


def test_after_a_flat_hour_any_movement_is_too_much() -> None:
    assert volatility(shaken([0.0] * 13 + [1.0]), T0 * NS).ratio == math.inf
    assert volatility(shaken([0.0] * 14), T0 * NS).ratio == 0.0
