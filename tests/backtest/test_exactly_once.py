"""Exactly once over the exchange itself: killed at each named step (R2), answers lost a thousand times (R9), settlement late
or failed (R10), the dead-man heartbeat (R12). What counts is what the exchange counts.
"""

from collections.abc import Callable

import pytest

from messages import Fill, OrderIntent, Word
from messages.inner import MoveGate, Persist, PostOrder
from polybot.core.executor.books.entries import FillBooked, FillReversed, IntentSigned, OrderTold, from_bytes
from tests.backtest.conftest import House, Kit

# --- R2


def entry_of(word: Word) -> object:
    return from_bytes(word.record).entry if isinstance(word, Persist) else None


def is_post(word: Word) -> bool:
    return isinstance(word, PostOrder)


# step → (the word that it does not live to carry out, or within how many seconds of it it dies)
STEPS: dict[str, tuple[Callable[[Word], bool], float]] = {
    "before_journal": (lambda w: isinstance(entry_of(w), IntentSigned), 0.0),
    "after_journal": (is_post, 0.0),
    "during_send": (lambda w: type(w).__name__ == "Accepted", 0.0),
    "sent_but_unanswered": (is_post, 0.15),  # the taker delay alone holds the answer back so long
    "answered_but_uncommitted": (lambda w: isinstance(e := entry_of(w), OrderTold) and e.posts > 0, 0.0),
    "during_a_fill": (lambda w: isinstance(entry_of(w), FillBooked), 0.0),
}


def end(house: House) -> None:
    """A minute on everything has come to an end, is resolved and paid."""
    house.run(60)
    for n in range(house.markets):
        house.resolve(n, house.luck.choice(("UP", "DOWN")))
        house.run(1)
    house.run(30)
    assert house.books.open == {}, "every order came to an end"
    assert house.sim.halt is None, f"nothing halts: {house.sim.halt}"
    assert house.account.ready and house.account.reserved_e6 == 0
    house.check()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_named_step_there_is_one_order_and_no_fill_is_lost(kit: Kit, step: str, seed: int) -> None:
    house = kit.House(seed)
    luck, venue = house.luck, house.venue
    kinds = ("answer", "late", "timeout", "lose_answer") if step != "answered_but_uncommitted" else ("answer", "late")
    venue.fates = [luck.choice(kinds)]
    venue.pushes = luck.random() < 0.5
    venue.engine.set_fate(kit.chain(luck, 0.2, 0.2))
    if luck.random() < 0.2 and step != "during_a_fill":
        venue.engine.set_levels("0xc0", (), (), house.sim.now_ns)  # nothing to match with
    venue.loses_in_flight = step == "during_send"
    house.kill_when(*STEPS[step])
    house.ask(kit.intent())
    house.run(10)
    assert house.boot == 2, f"{step} was reached"
    end(house)
    assert set(venue.orders) == set(venue.heard) == {house.books.by_intent[kit.intent().id]}, "one order, and only it"


# --- R9


@pytest.mark.parametrize("seed", range(20))
def test_fifty_answers_of_a_thousand_that_never_come_make_one_order_each(kit: Kit, seed: int) -> None:
    """Fifty markets at a time: taken or not heard at all, the venue readable or not, the user channel silent or not."""
    house = kit.House(seed, markets=50)
    luck, venue = house.luck, house.venue
    venue.engine.set_fate(kit.chain(luck, 0.1, 0.1))
    intents = [kit.intent(n) for n in range(50)]
    blocked = 0
    for n, intent in enumerate(intents):
        venue.fates = [luck.choice(("lose_answer", "lose_answer", "timeout", "lose_request")) for _ in range(50)]
        venue.pushes, venue.knows = luck.random() < 0.3, luck.random() < 0.5
        house.ask(intent)
        house.run(luck.uniform(0.05, 0.9))
        unknown = [m for m in range(n + 1) if house.state(intents[m]) == "UNKNOWN"]
        assert {kit.slug(m) for m in unknown} == set(house.account.blocked_slugs)
        for m in unknown[:1]:
            assert house.reason(kit.intent(m, wish=n + 2)) == "UNKNOWN_ORDER"
            blocked += 1
    venue.fates = ["lose_answer"] * 100
    venue.knows = True
    end(house)
    posted = [p.order_id for p in venue.posts]
    assert set(posted) == {house.books.by_intent[intent.id] for intent in intents}, "never another salt"
    assert set(venue.orders) == set(venue.heard), "what was heard is there, once"
    assert len(venue.orders) >= 40
    assert blocked >= 5 and len(posted) > 50, "some were unknown for a while, some were offered again, the same bytes"


# --- R10


@pytest.mark.parametrize("seed", range(5))
def test_in_a_burst_of_failed_settlements_exposure_counts_once_and_nothing_is_bought_again(kit: Kit, seed: int) -> None:
    """A third of all trades fail, a fifth need a second attempt: at every moment our cash is the exchange's."""
    house = kit.House(seed, markets=20)
    house.venue.engine.set_fate(kit.chain(house.luck, 0.35, 0.2))
    house.run(0.2)  # looked at between the chain's steps, when all that was said has arrived
    for n in range(20):
        house.ask(kit.intent(n))
        house.run(0.5)
        assert house.books.accounts["cash"] == house.venue.cash_e6, "counted once, whatever each trade goes through"
    for _ in range(40):
        house.run(0.5)
        assert house.books.accounts["cash"] == house.venue.cash_e6
    failed = {t.trade_id for t in house.venue.engine.trades(house.venue.wallet) if t.status == "FAILED"}
    assert 5 <= len(failed) < 30
    reversals = [e for e in house.journal if isinstance(e, FillReversed)]
    assert sorted(e.trade_id for e in reversals) == sorted(failed), "one entry takes all of it back"
    assert {f.trade_id for f in house.all(Fill) if f.status == "FAILED"} == failed
    assert len(house.venue.posts) == 20, "what failed is not bought again"
    end(house)


