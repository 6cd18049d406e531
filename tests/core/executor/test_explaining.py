"""Cash that moved without a trade is explained by the venue's own activity, never guessed; strange positions are shown."""

import pytest

from messages import Accepted, Refused
from messages.inner import Activity
from polybot.core.executor.books.entries import ExternalBooked, PaidOut, from_bytes
from polybot.core.executor.reconciling.external_cash import ExternalCash
from tests.core.executor.conftest import House, Kit


def a_row(kit: Kit, amount_e6: int, n: int = 1, kind: str = "DEPOSIT", condition_id: str = "") -> Activity:
    return Activity(
        id=f"0x{n}/{kind}//{abs(amount_e6)}",
        kind=kind,
        amount_e6=amount_e6,
        condition_id=condition_id,
        at_s=kit.START_S + 20,
    )


def booked(house: House) -> list[tuple[str, int]]:
    found = [from_bytes(r).entry for r in house.records]
    return [(e.why, e.amount_e6) for e in found if isinstance(e, ExternalBooked)]


@pytest.mark.parametrize(
    ("kind", "amount_e6"), [("DEPOSIT", 50_000_000), ("WITHDRAWAL", -50_000_000), ("MAKER_REBATE", 12_345)]
)
def test_what_the_activity_tells_is_booked_as_external_and_is_no_profit(kit: Kit, kind: str, amount_e6: int) -> None:
    house = kit.ready()
    house.venue.cash_e6 += amount_e6
    house.venue.activity = [a_row(kit, amount_e6, kind=kind)]
    house.run(40)
    assert booked(house) == [(kind, amount_e6)]
    assert house.account.ready and house.halt is None
    assert house.account.cash_pnl_e6 == 0 and house.account.realised_e6 == 0
    house.run(200)
    assert booked(house) == [(kind, amount_e6)], "once"
    kit.check(house)


def test_a_row_whose_cash_has_not_moved_books_nothing(kit: Kit) -> None:
    house = kit.ready()
    house.venue.activity = [a_row(kit, 7_000_000)]
    house.run(100)
    assert booked(house) == [] and house.account.ready


@pytest.mark.parametrize("off_e6", [-1, 1])
def test_a_row_that_is_a_millionth_off_explains_nothing_and_the_rest_halts_with_both_sides(
    kit: Kit, off_e6: int
) -> None:
    house = kit.ready()
    house.venue.cash_e6 += 7_000_000 + off_e6
    house.venue.activity = [a_row(kit, 7_000_000)]
    house.run(100)
    assert booked(house) == []
    assert house.halt is not None
    assert house.halt.reason_code == "BALANCE_DIFFERENCE"
    assert "1007.00000" in house.halt.reason or "1006.99999" in house.halt.reason
    assert "the books 1000" in house.halt.reason


def test_activity_that_comes_late_but_within_the_patience_does_not_halt(kit: Kit) -> None:
    house = kit.ready()
    house.venue.cash_e6 += 7_000_000
    house.run(45)
    house.venue.activity = [a_row(kit, 7_000_000)]
    house.run(60)
    assert house.halt is None and booked(house) == [("DEPOSIT", 7_000_000)]


def test_a_payout_and_a_deposit_at_once_are_told_apart(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    house.hear(kit.observed("UP"))
    house.venue.resolve(kit.SLUG, "UP")
    house.venue.cash_e6 += 3_000_000
    redeem = a_row(kit, 9_615_300, 2, "REDEEM", "0xc0")
    house.venue.activity = [a_row(kit, 3_000_000), redeem]
    house.hear(kit.resolved("UP"))
    house.run(10)
    assert booked(house) == [("DEPOSIT", 3_000_000)], "the redemption is the payout that was owed"
    paid = [e for r in house.records if isinstance(e := from_bytes(r).entry, PaidOut)]
    assert [p.amount_e6 for p in paid] == [9_615_300]
    kit.check(house)


def test_nothing_differs_nothing_is_explained(kit: Kit) -> None:
    explaining = ExternalCash()
    explaining.remember((a_row(kit, 5), a_row(kit, -5, 2, "WITHDRAWAL")))
    assert explaining.entries(kit.ready().books, 0) == []


# --- positions


def test_a_position_that_somebody_else_bought_is_shown_and_stops_new_orders_until_the_user_says_so(kit: Kit) -> None:
    house = kit.ready()
    house.venue.others = {"777": 5_000_000}
    house.run(31)
    assert house.positions.foreign == ("position:777",)
    house.ask(kit.approved(kit.intent(good_until_ns=(kit.START_S + 250) * kit.S)))
    refused = house.reply(kit.intent().id, Refused)
    assert refused.reason_code == "UNKNOWN_ORDER" and "position:777" in refused.reason
    house.hear(kit.halt("h1"))
    house.run(5)
    house.hear(kit.halt(""))
    house.run(40)
    assert not house.positions.foreign
    wish = kit.intent(id="main/rsi_ema/x/2", good_until_ns=(kit.START_S + 250) * kit.S)
    house.ask(kit.approved(wish))
    assert isinstance(house.replies[wish.id], Accepted)
    assert house.positions.positions == (), "never adopted"


def test_our_own_positions_are_not_strange(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(100)
    assert not house.positions.foreign and house.positions.positions
