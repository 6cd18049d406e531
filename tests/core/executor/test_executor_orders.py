"""One approved order, from the wish to the paid claim; each way it may end."""

import pytest

from messages import Accepted, OrderUpdate, Refused, Seen, Settlement, TradingState
from messages.inner import ForCancelAt, Persist, PostOrder, WriteHalt
from tests.build import a_risk_state
from tests.core.executor.conftest import Kit


def test_it_is_journalled_then_sent_then_accepted(kit: Kit) -> None:
    house = kit.ready()
    said = house.ask(kit.approved(kit.intent()))
    kinds = [type(w) for w in said]
    assert kinds.index(Persist) < kinds.index(PostOrder) < kinds.index(Accepted) < kinds.index(OrderUpdate)
    assert [w.state for w in said if isinstance(w, OrderUpdate)] == ["JOURNALLED"]


def test_nothing_is_asked_of_anyone_between_the_decision_and_the_post(kit: Kit) -> None:
    """Tick, fee, balance and version are known before: no HTTP call but the POST itself."""
    house = kit.ready()
    said = house.ask(kit.approved(kit.intent()))
    kinds = [type(w).__name__ for w in said]
    assert kinds[: kinds.index("PostOrder") + 1] == ["SignOrder", "Persist", "PostOrder"]


def test_a_filled_order_is_held_settled_and_paid(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    assert kit.state(house) == ("MATCHED", 9_615_300)
    assert house.positions.positions[0].state == "open"
    assert house.account.free_e6 == 100_000_000 - 4_999_956 - 168_000  # cost and fee of 9.6153 at 0.52
    house.run_to(301)
    house.hear(kit.observed("UP"))
    assert house.account.claims_e6 == 9_615_300
    assert house.account.cash_pnl_e6 == -4_999_956 - 168_000, "a provisional outcome moves no cash"
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(2)
    last = house.all(Settlement)[-1]
    assert (last.provisional, last.paid, last.win, last.win_streak) == (False, True, True, 1)
    assert house.account.cash_pnl_e6 == last.pnl_e6 == 9_615_300 - 4_999_956 - 168_000
    assert house.positions.positions == ()
    kit.check(house)


@pytest.mark.parametrize(
    ("fate", "state", "code"),
    [
        ("none", "CANCELED", "NO_FILL"),
        ("part", "MATCHED", ""),
        ("refuse", "REJECTED", "REJECTED"),
        ("price", "MATCHED", ""),
    ],
)
def test_each_clear_answer_is_an_end(kit: Kit, fate: str, state: str, code: str) -> None:
    house = kit.ready()
    house.venue.fates = [fate]
    house.ask(kit.approved(kit.intent()))
    house.run(10)
    update = house.all(OrderUpdate)[-1]
    assert (update.state, update.final, update.reason_code, update.reserved_e6) == (state, True, code, 0)
    assert house.venue.posts == [update.order_id]
    kit.check(house)


def test_a_lost_answer_is_found_out_by_reading(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates, house.venue.says_user_facts = ["lost"], False
    house.ask(kit.approved(kit.intent()))
    house.settle()
    assert kit.state(house)[0] == "UNKNOWN"
    assert house.account.blocked_slugs == (kit.SLUG,)
    house.run(5)
    assert kit.state(house) == ("MATCHED", 9_615_300)
    assert len(house.venue.posts) == 1
    house.run(5)
    house.run(31)  # the confirmation is read by the next reconciliation
    kit.check(house)


def test_an_unheard_order_is_sent_again_with_the_same_bytes(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent()))
    house.run(8)
    posts = house.all(PostOrder)
    assert [p.attempt for p in posts] == [1, 2]
    assert posts[0].body == posts[1].body and posts[0].order_id == posts[1].order_id
    assert kit.state(house) == ("MATCHED", 9_615_300)
    kit.check(house)


def test_an_unheard_order_waits_while_the_venue_does_not_say_so(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent()))
    house.settle()
    house.venue.knows = False
    house.run(2)
    assert len(house.venue.posts) == 1, "a failed read is not 'none'"
    assert house.account.reserved_e6 == 5_350_000


