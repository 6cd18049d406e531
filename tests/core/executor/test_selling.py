"""Exits and the other kinds of orders: what may be sold, and amounts that the venue reads as they are meant."""

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Accepted, FeeSchedule, OrderIntent, OrderType, OrderUpdate, Refused, Side
from messages.inner import SignOrder
from polybot.core.executor.books import double_entry
from polybot.core.executor.orders.validation import fault
from polybot.core.sizing.amounts import BuyAmounts, fak_buy
from tests.build import IntentFields
from tests.core.executor.conftest import House, Kit

LATE = 250


def a_sell(
    kit: Kit, n: int = 2, shares_e6: int = 9_610_000, order_type: OrderType = "FAK", cancel_at_s: int = 270
) -> OrderIntent:
    """At 0.50 or better."""
    limit_e6 = 500_000
    step = 100 if order_type in ("FAK", "FOK") else 1
    return kit.intent(
        id=f"main/rsi_ema/{kit.SLUG}/{n}",
        side="SELL",
        reduce_only=True,
        order_type=order_type,
        maker_e6=shares_e6,
        taker_e6=shares_e6 * limit_e6 // (1_000_000 * step) * step,
        limit_e6=limit_e6,
        worst_e6=0,
        good_until_ns=(kit.START_S + LATE) * kit.S,
        cancel_at_ns=(kit.START_S + cancel_at_s) * kit.S,
    )


def holding(kit: Kit) -> House:
    """9.6153 shares at 0.52, confirmed."""
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(10)
    return house


def test_shares_are_sold_and_the_cash_is_exact(kit: Kit) -> None:
    house = holding(kit)
    house.ask(kit.approved(a_sell(kit)))
    house.run(10)
    update = house.all(OrderUpdate)[-1]
    assert (update.side, update.state, update.final, update.filled_e6) == ("SELL", "MATCHED", True, 9_610_000)
    assert house.positions.positions[0].size_e6 == 5_300, "dust below two decimals cannot be sold"
    house.run_to(301)
    house.hear(kit.observed("DOWN"))
    house.venue.resolve(kit.SLUG, "DOWN")
    house.hear(kit.resolved("DOWN"))
    house.run(5)
    kit.check(house)
    assert house.account.cash_pnl_e6 == house.account.realised_e6


@pytest.mark.parametrize(("shares_e6", "reply"), [(9_600_000, Accepted), (9_610_000, Accepted), (9_620_000, Refused)])
def test_no_more_is_sold_than_is_held_to_two_decimals(kit: Kit, shares_e6: int, reply: type) -> None:
    house = holding(kit)
    assert double_entry.sellable_e6(house.books, kit.UP) == 9_610_000, "of 9.6153"
    sell = a_sell(kit, shares_e6=shares_e6)
    house.ask(kit.approved(sell))
    assert isinstance(house.replies[sell.id], reply)
    if reply is Refused:
        assert house.reply(sell.id, Refused).reason_code == "SHARES"


