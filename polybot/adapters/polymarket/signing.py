"""From an order's fields to the exact bytes of POST /order; and the two ways a client says who it is (L1, L2).

The private key lives in these objects and nowhere else: it is never in a message, a repr or an error text.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass, field

import coincurve
import msgspec

from messages.inner import OrderFields, OrderSigned, SignOrder
from polybot.adapters.polymarket import eip712

MAX_SALT = 2**53 - 1  # the salt is a JSON number; beyond this JavaScript rounds it
_ZEROS = "0x" + "00" * 32
_POST_ONLY = ',"postOnly":true'


class Wallet:
    """A private key, kept as an object because building one costs more than signing with it."""

    def __init__(self, key_hex: str) -> None:
        try:
            self.key = coincurve.PrivateKey(bytes.fromhex(key_hex.strip().removeprefix("0x")))
        except (ValueError, TypeError):
            raise ValueError("not a private key: expected 64 hex digits") from None  # never show what was given
        self.address = eip712.address_of(self.key.public_key)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"


@dataclass(frozen=True)
class Credentials:
    """API credentials of a wallet (L2). `api_key` is also the `owner` of its orders."""

    api_key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


def auth_headers(wallet: Wallet, now_s: int, nonce: int = 0) -> dict[str, str]:
    """L1: the wallet itself signs, only to create or derive credentials."""
    signature = eip712.sign(wallet.key, eip712.auth_digest(wallet.address, now_s, nonce))
    return {
        "POLY_ADDRESS": wallet.address,
        "POLY_SIGNATURE": "0x" + signature.hex(),
        "POLY_TIMESTAMP": str(now_s),
        "POLY_NONCE": str(nonce),
    }


class RequestSigner:
    """L2: an HMAC over stamp, method, path without query, and the body's exact bytes."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        try:
            secret = base64.urlsafe_b64decode(credentials.secret + "=" * (-len(credentials.secret) % 4))
        except (binascii.Error, ValueError):
            raise ValueError("the API secret is not base64") from None
        self._mac = hmac.new(secret, digestmod="sha256")
        self._head = {"POLY_ADDRESS": address, "POLY_API_KEY": credentials.api_key}
        self._passphrase = credentials.passphrase

    def signature(self, stamp: str, method: str, path: str, body: bytes = b"") -> str:
        """The HMAC of a request as the header wants it: urlsafe base64 with its padding."""
        mac = self._mac.copy()
        mac.update(f"{stamp}{method}{path}".encode() + body)
        return base64.urlsafe_b64encode(mac.digest()).decode()

    def headers(self, now_s: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """All five headers of a private request at this world second."""
        stamp = str(now_s)
        return self._head | {
            "POLY_PASSPHRASE": self._passphrase,
            "POLY_TIMESTAMP": stamp,
            "POLY_SIGNATURE": self.signature(stamp, method, path, body),
        }


class OrderSigner:
    """Builds, hashes and signs: the executor's synchronous answer to SignOrder.

    funder           who holds the money; the wallet's own address for signature type 0 ("" = that)
    api_key          the orders' `owner`
    signature_type   0 EOA · 1 proxy · 2 Safe · 3 deposit wallet (maker and signer are the funder)
    """

    def __init__(self, wallet: Wallet, api_key: str, signature_type: int = 0, funder: str = "") -> None:
        if signature_type not in (0, 1, 2, 3):
            raise ValueError(f"signature type {signature_type} is none of 0, 1, 2, 3")
        if signature_type == 0 and funder.lower() not in ("", wallet.address.lower()):
            raise ValueError(f"signature type 0 trades its own money: funder {funder} is not {wallet.address}")
        if signature_type != 0 and not funder:
            raise ValueError(f"signature type {signature_type} needs the funder's address")
        self._wallet, self._type = wallet, signature_type
        self.maker = funder if signature_type else wallet.address
        signer = self.maker if signature_type == 3 else wallet.address
        self._maker, self._signer = eip712.address_word(self.maker), eip712.address_word(signer)
        owner = msgspec.json.encode(api_key).decode()
        self._parties = f'"maker":"{self.maker}","signer":"{signer}",'
        self._builder = f'","builder":"{_ZEROS}","signature":"0x'
        self._owner = f'","owner":{owner}'

    def sign(self, word: SignOrder) -> OrderSigned:
        """order_id and body, or `why` and neither. The body has no spaces and a fixed order of keys."""
        try:
            return self._signed(word)
        except (ValueError, OverflowError) as exc:
            return OrderSigned(intent_id=word.intent_id, order_id="", body=b"", why=str(exc))

    def _signed(self, word: SignOrder) -> OrderSigned:
        fields = word.fields
        order = self._order(fields)
        hashed = eip712.struct_hash(order)
        domain = eip712.order_domain(order.token, fields.neg_risk)
        order_id = eip712.digest(domain, hashed)
        if self._type == 3:
            signature = eip712.wallet_signature(self._wallet.key, self.maker, domain, hashed)
        else:
            signature = eip712.sign(self._wallet.key, order_id)
        body = self._body(fields, signature)
        return OrderSigned(intent_id=word.intent_id, order_id="0x" + order_id.hex(), body=body)

    def _order(self, f: OrderFields) -> eip712.OrderStruct:
        """The struct to sign; ValueError says what cannot be."""
        if not (f.token_id.isascii() and f.token_id.isdigit()):
            raise ValueError(f"token id {f.token_id!r} is not a decimal number")
        if not 0 <= f.salt <= MAX_SALT:
            raise ValueError(f"salt {f.salt} is outside 0 … 2^53 - 1")
        if f.maker_e6 <= 0 or f.taker_e6 <= 0:
            raise ValueError(f"amounts must be positive: gives {f.maker_e6}, receives {f.taker_e6} millionths")
        if f.post_only and f.order_type not in ("GTC", "GTD"):
            raise ValueError(f"{f.order_type} cannot be post-only")
        metadata = bytes.fromhex(f.metadata[2:])
        if len(metadata) != 32 or f.metadata[:2] != "0x":
            raise ValueError(f"metadata {f.metadata!r} is not 0x and 32 bytes of hex")
        return eip712.OrderStruct(
            salt=f.salt,
            maker=self._maker,
            signer=self._signer,
            token=int(f.token_id),
            maker_amount=f.maker_e6,
            taker_amount=f.taker_e6,
            side=0 if f.side == "BUY" else 1,
            signature_type=self._type,
            timestamp_ms=f.timestamp_ms,
            metadata=metadata,
        )

    def _body(self, f: OrderFields, signature: bytes) -> bytes:
        """Written by hand: every value is an integer, hex or one of a few words, so nothing needs escaping."""
        return (
            f'{{"deferExec":false,"order":{{"salt":{f.salt},{self._parties}"tokenId":"{f.token_id}",'
            f'"makerAmount":"{f.maker_e6}","takerAmount":"{f.taker_e6}","side":"{f.side}",'
            f'"expiration":"{f.expiration_s}","signatureType":{self._type},"timestamp":"{f.timestamp_ms}",'
            f'"metadata":"{f.metadata}{self._builder}{signature.hex()}"}},'
            f'"orderType":"{f.order_type}{self._owner}{_POST_ONLY if f.post_only else ""}}}'
        ).encode()
