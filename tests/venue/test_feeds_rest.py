"""Gamma and Binance by REST; nothing of a market's future may be read from either."""

import gzip
import json
from pathlib import Path

import pytest

from polybot.adapters.polymarket.market_parser import listed_of
from polybot.sim.world.synthetic import synthetic_market
from polybot.venue.accounts.catalogue import listing_of
from polybot.venue.accounts.engine_service import market_from
from polybot.venue.rest.clob_public import compact
from polybot.venue.wire import gamma_objects
from polybot.venue.wire.binance_frames import WireBars
from tests.venue.conftest import Bench

START_S = 1_795_132_800
SLUG = f"btc-updown-5m-{START_S}"
TAPE = Path(__file__).resolve().parents[3] / "shared/data/chainlink-btcusd-1hz-and-5m-markets"
AFTER_THE_END = {"closedTime", "umaEndDate", "umaResolutionStatus", "automaticallyResolved"}


def test_a_market_has_the_types_of_the_real_thing(bench: Bench) -> None:
    status, market = bench.client.get("gamma", f"/markets/slug/{SLUG}")
    assert status == 200
    assert json.loads(market["outcomes"]) == ["Up", "Down"]
    assert len(json.loads(market["clobTokenIds"])) == 2
    assert json.loads(market["outcomePrices"]) == ["0.51", "0.49"]
    assert market["feeSchedule"] == {"rate": 0.07, "exponent": 1, "takerOnly": True, "rebateRate": 0.2}
    assert market["cryptoMarketConfig"]["twapLookbackSeconds"] == 60
    assert (market["orderPriceMinTickSize"], market["orderMinSize"]) == (0.01, 5)
    assert market["polybotSyntheticBooks"] is True
    assert market["question"] == "Bitcoin Up or Down - November 19, 7:00PM-7:05PM ET"


def test_keys_of_what_is_not_known_yet_are_left_out(bench: Bench) -> None:
    _, market = bench.client.get("gamma", f"/markets/slug/{SLUG}")
    assert not AFTER_THE_END & set(market)
    assert not {"lastTradePrice", "volume", "liquidity"} & set(market)
    assert market["closed"] is False


def test_lists_hide_closed_markets_until_asked(bench: Bench) -> None:
    assert [m["slug"] for m in bench.client.get("gamma", f"/markets?slug={SLUG}")[1]] == [SLUG]
    bench.resolve("DOWN")
    assert bench.client.get("gamma", f"/markets?slug={SLUG}") == (200, [])
    _, (closed,) = bench.client.get("gamma", f"/markets?slug={SLUG}&closed=true")
    assert (closed["closed"], closed["outcomePrices"], closed["active"]) == (True, '["0", "1"]', True)
    assert set(closed) >= AFTER_THE_END
    cid = closed["conditionId"]
    winners = {t["outcome"]: t["winner"] for t in bench.client.get("clob", f"/markets/{cid}")[1]["tokens"]}
    assert winners == {"Up": False, "Down": True}


def test_an_event_wraps_its_market(bench: Bench) -> None:
    _, event = bench.client.get("gamma", f"/events/slug/{SLUG}")
    assert (event["slug"], event["seriesSlug"], len(event["markets"])) == (SLUG, "btc-up-or-down-5m", 1)
    assert bench.client.get("gamma", "/events/slug/nonsense")[0] == 404


