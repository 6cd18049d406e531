"""risk: whether at all. One idea a file:

core        hearing and saying                       table      THE RULES, in their order
view        what the rules look at                   limits     each limit as used/limit
permission  may anything be traded at all?           wish       in time, and of a market we understand?
freshness   is what we know fresh?                   prices     the book, the price, the amounts
exposure    what is already out there                pace       how often
losses      of the purse, of a day, in a row         weather    how rough the market is
in_flight   handed on and not yet seen               silence    how long somebody has not been heard
state       the trading state                        tally      what was refused, by rule and strategy
"""

from polybot.core.risk.core import RiskCore

__all__ = ["RiskCore"]
