"""Exactly once, whatever fails: killed at each named step (R2), answers lost a thousand times (R9), late and failed
settlement (R10), and halts at random moments, each proof counted at the venue.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from messages import CancelAll, CancelProof, Fill, OrderUpdate, Word
from messages.inner import OrderSigned, Persist, PostOrder, PostResult, WriteHalt
from polybot.core.entries import FillBooked, IntentSigned, OrderTold, from_bytes
from polybot.core.executor.orders import state_of

FATES = ("fill", "part", "none", "price", "lost", "unheard", "rest", "retry")


# --- R2


def entry_of(word: Word) -> object:
    return from_bytes(word.record).entry if isinstance(word, Persist) else None


# step → what the executor is about to do when it dies; `delivers`: what it had said before reached the venue
STEPS: dict[str, tuple[Callable[[Word], bool], bool]] = {
    "before_journal": (lambda w: isinstance(entry_of(w), IntentSigned), False),
    "after_journal": (lambda w: isinstance(w, PostOrder), False),
    "during_send": (lambda w: type(w).__name__ == "Accepted", False),
    "sent_but_unanswered": (lambda w: type(w).__name__ == "Accepted", True),
    "answered_but_uncommitted": (lambda w: isinstance(e := entry_of(w), OrderTold) and e.posts > 0, True),
    "during_a_fill": (lambda w: isinstance(entry_of(w), FillBooked), True),
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_named_step_there_is_one_order_and_no_fill_is_lost(kit: Any, step: str, seed: int) -> None:
    is_there, delivers = STEPS[step]
    luck = random.Random(seed)
    fates = ("fill", "part", "price", "lost") if step == "during_a_fill" else ("fill", "part", "none", "price", "lost")
    house = kit.House(delivers_on_crash=delivers, post_takes_s=luck.choice((0.0, 0.15, 1.0)))
    house.venue.fates = [luck.choice(fates)]
    house.venue.says_user_facts = luck.random() < 0.5
    house.venue.fails = ["t1"] if luck.random() < 0.2 else []
    house.start()
    house.run_to(10)
    died = house.kill_when(is_there)
    for n in range(20):
        if not house.is_alive:
            house.now_ns += round(luck.uniform(0.05, 1.0) * kit.S)
            house.start()
        if not n % 4 and kit.intent().id not in house.replies:
            house.ask(kit.approved(kit.intent(good_until_ns=(kit.START_S + 20) * kit.S), risk_boot=house.boot))
        house.run(1.0)
    assert died, f"{step} was reached"
    house.run(70)
    assert len(house.venue.orders) <= 1 and len(set(house.venue.posts)) <= 1
    assert house.books.open == {} and house.halt is None
    kit.check(house)


# --- R9


def test_a_thousand_answers_that_never_come_make_one_order_each(kit: Any) -> None:
    """Taken or not heard at all, the venue readable or not, the user channel silent or not."""
    luck, again = random.Random(9), 0
    for n in range(1_000):
        house = kit.ready()
        house.venue.fates = [luck.choice(("lost", "unheard")) for _ in range(luck.randint(1, 3))]
        house.venue.says_user_facts = luck.random() < 0.3
        house.venue.knows = luck.random() < 0.5
        house.post_takes_s = luck.choice((0.0, 0.5, 2.0))
        house.ask(kit.approved(kit.intent()))
        house.run(luck.uniform(0, 2.5))
        order = house.books.orders[house.books.by_intent[kit.intent().id]]
        if state_of(order) == "UNKNOWN":
            assert house.account.blocked_slugs == (kit.SLUG,)
            house.ask(kit.approved(kit.intent(id="main/rsi_ema/other/1")))
            assert house.replies["main/rsi_ema/other/1"].reason_code == "UNKNOWN_ORDER", n
        house.venue.knows = True
        house.run(45)
        house.venue.resolve(kit.SLUG, "UP")
        house.hear(kit.resolved("UP"))
        house.run(10)
        assert len(set(house.venue.posts)) == 1, "never another salt"
        bodies = {p.body for p in house.all(PostOrder)}
        assert len(bodies) == 1, "the same bytes"
        assert len(house.venue.orders) <= 1
        again += len(house.venue.posts) > 1
        kit.check(house)
    assert again > 100, "the same bytes were often offered again"


# --- R10


@pytest.mark.parametrize("failing", [False, True])
def test_late_or_failed_the_settlement_moves_exposure_once_and_buys_nothing_again(kit: Any, failing: bool) -> None:
    house = kit.ready()
    house.venue.fails = ["t1"] if failing else []
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    spent = house.account.cash_pnl_e6
    for status in ("MINED", "RETRYING", "RETRYING", "MINED"):
        house.venue.trades[0].status = status
        house.venue._tell_trade(house.venue.trades[0])
        house.run(1)
        assert house.account.cash_pnl_e6 == spent, "counted once, whatever it goes through"
        assert house.positions.positions[0].provisional_e6 == 9_615_300
    house.venue.trades[0].status = "MATCHED"
    seq = house.last_seq
    house.run(10)
    fills = [f.status for f in house.all(Fill)]
    if failing:
        assert house.account.cash_pnl_e6 == 0 and house.positions.positions == ()
        entries = [from_bytes(r).entry for r in house.records][seq:]
        moving = [e for e in entries if type(e).__name__ in ("FillReversed", "FillBooked", "ExternalBooked")]
        assert [type(e).__name__ for e in moving] == ["FillReversed"], "one entry takes all of it back"
        assert fills[-1] == "FAILED"
    else:
        assert house.account.cash_pnl_e6 == spent and fills[-1] == "CONFIRMED"
    house.run_to(280)
    assert len(house.venue.posts) == 1
    kit.check(house)


# --- halts


def proof_of(house: Any, halt_id: str) -> CancelProof:
    house.hear(CancelAll(id=halt_id, reason="chaos"))
    for _ in range(60):
        if halt_id in house.replies:
            break
        house.run(0.1)
    proof = house.replies[halt_id]
    assert isinstance(proof, CancelProof)
    return proof


def flapping(house: Any, luck: random.Random) -> None:
    """The venue at its worst, from now on."""
    house.venue.fates = [luck.choice(FATES) for _ in range(6)]
    house.venue.says_user_facts = luck.random() < 0.5
    house.post_takes_s = luck.choice((0.0, 0.15, 0.6, 3.0))
    house.venue.knows = luck.random() < 0.7
    house.venue.beats = luck.choice(("ack", "ack", "ack", "refuse", "lost"))


@pytest.mark.parametrize("seed", range(50))
def test_halted_at_a_random_moment_the_proof_is_what_the_venue_itself_counts(kit: Any, seed: int) -> None:
    luck = random.Random(seed)
    house = kit.ready(capital_usd=1_000.0)
    flapping(house, luck)
    for n in range(luck.randint(1, 4)):
        kind = luck.choice(("FAK", "GTC", "GTC"))
        slug = f"btc-updown-5m-{kit.START_S + 300 * n}"
        wish = kit.intent(
            id=f"main/s{n}/{slug}/1", slug=slug, order_type=kind, good_until_ns=(kit.START_S + 40) * kit.S
        )
        house.ask(kit.approved(wish))
        house.run(luck.uniform(0, 1.5))
    house.hear(kit.halt("h1"))
    house.gate = "the file"  # the gate looks at it by itself
    house.hear(CancelAll(id="a", reason="chaos"))
    posted = len(house.venue.posts)
    if luck.random() < 0.6:
        house.run(luck.uniform(0, 2))
    house.venue.knows = luck.random() < 0.8
    proof = proof_of(house, "b")
    live = [i for i, o in house.venue.orders.items() if o.state == "LIVE"]
    if proof.open == 0 and not proof.pending_posts:
        assert live == [], "proven, and the venue has none"
    assert set(proof.unknown) <= set(house.books.open)
    assert len(house.venue.posts) == posted, "no order after the halt"
    house.venue.knows, house.venue.beats = True, "ack"
    house.run(12)
    last = proof_of(house, "c")
    assert (last.open, last.pending_posts) == (0, ())
    assert [i for i, o in house.venue.orders.items() if o.state == "LIVE"] == []
    assert len(house.venue.posts) == posted
    held = sum(p.size_e6 for p in last.held)
    assert held == sum(house.venue.shares.values()), "what is held is what the venue says is held"
    after = {t.trade_id for t in house.venue.trades} & set(last.fills_after)
    assert after == set(last.fills_after), "fills after the halt are the venue's own"


def test_a_post_that_is_under_way_when_the_halt_comes_stands_in_the_proof_until_it_is_answered(kit: Any) -> None:
    house = kit.ready()
    house.post_takes_s = 10.0
    house.ask(kit.approved(kit.intent()))
    house.hear(kit.halt("h1"))
    first = proof_of(house, "a")
    assert len(first.pending_posts) == 1
    house.run(20)
    assert proof_of(house, "b").pending_posts == ()
    assert house.all(WriteHalt) == []
    assert [w for w in house.said if isinstance(w, PostResult | OrderSigned)] == []
    assert house.all(OrderUpdate)
