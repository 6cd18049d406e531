"""What needs a person, and that it is told once."""

from messages import Account, FeedStatus, Settlement, Word, encode
from messages.inner import HaltSeen, LookAround, Notify, Restored, Started, Tick
from polybot.core.notifier.core import LOST_S, QUIET_NS, NotifierCore

T0 = 1_795_132_800 * 10**9


class Bench:
    """The core and its machine time."""

    def __init__(self, told: tuple[Notify, ...] = (), halted: str = "") -> None:
        self.core, self.now_s = NotifierCore(), 100.0
        begun = Started(
            actor="notifier", boot=1, config="{}", versions={}, mono_s=100.0, speed=1.0, session="", halted=halted
        )
        self.hear(begun)
        self.first = self.hear(Restored(records=tuple(encode(n) for n in told), last_seq=0))

    def hear(self, word: Word, at_ns: int = T0) -> list[Notify]:
        return [w for w in self.core.handle(word, at_ns) if isinstance(w, Notify)]

    def pass_s(self, seconds: float, *heard: FeedStatus) -> list[Notify]:
        told: list[Notify] = []
        for _ in range(round(seconds)):
            self.now_s += 1.0
            for word in heard:
                told += self.hear(word)
            told += self.hear(Tick(timer=LookAround(), mono_s=self.now_s))
        return told


def a_feed(state: str = "up", feed: str = "price", reason: str = "") -> FeedStatus:
    return FeedStatus(feed=feed, state=state, reason=reason, age_s=0.0, since_ns=T0)  # type: ignore[arg-type]


def a_halt(halt_id: str = "h1") -> HaltSeen:
    return HaltSeen(halt_id=halt_id, by="risk", reason_code="DRAWDOWN", reason="equity 70 USD")


def a_settlement(corrected: bool = True) -> Settlement:
    return Settlement(
        account="main",
        strategy="rsi_ema",
        slug="btc-updown-5m-1795132800",
        start_s=1_795_132_800,
        end_s=1_795_133_100,
        outcome="DOWN",
        provisional=False,
        paid=False,
        corrected=corrected,
        held="UP",
        cost_e6=5_000_000,
        fee_e6=170_000,
        payout_e6=0,
        pnl_e6=-5_170_000,
        win=False,
        win_streak=0,
        settled_ns=T0,
        journal_seq=9,
    )


def an_account(venue_state: str) -> Account:
    return Account(
        account="main",
        ready=True,
        why_not_ready="",
        purse_e6=0,
        wallet_e6=0,
        cash_pnl_e6=0,
        free_e6=0,
        reserved_e6=0,
        positions_e6=0,
        claims_e6=0,
        equity_e6=0,
        realised_e6=0,
        peak_equity_e6=0,
        max_drawdown_e6=0,
        fees_e6=0,
        streaks={},
        halted=False,
        halt_reason="",
        unknown_orders=(),
        open_orders=0,
        unresolved=0,
        late=0,
        blocked_slugs=(),
        last_window_s=0,
        day="2026-11-20",
        day_pnl_e6=0,
        reconciled_ns=0,
        journal_seq=1,
        venue_state=venue_state,
        venue_why="401 Unauthorized/Invalid api key" if venue_state != "running" else "",
    )


def test_a_halt_is_told_once_with_who_and_why() -> None:
    bench = Bench()
    (told,) = bench.hear(a_halt())
    assert (told.kind, told.text) == ("halt", "halted by risk: DRAWDOWN: equity 70 USD")
    assert bench.hear(a_halt()) == []
    assert bench.hear(HaltSeen(halt_id="", by="", reason_code="", reason="")) == [], "lifting is no news"
    assert [n.key for n in bench.hear(a_halt("h2"))] == ["h2"]


def test_a_halt_written_while_nobody_was_here_is_told_at_the_start_and_an_old_one_is_not() -> None:
    (told,) = Bench(halted="h1").first
    assert told.key == "h1"
    assert Bench(told=(told,), halted="h1").first == []


def test_a_refused_login_is_told_when_it_begins() -> None:
    bench = Bench()
    assert bench.hear(an_account("running")) == []
    (told,) = bench.hear(an_account("unauthorized"))
    assert (told.kind, "401" in told.text) == ("login_refused", True)
    assert bench.hear(an_account("unauthorized")) == []
    assert bench.hear(an_account("running")) == []
    assert bench.hear(an_account("unauthorized"), T0 + QUIET_NS - 1) == [], "within the hour"
    assert bench.hear(an_account("running")) == []
    assert [n.kind for n in bench.hear(an_account("unauthorized"), T0 + QUIET_NS)] == ["login_refused"]


def test_a_venue_that_forbids_us_to_trade_from_here_is_told_too() -> None:
    (told,) = Bench().hear(an_account("geoblocked"))
    assert (told.kind, told.text[:33]) == ("login_refused", "the venue refuses us from here: 4")


def test_only_a_corrected_settlement_is_told() -> None:
    bench = Bench()
    assert bench.hear(a_settlement(corrected=False)) == []
    (told,) = bench.hear(a_settlement())
    assert told.kind == "settlement_corrected"
    assert told.text == "btc-updown-5m-1795132800 was corrected: DOWN won, rsi_ema held UP, P&L -5.17 USD"
    assert bench.hear(a_settlement()) == [], "the same word again"


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
