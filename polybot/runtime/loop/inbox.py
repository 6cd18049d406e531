"""Where other threads hand words to the loop, and the lanes on which slow effects run."""

import os
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from messages import EndpointHealth, Word
from polybot.runtime.base import process
from polybot.runtime.loop.latency import Gauge


class Source(Protocol):
    """A thread of its own that puts words into the inbox (a websocket)."""

    def start(self) -> None:
        """Begin to hear and put words into the inbox; returns at once."""
        ...

    def stop(self) -> None:
        """End, with all threads, within a second."""
        ...


class Host(Protocol):
    """A host of the outside world that effects read from."""

    def health(self) -> EndpointHealth:
        """How it is, as of now; from any thread."""
        ...


class Effect(NamedTuple):
    """How a said word is carried out in the world: `do` runs on the thread of `lane`; what it returns is heard.

    Lanes keep order among themselves and wait for no other lane: cancels never queue behind orders.
    """

    do: Callable[[Any], Word | Iterable[Word] | None]
    lane: str


class Heard(NamedTuple):
    """A word for the core and what caused it."""

    word: Word
    cause: str


class Inbox:
    """Thread safe. A word put with `conflate` replaces an unread word of the same key: the newest book is the truth."""

    def __init__(self) -> None:
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._cells: deque[list[Any]] = deque()
        self._keyed: dict[str, list[Any]] = {}

    def put(self, word: Word, conflate: str | None = None, cause: str = "") -> None:
        """Hand a word to the loop and wake it."""
        heard = Heard(word, cause)
        with self._lock:
            if conflate is not None and (cell := self._keyed.get(conflate)) is not None:
                cell[0] = heard
                return
            cell = [heard, conflate]
            self._cells.append(cell)
            if conflate is not None:
                self._keyed[conflate] = cell
        os.eventfd_write(self.wake_fd, 1)

    def take(self) -> list[Heard]:
        """Everything unread, the oldest first; it is read then."""
        with self._lock:
            if not self._cells:
                return []
            cells, self._cells = self._cells, deque()
            self._keyed.clear()
        return [cell[0] for cell in cells]

    def drain_wake(self) -> None:
        """Forget the wake-ups that have been seen."""
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            return


class Lanes:
    """One thread a lane. An effect that raises is the impossible: the process dies, loudly (crash-only)."""

    def __init__(self, effects: dict[type[Word], Effect], inbox: Inbox) -> None:
        self._effects, self._inbox = effects, inbox
        self.took = Gauge()
        self._queues: dict[str, queue.SimpleQueue[tuple[Word, str] | None]] = {}
        for lane in dict.fromkeys(e.lane for e in effects.values()):
            self._queues[lane] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{lane}", daemon=True).start()

    def serves(self, word: Word) -> bool:
        """Whether this word is an effect that runs on one of these lanes."""
        return type(word) in self._effects

    def start(self, word: Word, cause: str) -> None:
        """Queue the effect on its lane; its result is heard with the same cause."""
        self._queues[self._effects[type(word)].lane].put((word, cause))

    def _work(self, lane: str) -> None:
        jobs = self._queues[lane]
        while (job := jobs.get()) is not None:
            word, cause = job
            began_s = time.perf_counter()
            try:
                result = self._effects[type(word)].do(word)
                self.took.add(time.perf_counter() - began_s)
                for said in [result] if isinstance(result, Word) else result or ():
                    self._inbox.put(said, cause=cause)
            except Exception:  # noqa: BLE001 (reported, then the whole process dies)
                process.die(f"effect {type(word).__name__} on lane {lane} raised:\n{traceback.format_exc()}")
