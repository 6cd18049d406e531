"""The books after any history: what was folded step by step equals what folding all of it anew comes to."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from messages import OrderIntent, Settlement
from polybot.core.executor.books import double_entry, past
from polybot.core.executor.books.entries import (
    AnyEntry,
    FillBooked,
    FillConfirmed,
    FillReversed,
    IntentSigned,
    Opened,
    OrderTold,
    PaidOut,
    Recalled,
    WindowNoted,
    WindowResolved,
    Written,
    to_bytes,
)
from polybot.core.executor.books.events import events_from, newest
from polybot.core.executor.books.fold import apply, restored, snapshot
from polybot.core.executor.books.settlement import claim_e6, holdings, key_of, outcome_of, streak_of
from polybot.core.executor.books.state import Books, books_to_bytes
from polybot.core.executor.books.streaks import NONE, Traded, fold
from polybot.core.utc import day_of

FIRST_S = 1_795_132_800
STRATEGIES = ("a", "b", "c")
SIDES = ("UP", "DOWN")


@dataclass
class History:
    """Random entries that a venue could have caused: fills late, failed and settled twice, outcomes corrected, SPLIT."""

    kit: Any
    luck: random.Random
    n: int = 0
    serial: int = 0
    orders: list[tuple[str, OrderIntent, list[str]]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    noted: dict[str, None] = field(default_factory=dict)

    def entries(self, count: int) -> Iterator[AnyEntry]:
        yield Opened(account="main", purse_e6=100_000_000, wallet_e6=1_000_000_000)
        for _ in range(count):
            yield from self._step()

    def _step(self) -> Iterator[AnyEntry]:
        dice = self.luck.random()
        if dice < 0.30 or not self.orders:
            yield from self._window()
        elif dice < 0.45:
            order_id, intent, trades = self.luck.choice(self.orders[-12:])
            self.serial += 1
            trade_id = f"t{self.serial}"
            trades.append(trade_id)
            size = self.luck.randrange(1, intent.taker_e6)
            yield FillBooked(
                order_id=order_id, trade_id=trade_id, size_e6=size, price_e6=500_000, cost_e6=size // 2,
                fee_e6=size // 60, status="MATCHED", is_taker=True, matched_s=intent.start_s,
            )  # fmt: skip
        elif dice < 0.60:
            order_id, _, trades = self.luck.choice(self.orders[-12:])
            if trades:
                trade_id = self.luck.choice(trades)
                if self.luck.random() < 0.7:
                    yield FillConfirmed(order_id=order_id, trade_id=trade_id)
                else:
                    trades.remove(trade_id)
                    yield FillReversed(order_id=order_id, trade_id=trade_id)
        else:
            yield from self._outcome()

    def _window(self) -> Iterator[AnyEntry]:
        self.n += 1
        for strategy in STRATEGIES:
            if self.luck.random() < 0.6:
                stake_e6, outcome = self.luck.randrange(2, 9) * 1_000_000, self.luck.choice(SIDES)
                intent = self.kit.intent(
                    start_s=FIRST_S + 300 * self.n, strategy=strategy, outcome=outcome, token_id=f"{self.n}{outcome}",
                    stake_e6=stake_e6, maker_e6=stake_e6, taker_e6=2 * stake_e6, worst_e6=stake_e6 + 350_000,
                )  # fmt: skip
                order_id = f"0x{self.n}{strategy}"
                self.orders.append((order_id, intent, []))
                yield IntentSigned(
                    intent=intent, order_id=order_id, body=b"{}", risk_boot=1, good_until_ns=0, cancel_at_ns=0
                )
                yield OrderTold(order_id=order_id, posts=1, seen=True, over=True)
        self.ended.append(self.n)

    def _outcome(self) -> Iterator[AnyEntry]:
        """Of one of the newest windows, or, now and then, of any: a correction may come days later."""
        n = self.luck.choice(self.ended[-4:] if self.luck.random() < 0.8 else self.ended)
        start_s = FIRST_S + 300 * n
        slug, end_s = f"btc-updown-5m-{start_s}", start_s + 300
        dice = self.luck.random()
        if dice < 0.4:
            outcome = self.luck.choice(SIDES if slug in self.noted else (*SIDES, None))  # nothing is taken back
            if outcome is not None:
                self.noted[slug] = None
            yield WindowNoted(
                slug=slug, start_s=start_s, end_s=end_s, outcome=outcome, inferred=False, move_bp=1.0  # type: ignore[arg-type]
            )  # fmt: skip
        elif dice < 0.8:
            self.noted[slug] = None
            winner = self.luck.choice(("UP", "DOWN", "SPLIT"))
            yield WindowResolved(slug=slug, start_s=start_s, end_s=end_s, winner=winner)  # type: ignore[arg-type]
        else:
            known = [intent for _, intent, _ in self.orders if intent.slug == slug]
            if known:
                amount = self.luck.randrange(1, 9_000_000)
                yield PaidOut(strategy=self.luck.choice(known).strategy, slug=slug, amount_e6=amount)


def written(entries: Iterator[AnyEntry]) -> Iterator[Written]:
    for seq, entry in enumerate(entries, 1):
        yield Written(version=1, seq=seq, at_ns=(FIRST_S + seq) * 10**9, entry=entry)


def check(books: Books) -> None:
    """Everything that the steps have left in the books, reckoned anew from orders and windows alone."""
    spent = payouts = claims = fees = realised = 0
    days: dict[str, dict[str, int]] = {}
    open_cost: dict[str, int] = {}
    rows: dict[str, list[Traded]] = {}
    for window in books.windows.values():
        for strategy, holding in holdings(books, window).items():
            fees += holding.fees_e6
            outcome = outcome_of(window)
            if holding.bought_e6:
                rows.setdefault(strategy, []).append(
                    Traded(slug=window.slug, start_s=window.start_s, held=holding.held, outcome=outcome,
                           cost_e6=holding.bought_e6, stake_e6=holding.stake_e6, move_bp=window.move_bp)
                )  # fmt: skip
            if not outcome:
                for token, cost in holding.cost.items():
                    open_cost[token] = open_cost.get(token, 0) + cost
                continue
            payout = holding.payout_e6(outcome)
            pnl = payout - holding.cost_e6 - holding.fees_e6
            spent, payouts, realised = spent + holding.cost_e6, payouts + payout, realised + pnl
            claims += payout
            of_day = days.setdefault(day_of(window.end_s), {})
            of_day[strategy] = of_day.get(strategy, 0) + pnl
            assert books.settled[key_of(strategy, window.slug)].said.pnl_e6 == pnl
    claims -= sum(books.paid.values())
    balance = {account: double_entry.balance_e6(books, account) for account in ("spent", "payouts", "claims", "fees")}
    assert balance == {"spent": spent, "payouts": -payouts, "claims": claims, "fees": fees}
    positions = {a.removeprefix("position:"): v for a, v in books.accounts.items() if a.startswith("position:")}
    assert positions == {token: cost for token, cost in open_cost.items() if cost}
    assert books.realised_e6 == realised
    assert {(d, s): v for d, of in books.days.items() for s, v in of.items() if v} == {
        (d, s): v for d, of in days.items() for s, v in of.items() if v
    }
    for strategy in STRATEGIES:
        run = sorted(rows.get(strategy, []), key=lambda row: (row.start_s, row.slug))
        after = fold(run)
        assert streak_of(books, strategy) == (after[-1] if after else NONE)
        for row, streak in zip(run, after, strict=True):
            if row.outcome:
                assert books.settled[key_of(strategy, row.slug)].said.win_streak == streak.wins
    assert sum(books.accounts.values()) == 0


@pytest.mark.parametrize("seed", range(40))
def test_after_every_entry_the_books_are_what_a_fold_of_everything_comes_to(kit: Any, seed: int) -> None:
    books = Books()
    for one in written(History(kit, random.Random(seed)).entries(60)):
        apply(books, one)
        check(books)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_ten_thousand_histories(kit: Any, first: int) -> None:
    for seed in range(first, first + 500):
        books = Books()
        for one in written(History(kit, random.Random(seed)).entries(40)):
            apply(books, one)
            check(books)


@pytest.mark.parametrize("seed", range(25))
def test_a_snapshot_at_any_place_changes_nothing_of_what_comes_after_it(kit: Any, seed: int) -> None:
    luck = random.Random(seed)
    whole = list(written(History(kit, luck).entries(80)))
    books = Books()
    place = luck.randrange(1, len(whole))
    said: list[object] = []
    for one in whole:
        before = len(books.notes)
        apply(books, one)
        said += events_from(books, before)
        if one.seq == place:
            record = snapshot(books)
    again = restored((record, *(to_bytes(one.entry, one.seq, one.at_ns) for one in whole[place:])))
    again.snapshot_seq = books.snapshot_seq
    assert books_to_bytes(again) == books_to_bytes(books)
    assert [e for e in said if isinstance(e, Settlement)] == [n.said for n in books.notes if hasattr(n, "said")]


def test_a_claim_is_what_was_won_less_what_was_paid(kit: Any) -> None:
    books = Books()
    for one in written(History(kit, random.Random(7)).entries(60)):
        apply(books, one)
    for key, row in books.settled.items():
        assert claim_e6(books, key) == row.said.payout_e6 - books.paid.get(key, 0)


# --- what leaves the books


def days_of_trading(kit: Any, windows: int, luck: random.Random) -> Iterator[AnyEntry]:
    """Window after window with its whole life; some stay stuck for long: a fill that is not settled, a winner never told."""
    yield Opened(account="main", purse_e6=100_000_000, wallet_e6=1_000_000_000)
    stuck: list[list[AnyEntry]] = []
    for n in range(1, windows + 1):
        start_s = FIRST_S + 300 * n
        slug, end_s = f"btc-updown-5m-{start_s}", start_s + 300
        last: list[AnyEntry] = []
        winner = luck.choice(("UP", "DOWN", "DOWN", "SPLIT"))
        for strategy in STRATEGIES:
            if luck.random() < 0.5:
                continue
            outcome = luck.choice(SIDES)
            intent = kit.intent(start_s=start_s, strategy=strategy, outcome=outcome, token_id=f"{n}{outcome}")
            order_id = f"0x{n}{strategy}"
            yield IntentSigned(
                intent=intent, order_id=order_id, body=b"{}", risk_boot=1, good_until_ns=0, cancel_at_ns=0
            )
            fill = FillBooked(
                order_id=order_id, trade_id=order_id, size_e6=9_000_000, price_e6=500_000, cost_e6=4_500_000,
                fee_e6=80_000, status="MATCHED", is_taker=True, matched_s=start_s,
            )  # fmt: skip
            yield fill
            yield OrderTold(order_id=order_id, posts=1, seen=True, over=True, matched_e6=9_000_000)
            last.append(FillConfirmed(order_id=order_id, trade_id=order_id))
            won = 9_000_000 if winner == outcome else 4_500_000 if winner == "SPLIT" else 0
            if won:
                last.append(PaidOut(strategy=strategy, slug=slug, amount_e6=won))
        yield WindowNoted(
            slug=slug, start_s=start_s, end_s=end_s, outcome=luck.choice(SIDES), inferred=False, move_bp=2.0
        )
        if last:
            last.insert(0, WindowResolved(slug=slug, start_s=start_s, end_s=end_s, winner=winner))  # type: ignore[arg-type]
        if last and luck.random() < 0.04:
            stuck.append(last)
        else:
            yield from last
        if stuck and luck.random() < 0.02:
            yield from stuck.pop(0)
    for late in stuck:
        yield from late


@pytest.mark.parametrize("seed", range(6))
def test_what_leaves_the_books_changes_nothing_that_is_said(
    kit: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    entries = list(written(days_of_trading(kit, 400, random.Random(seed))))
    told: dict[int, list[object]] = {}
    books: dict[int, Books] = {}
    for kept_s in (10**9, 6_000):
        monkeypatch.setattr(past, "KEPT_S", kept_s)
        books[kept_s], told[kept_s] = Books(), []
        for one in entries:
            apply(books[kept_s], one)
            told[kept_s] += newest(books[kept_s])
    whole, small = books.values()
    assert in_money(told[10**9]) == in_money(told[6_000])
    assert (small.accounts, small.realised_e6, small.open, small.pending) == (
        whole.accounts, whole.realised_e6, whole.open, whole.pending,
    )  # fmt: skip
    assert [streak_of(small, s) for s in STRATEGIES] == [streak_of(whole, s) for s in STRATEGIES]
    assert (small.peak_equity_e6, small.max_drawdown_e6) == (whole.peak_equity_e6, whole.max_drawdown_e6)
    assert len(small.windows) < 100 < 200 < len(whole.windows)
    assert len(small.notes) < len(whole.notes) // 2 and len(small.orders) < len(whole.orders) // 2
    assert len(books_to_bytes(small)) < len(books_to_bytes(whole)) // 2


def in_money(told: list[object]) -> list[object]:
    """Without what says nothing new but a streak: of windows that have left, a later change of it is not told again."""
    known: dict[str, Settlement] = {}
    found: list[object] = []
    for event in told:
        if isinstance(event, Settlement):
            plain = msgspec.structs.replace(event, win_streak=0, corrected=False, settled_ns=0, journal_seq=0)
            if known.get(f"{event.strategy}/{event.slug}") == plain:
                continue
            known[f"{event.strategy}/{event.slug}"] = plain
            event = plain
        found.append(event)
    return found


def test_a_window_that_left_comes_back_for_its_correction(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue changes its mind days later: as if the window had never left."""
    monkeypatch.setattr(past, "KEPT_S", 6_000)
    entries = list(written(days_of_trading(kit, 120, random.Random(3))))
    small, gone = Books(), {}
    for one in entries:
        monkeypatch.setattr(past, "KEPT_S", 6_000)
        for left in _leaving(small, one):
            gone[left.window.slug] = left
    monkeypatch.setattr(past, "KEPT_S", 10**9)
    whole = Books()
    for one in entries:
        apply(whole, one)
    slug = next(slug for slug, left in gone.items() if left.window.winner == "UP")
    window, rows = gone[slug], {s: list(run.rows) for s, run in whole.runs.items()}
    runs = {}
    for key in window.settled:
        strategy = key.partition("/")[0]
        place = next(i for i, row in enumerate(rows[strategy]) if row.slug == slug)
        after = whole.runs[strategy].after
        runs[strategy] = past.PastRun(before=after[place - 1] if place else NONE, rows=tuple(rows[strategy][place:]))
    data = past.past_to_bytes(msgspec.structs.replace(window, runs=runs))
    start_s = window.window.start_s
    correction = WindowResolved(slug=slug, start_s=start_s, end_s=start_s + 300, winner="DOWN")
    for books, more in ((small, [Recalled(past=data), correction]), (whole, [correction])):
        for entry in more:
            apply(books, Written(version=1, seq=books.seq + 1, at_ns=books.last_ns, entry=entry))
    assert small.accounts == whole.accounts and small.realised_e6 == whole.realised_e6
    assert [streak_of(small, s) for s in STRATEGIES] == [streak_of(whole, s) for s in STRATEGIES]
    assert all(small.settled[key].said.corrected for key in window.settled if key in small.settled)


def _leaving(books: Books, one: Written) -> list[past.PastWindow]:
    left: list[past.PastWindow] = []
    let_go = past.let_go

    def noted(of: Books) -> list[past.PastWindow]:
        left.extend(let_go(of))
        return left

    past.let_go = noted
    try:
        apply(books, one)
    finally:
        past.let_go = let_go
    return left
