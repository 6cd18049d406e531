"""Ends of trades and markets: the chain refuses, the market resolves, is corrected, is redeemed. And each switch, both ways."""

from typing import Any

import pytest

from polybot.sim.venue import Market, NewOrder, Placed, Rejected, Switches, TradeChanged, VenueEngine

E6 = 1_000_000
S = 1_000_000_000
NOW = 1_795_132_800 * S
CID, UP, DOWN = "0xc1", "111", "222"
START = 1_000 * E6


def an_exchange(**switches: Any) -> VenueEngine:
    engine = VenueEngine(Switches(**switches))
    engine.list_market(Market(CID, "slug", UP, DOWN, NOW // S, NOW // S + 300, taker_delay_ns=0))
    for wallet in ("alice", "bob"):
        engine.grant(wallet, START, NOW)
    engine.set_levels(CID, ((490_000, 100 * E6),), ((510_000, 100 * E6),), NOW)
    return engine


def buys(engine: VenueEngine, owner: str, order_id: str, token: str, cents: int, shares: int, kind: Any = "GTC") -> Any:
    return engine.submit(NewOrder(order_id, owner, token, "BUY", shares * cents * 10_000, shares * E6, kind), NOW)


def sells(engine: VenueEngine, owner: str, order_id: str, token: str, cents: int, shares: int) -> Any:
    return engine.submit(NewOrder(order_id, owner, token, "SELL", shares * E6, shares * cents * 10_000), NOW)


def conserved(engine: VenueEngine) -> bool:
    held = {t: sum(a.positions.get(t, 0) for a in engine.state.balances.accounts.values()) for t in (UP, DOWN)}
    market = engine.market(CID)
    assert market is not None
    return engine.total_e6() == engine.granted_e6() and held[UP] == held[DOWN] == market.pool_e6


def failing(engine: VenueEngine, *numbers: int) -> None:
    """The n-th trades of wallets fail."""
    count = iter(range(1, 1000))
    engine.set_fate(lambda _id: "FAIL" if next(count) in numbers else "CONFIRM")


# --- what the chain refuses


@pytest.mark.parametrize("partner", ["normal", "mint", "world"])
def test_a_failed_trade_never_happened(partner: str) -> None:
    engine = an_exchange()
    if partner == "mint":
        assert isinstance(buys(engine, "bob", "b", DOWN, 50, 10), Placed)
    if partner == "normal":
        buys(engine, "bob", "b0", UP, 51, 10)
        engine.due(NOW + 60 * S)
        assert isinstance(sells(engine, "bob", "b", UP, 50, 10), Placed)
    before = {w: (engine.account_balance(w), engine.account_balance(w, UP)) for w in ("alice", "bob")}
    fees = engine.account_balance("fees")
    failing(engine, 1)
    assert isinstance(buys(engine, "alice", "a", UP, 52, 10), Placed)
    assert engine.account_balance("alice", UP) == 10 * E6
    engine.take_events()
    engine.due(NOW + 120 * S)
    told = [e.trade.status for e in engine.take_events() if isinstance(e, TradeChanged)]
    assert told == ["RETRYING", "FAILED"]
    assert {w: (engine.account_balance(w), engine.account_balance(w, UP)) for w in ("alice", "bob")} == before
    assert engine.account_balance("fees") == fees
    assert conserved(engine)
    order = engine.order("a")
    assert order is not None
    assert order.filled_e6 == 10 * E6, "the ghost stays in the order; the trade tells the truth"


def test_what_is_not_confirmed_can_neither_be_sold_nor_spent() -> None:
    engine = an_exchange()
    buys(engine, "alice", "a", UP, 51, 10)
    assert isinstance(sells(engine, "alice", "s", UP, 49, 10), Rejected)
    engine.due(NOW + 60 * S)
    assert isinstance(sells(engine, "alice", "s2", UP, 49, 10), Placed)
    account = engine.state.balances.accounts["alice"]
    proceeds = 4_900_000 - 174_930
    assert account.cash_e6 - account.available_e6("pUSD") == proceeds
    engine.due(NOW + 120 * S)
    assert account.cash_e6 == account.available_e6("pUSD")


def test_what_will_fail_has_failed_before_its_market_is_paid() -> None:
    engine = an_exchange()
    failing(engine, 1)
    buys(engine, "alice", "a", UP, 51, 10)
    assert engine.resolve(CID, "UP", NOW + S) == {}
    assert engine.account_balance("alice") == START
    engine.due(NOW + 60 * S)
    assert engine.trades("alice")[0].status == "FAILED"
    assert engine.account_balance("alice") == START
    assert conserved(engine)


def test_fates_and_half_corrected_markets_survive_a_restart() -> None:
    engine = an_exchange()
    failing(engine, 1)
    buys(engine, "alice", "a", UP, 51, 10)
    rows = list(engine.take_changed_rows())
    again = VenueEngine()
    again.restore(rows)
    again.due(NOW + 60 * S)
    assert again.account_balance("alice") == START
    engine = an_exchange()
    buys(engine, "alice", "a", UP, 51, 10)
    engine.due(NOW + 60 * S)
    engine.resolve(CID, "DOWN", NOW + 300 * S, is_final=False)
    again = VenueEngine()
    again.restore(engine.take_changed_rows())
    assert again.correct(CID, "UP", NOW + 400 * S) == {"alice": 10 * E6}
    assert again.total_e6() == again.granted_e6()


# --- the end of a market


@pytest.mark.parametrize(
    ("said", "truth"), [("UP", "DOWN"), ("DOWN", "UP"), ("UP", "SPLIT"), ("SPLIT", "UP"), ("UP", "UP")]
)
def test_a_correction_leaves_everyone_as_if_it_had_been_said_at_once(said: Any, truth: Any) -> None:
    ends = []
    for wrong_first in (True, False):
        engine = an_exchange()
        buys(engine, "alice", "a", UP, 51, 11)
        buys(engine, "bob", "b", DOWN, 51, 7)
        engine.due(NOW + 60 * S)
        engine.resolve(CID, said if wrong_first else truth, NOW + 300 * S, is_final=not wrong_first)
        engine.correct(CID, truth, NOW + 360 * S)
        assert engine.total_e6() == engine.granted_e6()
        ends.append([engine.account_balance(w) for w in ("alice", "bob", "house")])
    assert ends[0] == ends[1]
    assert engine.correct(CID, "UP", NOW + 400 * S) == {}


def test_who_has_spent_a_wrong_payout_gives_back_what_is_left_and_owes_nothing() -> None:
    engine = an_exchange()
    buys(engine, "alice", "a", UP, 51, 11)
    engine.due(NOW + 60 * S)
    engine.resolve(CID, "UP", NOW + 300 * S, is_final=False)
    account = engine.state.balances.accounts["alice"]
    account.reserved_e6["pUSD"] = account.cash_e6 - 3 * E6  # an order elsewhere holds nearly all
    assert engine.correct(CID, "DOWN", NOW + 360 * S) == {"alice": -3 * E6}
    assert account.available_e6("pUSD") == 0
    assert engine.total_e6() == engine.granted_e6()


def test_a_split_pays_half_each() -> None:
    engine = an_exchange()
    buys(engine, "alice", "a", UP, 51, 11)
    engine.due(NOW + 60 * S)
    assert engine.resolve(CID, "SPLIT", NOW + 300 * S) == {"alice": 5_500_000}


def test_winners_redeem_once_when_the_switch_says_so() -> None:
    engine = an_exchange(payout_by_redeem=True)
    buys(engine, "alice", "a", UP, 51, 11)
    buys(engine, "bob", "b", DOWN, 51, 7)
    engine.due(NOW + 60 * S)
    assert engine.redeem("alice", CID, NOW + 299 * S) is None, "not before there is a word"
    assert engine.resolve(CID, "UP", NOW + 300 * S) == {}
    cash = engine.account_balance("alice")
    assert engine.account_balance("alice", UP) == 11 * E6, "the capital is locked in the shares"
    assert engine.redeem("alice", CID, NOW + 310 * S) == 11 * E6
    assert engine.redeem("alice", CID, NOW + 311 * S) == 0
    assert engine.account_balance("alice") == cash + 11 * E6
    assert engine.redeem("bob", CID, NOW + 312 * S) == 0, "losers pay nothing, and are gone"
    assert engine.account_balance("bob", DOWN) == 0
    assert engine.total_e6() == engine.granted_e6()


def test_an_announced_winner_cannot_be_redeemed_before_the_final_word() -> None:
    engine = an_exchange(payout_by_redeem=True)
    buys(engine, "alice", "a", UP, 51, 11)
    engine.due(NOW + 60 * S)
    engine.resolve(CID, "DOWN", NOW + 300 * S, is_final=False)
    assert engine.redeem("alice", CID, NOW + 310 * S) is None
    engine.correct(CID, "UP", NOW + 360 * S)
    assert engine.redeem("alice", CID, NOW + 370 * S) == 11 * E6


# --- switches


def test_a_limit_buy_stops_at_its_shares_or_spends_its_dollars() -> None:
    for exceeds, got in ((False, 10 * E6), (True, 99 * E6 // 10 * E6 // 510_000)):
        engine = an_exchange(limit_buy_exceeds=exceeds)
        result = buys(engine, "alice", "a", UP, 99, 10)
        assert isinstance(result, Placed)
        assert abs(result.taking_e6 - got) < 100
        assert engine.account_balance("alice") >= 0


def test_the_fee_may_be_rounded_once_over_the_whole_order() -> None:
    paid = {}
    for whole in (False, True):
        engine = an_exchange(fee_on_whole_order=whole)
        engine.set_levels(CID, (), tuple((510_000 + i * 10_000, 1_010_000) for i in range(9)), NOW)
        buys(engine, "alice", "a", UP, 60, 9)
        order = engine.order("a")
        assert order is not None
        paid[whole] = order.fee_e6
        assert engine.account_balance("alice") == START - order.usd_e6 - order.fee_e6
    exact = sum(1.01 * 0.07 * p * (1 - p) for p in (0.51 + i / 100 for i in range(8)))
    last = 0.59
    exact += (9 - 8 * 1.01) * 0.07 * last * (1 - last)
    assert paid[True] == round(exact * 10**5) * 10
    assert abs(paid[True] - paid[False]) <= 50


def test_the_dollar_may_be_reached_with_the_fee() -> None:
    for counts, wanted in ((False, Rejected), (True, Placed)):
        engine = an_exchange(minimum_counts_fee=counts)
        order = NewOrder("a", "alice", UP, "BUY", 990_000, 1_903_800, "FAK")
        assert isinstance(engine.submit(order, NOW), wanted)


def test_the_smallest_order_is_in_shares_or_in_dollars() -> None:
    for in_usd, small, large in ((False, 4, 5), (True, 12, 13)):
        engine = an_exchange(minimum_size_in_usd=in_usd)
        assert isinstance(buys(engine, "alice", "a", UP, 40, small), Rejected)
        assert isinstance(buys(engine, "alice", "b", UP, 40, large), Placed)


def test_the_grid_gets_finer_for_good_or_comes_back() -> None:
    for reverts in (False, True):
        engine = an_exchange(tick_reverts=reverts)
        market = engine.market(CID)
        assert market is not None
        engine.set_levels(CID, ((970_000, E6),), ((980_000, E6),), NOW)
        assert market.tick_e6 == 1_000
        engine.set_levels(CID, ((500_000, E6),), ((520_000, E6),), NOW)
        assert market.tick_e6 == (10_000 if reverts else 1_000)


@pytest.mark.parametrize(
    ("bid", "ask", "fine"),
    [(960_000, 980_000, False), (961_000, 980_000, True), (20_000, 40_000, False), (20_000, 39_000, True)],
)
def test_the_grid_changes_beyond_96_and_below_4_cents_not_at_them(bid: int, ask: int, fine: bool) -> None:
    engine = an_exchange()
    engine.set_levels(CID, ((bid, E6),), ((ask, E6),), NOW)
    market = engine.market(CID)
    assert market is not None
    assert (market.tick_e6 == 1_000) == fine
