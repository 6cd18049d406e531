"""allocator: one size or refusal a window, one wish, repeated unchanged, never late."""

from typing import Any

import msgspec
import pytest

from messages import (
    Account,
    Allocation,
    FeeSchedule,
    Judged,
    MarketListed,
    OrderIntent,
    OrderUpdate,
    Positions,
    Prediction,
    Resend,
    RiskVerdict,
    Signal,
    Streak,
    Word,
)
from messages.inner import NoReply, SignalsLate, Started, Tick
from messages.units import NS
from polybot.core.allocator.core import AllocatorCore
from polybot.settings import Settings

T0 = 1_795_132_800
SLUG = f"btc-updown-5m-{T0}"
DECIDED_NS = (T0 + 10) * NS
ID = f"main/coin/{SLUG}/1"


def a_signal(up_ask_e6: int | None = 510_000, **changed: Any) -> Signal:
    prediction = Prediction(
        account="main",
        strategy="coin",
        slug=SLUG,
        condition_id="0x1",
        n=1,
        start_s=T0,
        end_s=T0 + 300,
        signal_type="baseline",
        label="low",
        prediction="UP",
        probability=None,
        indicators={},
        btc_price=64000.0,
        strike=64000.0,
        strike_source="rtds_twap60",
        up_ask_e6=up_ask_e6,
        down_ask_e6=500_000,
        reason_code="",
        reason="",
        decided_ns=DECIDED_NS,
        good_until_ns=DECIDED_NS + 3 * NS,
    )
    fields: dict[str, Any] = {
        "prediction": prediction,
        "outcome": "UP",
        "token_id": "111",
        "good_until_ns": DECIDED_NS + 3 * NS,
        "cancel_at_ns": (T0 + 270) * NS,
    }
    return Signal(**{**fields, **changed})


def an_account(**changed: Any) -> Account:
    fields: dict[str, Any] = {
        "account": "main",
        "ready": True,
        "why_not_ready": "",
        "free_e6": 100_000_000,
        "halted": False,
        "halt_reason": "",
        "streaks": {},
        "unknown_orders": (),
        "blocked_slugs": (),
        "day": "2026-11-20",
        "venue_state": "",
    }
    sums = {f: 0 for f in Account.__struct_fields__ if f not in (*fields, "days", "sent")}
    return Account(**{**sums, **fields, **changed})


def a_market(**changed: Any) -> MarketListed:
    fields: dict[str, Any] = {
        "slug": SLUG,
        "condition_id": "0x1",
        "up_token": "111",
        "down_token": "222",
        "start_s": T0,
        "end_s": T0 + 300,
        "tick_e6": 10_000,
        "min_size_e6": 5_000_000,
        "fee": FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True),
        "neg_risk": False,
        "rule": "twap60",
        "rule_why": "",
        "synthetic_books": True,
    }
    return MarketListed(**{**fields, **changed})


def a_streak(wins: int) -> Streak:
    return Streak(wins=wins, losses=0, known=True, last_slug="s", last_move_bp=5.0, trades=wins, won=wins, lost=0)


NOTHING_OUT = Positions(account="main", positions=(), orders=(), foreign=(), journal_seq=0)


class Bench:
    """An allocator and what it said of allocations and wishes."""

    def __init__(self, *first: Word, levels: tuple[Word, ...] = (NOTHING_OUT,)) -> None:
        self.core = AllocatorCore()
        started = Started(
            actor="allocator",
            boot=1,
            config=msgspec.json.encode(Settings()).decode(),
            versions={},
            mono_s=0.0,
            speed=1.0,
            session="",
        )
        self.at_start = list(self.core.handle(started, (T0 - 60) * NS))
        self.allocations: list[Allocation] = []
        self.intents: list[OrderIntent] = []
        self.hear(-60.0, *levels)
        self.hear(0.0, *first)

    def hear(self, at_s: float, *words: Word) -> list[Word]:
        said = [s for word in words for s in self.core.handle(word, T0 * NS + round(at_s * NS))]
        self.allocations += [w for w in said if isinstance(w, Allocation)]
        self.intents += [w for w in said if isinstance(w, OrderIntent)]
        return said


def ready() -> Bench:
    return Bench(an_account(), a_market())


def test_a_signal_becomes_a_size_and_one_wish() -> None:
    bench = ready()
    bench.hear(10.0, a_signal())
    (allocation,), (intent,) = bench.allocations, bench.intents
    assert (allocation.intent_id, allocation.stake_e6, allocation.limit_e6) == (ID, 5_000_000, 530_000)
    assert allocation.sizing == "win_streak step 0" and allocation.reason_code == ""
    assert intent.id == ID and intent.side == "BUY" and intent.order_type == "FAK"
    assert (intent.maker_e6, intent.taker_e6, intent.worst_e6) == (5_000_000, 9_433_900, 5_350_000)
    assert (intent.token_id, intent.outcome, intent.good_until_ns) == ("111", "UP", DECIDED_NS + 3 * NS)
    assert intent.prediction == a_signal().prediction


def test_the_wish_goes_out_before_the_allocation_that_silences_the_signal() -> None:
    said = ready().hear(10.0, a_signal())
    assert [type(w) for w in said] == [OrderIntent, Allocation]


def test_a_repeated_signal_gets_the_same_allocation_and_no_second_wish() -> None:
    bench = ready()
    bench.hear(10.0, a_signal(), an_account(free_e6=5_000_000), a_signal(), a_signal(up_ask_e6=600_000))
    assert len(bench.intents) == 1
    assert bench.allocations == [bench.allocations[0]] * 3


