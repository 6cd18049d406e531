"""The simulator routes by the table, keeps what was persisted, kills between any two words, and repeats itself."""

from collections.abc import Callable, Iterable
from typing import Any

from messages import Candle, Candles, Event, History, PriceTick, Word
from messages.inner import HaltSeen, NoReply, Persist, Restored, SayLevels, Started, Tick, WakeIn, WriteHalt
from polybot.backtest.simulator import Simulator

ORIGIN = 1_795_132_800_000_000_000
S = 1_000_000_000


class Nowhere:
    """An outside in which nothing happens."""

    def join(self, sim: Simulator) -> None:
        return

    def begin(self) -> None:
        return

    def connect(self, actor: str) -> None:
        return

    def perform(self, actor: str, word: Word, now_ns: int) -> Word | None:
        return None


class Feed:
    """Says a tick each second; answers history."""

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Started() | Tick():
                yield PriceTick(symbol="btcusdt", price=1.0, size=1.0, trade_id=1, traded_ns=now_ns, source="x")
                yield WakeIn(timer=SayLevels(), after_s=1.0)
            case History():
                yield Candles(id=word.id, symbol=word.symbol, interval_s=60, candles=(), complete=True)


class Listener:
    """Keeps what it heard; asks once at its start."""

    def __init__(self) -> None:
        self.heard: list[Word] = []

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        self.heard.append(word)
        if isinstance(word, Started):
            yield History(id=f"h{word.boot}", symbol="btcusdt", interval_s=60, since_ns=0)


class Keeper:
    """Persists a number each second, two words each time."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case Restored():
                self.kept = list(word.records)
                yield WakeIn(timer=SayLevels(), after_s=1.0)
            case Tick():
                record = str(len(self.kept)).encode()
                yield Persist(record=record, seq=len(self.kept) + 1)
                self.kept.append(record)
                yield WakeIn(timer=SayLevels(), after_s=1.0)
            case HaltSeen():
                self.halt = word


def a_house(cores: dict[str, Callable[[], Any]], **more: Any) -> Simulator:
    return Simulator(cores, Nowhere(), ORIGIN, "{}", "", **more)


def test_events_go_to_those_who_hear_them_and_to_nobody_else() -> None:
    sim = a_house({"price_feed": Feed, "signal": Listener, "allocator": Listener})
    sim.begin()
    sim.run_until(ORIGIN + 5 * S)
    heard = sim.members["signal"].core.heard
    assert sum(isinstance(w, PriceTick) for w in heard) == 4, "what was said before it joined is lost, as on PUB/SUB"
    assert not any(isinstance(w, Event) for w in sim.members["allocator"].core.heard)


def test_a_request_is_answered_by_the_server_of_the_table_and_silence_is_heard_as_no_reply() -> None:
    sim = a_house({"price_feed": Feed, "signal": Listener})
    sim.begin()
    sim.run_until(ORIGIN + 5 * S)
    assert [type(w) for w in sim.members["signal"].core.heard if not isinstance(w, Event | Started | Restored)] == [
        Candles
    ]
    alone = a_house({"signal": Listener})
    alone.begin()
    alone.run_until(ORIGIN + 5 * S)
    assert [type(w) for w in alone.members["signal"].core.heard] == [Started, Restored, NoReply]


def test_a_killed_actor_finds_again_exactly_what_it_persisted() -> None:
    for crash_at in range(1, 9):
        sim = a_house({"executor": Keeper})
        sim.begin()
        sim.members["executor"].crash_at = crash_at
        sim.run_until(ORIGIN + 10 * S)
        member = sim.members["executor"]
        assert member.boot == 2
        assert member.core.kept == member.records == [str(i).encode() for i in range(len(member.records))]


def test_a_halt_reaches_those_who_watch_the_file_and_those_who_start_later() -> None:
    sim = a_house({"executor": Keeper})
    sim.begin()
    sim.at(ORIGIN + S, lambda: sim.write_halt(WriteHalt(by="risk", reason_code="DRAWDOWN", reason="…")))
    sim.run_until(ORIGIN + 2 * S)
    assert sim.members["executor"].core.halt.reason_code == "DRAWDOWN"
    sim.kill("executor")
    sim.run_until(ORIGIN + 3 * S)
    assert sim.members["executor"].halt_told == sim.halt_id != ""


def test_two_runs_say_identical_bytes_and_another_history_does_not() -> None:
    def digest(kill_at_s: int) -> str:
        sim = a_house({"price_feed": Feed, "signal": Listener, "executor": Keeper})
        sim.begin()
        sim.at(ORIGIN + kill_at_s * S, lambda: sim.kill("executor"))
        sim.run_until(ORIGIN + 20 * S)
        return sim.digest

    assert digest(5) == digest(5)
    assert digest(5) != digest(6)


def test_weather_may_lose_and_double_events_but_not_replies() -> None:
    class Storm:
        def strike(self, event: Event, hearer: str) -> Iterable[int]:
            return (1000, 2000) if isinstance(event, PriceTick) else ()

    sim = a_house({"price_feed": Feed, "signal": Listener}, weather=Storm())
    sim.begin()
    sim.run_until(ORIGIN + 3 * S + S // 2)
    heard = sim.members["signal"].core.heard
    assert sum(isinstance(w, PriceTick) for w in heard) == 6
    assert sum(isinstance(w, Candles) for w in heard) == 1
    assert not any(isinstance(w, Candle) for w in heard)
