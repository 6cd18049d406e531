"""The lone executor: the same performer, the real journal and effects, and no bus."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from messages import CancelAll, CancelProof, Done, FeedStatus, Word
from messages.inner import (
    CancelOrders,
    CancelResult,
    ForCancelAll,
    Leave,
    Persist,
    PersistFailed,
    Reconnect,
    Restored,
    SayLevels,
    SourceState,
    Tick,
    WakeIn,
    WriteHalt,
)
from polybot.runtime.base.clock import WallClock
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.offline import Lone
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.safety import halt, locks
from polybot.runtime.store.journal import Journal, JournalFailed
from polybot.runtime.store.recall import persisted
from polybot.settings import Settings

PROOF = CancelProof(
    id="lone", cancelled=(), open=0, unknown=(), pending_posts=(), fills_after=(), held=(), took_ms=1.0
)  # fmt: skip
WISH = CancelAll(id="lone", reason="")


class Cancelling:
    """Persists, signs, sets a timer, and cancels on a lane; proves when all three have answered."""

    def __init__(self) -> None:
        self.heard: list[Word] = []

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        self.heard.append(word)
        match word:
            case CancelAll():
                yield Persist(record=b"mark", seq=len(self.heard))
                yield FeedStatus(feed="x", state="up", reason="", age_s=0.0, since_ns=0)
                yield Done(id="other", ok=True)
                yield Reconnect(source="x", why="at once")
                yield CancelOrders(purpose=ForCancelAll(attempt=1), order_ids=())
                yield WakeIn(timer=SayLevels(), after_s=0.01)
                yield Leave(code=0, why="it is left anyway")
            case PersistFailed():
                yield WriteHalt(by="executor", reason_code="JOURNAL", reason=word.why)
                yield PROOF
            case Tick() | CancelResult():
                kinds = {type(w) for w in self.heard}
                if {SourceState, Tick, CancelResult} <= kinds:
                    yield PROOF


class Bench:
    def __init__(self, folder: Path) -> None:
        self.paths = Paths.of(folder / "state")
        self.core, self.inbox, self.shut = Cancelling(), Inbox(), list[str]()
        lock = locks.take_or_exit(self.paths, "executor")
        self.context = Context("executor", self.paths, Settings(), "", WallClock(), 1, lock)
        self.journal = Journal(self.paths.journal)
        answer = CancelResult(purpose=ForCancelAll(attempt=1), known=True, canceled=(), not_canceled={}, why="")
        opened = SourceState(source="x", state="open", why="", received_ns=0)
        self.wiring = Wiring(
            effects={CancelOrders: Effect(lambda _: answer, "cancels")},
            sync={Reconnect: lambda _: opened},
            on_persist_failed=self.shut.append,
        )

    def until(self, deadline_s: float = 10.0) -> object:
        lone = Lone(self.context, self.core, self.inbox, self.wiring, self.journal)
        return lone.until([persisted(self.journal), WISH], CancelProof, deadline_s)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_hears_what_its_journal_holds_and_ends_with_the_wanted_reply(bench: Bench) -> None:
    bench.journal.append(b"before", 1)
    bench.journal = Journal(bench.paths.journal)
    assert bench.until() == PROOF
    assert bench.core.heard[:2] == [Restored(records=(b"before",), last_seq=1, segment=1), WISH]
    assert {type(w) for w in bench.core.heard[2:]} == {SourceState, Tick, CancelResult}
    assert isinstance(bench.core.heard[2], SourceState), "what is answered at once is heard before anything else"
    assert [r.data for r in Journal(bench.paths.journal).records] == [b"before", b"mark"]


def test_a_disk_that_refuses_stops_the_sentence_shuts_the_gate_and_halts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise JournalFailed("no room")

    monkeypatch.setattr(bench.journal, "append", refuse)
    assert bench.until() == PROOF
    assert bench.core.heard[1:] == [WISH, PersistFailed(seq=2, why="no room")], "nothing said after it went out"
    assert bench.shut == ["no room"]
    standing = halt.look(bench.paths)
    assert standing is not None and (standing.by, standing.reason_code) == ("executor", "JOURNAL")


def test_without_the_wanted_reply_it_gives_up(bench: Bench) -> None:
    bench.wiring.effects.clear()
    bench.wiring.sync.update({CancelOrders: lambda _: None})
    assert bench.until(deadline_s=0.1) is None
