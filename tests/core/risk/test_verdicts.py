"""The way of a wish: judged once, handed on first, refused while nothing is known."""

from messages import (
    ApprovedOrder,
    Judged,
    RiskState,
    RiskVerdict,
    Snapshot,
)
from messages.inner import NoReply, SayLevels, SnapshotAgain, StartupOver, Tick
from messages.units import NS
from tests.build import T0, a_book, a_market, a_print, a_tick, a_window, an_account, positions
from tests.core.risk.conftest import Kit


def test_an_order_within_every_limit_is_handed_on_then_judged(kit: Kit) -> None:
    bench = kit.Bench().ready()
    said = bench.hear(10.0, kit.an_intent())
    assert [type(w) for w in said] == [ApprovedOrder, RiskVerdict, Judged, RiskState]
    order = said[0]
    assert isinstance(order, ApprovedOrder)
    assert (order.id, order.risk_boot, order.intent) == (kit.an_intent().id, 7, kit.an_intent())
    assert (order.good_until_ns, order.cancel_at_ns) == ((T0 + 13) * NS, (T0 + 270) * NS)
    assert bench.state.approved == 1 and bench.state.refused == {}


def test_a_repeat_gets_the_first_verdict_even_with_other_content_and_nothing_is_handed_on_twice(kit: Kit) -> None:
    bench = kit.Bench().ready()
    first = bench.judge()
    for repeat in (kit.an_intent(), kit.an_intent(stake_e6=7_500_000)):
        (judged,) = bench.hear(10.5, repeat)
        assert isinstance(judged, Judged) and judged.verdict == first
    refused = bench.judge(kit.an_intent(start_s=T0 + 300), 10.6)
    (again,) = bench.hear(311.0, kit.an_intent(start_s=T0 + 300))
    assert isinstance(again, Judged) and again.verdict == refused
    assert len(bench.all(ApprovedOrder)) == 1


def test_refusals_are_counted_by_their_code(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge(kit.an_intent(stake_e6=60_000_000))
    bench.judge(kit.an_intent(stake_e6=60_000_000, strategy="b"))
    assert bench.state.refused == {"MAX_ORDER": 2}


# --- start: silence is a refusal


def test_nothing_is_approved_before_a_snapshot_and_what_came_earlier_waits_for_it(kit: Kit) -> None:
    bench = kit.Bench()
    bench.hear(
        9.9,
        a_market(),
        a_window(),
        a_tick(),
        a_print(),
        a_book(),
    )
    bench.hear(9.9, an_account(), positions())
    assert bench.hear(10.0, kit.an_intent(), kit.an_intent()) == []
    said = bench.snapshot(10.1)
    assert len([w for w in said if isinstance(w, ApprovedOrder)]) == 1


def test_in_its_first_seconds_a_wish_waits_for_what_has_not_been_heard_yet(kit: Kit) -> None:
    bench, ns = kit.Bench(), (T0 + 10) * NS
    bench.snapshot(9.9)
    bench.hear(10.0, a_market(), a_window(), a_print(observed_ns=ns, received_ns=ns), a_book(received_ns=ns))
    assert bench.hear(10.0, kit.an_intent()) == []
    said = bench.hear(10.2, a_tick(traded_ns=ns))
    assert [type(w) for w in said[:3]] == [ApprovedOrder, RiskVerdict, Judged]


def test_what_it_waited_for_in_vain_is_refused_by_name(kit: Kit) -> None:
    for end, code in (
        (Tick(timer=StartupOver(), mono_s=2.0), "STALE_PRICE"),
        (a_book(received_ns=(T0 + 14) * NS), "TOO_LATE"),
    ):
        bench, ns = kit.Bench(), (T0 + 10) * NS
        bench.snapshot(9.9)
        bench.hear(
            10.0,
            a_market(),
            a_window(),
            a_print(observed_ns=ns, received_ns=ns),
            a_book(received_ns=ns),
            kit.an_intent(),
        )
        said = bench.hear(11.0 if code == "STALE_PRICE" else 14.0, end)
        assert [w.reason_code for w in said if isinstance(w, RiskVerdict)] == [code]


def test_when_the_executor_is_silent_the_wish_is_refused_and_the_snapshot_asked_again(kit: Kit) -> None:
    bench = kit.Bench()
    assert bench.hear(10.0, kit.an_intent()) == []
    said = bench.hear(10.5, NoReply(id=bench.all(Snapshot)[-1].id, to="executor", request="Snapshot"))
    assert [w.reason_code for w in said if isinstance(w, RiskVerdict)] == ["ACCOUNT_UNKNOWN"]
    assert [type(w) for w in bench.hear(10.8, Tick(timer=SnapshotAgain(), mono_s=1.0))] == [Snapshot]


def test_a_restart_finds_the_order_it_had_handed_on_and_does_not_hand_it_on_again(kit: Kit) -> None:
    bench = kit.Bench()
    bench.snapshot(9.0, held=positions(orders=(kit.an_order(kit.an_intent()),)))
    bench.ready()
    said = bench.hear(10.0, kit.an_intent())
    assert [w.approved for w in said if isinstance(w, RiskVerdict)] == [True]
    assert not [w for w in said if isinstance(w, ApprovedOrder)]


def test_an_account_that_is_not_ready_or_silent_is_unknown(kit: Kit) -> None:
    assert kit.code_with(10.0, an_account(ready=False)) == "ACCOUNT_UNKNOWN"
    for silent_s, code in ((4.9, ""), (5.0, ""), (5.1, "ACCOUNT_UNKNOWN")):
        bench = kit.Bench()
        bench.snapshot(0.0)
        bench.hear(1.0, Tick(timer=SayLevels(), mono_s=1.0))
        bench.hear(9.0, Tick(timer=SayLevels(), mono_s=1.0 + silent_s))
        assert bench.ready().judge().reason_code == code


def test_an_older_level_never_replaces_a_newer(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.hear(10.0, an_account(unresolved=3, journal_seq=9), an_account(unresolved=0, journal_seq=8))
    assert bench.judge().reason_code == "UNRESOLVED"
