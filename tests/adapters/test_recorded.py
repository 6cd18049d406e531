"""Every recorded message and every fixture: read by the adapter whose business it is, or refused with a named reason.

A message that comes to nothing is counted too, under the reason it is none of the bot's business; one that comes to nothing
and has no such reason fails. The counts are exact: the recordings do not change.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest

from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.http import Response
from polybot.adapters.polymarket import rtds, user_frames
from polybot.adapters.polymarket.account_parser import Ourselves, Units, order_of, trades_of
from polybot.adapters.polymarket.clob import balance_of, cancelled_of
from polybot.adapters.polymarket.market_frames import MarketFrames
from polybot.adapters.polymarket.market_parser import clob_winner_of, listed_of, winner_of
from polybot.adapters.polymarket.numbers import GARBAGE, SizeUnit
from polybot.adapters.polymarket.post_answer import read_post_answer
from polybot.adapters.prices import binance
from tests.build import a_market

SHARED = Path(__file__).parents[3] / "shared" / "data"
SESSIONS, FIXTURES = SHARED / "polymarket-raw-ws-sessions", SHARED / "api-fixtures"
needs_data = pytest.mark.skipif(not SESSIONS.exists(), reason="the shared recordings are not here")
NOW_NS = 1_777_428_700 * 10**9
SYMBOL = "BTCUSDT"


# --- what each reader makes of a text: "read …", or the reason why not


def by_market_channel(frames: MarketFrames, text: str) -> list[str]:
    """Event by event. A REST book is the channel's `book` without its event_type."""
    shown = msgspec.json.decode(text)
    return [_market_event(frames, event) for event in (shown if isinstance(shown, list) else [shown])]


def _market_event(frames: MarketFrames, event: dict[str, Any]) -> str:
    kind = event.get("event_type") or ("book" if "bids" in event else "")
    heard = frames.hear(json.dumps(event | {"event_type": kind}), NOW_NS)
    if heard.bad:
        return f"refused {kind}: {heard.bad.partition(':')[0]}"
    if heard.books or heard.words:
        return f"read {kind}"
    if kind in ("new_market", "best_bid_ask"):
        return f"not heard: {kind}"
    tokens = {str(event.get("asset_id")), *(item["asset_id"] for item in event.get("price_changes", ()))}
    markets = {str(event.get("market"))}
    assert kind in ("book", "price_change", "last_trade_price", "tick_size_change", "market_resolved"), event
    assert not tokens & frames._of_token.keys() and not markets & frames._of_condition.keys(), event
    return f"another market: {kind}"


def by_binance(text: str) -> str:
    try:
        word = binance.word_of(text, SYMBOL, NOW_NS)
    except BadFrame as exc:
        return f"refused: {str(exc).partition(' ')[0]}"
    if word is not None:
        return f"read {type(word).__name__}"
    shown = msgspec.json.decode(text)
    stream = shown.get("stream", "") if isinstance(shown, dict) else ""
    if not stream:
        return "not heard: no combined stream"
    if not stream.startswith(SYMBOL.lower() + "@"):
        return "not heard: another symbol or the user's stream"
    assert stream.partition("@")[2] not in ("trade", "depth20@100ms"), text
    return "not heard: another stream"


def by_rtds(text: str) -> str:
    try:
        prints = rtds.prints_of(text, "btc/usd", NOW_NS, "crypto_prices_chainlink")
    except BadFrame as exc:
        return f"refused: {exc}"
    shown = msgspec.json.decode(text)
    if prints:
        return f"read {shown['type']}"
    assert shown["payload"]["symbol"] != "btc/usd", text
    return "not heard: another symbol"


# --- the sessions


def recorded() -> Iterator[tuple[Path, str, str]]:
    """(session, source, payload)"""
    for file in sorted(SESSIONS.glob("*/raw_messages.jsonl.gz")):
        with gzip.open(file, "rt") as lines:
            for line in lines:
                message = json.loads(line)
                yield file.parent, message["source"], message["payload"]


def followed(session: Path) -> MarketFrames:
    """As the bot would follow the session's three markets."""
    frames = MarketFrames()
    for line in (session / "markets.jsonl").read_text().splitlines():
        shown = json.loads(line)
        tokens = {o["outcome"]: o["token_id"] for o in shown["outcomes"]}
        frames.add(
            a_market(
                slug=shown["slug"],
                condition_id=shown["condition_id"],
                up_token=tokens["Up"],
                down_token=tokens["Down"],
                start_s=shown["start_ts"] // 1000,
                end_s=shown["end_ts"] // 1000,
            )
        )
    return frames


