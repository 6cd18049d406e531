"""The chain of sources, walked down and up again, at the core: who is asked, what is said, what may be traded on."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from messages import Candle, Candles, FeedStatus, History, PriceTick, Word
from messages.inner import (
    AnyTimer,
    CandlesFetched,
    DayHeard,
    FeedStale,
    FetchCandles,
    FetchDay,
    FetchPrice,
    PriceFetched,
    SourceChanged,
    Tick,
    WakeIn,
)
from messages.units import NS
from polybot.core.market.view import MarketView
from polybot.core.price_feed.core import PriceFeedCore
from polybot.settings import Settings
from tests.build import T0, a_source_state, a_start, a_tick, day_stats

_ids = itertools.count(1)


class House:
    """A core, a clock moved by hand in tenths of a second, and sources that answer while they are in `reachable`."""

    def __init__(
        self, reachable: Iterable[str] = ("binance_rest", "coinbase", "coingecko"), speed: float = 1.0
    ) -> None:
        self.core, self.reachable, self.speed = PriceFeedCore(), set(reachable), speed
        self.now_ns, self.mono_s = T0 * NS, 0.0
        self.price = 64_000.0
        self.said: list[Word] = []
        self.asked: list[str] = []
        self._timers: dict[AnyTimer, float] = {}
        self.hear(a_start(actor="price_feed", speed=speed))
        self.hear(a_source_state(received_ns=self.now_ns))

    def hear(self, word: Word) -> list[Word]:
        said = list(self.core.handle(word, self.now_ns))
        self.said += said
        for wish in said:
            match wish:
                case FetchPrice():
                    self.asked.append(wish.source)
                    said += self.hear(self._answer(wish.source))
                case FetchCandles():
                    said += self.hear(self._klines(wish))
                case WakeIn():
                    self._timers[wish.timer] = self.mono_s + wish.after_s
        return said

    def _answer(self, source: Any) -> PriceFetched:
        known = source in self.reachable
        stamp_ns = self.now_ns // NS * NS if source == "binance_rest" else self.now_ns
        return PriceFetched(
            source=source,
            known=known,
            price=self.price if known else 0.0,
            size=0.0,
            stamped_ns=stamp_ns if known else 0,
            why="" if known else "HTTP 451 not served from this country (geoblock)",
        )

    def _klines(self, wish: FetchCandles) -> CandlesFetched:
        known = "binance_rest" in self.reachable
        step = 1 if wish.interval == "1s" else 60
        rows = tuple(
            (s * NS, self.price, self.price, self.price, self.price, 1.0, 3)
            for s in range(wish.start_ns // NS, wish.end_ns // NS, step)
        )
        return CandlesFetched(
            symbol=wish.symbol,
            interval=wish.interval,
            start_ns=wish.start_ns,
            end_ns=wish.end_ns,
            known=known,
            rows=rows if known else (),
            why="",
        )

    def trade(self, price: float | None = None) -> list[Word]:
        return self.hear(a_tick(price=price or self.price, trade_id=next(_ids), traded_ns=self.now_ns))

    def live(self, seconds: float, streams: bool = False) -> list[Word]:
        """Time passes; what was said meanwhile."""
        before = len(self.said)
        for _ in range(round(seconds * 10)):
            self.now_ns += NS // 10
            self.mono_s += 0.1 / self.speed
            if streams:
                self.trade()
            for timer in [t for t, at in self._timers.items() if at <= self.mono_s + 1e-9]:
                del self._timers[timer]
                self.hear(Tick(timer=timer, mono_s=self.mono_s))
            self.hear(Tick(timer=FeedStale(feed="price"), mono_s=self.mono_s))
        return self.said[before:]

    @property
    def status(self) -> FeedStatus:
        return [w for w in self.said if isinstance(w, FeedStatus)][-1]


def ticks(words: Iterable[Word], source: str) -> list[PriceTick]:
    return [w for w in words if isinstance(w, PriceTick) and w.source == source]


def changes(words: Iterable[Word]) -> list[tuple[str, str]]:
    return [(w.was, w.now) for w in words if isinstance(w, SourceChanged)]


def test_a_live_stream_asks_nobody() -> None:
    house = House()
    house.live(10, streams=True)
    assert house.asked == []
    assert (house.status.state, house.status.source) == ("up", "binance")
    assert changes(house.said) == [("", "binance")]


def test_a_silent_stream_is_stale_after_two_seconds_and_klines_take_over_at_once() -> None:
    house = House()
    house.live(3, streams=True)
    said = house.live(1.9)
    assert changes(said) == [] and house.asked == []
    said = house.live(0.3)
    assert changes(said) == [("binance", ""), ("", "binance_rest")], "none, until the first answer is here"
    change = next(w for w in said if isinstance(w, SourceChanged))
    assert "binance: no trade for 2." in change.why and "limit 2 s" in change.why
    status = house.status
    assert (status.state, status.source) == ("up", "binance_rest")
    assert ticks(said, "binance_rest")[0].symbol == "BTCUSDT"


def test_on_klines_the_price_stays_fresh_and_the_samples_go_on() -> None:
    house = House()
    house.live(10, streams=True)
    view = MarketView(Settings(), 1.0)
    house.live(3)
    for _ in range(600):
        for word in house.live(0.1):
            view.hear(word, house.now_ns)
        assert view.stale_price(house.now_ns) is None
    marks = [
        w.end_ns // NS - T0 for w in house.said if isinstance(w, Candle) and w.interval_s == 30 and w.end_ns > T0 * NS
    ]
    assert marks == [30, 60]
    wish = History(id="h", symbol="BTCUSDT", interval_s=30, since_ns=(T0 - 600) * NS)
    (answer,) = house.hear(wish)
    assert isinstance(answer, Candles) and answer.complete
    assert house.asked.count("binance_rest") <= 2 * 61 + 5, "twice a second, no more"


def test_the_whole_chain_down_and_back_up() -> None:
    house = House()
    house.live(3, streams=True)
    for gone, source in (("", "binance_rest"), ("binance_rest", "coinbase"), ("coinbase", "coingecko")):
        house.reachable.discard(gone)
        house.live(8)
        assert house.status.source == source
    house.reachable.discard("coingecko")
    house.live(130)
    assert (house.status.source, house.status.state) == ("", "stale")
    for back in ("coingecko", "coinbase", "binance_rest"):
        house.reachable.add(back)
        house.live(5)
        assert house.status.source == back
    said = house.trade()
    assert (house.status.source, house.status.state) == ("binance", "up")
    assert changes(said) == [("binance_rest", "binance")]
    house.asked.clear()
    house.live(5, streams=True)
    assert house.asked == []


def test_the_announcement_names_what_is_wrong_with_the_better_ones() -> None:
    house = House(reachable=["coinbase"])
    house.live(3, streams=True)
    said = house.live(3)
    why = next(w.why for w in said if isinstance(w, SourceChanged) and w.now == "coinbase")
    assert "no trade for 2" in why and "binance_rest: HTTP 451 not served from this country (geoblock)" in why
    assert "shown and not traded on" in house.status.reason


def test_coinbase_is_shown_and_never_traded_on() -> None:
    house = House(reachable=["coinbase"])
    view = MarketView(Settings(), 1.0)
    for word in house.live(3, streams=True):
        view.hear(word, house.now_ns)
    last = view.tick
    house.price = 64_100.0
    for word in (said := house.live(10)):
        view.hear(word, house.now_ns)
    shown = ticks(said, "coinbase")
    assert len(shown) >= 5
    assert {(t.symbol, t.price) for t in shown} == {("BTC-USD", 64_100.0)}
    assert view.tick is last
    assert 64_100.0 not in view.recent_ticks.values()
    refused = view.stale_price(house.now_ns)
    assert refused is not None and refused.code == "STALE_PRICE" and "coinbase" in refused.text
    assert (house.status.state, house.status.price) == ("stale", 64_100.0)


def test_coinbase_feeds_no_candle() -> None:
    house = House(reachable=["coinbase"])
    house.live(3, streams=True)
    said = house.live(70)
    assert not [w for w in said if isinstance(w, Candle)]


def test_an_exchange_that_stopped_trading_is_not_fresh_by_klines() -> None:
    house = House()
    house.live(3, streams=True)
    halted_ns = house.now_ns
    house._answer = lambda source: PriceFetched(  # type: ignore[method-assign]
        source=source, known=True, price=house.price, size=0.0,
        stamped_ns=halted_ns if source == "binance_rest" else house.now_ns, why="",
    )  # fmt: skip
    house.live(6)
    assert house.status.source == "coinbase"
    assert "binance_rest: no trade for" in house.status.reason


def test_failing_sources_are_asked_ever_more_slowly() -> None:
    house = House(reachable=[])
    house.live(3, streams=True)
    house.live(60)
    assert 15 <= house.asked.count("binance_rest") <= 25


def test_samples_across_a_silence_are_those_of_the_klines() -> None:
    """An open socket that was silent has lost trades as surely as a closed one."""
    house = House()
    house.live(24, streams=True)
    house.reachable.clear()
    house.live(5)  # silent from 24 s to 29 s
    house.reachable.add("binance_rest")
    house.price = 64_010.0
    house.live(8, streams=True)
    (sample,) = [w for w in house.said if isinstance(w, Candle) and w.end_ns == (T0 + 30) * NS]
    assert sample.close == 64_010.0


# --- a leap


def test_a_leap_asks_coinbase_once_and_is_believed_when_it_agrees() -> None:
    house = House()
    house.live(3, streams=True)
    house.price = 50_000.0
    said = house.trade()
    assert house.asked == ["coinbase"]
    assert [t.price for t in ticks(said, "binance")] == [50_000.0]
    assert ticks(said, "coinbase") == [], "asked for its opinion, not shown: the stream is well"


def test_a_leap_that_coinbase_denies_is_held_and_a_crash_blinds_nobody() -> None:
    house = House()
    house.live(3, streams=True)
    assert ticks(house.trade(50_000.0), "binance") == []
    house.live(0.1)
    assert ticks(house.trade(50_010.0), "binance") == []
    house.live(0.1)
    assert [t.price for t in ticks(house.trade(49_990.0), "binance")] == [50_000.0, 50_010.0, 49_990.0]
    assert house.status.refused == {}


def test_held_prints_keep_nothing_fresh() -> None:
    house = House(reachable=[])
    house.live(3, streams=True)
    for price in (640_000.0, 64.0, 640_000.0, 64.0) * 6:
        house.live(0.1)
        house.trade(price)
    house.live(0.1)
    assert house.status.state == "stale"


# --- 24 hours


A_DAY = day_stats(as_of_ns=T0 * NS)


def test_the_day_is_asked_for_at_the_start_and_stands_in_the_level() -> None:
    house = House()
    assert FetchDay(symbol="BTCUSDT") in house.said
    house.hear(DayHeard(symbol="BTCUSDT", day=A_DAY, why=""))
    house.live(1, streams=True)
    assert house.status.day == A_DAY


def test_the_day_is_kept_current_by_asking_while_the_stream_brings_none() -> None:
    house = House()
    house.hear(DayHeard(symbol="BTCUSDT", day=A_DAY, why=""))
    assert FetchDay(symbol="BTCUSDT") not in house.live(59, streams=True)
    assert house.live(40, streams=True).count(FetchDay(symbol="BTCUSDT")) == 2


@pytest.mark.parametrize("changes", [{"low": 0.0}, {"high": math.nan}, {"last": 70_000.0}, {"volume": -1.0}])
def test_an_absurd_day_is_refused(changes: dict[str, float]) -> None:
    house = House()
    house.hear(DayHeard(symbol="BTCUSDT", day=msgspec.structs.replace(A_DAY, **changes), why=""))
    house.live(1, streams=True)
    assert (house.status.day, house.status.refused) == (None, {"BAD_DAY": 1})


def test_at_sixty_times_the_speed_a_hiccup_of_the_machine_changes_no_source() -> None:
    house = House(speed=60.0)
    house.live(60, streams=True)
    house.live(55)
    assert changes(house.said) == [("", "binance")]
    house.live(10)
    assert changes(house.said)[-1] == ("", "binance_rest")
