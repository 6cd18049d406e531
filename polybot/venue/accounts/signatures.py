"""Whose signature is it? The venue recovers signers; nothing it is told about them is believed.

Hashing is the adapters' (tested against the published vectors); fees, amounts and matching are nobody's but ours.
"""

from dataclasses import dataclass
from typing import Any, Literal

from polybot.adapters.polymarket import eip712

ORDER_TYPES = ("GTC", "GTD", "FOK", "FAK")
WRAPPED_BYTES = 317  # signature type 3: inner, domain, struct hash, type string, its length
_WALLET_TYPE_HASH = eip712.keccak256(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + eip712.ORDER_TYPE
)
_WALLET_NAME_VERSION = eip712.keccak256(b"DepositWallet") + eip712.keccak256(b"1")


class BadOrder(ValueError):
    """An order that the venue refuses; the text is the venue's own `error`."""


@dataclass(frozen=True)
class WireOrder:
    """An envelope of POST /order that is well formed; amounts in millionths. order_id is the digest we computed."""

    order_id: str
    digest: bytes
    struct_hash: bytes
    domain: bytes
    maker: str
    signer: str
    token_id: str
    maker_e6: int
    taker_e6: int
    side: Literal["BUY", "SELL"]
    signature_type: int
    signature: bytes
    expiration_s: int
    order_type: Literal["GTC", "GTD", "FOK", "FAK"]
    post_only: bool
    owner: str


def recover_clob_auth(address: str, timestamp: str, nonce: int, signature: str) -> str | None:
    """The address that signed this ClobAuth message, None when it is nobody's."""
    try:
        digest = eip712.auth_digest(address, int(timestamp), nonce)
        return eip712.recover_address(digest, bytes.fromhex(signature.removeprefix("0x")))
    except (ValueError, OverflowError):
        return None


def read_envelope(body: Any) -> WireOrder:
    """Parse and hash; raises BadOrder("Invalid order payload") for anything malformed."""
    try:
        return _read(body)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as exc:
        raise BadOrder("Invalid order payload") from exc


def _read(body: Any) -> WireOrder:
    order = body["order"]
    order_type, side = body["orderType"], order["side"]
    if order_type not in ORDER_TYPES or side not in ("BUY", "SELL") or not isinstance(order["salt"], int):
        raise ValueError("unknown order type or side")
    if not str(order["tokenId"]).isdigit():
        raise ValueError("token id")
    token, kind = int(order["tokenId"]), int(order["signatureType"])
    maker_e6, taker_e6 = int(order["makerAmount"]), int(order["takerAmount"])
    if kind not in (0, 1, 2, 3) or maker_e6 <= 0 or taker_e6 <= 0:
        raise ValueError("signature type or amounts")
    hashed = eip712.struct_hash(
        eip712.OrderStruct(
            salt=order["salt"],
            maker=eip712.address_word(order["maker"]),
            signer=eip712.address_word(order["signer"]),
            token=token,
            maker_amount=maker_e6,
            taker_amount=taker_e6,
            side=0 if side == "BUY" else 1,
            signature_type=kind,
            timestamp_ms=int(order["timestamp"]),
            metadata=_bytes32(order["metadata"]),
            builder=_bytes32(order["builder"]),
        )
    )
    domain = eip712.order_domain(token, neg_risk=False)
    digest = eip712.digest(domain, hashed)
    return WireOrder(
        order_id="0x" + digest.hex(),
        digest=digest,
        struct_hash=hashed,
        domain=domain,
        maker=order["maker"],
        signer=order["signer"],
        token_id=str(order["tokenId"]),
        maker_e6=maker_e6,
        taker_e6=taker_e6,
        side=side,
        signature_type=kind,
        signature=bytes.fromhex(order["signature"].removeprefix("0x")),
        expiration_s=int(order.get("expiration", "0") or 0),
        order_type=order_type,
        post_only=bool(body.get("postOnly", False)),
        owner=str(body["owner"]),
    )


def _bytes32(text: str) -> bytes:
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError("32 bytes expected")
    return value


def check_parties(order: WireOrder, key_address: str, api_key: str) -> None:
    """Owner, signer, maker and signature against the API key's wallet; raises BadOrder with the text of facts §5.6."""
    if order.owner != api_key:
        raise BadOrder("the order owner has to be the owner of the API KEY")
    signed_by = _signed_by(order)
    if signed_by is None:
        raise BadOrder("invalid signature")
    wallet = order.maker if order.signature_type == 3 else key_address
    if order.signer.lower() != wallet.lower():
        raise BadOrder("the order signer address has to be the address of the API KEY")
    if order.signature_type == 0 and order.maker.lower() != order.signer.lower():
        raise BadOrder("invalid signature")
    if signed_by.lower() != key_address.lower():
        raise BadOrder("invalid signature")


def _signed_by(order: WireOrder) -> str | None:
    try:
        if order.signature_type == 3:
            return _unwrapped(order)
        return eip712.recover_address(order.digest, order.signature)
    except ValueError:
        return None


def _unwrapped(order: WireOrder) -> str:
    """ERC-7739: the inner signature is over the order as typed data of the deposit wallet."""
    signature = order.signature
    tail = order.domain + order.struct_hash + eip712.ORDER_TYPE + len(eip712.ORDER_TYPE).to_bytes(2, "big")
    if len(signature) != WRAPPED_BYTES or signature[65:] != tail:
        raise ValueError("not a wrapped signature of this order")
    typed = eip712.keccak256(
        _WALLET_TYPE_HASH
        + order.struct_hash
        + _WALLET_NAME_VERSION
        + eip712.word(eip712.POLYGON)
        + eip712.address_word(order.maker)
        + eip712.ZERO_32
    )
    return eip712.recover_address(eip712.digest(order.domain, typed), signature[:65])
