"""THE TABLE: who runs, who says what, who hears, serves and asks. Endpoints, subscriptions, the simulator's routing,
supervisor.conf, `polybot-ctl status` and the README's picture are all read from here.

Classes of a topic (what losing one means):
  kept   may be asked again by Resend, from the speaker's flight recorder
  level  re-said each second and on change; the latest is the truth
  shed   market data; conflated to the newest per key when a hearer lags
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from messages import (
    Account,
    ActorDied,
    Allocation,
    ApprovedOrder,
    Book,
    CancelAll,
    Candle,
    ClockOffset,
    Depth,
    Event,
    EventsSince,
    FeedStatus,
    Fill,
    Halt,
    Health,
    Heartbeat,
    History,
    MarketListed,
    MarketResolved,
    OraclePrice,
    OracleRelayed,
    OrderIntent,
    OrderUpdate,
    Pause,
    Positions,
    Prediction,
    PriceTick,
    Query,
    Redeem,
    Request,
    Resend,
    Resume,
    RiskState,
    RiskVerdict,
    Settlement,
    Signal,
    Snapshot,
    TickSizeChanged,
    TradePrint,
    WindowObserved,
    Word,
)
from messages.inner import Notify, PostOrder
from polybot.settings import Settings

TopicClass = Literal["kept", "level", "shed"]


@dataclass(frozen=True)
class Topic:
    """One kind of event: its class and, for levels and feeds, how many machine seconds may pass between two."""

    word: type[Event]
    kind: TopicClass
    period_s: float | None = None


TOPICS: tuple[Topic, ...] = (
    Topic(PriceTick, "shed"),
    Topic(Candle, "kept"),
    Topic(Depth, "shed"),
    Topic(OraclePrice, "shed"),
    Topic(OracleRelayed, "shed"),
    Topic(FeedStatus, "level", 1.0),
    Topic(ClockOffset, "level", 1.0),
    Topic(MarketListed, "kept"),
    Topic(Book, "shed"),
    Topic(TradePrint, "shed"),
    Topic(TickSizeChanged, "kept"),
    Topic(MarketResolved, "kept"),
    Topic(WindowObserved, "kept"),
    Topic(Prediction, "kept"),
    Topic(Signal, "kept"),
    Topic(Allocation, "kept"),
    Topic(RiskVerdict, "kept"),
    Topic(RiskState, "level", 1.0),
    Topic(OrderUpdate, "kept"),
    Topic(Fill, "kept"),
    Topic(Settlement, "kept"),
    Topic(Positions, "level", 1.0),
    Topic(Account, "level", 1.0),
    Topic(ActorDied, "kept"),
    Topic(Health, "level", 1.0),
    Topic(Heartbeat, "level", 0.5),
)


@dataclass(frozen=True)
class Recall:
    """Which of its own words an actor is given back when it starts, out of its flight recorder, and how old they may be."""

    words: tuple[type[Word], ...]
    world_s: float
    machine_s: float = 0.0  # at high speed an absence alone is long

    def back_s(self, speed: float) -> int:
        """World seconds before the start; speed is how many of them pass in one of the machine's."""
        return round(max(self.world_s, self.machine_s * speed))


@dataclass(frozen=True)
class Actor:
    """One row: a process. group orders the stop: edge first together, then the executor, then the venue."""

    name: str
    does: str
    says: tuple[type[Event], ...] = ()
    hears: tuple[type[Event], ...] = ()
    serves: tuple[type[Request], ...] = ()
    asks: tuple[type[Request], ...] = ()
    group: Literal["edge", "money", "world", "watch"] = "edge"
    profiles: tuple[str, ...] = ("demo", "paper", "live")
    recovers: bool = False  # asks Resend for every gap in a kept topic, also over its own absence
    knob: str = ""  # runs only where this knob is set
    has_core: bool = True  # False: a program of its own, of which there is nothing to simulate or to replay
    journal: bool = False  # its core persists, and is given back what it persisted
    watches_halt: bool = False  # its core hears each change of the halt file
    recalls: Recall = Recall((), 0.0)
    decides: type[Word] | None = None  # its step on the path of money; how long it takes is in its heartbeat


EVERYTHING = tuple(t.word for t in TOPICS)
MONEY = (OrderUpdate, Fill, Settlement, Positions, Account)

