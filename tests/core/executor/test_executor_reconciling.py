"""Our books against the venue's: what is explained is booked, what is not halts, what is not ours is shown."""

import msgspec
import pytest

from messages import Accepted, MarketResolved, Refused, Resend, Resent, Settlement, Word, encode
from messages.envelope import Envelope
from messages.inner import NoReply, ReadBalance, ReadMarket, ReadOpenOrders, ReadOrder, ReadTrades, UserFact, WriteHalt
from tests.core.executor.conftest import House, Kit, Placed


def test_ready_only_when_every_read_was_known(kit: Kit) -> None:
    house = kit.House()
    house.start()
    assert not house.account.ready and house.account.why_not_ready
    house.run(1)
    assert house.account.ready and house.account.why_not_ready == ""
    assert house.account.wallet_e6 == kit.WALLET_E6


@pytest.mark.parametrize("word", [ReadOpenOrders, ReadTrades, ReadBalance])
def test_any_single_read_that_fails_keeps_it_from_being_ready(kit: Kit, word: type) -> None:
    house = kit.House()
    answer = house.venue.answer

    def fail(asked: Word) -> Word:
        said = answer(asked)
        return msgspec.structs.replace(said, known=False, why="HTTP 500") if isinstance(asked, word) else said

    house.venue.answer = fail
    house.start()
    house.run(5)
    assert not house.account.ready and "HTTP 500" in house.account.why_not_ready
    house.venue.answer = answer
    house.run(3)
    assert house.account.ready


def test_it_reads_everything_again_every_thirty_seconds(kit: Kit) -> None:
    house = kit.ready()
    before = len([w for w in house.said if isinstance(w, ReadOpenOrders)])
    house.run(95)
    assert len([w for w in house.said if isinstance(w, ReadOpenOrders)]) - before == 3


