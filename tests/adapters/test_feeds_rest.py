"""Klines, oracle prints and market descriptions: parsing, and what failures are taken for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from messages import FeeSchedule, MarketListed, MarketResolved
from messages.inner import FetchCandles, FetchMarket, MarketFetched
from polybot.adapters.net.bad_frame import BadFrame
from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.effects import MarketEffects
from polybot.adapters.polymarket.gamma import Gamma
from polybot.adapters.polymarket.market_parser import listed_of, winner_of
from polybot.adapters.polymarket.rtds import prints_of
from polybot.adapters.prices.binance import BinanceRest, word_of
from tests.adapters.conftest import HttpScript, answer

SHARED = Path(__file__).parents[3] / "shared/data"
NS = 10**9
START_S = 1795132800
CID = "0x" + "74" * 32


# --- klines


def a_bar(second: int, **changed: Any) -> list[Any]:
    bar = {"open": "1.0", "high": "3.0", "low": "0.5", "close": "2.0", "volume": "7.0"} | changed
    return [second * 1000, *bar.values(), second * 1000 + 999, "0", 4, "0", "0", "0"]


def a_wish(seconds: int = 3, interval: Any = "1s") -> FetchCandles:
    return FetchCandles(symbol="BTCUSDT", interval=interval, start_ns=START_S * NS, end_ns=(START_S + seconds) * NS)


def test_closed_bars_inside_the_wish_are_answered(http: HttpScript) -> None:
    http.say = [answer(200, [a_bar(START_S + i) for i in range(-1, 5)])]
    fetched = BinanceRest(http.url, 1.0).fetch(a_wish())
    assert (fetched.known, fetched.why) == (True, "")
    assert [row[0] // NS - START_S for row in fetched.rows] == [0, 1, 2]
    assert fetched.rows[0][1:] == (1.0, 3.0, 0.5, 2.0, 7.0, 4)
    assert http.asked[0].path == (
        f"/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime={START_S}000&endTime={START_S + 2}000&limit=1000"
    )


def test_a_long_wish_is_read_in_pages(http: HttpScript) -> None:
    def page(asked: Any) -> bytes:
        first = int(asked.path.split("startTime=")[1].split("&")[0]) // 1000
        last = int(asked.path.split("endTime=")[1].split("&")[0]) // 1000
        rows = [a_bar(s) for s in range(first, min(first + 1000, last + 1))]
        body: bytes = answer(200, rows)
        return body

    http.say = [page]
    fetched = BinanceRest(http.url, 1.0).fetch(a_wish(2500))
    assert [row[0] // NS for row in fetched.rows] == list(range(START_S, START_S + 2500))
    assert (len(http.asked), http.connections) == (3, 1)


def test_a_wish_for_nothing_asks_nothing(http: HttpScript) -> None:
    assert BinanceRest(http.url, 1.0).fetch(a_wish(0)).known
    assert http.asked == []


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (429, {"code": -1003, "msg": "Too much request weight"}, "too many requests, retry after 9 s"),
        (418, {"code": -1003, "msg": "banned"}, "banned for asking too often"),
        (451, {"code": 0, "msg": "restricted location"}, "not served from this country"),
        (400, {"code": -1121, "msg": "Invalid symbol."}, "Invalid symbol"),
        (200, {"code": 0}, "unreadable"),
        (200, "[[1]]", "unreadable"),
        (200, [a_bar(START_S, close="NaN")], "unreadable"),
        (200, [a_bar(START_S, low="0")], "unreadable"),
        (200, "", "unreadable"),
    ],
)
def test_klines_that_fail_are_not_known_and_say_why(http: HttpScript, status: int, body: Any, why: str) -> None:
    http.say = [answer(status, body, retry_after="9")]
    fetched = BinanceRest(http.url, 1.0).fetch(a_wish())
    assert (fetched.known, fetched.rows) == (False, ())
    assert why in fetched.why


def test_a_page_lost_in_the_middle_leaves_nothing(http: HttpScript) -> None:
    http.say = [answer(200, [a_bar(START_S + i) for i in range(1000)]), answer(500, "")]
    fetched = BinanceRest(http.url, 1.0).fetch(a_wish(1500))
    assert (fetched.known, fetched.rows) == (False, ())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"stream":"btcusdt@trade"}',
                                  '{"stream":"btcusdt@depth20@100ms","data":{"bids":[["1"]],"asks":[]}}'])  # fmt: skip
def test_exchange_frames_of_garbage_are_bad(text: str) -> None:
    with pytest.raises(BadFrame):
        word_of(text, "BTCUSDT", 1)


def test_other_symbols_and_streams_are_not_ours() -> None:
    for stream in ("ethusdt@trade", "btcusdt@aggTrade", "btcusdt"):
        assert word_of(json.dumps({"stream": stream, "data": {}}), "BTCUSDT", 1) is None


# --- oracle prints


def a_snapshot(topic: str) -> str:
    points = [{"timestamp": START_S * 1000 + i * 1000, "value": 76579.44275333079 + i} for i in range(2)]
    return json.dumps({"topic": topic, "type": "subscribe", "payload": {"symbol": "btc/usd", "data": points}})


def test_a_snapshots_prints_keep_every_digit_shown() -> None:
    prints = prints_of(a_snapshot("crypto_prices_twap_sixty"), "btc/usd", 1)
    assert [p.value_e18 for p in prints] == ["76579442753330790000000", "76580442753330790000000"]
    assert [(p.feed, p.source) for p in prints] == [("twap60", "rtds_snapshot")] * 2


def test_a_snapshot_that_could_be_of_either_stream_is_left_out() -> None:
    assert prints_of(a_snapshot("crypto_prices"), "btc/usd", 1) == []
    assert prints_of(a_snapshot("crypto_prices"), "btc/usd", 1, "crypto_prices_chainlink")[0].feed == "spot"


@pytest.mark.parametrize(("window_s", "is_read"), [(60, True), (30, False), (None, False), ("60", False)])
def test_a_mean_of_another_window_than_its_topics_is_bad(window_s: Any, is_read: bool) -> None:
    point = {"symbol": "btc/usd", "timestamp": 1_795_132_800_000, "value": 64210.5, "window_s": window_s}
    text = json.dumps({"topic": "crypto_prices_twap_sixty", "type": "update", "payload": point})
    if is_read:
        assert [p.feed for p in prints_of(text, "btc/usd", 1)] == ["twap60"]
        return
    with pytest.raises(BadFrame, match="crypto_prices_twap_sixty of a window of"):
        prints_of(text, "btc/usd", 1)


@pytest.mark.parametrize(
    "payload",
    [
        {"symbol": "btc/usd", "timestamp": 1, "full_accuracy_value": "1e5"},
        {"symbol": "btc/usd", "timestamp": 1, "full_accuracy_value": "-5"},
        {"symbol": "btc/usd", "timestamp": 1, "full_accuracy_value": "0"},
        {"symbol": "btc/usd", "timestamp": "1", "full_accuracy_value": str(10**22)},
        {"symbol": "btc/usd", "timestamp": -1, "full_accuracy_value": str(10**22)},
        {"symbol": "btc/usd", "timestamp": 1, "full_accuracy_value": str(10**40)},
        {"symbol": "btc/usd", "timestamp": 1},
    ],
)
def test_absurd_prints_are_bad(payload: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        prints_of(json.dumps({"topic": "crypto_prices_chainlink", "type": "update", "payload": payload}), "btc/usd", 1)


@pytest.mark.parametrize("text", ["{", "[]", "7", "[" * 100_000, '{"message":"Invalid request body"}'])
def test_oracle_frames_of_garbage_are_bad(text: str) -> None:
    with pytest.raises(BadFrame):
        prints_of(text, "btc/usd", 1)


@pytest.mark.parametrize("text", ["PONG", "", '{"topic":"comments","type":"x"}', "{}"])
def test_other_topics_are_not_ours(text: str) -> None:
    assert prints_of(text, "btc/usd", 1) == []


def test_recorded_prints_are_read() -> None:
    files = sorted((SHARED / "polymarket-raw-ws-sessions").glob("*/raw_messages.jsonl.gz"))
    if not files:
        pytest.skip("the shared recordings are not here")
    updates = snapshots = 0
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                message = json.loads(line)
                if message["source"] == "polymarket_rtds_chainlink":
                    prints = prints_of(message["payload"], "btc/usd", 1, "crypto_prices_chainlink")
                    assert all(50_000 < p.price < 100_000 and p.observed_ns % NS == 0 for p in prints)
                    updates += sum(p.source == "rtds" for p in prints)
                    snapshots += sum(p.source == "rtds_snapshot" for p in prints)
                elif message["source"] == "binance":
                    word_of(message["payload"], "BTCUSDT", 1)
    assert updates > 200
    assert snapshots > 1000


# --- markets


def a_gamma(**changed: Any) -> dict[str, Any]:
    body = {
        "slug": f"btc-updown-5m-{START_S}",
        "conditionId": CID,
        "clobTokenIds": '["91", "76"]',
        "outcomes": '["Up", "Down"]',
        "outcomePrices": '["0.555", "0.445"]',
        "eventStartTime": "2026-11-20T00:00:00Z",
        "endDate": "2026-11-20T00:05:00Z",
        "startDate": "2026-11-19T00:02:08.939464Z",
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "negRisk": False,
        "feesEnabled": True,
        "feeType": "crypto_fees_v2",
        "feeSchedule": {"rate": 0.07, "exponent": 1, "takerOnly": True, "rebateRate": 0.2},
        "resolutionSource": "https://data.chain.link/streams/btc-usd-twap-60s-streams",
        "cryptoMarketConfigId": "btc-5m-twap-60",
        "cryptoMarketConfig": {"asset": "btc", "duration": "5m", "twapEnabled": True, "twapLookbackSeconds": 60},
        "acceptingOrders": True,
        "active": True,
        "closed": False,
    }
    return {k: v for k, v in (body | changed).items() if v is not None}


def a_clob(**changed: Any) -> dict[str, Any]:
    body = {
        "c": CID,
        "t": [{"t": "91", "o": "Up"}, {"t": "76", "o": "Down"}],
        "mts": 0.01,
        "mos": 5,
        "fd": {"r": 0.07, "e": 1, "to": True},
        "itode": True,
        "ao": True,
        "v": "v1",
    }
    return {k: v for k, v in (body | changed).items() if v is not None}


def test_a_market_is_listed_with_all_that_trading_needs() -> None:
    assert listed_of(a_gamma(), a_clob()) == MarketListed(
        slug=f"btc-updown-5m-{START_S}",
        condition_id=CID,
        up_token="91",
        down_token="76",
        start_s=START_S,
        end_s=START_S + 300,
        tick_e6=10_000,
        min_size_e6=5_000_000,
        fee=FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True),
        neg_risk=False,
        rule="twap60",
        rule_why="",
        synthetic_books=False,
        accepting=True,
        taker_delay=True,
    )


def test_tokens_are_taken_by_name_not_by_place() -> None:
    listed = listed_of(a_gamma(outcomes='["Down", "Up"]'), None)
    assert (listed.up_token, listed.down_token) == ("76", "91")


def test_the_finer_of_two_ticks_is_the_newer() -> None:
    assert listed_of(a_gamma(), a_clob(mts=0.001)).tick_e6 == 1_000
    assert listed_of(a_gamma(orderPriceMinTickSize=0.001), a_clob()).tick_e6 == 1_000


@pytest.mark.parametrize(
    "gamma", [a_gamma(), a_gamma(eventStartTime=None, events=[{"startTime": "2026-11-20T00:00:00Z"}])]
)
def test_the_start_is_the_events_not_the_day_it_was_listed(gamma: dict[str, Any]) -> None:
    market = listed_of(gamma, a_clob())
    assert (market.start_s, market.end_s) == (START_S, START_S + 300)


@pytest.mark.parametrize(
    ("gamma", "clob", "rate"),
    [
        (a_gamma(), None, 70_000),
        (a_gamma(feeSchedule=None), a_clob(), 70_000),
        (a_gamma(feeSchedule=None), None, None),
        (a_gamma(), a_clob(fd={"r": 0.05, "e": 1, "to": True}), None),
        (a_gamma(feeSchedule={"rate": 0.07}), a_clob(), None),
        (a_gamma(feeSchedule={"rate": 0.07, "exponent": 1.5, "takerOnly": True}), None, None),
    ],
)
def test_a_fee_that_is_missing_or_in_dispute_is_unknown_not_zero(gamma: Any, clob: Any, rate: int | None) -> None:
    fee = listed_of(gamma, clob).fee
    assert (fee.rate_e6 if fee else None) == rate


def test_labels_and_unknown_rules_are_carried() -> None:
    assert listed_of(a_gamma(polybotSyntheticBooks=True), None).synthetic_books
    unknown = listed_of(a_gamma(resolutionSource="https://elsewhere"), None)
    assert unknown.rule is None
    assert "elsewhere" in unknown.rule_why
    late = listed_of(a_gamma(acceptingOrders=False), a_clob(itode=False))
    assert (late.accepting, late.taker_delay) == (False, False)


@pytest.mark.parametrize(
    "changed",
    [
        {"outcomes": '["Yes", "No"]'},
        {"outcomes": None},
        {"clobTokenIds": '["91"]'},
        {"clobTokenIds": '["91", "91"]'},
        {"clobTokenIds": '["91", "x"]'},
        {"clobTokenIds": "nonsense"},
        {"conditionId": None},
        {"endDate": None},
        {"endDate": "2026-11-20"},
        {"orderPriceMinTickSize": None},
        {"orderMinSize": "five"},
    ],
)
def test_a_description_that_lacks_what_trading_needs_is_not_listed(changed: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        listed_of(a_gamma(**changed), None)


def test_tokens_in_dispute_are_not_listed() -> None:
    with pytest.raises(ValueError, match="different tokens"):
        listed_of(a_gamma(), a_clob(t=[{"t": "76", "o": "Up"}, {"t": "91", "o": "Down"}]))


def test_the_recorded_day_is_listed_and_resolved() -> None:
    files = sorted(SHARED.glob("chainlink-*/BTC-5m-markets-*.jsonl.gz"))
    if not files:
        pytest.skip("the shared recordings are not here")
    rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    for row in rows:
        listed = listed_of(row["raw"], None)
        assert (listed.start_s, listed.end_s, listed.rule) == (row["start_sec"], row["end_sec"], "spot")
        assert [listed.up_token, listed.down_token] == row["token_ids"]
        assert listed.fee == FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True)
        assert winner_of(row["raw"]) == ("UP" if row["outcome_prices"] == ["1", "0"] else "DOWN")
    assert len(rows) == 292


# --- fetching them


def effects_of(http: HttpScript) -> MarketEffects:
    return MarketEffects(Gamma(http.url, 0.5), ClobPublic(http.url, 0.5), lambda: 7)


WISH = FetchMarket(slug=f"btc-updown-5m-{START_S}")


def test_closed_markets_are_found_by_the_second_query(http: HttpScript) -> None:
    http.say = [answer(200, []), answer(200, [a_gamma()])]
    assert isinstance(Gamma(http.url, 0.5).market(WISH.slug), Known)
    assert [a.path for a in http.asked] == [f"/markets?slug={WISH.slug}", f"/markets?slug={WISH.slug}&closed=true"]
    http.say = [answer(200, [a_gamma(slug="another")])]
    assert Gamma(http.url, 0.5).market(WISH.slug) == Empty()


@pytest.mark.parametrize("said", [(500, ""), (200, "{"), (200, {"a": 1}), (200, [1]), (404, {"error": "x"})])
def test_gamma_without_a_clear_answer_is_unknown(http: HttpScript, said: Any) -> None:
    http.say = [answer(*said)]
    assert isinstance(Gamma(http.url, 0.5).market(WISH.slug), Unknown)


def test_a_fetch_says_the_market_then_that_it_was_fetched(http: HttpScript) -> None:
    http.say = [lambda asked: answer(200, a_clob() if "clob-markets" in asked.path else [a_gamma()])]
    listed, fetched = effects_of(http).fetch(WISH)
    assert isinstance(listed, MarketListed)
    assert isinstance(fetched, MarketFetched)
    assert (fetched.known, json.loads(fetched.gamma), json.loads(fetched.clob)) == (True, a_gamma(), a_clob())


def test_a_closed_market_is_resolved_even_while_the_clob_is_silent(http: HttpScript) -> None:
    gamma = a_gamma(closed=True, outcomePrices='["0", "1"]', closedTime="2026-11-20 00:05:21+00")
    http.say = [lambda asked: answer(500, "") if "clob-markets" in asked.path else answer(200, [gamma])]
    resolved, fetched = effects_of(http).fetch(WISH)
    assert resolved == MarketResolved(
        slug=WISH.slug, condition_id=CID, winner="DOWN", resolved_ns=(START_S + 321) * NS, source="gamma"
    )
    assert isinstance(fetched, MarketFetched)
    assert (fetched.known, fetched.why) == (False, "HTTP 500")


def test_a_market_gamma_has_not_is_known_to_be_none(http: HttpScript) -> None:
    http.say = [answer(200, [])]
    (fetched,) = effects_of(http).fetch(WISH)
    assert fetched == MarketFetched(slug=WISH.slug, known=True, gamma="", clob="", why="")


@pytest.mark.parametrize(
    "gamma", [a_gamma(conditionId=None), a_gamma(outcomes="x"), a_gamma(closed=True, outcomePrices="1")]
)
def test_a_market_that_cannot_be_read_is_not_known(http: HttpScript, gamma: Any) -> None:
    http.say = [lambda asked: answer(200, a_clob() if "clob-markets" in asked.path else [gamma])]
    fetched = list(effects_of(http).fetch(WISH))[-1]
    assert isinstance(fetched, MarketFetched)
    assert not fetched.known
    assert fetched.why.startswith("not a market we can read")
