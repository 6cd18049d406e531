"""The wrapper every word crosses the bus in, and the union that makes decoding typed."""

import msgspec

from messages import control, feeds, inner, money, trade
from messages.base import Event, Reply, Request, Word

EventWord = (
    feeds.PriceTick
    | feeds.Candle
    | feeds.Depth
    | feeds.OraclePrice
    | feeds.OracleRelayed
    | feeds.FeedStatus
    | feeds.ClockOffset
    | feeds.MarketListed
    | feeds.Book
    | feeds.TradePrint
    | feeds.TickSizeChanged
    | feeds.MarketResolved
    | feeds.WindowObserved
    | trade.Prediction
    | trade.Signal
    | trade.Allocation
    | trade.RiskVerdict
    | money.OrderUpdate
    | money.Fill
    | money.Settlement
    | money.Positions
    | money.Account
    | control.Heartbeat
    | control.Health
    | control.ActorDied
    | control.RiskState
)
RequestWord = (
    feeds.History
    | trade.OrderIntent
    | trade.ApprovedOrder
    | money.Redeem
    | money.Snapshot
    | money.EventsSince
    | money.CancelAll
    | control.Halt
    | control.Resume
    | control.Pause
    | control.Resend
    | control.Query
)
ReplyWord = (
    feeds.Candles
    | trade.Judged
    | trade.Accepted
    | trade.Refused
    | trade.Seen
    | money.Redemptions
    | money.SnapshotTaken
    | money.Events
    | money.CancelProof
    | control.Done
    | control.Resent
    | inner.NoReply
)
InnerWord = (
    inner.Started
    | inner.Restored
    | inner.Tick
    | inner.WakeAt
    | inner.WakeIn
    | inner.Persist
    | inner.PersistFailed
    | inner.Compact
    | inner.OrderFields
    | inner.SignOrder
    | inner.OrderSigned
    | inner.PostOrder
    | inner.PostResult
    | inner.MoveGate
    | inner.WarmUp
    | inner.SendHeartbeat
    | inner.HeartbeatSent
    | inner.CancelOrders
    | inner.CancelResult
    | inner.VenueOrder
    | inner.VenueTrade
    | inner.ReadOrder
    | inner.OrderRead
    | inner.ReadOpenOrders
    | inner.OpenOrdersRead
    | inner.ReadTrades
    | inner.TradesRead
    | inner.ReadBalance
    | inner.BalanceRead
    | inner.ReadActivity
    | inner.Activity
    | inner.ActivityRead
    | inner.ReadHoldings
    | inner.HoldingsRead
    | inner.ReadMarket
    | inner.MarketRead
    | inner.SubmitRedeem
    | inner.PollRedeem
    | inner.RedeemRead
    | inner.UserFact
    | inner.HaltSeen
    | inner.WriteHalt
    | inner.WritePause
    | inner.Leave
    | inner.FetchMarket
    | inner.MarketFetched
    | inner.SourceState
    | inner.Subscribe
    | inner.FetchCandles
    | inner.CandlesFetched
    | inner.ReadClock
    | inner.ClockRead
    | inner.FetchPrice
    | inner.PriceFetched
    | inner.FetchDay
    | inner.DayHeard
    | inner.SourceChanged
    | inner.Reconnect
    | inner.Store
    | inner.ProcessState
    | inner.ProcessGone
    | inner.WatchPid
    | inner.Notify
    | inner.KillActor
    | inner.WakeSupervisor
    | inner.StopProgram
)
AnyWord = EventWord | RequestWord | ReplyWord | InnerWord


class Envelope(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The wrapper of every word on the bus and in the flight recorder.

    source  the actor that says it; "actor.source" where it comes from inside that actor's own house
    boot    strictly increasing over the actor's restarts, fences
    seq     per source and full topic string, from 1; requests and replies carry 0
    at_ns   world time it was said
    cause   what was being handled: "source:boot:topic:seq", "request:id", "inner:Tag" or ""
    """

    source: str
    boot: int
    seq: int
    at_ns: int
    cause: str
    body: AnyWord


def topic_of(word: Event) -> str:
    """Full topic string. The slash matters: subscriptions are prefixes, and `Book` must not hear `BookX`."""
    return f"{type(word).__name__}/{word.key}"


def name_of(envelope: Envelope) -> str:
    """How a `cause` names this envelope."""
    match envelope.body:
        case Event():
            return f"{envelope.source}:{envelope.boot}:{topic_of(envelope.body)}:{envelope.seq}"
        case Request() | Reply():
            return f"request:{envelope.body.id}"
        case _:
            return f"inner:{type(envelope.body).__name__}"


def tag_of(word: Word | type[Word]) -> str:
    """The class name, which is the tag on the wire."""
    return (word if isinstance(word, type) else type(word)).__name__
