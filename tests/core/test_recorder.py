"""The recorder writes a row for every window, misses no money, asks again for what it missed, and can begin from nothing."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from messages import (
    ActorDied,
    Done,
    Envelope,
    Event,
    Events,
    EventsSince,
    Heartbeat,
    OracleRelayed,
    OrderIntent,
    OrderUpdate,
    Prediction,
    Query,
    Resend,
    Resent,
    Settlement,
    Word,
    encode,
    topic_of,
)
from messages.inner import AskMissing, NoReply, NoteCounts, Restored, Store, Tick, WakeAt, WakeIn, WindowRowsDue
from polybot.core.recorder.core import SOURCES, RecorderCore
from polybot.settings import Settings
from polybot.topology import CLASS_OF, TABLE
from tests.build import (
    T0,
    a_fill,
    a_heartbeat,
    a_prediction,
    a_print,
    a_resolution,
    a_risk_state,
    a_settlement,
    a_start,
    a_tick,
    a_verdict,
    a_window,
    an_account,
    an_allocation,
    an_intent,
    an_order,
    nth,
    of_intent,
)

S = 1_000_000_000
CONFIG = msgspec.json.encode(Settings()).decode()
SESSION = json.dumps(
    {"id": "s", "profile": "demo", "strategies": ["coin"], "first_window_s": T0, "windows": 3, "speed": 1.0}
)


def slug(n: int = 1) -> str:
    return nth(n)["slug"]


def a_decision(n: int = 1) -> Prediction:
    return a_prediction(**nth(n), n=n)


def intent_of(n: int) -> OrderIntent:
    return an_intent(**nth(n), id=f"main/coin/{slug(n)}/1", prediction=a_decision(n))


def a_filled(n: int = 1, seq: int = 1) -> OrderUpdate:
    """9.8 shares for 5 USD."""
    return an_order(
        **of_intent(intent_of(n)),
        order_id=f"0xorder{n}",
        state="MATCHED",
        final=True,
        filled_e6=9_800_000,
        cost_e6=5_000_000,
        fee_e6=171_500,
        reserved_e6=0,
        updated_ns=(nth(n)["start_s"] + 11) * S,
        journal_seq=seq,
        intent=intent_of(n),
    )


def a_won(n: int = 1, seq: int = 5, win_streak: int = 1) -> Settlement:
    """It paid 9.8 USD."""
    return a_settlement(**nth(n), journal_seq=seq, win_streak=win_streak)


def a_beat(actor: str, boot: int = 1) -> Heartbeat:
    return a_heartbeat(actor=actor, boot=boot)


class House:
    """The core, what it said, and its tables as a store would hold them."""

    def __init__(self, restored: Restored | None = None, session: str = SESSION, boot: int = 1) -> None:
        self.core = RecorderCore()
        self.said: list[Word] = []
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.now_ns = T0 * S
        self._seq: dict[tuple[str, str], int] = {}
        started = a_start(actor="recorder", boot=boot, config=CONFIG, session=session)
        self.take(self.core.handle(started, self.now_ns))
        self.take(self.core.handle(restored or Restored(records=(), last_seq=0), self.now_ns))

    def take(self, said: Iterable[Word]) -> list[Word]:
        fresh = list(said)
        self.said += fresh
        for word in fresh:
            if isinstance(word, Store) and word.table != "commit":
                self.tables.setdefault(word.table, []).append(json.loads(word.row))
        return fresh

    def hear(self, word: Word, source: str = "", boot: int = 1, seq: int | None = None) -> list[Word]:
        source = source or next((a.name for a in TABLE if type(word) in a.says), "ctl")
        if isinstance(word, Event) and seq is None:
            key = (source, topic_of(word))
            seq = self._seq[key] = self._seq.get(key, 0) + 1
        body: Any = word
        envelope = Envelope(source=source, boot=boot, seq=seq or 0, at_ns=self.now_ns, cause="", body=body)
        return self.take(self.core.handle(envelope, self.now_ns))

    def inner(self, word: Word) -> list[Word]:
        return self.take(self.core.handle(word, self.now_ns))

    def everyone_lives(self) -> None:
        for actor in TABLE:
            self.hear(a_beat(actor.name), source=actor.name)

    def nothing_was_missed(self) -> None:
        """The executor and everyone else answer what the recorder asked at its start: nothing new."""
        asked = [w for w in self.said if isinstance(w, EventsSince)]
        self.hear(Events(id=asked[-1].id, events=(), last=0, more=False), source="executor")
        for wish in self.inner(Tick(timer=AskMissing(), mono_s=1.0)):
            if isinstance(wish, Resend):
                self.hear(Resent(id=wish.id, envelopes=(), more=False, lost=False), source=wish.to)

    def row(self, n: int = 1) -> dict[str, Any]:
        return [r for r in self.tables["windows"] if r["slug"] == slug(n)][-1]

    def due(self, n: int) -> list[Word]:
        self.now_ns = (T0 + (n - 1) * 300 + 60) * S
        return self.inner(Tick(timer=WindowRowsDue(), mono_s=1.0))


def a_house() -> House:
    house = House()
    house.everyone_lives()
    house.nothing_was_missed()
    return house


def test_sources_are_those_of_the_table_that_say_kept_topics_outside_the_journal() -> None:
    kept = [a.name for a in TABLE if any(CLASS_OF[w] == "kept" for w in a.says) and a.name != "executor"]
    assert sorted(SOURCES) == sorted(kept)


def test_a_traded_window_has_every_field_of_the_rules() -> None:
    house = a_house()
    house.hear(a_window())
    for word in (a_decision(), a_filled(), a_won()):
        house.hear(word)
    house.hear(a_window(end_e18="2", end_price=101.0, outcome="UP"))
    row = house.row()
    assert row["n"] == 1 and row["state"] == "traded" and row["reason_code"] == ""
    assert row["reason"] == "bought 9.8 UP at 0.510204 for 5.00 USD, fee 0.17"
    assert (row["filled_e6"], row["price_e6"], row["fee_e6"], row["limit_e6"]) == (9_800_000, 510_204, 171_500, 530_000)
    assert (row["settle"], row["outcome"], row["provisional"], row["win_streak"]) == (101.0, "UP", False, 1)
    assert (row["pnl_e6"], row["equity_before_e6"], row["equity_after_e6"]) == (4_628_500, 100_000_000, 104_628_500)
    assert row["indicators"] == {"rsi": 27.5} and row["strike_source"] == "rtds_twap60"


def test_a_corrected_outcome_corrects_every_row_after_it() -> None:
    house = a_house()
    for n in (1, 2):
        house.hear(a_filled(n, seq=n))
        house.hear(a_won(n, seq=10 + n, win_streak=n))
    assert house.row(2)["equity_after_e6"] == 109_257_000
    lost = a_settlement(
        journal_seq=20, outcome="DOWN", corrected=True, payout_e6=0, pnl_e6=-5_171_500, win=False, win_streak=0
    )
    house.hear(lost)
    assert house.row(2)["equity_before_e6"] == 94_828_500
    assert house.row(2)["equity_after_e6"] == 99_457_000


def test_the_reason_of_a_skip_is_the_last_refusal_on_the_path_of_money() -> None:
    house = a_house()
    sized = an_allocation()
    refused = a_verdict(approved=False, reason_code="RANGE", reason="range 3.1 % > 3 %")
    house.hear(a_decision())
    assert house.row()["state"] == "pending"
    house.hear(sized)
    house.hear(refused)
    assert (house.row()["state"], house.row()["reason_code"], house.row()["stake_e6"]) == (
        "skipped",
        "RANGE",
        5_000_000,
    )
    house.hear(replace(a_filled(), filled_e6=0, cost_e6=0, fee_e6=0))
    assert house.row()["reason_code"] == "NO_FILL" and "0.53" in house.row()["reason"]


def test_a_skip_keeps_streak_and_equity_and_still_gets_its_outcome() -> None:
    house = a_house()
    house.hear(a_filled(1, seq=1))
    house.hear(a_won(1, seq=2))
    why = "no print stamped at the start"
    house.hear(a_prediction(**nth(2), n=2, prediction=None, reason_code="NO_STRIKE", reason=why))
    house.hear(a_resolution(slug=slug(2), winner="DOWN", source="gamma"))
    row = house.row(2)
    assert (row["state"], row["reason_code"], row["win_streak"], row["pnl_e6"]) == ("skipped", "NO_STRIKE", 1, 0)
    assert (row["outcome"], row["provisional"], row["equity_after_e6"]) == ("DOWN", False, 104_628_500)


def test_a_window_that_passed_while_signal_was_dead_says_so() -> None:
    house = a_house()
    house.now_ns = (T0 + 5) * S
    house.hear(ActorDied(actor="signal", pid=7, how="signal 9", died_ns=(T0 + 5) * S, exits_in_minute=1))
    house.now_ns = (T0 + 40) * S
    house.hear(a_beat("signal", boot=2), source="signal", boot=2)
    owed = [w for w in house.inner(Tick(timer=AskMissing(), mono_s=2.0)) if isinstance(w, Resend)]
    assert [(w.to, w.since_ns) for w in owed] == [("signal", T0 * S)], "a new boot: what the old one said last"
    house.hear(Resent(id=owed[0].id, envelopes=(), more=False, lost=False), source="signal")
    house.due(1)
    assert house.row()["reason_code"] == "ACTOR_DOWN"
    assert house.row()["reason"] == "signal was down from 00:00:05 to 00:00:40 (signal 9)"


def test_silence_of_the_living_is_no_decision_and_a_late_word_corrects_the_row() -> None:
    house = a_house()
    house.now_ns = (T0 + 30) * S
    house.everyone_lives()
    house.due(1)
    assert house.row()["reason_code"] == "NO_DECISION"
    house.hear(a_filled())
    assert house.row()["state"] == "traded"


def test_after_a_halt_the_remaining_windows_get_rows() -> None:
    house = a_house()
    house.hear(a_risk_state(state="HALTED", reason_code="DRAWDOWN", reason="equity 69.9 ≤ 70", since_ns=T0 * S))
    house.due(3)
    for n in (1, 2, 3):
        assert house.row(n)["reason_code"] == "HALTED"
    assert "equity 69.9" in house.row(1)["reason"]


def test_rows_of_orders_come_back_from_the_journal_alone() -> None:
    first = a_house()
    for word in (a_decision(), a_filled(seq=3), a_won(seq=5)):
        first.hear(word)
    again = House()
    asked = [w for w in again.said if isinstance(w, EventsSince)]
    assert asked and asked[0].after == 0
    page = Events(id=asked[0].id, events=(a_filled(seq=3), a_won(seq=5)), last=5, more=False)
    again.hear(page, source="executor")
    assert again.row() == first.row()
    assert again.core.applied == 5


def test_money_is_asked_for_until_the_sequence_is_whole() -> None:
    house = a_house()
    assert any(isinstance(w, WakeIn) for w in house.hear(an_account(journal_seq=4)))
    (ask,) = [w for w in house.inner(Tick(timer=AskMissing(), mono_s=1.0)) if isinstance(w, EventsSince)]
    assert ask.after == 0
    house.inner(NoReply(id=ask.id, to="executor", request="EventsSince"))
    (ask,) = [w for w in house.inner(Tick(timer=AskMissing(), mono_s=2.0)) if isinstance(w, EventsSince)]
    more = house.hear(Events(id=ask.id, events=(a_filled(seq=3),), last=4, more=True), source="executor")
    (ask,) = [w for w in more if isinstance(w, EventsSince)]
    assert ask.after == 3
    house.hear(Events(id=ask.id, events=(), last=4, more=False), source="executor")
    assert house.core.applied == 4
    assert house.tables["orders"][0]["order_id"] == "0xorder1"


def test_money_heard_on_the_bus_keeps_its_cause_when_the_journal_tells_it_again() -> None:
    house = a_house()
    house.hear(a_filled(seq=3))
    (ask,) = [w for w in house.inner(Tick(timer=AskMissing(), mono_s=1.0)) if isinstance(w, EventsSince)]
    house.hear(Events(id=ask.id, events=(a_filled(seq=3),), last=3, more=False), source="executor")
    assert len(house.tables["money"]) == 1
    assert house.tables["money"][0]["name"].startswith("executor:1:OrderUpdate/0xorder1:")


def test_query_is_answered_once_its_sequence_is_committed() -> None:
    house = a_house()
    said = house.hear(Query(id="q", upto_journal_seq=3))
    assert not any(isinstance(w, Done) for w in said)
    (ask,) = [w for w in said if isinstance(w, EventsSince)]
    said = house.hear(Events(id=ask.id, events=(a_filled(seq=3),), last=3, more=False), source="executor")
    tail = [w for w in said if isinstance(w, Done) or (isinstance(w, Store) and w.table == "commit")]
    assert [type(w) for w in tail] == [Store, Done] and tail[1] == Done(id="q", ok=True)


def test_query_is_told_when_the_executor_is_silent() -> None:
    house = a_house()
    (ask,) = [w for w in house.hear(Query(id="q", upto_journal_seq=3)) if isinstance(w, EventsSince)]
    (done,) = [w for w in house.inner(NoReply(id=ask.id, to="executor", request="x")) if isinstance(w, Done)]
    assert not done.ok and "up to 0" in done.reason


def test_a_gap_in_any_kept_or_level_topic_is_asked_for_page_by_page() -> None:
    house = a_house()
    house.now_ns += 7 * S
    assert any(isinstance(w, WakeIn) for w in house.hear(a_beat("signal"), source="signal", seq=4))
    (wish,) = [w for w in house.inner(Tick(timer=AskMissing(), mono_s=1.0)) if isinstance(w, Resend)]
    assert (wish.to, wish.since_ns, wish.topic) == ("signal", T0 * S, "")
    lost = Envelope(source="signal", boot=1, seq=1, at_ns=house.now_ns - S, cause="", body=a_decision())
    said = house.hear(Resent(id=wish.id, envelopes=(encode(lost),), more=True, lost=False), source="signal")
    (wish,) = [w for w in said if isinstance(w, Resend)]
    assert wish.since_ns == house.now_ns - S
    said = house.hear(Resent(id=wish.id, envelopes=(), more=False, lost=False), source="signal")
    assert not any(isinstance(w, Resend) for w in said)
    assert house.row()["prediction"] == "UP" and house.core.catch_up.gaps == 2


def test_a_mark_on_disk_stays_before_a_gap_until_the_gap_is_filled() -> None:
    house = a_house()
    house.now_ns += 7 * S
    house.hear(a_beat("signal"), source="signal", seq=4)
    house.inner(Tick(timer=NoteCounts(), mono_s=1.0))
    assert [r["safe_ns"] for r in house.tables["marks"] if r["source"] == "signal"][-1] == T0 * S


def test_a_restarted_recorder_asks_each_source_from_its_mark() -> None:
    known = json.dumps({"marks": [{"source": "risk", "boot": 4, "safe_ns": 77}], "absent": []}).encode()
    house = House(Restored(records=(known,), last_seq=9), boot=2)
    house.inner(Tick(timer=AskMissing(), mono_s=1.0))
    asked = {w.to: w.since_ns for w in house.said if isinstance(w, Resend)}
    assert asked == {**dict.fromkeys(SOURCES, 0), "risk": 77}
    assert next(w for w in house.said if isinstance(w, WakeAt)).timer == WindowRowsDue()


def test_prints_that_settle_are_always_on_the_tape_and_ticks_are_sampled_and_counted() -> None:
    house = a_house()
    for k in range(100):
        house.now_ns = T0 * S + k * S // 50
        house.hear(a_tick(symbol="b", trade_id=k, traded_ns=house.now_ns))
        house.hear(a_print(observed_ns=(T0 if k == 33 else 5) * S, received_ns=house.now_ns))
    tags = [r["tag"] for r in house.tables["tape"]]
    assert tags.count("PriceTick") == 2 and tags.count("OraclePrice") == 3
    assert house.core.tape.shed == 195
    cause = f"price_feed:1:PriceTick/b:{house._seq['price_feed', 'PriceTick/b']}"
    envelope = Envelope(source="signal", boot=1, seq=1, at_ns=house.now_ns, cause=cause, body=a_decision())
    house.take(house.core.handle(envelope, house.now_ns))
    assert house.tables["tape"][-1]["name"] == cause or house.tables["tape"][-2]["name"] == cause


def test_what_the_table_calls_shed_is_sampled_whatever_word_it_is() -> None:
    """PolyBolt's prints pass a socket of the executor's once a second: kept whole they would fill the index for ever."""
    house = a_house()
    for k in range(50):
        house.now_ns = T0 * S + k * S // 50
        house.hear(OracleRelayed(prints=(a_print(observed_ns=5 * S, received_ns=house.now_ns),)))
    assert [r["tag"] for r in house.tables["tape"]] == ["OracleRelayed"]
    assert "messages" not in house.tables and house.core.tape.shed == 49


def test_a_fill_is_kept_by_trade_and_order() -> None:
    house = a_house()
    house.hear(a_fill(journal_seq=2))
    assert [r["trade_id"] for r in house.tables["fills"]] == ["t1"]
