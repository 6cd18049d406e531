"""R11: whatever the order in which the venue's words arrive, and however often, the same state comes out."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from messages import OrderType, Word
from messages.inner import (
    CancelResult,
    ForCancelAt,
    ForProbe,
    OrderRead,
    PostOrder,
    TradesRead,
    UserFact,
    VenueOrder,
    VenueTrade,
)
from polybot.core.executor.books.order_state import is_final, state_of
from polybot.core.executor.books.state import books_to_bytes
from tests.build import TradeStatus, VenueOrderState, a_venue_order, a_venue_trade
from tests.core.executor.conftest import Kit

PERMUTATIONS = 2_500  # of each of four histories
SHARES = (4_000_000, 5_615_300)


def an_order(
    kit: Kit, order_id: str, state: VenueOrderState, matched_e6: int, original_e6: int = 9_615_300
) -> VenueOrder:
    return a_venue_order(
        order_id=order_id,
        token_id=kit.UP,
        state=state,
        raw_status=state,
        original_e6=original_e6,
        matched_e6=matched_e6,
    )


def a_trade(kit: Kit, order_id: str, n: int, status: TradeStatus, is_taker: bool = True) -> VenueTrade:
    return a_venue_trade(
        trade_id=f"t{n}",
        order_id=order_id,
        token_id=kit.UP,
        size_e6=SHARES[n - 1],
        price_e6=520_000 - 10_000 * n,
        status=status,
        is_taker=is_taker,
    )


def told(kit: Kit, order_id: str, n: int, *statuses: TradeStatus, is_taker: bool = True) -> list[Word]:
    """One trade's life, by the user channel and by reads alike."""
    lines = [a_trade(kit, order_id, n, status, is_taker) for status in statuses]
    return [
        *(UserFact(kind="trade", trades=(line,)) for line in lines),
        TradesRead(purpose=ForProbe(), known=True, trades=(lines[-1],), why=""),
    ]


def read(shown: VenueOrder, *trades: VenueTrade) -> OrderRead:
    return OrderRead(purpose=ForProbe(), order_id=shown.order_id, known=True, order=shown, trades=trades, why="")


def taken_whole(kit: Kit, post: PostOrder, last: TradeStatus = "CONFIRMED") -> list[Word]:
    """A FAK that filled by two trades; of the second one `last` is the end."""
    i = post.order_id
    cost = sum(s * (520_000 - 10_000 * (n + 1)) // 1_000_000 for n, s in enumerate(SHARES))
    return [
        kit.result(post, "accepted", status="matched", making_e6=cost, taking_e6=sum(SHARES), trade_ids=("t1", "t2")),
        UserFact(kind="order", order=an_order(kit, i, "LIVE", 0)),
        UserFact(kind="order", order=an_order(kit, i, "MATCHED", SHARES[0])),  # in the middle of the match
        UserFact(kind="order", order=an_order(kit, i, "MATCHED", sum(SHARES))),
        *told(kit, i, 1, "MATCHED", "MINED", "CONFIRMED"),
        *told(kit, i, 2, "MATCHED", "RETRYING", last),
        read(an_order(kit, i, "MATCHED", sum(SHARES)), a_trade(kit, i, 1, "MATCHED")),
    ]


def second_failed(kit: Kit, post: PostOrder) -> list[Word]:
    return taken_whole(kit, post, "FAILED")


def answer_lost(kit: Kit, post: PostOrder) -> list[Word]:
    """The same, but POST's answer never came."""
    return [kit.result(post, "unknown", code="LOST", text="no answer"), *taken_whole(kit, post)[1:]]


def cancelled_after_a_fill(kit: Kit, post: PostOrder) -> list[Word]:
    """A resting order: a fill as maker, then cancelled; the second fill's word comes after the end."""
    i, maker = post.order_id, False
    gone = an_order(kit, i, "CANCELED", sum(SHARES), 9_610_000 * 2)
    return [
        kit.result(post, "accepted", status="live"),
        UserFact(kind="order", order=an_order(kit, i, "LIVE", 0, 9_610_000 * 2)),
        UserFact(kind="order", order=an_order(kit, i, "LIVE", SHARES[0], 9_610_000 * 2)),
        *told(kit, i, 1, "MATCHED", "CONFIRMED", is_taker=maker),
        *told(kit, i, 2, "MATCHED", "MINED", "CONFIRMED", is_taker=maker),
        UserFact(kind="order", order=gone),
        CancelResult(purpose=ForCancelAt(order_id=i), known=True, canceled=(i,), not_canceled={}, why=""),
        CancelResult(
            purpose=ForCancelAt(order_id=i), known=True, canceled=(), not_canceled={i: "already canceled"}, why=""
        ),
        read(gone, a_trade(kit, i, 2, "MATCHED", maker)),
    ]


def state(core: Any, order_id: str) -> Any:
    """All of it but when it was told and in whose words."""
    books = core._writer.books
    order = books.orders[order_id]
    fills = sorted((f.trade_id, f.size_e6, f.cost_e6, f.fee_e6, f.status, f.is_taker) for f in order.fills.values())
    return state_of(order), is_final(order), order.matched_e6, fills, sorted(books.accounts.items()), list(books.open)


SCENARIOS: list[tuple[Callable[[Kit, PostOrder], list[Word]], OrderType]] = [
    (taken_whole, "FAK"),
    (second_failed, "FAK"),
    (answer_lost, "FAK"),
    (cancelled_after_a_fill, "GTC"),
]


@pytest.mark.parametrize(("scenario", "kind"), SCENARIOS)
def test_permuted_and_doubled_the_words_come_to_the_same_state(
    kit: Kit, scenario: Callable[[Kit, PostOrder], list[Word]], kind: OrderType
) -> None:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type=kind)))
    for _ in range(3):  # a resting order waits for the first heartbeat
        if not house.all(PostOrder):
            house.lanes = type(house.lanes)((at, w) for at, w in house.lanes if not isinstance(w, PostOrder))
            house.run(0.06)
    (post,) = house.all(PostOrder)
    del house.venue  # from here on the test alone speaks for it
    words = scenario(kit, post)
    luck, states = random.Random(11), {}
    for n in range(PERMUTATIONS):
        core, order = copy.deepcopy(house.core), words * 2
        if n:
            luck.shuffle(order)
        for word in order:
            list(core.handle(word, house.now_ns))
            ours = core._writer.books.orders[post.order_id]
            assert len(ours.fills) == 2 or not is_final(ours), "no word of a part ends the whole"
        states[repr(state(core, post.order_id))] = order
    assert len(states) == 1, "\n".join(states)
    shown = next(iter(states))
    assert "True" in shown, f"and it is final: {shown}"
    assert sum(core._writer.books.accounts.values()) == 0


def test_a_word_heard_again_is_not_written_again(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    (post,) = house.all(PostOrder)
    house.lanes.clear()
    core = house.core
    words = taken_whole(kit, post)
    for word in words:
        list(core.handle(word, house.now_ns))
    before = books_to_bytes(core._writer.books)
    for word in words:
        list(core.handle(word, house.now_ns))
    assert books_to_bytes(core._writer.books) == before
