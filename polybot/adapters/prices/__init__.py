"""Adapters to other people's BTC prices: Binance's stream and REST, Coinbase, CoinGecko."""
