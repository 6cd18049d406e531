"""The local venue: Polymarket's and Binance's wire protocols on loopback, in front of a world of its own.

It imports no fee, amount or books code of the bot: it is the bot's judge, and one wrong fee must not pass twice.
"""
