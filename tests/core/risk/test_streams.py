"""Whatever comes, no limit is exceeded (R26): random wishes, answers, losses of words and deaths, against books of our own.

The little executor here is the truth: what it was handed counts from that moment, whether risk has heard of it or not. It
reckons by itself what each limit means, in its own few lines.
"""

import random
from dataclasses import dataclass, field

import pytest

from messages import (
    Accepted,
    Account,
    ApprovedOrder,
    DayResult,
    OrderIntent,
    Outcome,
    Positions,
    Refused,
    RiskVerdict,
    Seen,
    SentOrder,
    Snapshot,
    SnapshotTaken,
)
from messages.inner import NoReply
from polybot.core.utc import day_of
from polybot.settings import Risk, Settings
from tests.build import T0, a_prediction, an_account, positions, slug_of, window
from tests.core.risk.conftest import Bench, Kit

S = 10**9
A_STREAM = 40


@dataclass
class Bet:
    """One order that was taken: its worst case while it may fill, then what it cost."""

    intent: OrderIntent
    signed_ns: int
    is_open: bool = True
    cost_e6: int = 0
    pnl_e6: int | None = None
    is_paid: bool = False

    @property
    def risked_e6(self) -> int:
        return self.intent.worst_e6 if self.is_open else self.cost_e6

    @property
    def is_held(self) -> bool:
        return self.is_open or (self.cost_e6 > 0 and not self.is_paid)


