"""The real channel's frames as one book a market, and whether that book is known: every rule of mirror/book.py."""

import gzip
import json
from typing import Any

import pytest

from polybot.runtime.base.paths import ROOT
from polybot.venue.mirror.book import FRESH_S, QUIET_S, RealBook
from polybot.venue.mirror.frames import (
    BookSnapshot,
    Broken,
    Changes,
    FrameReader,
    Print,
    Resolved,
    TickChange,
    snapshot_of,
)
from polybot.venue.wire import clob_frames
from polybot.venue.wire.clob_frames import Pair, Sides

E6 = 1_000_000
NOW_NS = 1_795_132_800 * 10**9
NOW_MS = NOW_NS // 10**6
PAIR = Pair("0xc1", "111", "222")
BOOK = Sides(bids=((500_000, 20 * E6), (490_000, 5 * E6)), asks=((520_000, 7 * E6),))
RECORDED = ROOT.parent / "shared" / "data" / "polymarket-raw-ws-sessions"


def shown(sides: Sides = BOOK, token: str = "111", at_ms: int = NOW_MS) -> dict[str, Any]:
    """REST's object of the book, from either side."""
    own = sides if token == "111" else sides.mirrored()
    return clob_frames.book_object(PAIR, token, own, at_ms * 10**6, 10_000, 5 * E6, "")


def a_snapshot(sides: Sides = BOOK, at_ms: int = NOW_MS, **changed: Any) -> BookSnapshot:
    return snapshot_of(shown(sides, at_ms=at_ms) | changed, PAIR)


def changes(*levels: tuple[Any, int, int], tops: tuple[int | None, int | None], at_ms: int = NOW_MS) -> Changes:
    return Changes("0xc1", levels, (tops,), at_ms)


def a_reader() -> FrameReader:
    reader = FrameReader()
    reader.follow(PAIR)
    return reader


def frame(**fields: Any) -> str:
    return json.dumps(fields)


# --- frames


@pytest.mark.parametrize("token", ["111", "222"])
def test_either_token_tells_the_same_book(token: str) -> None:
    (news,) = a_reader().read(json.dumps([clob_frames.book_event(shown(token=token))]))
    assert isinstance(news, BookSnapshot)
    assert (news.bids, news.asks, news.is_intact, news.at_ms) == (BOOK.bids, BOOK.asks, True, NOW_MS)


def test_a_changed_level_of_either_token_is_one_change() -> None:
    after = Sides(bids=((500_000, 8 * E6),), asks=((520_000, 7 * E6),))
    text = clob_frames.price_change(PAIR, after, [("BUY", 500_000, 8 * E6), ("BUY", 490_000, 0)], NOW_NS, "m").decode()
    (news,) = a_reader().read(text)
    assert isinstance(news, Changes)
    assert news.levels == (("BID", 500_000, 8 * E6), ("BID", 490_000, 0))
    assert set(news.tops) == {(500_000, 520_000)}


def test_two_tokens_that_contradict_each_other_break_the_frame() -> None:
    text = clob_frames.price_change(PAIR, BOOK, [("BUY", 500_000, 20 * E6)], NOW_NS, "m").decode()
    body = json.loads(text)
    body["price_changes"][1]["size"] = "21"
    (news,) = a_reader().read(json.dumps(body))
    assert isinstance(news, Broken) and news.condition_id == "0xc1"


@pytest.mark.parametrize(
    ("token", "side", "price", "hits", "at"),
    [
        ("111", "BUY", "0.52", "ASK", 520_000),
        ("111", "SELL", "0.50", "BID", 500_000),
        ("222", "BUY", "0.50", "BID", 500_000),
        ("222", "SELL", "0.48", "ASK", 520_000),
    ],
)
def test_a_print_says_which_side_was_hit(token: str, side: str, price: str, hits: str, at: int) -> None:
    text = frame(
        event_type="last_trade_price",
        asset_id=token,
        market="0xc1",
        price=price,
        size="12",
        side=side,
        timestamp=str(NOW_MS),
        transaction_hash="0x6c",
    )
    (news,) = a_reader().read(text)
    assert isinstance(news, Print)
    assert (news.hits, news.price_e6, news.size_e6, news.transaction) == (hits, at, 12 * E6, "0x6c")


