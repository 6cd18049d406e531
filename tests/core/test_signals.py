"""signal decides once a window, when everything is fresh, and says what was missing when it is not."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from messages import (
    Account,
    Book,
    Candle,
    Candles,
    History,
    MarketListed,
    OraclePrice,
    Outcome,
    Prediction,
    PriceTick,
    Resend,
    Signal,
    WindowObserved,
    Word,
    encode,
)
from messages.inner import AnyTimer, DecisionDue, Leave, Restored, SignalsAgain, Tick, WakeAt
from messages.units import MS, NS
from polybot.core.signal.core import SignalCore
from polybot.core.strategies import registry as strategy_registry
from polybot.settings import Settings
from polybot.strategy import Decision
from tests.build import (
    NOW_NS,
    T0,
    a_book,
    a_flat_candle,
    a_market,
    a_print,
    a_start,
    a_streak,
    a_tick,
    a_window,
    an_account,
    an_allocation,
    session,
    slug_of,
    window,
)

SLUG = slug_of(T0)
LOTS = 100_000_000


def zigzag(last_end_s: int = T0) -> tuple[Candle, ...]:
    return tuple(a_flat_candle(last_end_s - 30 * (69 - i), 64000.0 + i % 2) for i in range(70))


@dataclass
class Bench:
    """A core and everything it said; `hear` at a moment in seconds after T0."""

    settings: Settings = field(default_factory=Settings)
    windows: int = 3
    speed: float = 1.0
    boot: int = 1
    core: SignalCore = field(default_factory=SignalCore)
    said: list[Word] = field(default_factory=list)

    def start(self, at_s: float = -60.0) -> "Bench":
        started = a_start(
            boot=self.boot,
            config=msgspec.json.encode(self.settings).decode(),
            speed=self.speed,
            session=session(self.windows, self.speed),
        )
        self.hear(at_s, started)
        return self

    def hear(self, at_s: float, *words: Word) -> list[Word]:
        now_ns = T0 * NS + round(at_s * NS)
        new = [said for word in words for said in self.core.handle(word, now_ns)]
        self.said += new
        return new

    def history(self, at_s: float, candles: tuple[Candle, ...], complete: bool = True) -> None:
        asked = [w for w in self.said if isinstance(w, History)][-1]
        self.hear(at_s, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=candles, complete=complete))

    def ready(self, at_s: float, start_s: int = T0, leave_out: tuple[type[Word], ...] = ()) -> list[Word]:
        """Everything fresh as of at_s; what is to be left out is not said."""
        ns = T0 * NS + round(at_s * NS)
        words: list[Word] = [
            a_market(**window(start_s)),
            a_window(**window(start_s)),
            a_tick(traded_ns=ns),
            a_print(observed_ns=ns, received_ns=ns),
            a_book(slug=slug_of(start_s), received_ns=ns),
            an_account(),
        ]
        return self.hear(at_s, *(w for w in words if not isinstance(w, leave_out)))

    def predictions(self) -> list[Prediction]:
        return [w for w in self.said if isinstance(w, Prediction)]

    def signals(self) -> list[Signal]:
        return [w for w in self.said if isinstance(w, Signal)]


def a_bench(**changed: Any) -> Bench:
    bot = Settings().bot
    return Bench(settings=Settings(bot=msgspec.structs.replace(bot, strategies=("always_up",)), **changed)).start()


def tick(timer: AnyTimer) -> Tick:
    return Tick(timer=timer, mono_s=0.0)


# --- the moment


def test_nothing_is_decided_before_decide_after_and_then_at_once() -> None:
    bench = a_bench()
    bench.ready(9.999)
    assert bench.predictions() == []
    wake = [w for w in bench.said if isinstance(w, WakeAt)][-1]
    assert wake.at_ns == (T0 + 10) * NS
    bench.hear(10.0, tick(DecisionDue()))
    (prediction,), (signal,) = bench.predictions(), bench.signals()
    assert prediction.reason_code == "" and prediction.prediction == "UP" and prediction.n == 1
    assert prediction.decided_ns == (T0 + 10) * NS and signal.good_until_ns == (T0 + 13) * NS
    assert (signal.outcome, signal.token_id) == ("UP", "111")
    assert (prediction.up_ask_e6, prediction.strike, prediction.strike_source) == (510_000, 64000.0, "rtds_twap60")


def test_one_decision_a_window_however_much_is_heard_afterwards() -> None:
    bench = a_bench()
    for at_s in (10.0, 10.1, 12.0, 19.0, 21.0, 299.0):
        bench.ready(at_s)
    assert len(bench.predictions()) == 1
    bench.ready(310.0, T0 + 300)
    assert [p.n for p in bench.predictions()] == [1, 2]


@pytest.mark.parametrize(
    ("absent", "code"),
    [
        (MarketListed, "NO_MARKET"),
        (WindowObserved, "NO_STRIKE"),
        (PriceTick, "STALE_PRICE"),
        (OraclePrice, "STALE_ORACLE"),
        (Book, "STALE_BOOK"),
        (Account, "ACCOUNT_UNKNOWN"),
    ],
)
def test_what_is_missing_until_the_last_moment_is_the_reason(absent: type[Word], code: str) -> None:
    bench = a_bench()
    for at_s in (10.0, 15.0, 19.9):
        bench.ready(at_s, leave_out=(absent,))
    assert bench.predictions() == []
    bench.hear(20.0, tick(DecisionDue()))
    (prediction,) = bench.predictions()
    assert prediction.reason_code == code and prediction.reason and prediction.prediction is None
    assert bench.signals() == []


def test_the_last_moment_itself_still_decides() -> None:
    bench = a_bench()
    bench.ready(19.0, leave_out=(WindowObserved,))
    bench.hear(20.0, a_window())
    assert [p.reason_code for p in bench.predictions()] == [""]


def test_all_that_was_missing_is_named() -> None:
    bench = a_bench()
    bench.hear(20.0, tick(DecisionDue()))
    (prediction,) = bench.predictions()
    assert prediction.reason_code == "NO_MARKET"
    for part in ("listed", "stamped at", "no price", "no oracle", "no book", "executor"):
        assert part in prediction.reason


def test_a_window_looked_at_too_late_with_everything_there_is_skipped_as_too_late() -> None:
    bench = a_bench()
    bench.ready(9.0)
    late = T0 * NS + round(20.5 * NS)
    bench.core._market.hear(a_tick(traded_ns=late), late)
    bench.core._market.hear(a_print(observed_ns=late, received_ns=late), late)
    bench.hear(20.5, a_book(received_ns=late))
    assert [p.reason_code for p in bench.predictions()] == ["TOO_LATE"]


def test_every_window_that_passed_while_alive_gets_a_row() -> None:
    bench = a_bench()
    bench.hear(900.0, tick(DecisionDue()))
    assert [p.n for p in bench.predictions()] == [1, 2, 3]
    bench.ready(1210.0, T0 + 1200)
    assert len(bench.predictions()) == 3, "outside the session nothing is decided"


# --- fresh


@pytest.mark.parametrize(("age_s", "decided"), [(1.999, True), (2.0, True), (2.001, False)])
@pytest.mark.parametrize("what", ["price", "book"])
def test_price_and_book_are_fresh_for_two_seconds(what: str, age_s: float, decided: bool) -> None:
    bench = a_bench()
    old_ns = T0 * NS + round((10 - age_s) * NS)
    leave_out = PriceTick if what == "price" else Book
    bench.hear(10 - age_s, a_tick(traded_ns=old_ns) if what == "price" else a_book(received_ns=old_ns))
    bench.ready(10.0, leave_out=(leave_out,))
    assert bool(bench.predictions()) is decided


@pytest.mark.parametrize(("age_s", "decided"), [(4.999, True), (5.0, True), (5.001, False)])
@pytest.mark.parametrize("by", ["arrival", "stamp"])
def test_the_oracle_is_fresh_for_five_seconds_by_arrival_and_by_stamp(by: str, age_s: float, decided: bool) -> None:
    bench = a_bench()
    old_ns = T0 * NS + round((10 - age_s) * NS)
    seen = a_print(observed_ns=old_ns, received_ns=old_ns if by == "arrival" else NOW_NS)
    bench.hear(10.0, seen)
    bench.ready(10.0, leave_out=(OraclePrice,))
    assert bool(bench.predictions()) is decided


def test_only_the_stream_that_the_market_settles_on_counts() -> None:
    bench = a_bench()
    bench.hear(10.0, a_print(feed="spot"))
    bench.ready(10.0, leave_out=(OraclePrice,))
    assert bench.predictions() == []


def test_at_sixty_times_speed_nine_seconds_are_fresh() -> None:
    bench = Bench(settings=a_bench().settings, speed=60.0).start()
    bench.hear(1.0, a_tick(traded_ns=(T0 + 1) * NS))
    bench.ready(10.0, leave_out=(PriceTick,))
    assert len(bench.predictions()) == 1
    slower = Bench(settings=a_bench().settings, speed=60.0).start()
    slower.hear(0.999, a_tick(traded_ns=T0 * NS + 999 * MS))
    slower.ready(10.0, leave_out=(PriceTick,))
    assert slower.predictions() == []


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (a_market(rule=None, rule_why="resolutionSource 'x' is in no known row"), "RULE_UNKNOWN"),
        (a_market(fee=None), "NO_FEE_SCHEDULE"),
        (a_market(accepting=False), "NOT_ACCEPTING"),
    ],
)
def test_a_market_we_do_not_understand_is_not_traded(market: MarketListed, code: str) -> None:
    bench = a_bench()
    bench.ready(10.0, leave_out=(MarketListed,))
    bench.hear(10.0, market)
    bench.hear(20.0, tick(DecisionDue()))
    assert [p.reason_code for p in bench.predictions()] == [code]


# --- the book, the account


def test_the_rules_of_the_book_refuse_in_the_row() -> None:
    bench = a_bench()
    bench.ready(9.0)
    dear = a_book(
        received_ns=T0 * NS + 9500 * MS,
        up_bids=((640_000, LOTS),),
        up_asks=((660_000, LOTS),),
        down_bids=((340_000, LOTS),),
        down_asks=((360_000, LOTS),),
    )
    bench.hear(9.5, dear)
    bench.ready(10.0, leave_out=(Book,))
    (prediction,) = bench.predictions()
    assert prediction.reason_code == "PRICE_ABOVE_CAP" and prediction.prediction == "UP"
    assert bench.signals() == []


def test_a_halted_account_gets_its_row_at_once_without_waiting_for_anything() -> None:
    bench = a_bench()
    bench.hear(5.0, an_account(halted=True, halt_reason="DRAWDOWN: equity 69.00"))
    bench.hear(10.0, tick(DecisionDue()))
    (prediction,) = bench.predictions()
    assert (prediction.reason_code, prediction.reason) == ("HALTED", "DRAWDOWN: equity 69.00")


def test_an_account_that_is_not_ready_is_unknown_and_says_why() -> None:
    bench = a_bench()
    bench.ready(19.0, leave_out=(Account,))
    bench.hear(20.0, an_account(ready=False, why_not_ready="balance not read"))
    (prediction,) = bench.predictions()
    assert (prediction.reason_code, prediction.reason) == ("ACCOUNT_UNKNOWN", "balance not read")


# --- until answered


def test_a_signal_is_said_again_until_an_allocation_answers() -> None:
    bench = a_bench()
    bench.ready(10.0)
    bench.hear(10.25, tick(SignalsAgain()))
    bench.hear(10.5, tick(SignalsAgain()))
    assert len(bench.signals()) == 3 and len({s.good_until_ns for s in bench.signals()}) == 1
    bench.hear(10.6, an_allocation(strategy="always_up"))
    assert bench.hear(10.75, tick(SignalsAgain())) == []


def test_a_signal_is_not_said_after_its_good_until() -> None:
    bench = a_bench()
    bench.ready(10.0)
    bench.hear(13.0, tick(SignalsAgain()))
    assert len(bench.signals()) == 2
    assert bench.hear(13.001, tick(SignalsAgain())) == []


# --- bars and restarts


def rsi_bench(boot: int = 1, at_s: float = -60.0) -> Bench:
    bot = msgspec.structs.replace(Settings().bot, on_no_signal="down")
    return Bench(settings=Settings(bot=bot), boot=boot).start(at_s)


def test_rsi_ema_waits_for_its_newest_sample() -> None:
    bench = rsi_bench()
    bench.history(-59.0, zigzag(T0 - 60))
    bench.hear(-30.0, a_flat_candle(T0 - 30, 64000.0))
    bench.ready(10.0)
    assert bench.predictions() == []
    bench.hear(11.0, a_flat_candle(T0, 64001.0))
    (prediction,) = bench.predictions()
    assert (prediction.prediction, prediction.signal_type, prediction.label) == ("DOWN", "no_signal", "low")
    assert set(prediction.indicators) == {"rsi", "ema_gap", "ema_gap_before"}


def test_a_restart_decides_from_history_as_the_living_would_have() -> None:
    lived = rsi_bench()
    lived.history(-59.0, zigzag()[:-2])
    for candle in zigzag()[-2:]:
        lived.hear(candle.end_ns / NS - T0, candle)
    restarted = rsi_bench(boot=2, at_s=9.0)
    restarted.history(9.1, zigzag())
    lived.ready(10.0)
    restarted.ready(10.0)
    assert lived.predictions() == restarted.predictions() != []


def test_without_its_bars_it_skips_and_says_so() -> None:
    bench = rsi_bench()
    bench.ready(19.0)
    bench.hear(20.0, tick(DecisionDue()))
    (prediction,) = bench.predictions()
    assert prediction.reason_code == "INSUFFICIENT_DATA"


def test_a_restart_leaves_a_window_alone_that_the_account_shows_traded() -> None:
    streak = a_streak(known=False, last_slug=SLUG, last_move_bp=None)
    for traded in (an_account(blocked_slugs=(SLUG,)), an_account(streaks={"always_up": streak})):
        bench = Bench(settings=a_bench().settings, boot=2).start(11.0)
        bench.ready(12.0, leave_out=(Account,))
        bench.hear(12.0, traded)
        bench.hear(20.0, tick(DecisionDue()))
        assert bench.predictions() == []
        bench.ready(310.0, T0 + 300)
        assert [p.n for p in bench.predictions()] == [2]


def recalled(*predictions: Prediction) -> Restored:
    return Restored(records=tuple(encode(p) for p in predictions), last_seq=0)


def test_a_restart_says_what_is_still_good_word_for_word_and_decides_nothing_anew() -> None:
    lived = a_bench()
    lived.ready(10.0)
    restarted = Bench(settings=lived.settings, boot=2).start(10.5)
    restarted.hear(10.5, recalled(*lived.predictions()))
    restarted.ready(10.6)
    assert restarted.predictions() == lived.predictions()
    assert restarted.signals() == lived.signals()
    restarted.hear(10.75, tick(SignalsAgain()))
    assert len(restarted.signals()) == 2
    restarted.ready(310.0, T0 + 300)
    assert [p.n for p in restarted.predictions()] == [1, 2]


def test_a_restart_after_good_until_is_silent_about_what_it_predicted() -> None:
    lived = a_bench()
    lived.ready(10.0)
    restarted = Bench(settings=lived.settings, boot=2).start(13.001)
    restarted.hear(13.001, recalled(*lived.predictions()))
    restarted.ready(14.0)
    restarted.hear(20.0, tick(DecisionDue()))
    assert restarted.predictions() == [] and restarted.signals() == []


def test_windows_whose_last_moment_passed_before_the_boot_are_not_ours_to_explain() -> None:
    bench = Bench(settings=a_bench().settings, boot=2).start(20.001)
    bench.ready(310.0, T0 + 300)
    assert [p.n for p in bench.predictions()] == [2]


def test_a_missing_market_is_asked_for_again() -> None:
    bench = a_bench()
    at_start = [w for w in bench.said if isinstance(w, Resend)]
    assert {w.topic for w in at_start} == {"MarketListed/", "WindowObserved/"}
    assert {w.to for w in at_start} == {"market_feed"}


def test_a_wrong_strategy_ends_the_actor_with_78_and_the_nearest_name() -> None:
    bot = msgspec.structs.replace(Settings().bot, strategies=("rsi_emma",))
    bench = Bench(settings=Settings(bot=bot)).start()
    leave = bench.said[0]
    assert isinstance(leave, Leave) and leave.code == 78 and 'did you mean "rsi_ema"' in leave.why


def test_several_strategies_decide_each_for_itself() -> None:
    bot = msgspec.structs.replace(Settings().bot, strategies=("always_up", "always_down"))
    bench = Bench(settings=Settings(bot=bot)).start()
    bench.ready(10.0)
    assert [(s.key, s.outcome) for s in bench.signals()] == [
        (f"always_up/{SLUG}", "UP"),
        (f"always_down/{SLUG}", "DOWN"),
    ]


class _Foreign:
    """Somebody's strategy: evaluates UP, and explains what it was made with."""

    description, timeframe = "foreign", ""
    default_params: ClassVar[dict[str, float]] = {}
    param_grid: ClassVar[dict[str, list[float]]] = {}

    def __init__(self, name: str, told: object) -> None:
        self.name, self.told = name, told

    def evaluate(self, candles: Any) -> list[int]:
        return [1] * len(candles)

    def explain(self, candles: Any) -> object:
        return self.told


