"""Failures reported from the field (facts §14) that meet the executor: what others lost money or sleep over."""

import pytest

from messages import OrderUpdate, Settlement
from messages.inner import ForDifference, PostOrder, ReadBalance, ReadMarket
from polybot.core.executor.books.order_state import is_final
from polybot.core.executor.books.state import BookedOrder
from tests.build import VenueOrderState
from tests.core.executor.conftest import House, Kit


def ours(kit: Kit, house: House) -> BookedOrder:
    return house.books.orders[house.books.by_intent[kit.intent().id]]


@pytest.mark.parametrize("status", ["live", "delayed", "unmatched", "matched"])
def test_an_immediate_order_is_not_over_because_its_answer_names_no_amounts(kit: Kit, status: str) -> None:
    """13: a FAK answered `live`, or `delayed` and then nothing. What matched is read, never assumed."""
    house = kit.ready()
    house.venue.says_user_facts = False
    (post,) = [w for w in house.ask(kit.approved(kit.intent())) if isinstance(w, PostOrder)]
    house.venue.post(post, house.now_ns)
    house.lanes.clear()
    house.hear(kit.result(post, "accepted", status=status))
    assert not is_final(ours(kit, house)) and house.account.reserved_e6 > 0
    house.run(2)
    assert kit.state(house) == ("MATCHED", 9_615_300), "the order endpoint was asked"
    assert len(house.venue.posts) == 1
    house.run(40)
    kit.check(house)


def test_a_buy_that_brings_more_shares_than_it_asked_for_is_booked_as_it_came(kit: Kit) -> None:
    """12: price improvement spends the same dollars on more shares."""
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC", cancel_at_ns=(kit.START_S + 100) * kit.S)))
    house.run(1)
    order = house.venue.orders[house.venue.posts[0]]
    house.venue.fill(order, 9_800_000, 509_000, house.now_ns)
    order.state = "MATCHED"
    house.venue._tell_order(order)
    house.run(45)
    assert kit.state(house) == ("MATCHED", 9_800_000)
    assert is_final(ours(kit, house)) and house.account.reserved_e6 == 0
    assert house.positions.positions[0].size_e6 == 9_800_000 and house.halt is None
    kit.check(house)


@pytest.mark.parametrize("status", ["CANCELED", "MATCHED"])
def test_an_order_that_vanished_in_silence_is_found_out_by_reconciliation(kit: Kit, status: VenueOrderState) -> None:
    """16: cancelled by the venue (balance, heartbeat, market) or filled while nobody told us."""
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC", cancel_at_ns=(kit.START_S + 290) * kit.S)))
    house.run(1)
    house.venue.says_user_facts = False
    order = house.venue.orders[house.venue.posts[0]]
    if status == "MATCHED":
        house.venue.fill(order, order.intent.taker_e6, 520_000, house.now_ns)
    order.state = status
    house.run(40)
    update = house.all(OrderUpdate)[-1]
    assert (update.state, update.reserved_e6) == (status, 0)
    kit.check(house)


def test_a_difference_makes_the_venue_look_at_the_chain_before_anyone_is_blamed(kit: Kit) -> None:
    """7: the venue's balances are a cache; after deposits and redemptions it is stale until it is told to look."""
    house = kit.ready()
    house.venue.cash_e6 += 5_000_000
    house.run(35)
    looks = [w for w in house.all(ReadBalance) if w.purpose == ForDifference()]
    others = [w for w in house.all(ReadBalance) if w.purpose != ForDifference()]
    assert looks and all(w.refresh for w in looks)
    assert not any(w.refresh for w in others), "the update has a limit of its own"


def test_a_resolution_that_is_never_pushed_is_asked_for(kit: Kit) -> None:
    """17: no `market_resolved` on any channel."""
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    house.hear(kit.observed("UP"))
    house.venue.resolve(kit.SLUG, "UP")
    house.run(30)
    assert house.all(ReadMarket)
    last = house.all(Settlement)[-1]
    assert (last.provisional, last.paid) == (False, True)
    kit.check(house)
