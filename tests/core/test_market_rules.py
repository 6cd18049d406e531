"""Which descriptions are known, one changed value at a time; and the recorded day."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from polybot.core.market.settlement_rules import rule_of

RECORDED = (
    Path(__file__).parents[3] / "shared/data/chainlink-btcusd-1hz-and-5m-markets/BTC-5m-markets-2026-07-24.jsonl.gz"
)


def a_market(**changes: Any) -> dict[str, Any]:
    """Gamma's object of a TWAP-60 window, with changes; None removes a key."""
    market = {
        "slug": "btc-updown-5m-1795132800",
        "outcomes": '["Up", "Down"]',
        "feeType": "crypto_fees_v2",
        "resolutionSource": "https://data.chain.link/streams/btc-usd-twap-60s-streams",
        "cryptoMarketConfigId": "btc-5m-twap-60",
        "cryptoMarketConfig": {"asset": "btc", "duration": "5m", "twapEnabled": True, "twapLookbackSeconds": 60},
        "version": "v1",
    }
    market.update(changes)
    return {key: value for key, value in market.items() if value is not None}


def a_config(**changes: Any) -> dict[str, Any]:
    return {"asset": "btc", "duration": "5m", "twapEnabled": True, "twapLookbackSeconds": 60} | changes


SPOT = {
    "resolutionSource": "https://data.chain.link/streams/btc-usd",
    "cryptoMarketConfig": None,
    "cryptoMarketConfigId": None,
    "version": None,
}
TWAP30 = {
    "resolutionSource": "https://data.chain.link/streams/btc-usd-twap-30s-streams",
    "cryptoMarketConfig": a_config(twapLookbackSeconds=30),
    "cryptoMarketConfigId": "btc-5m-twap-30",
}


@pytest.mark.parametrize(("changes", "rule"), [({}, "twap60"), (SPOT, "spot"), (TWAP30, "twap30")])
def test_each_era_is_known(changes: dict[str, Any], rule: str) -> None:
    for clob in (None, {}, {"v": "v1"}):
        assert rule_of(a_market(**changes), clob) == (rule, "")


def test_the_config_may_stand_as_json_inside_a_string_and_outcomes_as_a_list() -> None:
    assert rule_of(a_market(cryptoMarketConfig=json.dumps(a_config()), outcomes=["Down", "Up"]), None)[0] == "twap60"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cryptoMarketConfig": a_config(asset="eth")}, "asset 'eth'"),
        ({"cryptoMarketConfig": a_config(duration="15m")}, "duration '15m'"),
        ({"cryptoMarketConfig": a_config(twapEnabled=False)}, "twapEnabled False"),
        ({"cryptoMarketConfig": a_config(twapLookbackSeconds=30)}, "twapLookbackSeconds 30"),
        ({"cryptoMarketConfig": None}, "missing"),
        ({"cryptoMarketConfigId": "btc-5m-twap-90"}, "btc-5m-twap-90"),
        ({"resolutionSource": "https://data.chain.link/streams/btc-usd-twap-90s-streams"}, "twap-90s"),
        ({"resolutionSource": "https://data.chain.link/streams/btc-usd"}, "spot stream"),
        ({"resolutionSource": None}, "None"),
        ({"outcomes": '["Yes", "No"]'}, "Yes"),
        ({"outcomes": '["Up", "Down", "Flat"]'}, "Flat"),
        ({"outcomes": "not json"}, "not json"),
        ({"feeType": "crypto_fees_v3"}, "crypto_fees_v3"),
        ({"feeType": None}, "None"),
        ({"version": "v2"}, "v2"),
    ],
)
def test_one_value_that_no_row_knows_is_named(changes: dict[str, Any], named: str) -> None:
    rule, why = rule_of(a_market(**changes), {"v": "v1"})
    assert rule is None and named in why


def test_a_market_that_wants_other_signatures_is_unknown() -> None:
    assert rule_of(a_market(), {"v": "v2"}) == (None, "order version 'v2' of the CLOB is not v1")


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded day is not on this machine")
def test_all_recorded_markets_settle_on_the_spot_print() -> None:
    with gzip.open(RECORDED, "rt") as lines:
        rules = [rule_of(json.loads(line)["raw"], None) for line in lines]
    assert len(rules) == 292
    assert all(rule == ("spot", "") for rule in rules)
