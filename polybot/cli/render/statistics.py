"""The report's arithmetic: pure functions over the windows' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from polybot.cli.render.equity_svg import drawdowns_e6
from polybot.runtime.store.index_read import Row

Z95 = 1.959963984540054


def wilson(wins: int, trials: int) -> tuple[float, float] | None:
    """95 % interval of a hit rate by Wilson's score: honest for few trials. None without trials."""
    if trials <= 0:
        return None
    share, z2 = wins / trials, Z95 * Z95
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Figures:
    """One strategy, or all. cost without fees; unsettled: bought, no outcome yet; even: the hit rate that pays nothing."""

    name: str
    windows: int
    traded: int
    won: int
    lost: int
    unsettled: int
    shares_e6: int
    cost_e6: int
    fee_e6: int
    pnl_e6: int

    @property
    def hit(self) -> float | None:
        """Windows won as a part of won and lost; pushes are neither. None without either."""
        return self.won / (self.won + self.lost) if self.won + self.lost else None

    @property
    def even(self) -> float | None:
        """The hit rate at which these bets neither win nor lose: what the average share cost with its fee."""
        return (self.cost_e6 + self.fee_e6) / self.shares_e6 if self.shares_e6 else None

    @property
    def fee_drag(self) -> float | None:
        """Fees as a part of what was staked, None when nothing was."""
        return self.fee_e6 / self.cost_e6 if self.cost_e6 else None


def figures(name: str, rows: Sequence[Row]) -> Figures:
    """Counts and sums over these rows, under a name; money in millionths."""
    traded = [r for r in rows if r["state"] == "traded"]
    settled = [r for r in traded if r["pnl_e6"] is not None]
    sides = [r for r in settled if r["outcome"] in ("UP", "DOWN")]
    won = sum(r["prediction"] == r["outcome"] for r in sides)
    return Figures(
        name=name,
        windows=len(rows),
        traded=len(traded),
        won=won,
        lost=len(sides) - won,
        unsettled=len(traded) - len(settled),
        shares_e6=sum(r["filled_e6"] for r in traded),
        cost_e6=sum(cost_e6(r) for r in traded),
        fee_e6=sum(r["fee_e6"] for r in traded),
        pnl_e6=sum(r["pnl_e6"] for r in settled),
    )


def cost_e6(row: Row) -> int:
    """What the shares of a row cost: price is the average paid, so the product is exact to a few millionths."""
    return int(row["filled_e6"] * (row["price_e6"] or 0) + 500_000) // 1_000_000


@dataclass(frozen=True)
class RefusalCount:
    """Why windows were skipped: how often in all and by strategy, and the newest sentence."""

    code: str
    count: int
    example: str
    by_strategy: dict[str, int]


def refusals(rows: Sequence[Row]) -> list[RefusalCount]:
    """How many windows each rule refused, the most frequent rule first."""
    counted: dict[str, RefusalCount] = {}
    for row in rows:
        if row["state"] == "skipped":
            before = counted.get(row["reason_code"])
            by = dict(before.by_strategy) if before else {}
            by[row["strategy"]] = by.get(row["strategy"], 0) + 1
            count = 1 + (before.count if before else 0)
            counted[row["reason_code"]] = RefusalCount(row["reason_code"], count, row["reason"], by)
    return sorted(counted.values(), key=lambda r: (-r.count, r.code))


def worst_drawdown(start_e6: int, rows: Sequence[Row]) -> tuple[int, float]:
    """(deepest fall in millionths, as a share of the highest before it), over settled windows."""
    values = [start_e6, *(r["equity_after_e6"] for r in rows if r["equity_after_e6"] is not None)]
    peak, worst = 0, (0, 0.0)
    for value, depth in zip(values, drawdowns_e6(values), strict=True):
        peak = max(peak, value)
        if depth > worst[0]:
            worst = (depth, depth / peak)
    return worst
