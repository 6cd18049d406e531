"""Whose account it is at the local venue: keys, signatures, orders, balances, and what is kept on disk."""