def test_grid_and_end_are_heard_and_strangers_are_not() -> None:
    reader = a_reader()
    tick = clob_frames.tick_size_change(PAIR, "222", 10_000, 1_000, NOW_NS).decode()
    end = clob_frames.market_resolved("1", PAIR, "222", "Down", NOW_NS).decode()
    assert reader.read(tick) == [TickChange("0xc1", 1_000)]
    assert reader.read(end) == [Resolved("0xc1", "DOWN")]
    assert reader.read(end.replace('"Down"', '"Up"'))[0].__class__ is Broken
    reader.leave(PAIR)
    assert reader.read(tick) == reader.read(end) == []
    assert reader.read("PONG") == reader.read('{"event_type":"news"}') == []
    assert [type(n) for n in reader.read("{")] == [Broken]


def test_every_recorded_book_is_read_and_its_hash_is_right() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recordings are not here: {RECORDED}")
    read = intact = 0
    for file in sorted(RECORDED.glob("*/raw_messages.jsonl.gz")):
        for market in map(json.loads, (file.parent / "markets.jsonl").read_text().splitlines()):
            up, down = (outcome["token_id"] for outcome in market["outcomes"])
            reader = FrameReader()
            reader.follow(Pair(market["condition_id"], up, down))
            for line in gzip.decompress(file.read_bytes()).decode().splitlines():
                body = json.loads(line)["payload"].strip()
                news = reader.read(body)
                if '"bids"' in body and not body.startswith("["):
                    news += [snapshot_of(json.loads(body), reader.pairs[up])] if _token(body) in (up, down) else []
                books = [n for n in news if isinstance(n, BookSnapshot)]
                read, intact = read + len(books), intact + sum(b.is_intact for b in books)
                assert not any(isinstance(n, Broken) for n in news)
    assert read == intact > 100


def _token(body: str) -> str:
    return str(json.loads(body).get("asset_id"))


# --- known


def a_book(now_s: float = 100.0) -> RealBook:
    book = RealBook()
    book.snapshot(a_snapshot(), now_s)
    return book


def test_nothing_is_known_before_a_snapshot_whose_hash_is_right() -> None:
    book = RealBook()
    assert book.why_not(100) == "nothing was heard of it yet"
    book.change(changes(("BID", 500_000, E6), tops=(500_000, 520_000)), 100)
    assert book.why_not(100)
    book.snapshot(a_snapshot(hash="0" * 40), 100)
    assert "hash" in book.why_not(100)
    book.snapshot(a_snapshot(), 100)
    assert (book.why_not(100), book.ladders()) == ("", (BOOK.bids, BOOK.asks))


def test_a_change_must_agree_with_the_best_prices_named_beside_it() -> None:
    book = a_book()
    assert book.change(changes(("BID", 510_000, E6), tops=(510_000, 520_000)), 100)
    assert not book.change(changes(("ASK", 515_000, E6), tops=(510_000, 520_000)), 100)
    assert "best prices" in book.why_not(100)


def test_it_is_fresh_for_two_seconds_after_the_channel_spoke() -> None:
    book = a_book(100)
    assert book.why_not(100 + FRESH_S) == ""
    assert "nothing was heard of it for 2.5 s (limit 2 s)" in book.why_not(100 + FRESH_S + 0.5)


def test_a_quiet_book_is_proved_by_rest() -> None:
    book = a_book(100)
    assert not book.wants_check(100 + QUIET_S / 2)
    assert book.wants_check(101)
    assert book.check(a_snapshot(at_ms=NOW_MS - 5), 101, 101.2) == "proved"
    assert (book.why_not(103), bool(book.why_not(103.1))) == ("", True), "as of when it was asked"