@pytest.mark.parametrize("seed", range(20))
def test_settlement_that_fails_while_nobody_tells_us_or_we_are_dead_is_found_out(kit: Kit, seed: int) -> None:
    house = kit.House(seed, markets=4)
    house.venue.pushes = house.luck.random() < 0.5
    house.venue.engine.set_fate(kit.chain(house.luck, 0.5, 0.2))
    for n in range(4):
        house.ask(kit.intent(n))
        house.run(house.luck.uniform(0.2, 2))
        house.kill()
        house.run(1)
    end(house)
    assert len(house.venue.posts) == 4


def test_what_rests_and_is_taken_pays_no_fee_and_its_cash_is_the_exchanges(kit: Kit) -> None:
    house = kit.House(markets=1)
    house.ask(a_rest(kit))
    house.run(2)
    for size_e6 in (3_333_300, 1_234_500, 5_432_200):
        house.venue.engine.set_levels("0xc0", (), (), house.sim.now_ns)  # ours is the best bid now
        taken = house.venue.engine.take("0xc0", kit.intent().token_id, "SELL", size_e6, 400_000, house.sim.now_ns)
        assert taken == size_e6
        house.venue.flush()
        house.run(1.2)
        assert house.books.accounts["cash"] == house.venue.cash_e6
    assert [f.fee_e6 for f in house.all(Fill) if f.status == "MATCHED"] == [0, 0, 0]
    end(house)


# --- R12


def a_rest(kit: Kit, n: int = 0, wish: int = 1) -> OrderIntent:
    return kit.intent(n, wish, order_type="GTC")


def resting(kit: Kit, seed: int = 0) -> House:
    house = kit.House(seed, markets=3)
    house.ask(a_rest(kit))
    house.run(2)
    assert house.account.pulse_state == "beating" and len(house.venue.open) == 1
    return house


def first(house: House, holds: Callable[[Word], bool], deadline_s: float) -> int:
    """World time at which the executor says the first word of which this holds."""
    seen = len(house.said)
    for _ in range(round(deadline_s * 100)):
        house.run(0.01)
        if any(holds(w) for w in house.said[seen:]):
            return int(house.sim.now_ns)
    raise AssertionError(f"not within {deadline_s} s")


@pytest.mark.parametrize("beats", ["refuse", "silent", "lost"])
def test_a_failed_heartbeat_shuts_admission_within_a_second_and_the_venue_cancels_what_rests(
    kit: Kit, beats: str
) -> None:
    house = resting(kit)
    house.venue.beats = beats
    sent = first(house, lambda w: type(w).__name__ == "SendHeartbeat", 6)
    shut = first(house, lambda w: isinstance(w, MoveGate) and w.why != "", 1.0)
    assert shut - sent <= kit.S
    assert house.reason(kit.intent(1)) == "HEARTBEAT"
    posts = len(house.venue.posts)
    if beats != "lost":  # a beat that is heard keeps the orders alive
        house.run(12)
        assert house.venue.open == [], "the venue's dead-man switch"
    house.halt()
    house.proof("a")
    assert house.venue.open == [], "cancels work without a heartbeat"
    assert len(house.venue.posts) == posts


def test_what_was_queued_when_the_heartbeat_failed_is_dropped_and_it_reopens_on_an_ack_and_known_books(
    kit: Kit,
) -> None:
    house = resting(kit)
    house.venue.lane_s = 2.0
    house.venue.beats = "refuse"
    first(house, lambda w: type(w).__name__ == "SendHeartbeat", 6)
    queued = kit.intent(1)
    assert house.reason(queued) == ""
    first(house, lambda w: isinstance(w, MoveGate) and w.why != "", 1.0)
    house.run(3)
    house.venue.lane_s = 0.0
    assert house.state(queued) == "REJECTED" and len(house.venue.posts) == 1, "the venue never saw it"
    house.venue.knows, house.venue.beats = False, "ack"
    first(house, lambda w: type(w).__name__ == "SendHeartbeat", 2)
    house.run(2)
    assert house.account.pulse_state == "failing", "acked, but the venue's books are not known"
    assert house.reason(kit.intent(2)) == "HEARTBEAT"
    house.venue.knows = True
    first(house, lambda w: isinstance(w, MoveGate) and w.why == "", 5)
    assert house.reason(kit.intent(2, wish=2)) == ""
    end(house)
    assert len(house.venue.posts) == 2


def test_beats_that_fail_at_random_never_let_two_instances_be_suspected_or_an_order_rest_unseen(kit: Kit) -> None:
    house = resting(kit, 4)
    for n in range(30):
        house.venue.beats = house.luck.choice(("ack", "ack", "refuse", "lost", "silent"))
        house.run(house.luck.uniform(0.5, 8))
        if n % 3 == 0 and house.sim.now_ns < (kit.START_S + 55) * kit.S:
            house.ask(a_rest(kit, 1, n + 2))
    house.venue.beats = "ack"
    house.run(15)
    assert house.sim.halt is None and house.account.pulse_state == "beating"
    known = set(house.books.open)
    assert set(house.venue.open) == known, "what rests is known to rest"
