"""`market_feed`: markets, books, the oracle's prints, and what a window came to."""
