"""price_feed: what is accepted, which samples are said, and that any restart rebuilds the same candles."""

import math
import random
from collections.abc import Iterable

import msgspec
import pytest

from messages import Candle, Candles, Depth, FeedStatus, History, PriceTick, Word
from messages.inner import (
    CandlesFetched,
    FeedStale,
    FetchCandles,
    Reconnect,
    RefillCandles,
    SampleMark,
    SayLevels,
    Tick,
    WakeAt,
    WakeIn,
)
from messages.units import NS
from polybot.core.price_feed.core import SYMBOL, PriceFeedCore
from tests.build import T0, a_flat_candle, a_source_state, a_start, a_tick

MARK = T0 + 30


_ids = iter(range(1, 10**9))


def a_trade(at_s: float, price: float = 64_000.0, size: float = 0.01) -> PriceTick:
    return traded_at(round(at_s * NS), price, size)


def traded_at(at_ns: int, price: float = 64_000.0, size: float = 0.01) -> PriceTick:
    return a_tick(price=price, size=size, trade_id=next(_ids), traded_ns=at_ns)


def a_minute(start_s: int) -> Candle:
    return a_flat_candle(start_s + 60, 64_000.0, interval_s=60)


class Exchange:
    """What was traded, and the klines of it as Binance answers them: flat rows for quiet seconds."""

    def __init__(self, trades: Iterable[PriceTick]) -> None:
        self.trades = list(trades)

    def klines(self, wish: FetchCandles, listed_s: int = 0) -> CandlesFetched:
        step = 1 if wish.interval == "1s" else 60
        rows = []
        close = next((t.price for t in self.trades), 1.0)
        for start in range(wish.start_ns // NS, wish.end_ns // NS, step):
            before = [t for t in self.trades if t.traded_ns < start * NS]
            close = before[-1].price if before else close
            inside = [t for t in self.trades if start <= t.traded_ns / NS < start + step]
            prices = [t.price for t in inside] or [close]
            volume = round(sum(t.size for t in inside), 8)
            if start >= listed_s:
                rows.append((start * NS, prices[0], max(prices), min(prices), prices[-1], volume, len(inside)))
        return CandlesFetched(
            symbol=SYMBOL,
            interval=wish.interval,
            start_ns=wish.start_ns,
            end_ns=wish.end_ns,
            known=True,
            rows=tuple(rows),
            why="",
        )


class Feed:
    """A core with its exchange: performs FetchCandles at once, remembers what was said."""

    def __init__(self, exchange: Exchange, now_s: float, speed: float = 1.0, reachable: bool = True) -> None:
        self.core, self.exchange, self.reachable = PriceFeedCore(), exchange, reachable
        self.said: list[Word] = []
        self.hear(a_start(actor="price_feed", speed=speed), now_s)

    def hear(self, word: Word, now_s: float) -> list[Word]:
        self.now_ns = round(now_s * NS)
        said = list(self.core.handle(word, self.now_ns))
        self.said += said
        for wish in [w for w in said if isinstance(w, FetchCandles)]:
            answer = self.exchange.klines(wish)
            if not self.reachable:
                answer = msgspec.structs.replace(answer, known=False, rows=())
            said += self.hear(answer, now_s)
        return said

    def stream(self, trades: Iterable[PriceTick], lag_s: float = 0.1) -> list[Word]:
        return [w for t in trades for w in self.hear(t, t.traded_ns / NS + lag_s)]

    def history(self, interval_s: int, since_s: float = 0) -> Candles:
        wish = History(id="h", symbol=SYMBOL, interval_s=interval_s, since_ns=round(since_s * NS))
        (answer,) = self.core.handle(wish, self.now_ns)
        assert isinstance(answer, Candles)
        return answer

    def status(self, now_s: float, mono_s: float = 1.0) -> FeedStatus:
        return [w for w in self.hear(Tick(timer=SayLevels(), mono_s=mono_s), now_s) if isinstance(w, FeedStatus)][-1]


def opened(trades: Iterable[PriceTick] = (), now_s: float = T0, speed: float = 1.0, reachable: bool = True) -> Feed:
    feed = Feed(Exchange(trades), now_s, speed, reachable)
    feed.hear(a_source_state(), now_s)
    return feed


def samples(words: Iterable[Word]) -> list[Candle]:
    return [w for w in words if isinstance(w, Candle) and w.interval_s == 30]


def is_accepted(feed: Feed, trade: PriceTick, now_s: float) -> bool:
    return any(isinstance(w, PriceTick) for w in feed.hear(trade, now_s))


# --- rule 1: what is accepted


@pytest.mark.parametrize(
    ("price", "name"),
    [
        (0.0, "ZERO_PRICE"),
        (-1.0, "NEGATIVE_PRICE"),
        (math.nan, "NOT_A_NUMBER"),
        (math.inf, "NOT_A_NUMBER"),
    ],
)
def test_an_absurd_price_is_refused_and_counted_by_name(price: float, name: str) -> None:
    feed = opened()
    assert is_accepted(feed, a_trade(T0 + 1), T0 + 1)
    assert not is_accepted(feed, a_trade(T0 + 2, price), T0 + 2)
    status = feed.status(T0 + 2)
    assert (status.dropped, status.refused) == (1, {name: 1})


@pytest.mark.parametrize("price", [640_000.0, 6_400.0])
def test_a_leap_is_held_and_found_wrong_by_the_next_print(price: float) -> None:
    feed = opened()
    assert is_accepted(feed, a_trade(T0 + 1), T0 + 1)
    assert not is_accepted(feed, a_trade(T0 + 1.5, price), T0 + 1.5)
    assert feed.status(T0 + 1.5).dropped == 0
    assert is_accepted(feed, a_trade(T0 + 1.6), T0 + 1.6)
    status = feed.status(T0 + 1.6)
    assert (status.dropped, status.refused) == (1, {"LEAP": 1})


@pytest.mark.parametrize(("ahead_ns", "accepted"), [(NS - 1, True), (NS, True), (NS + 1, False)])
def test_a_stamp_more_than_a_second_ahead_is_refused(ahead_ns: int, accepted: bool) -> None:
    feed = opened()
    assert is_accepted(feed, traded_at(T0 * NS + ahead_ns), T0) is accepted


def test_stamps_never_go_backwards_and_a_repeat_is_no_trade() -> None:
    feed = opened()
    first = a_trade(T0 + 1)
    assert is_accepted(feed, first, T0 + 1)
    assert not is_accepted(feed, first, T0 + 1)
    assert not is_accepted(feed, traded_at(first.traded_ns - 1), T0 + 1)
    assert is_accepted(feed, traded_at(first.traded_ns), T0 + 1)


def test_refused_trades_keep_nothing_fresh() -> None:
    feed = opened()
    feed.hear(a_trade(T0 + 1), T0 + 1)
    feed.hear(a_trade(T0 + 4, 0.0), T0 + 4)
    assert feed.status(T0 + 4).state == "stale"


def test_depth_passes_unless_it_is_no_depth() -> None:
    feed = opened()
    depth = Depth(symbol=SYMBOL, bid_size=1.5, ask_size=2.0, received_ns=T0 * NS)
    assert depth in feed.hear(depth, T0)
    bad = Depth(symbol=SYMBOL, bid_size=math.nan, ask_size=2.0, received_ns=T0 * NS)
    assert not feed.hear(bad, T0)


# --- rule 2: samples


def test_a_sample_is_said_when_a_later_trade_shows_that_it_is_whole() -> None:
    feed = opened()
    assert not samples(feed.stream([a_trade(MARK - 2, 1.0), a_trade(MARK - 1, 1.1), a_trade(MARK - 0.001, 1.05)]))
    (sample,) = samples(feed.stream([a_trade(MARK, 1.1)]))
    assert (sample.close, sample.traded, sample.end_ns) == (1.05, True, MARK * NS)


def test_a_quiet_feed_says_its_sample_after_the_grace() -> None:
    feed = opened()
    feed.stream([a_trade(T0 + 1), a_trade(T0 + 2), a_trade(MARK - 1, 64_001.0)])
    wakes = [w for w in feed.said if isinstance(w, WakeAt) and w.timer == SampleMark()]
    assert wakes[-1].at_ns == (MARK + 1) * NS
    assert not samples(feed.hear(Tick(timer=SampleMark(), mono_s=1), MARK + 0.999))
    (sample,) = samples(feed.hear(Tick(timer=SampleMark(), mono_s=1), MARK + 1))
    assert sample.close == 64_001.0


def test_a_trade_later_than_the_grace_corrects_the_sample() -> None:
    feed = opened()
    feed.stream([a_trade(MARK - 3), a_trade(MARK - 2), a_trade(MARK - 0.9, 64_001.0)])
    feed.hear(Tick(timer=SampleMark(), mono_s=1), MARK + 1)
    (sample,) = samples(feed.hear(a_trade(MARK - 0.5, 64_002.0), MARK + 1.1))
    assert (sample.close, sample.end_ns) == (64_002.0, MARK * NS)


@pytest.mark.parametrize(("second", "found"), [(MARK - 30, True), (MARK - 31, True), (MARK - 32, False)])
def test_a_sample_is_at_most_thirty_seconds_older_than_its_mark(second: int, found: bool) -> None:
    feed = opened([a_trade(second + 0.5, 64_001.0)], now_s=T0 - 300)
    feed.stream([a_trade(T0 - 290), a_trade(T0 - 289), a_trade(second + 0.5, 64_001.0)])
    said = samples(feed.stream([a_trade(MARK)]))
    at_mark = [c for c in said if c.end_ns == MARK * NS]
    assert [c.close for c in at_mark] == ([64_001.0] if found else [])
    assert all(c.traded is (second >= MARK - 30) for c in at_mark)


def test_high_and_low_of_a_sample_are_those_of_its_accepted_trades() -> None:
    trades = [a_trade(T0 + 1 + i, p) for i, p in enumerate([64_000.0, 64_050.0, 63_900.0, 64_010.0])]
    feed = opened(trades)
    feed.stream(trades)
    feed.hear(a_trade(T0 + 10, 640_000.0), T0 + 10)
    (sample,) = samples(feed.stream([a_trade(MARK)]))
    assert (sample.open, sample.high, sample.low, sample.close) == (64_000.0, 64_050.0, 63_900.0, 64_010.0)


# --- rules 3 and 4: minutes, back-filling


def random_trades(seed: int, start_s: int, end_s: int) -> list[PriceTick]:
    """A walk with bursts and quiet spells of up to 80 s."""
    luck = random.Random(seed)
    at, price, trades = float(start_s), 64_000.0, []
    while at < end_s:
        at += luck.choice([0.0, 0.001, 0.05, 0.3, 1.0, 2.5, luck.uniform(0, 80) if luck.random() < 0.1 else 0.4])
        price += luck.choice([-1.5, -0.25, 0.0, 0.25, 1.5])
        trades.append(a_trade(round(at, 3), price, size=luck.randint(1, 500) / 10_000))
    return trades


@pytest.mark.parametrize("seed", range(4))
def test_a_restart_at_any_moment_holds_what_the_stream_had_built(seed: int) -> None:
    start = T0 - 3000
    trades = random_trades(seed, start, T0 + 200)
    exchange = Exchange(trades)
    lived = Feed(exchange, start)
    lived.hear(a_source_state(), start)
    lived.stream(trades)
    cut = random.Random(seed).randrange(len(trades) - 200, len(trades) - 50)
    reborn = Feed(exchange, trades[cut].traded_ns / NS)
    reborn.hear(a_source_state(), trades[cut].traded_ns / NS)
    reborn.stream(trades[cut + 1 :])
    since = T0 - 2000
    assert reborn.history(30).complete and lived.history(30).complete
    assert len(lived.history(30, since).candles) > 40
    assert reborn.history(30, since).candles == lived.history(30, since).candles


@pytest.mark.parametrize("seed", range(4))
def test_a_reconnect_fills_what_was_missed_and_says_it(seed: int) -> None:
    trades = random_trades(seed, T0, T0 + 900)
    whole, broken = opened(trades), opened(trades)
    whole.stream(trades)
    cut, back = len(trades) // 3, len(trades) // 2
    broken.stream(trades[:cut])
    broken.hear(a_source_state(state="closed"), trades[cut].traded_ns / NS)
    broken.hear(Tick(timer=SampleMark(), mono_s=1), trades[back].traded_ns / NS)
    assert not broken.history(30).complete
    broken.hear(a_source_state(), trades[back].traded_ns / NS)
    broken.stream(trades[back + 1 :])
    assert broken.history(30).candles == whole.history(30).candles
    last = {c.end_ns: c for c in samples(broken.said)}
    assert last == {c.end_ns: c for c in samples(whole.said)}


def test_nothing_is_concluded_about_marks_the_stream_did_not_carry() -> None:
    feed = opened(reachable=False)
    feed.stream([a_trade(T0 + 1), a_trade(T0 + 2)])
    feed.hear(a_source_state(state="closed"), T0 + 20)
    assert not samples(feed.hear(Tick(timer=SampleMark(), mono_s=1), MARK + 5))


def test_a_failed_read_is_asked_again_and_taken_for_nothing() -> None:
    feed = opened(reachable=False)
    feed.stream([a_trade(T0 + 1), a_trade(T0 + 2)])
    assert feed.history(30).complete is False
    assert any(isinstance(w, WakeIn) and w.timer == RefillCandles() for w in feed.said)
    feed.reachable = True
    feed.hear(Tick(timer=RefillCandles(), mono_s=1), T0 + 3)
    assert feed.history(30).complete is True


def test_an_answer_to_an_older_wish_fills_nothing() -> None:
    feed = opened(reachable=False)
    old = CandlesFetched(symbol=SYMBOL, interval="1s", start_ns=NS, end_ns=2 * NS, known=True, rows=(), why="")
    feed.hear(old, T0 + 1)
    assert feed.history(30).complete is False


def test_after_a_start_the_samples_of_the_last_moments_are_said_anew() -> None:
    trades = [a_trade(T0 - 600 + i) for i in range(620)]
    feed = opened(trades, now_s=T0 + 1)
    feed.stream(trades[602:])
    assert [c.end_ns // NS for c in samples(feed.said)] == [T0 - 90, T0 - 60, T0 - 30, T0]


def test_chunks_never_exceed_what_the_exchange_answers() -> None:
    feed = opened([a_trade(T0 - 3000 + i) for i in range(3010)])
    feed.stream(feed.exchange.trades[3001:])
    wishes = [w for w in feed.said if isinstance(w, FetchCandles)]
    assert {w.interval for w in wishes} == {"1s", "1m"}
    assert all((w.end_ns - w.start_ns) // NS <= (1000 if w.interval == "1s" else 60_000) for w in wishes)
    assert feed.history(30).complete and feed.history(60).complete


def test_a_minute_that_does_not_follow_shows_a_hole_and_it_is_filled() -> None:
    trades = [a_trade(T0 + i) for i in range(400)]
    feed = opened(trades)
    feed.stream(trades[:60])
    assert a_minute(T0) in feed.hear(a_minute(T0), T0 + 60)
    feed.stream(trades[60:242])
    feed.hear(a_minute(T0 + 180), T0 + 242)
    starts = [c.start_ns // NS for c in feed.history(60, T0).candles]
    assert starts == [T0, T0 + 60, T0 + 120, T0 + 180]
    assert feed.history(60).complete


def test_a_repeated_minute_is_said_once() -> None:
    feed = opened()
    assert a_minute(T0) in feed.hear(a_minute(T0), T0 + 60)
    assert a_minute(T0) not in feed.hear(a_minute(T0), T0 + 61)


def test_history_of_something_else_is_empty_and_says_it_is_not_complete() -> None:
    answer = opened().history(300)
    assert (answer.candles, answer.complete) == ((), False)


# --- health


def test_the_level_goes_from_down_over_up_to_stale_and_back() -> None:
    feed = Feed(Exchange([]), T0)
    assert feed.status(T0).state == "down"
    feed.hear(a_source_state(), T0)
    assert feed.status(T0).state == "stale"
    said = [w for w in feed.hear(a_trade(T0 + 1), T0 + 1) if isinstance(w, FeedStatus)][-1]
    assert (said.state, said.source, said.price) == ("up", "binance", 64_000.0)
    assert feed.status(T0 + 3).state == "up"
    late = [
        w for w in feed.hear(Tick(timer=FeedStale(feed="price"), mono_s=1), T0 + 3.001) if isinstance(w, FeedStatus)
    ][-1]
    assert late.state == "stale" and "limit 2 s" in late.reason
    feed.hear(a_source_state(state="closed"), T0 + 4)
    feed.hear(a_source_state(), T0 + 5)
    assert feed.status(T0 + 5).reconnects == 1


def test_staleness_is_woken_for_at_its_first_moment() -> None:
    feed = opened()
    (wake,) = [
        w for w in feed.hear(a_trade(T0 + 1), T0 + 1) if isinstance(w, WakeAt) and w.timer == FeedStale(feed="price")
    ]
    assert wake.at_ns == (T0 + 3) * NS + 1


def test_a_silent_stall_is_answered_by_a_reconnect_once_four_machine_seconds_have_passed() -> None:
    feed = opened()
    feed.hear(a_trade(T0 + 1), T0 + 1)
    feed.status(T0 + 1, mono_s=1.0)
    said = [feed.hear(Tick(timer=SayLevels(), mono_s=float(m)), T0 + m) for m in range(2, 7)]
    assert [any(isinstance(w, Reconnect) for w in words) for words in said] == [False] * 3 + [True, False]


@pytest.mark.parametrize("has_traded", [True, False])
def test_a_world_that_waits_is_no_stall(has_traded: bool) -> None:
    feed = opened()
    if has_traded:
        feed.hear(a_trade(T0), T0)
    said = [feed.hear(Tick(timer=SayLevels(), mono_s=float(m)), T0) for m in range(1, 60)]
    assert not any(isinstance(w, Reconnect) for words in said for w in words)
