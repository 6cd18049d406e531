"""The exchange in a mirror: real books, our orders; each rule of its docstring, and what must hold whatever is heard."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from polybot.sim.venue import Held, Market, NewOrder, Placed, Rejected, TickChanged, TradeChanged
from polybot.sim.venue.mirror import MirrorEngine
from polybot.sim.venue.types import BookSide, Side

E6 = 1_000_000
S = 1_000_000_000
NOW = 1_795_132_800 * S
CID, UP, DOWN = "0xc1", "111", "222"
BIDS = ((490_000, 100 * E6), (480_000, 100 * E6))
ASKS = ((510_000, 100 * E6), (520_000, 100 * E6))


def a_mirror(delay_ns: int = 0) -> MirrorEngine:
    engine = MirrorEngine()
    engine.list_market(Market(CID, "slug", UP, DOWN, 1_795_132_800, 1_795_133_100, taker_delay_ns=delay_ns))
    for who in ("alice", "bob"):
        engine.grant(who, 1_000_000 * E6, NOW)
    engine.replace(CID, BIDS, ASKS, NOW)
    engine.take_events()
    return engine


def an_order(order_id: str, shares: int, cents: int, **change: Any) -> NewOrder:
    """A BUY of Up, immediate unless it says otherwise."""
    fields: dict[str, Any] = {"owner": "alice", "token": UP, "side": "BUY", "kind": "FAK", **change}
    usd, size = shares * cents * 10_000, shares * E6
    maker, taker = (usd, size) if fields["side"] == "BUY" else (size, usd)
    return NewOrder(order_id=order_id, maker_e6=maker, taker_e6=taker, **fields)


def bought(engine: MirrorEngine, order_id: str, shares: int, cents: int, **change: Any) -> int:
    """Shares in millionths that an order got at once."""
    result = engine.submit(an_order(order_id, shares, cents, **change), NOW)
    return result.taking_e6 if isinstance(result, Placed) else 0


def resting(engine: MirrorEngine, order_id: str, shares: int, cents: int, **change: Any) -> None:
    result = engine.submit(an_order(order_id, shares, cents, kind="GTC", **change), NOW)
    assert isinstance(result, Placed) and result.status == "live", result


def filled(engine: MirrorEngine, order_id: str) -> int:
    order = engine.order(order_id)
    assert order is not None
    return order.filled_e6 // E6


# --- takers


def test_a_taker_walks_what_is_visible_and_pays_its_prices() -> None:
    engine = a_mirror()
    result = engine.submit(an_order("a", 150, 52), NOW)
    assert isinstance(result, Placed)
    assert (result.taking_e6, result.making_e6) == (150 * E6, 51 * E6 + 26 * E6)


def test_nobody_takes_what_another_has_taken() -> None:
    engine = a_mirror()
    assert bought(engine, "a", 80, 51) == 80 * E6
    assert bought(engine, "b", 80, 51, owner="bob") == 20 * E6
    assert bought(engine, "c", 10, 51, owner="bob") == 0
    assert bought(engine, "d", 10, 49, token=DOWN, side="SELL") == 0, "the same shares, seen from the other token"


def test_what_was_taken_stays_taken_while_the_real_size_only_falls_or_stays() -> None:
    engine = a_mirror()
    assert bought(engine, "a", 80, 51) == 80 * E6
    engine.show(CID, [("ASK", 510_000, 100 * E6)], NOW)
    assert engine.levels(UP)[1][0] == (510_000, 20 * E6)
    engine.show(CID, [("ASK", 510_000, 50 * E6)], NOW)
    assert engine.levels(UP)[1][0] == (520_000, 100 * E6), "80 of the 50 that stand there may be ours"


def test_what_rises_after_it_fell_is_new_and_no_more_than_that() -> None:
    engine = a_mirror()
    assert bought(engine, "a", 80, 51) == 80 * E6
    engine.show(CID, [("ASK", 510_000, 50 * E6)], NOW)
    engine.show(CID, [("ASK", 510_000, 90 * E6)], NOW)
    assert engine.levels(UP)[1][0] == (510_000, 40 * E6)
    engine.show(CID, [("ASK", 510_000, 0)], NOW)
    engine.show(CID, [("ASK", 510_000, 70 * E6)], NOW)
    assert engine.levels(UP)[1][0] == (510_000, 70 * E6), "the level was empty in between"


def test_a_gap_gives_nothing_back() -> None:
    engine = a_mirror()
    assert bought(engine, "a", 80, 51) == 80 * E6
    engine.replace(CID, BIDS, ASKS, NOW)
    assert engine.levels(UP)[1][0] == (510_000, 20 * E6)


def test_a_restart_forgets_nothing_that_was_taken() -> None:
    before = a_mirror()
    assert bought(before, "a", 80, 51) == 80 * E6
    assert bought(before, "b", 30, 51, token=DOWN) == 30 * E6  # of those who bid 0.49 for Up
    after = MirrorEngine()
    after.restore(before.take_changed_rows())
    after.recall(CID)
    after.replace(CID, BIDS, ASKS, NOW)
    assert after.levels(UP)[1][0] == (510_000, 20 * E6)
    assert after.levels(UP)[0][0] == (490_000, 70 * E6)
    after.show(CID, [("ASK", 510_000, 0)], NOW)
    after.show(CID, [("ASK", 510_000, 60 * E6)], NOW)
    assert after.levels(UP)[1][0] == (510_000, 60 * E6)


def test_the_book_counts_as_it_is_after_the_delay() -> None:
    engine = a_mirror(delay_ns=150_000_000)
    held = engine.submit(an_order("a", 50, 51), NOW)
    assert isinstance(held, Held)
    engine.show(CID, [("ASK", 510_000, 10 * E6)], NOW + 100_000_000)
    result = engine.release("a", held.until_ns)
    assert isinstance(result, Placed) and result.taking_e6 == 10 * E6


def test_a_held_order_over_a_book_that_was_lost_ends_in_words() -> None:
    engine = a_mirror(delay_ns=150_000_000)
    engine.submit(an_order("a", 50, 51), NOW)
    ended = engine.drop("a", "the book was lost", NOW + 1)
    assert ended == Rejected("a", "the book was lost", stored=True)
    assert engine.state.balances.account("alice").reserved_e6 == {}
    assert engine.submit(an_order("a", 50, 51), NOW) == Rejected("a", "order a is invalid. Duplicated.")


def test_wallets_never_trade_with_one_another() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 50)
    assert bought(engine, "b0", 20, 51, owner="bob") == 20 * E6
    engine.due(NOW + 20 * S)
    assert bought(engine, "b1", 10, 50, owner="bob", side="SELL") == 0
    assert filled(engine, "a") == 0
    result = engine.submit(an_order("b2", 10, 50, owner="bob", side="SELL", kind="GTC", post_only=True), NOW)
    assert isinstance(result, Placed), "there is no real bid at 0.50 that it would cross"


def test_post_only_meets_the_real_book() -> None:
    engine = a_mirror()
    result = engine.submit(an_order("a", 10, 51, kind="GTC", post_only=True), NOW)
    assert result == Rejected("a", "invalid post-only order: order crosses book")


# --- resting orders


def test_a_resting_order_waits_behind_all_that_was_visible() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 49)
    assert engine.ahead_e6("a") == 100 * E6
    assert engine.printed(CID, "BID", 490_000, 60 * E6, NOW) == 0
    assert engine.printed(CID, "BID", 490_000, 40 * E6, NOW) == 0
    assert engine.printed(CID, "BID", 490_000, 4 * E6, NOW) == 4 * E6
    assert engine.printed(CID, "BID", 490_000, 50 * E6, NOW) == 6 * E6
    order = engine.order("a")
    assert order is not None and order.status == "MATCHED"


def test_cancels_do_not_move_it_forward_and_newcomers_do_not_move_it_back() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 49)
    engine.show(CID, [("BID", 490_000, 0)], NOW)
    engine.show(CID, [("BID", 490_000, 500 * E6)], NOW)
    assert engine.ahead_e6("a") == 100 * E6
    engine.printed(CID, "BID", 490_000, 100 * E6, NOW)
    assert engine.ahead_e6("a") == 0


def test_only_the_side_that_was_hit_counts_at_its_price() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 50)  # alone at its price
    assert engine.ahead_e6("a") == 0
    assert engine.printed(CID, "ASK", 500_000, 50 * E6, NOW) == 0
    assert engine.printed(CID, "BID", 500_000, 3 * E6, NOW) == 3 * E6


def test_a_print_through_its_price_fills_it_whatever_stood_before_it() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 49)
    assert engine.printed(CID, "BID", 500_000, 50 * E6, NOW) == 0, "a better price for the seller than ours"
    assert engine.printed(CID, "BID", 480_000, 4 * E6, NOW) == 4 * E6
    assert engine.ahead_e6("a") == 0, "nobody can have been left at 0.49"
    trade = [e.trade for e in engine.take_events() if isinstance(e, TradeChanged)][-1]
    assert (trade.price_e6, trade.makers[0].price_e6) == (490_000, 490_000), "at our price, not the print's"


def test_one_print_is_shared_by_price_then_age_and_never_more_than_itself() -> None:
    engine = a_mirror()
    resting(engine, "late", 10, 50)
    resting(engine, "second", 10, 50, owner="bob")
    resting(engine, "worse", 10, 49)
    assert engine.printed(CID, "BID", 480_000, 15 * E6, NOW) == 15 * E6
    assert [filled(engine, o) for o in ("late", "second", "worse")] == [10, 5, 0]


def test_what_an_earlier_order_got_of_a_print_did_not_shorten_the_queue_of_a_later_one() -> None:
    engine = a_mirror()
    resting(engine, "first", 10, 50)
    engine.show(CID, [("BID", 500_000, 10 * E6)], NOW)
    resting(engine, "second", 10, 50, owner="bob")
    engine.printed(CID, "BID", 500_000, 10 * E6, NOW)
    assert (filled(engine, "first"), engine.ahead_e6("second")) == (10, 10 * E6)
    engine.printed(CID, "BID", 500_000, 10 * E6, NOW)
    assert (filled(engine, "second"), engine.ahead_e6("second")) == (0, 0)
    engine.printed(CID, "BID", 500_000, 10 * E6, NOW)
    assert filled(engine, "second") == 10


def test_orders_on_down_wait_in_the_same_book() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 48, token=DOWN)  # an offer of Up at 0.52
    assert engine.ahead_e6("a") == 100 * E6
    assert engine.printed(CID, "ASK", 520_000, 105 * E6, NOW) == 5 * E6


def test_after_a_gap_what_stands_there_now_stands_before_us() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 50)
    engine.replace(CID, ((500_000, 70 * E6),), ASKS, NOW)
    assert engine.ahead_e6("a") == 70 * E6
    engine.printed(CID, "BID", 500_000, 30 * E6, NOW)
    engine.replace(CID, ((500_000, 5 * E6),), ASKS, NOW)
    assert engine.ahead_e6("a") == 40 * E6, "a gap never brings us nearer"


def test_a_real_offer_at_our_bid_fills_nothing_without_a_print() -> None:
    engine = a_mirror()
    resting(engine, "a", 10, 50)
    engine.show(CID, [("ASK", 450_000, 30 * E6), ("BID", 490_000, 0), ("BID", 480_000, 0)], NOW)
    assert filled(engine, "a") == 0
    assert engine.printed(CID, "ASK", 450_000, 7 * E6, NOW) == 7 * E6, "who sold at 0.45 would have sold to us"


# --- the market's life


def test_the_grid_is_the_real_venues_alone() -> None:
    engine = a_mirror()
    engine.replace(CID, ((980_000, 5 * E6),), ((990_000, 5 * E6),), NOW)
    assert not [e for e in engine.take_events() if isinstance(e, TickChanged)]
    engine.set_tick(CID, 1_000, NOW)
    market = engine.market(CID)
    assert market is not None and market.tick_e6 == 1_000


def test_resolution_pays_and_cancels_and_nothing_is_heard_after_it() -> None:
    engine = a_mirror()
    assert bought(engine, "a", 10, 51) == 10 * E6
    resting(engine, "r", 10, 40)
    paid = engine.resolve(CID, "UP", NOW + S)
    assert paid == {"alice": 10 * E6}
    order = engine.order("r")
    assert order is not None and order.status == "CANCELED_MARKET_RESOLVED"
    engine.show(CID, [("ASK", 510_000, 10 * E6)], NOW + S)
    engine.replace(CID, BIDS, ASKS, NOW + S)
    assert engine.printed(CID, "BID", 400_000, 10 * E6, NOW + S) == 0
    assert engine.levels(UP) == ((), ())


# --- what must hold whatever is heard

cents = st.integers(3, 97)
sides = st.sampled_from(("BID", "ASK"))
shown = st.tuples(st.just("show"), st.lists(st.tuples(sides, cents, st.integers(0, 60)), min_size=1, max_size=4))
prints = st.tuples(st.just("print"), sides, cents, st.integers(1, 80))
gaps = st.tuples(st.just("gap"), st.lists(st.tuples(sides, cents, st.integers(1, 60)), max_size=8))
orders = st.tuples(
    st.just("order"),
    st.sampled_from(("alice", "bob")),
    st.sampled_from((UP, DOWN)),
    st.sampled_from(("BUY", "BUY", "SELL")),
    st.sampled_from(("FAK", "FOK", "GTC", "GTC")),
    cents,
    st.integers(5, 90),
)
cancels = st.tuples(st.just("cancel"), st.sampled_from(("alice", "bob")))
steps = st.lists(st.one_of(shown, shown, prints, prints, orders, orders, gaps, cancels), max_size=30)


@dataclass
class Reference:
    """Rules 2 and 3 once more, by simple means: real sizes, what was taken, and the prints each order has seen."""

    real: dict[tuple[str, int], int] = field(default_factory=dict)
    taken: dict[tuple[str, int], int] = field(default_factory=dict)
    risen: dict[tuple[str, int], int] = field(default_factory=dict)
    had: dict[tuple[str, int], int] = field(default_factory=dict)

    def set(self, level: tuple[str, int], size: int) -> None:
        before = self.real.get(level, 0)
        self.risen[level] = self.risen.get(level, 0) + max(0, size - before)
        self.real[level] = size
        self.taken[level] = min(self.taken.get(level, 0), size)

    def take(self, level: tuple[str, int], size: int) -> None:
        self.taken[level] = self.taken.get(level, 0) + size
        self.had[level] = self.had.get(level, 0) + size
        assert self.taken[level] <= self.real[level], "more than was visible, or the same share twice"
        assert self.had[level] <= self.risen[level], "more than ever appeared"


def play(engine: MirrorEngine, reference: Reference, number: int, step: Any) -> None:
    match step:
        case ("show", changes):
            for side, price, size in changes:
                engine.show(CID, [(side, price * 10_000, size * E6)], NOW)
                reference.set((side, price), size * E6)
        case ("gap", levels):
            book = {(side, price): size for side, price, size in levels}
            engine.replace(
                CID,
                tuple((p * 10_000, s * E6) for (side, p), s in book.items() if side == "BID"),
                tuple((p * 10_000, s * E6) for (side, p), s in book.items() if side == "ASK"),
                NOW,
            )
            for level in [*reference.real, *book]:
                reference.set(level, book.get(level, 0) * E6)
        case ("print", hits, price, size):
            got = engine.printed(CID, hits, price * 10_000, size * E6, NOW)
            assert got <= size * E6
        case ("order", owner, token, side, kind, price, shares):
            engine.due(NOW + (number + 1) * 20 * S)  # what was bought before may be sold
            engine.submit(an_order(f"o{number}", shares, price, owner=owner, token=token, side=side, kind=kind), NOW)
        case ("cancel", owner):
            engine.cancel_all(owner, NOW)


def check_trades(engine: MirrorEngine, reference: Reference, step: Any) -> None:
    """Every fill of this step against the real book as it stood, best price first."""
    for event in engine.take_events():
        if not isinstance(event, TradeChanged) or not event.public:
            continue  # later news of the chain about it
        trade = event.trade
        is_bid = (trade.side == "BUY") == (trade.token == UP)
        price = (trade.price_e6 if trade.token == UP else E6 - trade.price_e6) // 10_000
        if trade.taker == "crowd":
            assert step[0] == "print"
            hits, printed = step[1], step[2]
            own = "ASK" if is_bid else "BID"
            at = own == hits and printed == price
            through = printed < price if own == "BID" else printed > price
            assert at or through, "filled by a print at or through its price, or not at all"
            assert all(m.owner in ("alice", "bob") for m in trade.makers)
        else:
            side = "ASK" if is_bid else "BID"
            assert all(m.owner == "house" for m in trade.makers)
            better = [
                (s, p)
                for (s, p), size in reference.real.items()
                if s == side and size > reference.taken.get((s, p), 0) and (p < price if is_bid else p > price)
            ]
            assert not better, "it walked past a better price"
            reference.take((side, price), trade.size_e6)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_no_share_twice_nothing_unseen_no_cent_lost(played: list[Any]) -> None:
    engine, reference = a_mirror(), Reference()
    for side, levels in (("BID", BIDS), ("ASK", ASKS)):
        for price, size in levels:
            reference.set((side, price // 10_000), size)
    for number, step in enumerate(played):
        play(engine, reference, number, step)
        check_trades(engine, reference, step)
        assert engine.total_e6() == engine.granted_e6()
        for account in engine.state.balances.accounts.values():
            if account.address in ("alice", "bob"):
                assert account.cash_e6 >= 0 and all(v >= 0 for v in account.positions.values())
        for (side, price), size in reference.real.items():
            half = engine.state.books[CID].sides[_side(side)]
            assert half.house_at(price * 10_000) == size - reference.taken.get((side, price), 0)


def _side(text: str) -> BookSide:
    return "BID" if text == "BID" else "ASK"


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 60), st.lists(st.one_of(shown, prints), max_size=30), st.sampled_from((("BUY", 49), ("SELL", 51)))
)
def test_an_order_gets_only_what_was_printed_beyond_its_queue(
    ahead: int, played: list[Any], where: tuple[Side, int]
) -> None:
    side, price = where
    own = "BID" if side == "BUY" else "ASK"
    engine = a_mirror()
    assert bought(engine, "stock", 90, 51) == 90 * E6
    engine.due(NOW + 20 * S)
    engine.show(CID, [(_side(own), price * 10_000, ahead * E6)], NOW)
    resting(engine, "a", 40, price, side=side)
    at = through = 0
    for number, step in enumerate(played):
        play(engine, Reference(), number, step)
        if step[0] == "print":
            _, hits, printed, size = step
            is_through = printed < price if own == "BID" else printed > price
            through += size if is_through else 0
            at += size if printed == price and hits == own else 0
        got = filled(engine, "a")
        assert got <= at + through
        if not through:
            assert got == min(40, max(0, at - ahead))
