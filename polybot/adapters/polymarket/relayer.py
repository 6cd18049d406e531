"""Redemption through the relayer, which pays the gas for proxy wallets, Safes and deposit wallets (facts §13).

Each wallet signs its own way: a proxy the hash of a relayed call, a Safe a SafeTx, a deposit wallet a batch with a deadline.
The local venue also takes type "EOA", for wallets whose owner would send a transaction of their own on the real chain
(chain.py): play money knows no gas. There too the owner's signature over what is asked is verified.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from messages.inner import PollRedeem, RedeemRead, SubmitRedeem
from polybot.adapters.net.http import HttpConnection, HttpError, Lost, Response
from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.calldata import Call, proxy_call, redeem_call
from polybot.adapters.polymarket.clob_public import answered, described
from polybot.adapters.polymarket.eip712 import address_word, keccak256, word
from polybot.adapters.polymarket.numbers import GARBAGE
from polybot.adapters.polymarket.post_answer import object_of
from polybot.adapters.polymarket.signing import Credentials, RequestSigner, Wallet

KIND = {0: "EOA", 1: "PROXY", 2: "SAFE", 3: "WALLET"}
DEADLINE_S = 600  # of a deposit wallet's batch
PROXY_GAS = "200000"  # what the official client says when it cannot estimate
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
WALLET_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
ZERO = "0x" + "00" * 20
STATES: dict[str, Literal["sent", "mined", "confirmed", "failed"]] = {
    "STATE_NEW": "sent",
    "STATE_EXECUTED": "sent",
    "STATE_MINED": "mined",
    "STATE_CONFIRMED": "confirmed",
    "STATE_FAILED": "failed",
    "STATE_INVALID": "failed",
}
_SAFE_DOMAIN = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_TX = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_CALL = b"Call(address target,uint256 value,bytes data)"
_BATCH = keccak256(b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL)
_WALLET_DOMAIN = (
    keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak256(b"DepositWallet")
    + keccak256(b"1")
)


@dataclass(frozen=True)
class RelayerKey:
    """Who pays: a relayer key of the account's settings (secret ""), or a builder's set of three."""

    key: str = field(repr=False)
    address: str = ""
    secret: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    def headers(self, now_s: int, method: str, path: str, body: bytes) -> dict[str, str]:
        """The headers that sign one request at this world second."""
        if not self.secret:
            return {"RELAYER_API_KEY": self.key, "RELAYER_API_KEY_ADDRESS": self.address}
        signer = RequestSigner("", Credentials(self.key, self.secret, self.passphrase))
        return {
            "POLY_BUILDER_API_KEY": self.key,
            "POLY_BUILDER_PASSPHRASE": self.passphrase,
            "POLY_BUILDER_TIMESTAMP": str(now_s),
            "POLY_BUILDER_SIGNATURE": signer.signature(str(now_s), method, path, body),
        }


@dataclass
class Relayer:
    """Not thread safe: one a lane. now_s: world time. no_key: the sentence for types 1 to 3 without a relayer key."""

    base_url: str
    wallet: Wallet
    signature_type: int
    funder: str
    now_s: Callable[[], int]
    timeout_s: float
    key: RelayerKey | None = None
    no_key: str = "the relayer wants a key"

    def __post_init__(self) -> None:
        self._http = HttpConnection(self.base_url, self.timeout_s)

    # --- the two effects

    def submit(self, wish: SubmitRedeem) -> RedeemRead:
        """One attempt, once. Everything before the last request can only fail; after it, silence is unknown."""
        if self.key is None and self.signature_type:
            return _read(wish, "failed", why=self.no_key)
        try:
            body = msgspec.json.encode(self.payload(wish))
            headers = self._headers("POST", "/submit", body)
        except (HttpError, ValueError) as exc:
            return _read(wish, "failed", why=str(exc))
        try:
            response = self._http.exchange("POST", "/submit", headers, body)
        except Lost as exc:
            return _read(wish, "unknown", why=str(exc))
        except HttpError as exc:
            return _read(wish, "failed", why=str(exc))
        return _submitted(wish, response)

    def poll(self, wish: PollRedeem) -> RedeemRead:
        """Ask once how far the transaction is; silent when no readable answer came."""
        path = f"/v1/account/transactions/{wish.tx_id}"
        try:
            read = answered(self._http.read(path, self._headers("GET", path, b"")))
        except HttpError as exc:
            return _read(wish, "silent", why=str(exc))
        match read:
            case Known({"state": str(state)}) if state in STATES:
                why = str(read.value.get("error_msg") or state) if STATES[state] == "failed" else ""
                return _read(wish, STATES[state], wish.tx_id, why)
            case Empty():
                return _read(wish, "unknown", why=f"the relayer does not know transaction {wish.tx_id}")
            case Unknown(why):
                return _read(wish, "silent", why=why)
            case other:
                return _read(wish, "silent", why=f"not a transaction: {other!r:.200}")

    # --- what is signed

    def payload(self, wish: SubmitRedeem) -> dict[str, Any]:
        """The body of POST /submit, with the wallet's next nonce. Raises HttpError or ValueError: nothing was sent."""
        call = redeem_call(wish)
        owner, kind = self.wallet.address, KIND[self.signature_type]
        common: dict[str, Any] = {"type": kind, "from": owner, "metadata": "Redeem positions"}
        match self.signature_type:
            case 0:
                nonce, _ = self._params("/v1/account/transactions/params")
                signature = self._personal(own_digest(call, nonce))
                return common | {"to": call.to, "data": _hex(call.data), "nonce": str(nonce), "signature": signature}
            case 1:
                return common | self._by_proxy(proxy_call(call))
            case 2:
                return common | self._by_safe(call)
            case _:
                return common | self._by_deposit_wallet(call)

    def _by_proxy(self, data: bytes) -> dict[str, Any]:
        nonce, relay = self._params("/relay-payload")
        signed = b"".join(
            (
                b"rlx:",
                address_word(self.wallet.address)[12:],
                address_word(PROXY_FACTORY)[12:],
                data,
                word(0) + word(0) + word(int(PROXY_GAS)) + word(nonce),
                address_word(RELAY_HUB)[12:],
                address_word(relay)[12:],
            )
        )
        return {
            "to": PROXY_FACTORY,
            "proxyWallet": self.funder,
            "data": _hex(data),
            "nonce": str(nonce),
            "signature": self._personal(keccak256(signed)),
            "signatureParams": {
                "gasLimit": PROXY_GAS,
                "gasPrice": "0",
                "relay": relay,
                "relayHub": RELAY_HUB,
                "relayerFee": "0",
            },
        }

    def _by_safe(self, call: Call) -> dict[str, Any]:
        nonce, _ = self._params("/v1/account/transactions/params")
        domain = keccak256(_SAFE_DOMAIN + word(eip712.POLYGON) + address_word(self.funder))
        hashed = keccak256(
            _SAFE_TX + address_word(call.to) + word(0) + keccak256(call.data) + bytes(6 * 32) + word(nonce)
        )
        plain = self._personal(eip712.digest(domain, hashed))
        return {
            "to": call.to,
            "proxyWallet": self.funder,
            "data": _hex(call.data),
            "nonce": str(nonce),
            "signature": plain[:-2] + f"{int(plain[-2:], 16) + 4:02x}",  # 31 or 32: Safe's mark of a personal signature
            "signatureParams": {
                "baseGas": "0",
                "gasPrice": "0",
                "gasToken": ZERO,
                "operation": "0",
                "refundReceiver": ZERO,
                "safeTxnGas": "0",
            },
        }

    def _by_deposit_wallet(self, call: Call) -> dict[str, Any]:
        nonce, _ = self._params("/v1/account/transactions/params")
        deadline = self.now_s() + DEADLINE_S
        domain = keccak256(_WALLET_DOMAIN + word(eip712.POLYGON) + address_word(self.funder))
        one = keccak256(keccak256(_CALL) + address_word(call.to) + word(0) + keccak256(call.data))
        hashed = keccak256(_BATCH + address_word(self.funder) + word(nonce) + word(deadline) + keccak256(one))
        return {
            "to": WALLET_FACTORY,
            "nonce": str(nonce),
            "signature": _hex(eip712.sign(self.wallet.key, eip712.digest(domain, hashed))),
            "depositWalletParams": {
                "depositWallet": self.funder,
                "deadline": str(deadline),
                "calls": [{"target": call.to, "value": "0", "data": _hex(call.data)}],
            },
        }

    def _personal(self, digest: bytes) -> str:
        return _hex(eip712.sign(self.wallet.key, eip712.personal(digest)))

    # --- the wire

    def _params(self, path: str) -> tuple[int, str]:
        """(the next nonce, the relay's address). Raises ValueError or HttpError: nothing was sent yet."""
        query = f"?address={self.wallet.address}&type={KIND[self.signature_type]}"
        read = answered(self._http.read(path + query, self._headers("GET", path, b"")))
        match read:
            case Known({"nonce": str(nonce), "address": str(address)}) if nonce.isascii() and nonce.isdigit():
                return int(nonce), address
            case Unknown(why):
                raise ValueError(f"no nonce: {why}")
            case other:
                raise ValueError(f"no nonce: {other!r:.200}")

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return self.key.headers(self.now_s(), method, path, body) if self.key else {}


def own_digest(call: Call, nonce: int) -> bytes:
    """What the owner of an EOA signs at the local venue."""
    return keccak256(address_word(call.to) + keccak256(call.data) + word(nonce))


def _submitted(wish: SubmitRedeem, response: Response) -> RedeemRead:
    """2xx with an id is taken, 4xx a clear no; anything else may have been heard."""
    if 400 <= response.status < 500:
        return _read(wish, "failed", why=described(response))
    shown = object_of(response.body)
    try:
        if response.status == 200 and shown is not None and str(shown["transactionID"]):
            return _read(wish, "sent", str(shown["transactionID"]))
    except GARBAGE:
        return _read(wish, "unknown", why=f"an answer without an id: {response.body[:100]!r}")
    return _read(wish, "unknown", why=described(response))


def _read(wish: SubmitRedeem | PollRedeem, state: Any, tx_id: str = "", why: str = "") -> RedeemRead:
    return RedeemRead(slug=wish.slug, attempt=wish.attempt, state=state, tx_id=tx_id, why=why)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
