"""What a refused order means for those after it: a halt that says what mends it, a pause, a wait; never silence for ever."""

import pytest

from messages import Done, OrderUpdate, Pause, Refused
from messages.inner import NoReply, PostOrder, ReadBalance, ReadGeoblock, TradesRead, UnreadableTrade
from polybot.core.executor.orders.refusals import ASK_S, SAME, STANDS_S
from polybot.core.executor.orders.stoppers import MENDS, STOPPERS
from polybot.core.executor.orders.venue_status import FOR_GOOD_S
from tests.core.executor.conftest import House, Kit, PostOutcome

PAGE = "HTTP 403: Attention Required! | Cloudflare"
ODD = "order 0x{n:064x} is invalid. Price (0.{n}) is strange"


def wish_id(n: int) -> str:
    return f"main/rsi_ema/x/{n}"


def ask(kit: Kit, house: House, n: int, sells: bool = False) -> PostOrder | None:
    """The n-th order; the test answers its POST itself. None: refused before one."""
    late_ns = (kit.START_S + 250) * kit.S
    intent = kit.intent(id=wish_id(n), good_until_ns=late_ns)
    if sells:
        intent = kit.intent(
            id=wish_id(n), side="SELL", maker_e6=9_610_000, taker_e6=4_805_000, limit_e6=500_000, good_until_ns=late_ns
        )
    said = house.ask(kit.approved(intent))
    house.lanes = type(house.lanes)(job for job in house.lanes if not isinstance(job[1], PostOrder))
    return next((w for w in said if isinstance(w, PostOrder)), None)


def refuse(kit: Kit, house: House, n: int, code: str, text: str, outcome: PostOutcome = "refused") -> None:
    post = ask(kit, house, n)
    assert post is not None, house.replies[wish_id(n)]
    house.hear(kit.result(post, outcome, code=code, text=text))


@pytest.mark.parametrize("code", [code for code in STOPPERS if code not in ("INSUFFICIENT", "GEOBLOCK")])
def test_what_no_order_gets_past_halts_by_its_name_and_says_what_mends_it(kit: Kit, code: str) -> None:
    house = kit.ready()
    refuse(kit, house, 1, code, "the venue's own words")
    assert house.halt is not None
    assert house.halt.reason_code == code
    assert "the venue's own words" in house.halt.reason
    assert MENDS[code] in house.halt.reason


# --- a firewall's page


def test_a_page_leaves_the_order_in_doubt_and_an_unblocked_address_goes_on(kit: Kit) -> None:
    house = kit.ready()
    house.venue.geoblock = False
    refuse(kit, house, 1, "GEOBLOCK", PAGE, "unknown")
    assert house.books.orders[house.books.by_intent[wish_id(1)]].unsure
    house.run(1)
    assert (house.account.venue_state, house.halt) == ("running", None)
    assert len(house.all(ReadGeoblock)) == 1
    assert ask(kit, house, 2) is not None


def test_a_page_and_a_geoblock_endpoint_that_says_blocked_halt(kit: Kit) -> None:
    house = kit.ready()
    house.venue.geoblock = True
    refuse(kit, house, 1, "GEOBLOCK", PAGE, "unknown")
    house.run(0.1)
    assert house.halt is not None
    assert (house.halt.reason_code, PAGE in house.halt.reason) == ("GEOBLOCK", True)
    assert MENDS["GEOBLOCK"] in house.halt.reason