def test_a_fill_that_only_a_read_tells_of_is_booked(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC", cancel_at_ns=(kit.START_S + 290) * kit.S)))
    house.run(1)
    house.venue.says_user_facts = False
    order = next(iter(house.venue.orders.values()))
    house.venue.fill(order, 3_000_000, 520_000, house.now_ns)
    house.run(31)
    assert kit.state(house) == ("LIVE", 3_000_000)
    house.run(31)
    kit.check(house)


def a_resting_fill_that_nobody_tells(kit: Kit) -> tuple[House, UserFact]:
    """A resting order that has filled in part, and the unreadable event that was all there was to hear of it."""
    house = kit.ready()
    house.venue.fates = ["rest"]
    house.ask(kit.approved(kit.intent(order_type="GTC", cancel_at_ns=(kit.START_S + 290) * kit.S)))
    house.run(1)
    house.venue.says_user_facts = False
    order = next(iter(house.venue.orders.values()))
    house.venue.fill(order, 3_000_000, 520_000, house.now_ns)
    return house, UserFact(kind="bad", why="size is ''", order_ids=("0xff", order.order_id))


def test_an_event_that_could_not_be_read_has_its_order_asked_after(kit: Kit) -> None:
    house, event = a_resting_fill_that_nobody_tells(kit)
    house.run(1)
    assert kit.state(house) == ("LIVE", 0)
    house.hear(event)
    house.run(1)
    assert kit.state(house) == ("LIVE", 3_000_000)
    asked = len(house.all(ReadOrder))
    house.run(10)
    assert len(house.all(ReadOrder)) == asked, "what is clear is left alone"


def test_it_is_asked_after_until_a_read_is_known(kit: Kit) -> None:
    house, event = a_resting_fill_that_nobody_tells(kit)
    house.venue.knows = False
    house.hear(event)
    house.run(10)
    assert kit.state(house) == ("LIVE", 0)
    house.venue.knows = True
    house.run(3)
    assert kit.state(house) == ("LIVE", 3_000_000)


@pytest.mark.parametrize(("more_e6", "is_said"), [(1, False), (-1, False), (2, True), (150_000_000_000, True)])
def test_a_trade_told_again_with_another_size_is_said_and_stops_orders(kit: Kit, more_e6: int, is_said: bool) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    booked = next(iter(house.books.orders.values())).fills["t1"]
    house.hear(UserFact(kind="trade", trades=(msgspec.structs.replace(house.venue.line(house.venue.trades[0])),)))
    assert not house.books.foreign
    told = msgspec.structs.replace(house.venue.line(house.venue.trades[0]), size_e6=booked.size_e6 + more_e6)
    for _ in range(2):
        house.hear(UserFact(kind="trade", trades=(told,)))
    assert len(house.books.foreign) == is_said
    assert next(iter(house.books.orders.values())).fills["t1"].size_e6 == booked.size_e6, "what is booked stays"
    if is_said:
        (text,) = house.books.foreign.values()
        assert str(booked.size_e6) in text and str(told.size_e6) in text


def test_a_trade_told_again_at_another_price_is_said(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    line = house.venue.line(house.venue.trades[0])
    house.hear(UserFact(kind="trade", trades=(msgspec.structs.replace(line, price_e6=line.price_e6 - 100_000),)))
    assert len(house.books.foreign) == 1
    house.hear(UserFact(kind="trade", trades=(msgspec.structs.replace(line, status="CONFIRMED"),)))
    assert len(house.books.foreign) == 1


def test_a_difference_that_stays_halts_after_a_minute_with_both_sides(kit: Kit) -> None:
    house = kit.ready()
    house.venue.cash_e6 += 1
    house.run_to(30 + 59)  # it is seen by the reconciliation at 30 s
    assert house.halt is None
    house.run_to(30 + 61)
    assert house.halt == WriteHalt(
        by="executor",
        reason_code="BALANCE_DIFFERENCE",
        reason="the venue says 1000.000001 USD of cash, the books 1000, off by 0.000001",
    )


def test_a_difference_that_goes_away_is_forgotten(kit: Kit) -> None:
    house = kit.ready()
    house.venue.cash_e6 -= 7
    house.run(60)
    house.venue.cash_e6 += 7
    house.run(200)
    assert house.halt is None and house.account.ready


def test_lifting_the_halt_accepts_the_difference_as_external(kit: Kit) -> None:
    house = kit.ready()
    house.venue.cash_e6 += 25_000_000
    house.run(100)
    assert house.halt is not None
    house.hear(kit.halt("h1", code="BALANCE_DIFFERENCE"))
    house.run(5)
    house.hear(kit.halt(""))
    house.run(70)
    assert house.books.accounts["external"] == -25_000_000
    assert house.account.cash_pnl_e6 == 0 and house.account.equity_e6 == 100_000_000, "never profit"
    assert house.account.ready


def test_lifting_another_halt_accepts_nothing(kit: Kit) -> None:
    house = kit.ready()
    house.venue.cash_e6 += 5
    house.hear(kit.halt("h1"))
    house.run(5)
    house.hear(kit.halt(""))
    house.run(10)
    assert "external" not in house.books.accounts


def test_missing_shares_halt_too(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    house.venue.shares[kit.UP] -= 1
    house.run(95)
    assert house.halt is not None and "shares of token" in house.halt.reason


def test_somebody_elses_order_is_shown_and_stops_new_ones_and_is_never_cancelled_alone(kit: Kit) -> None:
    house = kit.ready()
    other = kit.intent(id="other")
    house.venue.orders["0xff"] = Placed("0xff", other, "LIVE")
    house.run(31)
    assert house.positions.foreign == ("0xff",)
    house.ask(kit.approved(kit.intent(good_until_ns=(kit.START_S + 200) * kit.S)))
    assert house.reply(kit.intent().id, Refused).reason_code == "UNKNOWN_ORDER"
    assert house.venue.cancels == []
    house.die()
    house.start()
    house.run(2)
    assert house.positions.foreign == ("0xff",), "not forgotten by a restart"
    house.hear(kit.halt("h1"))
    house.run(3)
    house.hear(kit.halt(""))
    house.run(3)
    assert not house.positions.foreign
    wish = kit.intent(id="main/rsi_ema/x/1", good_until_ns=(kit.START_S + 200) * kit.S)
    house.ask(kit.approved(wish))
    assert isinstance(house.replies[wish.id], Accepted)


def test_an_older_journal_is_noticed_by_what_it_does_not_know(kit: Kit) -> None:
    house = kit.ready()
    old = list(house.records), house.last_seq
    house.ask(kit.approved(kit.intent()))
    house.run(5)
    house.die()
    house.records, house.last_seq = old
    house.start()
    house.run(5)
    assert "t1" in house.positions.foreign
    assert not house.account.ready and "off by -5.167956" in house.account.why_not_ready


def test_payouts_of_several_windows_are_told_apart_by_their_sums(kit: Kit) -> None:
    house = kit.House()
    house.start()
    for n in range(3):
        start_s = kit.START_S + 300 * n
        house.venue.fates = [("fill", "part", "price")[n]]
        house.run_to(300 * n + 10)
        house.ask(kit.approved(kit.intent(start_s=start_s)))
        house.run_to(300 * n + 301)
    house.run(40)
    for n in range(3):
        house.hear(kit.resolved("UP", kit.START_S + 300 * n))
    assert house.account.claims_e6 == 9_615_300 + 2_000_000 + 9_000_000
    house.venue.resolve(f"btc-updown-5m-{kit.START_S + 300}", "UP")
    house.run(3)
    assert house.account.claims_e6 == 9_615_300 + 9_000_000
    paid = {s.slug[-4:]: s.paid for s in house.all(Settlement)}
    assert sum(paid.values()) == 1
    for n in (0, 2):
        house.venue.resolve(f"btc-updown-5m-{kit.START_S + 300 * n}", "UP")
    house.run(3)
    assert house.account.claims_e6 == 0 and house.account.unresolved == 0
    kit.check(house)


def test_money_that_comes_before_the_official_word_waits_for_it(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    house.venue.resolve(kit.SLUG, "UP")
    house.run_to(310)
    assert house.account.cash_pnl_e6 < 0
    house.run_to(320)  # by its own asking
    assert house.account.cash_pnl_e6 > 0 and house.halt is None
    kit.check(house)


def test_it_asks_for_the_official_word_itself(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(400)
    assert any(isinstance(w, ReadMarket) and w.slug == kit.SLUG for w in house.said)
    house.venue.resolve(kit.SLUG, "DOWN")
    house.run(5)
    last = house.all(Settlement)[-1]
    assert (last.outcome, last.provisional, last.paid, last.win) == ("DOWN", False, True, False)


def test_a_corrected_resolution_corrects_the_claim(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    house.hear(kit.resolved("DOWN"))
    assert house.account.claims_e6 == 0
    said = house.hear(kit.resolved("UP"))
    settlement = next(w for w in said if isinstance(w, Settlement))
    assert (settlement.corrected, settlement.outcome, settlement.paid) == (True, "UP", False)
    assert house.account.claims_e6 == 9_615_300
    house.venue.resolve(kit.SLUG, "UP")
    house.run(3)
    assert house.account.claims_e6 == 0
    kit.check(house)


@pytest.mark.parametrize(("second", "late"), [(300 + 900, 0), (300 + 901, 1)])
def test_a_window_is_late_a_quarter_of_an_hour_after_its_end(kit: Kit, second: int, late: int) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(second)
    assert (house.account.unresolved, house.account.late) == (1, late)
    assert house.positions.positions[0].state == ("late" if late else "open")
    assert house.account.positions_e6 == 4_999_956, "valued at cost"


def test_what_was_missed_on_the_bus_is_asked_for_at_the_start(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(200)
    house.die()
    house.run_to(302)
    house.start()
    ask = [w for w in house.said if isinstance(w, Resend)][-1]
    assert (ask.to, ask.topic) == ("market_feed", "WindowObserved/") and ask.since_ns <= kit.START_S * kit.S
    house.hear(NoReply(id=ask.id, to="market_feed", request="Resend"))
    ask = [w for w in house.said if isinstance(w, Resend)][-1]
    word = kit.observed("UP")
    data = encode(Envelope(source="market_feed", boot=1, seq=1, at_ns=0, cause="", body=word))
    house.hear(Resent(id=ask.id, envelopes=(data,), more=False, lost=False))
    assert house.account.last_window_s == kit.START_S + 300
    assert house.account.streaks["rsi_ema"].wins == 1
    ask = [w for w in house.said if isinstance(w, Resend)][-1]
    assert ask.topic == "MarketResolved/"
    resolved: MarketResolved = kit.resolved("UP")
    data = encode(Envelope(source="market_feed", boot=1, seq=1, at_ns=0, cause="", body=resolved))
    house.hear(Resent(id=ask.id, envelopes=(data,), more=False, lost=False))
    assert not house.all(Settlement)[-1].provisional


def test_levels_are_said_each_second_and_on_change(kit: Kit) -> None:
    from messages import Account, Positions

    house = kit.ready()
    before = len(house.all(Account))
    house.run(2)
    assert 2 <= len(house.all(Account)) - before <= 3
    said = house.ask(kit.approved(kit.intent()))
    account, positions = said[-2:]
    assert isinstance(account, Account) and isinstance(positions, Positions)
    assert account.journal_seq == positions.journal_seq == house.books.seq
    assert [o.state for o in positions.orders] == ["JOURNALLED"]


def test_a_cut_venue_of_ninety_seconds_takes_readiness_back(kit: Kit) -> None:
    house = kit.ready()
    house.venue.knows = False
    house.run(130)
    assert not house.account.ready and house.account.venue_state == "running"
    house.venue.knows = True
    house.run(40)
    assert house.account.ready


def test_positions_that_were_never_told_are_not_none(kit: Kit) -> None:
    """A foreign one must not stay unseen because the Data API is down while we start, or start again."""
    house = kit.House()
    house.venue.others["999"], house.venue.tells_positions = 5_000_000, False
    for _ in range(2):
        house.start()
        house.run(20)
        assert not house.account.ready
        assert "the Data API has not told which positions the wallet holds: no answer" in house.account.why_not_ready
        house.die()
    house.start()
    house.venue.tells_positions = True
    house.run(5)
    assert house.account.ready and len(house.positions.foreign) == 1


def test_once_told_positions_may_be_silent(kit: Kit) -> None:
    house = kit.ready()
    house.venue.tells_positions = False
    house.run(200)
    assert house.account.ready