@needs_data
def test_every_message_of_the_recorded_sessions_is_read_or_has_its_reason() -> None:
    frames: dict[Path, MarketFrames] = {}
    found: Counter[str] = Counter()
    for session, source, payload in recorded():
        match source:
            case "polymarket_clob":
                followed_here = frames.setdefault(session, followed(session))
                found.update(f"clob: {what}" for what in by_market_channel(followed_here, payload))
            case "polymarket_rtds_chainlink":
                found[f"rtds: {by_rtds(payload)}"] += 1
            case "binance":
                found[f"binance: {by_binance(payload)}"] += 1
            case other:
                found[f"not asked: {other}"] += 1
    assert dict(found) == {
        "clob: read book": 450 + 264,
        "clob: read price_change": 65,
        "clob: not heard: new_market": 34,
        "rtds: read update": 272,
        "rtds: read subscribe": 31,
        "rtds: not heard: another symbol": 606,
        "binance: read PriceTick": 164,
        "binance: not heard: another symbol or the user's stream": 192,
        "not asked: coinbase": 362,
        "not asked: pyth_proxy": 12,
    }


# --- the fixtures


def body(value: Any) -> str:
    return json.dumps(value)


def refused_or(read: Callable[[Any], str]) -> Callable[[Any], str]:
    """What a reader says, or its refusal: the kind of error and its sentence's first words."""

    def reader(value: Any) -> str:
        try:
            return read(value)
        except GARBAGE as exc:
            return f"refused: {type(exc).__name__} {str(exc)[:48]}"

    return reader


def rows(read: Callable[[Any], object], key: str = "data") -> Callable[[Any], str]:
    """Each of a list, a page's data, or a single object."""

    def reader(value: Any) -> str:
        for each in value if isinstance(value, list) else value.get(key, [value]):
            read(each)
        return "read"

    return refused_or(reader)


def market_channel(value: Any) -> str:
    """By a bot that follows the market the message is about: every kind of event is read, not passed over."""
    (what, *_) = by_market_channel(_follower(value), body(value))
    return what


def as_kind(kind: str) -> Callable[[Any], str]:
    """A fixture that is an event without its kind."""
    return lambda value: market_channel(value | {"event_type": kind})


def _follower(value: Any) -> MarketFrames:
    event = value[0] if isinstance(value, list) else value
    items = event.get("price_changes") or [event]
    tokens = list(dict.fromkeys(event.get("assets_ids") or [i.get("asset_id", "0") for i in items]))
    up, down = tokens[0], tokens[1] if len(tokens) > 1 else "-"
    frames = MarketFrames()
    frames.add(a_market(condition_id=str(event.get("market")), up_token=up, down_token=down))
    return frames


def user_channel(value: Any) -> str:
    """As its taker, or as the first of its makers. Some fixtures are events without their kind."""
    value = {"event_type": "trade" if "maker_orders" in value else "order"} | value
    makers = value.get("maker_orders") or [{}]
    us = Ourselves(str(value.get("owner")), str(makers[0].get("maker_address")))
    facts = list(user_frames.facts_of(body(value), us, Units()))
    assert len(facts) == 1, value
    return f"refused: {facts[0].why}" if facts[0].kind == "bad" else f"read {facts[0].kind}"


def a_trade(value: Any) -> object:
    return trades_of(value, Ourselves(str(value.get("owner")), "0x0"), SizeUnit())


def an_order(value: Any) -> object:
    return order_of(value, SizeUnit())


def post_answer(http: int) -> Callable[[Any], str]:
    def reader(value: Any) -> str:
        answer = read_post_answer(http, body(value).encode(), str(value.get("orderID") or ""))
        return f"{answer.outcome} {answer.code}".strip()

    return reader


def gamma_market(value: Any) -> str:
    listed = listed_of(value, None)
    winner_of(value)
    return "read" if listed.rule else f"read, RULE_UNKNOWN: {listed.rule_why[:40]}"


def klines(value: Any) -> str:
    binance._page(Response(200, body(value).encode(), {}))
    return "read"


def not_asked(why: str) -> Callable[[Any], str]:
    return lambda _value: f"not asked: {why}"


LISTS = not_asked("lists and events; the bot asks for one market by slug")
OURS = not_asked("our own request, not an answer")
V1 = not_asked("Data API v1 is frozen; the bot reads v2")
OTHER = not_asked("rewards, profiles, sports, comments, bridge")
PRICES = not_asked("prices by REST; books come by the market channel")
TRADING = not_asked("no order is ever sent to Binance")
TICKERS = not_asked("Binance's other lists; only klines are asked for")

