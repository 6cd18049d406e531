"""What the venue takes is a state with a name and an end; the budget of its token buckets keeps cancels free."""

import pytest

from messages import Accepted, OrderUpdate, Refused
from messages.inner import CancelOrders, PostAgain, PostOrder, ReadOpenOrders, Started
from polybot.core.executor.orders.rate_budget import RESERVE, Budget
from polybot.core.executor.orders.stoppers import halt_text
from polybot.core.executor.orders.venue_status import FOR_GOOD_S, REFUSED_S
from tests.build import IntentFields
from tests.core.executor.conftest import House, Kit, PostOutcome

# (the code of the answer, its outcome, the state it means, does it halt)
STATES: list[tuple[str, PostOutcome, str, bool]] = [
    ("RESTARTING", "retry", "restarting", False),
    ("POST_ONLY_MODE", "retry", "post_only", False),
    ("CANCEL_ONLY", "retry", "cancel_only", False),
    ("DISABLED", "retry", "disabled", False),
    ("RATE_LIMIT", "retry", "rate_limited", False),
    ("CLOSED_ONLY", "refused", "closed_only", False),
    ("GEOBLOCK", "unknown", "geoblocked", False),
    ("AUTH", "refused", "unauthorized", True),
    ("TICK", "refused", "running", False),
    ("INSUFFICIENT", "refused", "running", False),
    ("WALLET_TYPE", "refused", "wallet_type", True),
    ("VERSION", "refused", "running", True),
]


def posted(kit: Kit, house: House, n: int = 1) -> PostOrder:
    """An order that the venue has not answered yet."""
    intent = kit.intent(id=f"main/rsi_ema/{kit.SLUG}/{n}", good_until_ns=(kit.START_S + 250) * kit.S)
    said = house.ask(kit.approved(intent))
    house.lanes.clear()  # the test answers itself
    return next(w for w in said if isinstance(w, PostOrder))


@pytest.mark.parametrize(("code", "outcome", "state", "halts"), STATES)
def test_each_answer_is_the_state_it_means_named_in_account(
    kit: Kit, code: str, outcome: PostOutcome, state: str, halts: bool
) -> None:
    house = kit.ready()
    post = posted(kit, house)
    house.hear(kit.result(post, outcome, code=code, text=f"the venue says {code}", retry_after_s=100.0))
    assert house.account.venue_state == state
    assert (house.account.venue_why == f"the venue says {code}") == (state != "running")
    assert (house.halt is not None) == halts


@pytest.mark.parametrize(
    ("code", "change", "reply"),
    [
        ("POST_ONLY_MODE", {}, Refused),
        ("POST_ONLY_MODE", {"order_type": "GTC"}, Refused),
        ("POST_ONLY_MODE", {"order_type": "GTC", "post_only": True}, Accepted),
        ("CANCEL_ONLY", {"order_type": "GTC", "post_only": True}, Refused),
        ("RESTARTING", {}, Refused),
    ],
)
def test_what_the_state_does_not_take_is_refused_by_name(
    kit: Kit, code: str, change: IntentFields, reply: type
) -> None:
    house = kit.ready()
    post = posted(kit, house)
    house.hear(kit.result(post, "retry", code=code, text="not now", retry_after_s=100.0))
    wish = kit.approved(kit.intent(**(change | {"id": f"main/rsi_ema/{kit.SLUG}/2"})))
    house.ask(wish)
    answer = house.replies[wish.id]
    assert isinstance(answer, reply)
    if isinstance(answer, Refused):
        assert answer.reason_code.startswith("VENUE_")


@pytest.mark.parametrize(("retry_after_s", "over_at_s"), [(0.0, 1.0), (1.0, 1.0), (20.0, 20.0)])
def test_a_restart_is_over_when_it_said_and_then_the_books_are_read_anew(
    kit: Kit, retry_after_s: float, over_at_s: float
) -> None:
    house = kit.ready()
    post = posted(kit, house)
    house.hear(kit.result(post, "retry", code="RESTARTING", text="425", retry_after_s=retry_after_s))
    house.timers.pop(PostAgain(order_id=post.order_id))
    house.run(over_at_s - 1.0)
    assert house.account.venue_state == "restarting"
    before = len(house.all(ReadOpenOrders))
    house.run(2.1)
    assert house.account.venue_state == "running"
    assert len(house.all(ReadOpenOrders)) > before


