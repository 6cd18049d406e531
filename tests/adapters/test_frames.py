"""Frames of the market and user channels as words; the recorded ones when they are here."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import MarketResolved, TickSizeChanged, TradePrint
from polybot.adapters.polymarket.account_parser import Ourselves, Units
from polybot.adapters.polymarket.market_frames import MarketFrames, book_hash
from polybot.adapters.polymarket.user_frames import facts_of
from tests.build import a_market

UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
DOWN = "76633403"
CID = "0x" + "74" * 32
US = Ourselves("5b1f", "0x" + "22" * 20)
SHARED = Path(__file__).parents[3] / "shared/data"
SESSIONS = SHARED / "polymarket-raw-ws-sessions"
BOOK = {
    "market": CID,
    "asset_id": UP,
    "timestamp": "1795132800123",
    "hash": "x",
    "bids": [{"price": "0.5", "size": "100"}, {"price": "0.51", "size": "42.5"}],
    "asks": [{"price": "0.55", "size": "80"}, {"price": "0.53", "size": "12"}],
    "event_type": "book",
}
MIRROR = BOOK | {
    "asset_id": DOWN,
    "bids": [{"price": "0.45", "size": "80"}, {"price": "0.47", "size": "12"}],
    "asks": [{"price": "0.5", "size": "100"}, {"price": "0.49", "size": "42.5"}],
}


MARKET = a_market(condition_id=CID, up_token=UP, down_token=DOWN)


def heard_books() -> MarketFrames:
    frames = MarketFrames()
    frames.add(MARKET)
    heard = frames.hear(json.dumps([BOOK, MIRROR]), 1)
    assert (heard.bad, list(heard.books)) == ("", [MARKET.slug])
    return frames


def a_change(*items: dict[str, str]) -> str:
    return json.dumps(
        {"event_type": "price_change", "market": CID, "timestamp": "1795132800456", "price_changes": list(items)}
    )


def an_item(token: str, price: str, size: str, side: str, bid: str, ask: str) -> dict[str, str]:
    return {"asset_id": token, "price": price, "size": size, "side": side, "best_bid": bid, "best_ask": ask}


def test_the_tops_are_the_last_of_the_wire_and_the_first_of_the_word() -> None:
    word = heard_books().builders[MARKET.slug].book_word(7)
    assert word is not None
    assert word.up_bids == ((510_000, 42_500_000), (500_000, 100_000_000))
    assert word.up_asks[0] == (530_000, 12_000_000)
    assert word.venue_ns == 1795132800123 * 1_000_000


def test_a_price_change_sets_both_tokens() -> None:
    frames = heard_books()
    heard = frames.hear(
        a_change(
            an_item(UP, "0.52", "120.5", "BUY", "0.52", "0.53"), an_item(DOWN, "0.48", "120.5", "SELL", "0.47", "0.48")
        ),
        8,
    )
    word = frames.builders[MARKET.slug].book_word(8)
    assert word is not None
    assert (heard.bad, heard.distrusted) == ("", {})
    assert (word.up_bids[0], word.down_asks[0]) == ((520_000, 120_500_000), (480_000, 120_500_000))


def test_a_change_that_leaves_a_side_empty_is_named_so_by_the_venue() -> None:
    frames = heard_books()
    frames.hear(json.dumps(BOOK | {"bids": [{"price": "0.5", "size": "1"}], "asks": []}), 2)
    for bid, ask in (("0", "1"), ("", "")):
        heard = frames.hear(a_change(an_item(UP, "0.5", "0", "BUY", bid, ask)), 3)
        assert (heard.bad, heard.distrusted) == ("", {})


def test_a_wrong_checksum_is_said_once_and_stops_the_book() -> None:
    frames = heard_books()
    wrong = a_change(an_item(UP, "0.52", "1", "BUY", "0.51", "0.53"))
    assert list(frames.hear(wrong, 3).distrusted) == [MARKET.slug]
    assert not frames.hear(wrong, 3).distrusted
    assert frames.builders[MARKET.slug].book_word(3) is None
    frames.hear(json.dumps(BOOK), 4)
    assert frames.builders[MARKET.slug].book_word(4) is not None


def test_trades_ticks_and_resolutions_become_words() -> None:
    frames = heard_books()
    events = [
        {"event_type": "last_trade_price", "asset_id": UP, "market": CID, "price": "0.53", "size": "12", "side": "BUY",
         "fee_rate_bps": "0", "timestamp": "1795132800789"},
        {"event_type": "tick_size_change", "asset_id": UP, "market": CID, "old_tick_size": "0.01",
         "new_tick_size": "0.001", "timestamp": "1795133040000"},
        {"event_type": "market_resolved", "id": "1", "market": CID, "assets_ids": [UP, DOWN], "winning_asset_id": DOWN,
         "winning_outcome": "Down", "timestamp": "1795133190000", "tags": []},
    ]  # fmt: skip
    heard = frames.hear(json.dumps(events), 9)
    slug = MARKET.slug
    assert heard.bad == ""
    assert heard.words == [
        TradePrint(
            slug=slug, token_id=UP, price_e6=530_000, size_e6=12_000_000, side="BUY", traded_ns=1795132800789 * 10**6
        ),
        TickSizeChanged(slug=slug, token_id=UP, old_e6=10_000, new_e6=1_000, changed_ns=1795133040000 * 10**6),
        MarketResolved(slug=slug, condition_id=CID, winner="DOWN", resolved_ns=1795133190000 * 10**6, source="ws"),
    ]


def test_a_resolution_whose_name_and_token_differ_is_bad() -> None:
    event = {
        "event_type": "market_resolved",
        "market": CID,
        "winning_asset_id": UP,
        "winning_outcome": "Down",
        "timestamp": "1",
    }
    heard = heard_books().hear(json.dumps(event), 9)
    assert heard.bad
    assert heard.words == []


@pytest.mark.parametrize(
    "text",
    ["PONG", "", "[]", '{"event_type":"new_market","market":1}', '{"event_type":"what is this"}', "{}",
     '{"event_type":"book","asset_id":"of nobody we know"}'],
)  # fmt: skip
def test_what_is_not_for_us_is_ignored(text: str) -> None:
    heard = heard_books().hear(text, 1)
    assert (heard.bad, heard.words, heard.books) == ("", [], {})


@pytest.mark.parametrize(
    "text",
    [
        "INVALID OPERATION",
        "{",
        "7",
        "null",
        "[[]]",
        "[" * 100_000,
        a_change(an_item(UP, "0", "1", "BUY", "0.5", "0.6")),
        a_change(an_item(UP, "1", "1", "BUY", "0.5", "0.6")),
        a_change(an_item(UP, "0.5", "-1", "BUY", "0.5", "0.6")),
        a_change(an_item(UP, "0.5", "NaN", "BUY", "0.5", "0.6")),
        a_change(an_item(UP, "0.5", "1", "HOLD", "0.5", "0.6")),
        a_change({"price": "0.5"}),
        json.dumps(BOOK | {"timestamp": "yesterday"}),
        json.dumps(BOOK | {"bids": None}),
        json.dumps(BOOK | {"bids": [{"price": 0.5, "size": "1"}]}),
    ],
)
def test_garbage_is_bad_and_its_book_is_not_believed(text: str) -> None:
    frames = heard_books()
    heard = frames.hear(text, 1)
    assert heard.bad
    if CID in text:
        assert list(heard.distrusted) == [MARKET.slug]
        assert frames.builders[MARKET.slug].book_word(1) is None


def test_a_market_that_was_left_is_not_heard() -> None:
    frames = heard_books()
    frames.remove(MARKET.slug)
    frames.remove(MARKET.slug)
    assert frames.hear(json.dumps(BOOK), 1).books == {}


@given(st.text(max_size=80) | st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["event_type", "market", "asset_id", "bids", "price_changes", "timestamp"]),
    x | st.sampled_from(["book", "price_change", CID, UP, "1795132800456"]))).map(json.dumps))  # fmt: skip
def test_no_frame_breaks_the_reader(text: str) -> None:
    heard_books().hear(text, 1)
    list(facts_of(text, US, Units()))


def test_the_known_book_hash() -> None:
    shown = {
        "market": "0x74bcc52b900802871a7abf25da0cae16bf0811ae09031265a88e0cc3abdaf721",
        "asset_id": UP,
        "timestamp": "1795132800123",
        "hash": "2759236dde227ae4ca74827c58c08aba0a535d6f",
        "bids": BOOK["bids"],
        "asks": BOOK["asks"],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.520",
    }
    assert book_hash(shown) == shown["hash"]


# --- the user channel


def an_order_event(**changed: Any) -> str:
    event = {
        "event_type": "order", "type": "PLACEMENT", "id": "0xAB", "owner": "5b1f", "market": CID, "asset_id": UP,
        "side": "BUY", "original_size": "10", "size_matched": "", "price": "0.52", "status": "LIVE",
        "created_at": "1795132800000", "associate_trades": None, "timestamp": "1795132800150",
    }  # fmt: skip
    return json.dumps(event | changed)


def test_an_order_event_is_a_fact() -> None:
    (fact,) = facts_of(an_order_event(), US, Units())
    assert fact.kind == "order"
    assert fact.order is not None
    assert (fact.order.order_id, fact.order.state, fact.order.matched_e6, fact.order.created_s) == (
        "0xab",
        "LIVE",
        0,
        1795132800,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "CANCELLATION", "status": "INVALID"},
        {"type": "UPDATE", "status": "CANCELED_NOT_ENOUGH_BALANCE"},
        {"type": "CANCELLATION", "status": "LIVE"},
    ],
)
def test_an_event_that_ends_an_order_ends_it_whatever_its_words(changed: dict[str, str]) -> None:
    (fact,) = facts_of(an_order_event(**changed), US, Units())
    assert fact.order is not None
    assert fact.order.state == "CANCELED"


def test_a_trade_event_is_a_fact_in_each_of_its_statuses() -> None:
    event = {
        "event_type": "trade", "type": "TRADE", "id": "bd7b", "taker_order_id": "0x83", "market": CID, "asset_id": UP,
        "side": "BUY", "size": "10", "price": "0.52", "matchtime": "1795132801", "owner": "5b1f",
        "trader_side": "TAKER", "maker_orders": [],
    }  # fmt: skip
    for status in ("MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"):
        (fact,) = facts_of(json.dumps([event | {"status": f"TRADE_STATUS_{status}"}]), US, Units())
        assert (fact.kind, fact.trades[0].status, fact.trades[0].matched_s) == ("trade", status, 1795132801)


def test_a_killed_fok_is_over_with_nothing() -> None:
    killed = json.dumps(
        {
            "event_type": "order", "type": "CANCELLATION", "status": "INVALID", "id": "0x5F", "market": CID,
            "asset_id": UP, "side": "BUY", "order_type": "FOK", "price": "0.53", "original_size": "5",
            "size_matched": "", "outcome": "", "created_at": "", "timestamp": "1795132812345",
        }
    )  # fmt: skip
    (fact,) = facts_of(killed, US, Units())
    assert fact.order is not None
    assert (fact.order.state, fact.order.matched_e6, fact.order.original_e6) == ("CANCELED", 0, 0)


def test_an_event_without_its_size_names_the_orders_to_ask_after() -> None:
    trade = {
        "event_type": "trade", "type": "TRADE", "id": "bd7b", "taker_order_id": "0x83", "market": CID, "asset_id": UP,
        "side": "BUY", "size": "", "price": "0.52", "status": "MATCHED", "trader_side": "TAKER",
        "maker_orders": [{"order_id": "0xAA"}, {"order_id": "0x83"}],
    }  # fmt: skip
    (fact,) = facts_of(json.dumps(trade), US, Units())
    assert (fact.kind, fact.trades, fact.order_ids) == ("bad", (), ("0x83", "0xaa"))
    (fact,) = facts_of(an_order_event(type="UPDATE"), US, Units())
    assert (fact.kind, fact.order, fact.order_ids) == ("bad", None, ("0xab",))


@pytest.mark.parametrize("text", ["INVALID OPERATION", "7", '{"event_type":"order"}', '{"event_type":"trade","id":1}'])
def test_a_bad_user_frame_is_counted_without_its_content(text: str) -> None:
    (fact,) = facts_of(text, US, Units())
    assert fact.kind == "bad"


# --- recordings


def recorded() -> Iterator[Any]:
    files = sorted(SESSIONS.glob("*/raw_messages.jsonl.gz"))
    if not files:
        pytest.skip("the shared recordings are not here")
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                message = json.loads(line)
                if message["source"] == "polymarket_clob":
                    yield message["payload"]


def test_every_recorded_hash_is_reproduced() -> None:
    rest = ws = 0
    for payload in recorded():
        shown = json.loads(payload)
        for book in shown if isinstance(shown, list) else [shown]:
            if "bids" in book:
                assert book_hash(book) == book["hash"]
                is_ws = book.get("event_type") == "book"
                rest, ws = rest + (not is_ws), ws + is_ws
    assert (rest, ws) == (450, 264)


def test_recorded_sessions_are_read_without_a_bad_frame() -> None:
    for folder in sorted(SESSIONS.glob("*")):
        if not (folder / "markets.jsonl").exists():
            continue
        frames = MarketFrames()
        for line in (folder / "markets.jsonl").read_text().splitlines():
            market = json.loads(line)
            up, down = (o["token_id"] for o in market["outcomes"])
            frames.add(a_market(slug=market["slug"], condition_id=market["condition_id"], up_token=up, down_token=down))
        books = 0
        with gzip.open(folder / "raw_messages.jsonl.gz", "rt") as lines:
            for line in lines:
                message = json.loads(line)
                if message["source"] == "polymarket_clob" and "event_type" in message["payload"]:
                    heard = frames.hear(message["payload"], 1)
                    assert heard.bad == ""
                    assert not heard.distrusted, "every recorded change agrees with the tops named beside it"
                    books += len(heard.books)
        assert books
    if not SESSIONS.exists():
        pytest.skip("the shared recordings are not here")
