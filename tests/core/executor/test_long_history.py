"""The books after any history: what was folded step by step equals what folding all of it anew comes to."""

import random

import msgspec
import pytest

from messages import Settlement
from polybot.core.executor.books import double_entry, past
from polybot.core.executor.books.entries import (
    AnyEntry,
    Recalled,
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
from tests.histories import STRATEGIES, History, days_of_trading, written


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
def test_after_every_entry_the_books_are_what_a_fold_of_everything_comes_to(seed: int) -> None:
    books = Books()
    for one in written(History(random.Random(seed)).entries(60)):
        apply(books, one)
        check(books)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_ten_thousand_histories(first: int) -> None:
    for seed in range(first, first + 500):
        books = Books()
        for one in written(History(random.Random(seed)).entries(40)):
            apply(books, one)
            check(books)


@pytest.mark.parametrize("seed", range(25))
def test_a_snapshot_at_any_place_changes_nothing_of_what_comes_after_it(seed: int) -> None:
    luck = random.Random(seed)
    whole = list(written(History(luck).entries(80)))
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


def test_a_claim_is_what_was_won_less_what_was_paid() -> None:
    books = Books()
    for one in written(History(random.Random(7)).entries(60)):
        apply(books, one)
    for key, row in books.settled.items():
        assert claim_e6(books, key) == row.said.payout_e6 - books.paid.get(key, 0)


# --- what leaves the books


@pytest.mark.parametrize("seed", range(6))
def test_what_leaves_the_books_changes_nothing_that_is_said(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    entries = list(days_of_trading(400, random.Random(seed)))
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


def test_a_window_that_left_comes_back_for_its_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue changes its mind days later: as if the window had never left."""
    monkeypatch.setattr(past, "KEPT_S", 6_000)
    entries = list(days_of_trading(120, random.Random(3)))
    small = Books()
    gone: dict[str, past.PastWindow] = {}
    for one in entries:
        left = apply(small, one)
        gone |= {window.window.slug: window for window in (left.windows if left else ())}
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
    lives: tuple[tuple[Books, list[AnyEntry]], ...] = (
        (small, [Recalled(past=data), correction]),
        (whole, [correction]),
    )
    for books, more in lives:
        for entry in more:
            apply(books, Written(version=1, seq=books.seq + 1, at_ns=books.last_ns, entry=entry))
    assert small.accounts == whole.accounts and small.realised_e6 == whole.realised_e6
    assert [streak_of(small, s) for s in STRATEGIES] == [streak_of(whole, s) for s in STRATEGIES]
    assert all(small.settled[key].said.corrected for key in window.settled if key in small.settled)
