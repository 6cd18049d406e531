"""Every verb of `py-clob-client-v2`, unmodified, against the venue whose addresses are given as JSON; says what it did.

Run by test_official_clients.py in the clients' own venv.
"""

import json
import secrets
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from py_clob_client_v2 import clob_types as t
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.exceptions import PolyApiException

urls = json.loads(sys.argv[1])
done: dict[str, object] = {}


def until(read: Callable[[], bool], deadline_s: float = 25.0) -> bool:
    """The chain takes its seconds."""
    end = time.monotonic() + deadline_s
    while not (found := read()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


key = "0x" + secrets.token_hex(32)
credentials = ClobClient(urls["clob"], chain_id=137, key=key).create_or_derive_api_key()
client = ClobClient(urls["clob"], chain_id=137, key=key, creds=credentials)
done["derive credentials"] = client.derive_api_key().api_key == credentials.api_key

slug = f"btc-updown-5m-{int(time.time()) // 300 * 300 + 600}"
with urllib.request.urlopen(f"{urls['gamma']}/markets/slug/{slug}") as answer:
    raw = json.loads(answer.read())
up, down = json.loads(raw["clobTokenIds"])
condition = raw["conditionId"]
both = [t.BookParams(token_id=up, side="BUY"), t.BookParams(token_id=down, side="SELL")]
done["read a market"] = client.get_market(condition)["condition_id"] == condition
done["list markets"] = bool(client.get_markets()["data"] and client.get_sampling_simplified_markets()["data"])
done["read a book"] = client.get_order_book(up)["asset_id"] == up
done["read books"] = len(client.get_order_books(both)) == 2
done["read prices"] = set(client.get_prices(both)) == set(client.get_midpoints(both)) == {up, down}
history = client.get_prices_history(t.PricesHistoryParams(market=up, interval="1h", fidelity=1))
done["read price history"] = isinstance(history["history"], list)
collateral = t.BalanceAllowanceParams(asset_type="COLLATERAL", signature_type=0)
start = int(client.get_balance_allowance(collateral)["balance"])
done["read the grant"] = start == 1_000_000_000


def limit(price: float, **more: Any) -> Any:
    return client.create_and_post_order(t.OrderArgs(token_id=up, price=price, size=10, side="BUY"), **more)


def market(side: str, amount: float, kind: t.OrderType) -> Any:
    """Prices move while a marketable order is held for the taker delay: what is killed for that is tried again."""
    wish = t.MarketOrderArgs(token_id=up, amount=amount, side=side, order_type=kind)
    for _ in range(7):
        try:
            return client.create_and_post_market_order(wish, order_type=kind)
        except PolyApiException as refused:
            if "killed" not in str(refused):
                raise
    return client.create_and_post_market_order(wish, order_type=kind)


one = limit(0.05)
two = limit(0.06, order_type=t.OrderType.GTC, post_only=True)
done["limit"], done["post-only"] = one["status"] == "live", two["status"] == "live"
done["read an order"] = client.get_order(one["orderID"])["original_size"] == "10"
done["read orders"] = {o["id"] for o in client.get_open_orders()} == {one["orderID"], two["orderID"]}
done["scoring"] = client.is_order_scoring(t.OrderScoringParams(orderId=one["orderID"]))["scoring"] is True
done["cancel one"] = client.cancel_order(t.OrderPayload(orderID=one["orderID"]))["canceled"] == [one["orderID"]]
done["cancel some"] = client.cancel_orders([two["orderID"]])["canceled"] == [two["orderID"]]
signed = [client.create_order(t.OrderArgs(token_id=up, price=p, size=10, side="BUY")) for p in (0.05, 0.06)]
legs = client.post_orders([t.PostOrdersV2Args(order=o, orderType=t.OrderType.GTC) for o in signed])
done["batch"] = [leg["status"] for leg in legs] == ["live", "live"]
canceled = client.cancel_market_orders(t.OrderMarketCancelParams(market=condition))["canceled"]
done["cancel a market's"] = len(canceled) == 2
limit(0.05)
done["cancel all"] = len(client.cancel_all()["canceled"]) == 1
done["notifications"] = bool(client.get_notifications())

done["FOK BUY"] = market("BUY", 10, t.OrderType.FOK)["status"] == "matched"
done["FAK BUY"] = market("BUY", 10, t.OrderType.FAK)["status"] == "matched"
done["trades confirm"] = until(lambda: all(row["status"] == "CONFIRMED" for row in client.get_trades()))
done["FOK SELL"] = market("SELL", 6, t.OrderType.FOK)["makingAmount"] == "6"
done["FAK SELL"] = market("SELL", 5, t.OrderType.FAK)["makingAmount"] == "5"
done["read trades"] = len(client.get_trades()) >= 4
done["read balances"] = int(client.get_balance_allowance(collateral)["balance"]) < start
for kind, funder in (
    (1, "0x" + secrets.token_hex(20)),
    (2, "0x" + secrets.token_hex(20)),
    (3, "0x" + secrets.token_hex(20)),
):
    proxy = ClobClient(urls["clob"], chain_id=137, key=key, creds=credentials, signature_type=kind, funder=funder)
    placed = proxy.create_and_post_order(t.OrderArgs(token_id=up, price=0.05, size=10, side="BUY"))
    shown = proxy.get_order(placed["orderID"])
    done[f"signature type {kind}"] = shown["maker_address"].lower() == funder and shown["status"] == "LIVE"
client.cancel_all()
done["heartbeat"] = bool(client.post_heartbeat("")["heartbeat_id"])
done["delete the key"] = client.delete_api_key() == "OK"
sys.stdout.write(json.dumps({name: bool(worked) for name, worked in done.items()}) + "\n")
