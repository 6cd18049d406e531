"""Every verb of `polymarket-client`, unmodified, against the venue whose addresses are given as JSON; says what it did.

Run by test_official_clients.py in the clients' own venv.
"""

import dataclasses
import json
import secrets
import sys
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from eth_account import Account
from polymarket._internal.wallet import derive_beacon_deposit_wallet_address as deposit_wallet_of
from polymarket._internal.wallet import derive_proxy_wallet_address as proxy_of
from polymarket._internal.wallet import derive_safe_wallet_address as safe_of
from polymarket.clients.secure import SecureClient
from polymarket.environments import PRODUCTION, _create_environment
from polymarket.errors import PolymarketError

urls = json.loads(sys.argv[1])
done: dict[str, object] = {}


def first(pages: Any) -> Any:
    return pages.first_page().items


def until(read: Callable[[], Any], deadline_s: float = 25.0) -> Any:
    """The chain takes its seconds."""
    end = time.monotonic() + deadline_s
    while not (found := read()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def market(**wish: str) -> Any:
    """Prices move while a marketable order is held for the taker delay: what is killed for that is tried again."""
    for _ in range(7):
        try:
            answer = client.place_market_order(asset_id=up, **wish)
            if answer.ok:
                return answer
        except PolymarketError as refused:
            if "killed" not in str(refused):
                raise
    return client.place_market_order(asset_id=up, **wish)


config = dataclasses.replace(
    PRODUCTION._config,
    clob_url=urls["clob"],
    gamma_url=urls["gamma"],
    data_url=urls["data"],
    relayer_url=urls["relayer"],
    clob_market_ws_url=urls["ws_market"],
    clob_user_ws_url=urls["ws_user"],
    rtds_ws_url=urls["rtds"],
)
key = "0x" + secrets.token_hex(32)
wallet = Account.from_key(key).address
client = SecureClient.create(
    private_key=key, wallet=wallet, environment=_create_environment(name="local", config=config)
)
done["derive credentials"] = len(client.fetch_api_keys()) == 1

slug = f"btc-updown-5m-{int(time.time()) // 300 * 300 + 600}"
with urllib.request.urlopen(f"{urls['gamma']}/markets/slug/{slug}") as answer:
    raw = json.loads(answer.read())
up, down = json.loads(raw["clobTokenIds"])
condition = raw["conditionId"]
done["read a market"] = client.get_market(slug=slug).condition_id == condition
done["read events of a series"] = slug in {e.slug for e in first(client.list_events(series_ids=[10684]))}
done["list markets"] = bool(first(client.list_markets(closed=False)))
done["read a book"] = client.get_order_book(asset_id=up).asset_id == up
done["read books"] = {b.asset_id for b in client.get_order_books(asset_ids=[up, down])} == {up, down}
done["read midpoints"] = set(client.get_midpoints(asset_ids=[up, down])) == {up, down}

start = client.get_balance_allowance(asset_type="COLLATERAL").balance
done["read the grant"] = start == 1_000_000_000
limit = client.place_limit_order(asset_id=up, price="0.05", size="10", side="BUY")
done["limit"] = limit.status == "live"
resting = client.place_limit_order(asset_id=up, price="0.06", size="10", side="BUY", post_only=True)
done["post-only"] = resting.status == "live"
done["read orders"] = {o.id for o in first(client.list_open_orders())} == {limit.order_id, resting.order_id}
done["cancel one"] = client.cancel_order(order_id=limit.order_id).canceled == (limit.order_id,)
done["cancel some"] = client.cancel_orders(order_ids=[resting.order_id]).canceled == (resting.order_id,)
orders = [client.create_limit_order(asset_id=up, price=p, size="10", side="BUY") for p in ("0.05", "0.06")]
done["batch"] = len({leg.order_id for leg in client.post_orders(orders)}) == 2
done["cancel a market's"] = len(client.cancel_market_orders(market=condition).canceled) == 2
client.place_limit_order(asset_id=up, price="0.05", size="10", side="BUY")
done["cancel all"] = len(client.cancel_all().canceled) == 1

fok = market(side="BUY", amount="10", order_type="FOK")
done["FOK BUY"] = fok.status == "matched" and fok.taking_amount > 0
fak = market(side="BUY", amount="10", order_type="FAK")
done["FAK BUY"] = fak.status == "matched" and fak.taking_amount > 0
done["trades confirm"] = until(lambda: all(t.status == "CONFIRMED" for t in first(client.list_account_trades())))
sold = market(side="SELL", shares="6", order_type="FOK")
done["FOK SELL"] = sold.making_amount == Decimal(6)
sold = market(side="SELL", shares="5", order_type="FAK")
done["FAK SELL"] = sold.making_amount == Decimal(5)
done["read trades"] = len(first(client.list_account_trades())) >= 4
done["read balances"] = client.get_balance_allowance(asset_type="COLLATERAL").balance < start
done["read activity"] = len(until(lambda: first(client.list_activity()))) >= 2
done["read positions"] = first(client.list_positions())[0].asset_id == up
done["read value"] = client.get_portfolio_value().value > 0
beat = client.send_order_heartbeat()
done["heartbeat"] = client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id).heartbeat_id != beat.heartbeat_id

environment, factories = _create_environment(name="local", config=config), config.wallet_derivation
for kind, derived in ((1, proxy_of), (2, safe_of), (3, deposit_wallet_of)):
    funder = derived(wallet, factories)
    other = SecureClient.create(private_key=key, wallet=funder, environment=environment)
    placed = other.place_limit_order(asset_id=up, price="0.05", size="10", side="BUY")
    shown = other.get_order(order_id=placed.order_id)
    granted = other.get_balance_allowance(asset_type="COLLATERAL").balance == 1_000_000_000
    done[f"signature type {kind}"] = (
        granted and shown.status == "LIVE" and shown.maker_address.lower() == funder.lower()
    )
    other.cancel_all()
done["read approvals"] = client.get_trading_approvals_state().is_fully_approved
done["read holders"] = bool(first(client.list_market_holders(condition_ids=[condition])))
done["read price history"] = bool(first(client.list_price_history(asset_id=up, interval="1h")))
done["search"] = bool(first(client.search(q="bitcoin")))
sys.stdout.write(json.dumps({name: bool(worked) for name, worked in done.items()}) + "\n")
