"""The venue's own frames and answers have the keys and types of the recorded ones; what may differ stands in one table.

A schema is path → types; elements of a list share one path ("bids[].price"). Whole and broken numbers are one type, and null
goes with any. Recorded: the sessions and fixtures of ../shared; two samples of a kind are one schema (a key that only some
of them have is optional by itself).
"""

import gzip
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from polybot.venue.wire import clob_frames
from polybot.venue.wire.binance_frames import trade_data
from tests.venue.conftest import Bench, Client

SHARED = Path(__file__).parents[3] / "shared" / "data"
SESSIONS, RUST, PY = (
    SHARED / "polymarket-raw-ws-sessions",
    SHARED / "api-fixtures/nautilus-polymarket-rust",
    SHARED / "api-fixtures/nautilus-polymarket-py",
)
pytestmark = pytest.mark.skipif(not SESSIONS.exists(), reason="the shared recordings are not here")
UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
DOWN = "76630000000000000000000000000000000000000000000000000000000000000000000003403"
CID = "0x" + "74" * 32

Schema = dict[str, set[str]]

# kind → (keys only the recorded one has, keys only ours has); "x." means everything below x
MAY_DIFFER: dict[str, tuple[set[str], set[str]]] = {
    # empty lists here: no reward programmes, tags of a sports market, orders that have no trade yet
    "clob market": ({"rewards.rates"}, set()),
    "market_resolved": ({"tags[]"}, set()),
    "open order": ({"associate_trades[]"}, set()),
    "user order": (set(), {"associate_trades[]"}),
    # facts §5.5, §7.1, §4.2 name these; the (older) fixtures leave them out
    "last_trade_price": (set(), {"transaction_hash"}),
    "order placed": (set(), {"makingAmount", "status", "takingAmount", "tradeIDs", "transactionsHashes"}),
    "trade": (set(), {"maker_orders[].outcome_index"}),
    "user trade": (set(), {"maker_orders[].outcome_index"}),
    # the recorded day is before the TWAP rules of 2026-08-07; liquidity, competitive and price changes are optional there
    "gamma market": (
        {
            "competitive",
            "liquidity",
            "liquidityAmm",
            "liquidityClob",
            "liquidityNum",
            "oneDayPriceChange",
            "oneHourPriceChange",
            "updatedAt",
        },
        {"cryptoMarketConfig", "cryptoMarketConfigId", "polybotSyntheticBooks", "version"},
    ),
}


def schema(value: Any, path: str = "") -> Schema:
    found: Schema = {path: {_type(value)}} if path else {}
    match value:
        case dict():
            for key, each in value.items():
                name = "*" if key.startswith("0x") else key  # a map by id
                merge(found, schema(each, f"{path}.{name}" if path else name))
        case list():
            for each in value:
                merge(found, schema(each, f"{path}[]"))
    return found


def merge(into: Schema, other: Schema) -> None:
    for path, types in other.items():
        into.setdefault(path, set()).update(types)


def _type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case None:
            return "null"
    return type(value).__name__


def differences(kind: str, ours: Schema, recorded: Schema) -> list[str]:
    lacks, adds = MAY_DIFFER.get(kind, (set(), set()))
    found = [f"lacks {p}" for p in recorded.keys() - ours.keys() if not _stands_in(p, lacks)]
    found += [f"adds {p}" for p in ours.keys() - recorded.keys() if not _stands_in(p, adds)]
    for path in ours.keys() & recorded.keys():
        mine, theirs = ours[path] - {"null"}, recorded[path] - {"null"}
        if mine and theirs and not mine <= theirs:
            found.append(f"{path} is {sorted(mine)}, recorded {sorted(theirs)}")
    return sorted(found)


def _stands_in(path: str, table: set[str]) -> bool:
    return path in table or any(path.startswith((f"{p}.", f"{p}[]")) for p in table)


# --- recorded


@cache
def sessions() -> list[tuple[str, Any]]:
    found = []
    for file in sorted(SESSIONS.glob("*/raw_messages.jsonl.gz")):
        with gzip.open(file, "rt") as lines:
            for line in lines:
                message = json.loads(line)
                shown = json.loads(message["payload"])
                found += [(message["source"], each) for each in (shown if isinstance(shown, list) else [shown])]
    return found


