"""kill -9 between any two words, and between saying and doing: no second order, no lost fill, cash exact to a millionth."""

from collections.abc import Callable

import pytest

from messages import OrderType, Outcome
from tests.core.executor.conftest import House, Kit

FATES = ("fill", "part", "none", "price", "lost", "unheard", "refuse", "retry", "rest")


def live_through(kit: Kit, house: House) -> None:
    """Two windows: the wish is repeated until answered, as risk repeats it; then outcome, resolution, payment."""
    house.start()
    house.run_to(10)
    winners: tuple[Outcome, ...] = ("UP", "DOWN")
    for n, winner in enumerate(winners):
        start_s = kit.START_S + 300 * n
        order_type: OrderType = "GTC" if house.venue.fates[:1] == ["rest"] else "FAK"
        intent = kit.intent(start_s=start_s, order_type=order_type)
        house.run_to(300 * n + 10)
        for _ in range(4):
            revive(house)
            if house.now_ns <= intent.good_until_ns and intent.id not in house.replies:
                house.ask(kit.approved(intent, risk_boot=house.boot))
            house.run(0.6)
        revive(house)
        house.run_to(300 * n + 275)
        for word in (kit.observed(winner, start_s), kit.resolved(winner, start_s)):
            house.run(26 if word is not None else 0)
            revive(house)
            if type(word).__name__ == "MarketResolved" and intent.slug not in house.venue.winners:
                house.venue.resolve(intent.slug, winner)
            house.hear(word)
    for seconds in (40, 40, 5):
        revive(house)
        house.run(seconds)


def revive(house: House) -> None:
    """Supervision: a dead process is started again, a third of a second later."""
    if not house.is_alive:
        house.now_ns += 333_333_333
        house.start()


def check(kit: Kit, house: House) -> None:
    kit.check(house)
    assert house.halt is None, f"nothing halts: {house.halt}"
    assert house.account.ready
    assert house.books.open == {}, "every order came to an end"
    assert house.account.reserved_e6 == 0
    assert house.account.wallet_e6 - kit.WALLET_E6 == house.account.cash_pnl_e6 == house.account.realised_e6


def points(kit: Kit, make: Callable[[], House]) -> list[int]:
    """The words of an undisturbed life at which to kill: every one but levels and timers, and some of those."""
    house = make()
    live_through(kit, house)
    check(kit, house)
    kinds = [type(word).__name__ for word in house.said]
    dull = ("Account", "Positions", "WakeIn", "WarmUp", "ReadMarket")
    return [n for n, kind in enumerate(kinds, 1) if n < len(kinds) - 30 and (kind not in dull or n % 25 == 0)]


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.long, id="all"), pytest.param(20, id="every_twentieth")]
)
@pytest.mark.parametrize("delivers", [True, False], ids=["what_was_said_was_done", "what_was_said_was_lost"])
@pytest.mark.parametrize("fate", FATES)
def test_killed_at_any_word(kit: Kit, fate: str, delivers: bool, step: int) -> None:
    def make() -> House:
        house = kit.House(delivers_on_crash=delivers)
        house.venue.fates = [fate]
        return house

    for n in points(kit, make)[FATES.index(fate) % step :: step]:
        house = make()
        house.crash_at = n
        live_through(kit, house)
        assert house.boot == 2, f"killed at word {n}"
        check(kit, house)


@pytest.mark.parametrize("fate", ["fill", "lost", "unheard"])
def test_killed_again_soon_after(kit: Kit, fate: str) -> None:
    """The second life is killed at its 1st, 4th, 7th … word."""

    def make() -> House:
        house = kit.House()
        house.venue.fates = [fate]
        return house

    for i, n in enumerate(points(kit, make)[:80:4]):
        house = make()
        house.crash_at, house.crash_again = n, 1 + 3 * i
        live_through(kit, house)
        check(kit, house)


def test_killed_at_any_word_while_a_fill_fails(kit: Kit) -> None:
    def make() -> House:
        house = kit.House()
        house.venue.fails = ["t1"]
        return house

    for n in points(kit, make)[::4]:
        house = make()
        house.crash_at = n
        live_through(kit, house)
        check(kit, house)