def test_a_broken_plug_in_loses_its_window_and_what_another_says_in_numpys_numbers_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strategy_registry, "_added", {})
    numbers = Decision("UP", "numbers", probability=np.float64(0.55), indicators={"x": np.float64(1.5)})
    strategy_registry.add(_Foreign("broken", None), "a.py")
    strategy_registry.add(_Foreign("numbers", numbers), "b.py")
    bot = msgspec.structs.replace(Settings().bot, strategies=("broken", "numbers"))
    bench = Bench(settings=Settings(bot=bot)).start()
    bench.ready(10.0)
    assert [(p.strategy, p.reason_code) for p in bench.predictions()] == [
        ("broken", "STRATEGY_FAILED"),
        ("numbers", ""),
    ]
    (signal,) = bench.signals()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(signal), type=Signal) == signal


def test_without_a_session_nothing_is_decided() -> None:
    core = SignalCore()
    list(core.handle(a_start(), T0 * NS))
    assert list(core.handle(an_account(), (T0 + 10) * NS)) == []


def test_the_same_inbox_says_the_same_words() -> None:
    def a_life() -> list[Word]:
        bench = rsi_bench()
        bench.history(-59.0, zigzag())
        for at_s in (1.0, 9.9, 10.0, 10.2, 20.0, 310.0, 320.0):
            bench.ready(at_s)
            bench.hear(at_s, tick(SignalsAgain()), tick(DecisionDue()))
        return bench.said

    assert a_life() == a_life()