# file, or file#key of a collection → reader; the first that fits. A fixture that no row fits fails the test.
READERS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("nautilus-polymarket-*/*ws_user_*", user_channel),
    ("nautilus-polymarket-py/ws_messages/order_*", user_channel),
    ("nautilus-polymarket-py/ws_messages/user_trade*", user_channel),
    ("nautilus-polymarket-py/ws_messages/trades.json", rows(a_trade)),
    ("nautilus-polymarket-rust/ws_quotes.json", as_kind("price_change")),
    ("nautilus-polymarket-rust/ws_last_trade.json", as_kind("last_trade_price")),
    ("nautilus-polymarket-rust/ws_tick_size_change.json", as_kind("tick_size_change")),
    ("nautilus-polymarket-*/*ws_*", market_channel),
    ("nautilus-polymarket-rust/rtds_*", lambda value: by_rtds(body(value))),
    ("nautilus-polymarket-rust/clob_book_response.json", market_channel),
    ("nautilus-polymarket-py/http_responses/book.json", market_channel),
    ("nautilus-polymarket-rust/clob_fee_rate*", not_asked("/fee-rate is the legacy number; feeSchedule counts")),
    ("nautilus-polymarket-rust/clob_market_closed*", refused_or(lambda v: f"read {clob_winner_of(v) or 'no winner'}")),
    ("nautilus-polymarket-rust/data_api_*", V1),
    ("nautilus-polymarket-rust/gamma_event.json", LISTS),
    ("nautilus-polymarket-rust/gamma_tags.json", LISTS),
    ("nautilus-polymarket-rust/search_response.json", LISTS),
    ("nautilus-polymarket-rust/gamma_market*", refused_or(gamma_market)),
    ("nautilus-polymarket-rust/http_balance*", refused_or(lambda v: f"read {balance_of(v)}")),
    ("nautilus-polymarket-rust/http_*cancel*", refused_or(lambda v: f"read {[len(x) for x in cancelled_of(v)]}")),
    ("nautilus-polymarket-rust/http_open_order*", rows(an_order)),
    ("nautilus-polymarket-rust/http_order_response_error_500.json", post_answer(500)),
    ("nautilus-polymarket-rust/http_order_response_*", post_answer(200)),
    ("nautilus-polymarket-rust/http_signed_order.json", OURS),
    ("nautilus-polymarket-rust/http_trade*", rows(a_trade)),
    ("nautilus-polymarket-py/http_responses/event*", LISTS),
    ("nautilus-polymarket-py/http_responses/markets*", LISTS),
    ("nautilus-polymarket-py/http_responses/market_slug.json", refused_or(gamma_market)),
    ("nautilus-polymarket-py/http_responses/market*", refused_or(lambda v: f"read {clob_winner_of(v) or 'no winner'}")),
    ("nautilus-polymarket-py/http_responses/trades.json", V1),
    ("rs-clob-client-mit/websocket.json#*", user_channel),
    ("rs-clob-client-mit/clob.json#market_should_succeed", refused_or(lambda v: f"read {clob_winner_of(v) or 'none'}")),
    ("rs-clob-client-mit/clob.json#post_order*", post_answer(200)),
    ("rs-clob-client-mit/clob.json#order_should_succeed", rows(an_order)),
    ("rs-clob-client-mit/clob.json#orders_should_succeed", rows(an_order)),
    ("rs-clob-client-mit/clob.json#cancel_market_orders_should_succeed", OURS),
    ("rs-clob-client-mit/clob.json#prices_should_succeed", OURS),
    ("rs-clob-client-mit/clob.json#cancel_*", refused_or(lambda v: f"read {[len(x) for x in cancelled_of(v)]}")),
    ("rs-clob-client-mit/clob.json#trades_should_succeed", rows(a_trade)),
    ("rs-clob-client-mit/clob.json#*price*", PRICES),
    ("rs-clob-client-mit/clob.json#spreads*", PRICES),
    ("rs-clob-client-mit/clob.json#tick_size*", PRICES),
    ("rs-clob-client-mit/clob.json#*markets*", LISTS),
    ("rs-clob-client-mit/clob.json#*geoblock*", not_asked("read by doctor alone, which has its own test")),
    ("rs-clob-client-mit/clob.json#*", OTHER),
    ("rs-clob-client-mit/data.json#*", V1),
    ("rs-clob-client-mit/gamma.json#market_by_*", refused_or(gamma_market)),
    ("rs-clob-client-mit/gamma.json#*", LISTS),
    ("rs-clob-client-mit/bridge.json#*", OTHER),
    ("nautilus-binance-*/*klines*", refused_or(klines)),
    ("nautilus-binance-py/ws_messages/*", lambda value: by_binance(body(value))),
    ("nautilus-binance-rust-spot/user_data_json/*", TRADING),
    ("nautilus-binance-rust-spot/http_json/*order*", TRADING),
    ("nautilus-binance-*/*account*", TRADING),
    ("nautilus-binance-*/*wallet*", TRADING),
    ("nautilus-binance-*/*", TICKERS),
)


