"""allocator: one wish at a time, in the order of speaking; and bets that are to rest."""

import msgspec
import pytest

from messages import (
    Allocation,
    MarketListed,
    OrderIntent,
    OrderUpdate,
    Signal,
    Word,
)
from messages.inner import SignalsLate, Tick
from messages.units import NS
from polybot.core.allocator.core import AllocatorCore
from polybot.settings import Settings
from tests import build
from tests.build import (
    T0,
    a_market,
    a_prediction,
    a_start,
    a_verdict,
    an_account,
    an_order,
    of_intent,
    positions,
    slug_of,
)


def a_signal(strategy: str, at_s: float = 10.0, ask: int = 510_000, limit_e6: int = 0, rests: bool = False) -> Signal:
    """What is said before the window opens is over when it opens."""
    decided_ns = T0 * NS + round(at_s * NS)
    prediction = a_prediction(
        strategy=strategy,
        up_ask_e6=ask,
        decided_ns=decided_ns,
        good_until_ns=decided_ns + 3 * NS,
        limit_e6=limit_e6,
        rests=rests,
    )
    return build.a_signal(
        prediction=prediction,
        good_until_ns=prediction.good_until_ns,
        cancel_at_ns=T0 * NS if at_s < 0 else (T0 + 270) * NS,
    )


def an_update(intent: OrderIntent, seq: int, final: bool = True) -> OrderUpdate:
    return an_order(
        **of_intent(intent), state="MATCHED", final=final, filled_e6=1, cost_e6=1, reserved_e6=0, journal_seq=seq
    )


class Bench:
    """An allocator with account and market; `hear` returns wishes and allocations."""

    def __init__(self, market: MarketListed | None = None) -> None:
        self.core = AllocatorCore()
        config = msgspec.json.encode(Settings()).decode()
        started = a_start(actor="allocator", config=config)
        self.hear(-60.0, started, an_account(journal_seq=0), positions(journal_seq=0), market or a_market())

    def hear(self, at_s: float, *words: Word) -> list[Word]:
        said = [s for word in words for s in self.core.handle(word, T0 * NS + round(at_s * NS))]
        return [s for s in said if isinstance(s, OrderIntent | Allocation)]


def test_the_second_of_two_waits_until_the_first_is_in_the_books_and_is_sized_by_what_is_left() -> None:
    bench = Bench()
    first, _ = bench.hear(10.0, a_signal("one"), a_signal("two"))
    assert isinstance(first, OrderIntent) and first.strategy == "one"
    assert (
        bench.hear(10.1, a_verdict(intent_id=first.id, strategy=first.strategy), an_update(first, 4, final=False)) == []
    )
    assert bench.hear(10.2, an_update(first, 7), positions(journal_seq=7)) == [], (
        "the account is older than the order's end"
    )
    second, said = bench.hear(10.3, an_account(journal_seq=7, free_e6=8_000_000))
    assert isinstance(second, OrderIntent) and (second.strategy, second.stake_e6) == ("two", 4_000_000)
    assert isinstance(said, Allocation) and said.intent_id == second.id


@pytest.mark.parametrize("levels_first", [True, False])
def test_it_does_not_matter_whether_the_levels_or_the_order_are_heard_first(levels_first: bool) -> None:
    bench = Bench()
    first, _ = bench.hear(10.0, a_signal("one"), a_signal("two"))
    assert isinstance(first, OrderIntent)
    words: list[Word] = [positions(journal_seq=7), an_account(journal_seq=7)]
    order = an_update(first, 7)
    said = bench.hear(10.2, *([*words, order] if levels_first else [order, *words]))
    assert [w.strategy for w in said if isinstance(w, OrderIntent)] == ["two"]


def test_a_refusal_by_risk_lets_the_next_go_at_once() -> None:
    bench = Bench()
    first, _ = bench.hear(10.0, a_signal("one"), a_signal("two"))
    assert isinstance(first, OrderIntent)
    said = bench.hear(10.1, a_verdict(intent_id=first.id, strategy=first.strategy, approved=False))
    assert [w.strategy for w in said if isinstance(w, OrderIntent)] == ["two"]


def test_who_waited_in_vain_is_refused_by_name() -> None:
    bench = Bench()
    bench.hear(10.0, a_signal("one"), a_signal("two", at_s=9.0))
    assert bench.hear(12.0, Tick(timer=SignalsLate(), mono_s=0.0)) == [], "12.0 s is its good-until, still in time"
    (refused,) = bench.hear(12.001, Tick(timer=SignalsLate(), mono_s=0.0))
    assert isinstance(refused, Allocation) and refused.reason_code == "ENTRY_OPEN"
    assert f"main/one/{slug_of()}/1" in refused.reason


# --- resting


@pytest.mark.parametrize(
    ("ask", "limit"), [(530_000, 510_000), (520_000, 510_000), (510_000, 500_000), (505_000, 490_000)]
)
def test_a_resting_bet_stands_below_the_ask_and_its_own_limit(ask: int, limit: int) -> None:
    (intent, _) = Bench().hear(-30.0, a_signal("early", -30.0, rests=True, limit_e6=510_000, ask=ask))
    assert isinstance(intent, OrderIntent)
    assert (intent.order_type, intent.post_only, intent.limit_e6) == ("GTC", True, limit)
    assert intent.cancel_at_ns == T0 * NS
    assert intent.taker_e6 % 10_000 == 0 and intent.maker_e6 * 1_000_000 == intent.taker_e6 * limit
    assert intent.worst_e6 == intent.maker_e6 <= 5_000_000, "who rests pays no fee"


@pytest.mark.parametrize(("min_size_e6", "code"), [(10_000_000, ""), (10_010_000, "BELOW_MINIMUM")])
def test_fewer_shares_than_the_markets_minimum_cannot_rest(min_size_e6: int, code: str) -> None:
    """5.00 USD at 0.50 are 10 shares."""
    said = Bench(a_market(min_size_e6=min_size_e6)).hear(-30.0, a_signal("early", -30.0, rests=True, limit_e6=510_000))
    (allocation,) = [w for w in said if isinstance(w, Allocation)]
    assert allocation.reason_code == code


@pytest.mark.parametrize(
    ("at_s", "code"), [(-60.001, "OUTSIDE_WINDOW"), (-60.0, ""), (-0.001, ""), (0.0, "OUTSIDE_WINDOW")]
)
def test_an_early_bet_leaves_in_the_minute_before_its_window(at_s: float, code: str) -> None:
    signal = a_signal("early", -60.0, rests=True, limit_e6=510_000)
    signal = msgspec.structs.replace(signal, good_until_ns=T0 * NS)
    (allocation,) = [w for w in Bench().hear(at_s, signal) if isinstance(w, Allocation)]
    assert allocation.reason_code == code


def test_a_strategys_own_limit_caps_what_a_taker_pays() -> None:
    (intent, _) = Bench().hear(10.0, a_signal("dear", limit_e6=520_000))
    assert isinstance(intent, OrderIntent) and (intent.order_type, intent.limit_e6) == ("FAK", 520_000)
