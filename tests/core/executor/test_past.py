"""What has left the books: an order, an intent, an outcome of long ago is looked up in the archive before it is called new."""

from typing import Any

import pytest

from messages import EventsSince, MarketResolved, Seen, Word
from messages.inner import PastEventsRead, PastWindowRead, ReadPastEvents, ReadPastWindow, UserFact, VenueTrade
from polybot.core.executor.books import past
from polybot.core.executor.books.entries import from_bytes
from polybot.core.executor.books.fold import apply
from polybot.core.executor.books.state import Books


@pytest.fixture
def house(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A window was won, resolved, redeemed, and left the books; its order is but in the journal."""
    monkeypatch.setattr(past, "KEPT_S", 1_200)
    monkeypatch.setattr(past, "_BATCH", 1)
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(301)
    house.hear(kit.observed("DOWN"))
    house.hear(kit.resolved("DOWN"))
    house.run_to(400)
    assert kit.SLUG in house.books.windows
    for n in range(1, 7):
        house.run_to(301 + 300 * n)
        house.hear(kit.observed("UP", kit.START_S + 300 * n))
    assert kit.SLUG not in house.books.windows and not house.books.orders
    return house


def archived(house: Any, wish: ReadPastWindow) -> PastWindowRead:
    """As the archive on disk answers, out of the records this house has written."""
    books = Books()
    for record in house.records:
        left = apply(books, from_bytes(record))
        for window in left.windows if left else ():
            ids = [*(o.order_id for o in window.orders), *(o.intent.id for o in window.orders), window.window.slug]
            if wish.value in ids:
                return PastWindowRead(wish=wish, known=True, past=past.past_to_bytes(window), why="")
    return PastWindowRead(wish=wish, known=True, past=b"", why="")


def asked(said: list[Word]) -> list[ReadPastWindow]:
    return [word for word in said if isinstance(word, ReadPastWindow)]


def a_trade(kit: Any, order_id: str, status: str = "FAILED", matched_s: int | None = None) -> UserFact:
    trade = VenueTrade(
        trade_id="t1", order_id=order_id, condition_id="0xc0", token_id=kit.UP, side="BUY", size_e6=9_615_300,
        price_e6=520_000, status=status, is_taker=True, matched_s=matched_s or kit.START_S + 10,  # type: ignore[arg-type]
    )  # fmt: skip
    return UserFact(kind="trade", trades=(trade,))


def test_the_same_intent_gets_its_first_answer_after_it_left(kit: Any, house: Any) -> None:
    said = house.hear(kit.approved(kit.intent()))
    (wish,) = asked(said)
    assert wish.value == kit.intent().id and not any(isinstance(w, Seen) for w in said)
    again = house.hear(archived(house, wish))
    (seen,) = [w for w in again if isinstance(w, Seen)]
    assert seen.order_id and not seen.conflict
    assert len(house.venue.orders) == 1, "nothing was sent a second time"


def test_an_order_of_long_ago_is_no_foreign_one(kit: Any, house: Any) -> None:
    (order_id,) = house.venue.orders
    cash = house.books.accounts["cash"]
    (wish,) = asked(house.hear(a_trade(kit, order_id)))
    house.hear(archived(house, wish))
    assert not house.books.foreign
    assert house.books.accounts["cash"] > cash, "what failed was taken back"


def test_what_the_archive_never_had_is_foreign_and_is_asked_once(kit: Any, house: Any) -> None:
    (wish,) = asked(house.hear(a_trade(kit, "0xnever")))
    house.hear(archived(house, wish))
    assert list(house.books.foreign) == ["t1"]
    assert asked(house.hear(a_trade(kit, "0xnever"))) == []


def test_a_trade_of_today_is_not_looked_up(kit: Any, house: Any) -> None:
    said = house.hear(a_trade(kit, "0xnever", matched_s=kit.START_S + 2_000))
    assert asked(said) == [] and list(house.books.foreign) == ["t1"]


def test_an_unreadable_archive_is_unknown_and_nothing_is_sent(kit: Any, house: Any) -> None:
    (wish,) = asked(house.hear(kit.approved(kit.intent())))
    said = house.hear(PastWindowRead(wish=wish, known=False, past=b"", why="Input/output error"))
    assert not any(isinstance(w, Seen) for w in said) and len(house.venue.orders) == 1
    assert asked(house.hear(kit.approved(kit.intent()))) == [wish], "it is asked again the next time"


def test_an_outcome_that_says_nothing_new_brings_nothing_back(kit: Any, house: Any) -> None:
    (wish,) = asked(house.hear(kit.resolved("DOWN")))
    seq = house.books.seq
    house.hear(archived(house, wish))
    assert house.books.seq == seq and kit.SLUG not in house.books.windows
    (again,) = asked(house.hear(kit.resolved("UP")))
    house.hear(archived(house, again))
    assert house.books.windows[kit.SLUG].winner == "UP", "another word later is looked up again, and corrects"


def test_another_outcome_corrects_it_days_later(kit: Any, house: Any) -> None:
    before = house.books.realised_e6
    (wish,) = asked(house.hear(kit.resolved("UP")))
    house.hear(archived(house, wish))
    assert house.books.windows[kit.SLUG].winner == "UP"
    assert house.books.realised_e6 == before + 9_615_300
    assert house.account.streaks["rsi_ema"].wins == 1


def test_a_market_we_never_traded_lately_is_not_looked_up(kit: Any, house: Any) -> None:
    recent = kit.resolved("UP", kit.START_S + 1_800)
    assert isinstance(recent, MarketResolved) and asked(house.hear(recent)) == []


def test_money_events_of_before_the_memory_are_asked_of_the_archive(house: Any) -> None:
    said = house.hear(EventsSince(id="q", after=0, limit=50))
    assert [w for w in said if isinstance(w, ReadPastEvents)] == [ReadPastEvents(id="q", after=0, limit=50)]
    assert "q" not in house.replies
    house.hear(PastEventsRead(id="q", known=False, events=(), more=True, why="damaged"))
    assert "q" not in house.replies, "an archive that cannot be read is silence"
    house.hear(PastEventsRead(id="q", known=True, events=(), more=False, why=""))
    assert house.replies["q"].last == house.books.seq
