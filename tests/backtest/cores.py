"""Everybody who thinks, for whole houses in the simulator."""

from collections.abc import Callable
from typing import Any

from polybot.core.allocator.core import AllocatorCore
from polybot.core.executor import ExecutorCore
from polybot.core.market_feed.core import MarketFeedCore
from polybot.core.price_feed.core import PriceFeedCore
from polybot.core.risk import RiskCore
from polybot.core.signal.core import SignalCore

CORES: dict[str, Callable[[], Any]] = {
    "price_feed": PriceFeedCore,
    "market_feed": MarketFeedCore,
    "signal": SignalCore,
    "allocator": AllocatorCore,
    "risk": RiskCore,
    "executor": ExecutorCore,
}
