"""A strategy with its parameters and the window it is to decide next."""

from collections.abc import Iterable
from typing import Any

from messages import Word
from messages.units import NS
from polybot.core.market.windows import SessionPlan, Window
from polybot.core.reasons import Reason
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.decision import failed, sound
from polybot.core.strategies.protocol import (
    WARM_UP,
    Decision,
    EventStrategy,
    EventView,
    Params,
    Timeframe,
    is_event_strategy,
)
from polybot.settings import Settings, Trade

NOTHING = Decision(None, "no_signal", reason_code="NO_SIGNAL", reason="no signal")


class Bound:
    """`n` counts the session's windows from 1; the signal core moves it on as each is decided."""

    def __init__(self, name: str, strategy: Any, params: Params, session: SessionPlan, n: int = 1) -> None:
        self.name = name  # under which it trades
        self.strategy, self.params, self._session = strategy, params, session
        self.event: EventStrategy | None = strategy if is_event_strategy(strategy) else None
        self.n = n
        self._last = NOTHING  # what an event strategy thought when it last spoke
        self.is_final = False  # and it will not want another
        self.why_not: Reason | None = None  # why an event strategy's bet has not been made so far; None: never asked

    def __reduce__(self) -> tuple[Any, ...]:
        """A recording keeps the name, never somebody's object."""
        return _again, (self.name, self.params, self._session, self.n)

    @property
    def timeframe(self) -> Timeframe:
        """The timeframe of the candles it wants; "" for none."""
        frame: Timeframe = getattr(self.strategy, "timeframe", "")
        return frame

    @property
    def warm_up(self) -> int:
        """How many candles the strategy needs before it can say anything."""
        return int(getattr(self.strategy, "warm_up", WARM_UP[self.timeframe]))

    @property
    def is_early(self) -> bool:
        """True when it bets before the window opens."""
        return self.event is not None and self.event.until_s <= 0

    @property
    def windows_back(self) -> int:
        """How many ended windows it looks at."""
        return int(getattr(self.strategy, "windows_back", 0))

    @property
    def window(self) -> Window:
        """The window to be decided next."""
        return Window(self._session.start_of(self.n))

    def has_window(self, session: SessionPlan) -> bool:
        """Some window of the session is still to be decided."""
        return self.n <= session.windows

    def done(self) -> None:
        """Go on to the next window: this one is decided."""
        self.n += 1
        self._last, self.is_final, self.why_not = NOTHING, False, None

    def skip_to(self, now_ns: int, session: SessionPlan, trade: Trade) -> None:
        """Past the windows whose last moment has gone by."""
        while self.has_window(session) and self.until_ns(trade) < now_ns:
            self.n += 1

    def from_ns(self, trade: Trade) -> int:
        """First moment at which its window may be decided."""
        if self.event is None:
            return self.window.decide_from_ns(trade)
        return self.window.start_ns + round(self.event.from_s * NS)

    def until_ns(self, trade: Trade) -> int:
        """Last moment; after it the window is skipped."""
        if self.event is None:
            return self.window.decide_until_ns()
        return min(self.window.start_ns + round(self.event.until_s * NS), self.window.entry_until_ns(trade))

    def next_moment_ns(self, now_ns: int, trade: Trade) -> int:
        """When to look next, should nothing be heard before."""
        from_ns = self.from_ns(trade)
        return from_ns if now_ns < from_ns else self.until_ns(trade)

    def asked(self, message: Word, view: EventView, now_ns: int) -> Decision:
        """An event strategy's word on this window, else its last one; what it raises is its refusal."""
        assert self.event is not None
        try:
            said = self.event.on_event(message, view, now_ns, **self.params)
            bets = [bet for bet in said if bet.start_s == view.window.start_s]
            if bets:
                self._last, self.is_final = sound(bets[0].decision), bool(bets[0].is_final)
        except (Exception, SystemExit) as exc:  # noqa: BLE001 other people's code
            return failed(exc)
        return self._last


def bind(name: str, settings: Settings, session: SessionPlan) -> Bound:
    """The strategy of this name with the knobs of its own table. on_no_signal is the bot's knob; that table may
    overrule it.
    """
    strategy = strategy_registry.by_name(name)
    given = settings.params_of(name)
    if "on_no_signal" in strategy.default_params:
        given.setdefault("on_no_signal", settings.bot.on_no_signal)
    return Bound(name, strategy, strategy_registry.params_of(strategy, given, has_volumes=not session.tape), session)


def _again(name: str, params: Params, session: SessionPlan, n: int) -> Bound:
    return Bound(name, strategy_registry.by_name(name), params, session, n)


def looks_back(bounds: Iterable[Bound]) -> dict[Timeframe, int]:
    """Timeframe → how many of its candles are wanted at most."""
    wanted: dict[Timeframe, int] = {}
    for bound in bounds:
        wanted[bound.timeframe] = max(wanted.get(bound.timeframe, 0), bound.warm_up)
    return wanted
