"""One entry a strategy and window, one at a time, a pause between two in one market, and the guard against running away."""

import msgspec
import pytest

from messages import ApprovedOrder, OrderIntent, RiskVerdict, SentOrder
from messages.units import NS
from polybot.core.risk import frequency
from tests.build import T0, a_prediction, an_account, positions, slug_of
from tests.core.risk.conftest import Kit


def sent(kit: Kit, n: int, at_s: float, start_s: int = T0 - 300, strategy: str = "other") -> SentOrder:
    """Moments are seconds after T0."""
    name = f"main/{strategy}/{slug_of(start_s)}/{n}"
    at_ns = T0 * NS + round(at_s * NS)
    return SentOrder(intent_id=name, strategy=strategy, slug=slug_of(start_s), signed_ns=at_ns, filled=False)


def test_one_entry_a_strategy_and_window(kit: Kit) -> None:
    assert kit.code_with(10.0, positions(positions=(kit.a_position(),))) == "ONE_ENTRY"
    assert kit.code_with(10.0, positions(positions=(kit.a_position(strategy="other"),))) == ""
    assert kit.code_with(10.0, positions(positions=(kit.a_position(T0 - 300),))) == ""


def test_an_order_that_found_nothing_was_the_entry_too(kit: Kit) -> None:
    second = kit.an_intent(id=f"main/coin/{slug_of(T0)}/2")
    mine = an_account(sent=(sent(kit, 1, 5.0, T0, "coin"),))
    assert kit.code_with(10.0, mine, intent=second) == "ONE_ENTRY"


def test_the_verdict_on_what_an_earlier_process_handed_on_is_yes_though_the_order_is_over(kit: Kit) -> None:
    """It died between handing on and saying so; the repeat must not be told that its own order stands in its way."""
    mine = an_account(sent=(sent(kit, 1, 5.0, T0, "coin"),))
    bench = kit.Bench().ready()
    bench.hear(10.0, mine)
    first = kit.an_intent(id=f"main/coin/{slug_of(T0)}/1")
    (verdict,) = [w for w in bench.hear(10.1, first) if isinstance(w, RiskVerdict)]
    assert verdict.approved and verdict.reason == "already with the executor, and over by now"
    assert not bench.all(ApprovedOrder), "and it is not handed on again"


def test_at_most_one_entry_order_not_yet_final_over_all_windows(kit: Kit) -> None:
    before = kit.an_intent(start_s=T0 - 300)
    assert kit.code_with(10.0, positions(orders=(kit.an_order(before),))) == "ENTRY_OPEN"
    assert kit.code_with(10.0, positions(orders=(kit.an_order(before, final=True),))) == ""


def later(kit: Kit, decided_s: float) -> OrderIntent:
    """A wish decided at its own time, good for long."""
    said = msgspec.structs.replace(a_prediction(), decided_ns=T0 * NS + round(decided_s * NS))
    return kit.an_intent(prediction=said, good_until_ns=(T0 + 200) * NS)


@pytest.mark.parametrize(("at_s", "code"), [(39.999, "COOLDOWN"), (40.0, ""), (40.001, "")])
def test_a_market_rests_for_thirty_seconds_after_an_order(kit: Kit, at_s: float, code: str) -> None:
    account = an_account(sent=(sent(kit, 1, 10.0, T0),))
    bench = kit.Bench().ready(at_s)
    bench.hear(at_s, account)
    verdict = bench.judge(later(kit, 20.0), at_s)
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == "30.0 s after an order into this market; 30 s must pass"


def test_another_market_is_not_cooled_and_two_who_spoke_in_one_moment_are_both_heard(kit: Kit) -> None:
    assert kit.code_with(20.0, an_account(sent=(sent(kit, 1, 15.0),)), intent=later(kit, 20.0)) == ""
    assert kit.code_with(12.0, an_account(sent=(sent(kit, 1, 10.5, T0),)), intent=later(kit, 10.0)) == ""


def test_an_order_in_flight_cools_its_market_at_once(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge(kit.an_intent(strategy="other"))
    assert frequency.cooldown(later(kit, 10.1), bench.core._view((T0 + 11) * NS)) is not None
    assert frequency.cooldown(later(kit, 10.1), bench.core._view((T0 + 40) * NS)) is None


@pytest.mark.parametrize(("count", "code"), [(19, ""), (20, "RUNAWAY")])
def test_orders_a_minute(kit: Kit, count: int, code: str) -> None:
    """The one that is a minute old counts no more."""
    orders = tuple(sent(kit, n, -49.9 + n) for n in range(count))
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(sent=(sent(kit, 99, -50.0), *orders)))
    verdict = bench.judge()
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == "20 orders in the last minute, 20 are allowed"


@pytest.mark.parametrize(("count", "code"), [(19, ""), (20, "RUNAWAY")])
def test_orders_in_a_row_without_a_fill(kit: Kit, count: int, code: str) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(unfilled=count))
    verdict = bench.judge()
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == "20 orders in a row without a fill within the hour, 20 are allowed"


def test_an_order_in_flight_counts_as_sent_and_once(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge()
    view = bench.core._view((T0 + 11) * NS)
    assert (frequency.orders_in_a_minute(view), frequency.orders_in_vain(view)) == (1, 1)
    told = sent(kit, 1, 10.0, T0, "coin")
    bench.hear(11.0, an_account(sent=(told,), unfilled=1))
    view = bench.core._view((T0 + 11) * NS)
    assert (frequency.orders_in_a_minute(view), frequency.orders_in_vain(view)) == (1, 1), (
        "in the books and still in flight"
    )
