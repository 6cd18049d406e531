"""Halted at random moments, with orders under way, held for the taker delay, resting and unknown, the venue at its worst: each
proof is what the exchange itself counts at that moment.
"""

import pytest

from messages import CancelProof, Envelope
from tests.backtest.conftest import House, Kit

FATES = ("answer", "late", "lose_answer", "lose_request", "timeout", "not_now")


def flapping(house: House) -> None:
    """The venue at its worst, from now on."""
    luck, venue = house.luck, house.venue
    venue.fates = [luck.choice(FATES) for _ in range(8)]
    venue.pushes = luck.random() < 0.5
    venue.lane_s = luck.choice((0.0, 0.0, 0.15, 1.0))
    venue.knows = luck.random() < 0.7
    venue.beats = luck.choice(("ack", "ack", "ack", "refuse", "lost"))


def stand_at_proofs(house: House) -> list[tuple[CancelProof, list[str], list[str]]]:
    """(proof, open at the exchange, filled there) at the very moment at which the executor says each proof."""
    seen: list[tuple[CancelProof, list[str], list[str]]] = []

    def look(actor: str, envelope: Envelope) -> None:
        if actor == "executor" and isinstance(envelope.body, CancelProof):
            trades = [t.trade_id for t in house.venue.engine.trades(house.venue.wallet)]
            seen.append((envelope.body, list(house.venue.open), trades))

    house.sim.listeners.append(look)
    return seen


@pytest.mark.parametrize("seed", range(50))
def test_halted_at_a_random_moment_the_proof_is_what_the_exchange_counts(kit: Kit, seed: int) -> None:
    house = kit.House(seed, markets=5)
    luck, venue = house.luck, house.venue
    venue.engine.set_fate(kit.chain(luck, 0.1, 0.1))
    proofs = stand_at_proofs(house)
    flapping(house)
    for n in range(luck.randint(1, 5)):
        house.ask(kit.intent(n, order_type=luck.choice(("FAK", "FAK", "GTC"))))
        house.run(luck.choice((0.02, 0.1, 0.2, 1.0)) * luck.random())
    house.halt()
    heard = len(venue.posts)
    house.cancel_all("a")
    house.run(luck.uniform(0, 2))
    if seed % 3 == 0:
        house.kill()  # in the middle of it: the next life begins anew by itself
    venue.knows = luck.random() < 0.6
    house.run(luck.uniform(0, 6))
    venue.knows, venue.beats = True, "ack"
    house.run(35)  # every POST under way has its answer, or its timeout; the books were read once more
    last = house.proof("last")

    assert proofs
    for proof, still_open, trades in proofs:
        if proof.open == 0 and not proof.pending_posts:
            assert still_open == [], "proven, and the exchange has none"
        assert set(proof.fills_after) <= set(trades)
    assert (last.open, last.pending_posts, venue.open) == (0, (), [])
    assert len(venue.posts) == heard, "nothing left after the halt"
    assert sum(p.size_e6 for p in last.held) == sum(
        t.size_e6 for t in venue.engine.trades(venue.wallet) if t.status != "FAILED"
    ), "what is held is what the exchange says is held"
    assert set(last.unknown) == {i for i in house.books.open if house.books.orders[i].unsure and i not in venue.orders}
    assert set(venue.orders) <= set(house.books.orders)


def test_a_taker_that_is_held_when_the_halt_comes_fills_and_the_proof_says_so(kit: Kit) -> None:
    """The venue does not let go of an order in its taker delay: the proof waits for its answer, and names its trades."""
    house = kit.House(1)
    house.venue.fates = ["late"]
    house.ask(kit.intent())
    while not house.venue.open:
        house.run(0.005)
    assert house.venue.orders[house.venue.open[0]].status == "HELD"
    house.halt()
    since_ns, proof = house.sim.now_ns, house.proof("a")
    assert house.sim.now_ns - since_ns >= house.venue.LATE_S * kit.S
    trades = house.venue.engine.trades(house.venue.wallet)
    assert (proof.open, proof.unknown, proof.pending_posts) == (0, (), ())
    assert set(proof.fills_after) == {t.trade_id for t in trades} != set()


def test_an_answer_that_is_late_stands_in_the_proof_as_pending_until_it_has_come(kit: Kit) -> None:
    house = kit.House(2)
    house.venue.LATE_S = 20.0
    house.venue.fates = ["late"]
    house.ask(kit.intent())
    house.run(0.05)
    house.halt()
    assert len(house.proof("a").pending_posts) == 1
    house.run(20)
    assert house.proof("b").pending_posts == ()
