"""What the CLOB believes a wallet has (facts §13, §14.7): its own trades it knows, but pUSD that a redemption paid out on chain
it has not seen until it is told to look again. Pure; nothing of it survives a restart.
"""

from collections.abc import Callable

from polybot.sim.venue import COLLATERAL


class Cached:
    """What the CLOB's cache shows. truth_of(wallet, asset): the balance on chain, in millionths."""

    def __init__(self, truth_of: Callable[[str, str], int]) -> None:
        self._truth_of = truth_of
        self._unseen_e6: dict[str, int] = {}

    def paid(self, wallet: str, usd_e6: int) -> None:
        """So much came in on chain, past the CLOB."""
        self._unseen_e6[wallet] = self._unseen_e6.get(wallet, 0) + usd_e6

    def shown(self, wallet: str, asset: str) -> int:
        """What the CLOB believes the wallet has of this asset, in millionths."""
        unseen_e6 = self._unseen_e6.get(wallet, 0) if asset == COLLATERAL else 0
        return max(0, self._truth_of(wallet, asset) - unseen_e6)

    def refresh(self, wallet: str, asset: str) -> None:
        """Look at the chain again: what is shown is the truth from now on."""
        if asset == COLLATERAL:
            self._unseen_e6.pop(wallet, None)
