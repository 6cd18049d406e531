"""The judge: its words, its fees, its queues, its clock."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest

from messages import OrderType
from polybot.sim.venue import (
    BookChanged,
    Held,
    Market,
    MarketEnded,
    NewOrder,
    OrderChanged,
    Placed,
    Rejected,
    Switches,
    TickChanged,
    TradeChanged,
    VenueEngine,
)
from polybot.sim.venue.book import grain_e6
from polybot.sim.venue.fees import fee_e6
from tests.build import Winner, window

E6 = 1_000_000
S = 1_000_000_000
NOW = 1_795_132_800 * S
CID, UP, DOWN = "0xc1", "111", "222"


def a_market(taker_delay_ns: int = 0) -> Market:
    return Market(**window(), condition_id=CID, up_token=UP, down_token=DOWN, taker_delay_ns=taker_delay_ns)


def an_exchange(taker_delay_ns: int = 0) -> VenueEngine:
    """One market, alice and bob with $1,000 each, the makers at 0.49 / 0.51 with 100 shares and more behind."""
    engine = VenueEngine()
    engine.list_market(a_market(taker_delay_ns))
    for who in ("alice", "bob"):
        engine.grant(who, 1_000 * E6, NOW)
    bids = tuple((p * 10_000, 100 * E6) for p in (49, 48, 47))
    asks = tuple((p * 10_000, 100 * E6) for p in (51, 52, 53))
    engine.set_levels(CID, bids, asks, NOW)
    engine.take_events()
    return engine


def a_buy(
    order_id: str,
    usd: str,
    shares: str,
    owner: str = "alice",
    token: str = UP,
    kind: OrderType = "FAK",
    post_only: bool = False,
    expiration_s: int = 0,
) -> NewOrder:
    maker_e6, taker_e6 = int(Decimal(usd) * E6), int(Decimal(shares) * E6)
    return NewOrder(order_id, owner, token, "BUY", maker_e6, taker_e6, kind, post_only, expiration_s)


def a_sell(
    order_id: str, shares: str, usd: str, owner: str = "alice", token: str = UP, kind: OrderType = "FAK"
) -> NewOrder:
    return replace(a_buy(order_id, shares, usd, owner, token, kind), side="SELL")


def words(result: object) -> str:
    assert isinstance(result, Rejected), result
    return result.error


# --- fees


@pytest.mark.parametrize(
    ("cents", "dollars_per_100"),
    [(1, "0.0693"), (5, "0.3325"), (20, "1.12"), (50, "1.75"), (55, "1.7325"), (65, "1.5925"), (95, "0.3325")],
)
def test_the_fee_is_the_published_table(cents: int, dollars_per_100: str) -> None:
    assert fee_e6(100 * E6, cents * 10_000, 70_000, 1) == int(Decimal(dollars_per_100) * E6)


def test_the_fee_is_rounded_half_up_to_five_decimals() -> None:
    for size in (1, 35_900, 57_142, 57_143, 9_090_900, 123_456_700):
        for price in (10_000, 333_000, 500_000, 987_000):
            p = Decimal(price) / E6
            exact = Decimal(size) / E6 * Decimal("0.07") * p * (1 - p)
            rounded = exact.quantize(Decimal("0.00001"), ROUND_HALF_UP)
            assert fee_e6(size, price, 70_000, 1) == int(rounded * E6)
    assert fee_e6(100 * E6, 500_000, 250_000, 2) == 1_562_500  # the curve of 2025: 0.25, exponent 2


# --- matching


def test_a_market_buy_pays_the_makers_price_and_the_fee_on_top() -> None:
    engine = an_exchange()
    result = engine.submit(a_buy("o1", "5", "9.4339"), NOW)  # limit 0.53
    assert isinstance(result, Placed)
    assert (result.status, result.making_e6, result.taking_e6) == ("matched", 4_811_289, 9_433_900)
    fee = fee_e6(9_433_900, 510_000, 70_000, 1)
    assert engine.account_balance("alice") == 1_000 * E6 - 4_811_289 - fee
    assert engine.account_balance("alice", UP) == 9_433_900
    trade = engine.trades("alice")[0]
    assert (trade.price_e6, trade.fee_e6, trade.status) == (510_000, fee, "MATCHED")
    assert engine.total_e6() == engine.granted_e6()


def test_buying_down_takes_the_bids_of_up() -> None:
    engine = an_exchange()
    result = engine.submit(a_buy("o1", "5", "9.6153", token=DOWN), NOW)  # limit 0.52; Down's ask is 1 - 0.49
    assert isinstance(result, Placed)
    assert engine.trades("alice")[0].price_e6 == 510_000
    assert engine.levels(DOWN)[1][0] == (510_000, 100 * E6 - 9_615_300)
    assert engine.levels(UP)[0][0] == (490_000, 100 * E6 - 9_615_300)


def test_two_buyers_of_opposite_sides_mint_a_set() -> None:
    engine = an_exchange()
    engine.set_levels(CID, (), (), NOW)
    assert isinstance(engine.submit(a_buy("b1", "4", "10", owner="bob", token=DOWN, kind="GTC"), NOW), Placed)
    engine.submit(a_buy("a1", "6", "10", kind="GTC"), NOW + 1)
    assert engine.account_balance("bob", DOWN) == engine.account_balance("alice", UP) == 10 * E6
    assert engine.account_balance("bob") == 996 * E6  # a maker pays no fee
    market = engine.market(CID)
    assert market is not None
    assert market.pool_e6 == 10 * E6


def test_two_sellers_of_opposite_sides_merge_a_set() -> None:
    engine = an_exchange()
    for who, token in (("alice", UP), ("bob", DOWN)):
        engine.submit(a_buy(f"{who}-1", "5.1", "10", owner=who, token=token), NOW)
    engine.due(NOW + 60 * S)
    engine.set_levels(CID, (), (), NOW)
    engine.submit(a_sell("b2", "10", "4", owner="bob", token=DOWN, kind="GTC"), NOW + 60 * S)
    result = engine.submit(a_sell("a2", "10", "6", kind="GTC"), NOW + 61 * S)
    assert isinstance(result, Placed)
    assert result.taking_e6 == 6 * E6
    assert engine.account_balance("alice", UP) == engine.account_balance("bob", DOWN) == 0
    assert engine.total_e6() == engine.granted_e6()


def test_earlier_orders_at_a_price_are_filled_first_and_better_prices_before_them() -> None:
    engine = an_exchange()
    engine.submit(a_buy("b1", "4.9", "10", owner="bob", kind="GTC"), NOW)  # behind the makers' 100 at 0.49
    engine.submit(a_buy("a1", "5", "10", kind="GTC"), NOW + 1)  # better: 0.50
    engine.take_events()
    engine.take(CID, UP, "SELL", 105 * E6, 490_000, NOW + 2)
    assert engine.account_balance("alice", UP) == 10 * E6
    assert engine.account_balance("bob", UP) == 0
    engine.take(CID, UP, "SELL", 8 * E6, 490_000, NOW + 3)
    assert engine.account_balance("bob", UP) == 3 * E6


def test_what_the_makers_add_joins_the_queue_at_the_back() -> None:
    engine = an_exchange()
    engine.submit(a_buy("b1", "4.9", "10", owner="bob", kind="GTC"), NOW)
    engine.set_levels(CID, ((490_000, 150 * E6),), ((510_000, 1 * E6),), NOW)
    engine.take(CID, UP, "SELL", 110 * E6, 490_000, NOW)
    assert engine.account_balance("bob", UP) == 10 * E6


def test_a_ladder_that_reaches_a_resting_order_trades_with_it() -> None:
    engine = an_exchange()
    engine.submit(a_buy("b1", "5", "10", owner="bob", kind="GTC"), NOW)  # bid 0.50
    engine.set_levels(CID, ((470_000, E6),), ((480_000, 30 * E6),), NOW)
    assert engine.account_balance("bob", UP) == 10 * E6
    assert engine.account_balance("bob") == 995 * E6
    assert engine.levels(UP)[1] == ((480_000, 20 * E6),)


def test_fok_is_all_or_nothing() -> None:
    engine = an_exchange()
    assert isinstance(engine.submit(a_buy("o1", "60", "115.3846", kind="FOK"), NOW), Placed)
    assert engine.account_balance("alice", UP) == 115_384_600
    killed = engine.submit(a_buy("o2", "530", "1000", kind="FOK"), NOW)
    assert words(killed) == "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert engine.levels(UP)[1][-1] == (530_000, 100 * E6)
    order = engine.order("o2")
    assert order is not None
    assert order.status.startswith("CANCELED_order couldn't")


def test_fak_takes_what_is_there_and_kills_the_rest() -> None:
    engine = an_exchange()
    result = engine.submit(a_buy("o1", "100", "196.0784"), NOW)  # limit 0.51, only 100 shares there
    assert isinstance(result, Placed)
    assert (result.status, result.taking_e6) == ("matched", 100 * E6)
    again = engine.submit(a_buy("o2", "5", "9.8039"), NOW)
    assert words(again).startswith("no orders found to match with FAK order.")
    assert engine.open_orders("alice") == []


def test_a_market_buy_may_spend_its_whole_dollars_when_the_switch_says_so() -> None:
    engine = VenueEngine(Switches(market_buy_exceeds=True))
    engine.list_market(a_market())
    engine.grant("alice", 100 * E6, NOW)
    engine.set_levels(CID, (), ((500_000, 100 * E6),), NOW)
    result = engine.submit(a_buy("o1", "5", "9.0909"), NOW)
    assert isinstance(result, Placed)
    assert result.taking_e6 == 10 * E6


# --- the venue's words


def test_the_venue_refuses_in_its_own_words() -> None:
    engine = an_exchange()

    def say(order: NewOrder) -> str:
        return words(engine.submit(order, NOW))

    assert say(a_buy("x", "2.6", "5", token="999")) == "the market is not yet ready to process new orders"
    assert say(a_buy("x", "0", "5")) == "Invalid order payload"
    assert say(a_buy("x", "2.6", "5", post_only=True)) == "Invalid order payload"
    assert say(a_buy("x", "5.001", "10")) == (
        "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals,"
        " taker amount a max of 4 decimals"
    )
    assert say(a_buy("x", "5", "9.80391")).startswith("invalid amounts, the market buy orders")
    assert say(a_buy("x", "5.15", "10", kind="GTC")) == (
        "order x is invalid. Price (0.515) breaks minimum tick size rule: 0.01"
    )
    assert say(a_buy("x", "0.5616", "1.08", kind="GTC")) == "order x is invalid. Size (1.08) lower than the minimum: 5"
    assert say(a_buy("x", "5", "10", kind="GTC", expiration_s=5)) == "invalid expiration"
    assert say(a_buy("x", "5.1", "10", kind="GTC", post_only=True)) == "invalid post-only order: order crosses book"
    assert say(a_buy("x", "1100", "2156.8627", kind="FAK")) == (
        "not enough balance / allowance: the balance is not enough -> balance: 1000000000, order amount: 1137730000"
    )
    assert say(a_sell("x", "10", "4.9")) == (
        "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 10000000"
    )
    assert engine.order("x") is None


def test_a_refused_order_may_be_sent_again_and_an_accepted_one_may_not() -> None:
    engine = an_exchange()
    assert isinstance(engine.submit(a_buy("o1", "5", "10", kind="GTC"), NOW), Placed)
    assert words(engine.submit(a_buy("o1", "5", "10", kind="GTC"), NOW)) == "order o1 is invalid. Duplicated."


@pytest.mark.parametrize(
    ("usd", "shares", "ok"), [("0.99", "1.9411", False), ("1", "1.9607", True), ("1.01", "1.98", True)]
)
def test_a_marketable_buy_is_at_least_one_dollar(usd: str, shares: str, ok: bool) -> None:
    result = an_exchange().submit(a_buy("o1", usd, shares), NOW)
    if ok:
        assert isinstance(result, Placed)
    else:
        assert words(result) == "invalid amount for a marketable BUY order ($0.99), min size: $1"


@pytest.mark.parametrize(("shares", "ok"), [("4.99", False), ("5", True), ("5.01", True)])
def test_a_resting_order_is_at_least_five_shares(shares: str, ok: bool) -> None:
    usd = str(Decimal(shares) * Decimal("0.40"))
    assert isinstance(an_exchange().submit(a_buy("o1", usd, shares, kind="GTC"), NOW), Placed) is ok


@pytest.mark.parametrize(("cash_e6", "ok"), [(5_171_500 - 1, False), (5_171_500, True), (5_171_501, True)])
def test_a_taker_needs_its_stake_and_the_dearest_fee(cash_e6: int, ok: bool) -> None:
    engine = an_exchange()
    engine.grant("carol", cash_e6, NOW)
    # $5 at a limit of 0.51: 9.8 shares would cost 4.998; the fee at 0.51 on 9.8039 shares is 0.17150
    result = engine.submit(a_buy("o1", "5", "9.8039", owner="carol"), NOW)
    assert isinstance(result, Placed) is ok
    assert engine.account_balance("carol") >= 0


def test_open_orders_set_money_aside() -> None:
    engine = an_exchange()
    assert isinstance(engine.submit(a_buy("o1", "960", "2000", kind="GTC"), NOW), Placed)
    assert words(engine.submit(a_buy("o2", "48", "100", kind="GTC"), NOW)).endswith(
        "balance: 40000000, order amount: 48000000"
    )
    engine.cancel("alice", ["o1"], NOW)
    assert isinstance(engine.submit(a_buy("o3", "48", "100", kind="GTC"), NOW), Placed)


# --- the taker delay


def test_a_marketable_order_is_held_and_sees_the_book_of_its_release() -> None:
    engine = an_exchange(taker_delay_ns=150_000_000)
    held = engine.submit(a_buy("o1", "5", "9.4339"), NOW)
    assert held == Held("o1", NOW + 150_000_000)
    assert engine.cancel("alice", ["o1"], NOW).not_canceled == {"o1": "order is held for the taker delay"}
    assert words(engine.submit(a_buy("o1", "5", "9.4339"), NOW)) == "order o1 is invalid. Duplicated."
    engine.set_levels(CID, ((490_000, E6),), ((520_000, 100 * E6),), NOW + 100)
    result = engine.release("o1", NOW + 150_000_000)
    assert isinstance(result, Placed)
    assert engine.trades("alice")[0].price_e6 == 520_000
    assert isinstance(engine.release("o1", NOW + 150_000_001), Rejected)


def test_a_held_order_is_killed_when_the_price_ran_away() -> None:
    engine = an_exchange(taker_delay_ns=150_000_000)
    engine.submit(a_buy("o1", "5", "9.8039"), NOW)
    engine.set_levels(CID, ((590_000, E6),), ((600_000, 100 * E6),), NOW + 100)
    assert words(engine.release("o1", NOW + 150_000_000)).startswith("no orders found to match with FAK order.")
    assert engine.account_balance("alice") == 1_000 * E6
    assert engine.state.balances.accounts["alice"].reserved_e6 == {}


def test_resting_and_post_only_orders_are_not_delayed() -> None:
    engine = an_exchange(taker_delay_ns=150_000_000)
    assert isinstance(engine.submit(a_buy("o1", "5", "10", kind="GTC", post_only=True), NOW), Placed)


# --- cancel, expiry, end


def test_cancels_name_why_an_order_is_not_cancelled() -> None:
    engine = an_exchange()
    engine.submit(a_buy("o1", "5", "10", kind="GTC"), NOW)
    engine.submit(a_buy("o2", "5", "9.8039"), NOW)
    engine.submit(a_buy("o3", "4.8", "10", owner="bob", kind="GTC"), NOW)
    answer = engine.cancel("alice", ["o1", "o2", "o3", "o4"], NOW)
    assert answer.canceled == ("o1",)
    assert answer.not_canceled == {
        "o2": "already canceled or matched",
        "o3": "order not found",
        "o4": "order not found",
    }
    assert engine.cancel_all("bob", NOW, condition_id="0xother").canceled == ()
    assert engine.cancel_all("bob", NOW, token=UP).canceled == ("o3",)


def test_gtd_dies_one_minute_before_its_stated_second() -> None:
    engine = an_exchange()
    now_s = NOW // S
    early = a_buy("o1", "5", "10", kind="GTD", expiration_s=now_s + 179)
    assert words(engine.submit(early, NOW)) == "invalid expiration"
    engine.submit(a_buy("o2", "5", "10", kind="GTD", expiration_s=now_s + 180), NOW)
    engine.due(NOW + 120 * S - 1)
    assert len(engine.open_orders("alice")) == 1
    engine.due(NOW + 120 * S)
    order = engine.order("o2")
    assert order is not None
    assert order.status == "CANCELED_EXPIRED_ORDER"


@pytest.mark.parametrize(("winner", "paid"), [("UP", 10_000_000), ("DOWN", 0), ("SPLIT", 5_000_000)])
def test_resolution_cancels_orders_and_pays_winners(winner: Winner, paid: int) -> None:
    engine = an_exchange()
    engine.submit(a_buy("o1", "5.1", "10"), NOW)
    engine.submit(a_buy("o2", "4", "10", kind="GTC"), NOW)
    before = engine.account_balance("alice")
    assert engine.resolve(CID, winner, NOW + 300 * S) == {"alice": paid}
    assert engine.resolve(CID, winner, NOW + 301 * S) == {}
    assert engine.account_balance("alice") == before + paid
    order = engine.order("o2")
    assert order is not None
    assert order.status == "CANCELED_MARKET_RESOLVED"
    assert engine.levels(UP) == ((), ())
    assert engine.total_e6() == engine.granted_e6()
    assert any(isinstance(e, MarketEnded) for e in engine.take_events())
    assert words(engine.submit(a_buy("o3", "5", "10"), NOW)) == "the market is not yet ready to process new orders"


def test_trades_are_mined_and_confirmed_at_times_of_their_own() -> None:
    engine = an_exchange()
    engine.submit(a_buy("o1", "5", "9.8039"), NOW)
    trade = engine.trades("alice")[0]
    assert 2 * S <= trade.mined_ns - NOW <= 4 * S
    assert 2 * S <= trade.confirmed_ns - trade.mined_ns <= 10 * S
    assert words(engine.submit(a_sell("o2", "9.8", "4.802"), NOW + 1)).startswith("not enough balance")
    engine.due(trade.mined_ns - 1)
    assert engine.trades("alice")[0].status == "MATCHED"
    engine.due(trade.mined_ns)
    assert engine.trades("alice")[0].status == "MINED"
    engine.due(trade.confirmed_ns)
    assert engine.trades("alice")[0].status == "CONFIRMED"
    assert isinstance(engine.submit(a_sell("o3", "9.8", "4.802"), trade.confirmed_ns), Placed)


@pytest.mark.parametrize(("bid_e6", "changes"), [(950_000, False), (960_000, False), (970_000, True)])
def test_the_grid_gets_finer_above_96_cents(bid_e6: int, changes: bool) -> None:
    engine = an_exchange()
    engine.set_levels(CID, ((bid_e6, E6),), ((bid_e6 + 10_000, E6),), NOW)
    assert any(isinstance(e, TickChanged) for e in engine.take_events()) is changes
    engine.set_levels(CID, ((500_000, E6),), ((510_000, E6),), NOW)
    market = engine.market(CID)
    assert market is not None
    assert market.tick_e6 == (1_000 if changes else 10_000)  # sticky


def test_the_grid_gets_finer_below_4_cents() -> None:
    engine = an_exchange()
    engine.set_levels(CID, ((20_000, E6),), ((30_000, E6),), NOW)
    assert any(isinstance(e, TickChanged) for e in engine.take_events())
    result = engine.submit(a_buy("o1", "0.15", "10", kind="GTC"), NOW)  # 0.015 is on the finer grid
    assert isinstance(result, Placed)


# --- events and rows


def test_every_change_is_told() -> None:
    engine = an_exchange()
    engine.submit(a_buy("o1", "5", "9.8039"), NOW)
    events = engine.take_events()
    assert [type(e) for e in events if isinstance(e, OrderChanged | TradeChanged | BookChanged)] == [
        TradeChanged,
        OrderChanged,
        BookChanged,
    ]
    book = next(e for e in events if isinstance(e, BookChanged))
    assert book.changes == (("ASK", 510_000, 100 * E6 - 9_803_900),)
    assert (book.best_bid_e6, book.best_ask_e6) == (490_000, 510_000)
    assert engine.take_events() == []


def test_a_ladder_costs_only_what_differs() -> None:
    engine = an_exchange()
    asks = ((510_000, 100 * E6), (520_000, 100 * E6), (530_000, 100 * E6))
    engine.set_levels(CID, ((490_000, 100 * E6), (480_000, 70 * E6)), asks, NOW)
    (event,) = engine.take_events()
    assert isinstance(event, BookChanged)
    assert event.changes == (("BID", 470_000, 0), ("BID", 480_000, 70 * E6))


def test_an_exchange_comes_back_from_its_rows() -> None:
    engine = an_exchange()
    engine.submit(a_buy("o1", "5", "9.8039"), NOW)
    engine.submit(a_buy("o2", "5", "10", kind="GTC"), NOW)
    kept = {(table, key): data for table, key, data in engine.take_changed_rows()}
    engine.due(NOW + 3 * S)
    engine.submit(a_buy("o3", "4", "10", owner="bob", kind="GTC"), NOW + 3 * S)
    kept |= {(table, key): data for table, key, data in engine.take_changed_rows()}
    back = VenueEngine()
    back.restore([(table, key, data) for (table, key), data in kept.items()])
    assert back.trades("alice") == engine.trades("alice")
    assert back.open_orders("alice") == engine.open_orders("alice")
    assert back.account_balance("alice") == engine.account_balance("alice")
    assert back.total_e6() == engine.total_e6()
    assert back.levels(UP)[0] == ((500_000, 10 * E6), (400_000, 10 * E6))
    assert words(back.submit(a_buy("o1", "5", "9.8039"), NOW)) == "order o1 is invalid. Duplicated."
    assert back.wipe(NOW + 5 * S) == 2
    assert back.levels(UP) == ((), ())
    assert back.state.balances.accounts["alice"].reserved_e6 == {}


def test_no_fill_is_ever_a_fraction_of_a_millionth() -> None:
    for price in range(1_000, 1_000_000, 1_000):
        assert grain_e6(price) * price % E6 == 0
        assert 10_000 % grain_e6(price) == 0


# --- money that leaves


def test_orders_that_money_no_longer_covers_are_cancelled_newest_first() -> None:
    engine = an_exchange()
    for n in range(3):
        placed = engine.submit(a_buy(f"o{n}", "300", "1000", kind="GTC"), NOW + n)
        assert isinstance(placed, Placed), placed
    engine.take_events()
    assert engine.withdraw("alice", 350 * E6, NOW + 9) == 350 * E6
    orders = [engine.order(f"o{n}") for n in range(3)]
    assert [o and o.status for o in orders] == ["LIVE", "LIVE", "CANCELED_NOT_ENOUGH_BALANCE"]
    (gone,) = [e for e in engine.take_events() if isinstance(e, OrderChanged)]
    assert (gone.kind, gone.order.order_id, gone.order.status) == ("CANCELLATION", "o2", "CANCELED_NOT_ENOUGH_BALANCE")
    assert engine.withdraw("alice", 50 * E6, NOW + 10) == 50 * E6, "covered to the cent"
    second = engine.order("o1")
    assert second is not None and second.is_open
    assert engine.withdraw("alice", 10_000 * E6, NOW + 11) == 600 * E6, "no more than there is"
    assert not engine.open_orders("alice")
    assert engine.total_e6() == engine.state.balances.granted_e6