@dataclass
class Truth:
    """The books, the dice, and the limits as this test understands them."""

    kit: Kit
    luck: random.Random
    knobs: Settings
    purse_e6: int
    bets: list[Bet] = field(default_factory=list)
    seq: int = 1

    # --- what it tells

    def account(self, now_ns: int) -> Account:
        days: dict[tuple[str, str], list[int]] = {}
        for bet in self.bets:
            row = days.setdefault((day_of(bet.intent.end_s), bet.intent.strategy), [0, 0])
            row[0] += bet.pnl_e6 or 0
            row[1] += 0 if bet.pnl_e6 is not None else bet.risked_e6
        in_vain = 0
        for bet in reversed(self.bets):
            if bet.cost_e6:
                break
            in_vain += 1
        return an_account(
            purse_e6=self.purse_e6,
            free_e6=self.free_e6,
            reserved_e6=sum(b.risked_e6 for b in self.bets if b.is_open),
            positions_e6=sum(b.cost_e6 for b in self.bets if not b.is_open and b.pnl_e6 is None),
            equity_e6=self.equity_e6,
            journal_seq=self.seq,
            days=tuple(
                DayResult(day=d, strategy=s, realised_e6=r, open_e6=o) for (d, s), (r, o) in sorted(days.items())
            ),
            sent=tuple(
                SentOrder(
                    intent_id=b.intent.id,
                    strategy=b.intent.strategy,
                    slug=b.intent.slug,
                    signed_ns=b.signed_ns,
                    filled=b.cost_e6 > 0,
                )
                for b in self.bets
                if b.intent.end_s * S > now_ns or b.signed_ns > now_ns - 60 * S
            ),
            unfilled=in_vain,
        )

    def positions(self) -> Positions:
        held = [b for b in self.bets if b.is_held and not b.is_open]
        return positions(
            positions=tuple(
                self.kit.a_position(
                    b.intent.start_s,
                    outcome=b.intent.outcome,
                    strategy=b.intent.strategy,
                    cost_e6=b.cost_e6,
                    state="open" if b.pnl_e6 is None else "claim",
                )
                for b in held
            ),
            orders=tuple(self.kit.an_order(b.intent) for b in self.bets if b.is_open),
            journal_seq=self.seq,
        )

    @property
    def free_e6(self) -> int:
        paid = sum(b.cost_e6 + (b.pnl_e6 or 0) for b in self.bets if b.is_paid)
        return self.purse_e6 + paid - sum(b.risked_e6 for b in self.bets)

    @property
    def equity_e6(self) -> int:
        return self.purse_e6 + sum(b.pnl_e6 or 0 for b in self.bets)

    @property
    def worst_e6(self) -> int:
        """Equity when everything that has no outcome yet is lost, filled to the last."""
        return self.equity_e6 - sum(b.risked_e6 for b in self.bets if b.pnl_e6 is None)

    @property
    def floor_usd(self) -> float:
        return self.purse_e6 / 1e6 * (1 - self.knobs.risk.max_drawdown_pct / 100)

    # --- what happens

    def taken(self, intent: OrderIntent, now_ns: int) -> None:
        self.seq += 1
        self.bets.append(Bet(intent, now_ns))

    def time_passes(self, now_ns: int) -> None:
        """Orders end, filled or in part or not; windows end, lost more often than won; winners are paid, some day."""
        self.seq += 1
        for bet in self.bets:
            if bet.is_open and self.luck.random() < 0.8:
                bet.is_open = False
                bet.cost_e6 = int(bet.intent.worst_e6 * self.luck.choice((0, 0.4, 1, 1, 1)))
            elif not bet.is_open and bet.pnl_e6 is None and bet.intent.end_s * S <= now_ns and self.luck.random() < 0.7:
                bet.pnl_e6 = bet.cost_e6 if self.luck.random() < 0.4 else -bet.cost_e6
            elif bet.pnl_e6 is not None and self.luck.random() < 0.7:
                bet.is_paid = True
        assert self.worst_e6 >= self.floor_usd * 1e6, "no worst case has passed the floor"

    # --- what must hold

    def check(self, intent: OrderIntent, now_ns: int) -> None:
        """Before it is taken: with it, no limit is exceeded."""
        risk, worst = self.knobs.risk, intent.worst_e6
        held = [b for b in self.bets if b.is_held]
        day = [b for b in self.bets if day_of(b.intent.end_s) == day_of(intent.end_s)]
        lost = sum(b.risked_e6 if b.pnl_e6 is None else -b.pnl_e6 for b in day)
        markets = {b.intent.slug for b in held if b.pnl_e6 is None} | {intent.slug}
        own = [b.risked_e6 for b in held if b.intent.strategy == intent.strategy]
        assert self.worst_e6 - worst >= self.floor_usd * 1e6, "the floor"
        assert lost + worst <= risk.daily_loss_usd * 1e6, "daily loss"
        assert sum(b.risked_e6 for b in held if b.intent.slug == intent.slug) + worst <= risk.max_market_usd * 1e6
        assert sum(b.risked_e6 for b in held) + worst <= risk.max_exposure_usd * 1e6, "exposure"
        assert intent.strategy != "one" or sum(own) + worst <= 30e6, "a strategy's own exposure"
        assert len(markets) <= risk.max_positions, "markets at once"
        assert worst <= self.free_e6, "funds"
        assert 1_000_000 <= intent.stake_e6 <= risk.max_stake_usd * 1e6, "one order"
        assert not any(b.is_open for b in self.bets), "one entry order at a time, in flight or open"
        of_window = [b for b in self.bets if b.intent.slug == intent.slug]
        assert intent.strategy not in [b.intent.strategy for b in of_window], "one entry a strategy and window"
        assert all(b.intent.outcome == intent.outcome for b in of_window if b.is_held), "opposite"
        assert all(now_ns - b.signed_ns >= 30 * S or intent.prediction.decided_ns <= b.signed_ns for b in of_window), (
            "cooldown"
        )
        assert sum(now_ns - b.signed_ns < 60 * S for b in self.bets) < 20, "orders a minute"
        assert now_ns <= intent.good_until_ns and intent.start_s * S <= now_ns <= (intent.end_s - 30) * S, "in time"


def a_wish(kit: Kit, luck: random.Random, n: int, now_ns: int) -> OrderIntent:
    """Of the window that runs, now and then of another; decided just now."""
    start_s = now_ns // S // 300 * 300 - (300 if luck.random() < 0.05 else 0)
    outcome: Outcome = "UP" if luck.random() < 0.9 else "DOWN"
    strategy = luck.choice(("one", "two", "three"))
    return kit.an_intent(
        stake_e6=luck.choice((200, 500, 900, 2000, 3500)) * 10_000 + luck.randrange(0, 200) * 10_000,
        start_s=start_s,
        id=f"main/{strategy}/{slug_of(start_s)}/{n}",
        strategy=strategy,
        outcome=outcome,
        token_id="111" if outcome == "UP" else "222",
        good_until_ns=now_ns + luck.choice((-1, 0, 3)) * S,
        prediction=a_prediction(**window(start_s), decided_ns=now_ns - luck.randrange(0, 3) * S),
    )


def snapshots(bench: Bench, truth: Truth, at_s: float, now_ns: int) -> None:
    """Those asked for are answered, or met with silence."""
    asked = bench.all(Snapshot)
    if asked and truth.luck.random() < 0.7:
        answer = SnapshotTaken(id=asked[-1].id, account=truth.account(now_ns), positions=truth.positions())
        bench.hear(at_s, answer)
    elif asked:
        bench.hear(at_s, NoReply(id=asked[-1].id, to="executor", request="Snapshot"))


