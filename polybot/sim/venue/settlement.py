"""The end of a market: the word, the payout, the correction; and trades the chain refused.

What fails has failed before its market is paid: pending trades of fate FAIL are undone at resolution at the latest.
"""

from polybot.sim.venue.balances import world_leg, worth_e6
from polybot.sim.venue.state import State
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.types import UNLIMITED, EngineTrade, Market, MarketEnded, TradeChanged, Winner


class SettlementSteps:
    """Moves money at the end of things; orders and books are already empty when it is called."""

    def __init__(self, state: State, switches: Switches) -> None:
        self.state, self.switches = state, switches

    def fail(self, trade: EngineTrade, now_ns: int) -> None:
        """The fill never happened: shares, pUSD and fee go back to where they were."""
        balances, market = self.state.balances, self.state.markets[trade.condition_id]
        taker = world_leg(balances.account(trade.taker), market, trade.token, trade.side, trade.price_e6)
        for fill in trade.makers:
            maker = world_leg(balances.account(fill.owner), market, fill.token, fill.side, fill.price_e6)
            balances.unsettle(market, taker, maker, fill.size_e6, now_ns)
        balances.charge(balances.account(trade.taker), -trade.fee_e6, now_ns)
        self.state.touch_market(market)

    def resolve(self, market: Market, winner: Winner, now_ns: int, is_final: bool) -> dict[str, int]:
        """The official word. Returns pUSD paid by wallet: all winners, or nobody when they are to redeem."""
        for trade in self.state.pending_trades(market.condition_id):
            if trade.fate == "FAIL":
                failed = self.state.set_status(trade, "FAILED")
                self.fail(failed, now_ns)
                self.state.say(TradeChanged(failed, now_ns))
        market.accepting, market.winner, market.resolved_ns, market.is_final = False, winner, now_ns, is_final
        paid = {} if self.switches.payout_by_redeem else self._pay_all(market, winner, now_ns)
        self._redeem_worlds(market, now_ns)
        self.state.touch_market(market)
        self.state.say(MarketEnded(market.condition_id, winner, paid, now_ns))
        return paid

    def correct(self, market: Market, winner: Winner, now_ns: int) -> dict[str, int]:
        """The final word after an announced one. Returns by how much each wallet's payout changes.

        A wallet that has spent a wrong payout gives back what it still has; the house bears the rest, nobody owes.
        """
        said, market.is_final, market.winner = market.winner, True, winner
        assert said is not None, "only what was announced can be corrected"
        changed = {} if self.switches.payout_by_redeem else self._pay_differences(market, said, winner, now_ns)
        market.held = {}
        self._redeem_worlds(market, now_ns)
        self.state.touch_market(market)
        self.state.say(MarketEnded(market.condition_id, winner, changed, now_ns, is_correction=said != winner))
        return changed

    def redeem(self, market: Market, address: str, now_ns: int) -> int | None:
        """A wallet's own redemption; None while the chain has no final word."""
        if market.winner is None or not market.is_final:
            return None
        paid = self.state.balances.redeem(market, address, market.winner, now_ns)
        self.state.touch_market(market)
        return paid

    def _redeem_worlds(self, market: Market, now_ns: int) -> None:
        """The world's own makers and takers redeem at the final word: their shares would pile up for ever."""
        if self.switches.payout_by_redeem and market.is_final and market.winner is not None:
            for address in UNLIMITED:
                self.state.balances.redeem(market, address, market.winner, now_ns)

    def _pay_all(self, market: Market, winner: Winner, now_ns: int) -> dict[str, int]:
        balances = self.state.balances
        paid: dict[str, int] = {}
        for address, account in list(balances.accounts.items()):
            up, down = account.positions.get(market.up_token, 0), account.positions.get(market.down_token, 0)
            if up or down:
                got = balances.redeem(market, address, winner, now_ns)
                if address not in UNLIMITED:
                    paid[address] = got
                if not market.is_final:
                    market.held[address] = (up, down)
        balances.sweep(market)
        return paid

    def _pay_differences(self, market: Market, said: Winner, winner: Winner, now_ns: int) -> dict[str, int]:
        balances = self.state.balances
        changed: dict[str, int] = {}
        for address, (up, down) in market.held.items():
            account = balances.account(address)
            delta = worth_e6(up, down, winner) - worth_e6(up, down, said)
            if address not in UNLIMITED:
                delta = max(delta, -max(0, account.available_e6("pUSD")))
                changed[address] = delta
            balances.pay(market, account, delta, now_ns)
        balances.sweep(market)
        return changed
