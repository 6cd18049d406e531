"""What turns trading off and on from outside the stream of orders: the halt file, a disk that refuses, SIGTERM."""

from collections.abc import Iterator

from messages import Word
from messages.inner import HaltSeen, Leave, PersistFailed, Started, WriteHalt
from polybot.core.executor.books.entries import HaltNoted
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.reconciling.reconciler import Reconciler
from polybot.core.executor.service import OrderService
from polybot.core.executor.stopping.cancel_all import CancelRound
from polybot.core.executor.stopping.shutdown import Shutdown

BROKEN = 70  # exit code: supervisord starts us again, which is how a broken journal is read anew


class KillSwitch:
    """Hears of each, and makes the others stop."""

    def __init__(
        self,
        writer: Writer,
        switch: OrderSwitch,
        cancel_round: CancelRound,
        shutdown: Shutdown,
        reconciler: Reconciler,
        service: OrderService,
    ) -> None:
        self._writer, self._switch, self._cancel_round, self._shutdown = writer, switch, cancel_round, shutdown
        self._reconciler, self._service = reconciler, service
        self._started_halted = ""

    def start(self, started: Started) -> None:
        """What the halt file said when the loop started."""
        self._started_halted = started.halted

    def hear(self, word: HaltSeen | PersistFailed | Leave, now_ns: int) -> Iterator[Word]:
        """Act at once on a halt seen or lifted, on a disk that refuses, and on SIGTERM."""
        match word:
            case HaltSeen():
                yield from self._halt(word, now_ns)
            case PersistFailed():
                self._writer.fail(word.why)
                self._service.forget()
                why = f"the journal takes nothing more: {word.why}"
                yield WriteHalt(by="executor", reason_code="JOURNAL", reason=why)
                self._cancel_round.leave_once_proven(Leave(code=BROKEN, why=why))
                yield from self._cancel_round.begin("", now_ns)
            case Leave():
                yield from self._shutdown.begin(now_ns)

    def at_start(self, now_ns: int) -> Iterator[Word]:
        """The file may have been written, or lifted, while nobody was here to see it."""
        books, halt_id = self._writer.books, self._started_halted
        if not (halt_id or books.halt_id):
            return
        known = halt_id == books.halt_id
        code, text = (books.halt_code, books.halt_text) if known else ("", "it stood when the executor started")
        seen = HaltSeen(halt_id=halt_id, by="", reason_code=code if halt_id else "", reason=text if halt_id else "")
        yield from self._halt(seen, now_ns)

    def _halt(self, word: HaltSeen, now_ns: int) -> Iterator[Word]:
        books = self._writer.books
        was, code = books.halt_id, books.halt_code
        self._switch.hear_halt(word)
        if word.halt_id != was:
            entry = HaltNoted(halt_id=word.halt_id, reason_code=word.reason_code, reason=word.reason)
            yield from self._writer.write(entry, now_ns)
        if word.halt_id:
            yield from self._cancel_round.begin("", now_ns)
        elif was:
            yield from self._reconciler.lifted(code, now_ns)
