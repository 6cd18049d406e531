"""The venue's dead-man switch (R12): armed before anything rests, nothing new without a beat, reopened only on known books."""

import pytest

from messages import Accepted, ApprovedOrder, OrderUpdate, Refused
from messages.inner import (
    BeatHeart,
    CancelOrders,
    ForLeaving,
    HeartbeatSent,
    MoveGate,
    PostOrder,
    Reconcile,
    SendHeartbeat,
    WriteHalt,
)
from tests.core.executor.conftest import House, Kit


def a_resting(kit: Kit, n: int = 1) -> ApprovedOrder:
    intent = kit.intent(
        id=f"main/rsi_ema/{kit.SLUG}/{n}",
        order_type="GTC",
        good_until_ns=(kit.START_S + 200) * kit.S,
    )
    return kit.approved(intent)


def with_one_resting(kit: Kit) -> House:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(a_resting(kit))
    house.run(1)
    assert house.account.pulse_state == "beating"
    assert len(house.venue.posts) == 1
    return house


def test_it_beats_before_the_first_resting_order_leaves(kit: Kit) -> None:
    house = kit.ready()
    assert house.all(SendHeartbeat) == [], "nothing rests, nothing beats"
    house.ask(kit.approved(kit.intent()))
    assert house.all(SendHeartbeat) == [], "what cannot rest needs no switch"
    house.venue.fates = ["fill", "rest"]
    house.run(1)
    house.ask(a_resting(kit, 2))
    house.run(1)
    kinds = [type(w) for w in house.said]
    posts = [i for i, kind in enumerate(kinds) if kind is PostOrder]
    assert kinds.index(SendHeartbeat) < posts[-1]
    assert house.venue.pulse_ns is not None


def test_an_order_that_may_rest_stays_home_until_the_first_ack(kit: Kit) -> None:
    house = kit.ready()
    house.venue.beats = "refuse"
    house.ask(a_resting(kit))
    house.run(3)
    assert house.venue.posts == []
    update = house.all(OrderUpdate)[-1]
    assert (update.state, update.reason_code) == ("REJECTED", "HEARTBEAT")
    assert "heartbeat" in update.reason


