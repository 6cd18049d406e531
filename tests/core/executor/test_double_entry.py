"""Double entry in whole millionths; what the journal says is what stands, however often one starts anew."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Events, EventsSince, Fill, OrderType, OrderUpdate, Outcome, Settlement
from polybot.core.executor.books import double_entry
from polybot.core.executor.books.entries import SnapshotEntry, UnknownVersion, Written, from_bytes, to_bytes
from polybot.core.executor.books.fold import restored, snapshot
from polybot.core.executor.books.state import Books, books_to_bytes
from polybot.core.utc import day_text
from tests.build import Winner
from tests.core.executor.conftest import House, Kit


@pytest.mark.parametrize(
    ("price_e6", "fee_e6"),
    [
        (10_000, 69_300),
        (50_000, 332_500),
        (300_000, 1_470_000),
        (500_000, 1_750_000),
        (650_000, 1_592_500),
        (990_000, 69_300),
    ],
)
def test_the_fee_of_a_hundred_shares_is_the_published_one(price_e6: int, fee_e6: int) -> None:
    assert double_entry.taker_fee_e6(100_000_000, price_e6, 70_000, 1) == fee_e6


@pytest.mark.parametrize(("size_e6", "fee_e6"), [(285, 0), (286, 10), (857, 10), (858, 20)])
def test_the_fee_is_rounded_half_up_at_the_fifth_decimal(size_e6: int, fee_e6: int) -> None:
    """At 0.5 and 0.07 a share pays 0.0175: 0.000286 shares pay 0.000005005, which is half of 0.00001 and a little."""
    assert double_entry.taker_fee_e6(size_e6, 500_000, 70_000, 1) == fee_e6


@given(
    size=st.integers(1, 10**10), price=st.integers(1, 999_999), rate=st.integers(0, 250_000), exponent=st.integers(0, 3)
)
def test_the_fee_is_the_exact_fraction_rounded_once(size: int, price: int, rate: int, exponent: int) -> None:
    p = Fraction(price, 10**6)
    exact = Fraction(size, 10**6) * Fraction(rate, 10**6) * (p * (1 - p)) ** exponent
    assert double_entry.taker_fee_e6(size, price, rate, exponent) == int(exact * 10**5 + Fraction(1, 2)) * 10


def test_our_fee_and_the_judges_are_reckoned_apart_and_agree() -> None:
    from polybot.sim.venue.fees import fee_e6

    luck = random.Random(3)
    for _ in range(2_000):
        size, price = luck.randrange(1, 10**9), luck.randrange(1, 10**6)
        assert double_entry.taker_fee_e6(size, price, 70_000, 1) == fee_e6(size, price, 70_000, 1)


def test_every_posting_balances() -> None:
    books, luck = Books(), random.Random(5)
    names = ("cash", "fees", "position:a", "claims")
    for _ in range(500):
        double_entry.move(books, luck.choice(names), luck.choice(names), luck.randrange(-(10**9), 10**9))
        assert sum(books.accounts.values()) == 0
    assert sum(amount for _, amount in double_entry.statement(books)) == 0


@pytest.mark.parametrize(
    ("wallet_e6", "free_e6"),
    [(1_000_000_000, 100_000_000), (100_000_000, 100_000_000), (99_999_999, 99_999_999), (0, 0)],
)
def test_free_cash_is_the_smaller_of_wallet_and_purse(kit: Kit, wallet_e6: int, free_e6: int) -> None:
    house = kit.House()
    house.venue.cash_e6 = wallet_e6
    house.start()
    house.run(1)
    assert house.account.free_e6 == free_e6
    assert house.account.equity_e6 == 100_000_000, "the purse is what may be lost, not what the wallet holds"


def test_a_win_beyond_the_purse_is_free_to_use_and_a_claim_is_not(kit: Kit) -> None:
    house = a_filled_house(kit)
    house.hear(kit.observed("UP"))
    spent = 4_999_956 + 168_000
    assert house.account.free_e6 == 100_000_000 - spent
    assert house.account.equity_e6 == 100_000_000 - spent + 9_615_300
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(2)
    assert house.account.free_e6 == 100_000_000 - spent + 9_615_300


def test_an_open_position_stands_at_cost_and_the_fee_is_gone(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    account = house.account
    assert account.positions_e6 == 4_999_956
    assert account.equity_e6 == 100_000_000 - 168_000
    assert house.positions.positions[0].cost_e6 == 4_999_956 + 168_000, "a position's cost includes its fee"


def a_filled_house(kit: Kit) -> House:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    return house


@pytest.mark.parametrize(("winner", "payout_e6"), [("UP", 9_615_300), ("DOWN", 0), ("SPLIT", 4_807_650)])
def test_each_outcome_pays_what_it_pays(kit: Kit, winner: Winner, payout_e6: int) -> None:
    house = a_filled_house(kit)
    house.venue.resolve(kit.SLUG, winner)
    house.hear(kit.resolved(winner))
    house.run(2)
    lines = dict(double_entry.statement(house.books))
    assert (lines["payouts"], lines["claims"], lines["spent"], lines["fees"]) == (-payout_e6, 0, 4_999_956, 168_000)
    assert lines["cash"] == kit.WALLET_E6 + payout_e6 - 4_999_956 - 168_000
    kit.check(house)


# --- the journal


def a_history(kit: Kit, seed: int) -> House:
    """Windows with random fates, outcomes, corrections and deaths."""
    luck = random.Random(seed)
    house = kit.House()
    house.start()
    for n in range(luck.randrange(2, 6)):
        start_s = kit.START_S + 300 * n
        house.run_to(300 * n + 10)
        house.venue.fates = [luck.choice(("fill", "part", "none", "price", "lost", "unheard", "refuse", "rest"))]
        house.venue.fails += [f"t{len(house.venue.trades) + 1}"] if luck.random() < 0.3 else []
        order_type: OrderType = "GTC" if house.venue.fates == ["rest"] else "FAK"
        house.ask(kit.approved(kit.intent(start_s=start_s, order_type=order_type), risk_boot=9))
        house.run_to(300 * n + luck.randrange(20, 290))
        if luck.random() < 0.4:
            house.die()
            house.start()
        house.run_to(300 * n + 300)
        outcomes: tuple[Outcome, ...] = ("UP", "DOWN")
        outcome = luck.choice(outcomes)
        seen: tuple[Outcome | None, ...] = (outcome, None)
        house.hear(kit.observed(luck.choice(seen), start_s))
        if luck.random() < 0.8:
            winners: tuple[Winner, ...] = (outcome, outcome, "SPLIT", "UP")
            winner = luck.choice(winners)
            house.venue.resolve(f"btc-updown-5m-{start_s}", winner)
            house.hear(kit.resolved(winner, start_s))
        house.run(3)
    house.run(70)
    return house


@pytest.mark.parametrize("seed", range(30))
def test_the_journal_alone_restores_the_same_state(kit: Kit, seed: int) -> None:
    house = a_history(kit, seed)
    before = books_to_bytes(house.books)
    assert books_to_bytes(restored(tuple(house.records))) == before
    luck = random.Random(seed)
    cut = luck.randrange(1, len(house.records) + 1)
    early = restored(tuple(house.records[:cut]))
    with_snapshot = (snapshot(early), *house.records[cut:])
    again = restored(with_snapshot)
    again.snapshot_seq = 0
    assert books_to_bytes(again) == before, "a snapshot anywhere in between changes nothing"
    assert again.notes == house.books.notes


def test_what_is_said_after_a_restart_is_what_was_said_before_it(kit: Kit) -> None:
    house = a_history(kit, 4)
    account, positions, said = house.account, house.positions, len(house.said)
    house.die()
    house.start()
    house.run(1)
    again = house.account
    for field in ("equity_e6", "cash_pnl_e6", "realised_e6", "streaks", "fees_e6", "peak_equity_e6", "max_drawdown_e6"):
        assert getattr(again, field) == getattr(account, field)
    assert again.purse_e6 == account.purse_e6 and again.last_window_s == account.last_window_s
    assert [p.size_e6 for p in house.positions.positions] == [p.size_e6 for p in positions.positions]
    assert len(house.said) > said


def test_the_purse_is_the_journals_whatever_the_knob_says_later(kit: Kit) -> None:
    house = kit.ready()
    house.die()
    house.capital_usd = 500.0
    house.start()
    house.run(1)
    assert house.account.purse_e6 == 100_000_000


def events(house: House, wish_id: str, after: int, limit: int) -> Events:
    house.hear(EventsSince(id=wish_id, after=after, limit=limit))
    return house.reply(wish_id, Events)


def test_the_journal_is_compacted_now_and_then_and_keeps_every_event(kit: Kit) -> None:
    house = a_history(kit, 2)
    wanted = events(house, "all", 0, 10_000).events
    house.books.snapshot_seq = -3_000  # as if so many entries had been written since
    house.run(2)
    assert len(house.records) == 1 and isinstance(from_bytes(house.records[0]).entry, SnapshotEntry)
    house.die()
    house.start()
    got = events(house, "again", 0, 10_000).events
    assert got[: len(wanted)] == wanted


def test_pages_of_events_never_tear_an_entry(kit: Kit) -> None:
    house = a_history(kit, 3)
    whole = events(house, "all", 0, 10_000)
    assert not whole.more and whole.last == house.books.seq
    for limit in (1, 2, 3, 7):
        after, more = 0, True
        pages: list[OrderUpdate | Fill | Settlement] = []
        while more:
            page = events(house, f"{limit}/{after}", after, limit)
            pages += page.events
            more = page.more
            after = page.events[-1].journal_seq if page.events else after
        assert tuple(pages) == whole.events


def test_a_journal_of_another_version_is_refused(kit: Kit) -> None:
    import msgspec

    record = kit.ready().records[0]
    written = from_bytes(record)
    newer = msgspec.msgpack.encode(Written(version=2, seq=1, at_ns=1, entry=written.entry))
    with pytest.raises(UnknownVersion, match="version 2, this build reads version 1"):
        restored((newer,))
    assert to_bytes(written.entry, written.seq, written.at_ns) == record


@pytest.mark.parametrize(
    ("day", "text"),
    [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_777, "2026-11-20"), (24_836, "2037-12-31")],
)
def test_days_have_names(day: int, text: str) -> None:
    assert day_text(day) == text
