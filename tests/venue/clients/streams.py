"""Every stream of `polymarket-client`, unmodified, at the venue whose addresses are given as JSON; says what came.

Run by test_official_clients.py in the clients' own venv.
"""

import asyncio
import dataclasses
import json
import secrets
import sys
import time
import urllib.request
from collections.abc import AsyncIterable, Callable
from functools import partial
from typing import Any

from eth_account import Account
from polymarket.clients.async_secure import AsyncSecureClient
from polymarket.environments import PRODUCTION, _create_environment
from polymarket.streams import (
    CryptoPricesChainlinkTwapSpec,
    CryptoPriceSpec,
    CryptoPricesSpec,
    CryptoTwapPriceSpec,
    MarketSpec,
    UserSpec,
)

urls = json.loads(sys.argv[1])
done: dict[str, bool] = {}
config = dataclasses.replace(
    PRODUCTION._config,
    clob_url=urls["clob"],
    gamma_url=urls["gamma"],
    data_url=urls["data"],
    relayer_url=urls["relayer"],
    clob_market_ws_url=urls["ws_market"],
    clob_user_ws_url=urls["ws_user"],
    rtds_ws_url=urls["rtds"],
    realtime_ws_url=urls["polybolt"],
)


async def until(handle: AsyncIterable[Any], wanted: Callable[[Any], bool], deadline_s: float = 40.0) -> Any:
    """The first event that is wanted; None if it never came."""
    try:
        async with asyncio.timeout(deadline_s):
            async for event in handle:
                if wanted(event):
                    return event
    except TimeoutError:
        return None


def is_trade(status: str, event: Any) -> bool:
    return getattr(event.payload, "status", "") == status and event.type == "trade"


async def main() -> None:
    key = "0x" + secrets.token_hex(32)
    environment = _create_environment(name="local", config=config)
    wallet = Account.from_key(key).address
    client = await AsyncSecureClient.create(private_key=key, wallet=wallet, environment=environment)
    slug = f"btc-updown-5m-{int(time.time()) // 300 * 300 + 300}"
    with urllib.request.urlopen(f"{urls['gamma']}/markets/slug/{slug}") as answer:
        raw = json.loads(answer.read())
    up, down = json.loads(raw["clobTokenIds"])

    market = await client.subscribe(MarketSpec(asset_ids=[up, down], custom_feature_enabled=True))
    user = await client.subscribe(UserSpec(markets=[raw["conditionId"]]))
    book = await until(market, lambda e: e.type == "book" and e.payload.asset_id == up)
    done["stream a book"] = bool(book and book.payload.bids and book.payload.asks)
    done["stream a price change"] = bool(await until(market, lambda e: e.type == "price_change"))
    done["stream the best prices"] = bool(await until(market, lambda e: e.type == "best_bid_ask"))
    done["stream a public trade"] = bool(await until(market, lambda e: e.type == "last_trade_price"))

    placed = await client.place_limit_order(asset_id=up, price="0.05", size="10", side="BUY")
    seen = await until(user, lambda e: e.topic == "user" and getattr(e.payload, "id", "") == placed.order_id)
    done["stream an order's placement"] = bool(seen and seen.payload.status == "LIVE")
    await client.cancel_order(order_id=placed.order_id)
    gone = await until(user, lambda e: str(getattr(e.payload, "status", "")).startswith("CANCELED"))
    done["stream an order's cancellation"] = bool(gone)
    await client.place_limit_order(asset_id=up, price="0.9", size="10", side="BUY")
    for status in ("MATCHED", "MINED", "CONFIRMED"):
        trade = await until(user, partial(is_trade, status))
        done[f"stream a trade's {status}"] = bool(trade)
    await market.close()
    await user.close()

    async with await client.subscribe(CryptoPricesChainlinkTwapSpec(window_seconds=60)) as twaps:
        print_ = await until(twaps, lambda e: True)
        done["stream RTDS's TWAP"] = bool(print_ and 1_000 < print_.payload.value < 10**7)
    for source, symbol in (("chainlink", "btc/usd"), ("binance", "btcusdt")):
        async with await client.subscribe(CryptoPricesSpec(topic=f"prices.crypto.{source}")) as prices:
            print_ = await until(prices, lambda e: True)
            done[f"stream RTDS's {source}"] = bool(print_ and print_.payload.symbol == symbol)

    for name, spec in (
        ("TWAP", CryptoTwapPriceSpec(symbols=["btcusd"])),
        ("price", CryptoPriceSpec(symbols=["btcusd"])),
    ):
        async with await client.subscribe(spec) as prices:
            snapshot = await until(prices, lambda e: True)
            update = await until(prices, lambda e: e.type == "update")
            done[f"stream PolyBolt's {name}"] = bool(
                snapshot and snapshot.type == "subscribe" and update and 1_000 < update.payload.value < 10**7
            )
    await client.close()


asyncio.run(main())
sys.stdout.write(json.dumps(done) + "\n")
