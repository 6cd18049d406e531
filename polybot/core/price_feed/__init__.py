"""`price_feed`: the exchange's price, candles and depth, from the best source that is fresh."""