def recorded_where(wanted: Callable[[dict[str, Any]], bool], source: str = "polymarket_clob") -> Schema:
    found: Schema = {}
    for from_, shown in sessions():
        if from_ == source and wanted(shown):
            merge(found, schema(shown))
    assert found, "nothing of the kind was recorded"
    return found


def kind_is(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda shown: shown.get("event_type") == name


def fixture(*files: Path) -> Schema:
    found: Schema = {}
    for file in files:
        value = json.loads(file.read_text())
        merge(found, schema(value))
    return found


@cache
def gamma_day() -> Schema:
    found: Schema = {}
    day = SHARED / "chainlink-btcusd-1hz-and-5m-markets/BTC-5m-markets-2026-07-24.jsonl.gz"
    with gzip.open(day, "rt") as lines:
        for line in lines:
            merge(found, schema(json.loads(line)["raw"]))
    return found


RECORDED: dict[str, Callable[[], Schema]] = {
    "rest book": lambda: recorded_where(lambda s: "min_order_size" in s),
    "ws book": lambda: recorded_where(kind_is("book")),
    "price_change": lambda: recorded_where(kind_is("price_change")),
    "new_market": lambda: recorded_where(kind_is("new_market")),
    "last_trade_price": lambda: fixture(RUST / "ws_market_last_trade_msg.json"),
    "tick_size_change": lambda: fixture(RUST / "ws_market_tick_size_msg.json"),
    "best_bid_ask": lambda: fixture(RUST / "ws_market_best_bid_ask_msg.json"),
    "market_resolved": lambda: fixture(RUST / "ws_market_resolved_msg.json"),
    "rtds update": lambda: recorded_where(lambda s: s["type"] == "update", "polymarket_rtds_chainlink"),
    "rtds snapshot": lambda: recorded_where(lambda s: s["type"] == "subscribe", "polymarket_rtds_chainlink"),
    "user order": lambda: fixture(*sorted(PY.glob("ws_messages/order_*.json"))),
    "user trade": lambda: fixture(*sorted(PY.glob("ws_messages/user_trade*.json"))),
    "open order": lambda: fixture(RUST / "http_open_order.json"),
    "trade": lambda: fixture(RUST / "http_trade_report.json"),
    "cancel": lambda: fixture(RUST / "http_cancel_response_ok.json", RUST / "http_cancel_response_failed.json"),
    "order placed": lambda: fixture(RUST / "http_order_response_ok.json"),
    "clob market": lambda: fixture(RUST / "clob_market_closed_binary_accepting_true.json"),
    "gamma market": gamma_day,
    "data trades": lambda: fixture(PY / "http_responses/trades.json"),
    "data positions": lambda: fixture(RUST / "data_api_positions_response.json"),
    "binance trade": lambda: recorded_where(lambda s: "@trade" in s["stream"], "binance"),
    "binance klines": lambda: fixture(
        SHARED / "api-fixtures/nautilus-binance-py/http_responses/http_spot_market_klines.json"
    ),
}


# --- ours


def _drain(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """All events up to the PONG."""
    socket.send("PING")
    while (text := socket.recv(timeout=5)) != "PONG":
        shown = json.loads(text)
        yield from shown if isinstance(shown, list) else [shown]


@pytest.fixture
def ours(bench: Bench, trader: Client) -> dict[str, Schema]:
    """A day at the venue: everything it says once."""
    said: dict[str, Schema] = {}

    def add(kind: str, value: Any) -> None:
        merge(said.setdefault(kind, {}), schema(value))

    keys = trader.credentials
    auth = {"apiKey": keys.api_key, "secret": keys.secret, "passphrase": keys.passphrase}
    listing = bench.listing
    with (
        bench.socket("ws_market") as market,
        bench.socket("ws_user") as user,
        bench.socket("rtds") as rtds,
        bench.socket("binance_ws", "/stream?streams=btcusdt@trade") as binance,
    ):
        market.send(json.dumps({"type": "market", "assets_ids": [UP, DOWN], "custom_feature_enabled": True}))
        user.send(json.dumps({"type": "user", "auth": auth}))
        topics = [{"topic": "crypto_prices_chainlink", "type": "update"}]
        rtds.send(json.dumps({"action": "subscribe", "subscriptions": topics}))
        for socket in (market, user, rtds):
            list(_drain(socket))
        bench.quote(bid_e6=510_000, ask_e6=530_000)
        add("rest book", trader.get("clob", f"/book?token_id={UP}")[1])
        resting = trader.resting()
        add("open order", trader.private("GET", f"/data/order/{resting}")[1])
        add("cancel", trader.private("DELETE", "/order", json.dumps({"orderID": resting}).encode())[1])
        add("cancel", trader.private("DELETE", "/order", json.dumps({"orderID": resting}).encode())[1])
        add("order placed", trader.private("POST", "/order", trader.signed()[1])[1])
        for _ in range(3):
            bench.pass_time(6)
        add("trade", trader.private("GET", "/data/trades")[1]["data"][0])
        wallet = trader.wallet.address
        add("data trades", trader.get("data", f"/trades?user={wallet}")[1])
        add("data positions", trader.get("data", f"/positions?user={wallet}")[1])
        bench.do(lambda: bench.rtds.publish("crypto_prices_chainlink", 1_000, 2_000, 1.5, "1500000000000000000"))
        for event in _drain(rtds):
            add("rtds update", event)
        rtds.send(
            json.dumps({"action": "subscribe", "subscriptions": [topics[0] | {"filters": '{"symbol":"btc/usd"}'}]})
        )
        for event in _drain(rtds):
            add("rtds snapshot", event)
        for ago_s in (125, 65, 5):
            at_ms = bench.clock.ns // 1_000_000 - ago_s * 1000
            bench.do(partial(bench.bars.trade, at_ms, 100.5, 0.25, 7))
        add("binance klines", trader.get("binance", "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2")[1])
        bench.do(lambda: bench.streams.publish("btcusdt@trade", trade_data(1_000, 1_000, 100.5, 0.25, 7, True)))
        add("binance trade", json.loads(binance.recv(timeout=5)))
        bench.do(lambda: bench.house.teller.tell_listed(listing))
        bench.quote(bid_e6=970_000, ask_e6=980_000)
        bench.quote(bid_e6=971_000, ask_e6=979_000)
        add("gamma market", trader.get("gamma", f"/markets/slug/{listing.slug}")[1])
        for event in _drain(user):
            add(f"user {event['event_type']}", event)
        bench.resolve("UP")
        add("clob market", trader.get("clob", f"/markets/{CID}")[1])
        add("gamma market", trader.get("gamma", f"/markets?slug={listing.slug}&closed=true")[1][0])
        while "market_resolved" not in said:
            shown = json.loads(market.recv(timeout=5))
            for event in shown if isinstance(shown, list) else [shown]:
                add("ws book" if event["event_type"] == "book" else event["event_type"], event)
    return said


def test_the_venue_speaks_with_the_keys_and_types_that_were_recorded(ours: dict[str, Schema]) -> None:
    assert ours.keys() == RECORDED.keys()
    told = {kind: differences(kind, ours[kind], RECORDED[kind]()) for kind in RECORDED}
    assert {kind: each for kind, each in told.items() if each} == {}


def test_the_table_of_differences_names_nothing_that_is_equal(ours: dict[str, Schema]) -> None:
    for kind, (lacks, adds) in MAY_DIFFER.items():
        recorded, mine = RECORDED[kind](), ours[kind]
        for path in lacks:
            assert any(_stands_in(p, {path}) for p in recorded.keys() - mine.keys()), (kind, path)
        for path in adds:
            assert any(_stands_in(p, {path}) for p in mine.keys() - recorded.keys()), (kind, path)


def test_the_venues_own_hash_reproduces_every_recorded_book() -> None:
    rest = ws = 0
    for source, shown in sessions():
        if source == "polymarket_clob" and "bids" in shown:
            is_ws = "event_type" in shown
            book = shown | ({"min_order_size": "5", "neg_risk": False} if is_ws else {})
            assert clob_frames.book_hash(book) == shown["hash"]
            rest, ws = rest + (not is_ws), ws + is_ws
    assert (rest, ws) == (450, 264)