def test_it_beats_every_five_seconds_and_the_order_lives(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.run(61)
    assert 12 <= house.venue.beat_count <= 14
    assert house.venue.orders[house.venue.posts[0]].state == "LIVE"


@pytest.mark.parametrize(("beats", "within_s"), [("refuse", 0.0), ("silent", 0.9), ("lost", 0.9)])
def test_no_new_order_within_a_second_of_a_failed_beat_and_cancels_still_go(
    kit: Kit, beats: str, within_s: float
) -> None:
    house = with_one_resting(kit)
    due_ns = house.timers[BeatHeart()]
    house.venue.beats = beats
    house.run((due_ns - house.now_ns) / kit.S + within_s)
    assert house.account.pulse_state == "failing" and house.gate
    posted = len(house.venue.posts)
    wish = kit.approved(kit.intent(id=f"main/rsi_ema/{kit.SLUG}/2", good_until_ns=(kit.START_S + 200) * kit.S))
    house.ask(wish)
    refused = house.reply(wish.id, Refused)
    assert isinstance(refused, Refused) and refused.reason_code == "HEARTBEAT"
    house.hear(kit.halt("h1"))
    house.run(1)
    assert len(house.venue.posts) == posted
    assert house.venue.orders[house.venue.posts[0]].state == "CANCELED"


def test_what_is_queued_behind_the_gate_is_dropped_not_sent_late(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.post_takes_s = 1.5  # the order lane is busy
    house.run((house.timers[BeatHeart()] - house.now_ns) / kit.S - 0.1)
    house.venue.beats = "refuse"
    house.ask(kit.approved(kit.intent(id=f"main/rsi_ema/{kit.SLUG}/2", good_until_ns=(kit.START_S + 200) * kit.S)))
    house.run(1)
    house.venue.beats = "ack"
    house.run(30)
    assert len(house.venue.posts) == 1, "the venue never saw it"
    update = [u for u in house.all(OrderUpdate) if u.intent_id.endswith("/2")][-1]
    assert (update.state, update.final) == ("REJECTED", True)


def test_it_reopens_only_after_an_ack_and_a_known_reconciliation(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.venue.beats = "refuse"
    house.run(6)
    house.venue.knows, house.venue.beats = False, "ack"
    house.run(3)
    assert house.account.pulse_state == "failing", "acked, but the venue's books are not known"
    house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/2", good_until_ns=(kit.START_S + 200) * kit.S)))
    assert house.reply("main/rsi_ema/x/2", Refused).reason_code == "HEARTBEAT"
    house.venue.knows = True
    house.run(4)
    assert house.account.pulse_state == "beating" and house.gate == ""
    house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/3", good_until_ns=(kit.START_S + 200) * kit.S)))
    assert isinstance(house.replies["main/rsi_ema/x/3"], Accepted)


def test_orders_that_the_venue_cancelled_in_the_silence_are_known_to_be_gone(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.run((house.timers[Reconcile()] - house.now_ns) / kit.S + 0.5)  # the next regular round is far
    house.venue.beats, house.venue.says_user_facts = "silent", False
    house.run(17)
    assert house.venue.orders[house.venue.posts[0]].state == "CANCELED"
    house.venue.beats = "ack"
    house.run(8)
    assert kit.state(house, a_resting(kit).intent)[0] == "CANCELED"
    assert house.account.reserved_e6 == 0 and house.account.pulse_state == "beating"


def test_after_a_restart_with_a_resting_order_it_beats_at_once_with_the_id_on_disk(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.die()
    house.now_ns += kit.S
    house.start()
    house.run(1)
    assert house.all(SendHeartbeat)[-1].heartbeat_id in ("", house.kept_beat)
    assert house.account.pulse_state == "beating" and house.halt is None
    assert house.venue.orders[house.venue.posts[0]].state == "LIVE"


def test_a_mismatch_at_start_or_after_a_lost_answer_is_ours(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pulse_id, house.kept_beat = "beat-of-an-earlier-life", "older"
    house.venue.fates = ["rest"]
    house.ask(a_resting(kit))
    house.run(1)
    assert house.account.pulse_state == "beating" and house.halt is None
    house.venue.beats = "lost"
    house.run(7)
    house.venue.beats = "ack"
    house.run(15)
    assert house.account.pulse_state == "beating" and house.halt is None


@pytest.mark.parametrize(("beats_of_another", "halts"), [(1, False), (2, True)])
def test_a_repeated_mismatch_in_mid_run_is_another_instance(kit: Kit, beats_of_another: int, halts: bool) -> None:
    house = with_one_resting(kit)
    for n in range(beats_of_another):
        house.venue.pulse_id = f"another-{n}"
        house.run(5.5)
    assert (house.halt is not None and house.halt.reason_code == "ANOTHER_INSTANCE") == halts


def test_a_venue_that_refuses_every_id_has_failed_and_is_no_other_instance(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.venue.beats = "never right"
    house.run(12)
    assert house.account.pulse_state == "failing" and house.halt is None
    sent = len(house.all(SendHeartbeat))
    house.run(10)
    assert len(house.all(SendHeartbeat)) - sent <= 45, "asked again, not hammered"
    house.venue.beats = "ack"
    house.run(5)
    assert house.account.pulse_state == "beating" and house.halt is None


def test_a_single_mismatch_is_forgotten_after_a_clean_beat(kit: Kit) -> None:
    house = with_one_resting(kit)
    for n in range(3):
        house.venue.pulse_id = f"another-{n}"
        house.run(12)
    assert house.halt is None


def test_sigterm_cancels_what_rests_and_leaves_even_when_the_first_cancel_is_not_answered(kit: Kit) -> None:
    from messages.inner import Leave

    house = with_one_resting(kit)
    house.venue.knows = False
    house.hear(Leave(code=0, why="SIGTERM"))
    house.venue.knows = True
    house.run(1)
    assert house.left is not None and house.left.code == 0
    assert house.venue.orders[house.venue.posts[0]].state == "CANCELED"
    assert [w for w in house.all(CancelOrders) if w.purpose == ForLeaving()]


def test_what_sigterm_cancelled_is_never_sent_again_though_the_venue_had_not_heard_it(kit: Kit) -> None:
    from messages.inner import Leave

    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    house.venue.fates, house.venue.knows = ["unheard"], False
    house.ask(a_resting(kit, 2))
    house.run(0.2)
    assert len(house.venue.posts) == 2
    house.hear(Leave(code=0, why="SIGTERM"))
    house.is_alive = False
    house.venue.knows = True
    house.now_ns += kit.S
    house.start()
    house.run(30)
    assert len(house.venue.posts) == 2, "a cancel was issued for it"


def test_the_gate_moves_only_when_something_changes(kit: Kit) -> None:
    house = with_one_resting(kit)
    house.run(30)
    assert house.all(MoveGate) == [] and house.all(WriteHalt) == []
    assert isinstance(house.hear(HeartbeatSent(outcome="failed", heartbeat_id="", why="x")), list)
    assert len(house.all(MoveGate)) == 1
