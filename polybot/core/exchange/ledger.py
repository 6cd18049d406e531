"""Whose money it is. Every movement here has its counterpart: cash + sets outstanding is what was ever granted."""

from dataclasses import dataclass, field

from polybot.core.exchange.types import (
    COLLATERAL,
    CROWD,
    E6,
    FEES,
    HOUSE,
    UNLIMITED,
    Account,
    BalanceChanged,
    ExchangeEvent,
    Market,
    Side,
    Winner,
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One party's part of a fill."""

    account: Account
    token: str
    side: Side
    price_e6: int


@dataclass(slots=True)
class Ledger:
    """Accounts by address. `touched` are those changed since rows were last taken, in order."""

    accounts: dict[str, Account] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    events: list[ExchangeEvent] = field(default_factory=list)
    granted_e6: int = 0

    def account(self, address: str) -> Account:
        """The account, opened empty at first sight."""
        found = self.accounts.get(address)
        if found is None:
            found = self.accounts[address] = Account(address)
            self.touched[address] = None
        return found

    def grant(self, address: str, usd_e6: int, now_ns: int) -> None:
        """A deposit from outside."""
        account = self.account(address)
        account.cash_e6 += usd_e6
        self.granted_e6 += usd_e6
        self._say(account, COLLATERAL, now_ns)

    def reserve(self, account: Account, asset: str, delta_e6: int) -> None:
        """Set aside more (or less) of an asset for open orders."""
        left = account.reserved_e6.get(asset, 0) + delta_e6
        if left:
            account.reserved_e6[asset] = left
        else:
            account.reserved_e6.pop(asset, None)
        self.touched[account.address] = None

    def settle(self, market: Market, taker: Leg, maker: Leg, size_e6: int, now_ns: int) -> None:
        """A fill between two parties: normal, mint (both buy) or merge (both sell). Costs are exact, see `grain_e6`."""
        for leg in (taker, maker):
            self._move(market, leg, size_e6, now_ns)
        if taker.side == maker.side:
            market.pool_e6 += size_e6 if taker.side == "BUY" else -size_e6

    def charge(self, account: Account, fee_e6: int, now_ns: int) -> None:
        """A taker's fee: on top of what a BUY paid, out of what a SELL got."""
        if fee_e6:
            account.cash_e6 -= fee_e6
            self.account(FEES).cash_e6 += fee_e6
            self.touched[FEES] = None
            self._say(account, COLLATERAL, now_ns)

    def confirm(self, address: str, token: str, size_e6: int) -> None:
        """Bought shares may be sold from now on."""
        account = self.account(address)
        left = account.unconfirmed_e6.get(token, 0) - size_e6
        if left > 0:
            account.unconfirmed_e6[token] = left
        else:
            account.unconfirmed_e6.pop(token, None)
        self.touched[address] = None

    def pay_out(self, market: Market, winner: Winner, now_ns: int) -> dict[str, int]:
        """Turn all shares of a resolved market into cash; returns what each wallet got. A split's odd half millionth
        goes to the house, so that nothing is lost."""
        paid: dict[str, int] = {}
        for address, account in self.accounts.items():
            up, down = account.positions.pop(market.up_token, 0), account.positions.pop(market.down_token, 0)
            if not up and not down:
                continue
            payout = {"UP": up, "DOWN": down, "SPLIT": (up + down) // 2}[winner]
            account.cash_e6 += payout
            account.unconfirmed_e6.pop(market.up_token, None)
            account.unconfirmed_e6.pop(market.down_token, None)
            market.pool_e6 -= payout
            self._say(account, COLLATERAL, now_ns)
            if address not in UNLIMITED:
                paid[address] = payout
        if market.pool_e6:
            self.account(HOUSE).cash_e6 += market.pool_e6
            self.touched[HOUSE] = None
            market.pool_e6 = 0
        return paid

    def _move(self, market: Market, leg: Leg, size_e6: int, now_ns: int) -> None:
        account, positions = leg.account, leg.account.positions
        usd, rest = divmod(size_e6 * leg.price_e6, E6)
        assert rest == 0, f"a fill of {size_e6} at {leg.price_e6} is not a whole number of millionths"
        if leg.side == "BUY":
            account.cash_e6 -= usd
            positions[leg.token] = positions.get(leg.token, 0) + size_e6
        else:
            account.cash_e6 += usd
            positions[leg.token] = positions.get(leg.token, 0) - size_e6
            if not positions[leg.token]:
                del positions[leg.token]
        self._say(account, COLLATERAL, now_ns)
        self._say(account, leg.token, now_ns)

    def _say(self, account: Account, asset: str, now_ns: int) -> None:
        self.touched[account.address] = None
        if account.address not in UNLIMITED:
            balance = account.cash_e6 if asset == COLLATERAL else account.positions.get(asset, 0)
            self.events.append(BalanceChanged(account.address, asset, balance, now_ns))


def world_leg(account: Account, market: Market, token: str, side: Side, price_e6: int) -> Leg:
    """A party's leg. The world's makers and takers own nothing to sell: their SELL is a BUY of the other token."""
    if side == "SELL" and account.address in (HOUSE, CROWD):
        return Leg(account, market.other(token), "BUY", E6 - price_e6)
    return Leg(account, token, side, price_e6)
