"""One performer for the loop, the lone executor, the simulator and replay: what it hears, in which order, and what stops it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from messages import Candles, Envelope, Event, History, PriceTick, Reply, Request, Word, encode
from messages.inner import (
    Compact,
    Leave,
    NoReply,
    Persist,
    PersistFailed,
    Reconnect,
    SayLevels,
    SourceState,
    WakeAt,
    WakeIn,
    WriteHalt,
    WritePause,
)
from polybot.runtime.loop.performer import Performer
from polybot.runtime.loop.stamping import Stamped, Stamper

ASKED = History(id="h", symbol="b", interval_s=60, since_ns=0)
ANSWER = Candles(id="h", symbol="b", interval_s=60, candles=(), complete=True)
PERSIST = Persist(record=b"r", seq=1)
AGAIN = Reconnect(source="x", why="again")


def a_tick(n: int = 1) -> PriceTick:
    return PriceTick(symbol="b", price=float(n), size=1.0, trade_id=n, traded_ns=n, source="x")


def a_state(why: str) -> SourceState:
    return SourceState(source="x", state="open", why=why, received_ns=0)


class Saying:
    """Says what it is told to say to each word; hears envelopes if it wants to."""

    def __init__(self, say: Callable[[Any], Iterable[Word]], wants_envelopes: bool = False) -> None:
        self.say, self.wants_envelopes = say, wants_envelopes
        self.heard: list[Any] = []

    def handle(self, word: Any, now_ns: int) -> Iterable[Word]:
        self.heard.append(word)
        yield from self.say(word)


class Noting:
    """Ports that write down what reached them. refuses: the disk does. answers: of the effect, by its reason."""

    def __init__(self, refuses: bool = False, answers: dict[str, Word] | None = None) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.refuses, self.answers = refuses, answers or {}
        self.stamped: list[Stamped] = []
        self.data: list[bytes] = []
        self.now = 0

    def now_ns(self) -> int:
        self.now += 1
        return self.now

    def heard(self, envelope: Envelope, data: bytes, now_ns: int) -> None:
        self.log.append(("heard", envelope.body, envelope.cause))
        self.data.append(data)

    def said(self, said: Stamped, now_ns: int) -> None:
        assert said.envelope.at_ns == now_ns == self.now
        self.stamped.append(said)
        self.log.append(("said", said.envelope.body))

    def publish(self, event: Event, said: Stamped) -> None:
        self.log.append(("publish", event, said.topic))

    def answer(self, reply: Reply, said: Stamped) -> None:
        self.log.append(("answer", reply))

    def ask(self, request: Request, said: Stamped) -> None:
        self.log.append(("ask", request, said.envelope.cause))

    def wake(self, wish: WakeAt | WakeIn) -> None:
        self.log.append(("wake", wish))

    def persist(self, word: Persist | Compact) -> PersistFailed | None:
        self.log.append(("persist", word))
        return PersistFailed(seq=word.seq, why="no room") if self.refuses else None

    def halt(self, word: WriteHalt) -> None:
        self.log.append(("halt", word))

    def pause(self, word: WritePause) -> None:
        self.log.append(("pause", word))

    def leave(self, word: Leave) -> None:
        self.log.append(("leave", word))

    def effect(self, word: Word, cause: str) -> Word | None:
        self.log.append(("effect", word, cause))
        return self.answers.get(getattr(word, "why", ""))

    def went(self) -> list[str]:
        """By which port each word went."""
        return [name for name, *_ in self.log if name not in ("heard", "said")]


def perform(
    say: Callable[[Any], Iterable[Word]], ports: Noting, wants_envelopes: bool = False
) -> tuple[Performer, Saying]:
    core = Saying(say, wants_envelopes)
    return Performer("signal", 3, core, ports), core


def test_each_kind_of_word_goes_by_its_port_and_is_recorded_before_it_goes() -> None:
    words = [
        a_tick(),
        ANSWER,
        ASKED,
        WakeIn(timer=SayLevels(), after_s=1.0),
        WakeAt(timer=SayLevels(), at_ns=1),
        PERSIST,
        Compact(snapshot=b"s", seq=2),
        WriteHalt(by="x", reason_code="C", reason=""),
        WritePause(why="x"),
        AGAIN,
        Leave(code=0, why=""),
    ]
    ports = Noting()
    performer, _ = perform(lambda _: words, ports)
    performer.hear(a_state("go"), "why")
    assert ports.went() == (
        ["publish", "answer", "ask", "wake", "wake", "persist", "persist", "halt", "pause", "effect", "leave"]
    )
    assert ports.log[0] == ("heard", a_state("go"), "why")
    pairs = ports.log[1:]
    assert [said[:2] for said in pairs[::2]] == [("said", word) for word in words]
    assert [went[1] for went in pairs[1::2]] == words
    assert ("publish", a_tick(), "PriceTick/b") in ports.log
    assert ("ask", ASKED, "why") in ports.log


def test_a_word_is_carried_out_before_the_core_goes_on() -> None:
    ports, went = Noting(), list[list[str]]()

    def say(_: Word) -> Iterable[Word]:
        yield a_tick(1)
        went.append(ports.went())
        yield ANSWER
        went.append(ports.went())

    performer, _ = perform(say, ports)
    performer.hear(a_state("go"))
    assert went == [["publish"], ["publish", "answer"]]


def test_what_cannot_be_persisted_ends_its_sentence_and_is_heard_at_once() -> None:
    ports = Noting(refuses=True)
    performer, core = perform(
        lambda w: [a_tick(1), PERSIST, a_tick(2)] if isinstance(w, SourceState) else [a_tick(3)], ports
    )
    performer.hear(a_state("go"), "why")
    assert core.heard == [a_state("go"), PersistFailed(seq=1, why="no room")]
    assert [entry for entry in ports.log if entry[0] in ("heard", "publish")] == [
        ("heard", a_state("go"), "why"),
        ("publish", a_tick(1), "PriceTick/b"),
        ("heard", PersistFailed(seq=1, why="no room"), "why"),
        ("publish", a_tick(3), "PriceTick/b"),
    ]


def test_what_is_answered_at_once_is_heard_after_the_sentence_in_order() -> None:
    ports = Noting(answers={"a": a_state("1"), "b": a_state("2"), "c": a_state("3")})
    asks = {"go": "ab", "1": "c"}
    performer, core = perform(lambda w: [*(Reconnect(source="x", why=n) for n in asks.get(w.why, "")), a_tick()], ports)
    performer.hear(a_state("go"))
    assert [w.why for w in core.heard] == ["go", "1", "2", "3"]
    assert ports.went()[:3] == ["effect", "effect", "publish"], "the sentence is said to its end first"


def test_a_word_put_while_a_sentence_is_under_way_waits_for_its_end() -> None:
    ports = Noting()

    def say(word: Any) -> Iterable[Word]:
        if word.why == "go":
            performer.hear_next(a_state("put"))  # as a signal handler does
            yield a_tick()

    performer, core = perform(say, ports)
    performer.hear(a_state("go"))
    assert [w.why for w in core.heard] == ["go", "put"] and not performer.has_waiting
    performer.hear_next(a_state("later"))
    assert performer.has_waiting and len(core.heard) == 2
    performer.hear_waiting()
    assert core.heard[-1] == a_state("later")


@pytest.mark.parametrize("wants", [False, True])
def test_only_words_from_outside_come_in_envelopes_and_only_to_those_who_want_them(wants: bool) -> None:
    ports = Noting()
    performer, core = perform(lambda _: [], ports, wants_envelopes=wants)
    outside = Stamper("price_feed", 1).stamp(a_tick(), 5, "").envelope
    performer.hear_envelope(outside, b"as it came")
    performer.hear(a_state("inside"))
    assert core.heard == [outside if wants else a_tick(), a_state("inside")]
    assert ports.data == [b"as it came", b""], "what came over the bus need not be encoded again"


def test_what_is_said_is_caused_by_what_was_heard() -> None:
    ports = Noting()
    performer, _ = perform(lambda _: [a_tick()], ports)
    performer.hear_envelope(Stamper("price_feed", 1).stamp(a_tick(), 5, "").envelope)
    performer.hear(a_state("timer"), "inner:Tick:next")
    performer.hear(a_state("nobody"))
    envelopes = [s.envelope for s in ports.stamped]
    assert [e.cause for e in envelopes] == ["price_feed:1:PriceTick/b:1", "inner:Tick:next", "inner:SourceState"]
    assert [(e.source, e.boot, e.seq) for e in envelopes] == [("signal", 3, 1), ("signal", 3, 2), ("signal", 3, 3)]


def test_a_port_that_raises_ends_the_sentence_there_and_then() -> None:
    class Killed(Exception):
        pass

    class Mortal(Noting):
        def said(self, said: Stamped, now_ns: int) -> None:
            if said.envelope.body == a_tick(2):
                raise Killed
            super().said(said, now_ns)

    ports = Mortal()
    performer, _ = perform(lambda _: [a_tick(1), a_tick(2), a_tick(3)], ports)
    with pytest.raises(Killed):
        performer.hear(a_state("go"))
    assert [e[1] for e in ports.log if e[0] == "publish"] == [a_tick(1)]


def test_no_core_may_say_that_nobody_replied() -> None:
    performer, _ = perform(lambda _: [NoReply(id="h", to="x", request="y")], Noting())
    with pytest.raises(TypeError, match="signal said NoReply"):
        performer.hear(a_state("go"))


def test_a_word_is_encoded_once_however_many_ask_and_not_at_all_when_nobody_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[Envelope] = []

    def counted(envelope: Envelope) -> bytes:
        encoded.append(envelope)
        return encode(envelope)

    monkeypatch.setattr("polybot.runtime.loop.stamping.encode", counted)
    ports = Noting()
    performer, _ = perform(lambda _: [a_tick()], ports)
    performer.hear(a_state("go"))
    assert encoded == []
    assert ports.stamped[0].data is ports.stamped[0].data
    assert encoded == [ports.stamped[0].envelope]
