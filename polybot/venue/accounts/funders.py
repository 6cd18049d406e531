"""Which address holds the money of a wallet, by signature type: the factories' CREATE2 addresses (facts §1.1, §2.3). Pure.

Protocol facts: factories, implementation and beacon of the contracts page; the init code of a minimal proxy (type 1), the
Safe factory's init code hash (type 2), and the ERC-1967 beacon proxy of deposit wallets (type 3, since 2026-05-04).
Tested against addresses that the official SDK derives.
"""

from polybot.adapters.polymarket.eip712 import checksummed, keccak256

PROXY_FACTORY = bytes.fromhex("ab45c5a4b0c941a2f231c04c3f49182e1a254052")
PROXY_IMPLEMENTATION = bytes.fromhex("44e999d5c2f66ef0861317f9a4805ac2e90aeb4f")
SAFE_FACTORY = bytes.fromhex("aacfeea03eb1561c4e67d661e40682bd20e3541b")
SAFE_INIT_HASH = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")
DEPOSIT_FACTORY = bytes.fromhex("00000000000fb5c9adea0298d729a0cb3823cc07")
DEPOSIT_BEACON = bytes.fromhex("7a18edfe055488a3128f01f563e5b479d92ffc3a")
_PROXY_HEAD = bytes.fromhex("3d3d606380380380913d393d73")
_PROXY_MIDDLE = bytes.fromhex("5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73")
_PROXY_TAIL = bytes.fromhex("5af43d82803e903d91602b57fd5bf352e831dd")
_BEACON_HEAD = 0x6100523D8160233D3973  # the length of the arguments is added in its third byte
_BEACON_TAIL = bytes.fromhex(
    "60195155f3363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)


def funder_of(signer: str, signature_type: int) -> str:
    """EIP-55 address of who holds the money; type 0 is the signer itself. Raises ValueError for an unknown type."""
    owner = bytes.fromhex(signer.removeprefix("0x"))
    match signature_type:
        case 0:
            return checksummed(owner)
        case 1:
            return _create2(PROXY_FACTORY, keccak256(owner), keccak256(_proxy_code()))
        case 2:
            return _create2(SAFE_FACTORY, keccak256(_word(owner)), SAFE_INIT_HASH)
        case 3:
            arguments = _word(DEPOSIT_FACTORY) + _word(owner)
            return _create2(DEPOSIT_FACTORY, keccak256(arguments), keccak256(_beacon_code(arguments)))
    raise ValueError(f"signature type {signature_type} is none of 0, 1, 2, 3")


def _proxy_code() -> bytes:
    empty_call = _word(b"\x20") + _word(b"")
    return _PROXY_HEAD + PROXY_FACTORY + _PROXY_MIDDLE + PROXY_IMPLEMENTATION + _PROXY_TAIL + empty_call


def _beacon_code(arguments: bytes) -> bytes:
    head = (_BEACON_HEAD + (len(arguments) << 56)).to_bytes(10, "big")
    return head + DEPOSIT_BEACON + _BEACON_TAIL + arguments


def _create2(factory: bytes, salt: bytes, code_hash: bytes) -> str:
    return checksummed(keccak256(b"\xff" + factory + salt + code_hash)[12:])


def _word(value: bytes) -> bytes:
    return value.rjust(32, b"\0")