TABLE: tuple[Actor, ...] = (
    Actor(
        "price_feed",
        "the exchange's trades, candles and depth",
        says=(PriceTick, Candle, Depth, FeedStatus),
        serves=(History,),
    ),
    Actor(
        "market_feed",
        "the venue's markets, books and resolutions; the oracle's prints; what a window came to; how right our clock is",
        says=(
            OraclePrice,
            MarketListed,
            Book,
            TradePrint,
            TickSizeChanged,
            MarketResolved,
            WindowObserved,
            FeedStatus,
            ClockOffset,
        ),
        hears=(OracleRelayed,),
        # the longest resolution seen took 8 minutes after a window of 5
        recalls=Recall((MarketListed, WindowObserved, MarketResolved), world_s=900, machine_s=10.0),
    ),
    Actor(
        "signal",
        "one prediction a window and strategy",
        says=(Prediction, Signal),
        hears=(
            PriceTick,
            Candle,
            Depth,
            OraclePrice,
            MarketListed,
            Book,
            WindowObserved,
            MarketResolved,
            FeedStatus,
            Account,
            Allocation,
        ),
        asks=(History, Resend),
        recalls=Recall((Prediction,), world_s=600),  # a decision is good for seconds
        decides=Prediction,
    ),
    Actor(
        "allocator",
        "how much",
        says=(Allocation,),
        hears=(
            Signal,
            MarketListed,
            Book,
            TickSizeChanged,
            WindowObserved,
            Account,
            Positions,
            OrderUpdate,
            RiskVerdict,
        ),
        asks=(OrderIntent, Resend),
        decides=OrderIntent,
    ),
    Actor(
        "risk",
        "whether at all; the trading state",
        says=(RiskVerdict, RiskState),
        hears=(
            PriceTick,
            Candle,
            OraclePrice,
            MarketListed,
            Book,
            WindowObserved,
            FeedStatus,
            ClockOffset,
            OrderUpdate,
            Account,
            Positions,
            Health,
        ),
        serves=(OrderIntent, Halt, Resume, Pause),
        asks=(History, ApprovedOrder, Snapshot, Resend),
        watches_halt=True,
        decides=ApprovedOrder,
    ),
    Actor(
        "executor",
        "the key, the journal, the venue: every cent",
        says=(*MONEY, OracleRelayed, FeedStatus),
        hears=(RiskState, MarketListed, WindowObserved, MarketResolved),
        serves=(ApprovedOrder, CancelAll, Snapshot, EventsSince, Redeem),
        asks=(Resend,),
        group="money",
        journal=True,
        watches_halt=True,
        decides=PostOrder,
    ),
    Actor(
        "recorder",
        "remembers everything, and nothing waits for it",
        hears=EVERYTHING,
        serves=(Query,),
        asks=(EventsSince, Resend),
        recovers=True,
    ),
    Actor(
        "notifier",
        "tells a program of yours what needs a person; runs only where notify_cmd is set",
        hears=(Account, Settlement, FeedStatus, RiskState),
        knob="bot.notify_cmd",
        watches_halt=True,
        recalls=Recall((Notify,), world_s=7 * 24 * 3600),  # a halt that stands is told once, not at every start
    ),
    Actor(
        "venue",
        "the local Polymarket and Binance; in these profiles only",
        hears=(Prediction, Allocation, RiskVerdict, OrderUpdate, WindowObserved, Settlement, Account),
        group="world",
        profiles=("demo", "paper"),
        has_core=False,
    ),
    Actor(
        "watchdog",
        "hearts, hangs and crash loops",
        says=(Health, ActorDied),
        hears=(Heartbeat,),
        group="watch",
    ),
)

ALWAYS_SAID: tuple[type[Event], ...] = (Heartbeat,)  # by every loop
ALWAYS_SERVED: tuple[type[Request], ...] = (Resend,)  # by every loop


@dataclass(frozen=True)
class Patience:
    """How a request is asked: machine seconds in all until NoReply, and how often it is sent (same id)."""

    deadline_s: float
    tries: int


PATIENCE: dict[type[Request], Patience] = {
    OrderIntent: Patience(1.0, 2),
    ApprovedOrder: Patience(1.0, 2),
    Snapshot: Patience(1.0, 1),
    History: Patience(2.0, 1),
    EventsSince: Patience(2.0, 1),
    Resend: Patience(2.0, 1),
}
DEFAULT_PATIENCE = Patience(1.0, 1)

BY_NAME = {a.name: a for a in TABLE}
PATH = tuple(a for a in TABLE if a.decides)  # of money, in the order in which it passes them
FEEDS = tuple(a for a in TABLE if a not in PATH and set(a.says) & set(PATH[0].hears))  # what the first of them goes by
CLASS_OF: dict[type[Event], TopicClass] = {t.word: t.kind for t in TOPICS}


def actors_of(profile: str) -> tuple[Actor, ...]:
    """The rows that run in a profile, in the table's order."""
    return tuple(a for a in TABLE if profile in a.profiles)


def needed(settings: Settings) -> tuple[Actor, ...]:
    """The profile's rows that really run: those without a knob of their own, and those whose knob is set."""
    return tuple(a for a in actors_of(settings.bot.profile) if not a.knob or _is_set(settings, a.knob))


def _is_set(settings: Settings, knob: str) -> bool:
    table, _, key = knob.partition(".")
    return bool(getattr(getattr(settings, table), key))


def says(actor: Actor) -> tuple[type[Event], ...]:
    """All an actor may say; the venue, a program without a core, beats too."""
    return actor.says + ALWAYS_SAID


def speakers_of(word: type[Event]) -> Iterator[Actor]:
    """The actors that may say this event."""
    return (a for a in TABLE if word in says(a))


def speaker_of(word: type[Event]) -> Actor:
    """The one actor that says this event. Raises ValueError for an event of several speakers."""
    (actor,) = speakers_of(word)
    return actor


def server_of(word: type[Request]) -> Actor:
    """The one actor that serves this request. Resend names its server itself and is not asked this way."""
    return next(a for a in TABLE if word in a.serves)