def test_shares_of_a_trade_that_is_not_settled_cannot_be_sold_yet(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    early = a_sell(kit)
    house.ask(kit.approved(early))
    assert house.reply(early.id, Refused).reason_code == "SHARES"
    house.run(10)
    later = a_sell(kit, 3)
    house.ask(kit.approved(later))
    assert isinstance(house.replies[later.id], Accepted)


def test_what_rests_to_be_sold_is_not_sold_again_and_is_free_once_cancelled(kit: Kit) -> None:
    house = holding(kit)
    house.venue.fates = ["rest"]
    house.ask(kit.approved(a_sell(kit, 2, order_type="GTC", cancel_at_s=60)))
    house.run(1)
    again = a_sell(kit, 3)
    house.ask(kit.approved(again))
    assert house.reply(again.id, Refused).reason_code == "SHARES"
    house.run_to(65)
    later = a_sell(kit, 4)
    house.ask(kit.approved(later))
    assert isinstance(house.replies[later.id], Accepted)


def test_a_sale_that_fails_gives_shares_and_cash_back_in_one_entry(kit: Kit) -> None:
    house = holding(kit)
    house.venue.fails = ["t2"]
    before = house.account.cash_pnl_e6
    house.ask(kit.approved(a_sell(kit)))
    house.run(1)
    assert house.account.cash_pnl_e6 > before
    house.run(10)
    assert house.account.cash_pnl_e6 == before
    assert house.positions.positions[0].size_e6 == 9_615_300
    kit.check(house)


def test_each_kind_of_order_is_signed_as_it_is_meant(kit: Kit) -> None:
    house = kit.ready()
    kinds: list[IntentFields] = [
        {"order_type": "FOK"},
        {"order_type": "GTC"},
        {"order_type": "GTC", "post_only": True},
        {"order_type": "GTD", "cancel_at_ns": (kit.START_S + 270) * kit.S},
    ]
    for n, kind in enumerate(kinds):
        house.ask(kit.approved(kit.intent(**(kind | {"id": f"main/rsi_ema/x/{n}"}))))
    signed = [w.fields for w in house.all(SignOrder)]
    assert [f.order_type for f in signed] == ["FOK", "GTC", "GTC", "GTD"]
    assert [f.post_only for f in signed] == [False, False, True, False]
    assert [f.expiration_s for f in signed] == [0, 0, 0, kit.START_S + 330], "it dies a minute before it says"


@pytest.mark.parametrize(("ahead_s", "code"), [(121, ""), (120, ""), (119, "EXPIRATION")])
def test_a_gtd_order_lives_two_minutes_at_least(kit: Kit, ahead_s: int, code: str) -> None:
    now_ns = (kit.START_S + 10) * kit.S
    wrong = fault(kit.intent(order_type="GTD", cancel_at_ns=now_ns + ahead_s * kit.S), now_ns)
    assert (wrong.code if wrong else "") == code


# facts §5.4, the official client's own figures: side, kind, limit, given, received
VECTORS: list[tuple[Side, OrderType, int, int, int]] = [
    ("BUY", "GTC", 520_000, 2_600_000, 5_000_000),
    ("BUY", "GTC", 560_000, 11_782_400, 21_040_000),
    ("BUY", "GTC", 370_000, 12_332_100, 33_330_000),
    ("BUY", "GTC", 985_000, 7_653_450, 7_770_000),
    ("SELL", "GTC", 520_000, 5_000_000, 2_600_000),
    ("SELL", "GTC", 985_000, 7_770_000, 7_653_450),
    ("BUY", "FAK", 520_000, 10_000_000, 19_230_700),
    ("SELL", "FAK", 520_000, 10_000_000, 5_200_000),
    ("BUY", "FOK", 570_000, 10_000_000, 17_543_800),  # the float trap: 0.57 must not become 0.56
    ("BUY", "FOK", 290_000, 10_000_000, 34_482_700),
    ("BUY", "FOK", 580_000, 10_000_000, 17_241_300),
    ("SELL", "GTC", 570_000, 5_000_000, 2_850_000),
    ("SELL", "FOK", 290_000, 5_000_000, 1_450_000),
    ("SELL", "FOK", 580_000, 5_000_000, 2_900_000),
]


@pytest.mark.parametrize(("side", "kind", "limit", "maker", "taker"), VECTORS)
def test_amounts_of_the_official_client_pass_and_one_unit_off_is_refused(
    kit: Kit, side: Side, kind: OrderType, limit: int, maker: int, taker: int
) -> None:
    def code(maker_e6: int = maker, taker_e6: int = taker) -> str:
        wish = kit.intent(side=side, order_type=kind, limit_e6=limit, maker_e6=maker_e6, taker_e6=taker_e6)
        wrong = fault(wish, kit.START_S * kit.S)
        return wrong.code if wrong else ""

    assert code() == ""
    for change in ({"taker_e6": taker + 1}, {"taker_e6": taker - 1}, {"maker_e6": maker + 1}, {"maker_e6": maker - 1}):
        assert code(**change) == "PRECISION", change


@given(limit=st.integers(1, 99), stake=st.integers(100, 100_000))
def test_a_market_buy_never_implies_a_price_below_its_limit(limit: int, stake: int) -> None:
    """Checked by another road: Decimal, as the official client computes it."""
    buy = fak_buy(stake * 10_000, limit * 10_000, FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True))
    assert isinstance(buy, BuyAmounts)
    given_usd, price = Decimal(stake) / 100, Decimal(limit) / 100
    assert (Decimal(buy.maker_e6), Decimal(buy.taker_e6)) == (
        given_usd * 1_000_000,
        (given_usd / price).quantize(Decimal("0.0001"), ROUND_DOWN) * 1_000_000,
    )
    assert Decimal(buy.maker_e6) / buy.taker_e6 >= price, "rounded the other way nothing would match"
