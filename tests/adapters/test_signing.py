"""Signatures, ids and bodies against vectors made by the official clients and by independent implementations."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Side
from messages.inner import OrderFields, SignOrder
from polybot.adapters.polymarket import eip712, keccak
from polybot.adapters.polymarket.signing import (
    Credentials,
    OrderSigner,
    RequestSigner,
    Wallet,
    auth_headers,
)

KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
FUNDER = "0x" + "22" * 20
TOKEN = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
ZERO = "0x" + "00" * 32
ORDER_A = "0x83e41f37ea5cbae57243eb46addd3e8073b4c5f1430a75a9af36fd73bca45c5e"
SIDES: tuple[Side, ...] = ("BUY", "SELL")
VECTORS = Path(__file__).parents[3] / "shared/data/signing-vectors/vectors.json"


the_fields = partial(
    OrderFields, salt=271828182845, token_id=TOKEN, maker_e6=2_600_000, taker_e6=5_000_000, side="BUY",
    timestamp_ms=1795132800123, metadata=ZERO, neg_risk=False, order_type="GTC", post_only=False, expiration_s=0,
)  # fmt: skip
"""Order A of facts §5.2."""


def a_wish(fields: OrderFields = the_fields()) -> SignOrder:  # noqa: B008
    return SignOrder(intent_id="main/rsi_ema/btc-updown-5m-1795132800/1", fields=fields)


def signer(signature_type: int = 0, funder: str = "") -> OrderSigner:
    return OrderSigner(Wallet(KEY), "5b1f0e0a-2c53-7b1e-9d0c-0a4d5e3a91f7", signature_type, funder)


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    if not VECTORS.exists():
        pytest.skip("the shared signing vectors are not here")
    loaded: dict[str, Any] = json.loads(VECTORS.read_text())
    return loaded


def test_type_hash_and_domain_separators_are_the_known_ones() -> None:
    assert hexed(eip712.ORDER_TYPE_HASH) == "0xbb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    assert len(eip712.ORDER_TYPE) == 186
    assert hexed(eip712.STANDARD_DOMAIN) == "0x3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"
    assert hexed(eip712.NEG_RISK_DOMAIN) == "0x9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a"
    assert hexed(eip712.V3_DOMAIN) == "0x466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"
    assert hexed(eip712.AUTH_DOMAIN) == "0xcfc66be2a3b30464cb3b588324101f660c9a205fa76e8e5f83ee16a528e1c4cb"


def test_a_wallet_knows_its_address_and_never_shows_its_key() -> None:
    wallet = Wallet(KEY)
    assert wallet.address == ADDRESS
    assert "11" * 8 not in repr(wallet)
    assert "s3cret" not in repr(Credentials("key", "s3cret", "phrase"))
    with pytest.raises(ValueError, match="expected 64 hex digits") as info:
        Wallet("deadbeef-not-a-key")
    assert "deadbeef" not in str(info.value)


def test_clob_auth_is_signed_as_the_official_client_signs_it() -> None:
    headers = auth_headers(Wallet(KEY), 1795132800)
    assert hexed(eip712.auth_digest(ADDRESS, 1795132800, 0)) == (
        "0xa232068fc0ee5957fc4a6e8c9d0340ac07814a8ae7c88a01226bf556358b9a71"
    )
    assert headers == {
        "POLY_ADDRESS": ADDRESS,
        "POLY_SIGNATURE": "0xbfcc380b2878890d5c98e80c0fd53a29419f64dc0edb8cbbf5a6eae7198442d1"
        "7443b135f3bd7750326e678600c9458679f6b9ce11b2c4f0c9ca97ea2191f3ec1b",
        "POLY_TIMESTAMP": "1795132800",
        "POLY_NONCE": "0",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/data/orders", b"", "p4ygqcTwMhxeTnfOd0xuT8-qPp3daMmIrXBsAz0ft3M="),
        (
            "DELETE",
            "/order",
            b'{"orderID":"0x' + b"ab" * 32 + b'"}',
            "__jorHYxx1s-pe26GK6VLOyK_TDW-HXm0y4VWWrBOC4=",
        ),
    ],
)
def test_private_requests_carry_the_known_hmac(method: str, path: str, body: bytes, expected: str) -> None:
    requests = RequestSigner(ADDRESS, Credentials("5b1f", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "7d0f"))
    headers = requests.headers(1795132800, method, path, body)
    assert headers == {
        "POLY_ADDRESS": ADDRESS,
        "POLY_API_KEY": "5b1f",
        "POLY_PASSPHRASE": "7d0f",
        "POLY_TIMESTAMP": "1795132800",
        "POLY_SIGNATURE": expected,
    }


def test_order_a_has_the_known_struct_hash_id_and_signature() -> None:
    word = eip712.address_word(ADDRESS)
    order = eip712.OrderStruct(271828182845, word, word, int(TOKEN), 2600000, 5000000, 0, 0, 1795132800123)
    assert hexed(eip712.struct_hash(order)) == "0x9d123d3cd348027a1095de92f635c8bc5dec33a83a45d11a49534c63f54797de"
    signed = signer().sign(a_wish())
    assert signed.order_id == ORDER_A
    assert json.loads(signed.body)["order"]["signature"] == (
        "0x6203bc6416a2cac5c751b5d09094e910bf82c7c8b8036449f8d7b39e4cb2106f"
        "29daac6b7260353dde4e0eab980a2051ad5fbe2731ab65dd589d3c377af8414c1c"
    )


@pytest.mark.parametrize(
    ("signature_type", "expected"),
    [
        (1, "0xe3cdcdfcb2bca6a74633de13c419ce1cffdb53664b3f629535a2bcf3e475447f"),
        (2, "0x473e1d96e7b820e1a51e1bb6af453c3c3dd6db660b828367fe2e058da0324fc8"),
        (3, "0x6e33245e8f464dbe6e35e3973cd8e208169c10789ed055c01b8309248f7916ce"),
    ],
)
def test_a_funded_order_has_the_known_id(signature_type: int, expected: str) -> None:
    signed = signer(signature_type, FUNDER).sign(a_wish())
    assert signed.order_id == expected
    order = json.loads(signed.body)["order"]
    assert order["maker"] == FUNDER
    assert order["signer"] == (FUNDER if signature_type == 3 else ADDRESS)
    assert len(order["signature"]) == 2 + 2 * (317 if signature_type == 3 else 65)


def test_a_neg_risk_order_is_signed_for_the_other_exchange() -> None:
    assert signer().sign(a_wish(the_fields(neg_risk=True))).order_id == (
        "0xfc12be377aa26925c8f211ee4d481a39638472bd67581e9f09af74c8e0bd0935"
    )


def test_a_protocol_v2_token_is_signed_for_exchange_v3() -> None:
    position = (1 << 248) | 1  # binary module, bits 40 … 103 all zero
    assert eip712.order_domain(position, False) == eip712.V3_DOMAIN
    assert eip712.order_domain(position | 1 << 40, False) == eip712.STANDARD_DOMAIN
    assert eip712.order_domain(position | 1 << 103, False) == eip712.STANDARD_DOMAIN
    assert eip712.order_domain(position | 1 << 104, False) == eip712.V3_DOMAIN


def test_the_body_is_compact_and_says_what_was_signed() -> None:
    body = signer().sign(a_wish(the_fields(post_only=True))).body
    assert json.dumps(json.loads(body), separators=(",", ":")).encode() == body
    envelope = json.loads(body)
    signature = envelope["order"].pop("signature")
    assert envelope == {
        "deferExec": False,
        "order": {
            "salt": 271828182845,
            "maker": ADDRESS,
            "signer": ADDRESS,
            "tokenId": TOKEN,
            "makerAmount": "2600000",
            "takerAmount": "5000000",
            "side": "BUY",
            "expiration": "0",
            "signatureType": 0,
            "timestamp": "1795132800123",
            "metadata": ZERO,
            "builder": ZERO,
        },
        "orderType": "GTC",
        "owner": "5b1f0e0a-2c53-7b1e-9d0c-0a4d5e3a91f7",
        "postOnly": True,
    }
    assert eip712.recover_address(bytes.fromhex(ORDER_A[2:]), bytes.fromhex(signature[2:])) == ADDRESS
    assert b"postOnly" not in signer().sign(a_wish()).body


@pytest.mark.parametrize(
    "changed",
    [
        {"token_id": "12a"},
        {"token_id": "١٢"},
        {"token_id": str(2**256)},
        {"salt": 2**53},
        {"salt": -1},
        {"maker_e6": 0},
        {"taker_e6": -1},
        {"metadata": "0x12"},
        {"metadata": "00" * 33},
        {"order_type": "FAK", "post_only": True},
    ],
)
def test_what_cannot_be_signed_is_refused_with_a_reason(changed: dict[str, Any]) -> None:
    signed = signer().sign(a_wish(the_fields(**changed)))
    assert (signed.order_id, signed.body) == ("", b"")
    assert signed.why


def test_the_largest_salt_and_token_can_be_signed() -> None:
    assert signer().sign(a_wish(the_fields(salt=2**53 - 1, token_id=str(2**256 - 1)))).why == ""


@pytest.mark.parametrize(("signature_type", "funder"), [(0, FUNDER), (1, ""), (4, FUNDER)])
def test_a_signer_that_could_not_be_paid_is_refused(signature_type: int, funder: str) -> None:
    with pytest.raises(ValueError, match="signature type"):
        signer(signature_type, funder)


@given(data=st.binary(max_size=500))
def test_both_ways_of_hashing_agree(data: bytes) -> None:
    quick = keccak.by_one_call()
    if quick is not None:
        assert quick(data) == keccak.by_object(data)
    assert keccak.keccak256(data) == keccak.by_object(data)


def test_without_a_known_declaration_the_documented_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("Crypto.Hash.keccak._keccak_cdecl", "int keccak_oneshot(void);", raising=False)
    assert keccak.by_one_call() is None


@given(
    salt=st.integers(0, 2**53 - 1),
    token=st.integers(0, 2**256 - 1),
    maker=st.integers(1, 2**63 - 1),
    taker=st.integers(1, 2**63 - 1),
    side=st.sampled_from(SIDES),
    neg_risk=st.booleans(),
)
def test_whatever_is_signed_recovers_to_the_signer(
    salt: int, token: int, maker: int, taker: int, side: Side, neg_risk: bool
) -> None:
    signed = signer().sign(
        a_wish(the_fields(salt=salt, token_id=str(token), maker_e6=maker, taker_e6=taker, side=side, neg_risk=neg_risk))
    )
    signature = bytes.fromhex(json.loads(signed.body)["order"]["signature"][2:])
    assert eip712.recover_address(bytes.fromhex(signed.order_id[2:]), signature) == ADDRESS


@pytest.mark.parametrize("signature", [b"", b"\x00" * 65, b"\xff" * 64 + b"\x1b", b"\x01" * 64 + b"\x1d"])
def test_a_broken_signature_recovers_to_nobody(signature: bytes) -> None:
    with pytest.raises(ValueError, match="signature"):
        eip712.recover_address(b"\x07" * 32, signature)


def test_official_order_vectors_agree(vectors: dict[str, Any]) -> None:
    wallet = Wallet(vectors["privateKey"])
    assert wallet.address == vectors["address"]
    for vector in vectors["v2"]:
        order = vector["order"]
        domain = eip712.domain_separator(vector["domainVersion"], vector["verifyingContract"], vector["chainId"])
        digest = eip712.digest(domain, eip712.struct_hash(order_of(order)))
        assert hexed(digest) == vector["digest"], vector["name"]
        assert hexed(eip712.sign(wallet.key, digest)) == vector["signature"], vector["name"]


def test_the_official_deposit_wallet_vector_agrees(vectors: dict[str, Any]) -> None:
    wallet = Wallet(vectors["privateKey"])
    for vector in vectors["poly1271"]:
        domain = eip712.domain_separator(vector["domainVersion"], vector["verifyingContract"], vector["chainId"])
        hashed = eip712.struct_hash(order_of(vector["order"]))
        assert hexed(domain) == vector["appDomainSeparator"]
        assert hexed(hashed) == vector["contentsHash"]
        signature = eip712.wallet_signature(wallet.key, vector["order"]["maker"], domain, hashed, vector["chainId"])
        assert hexed(signature[:65]) == vector["innerSignature"]
        assert len(signature) == 317


def test_official_auth_and_hmac_vectors_agree(vectors: dict[str, Any]) -> None:
    wallet = Wallet(vectors["privateKey"])
    for vector in vectors["l1ClobAuth"]:
        domain = eip712.auth_domain_separator(vector["chainId"])
        digest = eip712.auth_digest(vector["address"], int(vector["timestamp"]), vector["nonce"], domain)
        assert hexed(digest) == vector["digest"]
        assert hexed(eip712.sign(wallet.key, digest)) == vector["signature"]
    for vector in vectors["l2Hmac"]:
        requests = RequestSigner(ADDRESS, Credentials("k", vector["secret"], "p"))
        body = (vector["body"] or "").encode()
        signature = requests.signature(vector["timestamp"], vector["method"], vector["path"], body)
        assert signature == vector["signature"]


def order_of(order: dict[str, Any]) -> eip712.OrderStruct:
    return eip712.OrderStruct(
        int(order["salt"]),
        eip712.address_word(order["maker"]),
        eip712.address_word(order["signer"]),
        int(order["tokenId"]),
        int(order["makerAmount"]),
        int(order["takerAmount"]),
        order["side"],
        order["signatureType"],
        int(order["timestamp"]),
        bytes.fromhex(order["metadata"][2:]),
        bytes.fromhex(order["builder"][2:]),
    )
