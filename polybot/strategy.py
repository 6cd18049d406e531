"""The one face for people who write strategies: import from here, and from nowhere deeper.

docs/writing-a-strategy.md shows how.

Strategy, EventStrategy      the two protocols; `ByExplaining` makes an `evaluate` out of your `explain`
Decision, Bet, EventView     what is answered, and what an EventStrategy may look at
Candles, candles_of          columns of numpy arrays, made of what the bot has, or of a frame in a notebook
sma ema rsi macd …           indicators on arrays; `indicator("rsi")` finds one by name, yours included
register_strategy, register_indicator   class decorators that give yours a name
must, StrategyError          for `check(params, has_volumes)`: refuse what makes no sense, in one sentence
"""

from messages import Book, MarketListed, OraclePrice, Outcome, PriceTick
from polybot.core.market.view import MarketView
from polybot.core.market.windows import Window
from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.decision import ByExplaining
from polybot.core.strategies.indicator_registry import Indicator
from polybot.core.strategies.indicator_registry import by_name as indicator
from polybot.core.strategies.indicator_registry import register as register_indicator
from polybot.core.strategies.indicators import (
    atr,
    bollinger,
    book_imbalance,
    cusum,
    ema,
    ewma,
    ewma_volatility,
    macd,
    microprice,
    roc,
    rsi,
    sma,
)
from polybot.core.strategies.protocol import (
    Bet,
    Decision,
    EventStrategy,
    EventView,
    Params,
    Strategy,
    StrategyError,
    Timeframe,
    Value,
    must,
)
from polybot.core.strategies.registry import register as register_strategy

__all__ = [
    "Bet",
    "Book",
    "ByExplaining",
    "Candles",
    "Decision",
    "EventStrategy",
    "EventView",
    "Indicator",
    "MarketListed",
    "MarketView",
    "OraclePrice",
    "Outcome",
    "Params",
    "PriceTick",
    "Strategy",
    "StrategyError",
    "Timeframe",
    "Value",
    "Window",
    "atr",
    "bollinger",
    "book_imbalance",
    "candles_of",
    "cusum",
    "ema",
    "ewma",
    "ewma_volatility",
    "indicator",
    "macd",
    "microprice",
    "must",
    "register_indicator",
    "register_strategy",
    "roc",
    "rsi",
    "sma",
]
