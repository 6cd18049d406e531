"""Whose money it is. Every movement here has its counterpart: cash + sets outstanding is what was ever granted."""

from dataclasses import dataclass, field

from polybot.sim.venue.types import (
    COLLATERAL,
    CROWD,
    E6,
    FEES,
    HOUSE,
    UNLIMITED,
    BalanceChanged,
    EngineEvent,
    Market,
    Side,
    VenueAccount,
    Winner,
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One party's part of a fill, as it changes that party's account."""

    account: VenueAccount
    token: str
    side: Side
    price_e6: int


@dataclass(slots=True)
class Balances:
    """Accounts by address. `touched` are those changed since rows were last taken, in order."""

    accounts: dict[str, VenueAccount] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    events: list[EngineEvent] = field(default_factory=list)
    granted_e6: int = 0

    def account(self, address: str) -> VenueAccount:
        """The account, opened empty at first sight."""
        found = self.accounts.get(address)
        if found is None:
            found = self.accounts[address] = VenueAccount(address)
            self.touched[address] = None
        return found

    def grant(self, address: str, usd_e6: int, now_ns: int) -> None:
        """A deposit from outside; below zero a withdrawal."""
        account = self.account(address)
        account.cash_e6 += usd_e6
        self.granted_e6 += usd_e6
        self._say(account, COLLATERAL, now_ns)

    def reserve(self, account: VenueAccount, asset: str, delta_e6: int) -> None:
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
            self._move(leg, size_e6, now_ns)
        if taker.side == maker.side:
            market.pool_e6 += size_e6 if taker.side == "BUY" else -size_e6

    def unsettle(self, market: Market, taker: Leg, maker: Leg, size_e6: int, now_ns: int) -> None:
        """The same fill backwards: it never happened."""
        self.settle(market, taker, maker, -size_e6, now_ns)

    def charge(self, account: VenueAccount, fee_e6: int, now_ns: int) -> None:
        """A taker's fee: on top of what a BUY paid, out of what a SELL got. Below zero it is given back."""
        if fee_e6:
            account.cash_e6 -= fee_e6
            self.account(FEES).cash_e6 += fee_e6
            self.touched[FEES] = None
            self._say(account, COLLATERAL, now_ns)

    def confirm(self, address: str, token: str, size_e6: int) -> None:
        """What a trade brought is no longer in doubt."""
        account = self.account(address)
        left = account.unconfirmed_e6.get(token, 0) - size_e6
        if left > 0:
            account.unconfirmed_e6[token] = left
        else:
            account.unconfirmed_e6.pop(token, None)
        self.touched[address] = None

    def redeem(self, market: Market, address: str, winner: Winner, now_ns: int) -> int:
        """An account's shares of a resolved market become cash; what it got, 0 when it held none or only losers."""
        account = self.account(address)
        up, down = account.positions.pop(market.up_token, 0), account.positions.pop(market.down_token, 0)
        if not up and not down:
            return 0
        payout = worth_e6(up, down, winner)
        account.unconfirmed_e6.pop(market.up_token, None)
        account.unconfirmed_e6.pop(market.down_token, None)
        self.pay(market, account, payout, now_ns)
        for token in (market.up_token, market.down_token):
            self._say(account, token, now_ns)
        return payout

    def pay(self, market: Market, account: VenueAccount, usd_e6: int, now_ns: int) -> None:
        """Out of the market's pool into an account; below zero back into it."""
        account.cash_e6 += usd_e6
        market.pool_e6 -= usd_e6
        self._say(account, COLLATERAL, now_ns)

    def sweep(self, market: Market) -> None:
        """What is left in the pool once everyone is paid, odd half millionths of a split, goes to the house."""
        if market.pool_e6:
            self.account(HOUSE).cash_e6 += market.pool_e6
            self.touched[HOUSE] = None
            market.pool_e6 = 0

    def _move(self, leg: Leg, size_e6: int, now_ns: int) -> None:
        account, positions = leg.account, leg.account.positions
        usd, rest = divmod(size_e6 * leg.price_e6, E6)
        assert rest == 0, f"a fill of {size_e6} at {leg.price_e6} is not a whole number of millionths"
        sign = 1 if leg.side == "BUY" else -1
        account.cash_e6 -= sign * usd
        positions[leg.token] = positions.get(leg.token, 0) + sign * size_e6
        if not positions[leg.token]:
            del positions[leg.token]
        self._say(account, COLLATERAL, now_ns)
        self._say(account, leg.token, now_ns)

    def _say(self, account: VenueAccount, asset: str, now_ns: int) -> None:
        self.touched[account.address] = None
        if account.address not in UNLIMITED:
            balance = account.cash_e6 if asset == COLLATERAL else account.positions.get(asset, 0)
            self.events.append(BalanceChanged(account.address, asset, balance, now_ns))


def world_leg(account: VenueAccount, market: Market, token: str, side: Side, price_e6: int) -> Leg:
    """A party's leg. The world's makers and takers own nothing to sell: their SELL is a BUY of the other token."""
    if side == "SELL" and account.address in (HOUSE, CROWD):
        return Leg(account, market.other(token), "BUY", E6 - price_e6)
    return Leg(account, token, side, price_e6)


def worth_e6(up_e6: int, down_e6: int, winner: Winner) -> int:
    """What shares pay: the winner's one each, of a split half each, rounded down."""
    return {"UP": up_e6, "DOWN": down_e6, "SPLIT": (up_e6 + down_e6) // 2}[winner]