# --- strategies on events


def an_early_bench(**params: float) -> Bench:
    bot = msgspec.structs.replace(Settings().bot, strategies=("streak_reversal",))
    return Bench(settings=Settings(bot=bot, strategy={"streak_reversal": dict(params)})).start()


def ended(back: int, outcome: Outcome) -> WindowObserved:
    return a_window(**window(T0 - 300 * back), outcome=outcome, ended=True)


def test_a_bet_on_a_window_to_come_needs_no_strike_and_is_over_when_it_opens() -> None:
    bench = an_early_bench(streak=2)
    bench.hear(-31.0, ended(2, "UP"), ended(3, "UP"))
    bench.ready(-30.001, leave_out=(WindowObserved,))
    assert bench.predictions() == []
    bench.ready(-30.0, leave_out=(WindowObserved,))
    (prediction,), (signal,) = bench.predictions(), bench.signals()
    assert (prediction.prediction, prediction.rests, prediction.limit_e6) == ("DOWN", True, 510_000)
    assert (signal.good_until_ns, signal.cancel_at_ns) == ((T0 - 27) * NS, T0 * NS)


def test_who_says_no_for_good_gets_its_row_at_once() -> None:
    bench = an_early_bench(streak=2)
    bench.hear(-31.0, ended(2, "UP"), ended(3, "DOWN"))
    bench.ready(-30.0)
    assert [p.reason_code for p in bench.predictions()] == ["NO_SIGNAL"]


