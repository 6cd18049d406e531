"""allocator: one size or refusal a window, one wish, repeated unchanged, never late."""

import msgspec
import pytest

from messages import (
    Allocation,
    Judged,
    OrderIntent,
    Resend,
    Signal,
    Word,
)
from messages.inner import NoReply, SignalsLate, Tick
from messages.units import NS
from polybot.core.allocator.core import AllocatorCore
from polybot.settings import Settings
from tests import build
from tests.build import (
    NOW_NS,
    T0,
    a_market,
    a_prediction,
    a_start,
    a_streak,
    a_verdict,
    an_account,
    an_order,
    positions,
    slug_of,
)

SLUG = slug_of(T0)
DECIDED_NS = NOW_NS
ID = f"main/coin/{SLUG}/1"


def a_signal(up_ask_e6: int | None = 510_000, good_until_ns: int = DECIDED_NS + 3 * NS) -> Signal:
    return build.a_signal(prediction=a_prediction(up_ask_e6=up_ask_e6), good_until_ns=good_until_ns)


NOTHING_OUT = positions()


class Bench:
    """An allocator and what it said of allocations and wishes."""

    def __init__(self, *first: Word, levels: tuple[Word, ...] = (NOTHING_OUT,)) -> None:
        self.core = AllocatorCore()
        started = a_start(actor="allocator", config=msgspec.json.encode(Settings()).decode())
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
    bench = Bench(an_account(streaks={"coin": a_streak(wins=2)}), a_market())
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
    verdict = a_verdict(intent_id=ID, approved=False, reason_code="RANGE")
    for answer in (Judged(id=ID, verdict=verdict), verdict):
        bench = ready()
        bench.hear(10.0, a_signal(), answer, NoReply(id=ID, to="risk", request="OrderIntent"))
        assert len(bench.intents) == 1


def test_after_a_restart_an_order_already_there_speaks_for_its_window() -> None:
    levels = positions(orders=(an_order(intent_id=ID, journal_seq=5),), journal_seq=5)
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
