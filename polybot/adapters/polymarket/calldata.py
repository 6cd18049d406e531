"""What a redemption says to the chain: the bytes of one contract call, and of that call made by a proxy wallet.

A standard market is redeemed whole through the collateral adapters (pUSD; the raw contract would pay another coin:
facts §13), a protocol-v2 position by amount through the router (facts §5.9).
"""

from typing import NamedTuple

from messages.inner import SubmitRedeem
from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.eip712 import address_word, keccak256, word

PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
PROXY_CALL = 1  # a plain call, in the proxy factory's own numbers


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


_REDEEM = _selector("redeemPositions(address,bytes32,bytes32,uint256[])")
_ROUTER_REDEEM = _selector("redeem(bytes31,uint256,uint256)")
_PROXY = _selector("proxy((uint8,address,uint256,bytes)[])")


class Call(NamedTuple):
    """One contract call without value: the contract and its calldata."""

    to: str
    data: bytes


def redeem_call(wish: SubmitRedeem) -> Call:
    """The call that redeems the market's shares; raises ValueError for what cannot be told to the chain in one call."""
    positions = {int(token): size for token, size in wish.shares.items()}
    if any(eip712.is_position_id(token) for token in positions):
        if len(positions) != 1:
            raise ValueError("a protocol-v2 market of two winning sides is redeemed position by position")
        return _position_call(*next(iter(positions.items())))
    condition = bytes.fromhex(wish.condition_id.removeprefix("0x"))
    if len(condition) != 32:
        raise ValueError(f"condition id {wish.condition_id!r} is not 32 bytes of hex")
    arguments = (address_word(PUSD), bytes(32), condition, word(4 * 32), word(2), word(1), word(2))
    return Call(NEG_RISK_ADAPTER if wish.neg_risk else ADAPTER, _REDEEM + b"".join(arguments))


def _position_call(token: int, size_e6: int) -> Call:
    """A position's id is its condition's 31 bytes and the outcome's number."""
    id_ = word(token)
    return Call(ROUTER, _ROUTER_REDEEM + id_[:31] + b"\0" + word(id_[31]) + word(size_e6))


def proxy_call(call: Call) -> bytes:
    """The same call, made by a proxy wallet through its factory: a list of one (kind, to, value, data)."""
    padded = call.data + bytes(-len(call.data) % 32)
    inner = word(PROXY_CALL) + address_word(call.to) + word(0) + word(4 * 32) + word(len(call.data)) + padded
    return _PROXY + word(32) + word(1) + word(32) + inner
