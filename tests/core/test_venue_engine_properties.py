"""What must hold whatever is sent: nothing is lost or made, nobody owes, the book never crosses, time decides a tie."""

import copy
import itertools
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from polybot.sim.venue import (
    Held,
    Market,
    NewOrder,
    OrderChanged,
    Placed,
    Rejected,
    Switches,
    TradeChanged,
    VenueEngine,
)

E6 = 1_000_000
S = 1_000_000_000
NOW = 1_795_132_800 * S
CID, UP, DOWN = "0xc1", "111", "222"
WALLETS = ("alice", "bob", "carol")

cents = st.integers(3, 97)
orders = st.fixed_dictionaries(
    {
        "do": st.just("order"),
        "owner": st.sampled_from(WALLETS),
        "token": st.sampled_from((UP, DOWN)),
        "side": st.sampled_from(("BUY", "BUY", "SELL")),
        "kind": st.sampled_from(("GTC", "GTC", "FAK", "FOK")),
        "price": cents,
        "hundredths": st.integers(1, 6_000),
        "post_only": st.sampled_from((False, False, True)),
    }
)
ladders = st.fixed_dictionaries(
    {"do": st.just("ladder"), "bid": st.integers(2, 96), "gap": st.integers(1, 4), "size": st.integers(0, 3_000)}
)
takes = st.fixed_dictionaries(
    {
        "do": st.just("take"),
        "token": st.sampled_from((UP, DOWN)),
        "side": st.sampled_from(("BUY", "SELL")),
        "price": cents,
        "size": st.integers(1, 5_000),
    }
)
waits = st.fixed_dictionaries({"do": st.just("wait"), "s": st.integers(0, 8)})
cancels = st.fixed_dictionaries({"do": st.just("cancel"), "owner": st.sampled_from(WALLETS)})
steps = st.lists(st.one_of(orders, orders, orders, ladders, takes, waits, cancels), max_size=40)