def test_after_good_until_it_is_never_sent_again_and_written_off_only_when_its_market_has_closed(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent()))
    house.settle()
    house.venue.knows = False
    house.run_to(13.1)
    house.venue.knows = True
    house.run_to(330)
    assert len(house.venue.posts) == 1
    assert kit.state(house)[0] == "UNKNOWN" and house.account.reserved_e6 == 5_350_000
    house.venue.resolve(kit.SLUG, "UP")
    house.run(10)
    assert kit.state(house)[0] == "WRITTEN_OFF"
    assert house.account.reserved_e6 == 0 and house.account.blocked_slugs == ()


def test_a_fill_of_a_written_off_order_is_booked_and_halts(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent(good_until_ns=(kit.START_S + 10) * kit.S)))
    order_id = house.books.by_intent[kit.intent().id]
    house.run_to(301)
    house.hear(kit.resolved("DOWN"))
    house.venue.winners[kit.SLUG] = "DOWN"
    house.run(5)
    assert kit.state(house)[0] == "WRITTEN_OFF"
    shown = house.venue.orders[order_id] = type("P", (), {})()
    shown.order_id, shown.intent, shown.state, shown.matched_e6 = order_id, kit.intent(), "LIVE", 0
    house.venue.fill(shown, 1_000_000, 520_000, house.now_ns)
    shown.state = "MATCHED"
    house.settle()
    assert house.halt is not None and house.halt.reason_code == "WRITTEN_OFF_FILL"
    assert house.books.orders[order_id].fills["t1"].cost_e6 == 520_000


@pytest.mark.parametrize(("at_s", "posts"), [(12.99, 2), (13.01, 1)])
def test_a_clear_not_now_is_tried_again_until_good_until(kit: Kit, at_s: float, posts: int) -> None:
    house = kit.ready()
    house.run_to(at_s - 0.1)
    house.venue.fates = ["retry"]
    house.ask(kit.approved(kit.intent()))
    house.run(5)
    assert len(house.venue.posts) == posts
    state = "MATCHED" if posts == 2 else "REJECTED"
    assert house.all(OrderUpdate)[-1].state == state


def test_a_repeat_gets_the_first_answer_for_ever(kit: Kit) -> None:
    house = kit.ready()
    intent = kit.intent()
    house.ask(kit.approved(intent))
    house.run(1)
    house.ask(kit.approved(intent))
    seen = house.replies[intent.id]
    assert isinstance(seen, Seen) and seen.order_id == house.venue.posts[0] and not seen.conflict
    house.die()
    house.start()
    house.run(1)
    house.ask(kit.approved(kit.intent(stake_e6=7_000_000), risk_boot=2))
    seen = house.replies[intent.id]
    assert isinstance(seen, Seen) and seen.conflict and seen.order_id == house.venue.posts[0]
    assert len(house.venue.posts) == 1


@pytest.mark.parametrize(
    ("late_ns", "reply"),
    [(-1, Accepted), (0, Accepted), (1, Refused)],
)
def test_good_until_itself_is_in_time(kit: Kit, late_ns: int, reply: type) -> None:
    house = kit.ready()
    intent = kit.intent(good_until_ns=house.now_ns - late_ns)
    house.ask(kit.approved(intent))
    assert isinstance(house.replies[intent.id], reply)
    if reply is Refused:
        assert house.reply(intent.id, Refused).reason_code == "TOO_LATE"
        house.run(1)
        house.ask(kit.approved(intent))
        assert isinstance(house.replies[intent.id], Seen)
        update = house.all(OrderUpdate)[-1]
        assert (update.state, update.final, update.intent_id) == ("REJECTED", True, intent.id)


@pytest.mark.parametrize(("left_s", "reply"), [(30.001, Accepted), (30.0, Accepted), (29.999, Refused)])
def test_no_entry_in_the_last_seconds_of_a_window(kit: Kit, left_s: float, reply: type) -> None:
    house = kit.ready()
    house.run_to(300 - left_s)
    intent = kit.intent(good_until_ns=(kit.START_S + 300) * kit.S)
    house.ask(kit.approved(intent))
    assert isinstance(house.replies[intent.id], reply)


