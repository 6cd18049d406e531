"""Orders and redemptions as `polymarket-client` signs them: one JSON line in, one out. Run in the clients' own venv.

in   {"order": {…fields…, "signer_key"}}            out  {"id", "signature", "payload"}
     {"redeem": {"condition_id", "nonce", …}}       out  {"data", "proxy", "safe", "wallet", "proxy_data"}
"""

import json
import sys
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from polymarket._internal.actions.orders.orders import create_signed_order
from polymarket._internal.actions.orders.post import build_post_order_request
from polymarket._internal.actions.orders.typed_data import build_order_signature, build_order_typed_data
from polymarket._internal.actions.orders.types import UnsignedOrder
from polymarket._internal.actions.relayer import calls
from polymarket._internal.actions.relayer.signing import deposit_wallet, proxy, safe
from polymarket._internal.protocol import is_v2_position_id
from polymarket.environments import PRODUCTION

config = PRODUCTION._config


def signed(fields: dict[str, Any]) -> dict[str, Any]:
    """An order, from unsigned to the payload of POST /order."""
    owner, signer = fields.pop("owner"), Account.from_key(fields.pop("key"))
    post_only, neg_risk = fields.pop("post_only"), fields.pop("neg_risk")
    if is_v2_position_id(fields["token_id"]):
        exchange, version = config.exchange_v3, "3"
    else:
        exchange, version = config.neg_risk_exchange if neg_risk else config.standard_exchange, "2"
    order = UnsignedOrder(chain_id=config.chain_id, exchange_address=exchange, protocol_version=version, **fields)
    plain = signer.sign_typed_data(full_message=build_order_typed_data(order)).signature.hex()
    signature = build_order_signature(order, "0x" + plain.removeprefix("0x"))
    _, payload = build_post_order_request(
        create_signed_order(order, signature, post_only=post_only), owner_api_key=owner
    )
    standard = build_order_typed_data(UnsignedOrder(**{**vars_of(order), "signature_type": 0}))
    standard["message"]["signatureType"] = order.signature_type
    message = encode_typed_data(full_message=standard)
    id_ = "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()
    return {"id": id_, "signature": signature, "payload": payload}


def vars_of(order: UnsignedOrder) -> dict[str, Any]:
    """Its fields, whether it has a __dict__ or slots."""
    return {name: getattr(order, name) for name in UnsignedOrder.__dataclass_fields__}


def redeemed(wish: dict[str, Any]) -> dict[str, Any]:
    """A redemption, signed by each kind of wallet."""
    signer, wallet, nonce = Account.from_key(wish["key"]), wish["wallet"], wish["nonce"]
    adapter = config.neg_risk_collateral_adapter if wish["neg_risk"] else config.collateral_adapter
    call = calls.ctf_redeem_positions_call(
        ctf=adapter, collateral=config.collateral_token, condition_id=wish["condition_id"]
    )
    by_proxy = calls.encode_proxy_call([call])
    hashed = proxy.build_proxy_transaction_hash(
        from_address=signer.address,
        to=config.wallet_derivation.proxy_factory,
        data=by_proxy,
        relayer_fee="0",
        gas_price="0",
        gas_limit="200000",
        nonce=nonce,
        relay_hub=config.relay_hub,
        relay=wish["relay"],
    )
    return {
        "to": call.to,
        "data": call.data,
        "proxy_data": by_proxy,
        "PROXY": proxy.sign_proxy_message(signer, hashed),
        "SAFE": safe.sign_safe_transaction(
            signer,
            safe_address=wallet,
            to=call.to,
            data=call.data,
            value=0,
            operation=0,
            nonce=nonce,
            chain_id=config.chain_id,
        ),
        "WALLET": deposit_wallet.sign_deposit_wallet_batch(
            signer, wallet=wallet, calls=[call], nonce=nonce, deadline=wish["deadline"], chain_id=config.chain_id
        ),
    }


for line in sys.stdin:
    asked = json.loads(line)
    told = signed(asked["order"]) if "order" in asked else redeemed(asked["redeem"])
    sys.stdout.write(json.dumps(told) + "\n")