def test_a_restart_waits_longer_each_time_it_goes_on(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["retry"] * 100
    house.ask(kit.approved(kit.intent(good_until_ns=(kit.START_S + 100) * kit.S)))
    house.run(60)
    assert len(house.venue.posts) < 40, "the same bytes are offered again, not hammered"
    assert len(set(house.venue.posts)) == 1
    house.venue.fates = []
    house.run(5)
    assert kit.state(house)[0] == "MATCHED", "and taken when the venue is back"


@pytest.mark.parametrize(("code", "outcome", "state", "halts"), [row for row in STATES if row[1] == "retry"])
def test_an_order_that_was_turned_away_until_its_time_had_passed_names_the_state(
    kit: Kit, code: str, outcome: PostOutcome, state: str, halts: bool
) -> None:
    house = kit.ready()
    post = posted(kit, house)
    house.hear(kit.result(post, outcome, code=code, text=f"the venue says {code}", retry_after_s=245.0))
    house.run(250)
    update = house.all(OrderUpdate)[-1]
    assert (update.state, update.reason_code) == ("REJECTED", f"VENUE_{state.upper()}")
    assert update.reason == f"the venue is {state}: the venue says {code}; its time has passed"


@pytest.mark.parametrize(
    ("speed", "retry_after_s", "over_s"), [(1.0, 0.0, 1.0), (60.0, 0.0, 1.0), (60.0, 120.0, 2.0), (20.0, 120.0, 6.0)]
)
def test_a_states_seconds_are_the_venues_and_shorter_by_the_clock_above_speed_1(
    kit: Kit, speed: float, retry_after_s: float, over_s: float
) -> None:
    house = kit.ready()
    started = Started(actor="executor", boot=1, config="{}", versions={}, mono_s=house.mono_s, speed=speed, session="")
    house.core._tracker.start(started)
    post = posted(kit, house)
    house.hear(kit.result(post, "retry", code="CANCEL_ONLY", text="503", retry_after_s=retry_after_s))
    house.timers.pop(PostAgain(order_id=post.order_id))
    house.run(over_s - 0.01)
    assert house.account.venue_state == "cancel_only"
    house.run(0.02)
    assert house.account.venue_state == "running"


def test_closed_only_lets_exits_through_and_no_entry(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run(10)
    late_ns = (kit.START_S + 250) * kit.S
    post = posted(kit, house, 2)
    house.hear(kit.result(post, "refused", code="CLOSED_ONLY", text="address in closed only mode"))
    house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/3", good_until_ns=late_ns)))
    assert house.reply("main/rsi_ema/x/3", Refused).reason_code == "VENUE_CLOSED_ONLY"
    sell = kit.intent(
        id="main/rsi_ema/x/4",
        side="SELL",
        maker_e6=9_610_000,
        taker_e6=4_805_000,
        limit_e6=500_000,
        good_until_ns=late_ns,
    )
    house.ask(kit.approved(sell))
    assert isinstance(house.replies[sell.id], Accepted)
    house.run(FOR_GOOD_S + 2)
    assert house.account.venue_state == "running", "it may have been lifted: the next order finds out"


def test_an_unreachable_venue_is_a_state_until_it_is_heard_again(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates, house.venue.knows = ["unheard"], False
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    assert house.account.venue_state == "unreachable" and house.account.venue_why == "HTTP 500"
    house.venue.knows = True
    house.run(3)
    assert house.account.venue_state == "running"


def test_a_refused_order_says_why_and_the_next_may_go(kit: Kit) -> None:
    house = kit.ready()
    house.venue.fates = ["refuse"]
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    assert house.all(OrderUpdate)[-1].reason_code == "REJECTED" and house.halt is None
    house.ask(kit.approved(kit.intent(id="main/rsi_ema/x/2")))
    assert isinstance(house.replies["main/rsi_ema/x/2"], Accepted)


# --- the budget


def test_sixty_orders_at_once_then_one_each_25_ms() -> None:
    budget = Budget()
    assert [budget.wait_s(0, 0.0) for _ in range(60)] == [0.0] * 60
    assert budget.wait_s(0, 0.0) == pytest.approx(0.025)
    assert budget.wait_s(0, 0.025) == 0.0
    assert budget.wait_s(0, 0.025) > 0.0


def test_an_order_waits_while_what_rests_could_not_all_be_cancelled_with_a_reserve() -> None:
    most = int(120 - RESERVE - 1)
    assert Budget().wait_s(most, 0.0) == 0.0
    budget = Budget()
    budget.cancelled(1, 0.0)
    assert budget.wait_s(most, 0.0) > 0.0, "one token short"
    assert budget.wait_s(most, 1 / 80) == 0.0, "and back after its time"


def test_orders_wait_for_what_cancels_have_spent_and_cancels_for_nothing(kit: Kit) -> None:
    budget = Budget()
    budget.cancelled(500, 0.0)
    assert budget.wait_s(0, 0.0) == pytest.approx((500 - 120 + 21) / 80)
    assert budget.wait_s(0, 10.0) == 0.0
    house = kit.ready()
    house.core._tracker.budget.cancelled(10_000, house.mono_s)
    house.hear(kit.halt("h1"))
    assert len(house.all(CancelOrders)) == 1, "the kill switch asks nobody"


def test_an_order_over_the_budget_goes_a_moment_later_with_the_same_id(kit: Kit) -> None:
    house = kit.ready()
    house.core._tracker.budget.cancelled(200, house.mono_s)
    house.ask(kit.approved(kit.intent()))
    assert house.venue.posts == []
    house.run(2.9)
    assert len(house.venue.posts) == 1
    kit.check(house)


def test_reads_that_refuse_our_credentials_are_named_at_once_and_halt_once_it_has_stood(kit: Kit) -> None:
    house = kit.ready()
    house.venue.knows, house.venue.http = False, 401
    house.run(31)  # the next round
    assert (house.account.venue_state, house.account.venue_why) == ("unauthorized", "HTTP 401")
    house.run(REFUSED_S + 3)
    assert house.halt is not None
    assert (house.halt.reason_code, house.halt.by) == ("AUTH", "executor")
    assert house.halt.reason == halt_text("AUTH", "HTTP 401")


def test_a_401_that_does_not_stand_halts_nobody(kit: Kit) -> None:
    house = kit.ready()
    house.run_to(29)
    house.venue.knows, house.venue.http = False, 401
    house.run_to(30.2)
    assert house.account.venue_state == "unauthorized"
    house.venue.knows = True
    house.run(2 * REFUSED_S)
    assert (house.account.venue_state, house.account.venue_why, house.halt) == ("running", "", None)
    house.venue.knows = False
    while house.account.venue_state == "running":
        house.run(0.5)
    house.run(REFUSED_S - 2)
    assert house.halt is None, "its time is counted from where it began again"


@pytest.mark.parametrize(("http", "state"), [(401, "VENUE_UNAUTHORIZED"), (403, "VENUE_GEOBLOCKED")])
def test_before_the_books_are_known_an_order_does_not_wait_for_a_venue_that_refuses_us(
    kit: Kit, http: int, state: str
) -> None:
    house = kit.House()
    house.venue.knows, house.venue.http = False, http
    house.start()
    house.run_to(1)
    assert not house.account.ready
    wish = kit.approved(kit.intent())
    house.ask(wish)
    assert house.reply(wish.id, Refused).reason_code == state
    assert house.venue.posts == []


def test_a_403_that_stands_is_a_state_and_ends_with_the_first_read_that_is_answered(kit: Kit) -> None:
    house = kit.ready()
    house.venue.knows, house.venue.http = False, 403
    house.run(60)
    assert (house.account.venue_state, house.halt) == ("geoblocked", None)
    house.venue.knows = True
    house.run(5)
    assert house.account.venue_state == "running"
