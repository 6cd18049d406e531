"""10,000 orders and 200 redemptions signed by us and by `polymarket-client`, unmodified: every byte is the same.

The client has a venv of its own, as in test_official_clients.py.
"""

import json
import random
import subprocess
from typing import Any

import pytest

from messages import OrderType
from messages.inner import OrderFields, SignOrder, SubmitRedeem
from polybot.adapters.polymarket import eip712
from polybot.adapters.polymarket.relayer import Relayer, RelayerKey
from polybot.adapters.polymarket.signing import MAX_SALT, OrderSigner, Wallet
from tests.venue.conftest import CLIENTS, Opener

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ORDERS, REDEMPTIONS = 10_000, 200
OWNER = "5b1f0e0a-2c53-7b1e-9d0c-0a4d5e3a91f7"
TYPES: tuple[OrderType, ...] = ("GTC", "GTD", "FOK", "FAK")


def theirs(python: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run(
        [python, str(CLIENTS / "signing.py")], input=lines, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def any_token(luck: random.Random) -> int:
    """A third protocol-v2 positions (domain "3"), the rest of domain "2"; extreme ones among both."""
    if luck.random() < 1 / 3:
        outcome, low = luck.getrandbits(1), luck.getrandbits(32) << 8
        high = luck.choice([0, luck.getrandbits(152), (1 << 152) - 1])
        return (high << 104) | low | outcome
    plain = luck.choice([luck.getrandbits(256), (1 << 256) - 1, 1 << 40, 1 << 103, luck.getrandbits(41) | (1 << 40)])
    return plain if not eip712.is_position_id(plain) else plain | (1 << 50)


def an_amount(luck: random.Random) -> int:
    return luck.choice([1, 10**6, 2**53, 2**62, luck.randrange(1, 10**9), luck.randrange(1, 2**63)])


def an_order(luck: random.Random) -> OrderFields:
    order_type = luck.choice(TYPES)
    return OrderFields(
        salt=luck.choice([0, 1, MAX_SALT, luck.randrange(MAX_SALT)]),
        token_id=str(any_token(luck)),
        maker_e6=an_amount(luck),
        taker_e6=an_amount(luck),
        side=luck.choice(["BUY", "SELL"]),
        timestamp_ms=luck.choice([0, 1_795_132_800_123, 2**53, luck.randrange(10**13)]),
        metadata="0x" + luck.choice(["00" * 32, "ff" * 32, luck.randbytes(32).hex()]),
        neg_risk=luck.random() < 0.5,
        order_type=order_type,
        post_only=order_type in ("GTC", "GTD") and luck.random() < 0.5,
        expiration_s=luck.randrange(2**32) if order_type == "GTD" else 0,
    )


def test_ten_thousand_orders_are_signed_alike(python: str) -> None:
    luck = random.Random(37)
    asked, ours, wallets = [], [], []
    for n in range(ORDERS):
        wallet = Wallet(luck.randbytes(32).hex())
        kind = n % 4
        funder = eip712.checksummed(luck.randbytes(20)) if kind else ""
        signer, fields = OrderSigner(wallet, OWNER, kind, funder), an_order(luck)
        ours.append(signer.sign(SignOrder(intent_id="i", fields=fields)))
        wallets.append(wallet)
        order: dict[str, Any] = {
            "key": "0x" + wallet.key.to_hex(),
            "owner": OWNER,
            "post_only": fields.post_only,
            "neg_risk": fields.neg_risk,
            "builder": "0x" + "00" * 32,
            "expiration": fields.expiration_s,
            "maker": signer.maker,
            "maker_amount": fields.maker_e6,
            "metadata": fields.metadata,
            "order_type": fields.order_type,
            "salt": fields.salt,
            "side": fields.side,
            "signature_type": kind,
            "signer": signer.maker if kind == 3 else wallet.address,
            "taker_amount": fields.taker_e6,
            "timestamp": fields.timestamp_ms,
            "token_id": fields.token_id,
        }
        asked.append({"order": order})
    domains = {eip712.is_position_id(int(a["order"]["token_id"])) for a in asked}
    assert domains == {True, False}, "both domains were drawn"
    for mine, their, wallet, one in zip(ours, theirs(python, asked), wallets, asked, strict=True):
        assert mine.why == "", mine
        body = json.loads(mine.body)
        assert mine.order_id == their["id"], one
        assert body["order"]["signature"] == their["signature"], one
        assert body == their["payload"], one
        if one["order"]["signature_type"] != 3:
            plain = bytes.fromhex(body["order"]["signature"][2:])
            assert eip712.recover_address(bytes.fromhex(mine.order_id[2:]), plain) == wallet.address


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_redemptions_are_signed_alike(python: str, kind: int, opener: Opener) -> None:
    luck = random.Random(kind)
    bench = opener.open()
    deadline_s = bench.clock.ns // 10**9 + 600
    asked, ours = [], []
    for n in range(REDEMPTIONS):
        wallet, funder = Wallet(luck.randbytes(32).hex()), eip712.checksummed(luck.randbytes(20))
        relayer = Relayer(
            bench.urls["relayer"], wallet, kind, funder, lambda: bench.clock.ns // 10**9, 5.0, RelayerKey("k", funder)
        )
        wish = SubmitRedeem(
            slug="s", condition_id="0x" + luck.randbytes(32).hex(), neg_risk=n % 2 == 1, attempt=1, shares={}
        )
        ours.append(relayer.payload(wish))
        asked.append(
            {
                "redeem": {
                    "key": "0x" + wallet.key.to_hex(),
                    "wallet": funder,
                    "nonce": "0",
                    "condition_id": wish.condition_id,
                    "neg_risk": wish.neg_risk,
                    "relay": wallet.address.lower(),
                    "deadline": str(deadline_s),
                }
            }
        )
    for mine, their in zip(ours, theirs(python, asked), strict=True):
        assert mine["signature"] == their[mine["type"]]
        call = mine["depositWalletParams"]["calls"][0] if kind == 3 else mine
        assert call["data"] == their["proxy_data" if kind == 1 else "data"]
        if kind != 1:
            assert (call["target"] if kind == 3 else mine["to"]) == their["to"]
