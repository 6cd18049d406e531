"""What a strategy is, what it may look at, and by which name it is found. Those of the house stand in `builtin/`.

Nothing is imported here: who only wants to know the names (the configuration) must not pay for numpy.
"""

BUILT_IN = (
    "always_down",
    "always_up",
    "candle_direction",
    "coin",
    "fair_value",
    "rsi_ema",
    "rsi_macd",
    "streak_reversal",
)
"""The names of the strategies of the house, each a file of `builtin/`: the one list of them."""