@pytest.mark.parametrize(
    ("worst_e6", "reply"), [(99_999_999, Accepted), (100_000_000, Accepted), (100_000_001, Refused)]
)
def test_funds_at_the_limit(kit: Kit, worst_e6: int, reply: type) -> None:
    house = kit.ready()
    intent = kit.intent(worst_e6=worst_e6)
    house.ask(kit.approved(intent))
    assert isinstance(house.replies[intent.id], reply)


def test_an_older_life_of_risk_is_refused_and_forgotten(kit: Kit) -> None:
    house = kit.ready()
    house.hear(a_risk_state(boot=3))
    intent = kit.intent()
    house.ask(kit.approved(intent, risk_boot=2))
    assert house.reply(intent.id, Refused).reason_code == "STALE_RISK"
    house.ask(kit.approved(intent, risk_boot=3))
    assert isinstance(house.replies[intent.id], Accepted)


@pytest.mark.parametrize(("state", "code"), [("HALTED", "HALTED"), ("REDUCING", "REDUCING")])
def test_only_an_active_risk_lets_entries_out(kit: Kit, state: TradingState, code: str) -> None:
    house = kit.ready()
    house.hear(a_risk_state(state=state))
    house.ask(kit.approved(kit.intent()))
    assert house.reply(kit.intent().id, Refused).reason_code == code
    other = kit.intent(id="main/rsi_ema/x/1", reduce_only=True)
    house.ask(kit.approved(other))
    assert isinstance(house.replies[other.id], Accepted) == (state == "REDUCING")


def test_nothing_is_served_before_the_venue_is_known_and_then_in_order(kit: Kit) -> None:
    house = kit.House()
    house.venue.knows = False
    house.now_ns = (kit.START_S + 10) * kit.S
    house.start()
    house.run(0.5)
    assert not house.account.ready and "HTTP 500" in house.account.why_not_ready
    house.ask(kit.approved(kit.intent()))
    assert house.replies == {} and house.venue.posts == []
    house.venue.knows = True
    house.run(2)
    assert house.account.ready
    assert isinstance(house.replies[kit.intent().id], Accepted)


def test_a_resting_order_is_cancelled_at_its_time(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC")))
    house.run_to(269)
    assert kit.state(house)[0] == "LIVE" and house.venue.cancels == []
    house.run_to(275)
    assert kit.state(house)[0] == "CANCELED"
    assert house.account.reserved_e6 == 0


def test_a_cancel_without_an_answer_goes_out_again_until_there_is_one(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC")))
    house.run_to(269.9)
    house.venue.knows = False
    house.run_to(273.1)
    order_id = house.venue.posts[0]
    again = [w for w in house.venue.cancels if w.purpose == ForCancelAt(order_id=order_id)]
    assert [w.order_ids for w in again] == [(order_id,)] * len(again) and 3 <= len(again) <= 8
    house.venue.knows = True
    house.run_to(275)
    assert kit.state(house)[0] == "CANCELED"


def test_a_failed_settlement_takes_the_fill_back_in_one_entry(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fails = ["t1"]
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    assert house.account.cash_pnl_e6 < 0
    house.run(10)
    assert house.account.cash_pnl_e6 == 0 and house.account.fees_e6 == 0
    assert house.positions.positions == ()
    assert house.all(OrderUpdate)[-1].reason_code == "FILL_FAILED"
    kit.check(house)


@pytest.mark.parametrize("code", ["VERSION", "WALLET_TYPE", "AUTH"])
def test_what_makes_no_sense_to_go_on_with_halts(kit: Kit, code: str) -> None:
    house = kit.ready()
    said = house.ask(kit.approved(kit.intent()))
    post = next(w for w in said if isinstance(w, PostOrder))
    said = house.hear(kit.result(post, "refused", code=code, text="no"))
    assert any(isinstance(w, WriteHalt) and w.reason_code == code for w in said)
