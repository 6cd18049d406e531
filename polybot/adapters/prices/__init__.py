"""Prices from elsewhere: Binance, Coinbase, CoinGecko."""
