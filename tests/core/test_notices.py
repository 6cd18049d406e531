"""What needs a person, and that it is told once."""

import msgspec

from messages import Account, ActorDied, FeedStatus, Settlement, Word, encode
from messages.feeds import FeedState
from messages.inner import HaltSeen, LookAround, Notify, Restored, Tick
from polybot.core.notifier.core import LOST_S, QUIET_NS, NotifierCore
from tests.build import T0, a_feed_status, a_halt, a_risk_state, a_settlement, a_start, an_account

NOW_NS = T0 * 10**9


class Bench:
    """The core and its machine time."""

    def __init__(self, told: tuple[Notify, ...] = (), halted: str = "") -> None:
        self.core, self.now_s = NotifierCore(), 100.0
        self.hear(a_start(actor="notifier", mono_s=100.0, halted=halted))
        self.first = self.hear(Restored(records=tuple(encode(n) for n in told), last_seq=0))

    def hear(self, word: Word, at_ns: int = NOW_NS) -> list[Notify]:
        return [w for w in self.core.handle(word, at_ns) if isinstance(w, Notify)]

    def pass_s(self, seconds: float, *heard: FeedStatus) -> list[Notify]:
        told: list[Notify] = []
        for _ in range(round(seconds)):
            self.now_s += 1.0
            for word in heard:
                told += self.hear(word)
            told += self.hear(Tick(timer=LookAround(), mono_s=self.now_s))
        return told


def a_feed(state: FeedState = "up", feed: str = "price", reason: str = "") -> FeedStatus:
    return a_feed_status(feed=feed, state=state, reason=reason)


def by_risk(halt_id: str = "h1") -> HaltSeen:
    return a_halt(halt_id=halt_id, by="risk", reason_code="DRAWDOWN", reason="equity 70 USD")


def a_correction(corrected: bool = True) -> Settlement:
    """It won and has lost after all."""
    return a_settlement(outcome="DOWN", corrected=corrected, paid=False, payout_e6=0, pnl_e6=-5_170_000, win=False)


def told_by_venue(state: str) -> Account:
    return an_account(venue_state=state, venue_why="401 Unauthorized/Invalid api key" if state != "running" else "")


def test_a_halt_is_told_once_with_who_and_why() -> None:
    bench = Bench()
    (told,) = bench.hear(by_risk())
    assert (told.kind, told.text) == ("halt", "halted by risk: DRAWDOWN: equity 70 USD")
    assert bench.hear(by_risk()) == []
    assert bench.hear(a_halt(halt_id="", by="", reason_code="")) == [], "lifting is no news"
    assert [n.key for n in bench.hear(by_risk("h2"))] == ["h2"]


def test_a_halt_written_while_nobody_was_here_is_told_at_the_start_and_an_old_one_is_not() -> None:
    (told,) = Bench(halted="h1").first
    assert told.key == "h1"
    assert Bench(told=(told,), halted="h1").first == []


def test_a_refused_login_is_told_when_it_begins() -> None:
    bench = Bench()
    assert bench.hear(told_by_venue("running")) == []
    (told,) = bench.hear(told_by_venue("unauthorized"))
    assert (told.kind, "401" in told.text) == ("login_refused", True)
    assert bench.hear(told_by_venue("unauthorized")) == []
    assert bench.hear(told_by_venue("running")) == []
    assert bench.hear(told_by_venue("unauthorized"), NOW_NS + QUIET_NS - 1) == [], "within the hour"
    assert bench.hear(told_by_venue("running")) == []
    assert [n.kind for n in bench.hear(told_by_venue("unauthorized"), NOW_NS + QUIET_NS)] == ["login_refused"]


def test_a_venue_that_forbids_us_to_trade_from_here_is_told_too() -> None:
    (told,) = Bench().hear(told_by_venue("geoblocked"))
    assert (told.kind, told.text[:33]) == ("login_refused", "the venue refuses us from here: 4")


def test_a_pause_that_the_bot_asked_for_is_told_once_and_one_by_hand_is_not() -> None:
    bench = Bench()
    by_hand = a_risk_state(state="REDUCING", reason_code="PAUSED", reason="paused by user: lunch")
    by_us = a_risk_state(state="REDUCING", reason_code="PAUSED", reason="paused by executor: the same words 3 times")
    assert bench.hear(by_hand) == []
    assert bench.hear(a_risk_state()) == []
    (told,) = bench.hear(by_us)
    assert (told.kind, told.text) == ("paused", by_us.reason)
    assert bench.hear(by_us) == []


