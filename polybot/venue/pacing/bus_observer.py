"""What the venue has overheard on the bus: enough to know whether the actors have answered an instant. Pure."""

from dataclasses import dataclass, field

from messages import (
    Account,
    Allocation,
    Event,
    Heartbeat,
    OrderUpdate,
    Prediction,
    RiskVerdict,
    Settlement,
    WindowObserved,
)
from polybot.topology import ALWAYS_SAID, BY_NAME, FEEDS, PATH

HEARS: tuple[type[Event], ...] = (*BY_NAME["venue"].hears, *ALWAYS_SAID)
SPEAKERS = tuple(a.name for a in (*PATH, *FEEDS))


@dataclass
class BusObserver:
    """Newest word of each kind and key. Older windows are forgotten."""

    alive: dict[str, int] = field(default_factory=dict)
    account: Account | None = None
    predictions: dict[str, dict[str, Prediction]] = field(default_factory=dict)
    allocations: dict[tuple[str, str], Allocation] = field(default_factory=dict)
    verdicts: dict[str, RiskVerdict] = field(default_factory=dict)
    orders: dict[str, dict[str, OrderUpdate]] = field(default_factory=dict)
    observed: dict[str, WindowObserved] = field(default_factory=dict)
    settled: dict[str, dict[str, Settlement]] = field(default_factory=dict)

    def hear(self, word: object) -> None:
        """Take in one word of the bus; others than these kinds are ignored."""
        match word:
            case Heartbeat():
                self.alive[word.actor] = word.boot
            case Account():
                self.account = word
            case Prediction():
                self.predictions.setdefault(word.slug, {})[word.strategy] = word
            case Allocation():
                self.allocations[(word.strategy, word.slug)] = word
            case RiskVerdict():
                self.verdicts[word.intent_id] = word
            case OrderUpdate():
                self.orders.setdefault(word.slug, {})[word.intent_id] = word
            case WindowObserved():
                self.observed[word.slug] = word
            case Settlement():
                self.settled.setdefault(word.slug, {})[word.strategy] = word

    def forget(self, slug: str) -> None:
        """Forget a window that is over for good."""
        for intent in self.orders.pop(slug, {}):
            self.verdicts.pop(intent, None)
        for strategy in self.predictions.pop(slug, {}):
            self.allocations.pop((strategy, slug), None)
        self.observed.pop(slug, None)
        self.settled.pop(slug, None)

    def is_up(self) -> bool:
        """Every actor that trades has a beating heart, and the account is reconciled."""
        return all(a in self.alive for a in SPEAKERS) and self.account is not None and self.account.ready

    def has_decided(self, slug: str, strategies: tuple[str, ...]) -> bool:
        """Every strategy said what it thinks of the window, and what it wanted to do about it is done or refused."""
        said = self.predictions.get(slug, {})
        return all(s in said and self._is_done(said[s]) for s in strategies)

    def _is_done(self, prediction: Prediction) -> bool:
        if prediction.reason_code:
            return True
        allocation = self.allocations.get((prediction.strategy, prediction.slug))
        if allocation is None or not allocation.intent_id or allocation.reason_code:
            return allocation is not None
        verdict = self.verdicts.get(allocation.intent_id)
        if verdict is None or not verdict.approved:
            return verdict is not None
        order = self.orders.get(prediction.slug, {}).get(allocation.intent_id)
        return order is not None and (
            order.final or order.filled_e6 > 0 or (prediction.rests and order.state == "LIVE")
        )

    def has_closed(self, slug: str, end_s: int) -> bool:
        """The settlement print has been seen, and its provisional outcome is in the account."""
        window = self.observed.get(slug)
        if window is None or not (window.ended or window.outcome is not None):
            return False
        return self.account is not None and self.account.last_window_s >= end_s

    def holds_position(self, slug: str) -> bool:
        """Some order in this window was filled."""
        return any(o.filled_e6 > 0 for o in self.orders.get(slug, {}).values())

    def has_settled(self, slug: str) -> bool:
        """Everything held in this window has its final settlement."""
        held = {o.strategy for o in self.orders.get(slug, {}).values() if o.filled_e6 > 0}
        final = {s.strategy for s in self.settled.get(slug, {}).values() if not s.provisional}
        return held <= final
