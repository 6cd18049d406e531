"""Each limit: at it, one below, one above."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from messages import (
    ClockOffset,
    FeeSchedule,
    Word,
)
from messages.inner import WriteHalt
from messages.units import MS, NS
from polybot.core.risk import price_rules
from polybot.core.risk.table import RULES
from polybot.core.sizing.floor import drawdown_floor_e6
from polybot.settings import Bot, Risk, Settings
from tests.build import T0, a_book, a_market, a_prediction, a_print, a_tick, a_window, an_account, slug_of
from tests.core.risk.conftest import Kit

LOTS = 900_000_000


@pytest.mark.parametrize(
    ("ask", "code"),
    [(649_000, ""), (650_000, ""), (651_000, "PRICE_ABOVE_CAP"), (200_000, ""), (199_000, "PRICE_BELOW_FLOOR")],
)
def test_price_limits(kit: Kit, ask: int, code: str) -> None:
    book = a_book(up_bids=((ask - 10_000, LOTS),), up_asks=((ask, LOTS),), down_asks=((1_010_000 - ask, LOTS),))
    assert kit.code_with(10.0, book, intent=kit.an_intent(limit_e6=ask // 10_000 * 10_000)) == code


@pytest.mark.parametrize(("bid", "code"), [(461_000, ""), (460_000, ""), (459_000, "BOOK_WIDE")])
def test_spread_limit(kit: Kit, bid: int, code: str) -> None:
    assert kit.code_with(10.0, a_book(up_bids=((bid, LOTS),))) == code


@pytest.mark.parametrize(
    ("down", "code"), [(480_000, ""), (479_000, "BOOK_CROSSED"), (550_000, ""), (551_000, "BOOK_CROSSED")]
)
def test_the_two_asks_belong_together(kit: Kit, down: int, code: str) -> None:
    assert kit.code_with(10.0, a_book(down_asks=((down, LOTS),))) == code


def test_no_ask(kit: Kit) -> None:
    assert kit.code_with(10.0, a_book(up_asks=())) == "NO_ASK"


@pytest.mark.parametrize(("limit", "code"), [(640_000, ""), (650_000, ""), (660_000, "PRICE_ABOVE_CAP")])
def test_limit_price(kit: Kit, limit: int, code: str) -> None:
    book = a_book(up_bids=((630_000, LOTS),), up_asks=((640_000, LOTS),), down_asks=((370_000, LOTS),))
    assert kit.code_with(10.0, book, intent=kit.an_intent(limit_e6=limit)) == code


@pytest.mark.parametrize(("stake", "code"), [(1_000_000, ""), (1_010_000, ""), (990_000, "BELOW_MINIMUM")])
def test_venue_minimum(kit: Kit, stake: int, code: str) -> None:
    assert kit.code_with(10.0, intent=kit.an_intent(stake_e6=stake)) == code


@pytest.mark.parametrize(("stake", "code"), [(24_990_000, ""), (25_000_000, ""), (25_010_000, "MAX_ORDER")])
def test_order_cap(kit: Kit, stake: int, code: str) -> None:
    assert (
        kit.code_with(10.0, intent=kit.an_intent(stake_e6=stake), knobs=Settings(risk=Risk(daily_loss_usd=99.0)))
        == code
    )


def test_the_order_cap_names_value_and_bound(kit: Kit) -> None:
    verdict = kit.Bench().ready().judge(kit.an_intent(stake_e6=80_000_000))
    assert verdict.reason == "order of 80 USD exceeds max_stake_usd = 25.00"


def test_live_has_its_own_cap(kit: Kit) -> None:
    clock = a_clock("venue", 0.0)
    assert kit.code_with(10.0, clock, intent=kit.an_intent(stake_e6=5_000_000), knobs=LIVE) == ""
    assert kit.code_with(10.0, clock, intent=kit.an_intent(stake_e6=5_010_000), knobs=LIVE) == "MAX_ORDER"


@pytest.mark.parametrize(("free", "code"), [(5_350_001, ""), (5_350_000, ""), (5_349_999, "FUNDS")])
def test_the_worst_case_must_be_free(kit: Kit, free: int, code: str) -> None:
    assert kit.code_with(10.0, an_account(free_e6=free)) == code


@pytest.mark.parametrize(
    "changed", [{"maker_e6": 5_000_001}, {"taker_e6": 9_434_000}, {"worst_e6": 5_349_999}, {"limit_e6": 535_000}]
)
def test_amounts_must_be_those_of_stake_and_limit(kit: Kit, changed: dict[str, int]) -> None:
    assert kit.code_with(10.0, intent=msgspec.structs.replace(kit.an_intent(), **changed)) == "BAD_AMOUNTS"


@pytest.mark.parametrize(
    ("equity", "state"), [(70_000_001, "REDUCING"), (70_000_000, "HALTED"), (69_999_999, "HALTED")]
)
def test_drawdown_halts_at_seventy_percent_of_the_purse(kit: Kit, equity: int, state: str) -> None:
    bench = kit.Bench().ready()
    said = bench.hear(10.0, an_account(equity_e6=equity))
    assert bench.trading_state() == state
    halts = [w for w in said if isinstance(w, WriteHalt)]
    assert [h.reason_code for h in halts] == (["DRAWDOWN"] if state == "HALTED" else [])
    assert bench.judge().reason_code == ("HALTED" if state == "HALTED" else "DRAWDOWN_AHEAD")
    if halts:
        assert "70.00 USD" in halts[0].reason and "purse 100.00 USD" in halts[0].reason
        assert bench.hear(10.1, an_account(equity_e6=equity - 1)) == [], "said once"


def test_the_drawdown_floor_in_integers() -> None:
    assert drawdown_floor_e6(100_000_000, 30.0) == 70_000_000
    assert drawdown_floor_e6(75_000_001, 33.3) == 50_025_000


@pytest.mark.parametrize(("count", "code"), [(2, ""), (3, "UNRESOLVED"), (4, "UNRESOLVED")])
def test_unresolved_windows(kit: Kit, count: int, code: str) -> None:
    assert kit.code_with(10.0, an_account(unresolved=count)) == code


@pytest.mark.parametrize(("count", "code"), [(2, ""), (3, "SETTLEMENT_LATE")])
def test_late_settlements(kit: Kit, count: int, code: str) -> None:
    assert kit.code_with(10.0, an_account(late=count)) == code


@pytest.mark.parametrize(("at_s", "code"), [(12.999, ""), (13.0, ""), (13.001, "TOO_LATE")])
def test_good_until(kit: Kit, at_s: float, code: str) -> None:
    assert kit.code_with(at_s) == code


@pytest.mark.parametrize(
    ("at_s", "code"), [(0.0, ""), (-0.001, "OUTSIDE_WINDOW"), (269.999, ""), (270.0, ""), (270.001, "OUTSIDE_WINDOW")]
)
def test_entries_only_from_the_start_to_thirty_seconds_before_the_end(kit: Kit, at_s: float, code: str) -> None:
    assert kit.code_with(at_s, intent=kit.an_intent(good_until_ns=(T0 + 400) * NS)) == code


def test_windows_of_no_session_are_not_entered(kit: Kit) -> None:
    outside = T0 + 50 * 300
    bench = kit.Bench().ready(outside - T0 + 10, outside)
    assert bench.judge(kit.an_intent(start_s=outside), outside - T0 + 10).reason_code == "OUTSIDE_WINDOW"
    assert kit.code_with(10.0, intent=msgspec.structs.replace(kit.an_intent(), end_s=T0 + 900)) == "OUTSIDE_WINDOW"


@pytest.mark.parametrize(
    ("older", "limit_s", "code"),
    [
        (lambda ns: a_tick(traded_ns=ns), 2.0, "STALE_PRICE"),
        (lambda ns: a_book(received_ns=ns), 2.0, "STALE_BOOK"),
        (lambda ns: a_print(observed_ns=ns, received_ns=ns), 5.0, "STALE_ORACLE"),
    ],
    ids=["a tick", "a book", "a print"],
)
def test_stale_data(kit: Kit, older: Callable[[int], Word], limit_s: float, code: str) -> None:
    for over_ms, expected in ((-1, ""), (0, ""), (1, code)):
        seen_ns = (T0 + 10) * NS - round(limit_s * NS) - over_ms * MS
        assert kit.code_with(10.0, older(seen_ns)) == expected


def test_a_strike_must_stand(kit: Kit) -> None:
    assert (
        kit.code_with(10.0, a_window(strike=None, strike_e18=None, why="no print stamped at the start")) == "NO_STRIKE"
    )


@pytest.mark.parametrize(
    ("market", "code"),
    [
        ({"rule": None, "rule_why": "new source"}, "RULE_UNKNOWN"),
        ({"up_token": "222", "down_token": "111"}, "RULE_UNKNOWN"),
        ({"condition_id": "0x2"}, "RULE_UNKNOWN"),
        ({"neg_risk": True}, "RULE_UNKNOWN"),
        ({"fee": None}, "NO_FEE_SCHEDULE"),
        ({"fee": FeeSchedule(rate_e6=250_000, exponent=2, taker_only=True)}, "NO_FEE_SCHEDULE"),
    ],
)
def test_the_market_must_be_the_one_reckoned_with(kit: Kit, market: dict[str, Any], code: str) -> None:
    assert kit.code_with(10.0, a_market(**market)) == code


@pytest.mark.parametrize("changed", [{"side": "SELL"}, {"order_type": "GTC"}, {"post_only": True}])
def test_only_fak_buys(kit: Kit, changed: dict[str, Any]) -> None:
    assert kit.code_with(10.0, intent=kit.an_intent(**changed)) == "ORDER_KIND"


# --- depth and collar


@pytest.mark.parametrize(("size", "code"), [(98_039_215, ""), (98_039_214, "BOOK_THIN")])
def test_the_side_we_hit_must_show_depth(kit: Kit, size: int, code: str) -> None:
    """At 0.51: 50.00 USD, half up; a millionth of a share less is below it."""
    assert kit.code_with(10.0, a_book(up_asks=((510_000, size),), down_asks=((510_000, 1),))) == code


def test_depth_counts_the_best_five_levels_and_names_value_and_bound(kit: Kit) -> None:
    level = 19_000_000
    asks = tuple((510_000 + 10_000 * n, level) for n in range(9))
    bench = kit.Bench().ready()
    bench.hear(10.0, a_book(up_asks=asks))
    verdict = bench.judge(kit.an_intent(limit_e6=530_000))
    assert verdict.reason_code == "" and sum(p * level for p, _ in asks[:5]) >= 50 * 10**12
    bench = kit.Bench().ready()
    bench.hear(10.0, a_book(up_asks=tuple((p, 18_000_000) for p, _ in asks)))
    assert bench.judge().reason == "47.7 USD of UP are offered in the best 5 levels, min_depth_usd = 50.00"


def test_who_rests_hits_no_depth(kit: Kit) -> None:
    assert kit.early_code(-30.0, kit.a_resting(), a_book(received_ns=(T0 - 30) * NS, up_asks=((540_000, 1),))) == ""


@pytest.mark.parametrize(("limit", "code"), [(600_000, ""), (400_000, ""), (610_000, "COLLAR"), (390_000, "COLLAR")])
def test_the_collar_against_the_middle_of_the_book(kit: Kit, limit: int, code: str) -> None:
    assert kit.code_with(10.0, intent=kit.an_intent(limit_e6=limit)) == code


def test_the_collar_against_the_middle_names_value_and_bound(kit: Kit) -> None:
    verdict = kit.Bench().ready().judge(kit.an_intent(limit_e6=610_000))
    assert verdict.reason == "limit 0.61 is 0.11 from the book's middle of 0.5, the collar is 0.1"


def test_a_wide_book_has_no_middle(kit: Kit) -> None:
    view = kit.Bench().ready().core._view((T0 + 10) * NS)
    view.market.books[slug_of(T0)] = a_book(up_bids=((300_000, LOTS),))
    assert price_rules.collar(kit.an_intent(limit_e6=640_000), view) is None
    view.market.books[slug_of(T0)] = a_book(up_bids=())
    assert price_rules.collar(kit.an_intent(limit_e6=640_000), view) is None


@pytest.mark.parametrize(("probability", "code"), [(0.63, ""), (0.43, ""), (0.6301, "COLLAR"), (0.4299, "COLLAR")])
def test_the_collar_against_the_strategys_own_estimate(kit: Kit, probability: float, code: str) -> None:
    said = msgspec.structs.replace(a_prediction(), probability=probability)
    verdict = kit.Bench().ready().judge(kit.an_intent(prediction=said))
    assert verdict.reason_code == code
    if code:
        assert "coin's fair value of" in verdict.reason and "the collar is 0.1" in verdict.reason


# --- the venue


@pytest.mark.parametrize(
    ("state", "code"),
    [
        *((state, "") for state in ("running", "unreachable")),
        *((state, "VENUE_STATE") for state in ("restarting", "post_only", "cancel_only", "disabled", "closed_only")),
        *((state, "VENUE_STATE") for state in ("rate_limited", "geoblocked", "unauthorized")),
    ],
)
def test_what_the_venue_does_not_take_is_not_asked(kit: Kit, state: str, code: str) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(venue_state=state, venue_why="its own words"))
    verdict = bench.judge()
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == f"the venue is {state}: its own words"


def test_a_venue_that_takes_only_what_rests_is_given_what_rests(kit: Kit) -> None:
    assert kit.early_code(-30.0, kit.a_resting(), an_account(venue_state="post_only")) == ""
    assert kit.early_code(-30.0, kit.a_resting(), an_account(venue_state="cancel_only")) == "VENUE_STATE"


def test_every_rule_stands_in_the_documentation_and_nothing_else_does() -> None:
    table = (Path(__file__).parents[3] / "docs" / "risk.md").read_text()
    told = {
        code
        for line in table.splitlines()
        if line.startswith("| `")
        for code in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    }
    assert told == {code for code, _ in RULES}


def test_the_rules_stand_in_one_table_each_with_its_own_words() -> None:
    functions = [rule for _, rule in RULES]
    assert len(functions) == len(set(functions)) and all(code.isupper() for code, _ in RULES)


# --- our clock


Clock = Literal["venue", "sntp"]
CLOCKS: tuple[Clock, ...] = ("venue", "sntp")


def a_clock(source: Clock, offset_ms: float | None, why: str = "", error_ms: float = 5.0) -> ClockOffset:
    return ClockOffset(source=source, offset_ms=offset_ms, error_ms=error_ms, round_trip_ms=3.0, measured_ns=1, why=why)


LIVE = Settings(bot=Bot(profile="live"))


@pytest.mark.parametrize(
    ("offsets", "code"),
    [
        ((495.0,), ""),
        ((495.001,), "CLOCK_OFFSET"),
        ((-495.0, 20.0), ""),
        ((20.0, -495.001), "CLOCK_OFFSET"),
        ((None, 20.0), ""),
        ((None, None), "CLOCK_OFFSET"),
        ((), "CLOCK_OFFSET"),
    ],
)
def test_live_needs_a_clock_that_is_known_to_be_right(kit: Kit, offsets: tuple[float | None, ...], code: str) -> None:
    heard = [a_clock(source, ms) for source, ms in zip(CLOCKS, offsets, strict=False)]
    assert kit.code_with(10.0, *heard, knobs=LIVE) == code
    assert kit.code_with(10.0, *heard) == "", "the demo's venue lives by our own clock"


@pytest.mark.parametrize(
    ("offset", "code"), [(250.0, ""), (-250.0, ""), (250.001, "CLOCK_OFFSET"), (499.0, "CLOCK_OFFSET")]
)
def test_the_doubt_counts_with_the_offset_and_against_the_better_known_clock(
    kit: Kit, offset: float, code: str
) -> None:
    heard = (a_clock("venue", offset, error_ms=250.0), a_clock("sntp", 400.0))
    assert kit.code_with(10.0, *heard, knobs=LIVE) == code


def test_a_clock_that_is_off_or_unknown_is_named_with_its_bound(kit: Kit) -> None:
    bench = kit.Bench(LIVE).ready()
    bench.hear(10.0, a_clock("venue", 700.0))
    assert bench.judge().reason == "our clock is +700 ± 5 ms off by venue, limit 500 ms with the doubt"
    bench.hear(10.0, a_clock("venue", None, "no answer"))
    assert bench.judge(kit.an_intent(strategy="b")).reason == "how far our clock is off is unknown (venue: no answer)"


def test_a_rehearsal_that_runs_faster_reads_its_venues_clock_as_much_more_coarsely(kit: Kit) -> None:
    bench = kit.Bench(LIVE, speed=45.0).ready()
    bench.hear(10.0, a_clock("venue", 0.0, error_ms=6750.0))
    assert bench.judge().reason_code != "CLOCK_OFFSET"
    bench.hear(10.0, a_clock("venue", 1.0, error_ms=6750.0))
    assert bench.judge(kit.an_intent(strategy="b")).reason.endswith("limit 6750 ms with the doubt")