def test_while_the_geoblock_endpoint_is_silent_no_entry_leaves_and_nothing_is_sent_again(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(6)
    posts = len(house.venue.posts)
    refuse(kit, house, 1, "GEOBLOCK", PAGE, "unknown")
    house.run(20)
    assert (house.account.venue_state, house.halt) == ("geoblocked", None)
    assert ask(kit, house, 2) is None
    assert house.reply(wish_id(2), Refused).reason_code == "VENUE_GEOBLOCKED"
    assert ask(kit, house, 3, sells=True) is None
    assert house.reply(wish_id(3), Refused).reason_code == "UNKNOWN_ORDER", "the block alone would let an exit out"
    assert len(house.venue.posts) == posts, "the order in doubt is asked after, not sent again"
    house.run(FOR_GOOD_S)
    assert (house.account.venue_state, house.halt) == ("geoblocked", None), "silence is no permission"
    house.venue.geoblock = False
    house.run(ASK_S + 1)
    assert house.account.venue_state == "running"


# --- not enough balance


def test_one_short_balance_costs_the_window_and_the_next_order_goes_once_it_is_read(kit: Kit) -> None:
    house = kit.ready()
    refuse(kit, house, 1, "INSUFFICIENT", "not enough balance / allowance")
    assert ask(kit, house, 2) is None, "nothing leaves before the balance is known"
    assert house.reply(wish_id(2), Refused).reason_code == "INSUFFICIENT"
    house.run(1)
    assert [w.refresh for w in house.all(ReadBalance)][-1] is True
    assert house.halt is None
    assert house.venue.posts == [], "no second POST"
    assert house.all(OrderUpdate)[-1].state == "REJECTED"
    assert ask(kit, house, 3) is not None


@pytest.mark.parametrize("what", ["allowance_e6", "cash_e6"])
def test_a_balance_that_stays_short_halts_after_its_time(kit: Kit, what: str) -> None:
    house = kit.ready()
    setattr(house.venue, what, 1_000_000)
    refuse(kit, house, 1, "INSUFFICIENT", "not enough balance / allowance")
    house.run(STANDS_S - 1)
    assert house.halt is None
    house.run(4)
    assert house.halt is not None
    assert (house.halt.reason_code, MENDS["INSUFFICIENT"] in house.halt.reason) == ("INSUFFICIENT", True)


def test_a_balance_that_nobody_tells_halts_nobody_and_lets_nothing_out(kit: Kit) -> None:
    house = kit.ready()
    house.venue.knows = False
    refuse(kit, house, 1, "INSUFFICIENT", "not enough balance / allowance")
    house.run(STANDS_S + 10)
    assert house.halt is None
    assert ask(kit, house, 2) is None


def test_short_again_although_the_balance_covers_it_halts_and_an_order_taken_between_forgets(kit: Kit) -> None:
    house = kit.ready()
    refuse(kit, house, 1, "INSUFFICIENT", "not enough balance / allowance")
    house.run(1)
    house.ask(kit.approved(kit.intent(id=wish_id(2), good_until_ns=(kit.START_S + 250) * kit.S)))
    house.run(8)
    refuse(kit, house, 3, "INSUFFICIENT", "not enough balance / allowance")
    house.run(1)
    assert house.halt is None
    refuse(kit, house, 4, "INSUFFICIENT", "not enough balance / allowance")
    assert house.halt is not None
    assert house.halt.reason_code == "INSUFFICIENT"


# --- the same words


def test_the_same_words_three_times_in_a_row_ask_risk_to_pause_until_it_does(kit: Kit) -> None:
    house = kit.ready()
    for n in range(1, SAME):
        refuse(kit, house, n, "REJECTED", ODD.format(n=n))
    assert house.all(Pause) == []
    refuse(kit, house, SAME, "REJECTED", ODD.format(n=SAME))
    (pause,) = house.all(Pause)
    assert pause.by == "executor"
    assert ODD.format(n=SAME) in pause.reason
    assert "resume" in pause.reason
    assert house.halt is None
    assert ask(kit, house, 5) is None
    assert house.reply(wish_id(5), Refused).reason_code == "PAUSED"
    house.hear(NoReply(id=pause.id, request="Pause", to="risk"))
    assert house.all(Pause) == [pause, pause], "the same wish, until risk has answered"
    house.hear(Done(id=pause.id, ok=True, trading_state="REDUCING"))
    assert ask(kit, house, 6) is not None, "from here on it is risk's state, which the user lifts"


@pytest.mark.parametrize("code", ["FAK_NO_MATCH", "POST_ONLY", "MIN_SIZE"])
def test_what_the_market_refuses_is_counted_by_nobody(kit: Kit, code: str) -> None:
    house = kit.ready()
    for n in range(1, 2 * SAME):
        refuse(kit, house, n, code, "the same words")
    assert house.all(Pause) == []


@pytest.mark.parametrize("between", ["other words", ""])
def test_other_words_or_an_order_taken_between_begin_the_count_anew(kit: Kit, between: str) -> None:
    house = kit.ready()
    for n in range(1, SAME):
        refuse(kit, house, n, "REJECTED", "the same words")
    if between:
        refuse(kit, house, 7, "REJECTED", between)
    else:
        house.ask(kit.approved(kit.intent(id=wish_id(7))))
        house.run(1)
    refuse(kit, house, 8, "REJECTED", "the same words")
    assert house.all(Pause) == []


def test_not_now_three_times_is_no_refusal(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["retry"] * 20
    house.ask(kit.approved(kit.intent()))
    house.run(3)
    assert len(house.venue.posts) > SAME
    assert house.all(Pause) == []


# --- rows that cannot be read


def test_an_unreadable_trade_stops_entries_of_its_market_alone_and_reconciliation_goes_on(kit: Kit) -> None:
    house = kit.ready()
    answered = house.venue.answer
    row = UnreadableTrade(condition_id="0xC0", why="trade t9: size '?'", trade_id="t9")

    def with_row(word: object) -> object:
        said = answered(word)  # type: ignore[arg-type]
        if isinstance(said, TradesRead) and said.known:
            return TradesRead(purpose=said.purpose, known=True, trades=said.trades, why="", unreadable=(row,))
        return said

    house.venue.answer = with_row  # type: ignore[assignment]
    before = house.account.reconciled_ns
    house.run(31)
    assert house.account.unreadable == {"0xc0": row.why}
    assert house.account.ready
    assert house.account.reconciled_ns > before
    assert ask(kit, house, 1) is None
    assert house.reply(wish_id(1), Refused).reason_code == "UNREADABLE_TRADE"
    other = kit.intent(id=wish_id(2), condition_id="0xc1", good_until_ns=(kit.START_S + 250) * kit.S)
    assert any(isinstance(w, PostOrder) for w in house.ask(kit.approved(other)))