# every refusal by name: strangers to a bot of five-minute markets, and shapes that are no longer sent
REFUSED: dict[str, str] = {
    "nautilus-polymarket-py/http_responses/market_slug.json": "refused: KeyError 'outcomes'",
    "nautilus-polymarket-py/ws_messages/price_change.json": "refused price_change: KeyError 'price_ch",
    "nautilus-polymarket-rust/clob_market_closed_binary_accepting_false.json": "refused: ValueError the winner 'No' is n",
    "nautilus-polymarket-rust/clob_market_closed_binary_accepting_true.json": "refused: ValueError the winner 'Yes' is ",
    "nautilus-polymarket-rust/gamma_market_closed_binary_accepting_false.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/gamma_market_closed_binary_accepting_true.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/gamma_market_closed_nonbinary_legacy.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/gamma_market_closed_zero_zero_legacy.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/gamma_market_sports_market_map_handicap.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/gamma_market_sports_market_money_line.json": "refused: ValueError outcomes are not Up ",
    "nautilus-polymarket-rust/http_order_response_failed.json": "refused INSUFFICIENT",
    "nautilus-polymarket-rust/ws_market_resolved_msg.json": "refused market_resolved: ValueError reso",
    "rs-clob-client-mit/clob.json#order_should_succeed": "refused: ValueError side 'buy'",
    "rs-clob-client-mit/clob.json#orders_should_succeed": "refused: ValueError side 'buy'",
    "rs-clob-client-mit/gamma.json#market_by_id_should_succeed": "refused: KeyError 'outcomes'",
    "rs-clob-client-mit/gamma.json#market_by_slug_should_succeed": "refused: KeyError 'outcomes'",
}


def fixtures() -> Iterator[tuple[str, Any]]:
    for file in sorted(FIXTURES.rglob("*.json")):
        name, value = str(file.relative_to(FIXTURES)), json.loads(file.read_text())
        if name.startswith("rs-clob-client-mit/"):
            yield from ((f"{name}#{key}", each) for key, each in value.items())
        else:
            yield name, value


def reader_of(name: str) -> Callable[[Any], str]:
    return next(reader for pattern, reader in READERS if fnmatchcase(name, pattern))


@needs_data
def test_every_json_fixture_is_read_or_has_its_reason() -> None:
    found: Counter[str] = Counter()
    refused: dict[str, str] = {}
    for name, value in fixtures():
        what = reader_of(name)(value)
        kind = what.partition(":")[0].split(" ")[0]
        found[kind if kind in ("read", "read,", "refused", "accepted", "unknown") else " ".join(what.split()[:2])] += 1
        if kind == "refused":
            refused[name] = what[:40]
    assert refused == REFUSED
    assert dict(found) == {
        "accepted": 3,
        "not asked:": 123,
        "not heard:": 29,
        "read": 50,
        "read,": 1,
        "refused": 16,
        "unknown": 1,
    }


@needs_data
def test_every_line_of_the_recorded_binance_sessions_is_read_or_has_its_reason() -> None:
    found: Counter[str] = Counter()
    for file in sorted((FIXTURES / "cryptofeed-binance-raw").glob("*.ws.*.gz")):
        with gzip.open(file, "rt") as lines:
            for line in lines:
                _, _, text = line.partition(": ")
                if text.startswith("{"):
                    symbol = json.loads(text).get("stream", "").partition("@")[0].upper()
                    found[by_binance(text) if symbol in ("", SYMBOL) else as_its_own(text, symbol)] += 1
    assert dict(found) == {
        "read Candle": 4,
        "not heard: kline_1m": 65,
        "not heard: aggTrade": 93,
        "not heard: bookTicker": 697,
        "not heard: depth@100ms": 941,
    }


def as_its_own(text: str, symbol: str) -> str:
    """As by a bot that follows this symbol."""
    word = binance.word_of(text, symbol, NOW_NS)
    return f"read {type(word).__name__}" if word else f"not heard: {text.partition('@')[2].partition(chr(34))[0]}"
