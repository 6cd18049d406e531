"""The one face for people who write strategies: import from here, and from nowhere deeper.

docs/writing-a-strategy.md shows how, and examples/ holds some that run. What stands deeper in polybot moves without notice.

Strategy, EventStrategy      the two protocols; `ByExplaining` makes an `evaluate` out of your `explain`
Decision, Bet                what is answered; `decide` is what the bot would act on, given candles
EventView                    what an EventStrategy may look at: a MarketView, the candles and the Window in hand
Candles, candles_of          columns of numpy arrays, made of what the bot has, or of a frame in a notebook
sma ema rsi macd …           indicators on arrays; `indicator("rsi")` finds one by name, yours included
register_strategy, register_indicator   class decorators that give yours a name
must, StrategyError          for `check(params, has_volumes)`: refuse what makes no sense, in one sentence
Book, OraclePrice, PriceTick, …         what an EventStrategy hears; `ask_e6`, `bid_e6` read a book's best prices
slug_of, window_at, WINDOW_S, NS        windows: their names and lengths; nanoseconds in a second
settlement, up_probability, …           what a side is worth by its market's own rule; `fee_per_share` is what a taker pays
"""

from messages import (
    Book,
    Candle,
    Depth,
    FeeSchedule,
    MarketListed,
    MarketResolved,
    OraclePrice,
    Outcome,
    PriceTick,
    SettleRule,
    WindowObserved,
    Word,
)
from messages.units import NS
from polybot.core.market.book_rules import ask_e6, bid_e6
from polybot.core.market.view import MarketView
from polybot.core.market.windows import WINDOW_S, Window, slug_of, window_at, window_of
from polybot.core.reasons import Reason
from polybot.core.strategies.candles import Candles, candles_of
from polybot.core.strategies.decision import ByExplaining, decide
from polybot.core.strategies.fair_price import fee_per_share, settlement, sigma_per_root_s, up_probability
from polybot.core.strategies.indicator_registry import Indicator
from polybot.core.strategies.indicator_registry import by_name as indicator
from polybot.core.strategies.indicator_registry import register as register_indicator
from polybot.core.strategies.indicators import (
    Floats,
    atr,
    bollinger,
    book_imbalance,
    cusum,
    ema,
    ewma,
    ewma_volatility,
    floats,
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
    Sides,
    Strategy,
    StrategyError,
    Timeframe,
    Value,
    must,
)
from polybot.core.strategies.registry import register as register_strategy

__all__ = [
    "NS",
    "WINDOW_S",
    "Bet",
    "Book",
    "ByExplaining",
    "Candle",
    "Candles",
    "Decision",
    "Depth",
    "EventStrategy",
    "EventView",
    "FeeSchedule",
    "Floats",
    "Indicator",
    "MarketListed",
    "MarketResolved",
    "MarketView",
    "OraclePrice",
    "Outcome",
    "Params",
    "PriceTick",
    "Reason",
    "SettleRule",
    "Sides",
    "Strategy",
    "StrategyError",
    "Timeframe",
    "Value",
    "Window",
    "WindowObserved",
    "Word",
    "ask_e6",
    "atr",
    "bid_e6",
    "bollinger",
    "book_imbalance",
    "candles_of",
    "cusum",
    "decide",
    "ema",
    "ewma",
    "ewma_volatility",
    "fee_per_share",
    "floats",
    "indicator",
    "macd",
    "microprice",
    "must",
    "register_indicator",
    "register_strategy",
    "roc",
    "rsi",
    "settlement",
    "sigma_per_root_s",
    "slug_of",
    "sma",
    "up_probability",
    "window_at",
    "window_of",
]
