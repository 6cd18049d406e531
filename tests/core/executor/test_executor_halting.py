"""The kill switch, the proof, a disk that refuses, and leaving."""

import pytest

from messages import CancelAll, CancelProof, OrderUpdate, Refused, Word
from messages.inner import CancelOrders, Leave, PostOrder, ReadOpenOrders, WriteHalt
from tests.core.executor.conftest import House, Kit


def cancel(name: str = "c1") -> CancelAll:
    return CancelAll(id=name, reason="test")


def resting(kit: Kit) -> House:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC")))
    house.run(1)
    return house


def test_the_proof_says_what_the_venue_says_twice_and_apart(kit: Kit) -> None:
    house = resting(kit)
    read_at = []
    answer = house.venue.answer

    def watched(word: Word) -> Word:
        if isinstance(word, ReadOpenOrders):
            read_at.append(house.now_ns)
        return answer(word)

    house.venue.answer = watched
    house.hear(cancel())
    house.run(3)
    proof = house.reply("c1", CancelProof)
    assert isinstance(proof, CancelProof)
    assert (proof.open, proof.unknown, proof.pending_posts) == (0, (), ())
    assert proof.cancelled == (house.venue.posts[0],)
    assert len(read_at) == 2 and read_at[1] - read_at[0] >= 0.15 * kit.S
    assert 200 <= proof.took_ms < 500
    assert kit.state(house)[0] == "CANCELED"


def test_further_wishes_share_the_proof(kit: Kit) -> None:
    house = resting(kit)
    house.hear(cancel("c1"))
    house.run(0.1)
    house.hear(cancel("c2"))
    house.hear(cancel("c2"))
    house.run(3)
    assert isinstance(house.replies["c1"], CancelProof) and isinstance(house.replies["c2"], CancelProof)
    assert len([w for w in house.said if isinstance(w, CancelProof)]) == 2
    assert sum(not c.order_ids for c in house.venue.cancels) == 1


def test_a_failed_read_is_never_zero(kit: Kit) -> None:
    house = resting(kit)
    house.venue.knows = False
    house.hear(cancel())
    house.run(4)
    assert "c1" not in house.replies
    house.run(1)
    proof = house.reply("c1", CancelProof)
    assert (proof.open, proof.cancelled) == (-1, ())
    assert 4_500 <= proof.took_ms < 5_000, "who asked waits five seconds"


def test_a_read_that_fails_after_everything_was_cancelled_is_never_zero(kit: Kit) -> None:
    house = resting(kit)
    house.hear(cancel())
    house.settle()
    assert house.venue.orders[house.venue.posts[0]].state == "CANCELED"
    house.venue.knows = False
    house.run(4)
    assert "c1" not in house.replies
    house.venue.knows = True
    house.run(0.5)
    assert house.reply("c1", CancelProof).open == 0


def test_a_post_under_way_is_waited_for_and_what_it_left_is_cancelled(kit: Kit) -> None:
    house = kit.ready(post_takes_s=1.0)
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC")))
    house.run(0.1)
    house.hear(cancel())
    house.run(0.8)
    assert "c1" not in house.replies
    house.run(2)
    proof = house.reply("c1", CancelProof)
    assert (proof.open, proof.unknown, proof.pending_posts) == (0, (), ())
    assert [o.state for o in house.venue.orders.values()] == ["CANCELED"]


def test_a_post_that_stays_under_way_is_named(kit: Kit) -> None:
    house = kit.ready(post_takes_s=30.0)
    house.ask(kit.approved(kit.intent()))
    house.hear(cancel())
    house.run(5)
    proof = house.reply("c1", CancelProof)
    assert proof.pending_posts == tuple(house.books.open) and proof.open == -1


def test_an_unknown_order_is_cancelled_by_its_id_and_named_while_it_is_in_doubt(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent(good_until_ns=house.now_ns)))
    house.run(0.01)
    house.hear(cancel())
    house.run(5)
    proof = house.reply("c1", CancelProof)
    order_id = house.venue.posts[0]
    assert (proof.open, proof.unknown) == (0, (order_id,))
    assert any(order_id in c.order_ids for c in house.venue.cancels)