def test_a_recorded_object_shows_nothing_of_its_future() -> None:
    file = TAPE / "BTC-5m-markets-2026-07-24.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no recorded day at {TAPE}")
    with gzip.open(file, "rt") as lines:
        row = json.loads(next(lines))
    raw, (up, down) = row["raw"], row["token_ids"]
    listing = gamma_objects.Listing(
        raw["slug"],
        row["start_sec"],
        row["end_sec"],
        row["condition_id"],
        raw["questionID"],
        up,
        down,
        raw["id"],
        "spot",
        raw,
    )
    market = gamma_objects.market_object(
        listing, gamma_objects.Now(tick_e6=10_000, best_bid_e6=490_000, best_ask_e6=510_000)
    )
    assert (market["closed"], market["acceptingOrders"]) == (False, True)
    assert (market["outcomePrices"], market["orderPriceMinTickSize"]) == ('["0.5", "0.5"]', 0.01)
    told = {k for k, v in raw.items() if k in market and market[k] == v}
    assert not told & (AFTER_THE_END | {"outcomePrices", "volume", "volumeNum", "updatedAt", "lastTradePrice"})
    assert market["clobTokenIds"] == raw["clobTokenIds"]
    done = gamma_objects.market_object(
        listing, gamma_objects.Now(tick_e6=1_000, accepting=False, resolved_s=row["end_sec"], winner="UP")
    )
    assert (done["closed"], done["outcomePrices"]) == (True, '["1", "0"]')


def test_klines_carry_flat_bars_where_nothing_traded(bench: Bench) -> None:
    def fill() -> None:
        bench.bars.trade((START_S - 120) * 1000, 100.0, 1.0, 1)
        bench.bars.trade((START_S - 118) * 1000 + 500, 103.0, 2.0, 2)

    bench.do(fill)
    query = f"symbol=BTCUSDT&interval=1s&startTime={(START_S - 120) * 1000}&limit=3"
    status, rows = bench.client.get("binance", f"/api/v3/klines?{query}")
    assert status == 200
    assert [(r[1], r[4], r[5], r[8]) for r in rows] == [
        ("100.00000000", "100.00000000", "1.00000000", 1),
        ("100.00000000", "100.00000000", "0.00000000", 0),
        ("103.00000000", "103.00000000", "2.00000000", 1),
    ]
    _, minutes = bench.client.get("binance", "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=10")
    assert (minutes[0][1:5], minutes[0][8]) == (["100.00000000", "103.00000000", "100.00000000", "103.00000000"], 2)
    assert bench.client.get("binance", "/api/v3/ticker/price?symbol=BTCUSDT")[1]["price"] == "103.00000000"


def test_binance_says_no_in_its_own_words(bench: Bench) -> None:
    assert bench.client.get("binance", "/api/v3/klines?symbol=X&interval=1m") == (
        400,
        {"code": -1121, "msg": "Invalid symbol."},
    )
    assert bench.client.get("binance", "/api/v3/ping") == (200, {})
    assert bench.client.get("binance", "/api/v3/time")[1]["serverTime"] == START_S * 1000
    depth = bench.client.get("binance", "/api/v3/depth?symbol=BTCUSDT&limit=20")[1]
    assert depth["bids"] == [["100.00000000", "1.00000000"]]


def test_a_bar_of_any_length_is_the_fold_of_its_seconds() -> None:
    bars = WireBars()
    for second, price in enumerate([10.0, 12.0, 9.0, 11.0]):
        bars.trade(60_000 + second * 1000, price, 1.0, second)
    bar = bars.bar(60, 60)
    assert bar is not None
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.n) == (10.0, 12.0, 9.0, 11.0, 4.0, 4)


@pytest.mark.parametrize(
    ("flaw", "rule", "fee"),
    [("", "twap60", 70_000), ("no_fee_schedule", "twap60", None), ("rule_unknown", None, 70_000)],
)
def test_a_flawed_description_is_read_as_what_it_is_never_as_what_it_usually_is(
    flaw: str, rule: str | None, fee: int | None
) -> None:
    market = synthetic_market("btc-updown-5m-1795132800", 1_795_132_800, "twap60")
    listing, flaws = listing_of(market), (flaw,) if flaw else ()
    body = gamma_objects.market_object(listing, gamma_objects.Now(tick_e6=10_000, flaws=flaws))
    listed = listed_of(body, compact(market_from(listing, 250), flaws))
    assert listed.rule == rule
    assert (listed.fee.rate_e6 if listed.fee else None) == fee
    if rule is None:
        assert "45" in listed.rule_why