def test_a_book_we_had_since_we_asked_is_a_proof_too() -> None:
    book = a_book(100)
    book.change(changes(("BID", 510_000, E6), tops=(510_000, 520_000)), 101.1)
    assert book.check(a_snapshot(), 101, 101.2) == "proved"


def test_a_frame_since_we_asked_makes_another_book_no_news() -> None:
    book = a_book(100)
    book.change(changes(("BID", 510_000, E6), tops=(510_000, 520_000), at_ms=NOW_MS + 9), 101.1)
    other = Sides(bids=((400_000, E6),), asks=BOOK.asks)
    assert book.check(a_snapshot(other, at_ms=NOW_MS + 20), 101, 101.2) == "nothing"
    assert book.why_not(101.2) == ""


def test_rest_that_is_behind_proves_and_disproves_nothing() -> None:
    other = Sides(bids=((400_000, E6),), asks=BOOK.asks)
    book = a_book(100)
    assert book.check(a_snapshot(other, at_ms=NOW_MS - 1), 101, 101.2) == "nothing"
    assert book.check(a_snapshot(other, hash="0" * 40), 101, 101.2) == "nothing"


def test_another_book_while_the_channel_is_silent_is_doubt_then_a_stall() -> None:
    other = a_snapshot(Sides(bids=((400_000, E6),), asks=BOOK.asks), at_ms=NOW_MS + 900)
    book = a_book(100)
    assert book.check(other, 101, 101.1) == "doubt"
    assert "the market channel is silent" in book.why_not(101.1)
    assert book.check(other, 101.8, 101.9) == "stalled"
    assert "does not say so" in book.why_not(101.9)
    assert not book.wants_check(110), "REST alone brings nothing back"
    assert book.check(other, 110, 110.1) == "nothing"


def test_a_word_of_the_channel_ends_the_doubt() -> None:
    other = a_snapshot(Sides(bids=((400_000, E6),), asks=BOOK.asks), at_ms=NOW_MS + 900)
    book = a_book(100)
    assert book.check(other, 101, 101.1) == "doubt"
    assert book.change(changes(("BID", 510_000, E6), tops=(510_000, 520_000), at_ms=NOW_MS + 901), 101.2)
    assert book.why_not(101.2) == ""


def test_what_is_lost_comes_back_by_rest_with_what_the_channel_said_since() -> None:
    book = a_book(100)
    book.change(changes(("ASK", 515_000, E6), tops=(490_000, 520_000), at_ms=NOW_MS + 10), 100.5)  # contradicts itself
    book.change(changes(("BID", 495_000, 3 * E6), tops=(500_000, 515_000), at_ms=NOW_MS + 20), 100.6)
    book.change(changes(("BID", 505_000, 4 * E6), tops=(505_000, 515_000), at_ms=NOW_MS + 30), 100.7)
    assert book.wants_check(100.7)
    found = Sides(
        bids=((500_000, 20 * E6), (495_000, 3 * E6), (490_000, 5 * E6)), asks=((515_000, E6), (520_000, 7 * E6))
    )
    assert book.check(a_snapshot(at_ms=NOW_MS + 5), 100.7, 100.8) == "nothing", "older than the loss"
    assert book.check(a_snapshot(found, at_ms=NOW_MS + 25), 100.7, 100.8) == "found"
    assert book.why_not(100.8) == ""
    assert book.ladders()[0][:2] == ((505_000, 4 * E6), (500_000, 20 * E6))


def test_a_closed_channel_needs_a_new_snapshot() -> None:
    book = a_book(100)
    book.lose("the real market channel is closed", speaks=False)
    assert book.check(a_snapshot(at_ms=NOW_MS + 50), 101, 101.1) == "nothing"
    book.snapshot(a_snapshot(at_ms=NOW_MS + 60), 102)
    assert book.why_not(102) == ""