def an_exchange(delay_ns: int, fails: tuple[bool, ...] = (False,), **switches: Any) -> VenueEngine:
    """fails: what becomes of wallets' trades on the chain, over and over."""
    engine = VenueEngine(Switches(**switches))
    turn = itertools.cycle(fails)
    engine.set_fate(lambda _trade_id: "FAIL" if next(turn) else "CONFIRM")
    engine.list_market(Market(CID, "slug", UP, DOWN, NOW // S, NOW // S + 300, taker_delay_ns=delay_ns))
    for wallet in WALLETS:
        engine.grant(wallet, 40 * E6, NOW)
    return engine


def an_order(order_id: str, step: dict[str, Any]) -> NewOrder:
    shares, price = step["hundredths"] * 10_000, step["price"] * 10_000
    usd = shares * price // E6
    if step["side"] == "BUY" and step["kind"] in ("FAK", "FOK"):
        usd = usd // 10_000 * 10_000
        shares = usd * E6 // price // 100 * 100
    maker, taker = (usd, shares) if step["side"] == "BUY" else (shares, usd)
    return NewOrder(
        order_id, step["owner"], step["token"], step["side"], maker, taker, step["kind"], step.get("post_only", False)
    )


def seen(engine: VenueEngine) -> Any:
    """All that an order may change, except that it is known by its id."""
    accounts = [replace(a, positions=dict(a.positions)) for a in engine.state.balances.accounts.values() if a.cash_e6]
    return copy.deepcopy(accounts), engine.levels(UP), list(engine.state.open), len(engine.state.trades)


def carry_out(engine: VenueEngine, step: dict[str, Any], n: int, now: int) -> None:
    match step["do"]:
        case "order":
            order = an_order(f"o{n}", step)
            before = seen(engine)
            result = engine.submit(order, now)
            if isinstance(result, Rejected):
                assert seen(engine) == before, "a refusal changes nothing"
            if isinstance(result, Placed) and order.post_only:
                assert result.trade_ids == (), "post-only never takes"
            if isinstance(result, Held):
                engine.take(CID, UP, "BUY", 7 * E6, 990_000, now)  # somebody was faster
                result = engine.release(order.order_id, result.until_ns)
            if order.kind == "FOK" and isinstance(result, Placed):
                got = result.taking_e6 if order.side == "BUY" else result.making_e6
                wanted = order.taker_e6 if order.side == "BUY" else order.maker_e6
                spent = order.side == "BUY" and order.maker_e6 - result.making_e6 < 10_000
                assert wanted - got < 1_000 or spent
            if isinstance(result, Rejected) and not result.stored:
                assert engine.order(order.order_id) is None
        case "ladder":
            bid, ask, size = step["bid"] * 10_000, (step["bid"] + step["gap"]) * 10_000, step["size"] * 10_000
            engine.set_levels(CID, ((bid, size),) if size else (), ((ask, size),) if size else (), now)
        case "take":
            engine.take(CID, step["token"], step["side"], step["size"] * 10_000, step["price"] * 10_000, now)
        case "cancel":
            engine.cancel_all(step["owner"], now)


def check(engine: VenueEngine) -> None:
    assert engine.total_e6() == engine.granted_e6() == 120 * E6
    market = engine.market(CID)
    assert market is not None
    for token in (UP, DOWN):
        held = sum(a.positions.get(token, 0) for a in engine.state.balances.accounts.values())
        assert held == market.pool_e6
    for account in engine.state.balances.accounts.values():
        if account.address in WALLETS:
            for asset in ("pUSD", UP, DOWN):
                assert account.available_e6(asset) >= 0, "what is promised or unconfirmed is there"
                assert account.reserved_e6.get(asset, 0) >= 0
    bid, ask = engine.best(CID)
    assert bid is None or ask is None or bid < ask
    for bids_or_asks in engine.levels(UP):
        assert all(size > 0 for _, size in bids_or_asks)


@settings(max_examples=150, deadline=None)
@given(
    steps=steps,
    delay_ns=st.sampled_from((0, 150_000_000)),
    winner=st.sampled_from(("UP", "DOWN", "SPLIT")),
    fails=st.lists(st.booleans(), min_size=1, max_size=6).map(tuple),
    market_exceeds=st.booleans(),
    limit_exceeds=st.booleans(),
    fee_on_whole=st.booleans(),
)
def test_money_and_shares_are_conserved_and_nobody_owes(
    steps: list[dict[str, Any]],
    delay_ns: int,
    winner: Any,
    fails: tuple[bool, ...],
    market_exceeds: bool,
    limit_exceeds: bool,
    fee_on_whole: bool,
) -> None:
    engine = an_exchange(
        delay_ns,
        fails,
        market_buy_exceeds=market_exceeds,
        limit_buy_exceeds=limit_exceeds,
        fee_on_whole_order=fee_on_whole,
    )
    now = NOW
    rows = {(table, key): data for table, key, data in engine.take_changed_rows()}
    for n, step in enumerate(steps):
        now += S * step["s"] if step["do"] == "wait" else 200_000_000
        engine.due(now)
        carry_out(engine, step, n, now)
        check(engine)
        rows |= {(table, key): data for table, key, data in engine.take_changed_rows()}
    restored = VenueEngine()
    restored.restore([(table, key, data) for (table, key), data in rows.items()])
    assert restored.total_e6() == engine.total_e6()
    for wallet in WALLETS:
        assert restored.open_orders(wallet) == engine.open_orders(wallet)
        assert restored.trades(wallet) == engine.trades(wallet)
    engine.resolve(CID, winner, now)
    assert engine.total_e6() == 120 * E6
    assert sum(a.cash_e6 for a in engine.state.balances.accounts.values()) == 120 * E6
    for wallet in WALLETS:
        assert engine.open_orders(wallet) == []


@settings(max_examples=80, deadline=None)
@given(
    queue=st.lists(st.tuples(st.sampled_from(WALLETS), st.integers(40, 50), st.integers(500, 1_500)), max_size=6),
    size=st.integers(100, 6_000),
)
def test_better_prices_first_then_earlier_orders(queue: list[tuple[str, int, int]], size: int) -> None:
    engine = an_exchange(0)
    placed: list[tuple[int, int, str]] = []
    for n, (owner, cent, hundredths) in enumerate(queue):
        step = {"owner": owner, "token": UP, "side": "BUY", "kind": "GTC", "price": cent, "hundredths": hundredths}
        if isinstance(engine.submit(an_order(f"o{n}", step), NOW + n), Placed):
            placed.append((-cent, n, f"o{n}"))
    engine.take_events()
    engine.take(CID, UP, "SELL", size * 10_000, 10_000, NOW + 99)
    filled = [e.order.order_id for e in engine.take_events() if isinstance(e, OrderChanged)]
    assert filled == [order_id for _, _, order_id in sorted(placed)][: len(filled)]
    for order_id in filled[:-1]:
        order = engine.order(order_id)
        assert order is not None
        assert order.status == "MATCHED"


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_the_same_orders_make_the_same_trades(steps: list[dict[str, Any]]) -> None:
    told = []
    for _ in range(2):
        engine = an_exchange(0)
        for n, step in enumerate(steps):
            carry_out(engine, step, n, NOW + n * S)
        told.append([e for e in engine.take_events() if isinstance(e, TradeChanged)])
    assert told[0] == told[1]


@settings(max_examples=80, deadline=None)
@given(
    steps=steps,
    fails=st.lists(st.booleans(), min_size=1, max_size=6).map(tuple),
    said=st.sampled_from(("UP", "DOWN", "SPLIT")),
    truth=st.sampled_from(("UP", "DOWN", "SPLIT")),
    by_redeem=st.booleans(),
)
def test_whoever_is_paid_and_whenever_the_pool_is_worth_what_is_outstanding(
    steps: list[dict[str, Any]], fails: tuple[bool, ...], said: Any, truth: Any, by_redeem: bool
) -> None:
    engine = an_exchange(0, fails, payout_by_redeem=by_redeem)
    for n, step in enumerate(steps):
        carry_out(engine, step, n, NOW + n * S)
    engine.resolve(CID, said, NOW + 300 * S, is_final=False)
    engine.correct(CID, truth, NOW + 360 * S)
    engine.due(NOW + 400 * S)
    market = engine.market(CID)
    assert market is not None
    for wallet in (*WALLETS, "house", "crowd"):
        engine.redeem(wallet, CID, NOW + 400 * S)
        assert engine.total_e6() == 120 * E6
        assert wallet not in WALLETS or engine.account_balance(wallet) >= 0
    assert 0 <= market.pool_e6 <= 5, "odd half millionths of a split at most"


@settings(max_examples=80, deadline=None)
@given(steps=steps)
def test_when_every_trade_fails_nobody_has_won_or_lost_a_millionth(steps: list[dict[str, Any]]) -> None:
    engine = an_exchange(0, (True,))
    for n, step in enumerate(steps):
        carry_out(engine, step, n, NOW + n * S)
    engine.due(NOW + 400 * S)
    for wallet in WALLETS:
        assert engine.account_balance(wallet) == 40 * E6
        assert (engine.account_balance(wallet, UP), engine.account_balance(wallet, DOWN)) == (0, 0)