def test_a_trade_that_nobody_can_read_is_told_once_by_its_market() -> None:
    bench = Bench()
    account = an_account(unreadable={"0xc0": "trade t9: size '?'"})
    (told,) = bench.hear(account)
    assert (told.kind, told.facts) == ("unreadable", {"market": "0xc0", "why": "trade t9: size '?'"})
    assert bench.hear(account) == []


def test_that_nothing_fits_above_the_floor_is_told_when_it_begins_with_what_to_do() -> None:
    bench = Bench()
    at_floor = a_risk_state(state="REDUCING", reason_code="DRAWDOWN_AHEAD", reason="equity 75 USD. To trade on: …")
    assert bench.hear(a_risk_state(state="REDUCING", reason_code="DAILY_LOSS", reason="until tomorrow")) == []
    (told,) = bench.hear(at_floor)
    assert (told.kind, told.text) == ("floor", "no more entries: equity 75 USD. To trade on: …")
    assert bench.hear(at_floor, NOW_NS + 2 * QUIET_NS) == [], "it still stands"
    assert bench.hear(a_risk_state()) == []
    assert [n.kind for n in bench.hear(at_floor, NOW_NS + QUIET_NS)] == ["floor"]


def test_only_a_corrected_settlement_is_told() -> None:
    bench = Bench()
    assert bench.hear(a_correction(corrected=False)) == []
    (told,) = bench.hear(a_correction())
    assert told.kind == "settlement_corrected"
    assert told.text == "btc-updown-5m-1795132800 was corrected: DOWN won, coin held UP, P&L -5.17 USD"
    assert bench.hear(a_correction()) == [], "the same word again"


def test_a_feed_is_lost_at_sixty_seconds_and_not_before() -> None:
    bench = Bench()
    assert bench.pass_s(3, a_feed()) == []
    assert bench.pass_s(LOST_S - 1, a_feed("stale", reason="no trade")) == []
    (told,) = bench.pass_s(1, a_feed("stale", reason="no trade"))
    assert (told.kind, told.text) == ("feed_lost", "the price feed is lost for 60 s: no trade")
    assert bench.pass_s(300, a_feed("down")) == [], "told once"


def test_a_feed_whose_actor_is_silent_is_lost_too_and_one_never_heard_is_not() -> None:
    bench = Bench()
    bench.pass_s(2, a_feed(feed="oracle"))
    (told,) = bench.pass_s(LOST_S)
    assert told.text == "the oracle feed is lost for 60 s: its actor is silent"
    assert Bench().pass_s(300) == []


def test_a_feed_that_came_back_counts_anew() -> None:
    bench = Bench()
    bench.pass_s(1, a_feed())
    assert bench.pass_s(LOST_S - 1, a_feed("stale")) == []
    bench.pass_s(1, a_feed())
    assert bench.pass_s(LOST_S - 1, a_feed("stale")) == []


def test_our_own_sleep_is_not_taken_for_the_feeds_loss() -> None:
    bench = Bench()
    bench.pass_s(2, a_feed())
    bench.now_s += 3600.0
    assert bench.pass_s(5, a_feed("stale")) == []


def test_an_actor_that_ends_again_and_again_is_told_once_an_hour_with_what_became_of_it() -> None:
    bench = Bench()
    died = ActorDied(actor="recorder", pid=7, how="died", died_ns=NOW_NS, exits_in_minute=1)
    assert bench.hear(died) == []
    dropped = msgspec.structs.replace(died, exits_in_minute=6, exits_in_hour=6, loop="dropped", retry_s=10.0)
    (told,) = bench.hear(dropped)
    assert (told.kind, told.text) == (
        "crash_loop",
        "recorder ended 6 times within an hour (died); trading goes on without it, and it is started again after 10 s",
    )
    assert bench.hear(dropped) == []
    assert bench.hear(msgspec.structs.replace(dropped, loop="halted")) == [], "the halt is told"
    (told,) = bench.hear(msgspec.structs.replace(dropped, exits_in_hour=21, loop="often"))
    assert told.text == "recorder ended 21 times within an hour (died)"
