"""Redemption by a wallet that pays its own gas (signature type 0, POL): the official client builds the transaction, signs it
and sends it to the chain.

`polymarket-client` comes with the extra [live] and is imported here and nowhere else, the first time it is needed.
Whatever it raises, documented or not, is a failed attempt or an open one, never the end of the executor: before the
transaction can have left it is failed, from then on unknown.

What was sent by an earlier life of this process is not followed: the shares tell (core/executor/reconciling/redemption.py).
"""

import importlib.util
from dataclasses import dataclass, field
from typing import Any

from messages.inner import PollRedeem, RedeemRead, SubmitRedeem
from polybot.adapters.polymarket.calldata import redeem_call
from polybot.adapters.polymarket.signing import Credentials

PACKAGE = "polymarket"
MISSING = (
    "redeeming with signature type 0 sends a transaction of its own, which needs the package polymarket-client: "
    "bin/polybot set-up --live"
)
SENDING = "eth_sendRawTransaction"


def missing() -> str:
    """What to install; "" when it is there. Imports nothing."""
    return "" if importlib.util.find_spec(PACKAGE) else MISSING


@dataclass
class ChainRedeemer:
    """Not thread safe: one a lane. environment: of the official client; None = production."""

    key_hex: str = field(repr=False)
    address: str
    credentials: Credentials
    environment: Any = None

    def __post_init__(self) -> None:
        self._client: Any = None
        self._sent: dict[str, Any] = {}

    def submit(self, wish: SubmitRedeem) -> RedeemRead:
        """One attempt. What fails before the transaction leaves is a clear no; after that, anything but a hash is unknown."""
        why = missing()
        if why:
            return _read(wish, "failed", why=why)
        try:
            from polymarket.calls import TransactionCall
            from polymarket.errors import PolymarketError, SigningError, UserInputError

            call = redeem_call(wish)
            client = self._opened()
        except Exception as exc:  # noqa: BLE001 (somebody else's code; nothing has left yet)
            return _read(wish, "failed", why=f"{type(exc).__name__}: {exc}")
        try:
            handle = client.execute_transaction(calls=[TransactionCall(to=call.to, data="0x" + call.data.hex())])
        except (UserInputError, SigningError) as exc:
            return _read(wish, "failed", why=f"{type(exc).__name__}: {exc}")
        except PolymarketError as exc:
            is_before = getattr(exc, "method", SENDING) != SENDING
            return _read(wish, "failed" if is_before else "unknown", why=f"{type(exc).__name__}: {exc}")
        except Exception as exc:  # noqa: BLE001 (somebody else's code; it may have sent the transaction)
            return _read(wish, "unknown", why=f"{type(exc).__name__}: {exc}")
        self._sent[handle.transaction_hash] = handle
        return _read(wish, "sent", handle.transaction_hash)

    def poll(self, wish: PollRedeem) -> RedeemRead:
        """Look once for the transaction's receipt; unknown for one that an earlier process sent."""
        handle = self._sent.get(wish.tx_id)
        if handle is None:
            return _read(wish, "unknown", why=f"transaction {wish.tx_id} was sent by an earlier life")
        try:
            return self._looked_at(wish, handle)
        except Exception as exc:  # noqa: BLE001 (somebody else's code; the transaction is where it was)
            return _read(wish, "silent", wish.tx_id, f"{type(exc).__name__}: {exc}")

    @staticmethod
    def _looked_at(wish: PollRedeem, handle: Any) -> RedeemRead:
        import dataclasses

        from polymarket.errors import TimeoutError, TransactionFailedError

        try:
            dataclasses.replace(handle, _max_polls=1, _poll_delay_s=0.0).wait()
        except TimeoutError:
            return _read(wish, "sent", wish.tx_id)
        except TransactionFailedError as exc:
            return _read(wish, "failed", wish.tx_id, str(exc))
        return _read(wish, "confirmed", wish.tx_id)

    def _opened(self) -> Any:
        """The official client, kept. It checks our credentials once."""
        if self._client is None:
            from polymarket import ApiKeyCreds
            from polymarket.clients.secure import SecureClient
            from polymarket.environments import PRODUCTION

            known = self.credentials
            self._client = SecureClient.create(
                private_key=self.key_hex,
                wallet=self.address,
                environment=self.environment or PRODUCTION,
                credentials=ApiKeyCreds(key=known.api_key, secret=known.secret, passphrase=known.passphrase),
            )
        return self._client


def _read(wish: SubmitRedeem | PollRedeem, state: Any, tx_id: str = "", why: str = "") -> RedeemRead:
    return RedeemRead(slug=wish.slug, attempt=wish.attempt, state=state, tx_id=tx_id, why=why)
