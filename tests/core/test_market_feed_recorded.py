"""The recorded day through market_feed: strikes are the official ones, and no outcome it states is wrong."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messages import OraclePrice, WindowObserved, Word
from messages.inner import Tick, WindowLate
from messages.units import MS, NS
from polybot.adapters.polymarket.market_parser import listed_of
from polybot.core.market_feed.core import MarketFeedCore
from tests.build import a_start

TAPE = Path(__file__).parents[3] / "shared/data/chainlink-btcusd-1hz-and-5m-markets"
needs_tape = pytest.mark.skipif(not TAPE.exists(), reason="the recorded day is not on this machine")


def prints() -> Iterator[OraclePrice]:
    """Those within 5 s of a window's boundary; the others decide nothing."""
    with gzip.open(TAPE / "BTCUSD-prices-2026-07-24.csv.gz") as file:
        for row in csv.DictReader(io.TextIOWrapper(file)):
            if (int(row["feed_ts_ms"]) // 1000 + 5) % 300 <= 10:
                yield OraclePrice(
                    symbol="btc/usd",
                    feed="spot",
                    price=float(row["value"]),
                    value_e18=row["full_accuracy_value"],
                    observed_ns=int(row["feed_ts_ms"]) * MS,
                    received_ns=int(row["recv_ms"]) * MS,
                    source="rtds",
                )


def observed(markets: list[dict[str, Any]]) -> dict[str, WindowObserved]:
    """What the core says last of each window, hearing prints as they were received and markets as they came up."""
    core, first = MarketFeedCore(), markets[0]["start_sec"]
    session = json.dumps({"first_window_s": first, "windows": len(markets)})
    words: list[tuple[int, Word]] = [(p.received_ns, p) for p in prints()]
    for market in markets:
        words.append((market["start_sec"] * NS - 600 * NS, listed_of(market["raw"], None)))
        words.append((market["end_sec"] * NS + 15 * NS, Tick(timer=WindowLate(slug=market["slug"]), mono_s=1.0)))
    started = a_start(actor="market_feed", session=session)
    seen: dict[str, WindowObserved] = {}
    for now_ns, word in [((first - 60) * NS, started), *sorted(words, key=lambda pair: pair[0])]:
        seen |= {w.slug: w for w in core.handle(word, now_ns) if isinstance(w, WindowObserved)}
    return seen


@needs_tape
def test_every_strike_and_every_stated_outcome_of_the_recorded_day_is_the_official_one() -> None:
    with gzip.open(TAPE / "BTC-5m-markets-2026-07-24.jsonl.gz", "rt") as lines:
        markets = [json.loads(line) for line in lines]
    seen = observed(markets)
    known = [(seen[m["slug"]], m) for m in markets]
    assert all(w.ended and (w.outcome or w.why) for w, _ in known)
    struck = [(w.strike_e18, m["strike_value"]) for w, m in known if w.strike_e18]
    assert len(struck) == 271 and all(ours == official for ours, official in struck)
    outcomes = [(w, "UP" if m["outcome_prices"][0] == "1" else "DOWN") for w, m in known if w.outcome]
    assert all(w.outcome == official for w, official in outcomes)
    assert (len(outcomes), sum(w.inferred for w, _ in outcomes)) == (261, 5)
