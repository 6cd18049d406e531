"""polybot: the smallest bot you can trust with a wallet."""

__version__ = "0.1.0"