def test_who_may_still_change_its_mind_is_asked_until_its_last_moment_and_then_its_own_reason_stands() -> None:
    bench = an_early_bench(streak=2)
    bench.hear(-31.0, ended(2, "UP"))
    bench.ready(-30.0)
    assert bench.predictions() == []
    bench.ready(-20.5)
    assert bench.predictions() == []
    bench.hear(-19.9, tick(DecisionDue()))
    (prediction,) = bench.predictions()
    assert prediction.reason_code == "INSUFFICIENT_DATA" and f"btc-updown-5m-{T0 - 900}" in prediction.reason


def test_an_outcome_that_comes_in_time_is_still_used() -> None:
    bench = an_early_bench(streak=2)
    bench.hear(-31.0, ended(2, "UP"))
    bench.ready(-30.0)
    bench.hear(-25.0, ended(3, "UP"))
    bench.ready(-24.9)
    assert [p.prediction for p in bench.predictions()] == ["DOWN"]


def test_it_asks_far_enough_back_for_the_outcomes_it_needs_after_a_restart() -> None:
    asked = {w.topic: (T0 - 60) * NS - w.since_ns for w in an_early_bench().said if isinstance(w, Resend)}
    assert set(asked) == {"MarketListed/", "WindowObserved/", "MarketResolved/"}
    assert asked["WindowObserved/"] >= 11 * 300 * NS
    candles_only = {w.topic for w in a_bench().said if isinstance(w, Resend)}
    assert candles_only == {"MarketListed/", "WindowObserved/"}