def test_the_stake_follows_the_streak_of_the_account() -> None:
    bench = Bench(an_account(streaks={"coin": a_streak(2)}), a_market())
    bench.hear(10.0, a_signal())
    assert (bench.intents[0].stake_e6, bench.intents[0].win_streak) == (11_250_000, 2)


@pytest.mark.parametrize(("at_s", "code"), [(12.999, ""), (13.0, ""), (13.001, "TOO_LATE")])
def test_good_until_is_still_in_time_and_a_moment_later_is_not(at_s: float, code: str) -> None:
    bench = ready()
    bench.hear(at_s, a_signal())
    assert [a.reason_code for a in bench.allocations] == [code]
    assert len(bench.intents) == (0 if code else 1)


def test_a_signal_outside_its_window_is_refused() -> None:
    bench = ready()
    bench.hear(270.001, a_signal(good_until_ns=(T0 + 280) * NS))
    assert [a.reason_code for a in bench.allocations] == ["OUTSIDE_WINDOW"]


@pytest.mark.parametrize(("free", "code"), [(2_000_000, ""), (2_020_000, ""), (1_990_000, "BELOW_MINIMUM")])
def test_half_of_what_is_left_must_reach_the_venues_minimum(free: int, code: str) -> None:
    bench = Bench(an_account(free_e6=free), a_market())
    bench.hear(10.0, a_signal())
    (allocation,) = bench.allocations
    assert allocation.reason_code == code
    if code:
        assert "0.99 USD" in allocation.reason and "1.00 USD" in allocation.reason and bench.intents == []


def test_without_a_fee_schedule_nothing_is_asked() -> None:
    bench = Bench(an_account(), a_market(fee=None))
    bench.hear(10.0, a_signal())
    assert [a.reason_code for a in bench.allocations] == ["NO_FEE_SCHEDULE"] and bench.intents == []


def test_a_signal_waits_for_the_account_and_the_market() -> None:
    bench = Bench(an_account(ready=False))
    bench.hear(10.0, a_signal(), a_market())
    assert bench.allocations == []
    bench.hear(10.5, an_account())
    assert [a.reason_code for a in bench.allocations] == [""] and len(bench.intents) == 1


def test_a_signal_waits_until_what_is_held_is_known() -> None:
    bench = Bench(an_account(), a_market(), levels=())
    bench.hear(10.0, a_signal())
    assert bench.intents == [] and bench.allocations == []
    bench.hear(10.5, NOTHING_OUT)
    assert [i.stake_e6 for i in bench.intents] == [5_000_000]


def test_without_what_is_held_it_is_refused_in_the_end() -> None:
    bench = Bench(an_account(), a_market(), levels=())
    bench.hear(10.0, a_signal())
    bench.hear(13.1, Tick(timer=SignalsLate(), mono_s=0.0))
    assert [(a.reason_code, a.reason) for a in bench.allocations] == [
        ("ACCOUNT_UNKNOWN", "what is held and ordered has not been heard")
    ]


def test_a_signal_that_waited_in_vain_is_refused_with_what_was_missing() -> None:
    for first, code in (((an_account(ready=False), a_market()), "ACCOUNT_UNKNOWN"), ((an_account(),), "NO_MARKET")):
        bench = Bench(*first)
        bench.hear(10.0, a_signal())
        bench.hear(13.001, Tick(timer=SignalsLate(), mono_s=1.0))
        assert [a.reason_code for a in bench.allocations] == [code] and bench.intents == []


def test_silence_repeats_the_same_wish_until_good_until() -> None:
    bench = ready()
    bench.hear(10.0, a_signal())
    silence = NoReply(id=ID, to="risk", request="OrderIntent")
    bench.hear(11.0, silence)
    bench.hear(13.0, an_account(free_e6=6_000_000), silence)
    bench.hear(13.001, silence, silence)
    assert bench.intents == [bench.intents[0]] * 3


def test_an_answer_ends_the_repeating() -> None:
    verdict = RiskVerdict(
        intent_id=ID,
        account="main",
        strategy="coin",
        slug=SLUG,
        approved=False,
        reason_code="RANGE",
        reason="",
        judged_ns=0,
    )
    for answer in (Judged(id=ID, verdict=verdict), verdict):
        bench = ready()
        bench.hear(10.0, a_signal(), answer, NoReply(id=ID, to="risk", request="OrderIntent"))
        assert len(bench.intents) == 1


def test_after_a_restart_an_order_already_there_speaks_for_its_window() -> None:
    order = OrderUpdate(
        account="main",
        order_id="0xabc",
        intent_id=ID,
        strategy="coin",
        slug=SLUG,
        token_id="111",
        outcome="UP",
        side="BUY",
        state="LIVE",
        final=False,
        filled_e6=0,
        cost_e6=0,
        fee_e6=0,
        reserved_e6=5_350_000,
        limit_e6=530_000,
        stake_e6=5_000_000,
        reason_code="",
        reason="",
        posts=1,
        updated_ns=0,
        journal_seq=5,
    )
    levels = Positions(account="main", positions=(), orders=(order,), foreign=(), journal_seq=5)
    bench = Bench(an_account(free_e6=3_000_000), a_market(), levels)
    bench.hear(10.5, a_signal())
    assert bench.intents == []
    assert [(a.intent_id, a.stake_e6, a.limit_e6) for a in bench.allocations] == [(ID, 5_000_000, 530_000)]


def test_what_it_missed_is_asked_of_market_feed_at_start() -> None:
    (asked,) = Bench().at_start
    assert isinstance(asked, Resend) and asked.topic == "MarketListed/"


def test_another_accounts_words_are_nothing_to_us() -> None:
    bench = Bench(an_account(account="other"), a_market())
    bench.hear(10.0, a_signal())
    assert bench.allocations == []
