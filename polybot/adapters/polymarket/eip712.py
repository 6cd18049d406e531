"""What is signed on Polymarket: EIP-712 digests of orders (CLOB V2) and of ClobAuth, by two hashes each.

An order's digest is its id at the venue, known before it is sent. Everything that does not depend on the order (type
hashes, domain separators) is computed once. Sources: facts §1.1, §2.1, §2.3, §5.1, §5.9.
"""

from typing import NamedTuple

import coincurve

from polybot.adapters.polymarket.keccak import keccak256 as keccak256
from polybot.core.eip55 import with_case

POLYGON = 137
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

ORDER_TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WALLET_TYPE = (
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
_AUTH_TYPE = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_AUTH_MESSAGE = b"This message attests that I control the given wallet"
_V2_ASSET_MASK = ((1 << 64) - 1) << 40  # all zero in a token id: a protocol-v2 position, traded on Exchange V3

ZERO_32 = bytes(32)


def word(value: int) -> bytes:
    """An integer as 32 bytes; OverflowError when negative or too large."""
    return value.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """An address as 32 bytes; ValueError unless it is 0x and 40 hex digits."""
    if len(address) != 42 or address[:2] != "0x":
        raise ValueError(f"not an address: {address!r}")
    return bytes(12) + bytes.fromhex(address[2:])


def domain_separator(version: str, contract: str, chain_id: int = POLYGON) -> bytes:
    """EIP-712's domain hash of an exchange contract in this version."""
    return keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"Polymarket CTF Exchange")
        + keccak256(version.encode())
        + word(chain_id)
        + address_word(contract)
    )


def auth_domain_separator(chain_id: int = POLYGON) -> bytes:
    """EIP-712's domain hash of ClobAuth: version "1" for ever, and no contract."""
    return keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
        + keccak256(b"ClobAuthDomain")
        + keccak256(b"1")
        + word(chain_id)
    )


ORDER_TYPE_HASH = keccak256(ORDER_TYPE)
STANDARD_DOMAIN = domain_separator("2", EXCHANGE)
NEG_RISK_DOMAIN = domain_separator("2", NEG_RISK_EXCHANGE)
V3_DOMAIN = domain_separator("3", EXCHANGE_V3)
AUTH_DOMAIN = auth_domain_separator()
_AUTH_TYPE_HASH = keccak256(_AUTH_TYPE)
_AUTH_MESSAGE_HASH = keccak256(_AUTH_MESSAGE)
_WALLET_TYPE_HASH = keccak256(_WALLET_TYPE + ORDER_TYPE)
_WALLET_NAME_VERSION = keccak256(b"DepositWallet") + keccak256(b"1")


class OrderStruct(NamedTuple):
    """The signed struct. maker, signer: 32-byte words; metadata, builder: 32 bytes; side 0 BUY, 1 SELL; amounts × 10^6."""

    salt: int
    maker: bytes
    signer: bytes
    token: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp_ms: int
    metadata: bytes = ZERO_32
    builder: bytes = ZERO_32


def is_position_id(token: int) -> bool:
    """A protocol-v2 position, traded on Exchange V3 (facts §5.9)."""
    return not token & _V2_ASSET_MASK


def order_domain(token: int, neg_risk: bool) -> bytes:
    """Which exchange contract, and which version of it, an order for this token is signed for."""
    if is_position_id(token):
        return V3_DOMAIN
    return NEG_RISK_DOMAIN if neg_risk else STANDARD_DOMAIN


def struct_hash(order: OrderStruct) -> bytes:
    """EIP-712's hash of the order alone, without a domain."""
    return keccak256(
        b"".join(
            (
                ORDER_TYPE_HASH,
                order.salt.to_bytes(32, "big"),
                order.maker,
                order.signer,
                order.token.to_bytes(32, "big"),
                order.maker_amount.to_bytes(32, "big"),
                order.taker_amount.to_bytes(32, "big"),
                order.side.to_bytes(32, "big"),
                order.signature_type.to_bytes(32, "big"),
                order.timestamp_ms.to_bytes(32, "big"),
                order.metadata,
                order.builder,
            )
        )
    )


def digest(domain: bytes, hashed: bytes) -> bytes:
    """What is signed of an order, which is also its id at the venue."""
    return keccak256(b"\x19\x01" + domain + hashed)


def auth_digest(address: str, timestamp_s: int, nonce: int, domain: bytes = AUTH_DOMAIN) -> bytes:
    """What is signed of ClobAuth: `address` attests that it is ours at this world second."""
    return digest(
        domain,
        keccak256(
            _AUTH_TYPE_HASH
            + address_word(address)
            + keccak256(str(timestamp_s).encode())
            + word(nonce)
            + _AUTH_MESSAGE_HASH
        ),
    )


def personal(hashed: bytes) -> bytes:
    """32 bytes as a wallet signs them for people (EIP-191), so that they can be no order."""
    return keccak256(b"\x19Ethereum Signed Message:\n32" + hashed)


def sign(key: coincurve.PrivateKey, hashed: bytes) -> bytes:
    """65 bytes r ‖ s ‖ v with v 27 or 28; deterministic (RFC 6979)."""
    signature: bytes = key.sign_recoverable(hashed, hasher=None)
    return signature[:64] + (b"\x1b", b"\x1c")[signature[64]]


def wallet_signature(
    key: coincurve.PrivateKey, wallet: str, domain: bytes, hashed: bytes, chain_id: int = POLYGON
) -> bytes:
    """Signature type 3: the order's struct hash signed for a deposit wallet (ERC-7739), 317 bytes (facts §2.3)."""
    typed = keccak256(
        _WALLET_TYPE_HASH + hashed + _WALLET_NAME_VERSION + word(chain_id) + address_word(wallet) + ZERO_32
    )
    inner = sign(key, digest(domain, typed))
    return inner + domain + hashed + ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")


def checksummed(address: bytes) -> str:
    """An address of 20 bytes as people write it, with EIP-55's capitals."""
    text = address.hex()
    return with_case(text, keccak256(text.encode()).hex())


def address_of(key: coincurve.PublicKey) -> str:
    """The account address (EIP-55 checksummed) of a public key."""
    return checksummed(keccak256(key.format(compressed=False)[1:])[12:])


def recover_address(hashed: bytes, signature: bytes) -> str:
    """Whose plain 65-byte signature this is; ValueError when it is nobody's."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise ValueError("a signature is 65 bytes ending in 27 or 28")
    flat = signature[:64] + bytes((signature[64] - 27,))
    try:
        return address_of(coincurve.PublicKey.from_signature_and_message(flat, hashed, hasher=None))
    except Exception as exc:  # coincurve raises a bare Exception on an invalid point
        raise ValueError(f"not a signature: {exc}") from exc
