"""risk: each limit at it, one below, one above; silence is a refusal; what is in flight counts; the trading state."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messages import (
    Accepted,
    Account,
    ApprovedOrder,
    Book,
    Candle,
    Candles,
    Done,
    FeeSchedule,
    Halt,
    Health,
    History,
    Judged,
    MarketListed,
    OraclePrice,
    OrderIntent,
    OrderUpdate,
    Pause,
    Position,
    Positions,
    Prediction,
    PriceTick,
    Refused,
    Resume,
    RiskState,
    RiskVerdict,
    Seen,
    Snapshot,
    SnapshotTaken,
    WindowObserved,
    Word,
)
from messages.inner import HaltSeen, NoReply, Started, Tick, WriteHalt, WritePause
from messages.units import MS, NS
from polybot.core.amounts import BuyAmounts, fak_buy, resting_buy
from polybot.core.risk import RiskCore
from polybot.core.risk.permission import drawdown_floor_e6
from polybot.core.risk.prices import funds
from polybot.core.risk.table import RULES
from polybot.core.settings import Risk, Settings

T0 = 1_795_132_800
FEE = FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True)
FREE_E6 = 100_000_000


def slug_of(start_s: int) -> str:
    return f"btc-updown-5m-{start_s}"


def an_intent(stake_e6: int = 5_000_000, limit_e6: int = 530_000, start_s: int = T0, **changed: Any) -> OrderIntent:
    buy = fak_buy(stake_e6, limit_e6, FEE)
    if not isinstance(buy, BuyAmounts):
        buy = BuyAmounts(limit_e6, stake_e6, 1, stake_e6)
    strategy = changed.get("strategy", "coin")
    fields: dict[str, Any] = {
        "id": f"main/{strategy}/{slug_of(start_s)}/1",
        "account": "main",
        "strategy": "coin",
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "token_id": "111",
        "outcome": "UP",
        "side": "BUY",
        "order_type": "FAK",
        "stake_e6": stake_e6,
        "limit_e6": limit_e6,
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "fee_rate_e6": 70_000,
        "fee_exponent": 1,
        "neg_risk": False,
        "start_s": start_s,
        "end_s": start_s + 300,
        "good_until_ns": (start_s + 13) * NS,
        "cancel_at_ns": (start_s + 270) * NS,
        "win_streak": 0,
        "prediction": a_prediction(start_s),
    }
    return OrderIntent(**{**fields, **changed})


def a_prediction(start_s: int) -> Prediction:
    return Prediction(
        account="main",
        strategy="coin",
        slug=slug_of(start_s),
        condition_id="0x1",
        n=1,
        start_s=start_s,
        end_s=start_s + 300,
        signal_type="baseline",
        label="low",
        prediction="UP",
        probability=None,
        indicators={},
        btc_price=None,
        strike=None,
        strike_source="",
        up_ask_e6=510_000,
        down_ask_e6=510_000,
        reason_code="",
        reason="",
        decided_ns=(start_s + 10) * NS,
        good_until_ns=(start_s + 13) * NS,
    )


def an_account(**changed: Any) -> Account:
    fields: dict[str, Any] = {
        "account": "main",
        "ready": True,
        "why_not_ready": "",
        "purse_e6": 100_000_000,
        "equity_e6": 100_000_000,
        "free_e6": FREE_E6,
        "halted": False,
        "halt_reason": "",
        "streaks": {},
        "unknown_orders": (),
        "blocked_slugs": (),
        "day": "2026-11-20",
        "venue_state": "",
        "journal_seq": 1,
    }
    sums = {f: 0 for f in Account.__struct_fields__ if f not in (*fields, "days", "sent")}
    return Account(**{**sums, **fields, **changed})


def positions(**changed: Any) -> Positions:
    fields: dict[str, Any] = {"account": "main", "positions": (), "orders": (), "foreign": (), "journal_seq": 1}
    return Positions(**{**fields, **changed})


def a_position(start_s: int = T0, **changed: Any) -> Position:
    fields: dict[str, Any] = {
        "account": "main",
        "strategy": "coin",
        "slug": slug_of(start_s),
        "token_id": "111",
        "outcome": "UP",
        "size_e6": 9_000_000,
        "cost_e6": 5_000_000,
        "provisional_e6": 0,
        "end_s": start_s + 300,
        "state": "open",
    }
    return Position(**{**fields, **changed})


def an_order(intent: OrderIntent, **changed: Any) -> OrderUpdate:
    fields: dict[str, Any] = {
        "account": "main",
        "order_id": f"0x{intent.id}",
        "intent_id": intent.id,
        "strategy": intent.strategy,
        "slug": intent.slug,
        "token_id": intent.token_id,
        "outcome": intent.outcome,
        "side": "BUY",
        "state": "LIVE",
        "final": False,
        "filled_e6": 0,
        "cost_e6": 0,
        "fee_e6": 0,
        "reserved_e6": intent.worst_e6,
        "limit_e6": intent.limit_e6,
        "stake_e6": intent.stake_e6,
        "reason_code": "",
        "reason": "",
        "posts": 1,
        "updated_ns": 0,
        "journal_seq": 1,
    }
    return OrderUpdate(**{**fields, **changed})


def a_market(start_s: int = T0, **changed: Any) -> MarketListed:
    fields: dict[str, Any] = {
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "up_token": "111",
        "down_token": "222",
        "start_s": start_s,
        "end_s": start_s + 300,
        "tick_e6": 10_000,
        "min_size_e6": 5_000_000,
        "fee": FEE,
        "neg_risk": False,
        "rule": "twap60",
        "rule_why": "",
        "synthetic_books": True,
    }
    return MarketListed(**{**fields, **changed})


def a_window(start_s: int = T0, strike: float | None = 64000.0) -> WindowObserved:
    return WindowObserved(
        slug=slug_of(start_s),
        start_s=start_s,
        end_s=start_s + 300,
        strike_e18=None if strike is None else f"{int(strike)}{'0' * 18}",
        strike=strike,
        strike_source="rtds_twap60",
        why="no print stamped at the start" if strike is None else "",
    )


def a_book(at_ns: int, start_s: int = T0, **changed: Any) -> Book:
    fields: dict[str, Any] = {
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "up_bids": ((490_000, 9_000_000),),
        "up_asks": ((510_000, 9_000_000),),
        "down_bids": ((490_000, 9_000_000),),
        "down_asks": ((510_000, 9_000_000),),
        "venue_ns": at_ns,
        "received_ns": at_ns,
    }
    return Book(**{**fields, **changed})


def a_tick(at_ns: int, price: float = 64000.0) -> PriceTick:
    return PriceTick(symbol="BTCUSDT", price=price, size=0.1, trade_id=1, traded_ns=at_ns, source="binance")


def a_print(at_ns: int) -> OraclePrice:
    return OraclePrice(
        symbol="btc/usd",
        feed="twap60",
        price=64000.0,
        value_e18="64000000000000000000000",
        observed_ns=at_ns,
        received_ns=at_ns,
        source="rtds",
    )


class Bench:
    """A risk core at speed 1 in a session of 50 windows, and what it said. Moments are seconds after T0."""

    def __init__(self, knobs: Settings | None = None, halted: str = "", boot: int = 7, paused: str = "") -> None:
        self.core = RiskCore()
        self.said: list[Word] = []
        self.hear(
            -60.0,
            Started(
                actor="risk",
                boot=boot,
                config=msgspec.json.encode(knobs or Settings()).decode(),
                versions={},
                mono_s=0.0,
                speed=1.0,
                session=json.dumps({"id": "s", "first_window_s": T0, "windows": 50}),
                halted=halted,
                paused=paused,
            ),
        )

    def hear(self, at_s: float, *words: Word) -> list[Word]:
        now_ns = T0 * NS + round(at_s * NS)
        new = [said for word in words for said in self.core.handle(word, now_ns)]
        self.said += new
        return new

    def grown(self, at_s: float = 9.0) -> "Bench":
        """No longer in its first seconds: what is not there is refused, not waited for."""
        self.hear(at_s, Tick(name="grown", mono_s=2.0))
        return self

    def snapshot(self, at_s: float, account: Account | None = None, held: Positions | None = None) -> list[Word]:
        asked = self.all(Snapshot)[-1]
        return self.hear(
            at_s, SnapshotTaken(id=asked.id, account=account or an_account(), positions=held or positions())
        )

    def ready(self, at_s: float = 10.0, start_s: int = T0) -> "Bench":
        """Everything fresh as of at_s, the first snapshot taken."""
        ns = T0 * NS + round(at_s * NS)
        if not self.core._has_snapshot:
            self.snapshot(at_s)
        self.hear(at_s, a_market(start_s), a_window(start_s), a_tick(ns), a_print(ns), a_book(ns, start_s))
        return self

    def all(self, kind: type[Any]) -> list[Any]:
        return [w for w in self.said if isinstance(w, kind)]

    def judge(self, intent: OrderIntent | None = None, at_s: float = 10.0) -> RiskVerdict:
        said = self.hear(at_s, intent or an_intent())
        (verdict,) = [w for w in said if isinstance(w, RiskVerdict)]
        (judged,) = [w for w in said if isinstance(w, Judged)]
        assert judged.verdict == verdict and judged.id == verdict.intent_id
        assert verdict.approved == any(isinstance(w, ApprovedOrder) for w in said) == (not verdict.reason_code)
        assert verdict.approved or verdict.reason, "a refusal says why"
        return verdict

    @property
    def state(self) -> RiskState:
        return self.all(RiskState)[-1]  # type: ignore[no-any-return]


def code_with(at_s: float, *words: Word, intent: OrderIntent | None = None, knobs: Settings | None = None) -> str:
    """The reason code when everything else is in order."""
    bench = Bench(knobs).grown().ready(at_s)
    bench.hear(at_s, *words)
    return bench.judge(intent, at_s).reason_code


# --- the way of an order


def test_an_order_within_every_limit_is_handed_on_then_judged() -> None:
    bench = Bench().ready()
    said = bench.hear(10.0, an_intent())
    assert [type(w) for w in said] == [ApprovedOrder, RiskVerdict, Judged, RiskState]
    order = said[0]
    assert isinstance(order, ApprovedOrder)
    assert (order.id, order.risk_boot, order.intent) == (an_intent().id, 7, an_intent())
    assert (order.good_until_ns, order.cancel_at_ns) == ((T0 + 13) * NS, (T0 + 270) * NS)
    assert bench.state.approved == 1 and bench.state.refused == {}


def test_a_repeat_gets_the_first_verdict_even_with_other_content_and_nothing_is_handed_on_twice() -> None:
    bench = Bench().ready()
    first = bench.judge()
    for repeat in (an_intent(), an_intent(stake_e6=7_500_000)):
        (judged,) = bench.hear(10.5, repeat)
        assert isinstance(judged, Judged) and judged.verdict == first
    refused = bench.judge(an_intent(start_s=T0 + 300), 10.6)
    (again,) = bench.hear(311.0, an_intent(start_s=T0 + 300))
    assert isinstance(again, Judged) and again.verdict == refused
    assert len(bench.all(ApprovedOrder)) == 1


def test_refusals_are_counted_by_their_code() -> None:
    bench = Bench().ready()
    bench.judge(an_intent(stake_e6=60_000_000))
    bench.judge(an_intent(stake_e6=60_000_000, strategy="b"))
    assert bench.state.refused == {"MAX_ORDER": 2}


# --- start: silence is a refusal


def test_nothing_is_approved_before_a_snapshot_and_what_came_earlier_waits_for_it() -> None:
    bench = Bench()
    bench.hear(9.9, a_market(), a_window(), a_tick((T0 + 10) * NS), a_print((T0 + 10) * NS), a_book((T0 + 10) * NS))
    bench.hear(9.9, an_account(), positions())
    assert bench.hear(10.0, an_intent(), an_intent()) == []
    said = bench.snapshot(10.1)
    assert len([w for w in said if isinstance(w, ApprovedOrder)]) == 1


def test_in_its_first_seconds_a_wish_waits_for_what_has_not_been_heard_yet() -> None:
    bench, ns = Bench(), (T0 + 10) * NS
    bench.snapshot(9.9)
    bench.hear(10.0, a_market(), a_window(), a_print(ns), a_book(ns))
    assert bench.hear(10.0, an_intent()) == []
    said = bench.hear(10.2, a_tick(ns))
    assert [type(w) for w in said[:3]] == [ApprovedOrder, RiskVerdict, Judged]


def test_what_it_waited_for_in_vain_is_refused_by_name() -> None:
    for end, code in ((Tick(name="grown", mono_s=2.0), "STALE_PRICE"), (a_book((T0 + 14) * NS), "TOO_LATE")):
        bench, ns = Bench(), (T0 + 10) * NS
        bench.snapshot(9.9)
        bench.hear(10.0, a_market(), a_window(), a_print(ns), a_book(ns), an_intent())
        said = bench.hear(11.0 if code == "STALE_PRICE" else 14.0, end)
        assert [w.reason_code for w in said if isinstance(w, RiskVerdict)] == [code]


def test_when_the_executor_is_silent_the_wish_is_refused_and_the_snapshot_asked_again() -> None:
    bench = Bench()
    assert bench.hear(10.0, an_intent()) == []
    said = bench.hear(10.5, NoReply(id=bench.all(Snapshot)[-1].id, to="executor", request="Snapshot"))
    assert [w.reason_code for w in said if isinstance(w, RiskVerdict)] == ["ACCOUNT_UNKNOWN"]
    assert [type(w) for w in bench.hear(10.8, Tick(name="snapshot", mono_s=1.0))] == [Snapshot]


def test_a_restart_finds_the_order_it_had_handed_on_and_does_not_hand_it_on_again() -> None:
    bench = Bench()
    bench.snapshot(9.0, held=positions(orders=(an_order(an_intent()),)))
    bench.ready()
    said = bench.hear(10.0, an_intent())
    assert [w.approved for w in said if isinstance(w, RiskVerdict)] == [True]
    assert not [w for w in said if isinstance(w, ApprovedOrder)]


def test_an_account_that_is_not_ready_or_silent_is_unknown() -> None:
    assert code_with(10.0, an_account(ready=False)) == "ACCOUNT_UNKNOWN"
    for silent_s, code in ((4.9, ""), (5.0, ""), (5.1, "ACCOUNT_UNKNOWN")):
        bench = Bench()
        bench.snapshot(0.0)
        bench.hear(1.0, Tick(name="level", mono_s=1.0))
        bench.hear(9.0, Tick(name="level", mono_s=1.0 + silent_s))
        assert bench.ready().judge().reason_code == code


def test_an_older_level_never_replaces_a_newer() -> None:
    bench = Bench().ready()
    bench.hear(10.0, an_account(unresolved=3, journal_seq=9), an_account(unresolved=0, journal_seq=8))
    assert bench.judge().reason_code == "UNRESOLVED"


# --- every limit: at it, one below, one above


def with_book(**changed: Any) -> Book:
    return a_book((T0 + 10) * NS, **changed)


@pytest.mark.parametrize(
    ("ask", "code"),
    [(649_000, ""), (650_000, ""), (651_000, "PRICE_ABOVE_CAP"), (200_000, ""), (199_000, "PRICE_BELOW_FLOOR")],
)
def test_price_limits(ask: int, code: str) -> None:
    book = with_book(up_bids=((ask - 10_000, 1),), up_asks=((ask, 1),), down_asks=((1_010_000 - ask, 1),))
    assert code_with(10.0, book) == code


@pytest.mark.parametrize(("bid", "code"), [(461_000, ""), (460_000, ""), (459_000, "BOOK_WIDE")])
def test_spread_limit(bid: int, code: str) -> None:
    assert code_with(10.0, with_book(up_bids=((bid, 1),))) == code


@pytest.mark.parametrize(
    ("down", "code"), [(480_000, ""), (479_000, "BOOK_CROSSED"), (550_000, ""), (551_000, "BOOK_CROSSED")]
)
def test_the_two_asks_belong_together(down: int, code: str) -> None:
    assert code_with(10.0, with_book(down_asks=((down, 1),))) == code


def test_no_ask() -> None:
    assert code_with(10.0, with_book(up_asks=())) == "NO_ASK"


@pytest.mark.parametrize(("limit", "code"), [(640_000, ""), (650_000, ""), (660_000, "PRICE_ABOVE_CAP")])
def test_limit_price(limit: int, code: str) -> None:
    assert code_with(10.0, intent=an_intent(limit_e6=limit)) == code


@pytest.mark.parametrize(("stake", "code"), [(1_000_000, ""), (1_010_000, ""), (990_000, "BELOW_MINIMUM")])
def test_venue_minimum(stake: int, code: str) -> None:
    assert code_with(10.0, intent=an_intent(stake_e6=stake)) == code


@pytest.mark.parametrize(("stake", "code"), [(24_990_000, ""), (25_000_000, ""), (25_010_000, "MAX_ORDER")])
def test_order_cap(stake: int, code: str) -> None:
    assert code_with(10.0, intent=an_intent(stake_e6=stake)) == code


def test_the_order_cap_names_value_and_bound() -> None:
    verdict = Bench().ready().judge(an_intent(stake_e6=80_000_000))
    assert verdict.reason == "order of 80 USD exceeds max_stake_usd = 25.00"


def test_live_has_its_own_cap() -> None:
    knobs = Settings(bot=msgspec.structs.replace(Settings().bot, profile="live"))
    assert code_with(10.0, intent=an_intent(stake_e6=5_000_000), knobs=knobs) == ""
    assert code_with(10.0, intent=an_intent(stake_e6=5_010_000), knobs=knobs) == "MAX_ORDER"


@pytest.mark.parametrize(("free", "code"), [(5_350_001, ""), (5_350_000, ""), (5_349_999, "FUNDS")])
def test_the_worst_case_must_be_free(free: int, code: str) -> None:
    assert code_with(10.0, an_account(free_e6=free)) == code


@pytest.mark.parametrize(
    "changed", [{"maker_e6": 5_000_001}, {"taker_e6": 9_434_000}, {"worst_e6": 5_349_999}, {"limit_e6": 535_000}]
)
def test_amounts_must_be_those_of_stake_and_limit(changed: dict[str, int]) -> None:
    assert code_with(10.0, intent=msgspec.structs.replace(an_intent(), **changed)) == "BAD_AMOUNTS"


@pytest.mark.parametrize(("equity", "state"), [(70_000_001, "ACTIVE"), (70_000_000, "HALTED"), (69_999_999, "HALTED")])
def test_drawdown_halts_at_seventy_percent_of_the_purse(equity: int, state: str) -> None:
    bench = Bench().ready()
    said = bench.hear(10.0, an_account(equity_e6=equity))
    assert bench.state.state == state
    halts = [w for w in said if isinstance(w, WriteHalt)]
    assert [h.reason_code for h in halts] == (["DRAWDOWN"] if state == "HALTED" else [])
    assert bench.judge().reason_code == ("HALTED" if state == "HALTED" else "")
    if halts:
        assert "70.00 USD" in halts[0].reason and "purse 100.00 USD" in halts[0].reason
        assert bench.hear(10.1, an_account(equity_e6=equity - 1)) == [], "said once"


def test_the_drawdown_floor_in_integers() -> None:
    assert drawdown_floor_e6(100_000_000, 30.0) == 70_000_000
    assert drawdown_floor_e6(75_000_001, 33.3) == 50_025_000


@pytest.mark.parametrize(("count", "code"), [(2, ""), (3, "UNRESOLVED"), (4, "UNRESOLVED")])
def test_unresolved_windows(count: int, code: str) -> None:
    assert code_with(10.0, an_account(unresolved=count)) == code


@pytest.mark.parametrize(("count", "code"), [(2, ""), (3, "SETTLEMENT_LATE")])
def test_late_settlements(count: int, code: str) -> None:
    assert code_with(10.0, an_account(late=count)) == code


@pytest.mark.parametrize(("at_s", "code"), [(12.999, ""), (13.0, ""), (13.001, "TOO_LATE")])
def test_good_until(at_s: float, code: str) -> None:
    assert code_with(at_s) == code


@pytest.mark.parametrize(
    ("at_s", "code"), [(0.0, ""), (-0.001, "OUTSIDE_WINDOW"), (269.999, ""), (270.0, ""), (270.001, "OUTSIDE_WINDOW")]
)
def test_entries_only_from_the_start_to_thirty_seconds_before_the_end(at_s: float, code: str) -> None:
    assert code_with(at_s, intent=an_intent(good_until_ns=(T0 + 400) * NS)) == code


def test_windows_of_no_session_are_not_entered() -> None:
    outside = T0 + 50 * 300
    bench = Bench().ready(outside - T0 + 10, outside)
    assert bench.judge(an_intent(start_s=outside), outside - T0 + 10).reason_code == "OUTSIDE_WINDOW"
    assert code_with(10.0, intent=an_intent(end_s=T0 + 900)) == "OUTSIDE_WINDOW"


Older = Callable[[int], Word]


@pytest.mark.parametrize(
    ("older", "limit_s", "code"),
    [
        (lambda ns: a_tick(ns), 2.0, "STALE_PRICE"),
        (lambda ns: a_book(ns), 2.0, "STALE_BOOK"),
        (lambda ns: a_print(ns), 5.0, "STALE_ORACLE"),
    ],
)
def test_stale_data(older: Older, limit_s: float, code: str) -> None:
    for over_ms, expected in ((-1, ""), (0, ""), (1, code)):
        seen_ns = (T0 + 10) * NS - round(limit_s * NS) - over_ms * MS
        assert code_with(10.0, older(seen_ns)) == expected


def test_a_strike_must_stand() -> None:
    assert code_with(10.0, a_window(strike=None)) == "NO_STRIKE"


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (a_market(rule=None, rule_why="new source"), "RULE_UNKNOWN"),
        (a_market(up_token="222", down_token="111"), "RULE_UNKNOWN"),
        (a_market(condition_id="0x2"), "RULE_UNKNOWN"),
        (a_market(neg_risk=True), "RULE_UNKNOWN"),
        (a_market(fee=None), "NO_FEE_SCHEDULE"),
        (a_market(fee=FeeSchedule(rate_e6=250_000, exponent=2, taker_only=True)), "NO_FEE_SCHEDULE"),
    ],
)
def test_the_market_must_be_the_one_reckoned_with(market: MarketListed, code: str) -> None:
    assert code_with(10.0, market) == code


@pytest.mark.parametrize("changed", [{"side": "SELL"}, {"order_type": "GTC"}, {"post_only": True}])
def test_only_fak_buys(changed: dict[str, Any]) -> None:
    assert code_with(10.0, intent=an_intent(**changed)) == "ORDER_KIND"


# --- what is out there already


def test_an_opposite_position_or_order_is_refused_whichever_strategy_holds_it() -> None:
    for strategy in ("coin", "other"):
        held = positions(positions=(a_position(outcome="DOWN", strategy=strategy),))
        assert code_with(10.0, held) == "OPPOSITE"
    order = an_order(an_intent(strategy="other"), outcome="DOWN", final=True)
    assert code_with(10.0, positions(orders=(order,))) == "OPPOSITE"


def test_one_entry_a_strategy_and_window() -> None:
    assert code_with(10.0, positions(positions=(a_position(),))) == "ONE_ENTRY"
    assert code_with(10.0, positions(positions=(a_position(strategy="other"),))) == ""
    assert code_with(10.0, positions(positions=(a_position(T0 - 300),))) == ""


def test_at_most_one_entry_order_not_yet_final_over_all_windows() -> None:
    before = an_intent(start_s=T0 - 300)
    assert code_with(10.0, positions(orders=(an_order(before),))) == "ENTRY_OPEN"
    assert code_with(10.0, positions(orders=(an_order(before, final=True),))) == ""


def test_an_unknown_order_blocks_its_own_market_and_a_foreign_one_all() -> None:
    assert code_with(10.0, an_account(blocked_slugs=(slug_of(T0),))) == "UNKNOWN_ORDER"
    assert code_with(10.0, an_account(blocked_slugs=(slug_of(T0 - 300),))) == ""
    assert code_with(10.0, positions(foreign=("0xbad",))) == "UNKNOWN_ORDER"


# --- in flight


def second_window(bench: Bench, at_s: float = 310.0) -> str:
    return bench.ready(at_s, T0 + 300).judge(an_intent(start_s=T0 + 300), at_s).reason_code


@pytest.mark.parametrize("answer", ["accepted", "seen", "silence"])
def test_an_order_stays_in_flight_until_a_snapshot_asked_after_the_answer(answer: str) -> None:
    bench = Bench().ready()
    assert bench.judge().approved
    words: dict[str, Word] = {
        "accepted": Accepted(id=an_intent().id, order_id="0x1"),
        "seen": Seen(id=an_intent().id, order_id="0x1", reason_code="", reason="", conflict=False),
        "silence": NoReply(id=an_intent().id, to="executor", request="ApprovedOrder"),
    }
    bench.hear(11.0, words[answer])
    assert second_window(bench) == "ENTRY_OPEN", "answered, but no snapshot yet"
    bench.snapshot(311.0)
    bench.ready(610.0, T0 + 600)
    assert bench.judge(an_intent(start_s=T0 + 600), 610.0).approved


def test_a_snapshot_asked_before_the_answer_settles_nothing() -> None:
    bench = Bench().ready()
    bench.judge()
    bench.hear(10.1, Accepted(id=an_intent().id, order_id="0x1"))
    asked = bench.all(Snapshot)[-1]
    late = an_intent(start_s=T0 + 300)
    bench.core._in_flight.add(late)  # handed on while the question was under way
    bench.hear(10.2, Accepted(id=late.id, order_id="0x2"))
    assert bench.all(Snapshot)[-1] is asked, "one question at a time"
    bench.snapshot(10.3)
    assert bench.core._in_flight.intents == (late,)
    bench.snapshot(10.4)
    assert bench.core._in_flight.intents == ()


def test_a_clear_refusal_frees_at_once() -> None:
    bench = Bench().ready()
    bench.judge()
    bench.hear(10.1, Refused(id=an_intent().id, reason_code="TOO_LATE", reason=""))
    assert second_window(bench) == ""


def test_silence_to_a_snapshot_keeps_everything_reserved() -> None:
    bench = Bench().ready()
    bench.judge()
    bench.hear(11.0, NoReply(id=an_intent().id, to="executor", request="ApprovedOrder"))
    bench.hear(12.0, NoReply(id=bench.all(Snapshot)[-1].id, to="executor", request="Snapshot"))
    assert second_window(bench) == "ENTRY_OPEN"
    bench.hear(311.0, Tick(name="snapshot", mono_s=300.0))
    bench.snapshot(311.1)
    assert bench.core._in_flight.intents == ()


# --- the weather


@pytest.mark.parametrize(("high", "code"), [(102.999, ""), (103.0, ""), (103.001, "RANGE")])
def test_five_minute_range(high: float, code: str) -> None:
    at_ns = (T0 + 10) * NS
    bench = Bench()
    bench.snapshot(9.0)
    bench.hear(10.0, a_tick(at_ns - NS, 100.0), a_tick(at_ns, high))
    bench.hear(10.0, a_market(), a_window(), a_print(at_ns), a_book(at_ns))
    assert bench.judge().reason_code == code


def a_shaken_hour(last_bp: float) -> tuple[Candle, ...]:
    made, close = [], 64000.0
    for i in range(150):
        close *= 1 + (1 if i % 2 else -1) * (last_bp if i >= 140 else 5.0) / 10_000
        end_s = T0 - 30 * (149 - i)
        made.append(
            Candle(
                symbol="BTCUSDT",
                interval_s=30,
                start_ns=(end_s - 30) * NS,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=1.0,
                traded=True,
                source="binance",
            )
        )
    return tuple(made)


@pytest.mark.parametrize(("last_bp", "code"), [(9.9, ""), (10.1, "VOLATILITY")])
def test_volatility_above_twice_its_baseline(last_bp: float, code: str) -> None:
    bench = Bench()
    asked = bench.all(History)[-1]
    bench.hear(
        0.5, Candles(id=asked.id, symbol="BTCUSDT", interval_s=30, candles=a_shaken_hour(last_bp), complete=True)
    )
    assert bench.ready().judge().reason_code == code


def test_without_an_hour_of_bars_the_volatility_rule_is_off_and_the_level_says_so() -> None:
    bench = Bench().ready()
    assert bench.judge().approved
    (use,) = [u for u in bench.state.limits if u.rule == "VOLATILITY"]
    assert use.used.startswith("off: ")


# --- the trading state


def halt_file(halt_id: str) -> HaltSeen:
    return HaltSeen(halt_id=halt_id, by="me" if halt_id else "", reason_code="MANUAL" if halt_id else "", reason="")


def test_the_halt_file_halts_and_its_removal_lifts() -> None:
    bench = Bench().ready()
    bench.hear(10.0, halt_file("h1"))
    assert bench.state.state == "HALTED"
    verdict = bench.judge()
    assert verdict.reason_code == "HALTED" and "MANUAL" in verdict.reason
    bench.hear(11.0, halt_file(""))
    assert bench.state.state == "ACTIVE" and second_window(bench) == ""


def test_a_halt_that_stood_at_the_start_holds() -> None:
    bench = Bench(halted="h1").ready()
    assert bench.state.state == "HALTED" and bench.judge().reason_code == "HALTED"


def test_a_halt_request_writes_the_file_and_acts_at_once() -> None:
    bench = Bench().ready()
    said = bench.hear(10.0, Halt(id="r1", by="cli", reason_code="MANUAL", reason="test"))
    assert [type(w) for w in said] == [WriteHalt, RiskState, Done]
    assert bench.judge().reason_code == "HALTED"


def test_resume_names_the_halt_it_lifts() -> None:
    bench = Bench().ready()
    bench.hear(10.0, halt_file("h2"))
    done = bench.hear(10.1, Resume(id="r1", halt_id="h1", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and not done.ok and "h2" in done.reason and bench.state.state == "HALTED"
    done = bench.hear(10.2, Resume(id="r2", halt_id="h2", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and done.ok and done.trading_state == "ACTIVE"
    assert bench.judge().approved


def test_lifting_a_halt_does_not_lift_its_cause() -> None:
    bench = Bench().ready()
    bench.hear(10.0, an_account(equity_e6=60_000_000), halt_file("h1"))
    done = bench.hear(10.1, Resume(id="r", halt_id="h1", by="cli", reason="x"))[-1]
    assert isinstance(done, Done) and done.trading_state == "HALTED"
    assert bench.judge().reason_code == "HALTED"


def test_a_pause_is_written_down_and_a_restarted_risk_keeps_to_it() -> None:
    bench = Bench().ready()
    said = bench.hear(10.0, Pause(id="p", by="user", reason="lunch"))
    (written,) = [w for w in said if isinstance(w, WritePause)]
    again = Bench(paused=written.why).ready()
    assert again.state.state == "REDUCING" and "paused by user: lunch" in again.state.reason
    assert again.judge().reason_code == "REDUCING"
    said = again.hear(11.0, Resume(id="r", halt_id="", by="user", reason="back"))
    assert WritePause(why="") in said and again.state.state == "ACTIVE"


def test_pause_lets_only_exits_through_until_resume() -> None:
    bench = Bench().ready()
    bench.hear(10.0, Pause(id="p", by="cli", reason="lunch"))
    assert bench.state.state == "REDUCING"
    verdict = bench.judge()
    assert verdict.reason_code == "REDUCING" and "lunch" in verdict.reason
    bench.hear(10.1, Resume(id="r", halt_id="", by="cli", reason="back"))
    assert bench.state.state == "ACTIVE" and second_window(bench) == ""


def test_an_account_that_says_halted_is_believed() -> None:
    assert code_with(10.0, an_account(halted=True, halt_reason="cash differs")) == "HALTED"


@pytest.mark.parametrize(("silent_s", "state"), [(9.9, "ACTIVE"), (10.0, "ACTIVE"), (10.1, "HALTED")])
def test_a_silent_watchdog_halts_after_ten_machine_seconds(silent_s: float, state: str) -> None:
    bench = Bench().ready()
    bench.hear(10.0, Health(actors=(), mono_ns=0), Tick(name="level", mono_s=50.0))
    said = bench.hear(11.0, Tick(name="level", mono_s=50.0 + silent_s))
    assert bench.state.state == state
    assert [w.reason_code for w in said if isinstance(w, WriteHalt)] == (["WATCHDOG"] if state == "HALTED" else [])


def test_our_own_sleep_is_not_taken_for_the_watchdogs_silence() -> None:
    bench = Bench().ready()
    bench.hear(10.0, Tick(name="level", mono_s=1.0))
    bench.hear(10.0, Health(actors=(), mono_ns=0), Tick(name="level", mono_s=60.0))
    assert bench.state.state == "ACTIVE"


def test_the_level_is_said_each_second_with_every_standing_limit() -> None:
    bench = Bench().ready()
    said = bench.hear(10.0, Tick(name="level", mono_s=1.0))
    (level,) = [w for w in said if isinstance(w, RiskState)]
    rules = [use.rule for use in level.limits]
    assert len(rules) == len(set(rules)) and {"DRAWDOWN", "ENTRY_OPEN", "RANGE", "STALE_ORACLE"} <= set(rules)
    assert set(rules) <= {code for code, _ in RULES}
    assert level.boot == 7 and level.since_ns == (T0 - 60) * NS


# --- whatever comes, no limit is exceeded


def the_executor_answers(bench: Bench, at_s: float, intent: OrderIntent, answer: str, books: dict[str, Any]) -> None:
    """A little executor that takes what it is given, whatever it says of it; its books are the truth."""
    if answer == "refuse":
        bench.hear(at_s, Refused(id=intent.id, reason_code="X", reason=""))
        return
    books["open"].append(intent)
    if answer == "accept":
        bench.hear(at_s, Accepted(id=intent.id, order_id="0x"))
    elif answer == "silence":
        bench.hear(at_s, NoReply(id=intent.id, to="executor", request="ApprovedOrder"))


def the_books(books: dict[str, Any], seq: int) -> tuple[Account, Positions]:
    reserved = sum(i.worst_e6 for i in books["open"])
    spent = sum(i.worst_e6 for i in books["held"])
    account = an_account(free_e6=FREE_E6 - reserved - spent, reserved_e6=reserved, unresolved=0, journal_seq=seq)
    held = tuple(a_position(i.start_s, outcome=i.outcome, strategy=i.strategy) for i in books["held"])
    orders = tuple(an_order(i) for i in books["open"])
    return account, positions(positions=held, orders=orders, journal_seq=seq)


step = st.tuples(
    st.integers(0, 5),  # window
    st.sampled_from(["coin", "other"]),
    st.sampled_from(["UP", "DOWN"]),
    st.integers(50, 6000),  # stake in cents
    st.sampled_from(["accept", "refuse", "silence", "late"]),
    st.sampled_from(["none", "level", "snapshot", "final", "final+level"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(step, max_size=25))
def test_no_stream_of_wishes_ever_exceeds_a_limit(steps: list[Any]) -> None:
    knobs = Settings(risk=Risk(max_stake_usd=40.0))
    bench, books, seq = Bench(knobs), {"open": [], "held": []}, 1
    bench.snapshot(0.0)
    for k, (window, strategy, outcome, cents, answer, then) in enumerate(steps):
        at_s, start_s = k * 300 + 10.0, T0 + 300 * k
        start_s = start_s if window else T0 + 300 * max(0, k - 1)  # now and then a window that is over
        bench.ready(at_s, start_s)
        token = "111" if outcome == "UP" else "222"
        intent = an_intent(cents * 10_000, start_s=start_s, strategy=strategy, outcome=outcome, token_id=token)
        before = len(books["open"])
        for order in [w for w in bench.hear(at_s, intent) if isinstance(w, ApprovedOrder)]:
            given_out = sum(i.worst_e6 for i in (*books["open"], *books["held"], order.intent))
            assert given_out <= FREE_E6, "funds"
            assert before == 0, "one entry order at a time, in flight or open"
            assert 1_000_000 <= order.intent.stake_e6 <= 40_000_000
            assert at_s * NS + T0 * NS <= order.good_until_ns
            the_executor_answers(bench, at_s, order.intent, answer, books)
        seq += 1
        if then.startswith("final"):
            books["held"] += books["open"]
            books["open"] = []
        if then in ("level", "final+level"):
            bench.hear(at_s + 1, *the_books(books, seq))
        if then == "snapshot":
            account, held = the_books(books, seq)
            bench.snapshot(at_s + 1, account, held)
    keys = [(i.strategy, i.slug) for i in (*books["open"], *books["held"])]
    assert len(keys) == len(set(keys)), "one entry a strategy and window"


def test_what_is_in_flight_counts_against_free_cash_in_full() -> None:
    bench = Bench().ready()
    bench.hear(10.0, an_account(free_e6=10_000_000))
    view = bench.core._view((T0 + 10) * NS)
    for worst, refused in ((4_650_000, False), (4_650_001, True)):
        other = msgspec.structs.replace(an_intent(strategy="other"), worst_e6=worst)
        assert bool(funds(an_intent(), dataclasses.replace(view, in_flight=(other,)))) is refused


# --- bets on a window to come


def a_resting(**changed: Any) -> OrderIntent:
    """9.43 shares at 0.53, cancelled when the window opens."""
    buy = resting_buy(5_000_000, 530_000, FEE, 5_000_000)
    assert isinstance(buy, BuyAmounts)
    fields: dict[str, Any] = {
        "order_type": "GTC",
        "post_only": True,
        "stake_e6": buy.maker_e6,
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "cancel_at_ns": T0 * NS,
    }
    return an_intent(**{**fields, **changed})


def early_code(at_s: float, intent: OrderIntent) -> str:
    """Everything in order but the strike, which does not exist yet."""
    bench = Bench().grown().ready(at_s)
    bench.core._market.windows.clear()
    return bench.judge(intent, at_s).reason_code


@pytest.mark.parametrize(
    ("at_s", "code"), [(-60.001, "OUTSIDE_WINDOW"), (-60.0, ""), (-30.0, ""), (-0.001, ""), (0.0, "OUTSIDE_WINDOW")]
)
def test_an_order_gone_at_the_open_may_be_placed_in_the_minute_before_without_a_strike(at_s: float, code: str) -> None:
    assert early_code(at_s, a_resting()) == code


def test_what_rests_is_post_only_and_gone_at_the_open() -> None:
    assert early_code(-30.0, a_resting(post_only=False)) == "ORDER_KIND"
    assert early_code(-30.0, a_resting(cancel_at_ns=T0 * NS + 1)) == "ORDER_KIND"
    assert early_code(-30.0, a_resting(side="SELL")) == "ORDER_KIND"


def test_the_amounts_of_what_rests_are_shares_times_limit_exactly() -> None:
    assert a_resting().taker_e6 == 9_430_000 and a_resting().maker_e6 == 4_997_900
    assert early_code(-30.0, a_resting(maker_e6=5_000_000)) == "BAD_AMOUNTS"
    assert early_code(-30.0, a_resting(taker_e6=9_440_000)) == "BAD_AMOUNTS"
