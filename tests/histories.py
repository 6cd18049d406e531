"""Long histories of entries, as a venue could have caused them: what the books and the archive are held against."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from messages import OrderIntent, Outcome
from polybot.core.executor.books.entries import (
    AnyEntry,
    FillBooked,
    FillConfirmed,
    FillReversed,
    IntentSigned,
    Opened,
    OrderTold,
    PaidOut,
    WindowNoted,
    WindowResolved,
    Written,
)
from tests.build import an_intent

FIRST_S = 1_795_132_800
STRATEGIES = ("a", "b", "c")
SIDES: tuple[Outcome, Outcome] = ("UP", "DOWN")


def intent_of(n: int, strategy: str, outcome: Outcome, **amounts: Any) -> OrderIntent:
    """A strategy's order of the n-th window."""
    start_s = FIRST_S + 300 * n
    slug = f"btc-updown-5m-{start_s}"
    return an_intent(
        id=f"main/{strategy}/{slug}/1", slug=slug, start_s=start_s, end_s=start_s + 300, strategy=strategy,
        condition_id=f"0xc{n}", token_id=f"{n}{outcome}", outcome=outcome, **amounts,
    )  # fmt: skip


@dataclass
class History:
    """Random entries that a venue could have caused: fills late, failed and settled twice, outcomes corrected, SPLIT."""

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
                intent = intent_of(
                    self.n, strategy, outcome, stake_e6=stake_e6, maker_e6=stake_e6, taker_e6=2 * stake_e6
                )
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
                slug=slug, start_s=start_s, end_s=end_s, outcome=outcome, inferred=False, move_bp=1.0
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


def entries_of_days(windows: int, luck: random.Random) -> Iterator[AnyEntry]:
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
            intent = intent_of(n, strategy, outcome)
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


def days_of_trading(windows: int, luck: random.Random) -> Iterator[Written]:
    """The same, as the journal has it."""
    return written(entries_of_days(windows, luck))
