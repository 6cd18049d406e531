"""The trading state: ACTIVE, REDUCING, HALTED; who asked for it, and what lifts it.

1. HALTED while the halt file stands, or since risk itself found a reason (DRAWDOWN, LIVE_LOSS, WATCHDOG), which it writes
   there. Lifting a halt does not lift its cause: the next look halts again.
2. REDUCING by hand, or because the executor asked for it, until Resume, over restarts: a file as well.
3. REDUCING by the day's loss until the next UTC day, and by the floor while no first stake fits above it. No file: both
   follow from the account, which survives everything.
"""

from collections.abc import Callable, Iterator

from messages import Account, Halt, Pause, Resume, RiskState, TradingState, Word
from messages.inner import HaltSeen, WriteHalt, WritePause
from polybot.core.reasons import Reason
from polybot.core.risk.losses import halting, only_exits
from polybot.settings import Settings


class TradingStates:
    """Keeps the trading state by the rules above. level: says the level as of now."""

    def __init__(self, level: Callable[[int], RiskState], halt_id: str = "", paused: str = "") -> None:
        self._level = level
        self._halt_id = halt_id
        self.halted: Reason | None = None
        self.paused: Reason | None = Reason("PAUSED", paused) if paused else None
        self.only_exits: Reason | None = None
        if halt_id:
            self.halted = Reason("KILL_SWITCH", f"halt {halt_id} stands since before risk started")

    @property
    def state(self) -> TradingState:
        """The trading state as it stands, for RiskState and for the rules."""
        return "HALTED" if self.halted else "REDUCING" if self.reason else "ACTIVE"

    @property
    def reason(self) -> Reason | None:
        """Why the state is not ACTIVE, None while it is."""
        return self.halted or self.paused or self.only_exits

    def look(self, account: Account | None, settings: Settings, now_ns: int) -> Iterator[Word]:
        """Look at what has been lost: halt, begin or end REDUCING, and say the level if that or its cause changed."""
        if account is None:
            return
        before, self.only_exits = self.only_exits, only_exits(account, settings, now_ns)
        reason = halting(account, settings) if self.halted is None else None
        if reason is not None:
            yield from self.halt("risk", reason, now_ns)
        elif (before and before.code) != (self.only_exits and self.only_exits.code):
            yield self._level(now_ns)

    def halt(self, by: str, reason: Reason, now_ns: int) -> Iterator[Word]:
        """Halt at once, write the halt file and say the level."""
        self.halted = reason
        yield WriteHalt(by=by, reason_code=reason.code, reason=reason.text)
        yield self._level(now_ns)

    def switch(self, word: HaltSeen | Halt | Resume | Pause, now_ns: int) -> Iterator[Word]:
        """Change the state by hand or by the file. After Resume and HaltSeen the cause is to be looked at again, before
        Done.
        """
        match word:
            case HaltSeen():
                self._halt_id = word.halt_id
                self.halted = Reason(word.reason_code, word.reason) if word.halt_id else None
                yield self._level(now_ns)
            case Halt():
                yield from self.halt(word.by, Reason(word.reason_code, word.reason), now_ns)
            case Pause():
                self.paused = Reason("PAUSED", f"paused by {word.by}: {word.reason}")
                yield WritePause(why=self.paused.text)
                yield self._level(now_ns)
            case Resume():
                if self.paused is not None:
                    yield WritePause(why="")
                self.halted, self._halt_id, self.paused = None, "", None
                yield self._level(now_ns)

    def other_halt(self, word: Resume) -> str:
        """Why this Resume lifts nothing; "" = it does."""
        if not self._halt_id or word.halt_id == self._halt_id:
            return ""
        return f"another halt stands: {self._halt_id}, not {word.halt_id or 'none'}"
