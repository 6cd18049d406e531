"""Tapes from disk: the real one agrees with itself, and a bad one is refused with file and line."""

import gzip
import json
from pathlib import Path

import pytest

from polybot.sim.world.world import S, by_rule
from polybot.venue.tape_files import PRICE_COLUMNS, TapeError, open_tape, rule_of

REAL = Path(__file__).parents[3] / "shared/data/chainlink-btcusd-1hz-and-5m-markets"
START = 1_784_851_200
HEADER = ",".join(PRICE_COLUMNS) + "\n"

needs_the_tape = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not here")


def a_row(second: int, value: str = "65000000000000000000000") -> str:
    ms = second * 1000
    return f"{ms},65000.0,{value},{ms + 1350},{ms + 1640}\n"


def a_market(**changes: object) -> str:
    raw = {
        "id": "1",
        "feeSchedule": {"rate": 0.07, "exponent": 1},
        "orderMinSize": 5,
        "closedTime": "2026-07-24 00:05:21+00",
    }
    row = {
        "slug": f"btc-updown-5m-{START}",
        "condition_id": "0xc",
        "token_ids": ["1", "2"],
        "start_sec": START,
        "end_sec": START + 300,
        "resolved": True,
        "outcome_prices": ["1", "0"],
        "strike_value": None,
        "raw": raw,
    }
    return json.dumps({**row, **changes}) + "\n"


def a_folder(tmp_path: Path, prices: str | None = None, markets: str | None = None) -> Path:
    rows = HEADER + "".join(a_row(START + k) for k in range(400)) if prices is None else prices
    for name, text in (
        ("X-prices-1.csv.gz", rows),
        ("X-markets-1.jsonl.gz", a_market() if markets is None else markets),
    ):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write(text)
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(TapeError) as caught:
        open_tape(folder)
    return str(caught.value)


@needs_the_tape
def test_the_recorded_day_agrees_with_itself() -> None:
    tape = open_tape(REAL)
    markets = tape.markets(0, 1 << 40)
    assert len(markets) == 292
    assert {m.rule for m in markets} == {"spot"}
    strikes = [(tape.tape_markets[m.slug].strike_e18, tape.spot_print(m.start_s)) for m in markets]
    both = [(s, p.value_e18) for s, p in strikes if s is not None and p is not None]
    assert len(both) == 271
    assert all(s == p for s, p in both)
    ends = [(tape.strike_e18(m), tape.end_e18(m), tape.outcome(m)) for m in markets]
    known = [(s, e, o) for s, e, o in ends if s is not None and e is not None]
    assert len(known) == 257
    assert all(by_rule(s, e) == o for s, e, o in known)
    assert sum(m.start_s >= tape.first_start_s for m in markets) == 283


@needs_the_tape
def test_the_recorded_market_keeps_its_ids_and_its_raw_object() -> None:
    tape = open_tape(REAL)
    market = tape.market("btc-updown-5m-1784850900")
    assert market is not None
    assert market.condition_id.startswith("0x11ba5a5a")
    assert json.loads(market.raw)["conditionId"] == market.condition_id
    assert (market.fee_rate_e6, market.fee_exponent, market.min_size_e6) == (70_000, 1, 5_000_000)
    assert tape.resolved_ns(market) == (market.end_s + 16) * S


def test_a_tape_is_read_whole(tmp_path: Path) -> None:
    tape = open_tape(a_folder(tmp_path))
    assert tape.first_start_s == START
    assert tape.spot_print(START + 5) is not None


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == f"tape folder {tmp_path / 'nowhere'} does not exist"
    assert "exactly one *-prices-*.csv.gz, found: none" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("1784851600000,65000.0,650", "line 402: the row is cut off"),
        ("1784851600000,65000.0,650\n", "line 402: 3 values in place of 5"),
        ("1784851600000,65000.0,abc,1784851601000,1784851601000\n", "line 402: invalid literal"),
        ("1784851600500,1,1,1784851601000,1784851601000\n", "line 402: not a print of a whole second"),
        ("1784851600000,1,-1,1784851601000,1784851601000\n", "line 402: not a print of a whole second"),
        (a_row(START + 10), "line 402: second 1784851210 does not follow 1784851599"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, last: str, why: str) -> None:
    rows = HEADER + "".join(a_row(START + k) for k in range(400)) + last
    said = refusal(a_folder(tmp_path, rows))
    assert "X-prices-1.csv.gz" in said
    assert why in said


def test_wrong_columns_and_no_rows_are_told(tmp_path: Path) -> None:
    assert "line 1: columns are a,b, expected" in refusal(a_folder(tmp_path, "a,b\n"))
    assert refusal(a_folder(tmp_path, HEADER)).endswith("no prints")
    assert refusal(a_folder(tmp_path, None, "")).endswith("no markets")


def test_a_truncated_archive_is_told(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    path = folder / "X-prices-1.csv.gz"
    path.write_bytes(path.read_bytes()[:-200])
    said = refusal(folder)
    assert "X-prices-1.csv.gz" in said
    assert "line" in said
    path.write_bytes(b"not an archive")
    assert "after line 0" in refusal(folder)


@pytest.mark.parametrize(
    ("market", "why"),
    [
        ('{"slug":"x"', "the row is cut off"),
        ('{"slug":\n', "line 1: Expecting value"),
        ("[]\n", "line 1: list indices"),
        (a_market(outcome_prices=["0.3", "0.7"]), "has no official outcome"),
        (a_market(resolved=False), "has no official outcome"),
        (a_market(raw={"id": "1", "orderMinSize": 5}), "line 1: no field 'feeSchedule'"),
        (a_market(token_ids=["1"]), "line 1: not enough values"),
    ],
)
def test_a_bad_market_is_named_by_file_and_line(tmp_path: Path, market: str, why: str) -> None:
    said = refusal(a_folder(tmp_path, None, market))
    assert "X-markets-1.jsonl.gz" in said
    assert why in said


def test_a_market_settles_by_its_own_configuration() -> None:
    assert rule_of({}) == "spot"
    assert rule_of({"cryptoMarketConfig": {"twapEnabled": False}}) == "spot"
    assert rule_of({"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": 30}}) == "twap30"
    assert rule_of({"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": 60}}) == "twap60"
    with pytest.raises(ValueError, match="twapLookbackSeconds is 45"):
        rule_of({"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": 45}})