def a_stream(kit: Kit, seed: int, totals: dict[str, int]) -> None:
    luck = random.Random(seed)
    knobs = Settings(
        risk=Risk(
            max_drawdown_pct=luck.choice((25.0, 100.0, 100.0)),
            daily_loss_usd=luck.choice((15.0, 40.0, 500.0)),
            max_market_usd=luck.choice((20.0, 50.0, 500.0)),
            max_exposure_usd=luck.choice((25.0, 60.0, 500.0)),
            max_positions=luck.choice((1, 2, 50)),
            loss_pause_after=50,
        ),
        strategy={"one": {"max_exposure_usd": 30.0}},
    )
    truth = Truth(kit, luck, knobs, luck.choice((40_000_000, 100_000_000)))
    at_s = luck.choice((10.0, 86_400.0 - 1200))
    bench = kit.Bench(knobs, windows=600).grown()
    bench.snapshot(at_s, truth.account(T0 * S), truth.positions())
    for n in range(A_STREAM):
        at_s += luck.choice((0.5, 2.0, 8.0, 31.0, 61.0, 300.0))
        now_ns = T0 * S + round(at_s * S)
        if luck.random() < 0.03:
            bench = kit.Bench(knobs, boot=8 + n, windows=600).grown()  # risk died; what it knew is gone
        snapshots(bench, truth, at_s, now_ns)
        bench.said.clear() if not bench.core._in_flight.is_asking else None
        bench.ready_again(at_s, now_ns // S // 300 * 300)
        intent = a_wish(kit, luck, n, now_ns)
        for said in bench.hear(at_s, intent):
            if isinstance(said, ApprovedOrder):
                truth.check(said.intent, now_ns)
                totals["approved"] = totals.get("approved", 0) + 1
                answer(bench, truth, said.intent, at_s, now_ns)
            elif isinstance(said, RiskVerdict) and said.reason_code:
                totals[said.reason_code] = totals.get(said.reason_code, 0) + 1
        if luck.random() < 0.7:
            truth.time_passes(now_ns)
        if luck.random() < 0.5:
            bench.hear(at_s, truth.account(now_ns), truth.positions())


def answer(bench: Bench, truth: Truth, intent: OrderIntent, at_s: float, now_ns: int) -> None:
    """Whatever it says of it, what it does not clearly refuse it has taken."""
    how = truth.luck.choice(("accepted", "accepted", "seen", "refused", "silence", "lost"))
    if how == "refused":
        bench.hear(at_s, Refused(id=intent.id, reason_code="X", reason=""))
        return
    truth.taken(intent, now_ns)
    if how == "accepted":
        bench.hear(at_s, Accepted(id=intent.id, order_id="0x"))
    elif how == "seen":
        bench.hear(at_s, Seen(id=intent.id, order_id="0x", reason_code="", reason="", conflict=False))
    elif how == "silence":
        bench.hear(at_s, NoReply(id=intent.id, to="executor", request="ApprovedOrder"))


def streams(kit: Kit, wishes: int, first_seed: int) -> dict[str, int]:
    totals: dict[str, int] = {}
    for seed in range(first_seed, first_seed + wishes // A_STREAM):
        try:
            a_stream(kit, seed, totals)
        except AssertionError as exc:
            raise AssertionError(f"seed {seed}: {exc}") from exc
    return totals


MET = (
    "DRAWDOWN_AHEAD",
    "DAILY_LOSS",
    "MAX_MARKET",
    "MAX_EXPOSURE",
    "MAX_POSITIONS",
    "MAX_ORDER",
    "ENTRY_OPEN",
    "ONE_ENTRY",
    "COOLDOWN",
)


def test_no_stream_of_wishes_ever_exceeds_a_limit(kit: Kit) -> None:
    totals = streams(kit, 4_000, 1)
    assert totals["approved"] > 100
    assert [code for code in (*MET, "OPPOSITE", "TOO_LATE") if not totals.get(code)] == [], "each was met"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_wishes_never_exceed_a_limit(kit: Kit) -> None:
    totals = streams(kit, 100_000, 10_000)
    assert [code for code in (*MET, "OPPOSITE", "TOO_LATE", "OUTSIDE_WINDOW", "FUNDS") if not totals.get(code)] == []
