"""What is known of an order is joined: any order of hearing, any repetition, the same end."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messages import OrderType
from messages.inner import PostResult, VenueOrder, VenueTrade
from polybot.core.executor.books.entries import VERSION, AnyEntry, IntentSigned, OrderTold, Written
from polybot.core.executor.books.fold import apply
from polybot.core.executor.books.order_state import (
    STATES,
    fees_e6,
    fields_of,
    filled_e6,
    is_final,
    is_news,
    join,
    metadata_of,
    reason_of,
    salt_of,
    spent_e6,
    state_of,
)
from polybot.core.executor.books.state import Books
from polybot.core.executor.orders import venue_facts
from tests.build import TradeStatus, VenueOrderState, a_post, a_venue_order, a_venue_trade
from tests.core.executor.conftest import Kit

ID = "0xaa"
Fact = Callable[[Books], Any]


def books_with_an_order(kit: Kit, order_type: OrderType = "FAK") -> Books:
    books = Books(account="main", purse_e6=100_000_000)
    intent = kit.intent(order_type=order_type)
    write(books, [IntentSigned(intent=intent, order_id=ID, body=b"b", risk_boot=1, good_until_ns=1, cancel_at_ns=2)])
    return books


def write(books: Books, entries: Any) -> None:
    for entry in entries:
        entry_: AnyEntry = entry
        apply(books, Written(version=VERSION, seq=books.seq + 1, at_ns=1, entry=entry_))


def trade(trade_id: str, status: TradeStatus, size: int, price: int = 520_000) -> VenueTrade:
    return a_venue_trade(trade_id=trade_id, order_id=ID, size_e6=size, price_e6=price, status=status)


def shown(state: VenueOrderState, matched: int) -> VenueOrder:
    return a_venue_order(order_id=ID, state=state, raw_status=state, matched_e6=matched)


def answered(kit: Kit, status: str = "", making_e6: int = 0, taking_e6: int = 0) -> PostResult:
    return kit.result(a_post(order_id=ID), "accepted", status=status, making_e6=making_e6, taking_e6=taking_e6)


def hear(books: Books, fact: Any) -> None:
    """One fact, by its kind. ("user", order) is the channel's word, ("read", order) the endpoint's."""
    match fact:
        case VenueTrade():
            write(books, venue_facts.of_trade(books, fact))
        case PostResult():
            write(books, venue_facts.of_answer(books.orders[ID], fact))
        case ("user", VenueOrder() as order):
            write(books, venue_facts.of_order(books, order, is_authoritative=False))
        case ("read", VenueOrder() as order):
            write(books, venue_facts.of_order(books, order, is_authoritative=True))
    write(books, venue_facts.of_completion(books.orders[ID]))


def end_of(kit: Kit, heard: list[Any]) -> tuple[Any, ...]:
    books = books_with_an_order(kit)
    for fact in heard:
        hear(books, fact)
    order = books.orders[ID]
    fills = sorted((f.trade_id, f.size_e6, f.cost_e6, f.fee_e6, f.status) for f in order.fills.values())
    amounts = (filled_e6(order), spent_e6(order), fees_e6(order))
    return state_of(order), is_final(order), reason_of(order)[0], *amounts, fills, sorted(books.accounts.items())


def a_story(kit: Kit, last: TradeStatus) -> list[Any]:
    """A FAK that two trades fill in part; the second ends as `last`."""
    first, second = 2_000_001, 3_000_003
    total = first + second
    spent = 2_520_003  # what the venue says was given: a millionth more than each fill rounded
    return [
        answered(kit, status="matched", taking_e6=total, making_e6=spent),
        ("user", shown("LIVE", 0)),
        ("user", shown("LIVE", first)),
        ("user", shown("MATCHED", total)),
        ("read", shown("MATCHED", total)),
        trade("t1", "MATCHED", first, 480_000),
        trade("t1", "MINED", first, 480_000),
        trade("t1", "CONFIRMED", first, 480_000),
        trade("t2", "MATCHED", second),
        trade("t2", "RETRYING", second),
        trade("t2", last, second),
    ]


@pytest.mark.parametrize("last", ["CONFIRMED", "FAILED"])
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_hearing_does_not_matter(kit: Kit, last: TradeStatus, data: st.DataObject) -> None:
    story = a_story(kit, last)
    doubled = data.draw(st.permutations(story + data.draw(st.lists(st.sampled_from(story), max_size=6))))
    assert end_of(kit, doubled) == end_of(kit, story)


@pytest.mark.parametrize("last", ["CONFIRMED", "FAILED"])
def test_five_thousand_random_permutations_with_repetitions_come_to_one_end(kit: Kit, last: TradeStatus) -> None:
    luck, story = random.Random(11), a_story(kit, last)
    wanted = end_of(kit, story)
    assert wanted[:2] == ("MATCHED", True)
    for _ in range(5_000):
        heard = story + luck.choices(story, k=luck.randrange(5))
        luck.shuffle(heard)
        assert end_of(kit, heard) == wanted


def test_it_is_final_only_when_every_share_that_matched_is_seen_as_a_trade(kit: Kit) -> None:
    books = books_with_an_order(kit)
    hear(books, answered(kit, status="matched", taking_e6=5_000_000))
    assert state_of(books.orders[ID]) == "MATCHED" and not is_final(books.orders[ID])
    hear(books, trade("t1", "MATCHED", 4_999_999))
    assert not is_final(books.orders[ID])
    hear(books, trade("t2", "MATCHED", 1))
    assert is_final(books.orders[ID]) and books.open == {}


def test_the_user_channel_alone_never_ends_an_order(kit: Kit) -> None:
    books = books_with_an_order(kit)
    hear(books, ("user", shown("MATCHED", 2_000_000)))
    hear(books, trade("t1", "CONFIRMED", 2_000_000))
    assert (state_of(books.orders[ID]), is_final(books.orders[ID])) == ("LIVE", False)


@pytest.mark.parametrize(
    ("earlier", "outcome", "state"),
    [
        (False, "refused", "REJECTED"),
        (False, "gate", "REJECTED"),
        (False, "retry", "JOURNALLED"),
        (True, "refused", "UNKNOWN"),
        (True, "gate", "UNKNOWN"),
        (True, "retry", "UNKNOWN"),
    ],
)
def test_a_no_says_nothing_of_an_earlier_post(kit: Kit, earlier: bool, outcome: str, state: str) -> None:
    books = books_with_an_order(kit)
    if earlier:
        hear(books, msgspec.structs.replace(answered(kit), outcome="unknown"))
    hear(books, msgspec.structs.replace(answered(kit), outcome=outcome, code="REJECTED", attempt=2))
    assert state_of(books.orders[ID]) == state


def test_a_refused_order_that_the_venue_has_open_is_live(kit: Kit) -> None:
    heard = [msgspec.structs.replace(answered(kit), outcome="refused", code="X"), ("read", shown("LIVE", 0))]
    assert end_of(kit, heard)[0] == end_of(kit, heard[::-1])[0] == "LIVE"


def test_a_doubled_fill_is_booked_once(kit: Kit) -> None:
    books = books_with_an_order(kit)
    for _ in range(3):
        hear(books, trade("t1", "MATCHED", 5_000_000))
    assert books.accounts["cash"] == -2_600_000 - 87_360


def test_an_order_or_trade_of_somebody_else_is_foreign_once(kit: Kit) -> None:
    books = books_with_an_order(kit)
    for _ in range(2):
        other = msgspec.structs.replace(trade("t9", "MATCHED", 1_000_000), order_id="0xbb")
        write(books, venue_facts.of_trade(books, other))
    assert list(books.foreign) == ["t9"] and books.seq == 2
    assert "cash" not in books.accounts


@pytest.mark.parametrize("state", [name for name, _ in STATES])
def test_every_line_of_the_table_can_be_reached(kit: Kit, state: str) -> None:
    reach: dict[str, dict[str, Any]] = {
        "MATCHED": {"over": True, "matched_e6": 1},
        "LIVE": {"seen": True},
        "REJECTED": {"refused": True, "code": "X"},
        "CANCELED": {"over": True, "seen": True},
        "WRITTEN_OFF": {"unsure": True, "lapsed": True},
        "UNKNOWN": {"unsure": True},
        "JOURNALLED": {},
    }
    order = books_with_an_order(kit).orders[ID]
    join(order, OrderTold(order_id=ID, **reach[state]))
    assert state_of(order) == state


def test_a_new_sentence_alone_is_no_news(kit: Kit) -> None:
    order = books_with_an_order(kit).orders[ID]
    assert not is_news(order, OrderTold(order_id=ID, text="again"))
    assert is_news(order, OrderTold(order_id=ID, posts=1))


@given(intent_id=st.text())
def test_salt_and_metadata_are_functions_of_the_intent(intent_id: str) -> None:
    assert 0 <= salt_of(intent_id) <= 2**53 - 1
    assert salt_of(intent_id) == salt_of(intent_id)
    assert len(bytes.fromhex(metadata_of(intent_id)[2:])) == 32
    assert salt_of(intent_id) != salt_of(intent_id + "/2")
    assert metadata_of(intent_id) != metadata_of(intent_id + "/2")


def test_what_is_signed_is_a_function_of_the_intent(kit: Kit) -> None:
    one, two = fields_of(kit.intent()), fields_of(kit.intent())
    assert one == two and one.timestamp_ms == (kit.START_S + 10) * 1000
    assert (one.salt, one.metadata) == (salt_of(kit.intent().id), metadata_of(kit.intent().id))
    other = fields_of(kit.intent(id="main/rsi_ema/x/2"))
    assert other.salt != one.salt
    assert other.salt == 3_179_789_465_426_468, "in every process, on every machine"
    assert other.metadata == "0x5e03775d29090f86175f5fd5699db6cfea5f1469095a3e57eb5ff49dab8b6874"