def test_after_a_cancel_the_same_bytes_are_never_sent_again(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["unheard"]
    house.ask(kit.approved(kit.intent()))
    house.settle()
    house.hear(cancel())
    house.run(10)
    assert len(house.venue.posts) == 1
    house.die()
    house.start()
    house.run(10)
    assert len(house.venue.posts) == 1, "not by a later life either"


def test_a_halt_seen_stops_orders_cancels_everything_once_and_stands(kit: Kit) -> None:
    house = resting(kit)
    said = house.hear(kit.halt("h1"))
    assert any(isinstance(w, CancelOrders) and w.order_ids == () for w in said), "in the same breath"
    assert house.account.halted and "KILL_SWITCH" in house.account.halt_reason
    house.run(3)
    assert sum(not c.order_ids for c in house.venue.cancels) == 1
    house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/1")))
    refused = house.reply("main/rsi_ema/x/1", Refused)
    assert isinstance(refused, Refused) and refused.reason_code == "HALTED"
    assert len(house.all(PostOrder)) == 1


def test_a_halt_that_cannot_be_proven_is_tried_until_it_is(kit: Kit) -> None:
    house = resting(kit)
    house.venue.knows = False
    house.hear(kit.halt("h1"))
    house.run(12)
    house.venue.knows = True
    house.run(8)
    assert [o.state for o in house.venue.orders.values()] == ["CANCELED"]


def test_fills_after_the_halt_are_shown(kit: Kit) -> None:
    house = kit.ready(post_takes_s=0.5)
    house.ask(kit.approved(kit.intent()))
    house.run(0.1)
    house.hear(kit.halt("h1"))
    house.hear(cancel())
    house.run(3)
    proof = house.reply("c1", CancelProof)
    assert proof.fills_after == ("t1",)
    assert [p.size_e6 for p in proof.held] == [9_615_300]


def test_a_halt_that_stood_at_the_start_is_obeyed_at_once(kit: Kit) -> None:
    house = kit.House()
    house.now_ns = (kit.START_S + 10) * kit.S
    house.start(halted="h1")
    house.run(2)
    assert house.account.halted and house.venue.cancels[0].order_ids == ()
    house.ask(kit.approved(kit.intent()))
    assert house.reply(kit.intent().id, Refused).reason_code == "HALTED"
    house.hear(kit.halt(""))
    house.run(1)
    assert not house.account.halted
    other = kit.intent(id="main/rsi_ema/x/2")
    house.ask(kit.approved(other))
    house.run(1)
    assert house.venue.posts != []


def test_a_disk_that_refuses_stops_everything_and_leaves_once_it_is_proven(kit: Kit) -> None:
    house = resting(kit)
    house.disk_fails = True
    said = house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/1")))
    assert not any(isinstance(w, PostOrder) for w in said), "no order without a durable intent"
    assert "main/rsi_ema/x/1" not in house.replies
    assert any(isinstance(w, WriteHalt) and w.reason_code == "JOURNAL" for w in said)
    assert any(isinstance(w, CancelOrders) for w in said)
    assert house.left is None
    house.run(3)
    assert house.left is not None and house.left.code == 70
    assert [o.state for o in house.venue.orders.values()] == ["CANCELED"]
    house.disk_fails = False
    house.start(halted="h1")
    house.run(5)
    assert kit.state(house, kit.intent(order_type="GTC"))[0] == "CANCELED"
    kit.check(house)


def test_asked_to_leave_with_nothing_open_it_leaves_at_once(kit: Kit) -> None:
    house = kit.ready()
    assert any(isinstance(w, Leave) and w.code == 0 for w in house.hear(Leave(code=0, why="SIGTERM")))


def test_asked_to_leave_it_cancels_what_rests_first(kit: Kit) -> None:
    house = resting(kit)
    said = house.hear(Leave(code=0, why="SIGTERM"))
    assert any(isinstance(w, CancelOrders) for w in said) and house.left is None
    house.run(0.5)
    assert house.left is not None
    assert [o.state for o in house.venue.orders.values()] == ["CANCELED"]


def test_asked_to_leave_it_hears_a_post_out_but_not_for_ever(kit: Kit) -> None:
    house = kit.ready(post_takes_s=0.7)
    house.ask(kit.approved(kit.intent()))
    house.hear(Leave(code=0, why="SIGTERM"))
    house.run(0.6)
    assert house.left is None
    house.run(0.2)
    assert house.left is not None and house.all(OrderUpdate)[-1].state == "MATCHED"
    house.start()
    house.run(1)
    assert kit.state(house) == ("MATCHED", 9_615_300), "its trades are read by the next life"
    slow = kit.ready(post_takes_s=10.0)
    slow.ask(kit.approved(kit.intent()))
    slow.hear(Leave(code=0, why="SIGTERM"))
    slow.run(1.6)
    assert slow.left is not None


@pytest.mark.parametrize("moment", range(0, 60, 3))
def test_halts_at_any_moment_of_an_order_end_in_a_true_proof(kit: Kit, moment: int) -> None:
    for fate in ("fill", "lost", "unheard", "rest", "none"):
        house = kit.ready(post_takes_s=0.2)
        house.venue.fates = [fate]
        house.ask(kit.approved(kit.intent(order_type="GTC" if fate == "rest" else "FAK")))
        house.run(moment / 100)
        posts = len(house.venue.posts)
        house.hear(kit.halt("h1"))
        house.hear(cancel())
        flying = [w for _, w in house.lanes if isinstance(w, PostOrder)]
        house.run(6)
        proof = house.reply("c1", CancelProof)
        assert len(house.venue.posts) <= posts + len(flying), "nothing new left after the halt"
        open_there = [i for i, o in house.venue.orders.items() if o.state == "LIVE"]
        if proof.open == 0 and not proof.unknown and not proof.pending_posts:
            assert open_there == []
        assert fate in ("unheard",) or (proof.open, proof.unknown) == (0, ())


def test_an_answer_that_comes_after_the_proof_is_still_a_fact(kit: Kit) -> None:
    house = kit.ready(post_takes_s=8.0)
    house.ask(kit.approved(kit.intent()))
    house.hear(cancel())
    house.run(10)
    assert house.reply("c1", CancelProof).pending_posts != ()
    assert kit.state(house) == ("MATCHED", 9_615_300)
