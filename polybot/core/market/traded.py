"""Of all the prices that are said, those that are traded on: the exchange's own, by its stream or by its klines.

Coinbase and CoinGecko are another instrument and another clock (`price_feed/sources.py`, rules 2 and 3): people see them, no
indicator, volatility or freshness is fed from them.
"""

STREAM = "binance"
TRADED_ON = (STREAM, "binance_rest")
