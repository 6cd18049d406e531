"""At which instants the world waits, for whom, and until what was heard (architecture §4). One plan per window of the session.

early_decision    when a strategy that bets before the window opens may first do so: it has, or has said why not
books             just before the decision: full snapshots go out, and get machine time to arrive
decision          start + decide_after_s, if the strike's print is out by then: every strategy on candles has said what it
                  thinks, and what came of it is allocated, judged, answered. (One on events decides when it likes.)
late_decision     start + 20 s, the same: strategies that lacked something skip here
settlement_print  the print stamped at the end is published: market_feed has observed it, the executor has folded it in
resolution        the official word is out: what was held is settled for good
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from polybot.core.market.windows import WINDOW_S, SessionPlan, slug_of, window_of
from polybot.core.strategies import BUILT_IN
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.protocol import is_event_strategy
from polybot.settings import Trade
from polybot.sim.world.world import World, WorldMarket
from polybot.venue.pacing.bus_observer import BusObserver
from polybot.venue.pacing.pacer import Pacer

NS = 1_000_000_000
MS = 1_000_000
BOOKS_EARLY_NS = MS
BOOKS_ARRIVE_S = 0.008  # machine time a snapshot needs through two processes, generously
KEEP_WINDOWS = 12  # after that nothing is asked any more about what was heard of a window
GONE_BY_NS = 200 * MS  # an instant this far in the past is not waited for any more (after a restart)


@dataclass
class Instants:
    """freshen(start_s) re-quotes a window and sends its books out."""

    world: World
    session: SessionPlan
    trade: Trade
    pacer: Pacer
    heard: BusObserver
    freshen: Callable[[int], None]
    mono_s: Callable[[], float]
    now_ns: Callable[[], int]

    def plan(self, market: WorldMarket) -> None:
        """All holds of a window whose book has just come alive."""
        window = window_of(market.slug)
        if window is None or not self.session.n_of(market.start_s):
            return
        self.heard.forget(slug_of(market.start_s - KEEP_WINDOWS * WINDOW_S))
        self._early(market)
        self._decision(market, window.decide_from_ns(self.trade), window.decide_until_ns())
        self._end(market)

    def _early(self, market: WorldMarket) -> None:
        for name, from_s in event_moments(self.session.strategies).items():
            if from_s < 0:
                at_ns = market.start_s * NS + round(from_s * NS)
                self._books(market.start_s, at_ns - BOOKS_EARLY_NS)
                self._hold(at_ns, "early_decision", partial(self.heard.has_decided, market.slug, (name,)))

    def _decision(self, market: WorldMarket, from_ns: int, until_ns: int) -> None:
        events = event_moments(self.session.strategies)
        slug, strategies = market.slug, tuple(name for name in self.session.strategies if name not in events)

        def decided() -> bool:
            return self.heard.has_decided(slug, strategies)

        strike_ns = self._published_ns(market, market.start_s)
        if strike_ns is not None and strike_ns <= from_ns:
            self._books(market.start_s, from_ns - BOOKS_EARLY_NS)
            self._hold(from_ns, "decision", decided)
        else:
            self._books(market.start_s, until_ns - BOOKS_EARLY_NS)
        self._hold(until_ns, "late_decision", decided)

    def _books(self, start_s: int, at_ns: int) -> None:
        sent_s = 0.0

        def send() -> None:
            nonlocal sent_s
            self.freshen(start_s)
            sent_s = self.mono_s()

        self._hold(at_ns, "books", lambda: self.mono_s() - sent_s >= BOOKS_ARRIVE_S, send)

    def _end(self, market: WorldMarket) -> None:
        slug, end_s = market.slug, market.end_s
        end_ns = self._published_ns(market, end_s)
        if end_ns is not None and self._published_ns(market, market.start_s) is not None:
            self._hold(end_ns, "settlement_print", lambda: self.heard.has_closed(slug, end_s))
        self._hold(
            self.world.resolved_ns(market),
            "resolution",
            lambda: not self.heard.holds_position(slug) or self.heard.has_settled(slug),
        )

    def _published_ns(self, market: WorldMarket, second: int) -> int | None:
        printed = self.world.spot_print(second) if market.rule == "spot" else self.world.twap_print(second)
        return printed.received_ns if printed is not None else None

    def _hold(
        self, at_ns: int, kind: str, answered: Callable[[], bool], prepare: Callable[[], None] | None = None
    ) -> None:
        if at_ns >= self.now_ns() - GONE_BY_NS:
            self.pacer.hold(at_ns, kind, answered, prepare)


@cache
def event_moments(strategies: tuple[str, ...]) -> dict[str, float]:
    """Those on events → seconds after a window's start when they may first bet. Plug-ins are not asked: their code is run
    where they trade, and nowhere else; the world waits for one on events in vain, as long as its caps are.
    """
    ours = [strategy_registry.by_name(name) for name in strategies if name in BUILT_IN]
    return {s.name: float(getattr(s, "from_s", 0.0)) for s in ours if is_event_strategy(s)}
