"""What one may see of the venue's engine: balances, orders, trades, books. Changes nothing."""

from polybot.sim.venue.state import State
from polybot.sim.venue.types import COLLATERAL, EngineOrder, EngineTrade, Levels, Market


class Queries:
    """The reading half of the venue's engine: nothing here changes anything."""

    def __init__(self, state: State) -> None:
        self.state = state

    def account_balance(self, address: str, asset: str = COLLATERAL) -> int:
        """A wallet's balance of pUSD or of a token; 0 for a wallet never seen."""
        account = self.state.balances.accounts.get(address)
        if account is None:
            return 0
        return account.cash_e6 if asset == COLLATERAL else account.positions.get(asset, 0)

    def knows(self, address: str) -> bool:
        """Whether this wallet was ever seen by the venue's engine."""
        return address in self.state.balances.accounts

    def order(self, order_id: str) -> EngineOrder | None:
        """The order of this id in any state, None when there is none."""
        return self.state.orders.get(order_id)

    def open_orders(self, owner: str) -> list[EngineOrder]:
        """The wallet's resting and held orders, the oldest first."""
        return self.state.open_orders(owner)

    def trades(self, owner: str) -> list[EngineTrade]:
        """All trades a wallet had a part in, oldest first, as they stand now."""
        return [self.state.trades[t] for t in self.state.trades_by_owner.get(owner, ())]

    def levels(self, token: str) -> tuple[Levels, Levels]:
        """(bids, asks) of a token, best first; empty for an unknown or resolved one."""
        market = self.state.market_of(token)
        if market is None or market.winner is not None:
            return (), ()
        return self.state.books[market.condition_id].levels(token == market.up_token)

    def best(self, condition_id: str) -> tuple[int | None, int | None]:
        """(best bid, best ask) in Up's terms."""
        book = self.state.books[condition_id]
        return book.best_bid, book.best_ask

    def market(self, condition_id: str) -> Market | None:
        """The market of this condition in any state, None when there is none."""
        return self.state.markets.get(condition_id)

    def market_of(self, token: str) -> Market | None:
        """The market to which this token belongs, None when there is none."""
        return self.state.market_of(token)

    def total_e6(self) -> int:
        """All cash and all sets outstanding; always equal to `granted_e6`."""
        cash = sum(a.cash_e6 for a in self.state.balances.accounts.values())
        return cash + sum(m.pool_e6 for m in self.state.markets.values())

    def granted_e6(self) -> int:
        """All pUSD that ever came from outside, in millionths."""
        return self.state.balances.granted_e6
