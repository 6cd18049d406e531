"""The judge: the venue's engine, a pure Polymarket. No clock, no I/O, and none of the bot's own money code.

Shared by the local venue, the simulator and the backtest. Prices, sizes and dollars are integers in millionths (`_e6`);
times are world nanoseconds given by the caller. What happened is read with `VenueEngine.take_events()`, what must survive
with `VenueEngine.take_changed_rows()`.
"""

from polybot.sim.venue.engine import VenueEngine
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.types import (
    COLLATERAL,
    BalanceChanged,
    BookChanged,
    Canceled,
    EngineEvent,
    EngineOrder,
    EngineTrade,
    Held,
    MakerFill,
    Market,
    MarketEnded,
    NewOrder,
    OrderChanged,
    Placed,
    Rejected,
    Result,
    Row,
    TickChanged,
    TradeChanged,
    VenueAccount,
    Winner,
)

__all__ = [
    "COLLATERAL",
    "BalanceChanged",
    "BookChanged",
    "Canceled",
    "EngineEvent",
    "EngineOrder",
    "EngineTrade",
    "Held",
    "MakerFill",
    "Market",
    "MarketEnded",
    "NewOrder",
    "OrderChanged",
    "Placed",
    "Rejected",
    "Result",
    "Row",
    "Switches",
    "TickChanged",
    "TradeChanged",
    "VenueAccount",
    "VenueEngine",
    "Winner",
]
