"""risk: whether at all. One idea a file.

core               hearing and saying                    table              THE RULES, in their order
view               what the rules look at                limits             each limit as used/limit
permission         may anything be traded at all?        validity           in time, and of a market we understand?
freshness          is what we know fresh?                price_rules        the book, the price, the amounts
exposure           what is already out there             frequency          how often
losses             of the purse, of a day, in a row      market_conditions  how rough the market is
volatility         its range and its sigma               silence            how long somebody was not heard
in_flight          handed on and not yet seen            refusal_counts     what was refused, by rule and strategy
trading_state      ACTIVE, REDUCING, HALTED
"""

from polybot.core.risk.core import RiskCore

__all__ = ["RiskCore"]
