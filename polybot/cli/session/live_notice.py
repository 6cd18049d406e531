"""What one is told before the first live order: what it costs, what paper says of the strategy, and where it stops."""

import sys
from collections.abc import Iterator
from pathlib import Path

from messages.units import E6
from polybot.cli.render import tables
from polybot.cli.render.statistics import Figures, figures, wilson
from polybot.core.sizing.stake import WORST_RATE_E6
from polybot.runtime.base.paths import Paths
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import live_confirmation
from polybot.runtime.store.index_read import IndexReader, Row
from polybot.runtime.store.index_version import IndexUnusable
from polybot.runtime.supervision import session
from polybot.runtime.supervision.session import Session
from polybot.settings import Settings

EVEN_PRICE = 0.5


def tell(paths: Paths, settings: Settings, found: Session, wallet: str) -> None:
    """Live only: print it, then write down that this session may trade with this wallet."""
    if settings.bot.profile != "live":
        return
    sys.stderr.write("\n".join(lines(paths, settings, found, wallet)) + "\n")
    sys.stderr.flush()
    live_confirmation.write(paths, found.id, wallet, found.stand_in)


def lines(paths: Paths, settings: Settings, found: Session, wallet: str) -> Iterator[str]:
    """The notice's sentences, a line each: what a stake costs, the paper record, and where trading stops."""
    if found.stand_in:
        yield f"LIVE REHEARSAL against a local venue ({found.stand_in}): no real money moves"
    else:
        yield f"LIVE: real money of {wallet} may be lost"
    fee = WORST_RATE_E6 / E6 * (1 - EVEN_PRICE)
    yield (
        f"fee drag      {fee:.1%} of every stake at a price of {EVEN_PRICE:.2f}; bought at 0.51, a fair coin loses 5.4 % of "
        "it, and by streak sizing without another limit leaves no room above the 30 % floor within 72 windows in 84 % of "
        "sessions"
    )
    for name in settings.bot.strategy_names:
        yield f"paper record  {paper_record(paths, name)}"
    live, risk = settings.live, settings.risk
    yield (
        f"limits        no stake above {live.live_max_stake_usd:.2f} USD, no order whose worst case passes a session's loss of "
        f"{live.live_max_loss_usd:.2f} USD (live_max_loss_usd) or {risk.max_drawdown_pct:g} % of the purse of "
        f"{settings.bot.capital_usd:.2f} USD, only exits after a day's loss of {risk.daily_loss_usd:.2f} USD"
    )


def paper_record(paths: Paths, strategy: str) -> str:
    """One sentence: hit rate with its 95 % interval beside what breaks even, or plainly that there is none."""
    rows = [row for folder in paper_folders(paths) for row in _rows(folder, strategy)]
    f = figures(strategy, rows)
    interval = wilson(f.won, f.won + f.lost)
    if interval is None or f.hit is None:
        return f"of {strategy}: none. No settled paper trade of it lies in {paths.state.parent} or its archives"
    low, high = interval
    return (
        f"of {strategy}: {f.won} of {f.won + f.lost} right, {f.hit:.1%}, 95 % interval {low:.1%} to {high:.1%}; "
        f"{_even(f)} would break even; P&L {tables.usd(f.pnl_e6, plus=True)} USD of {tables.usd(f.cost_e6)} staked"
    )


def _even(f: Figures) -> str:
    return "what it paid is unknown, so nobody knows what" if f.even is None else f"{f.even:.1%}"


def paper_folders(paths: Paths) -> list[Path]:
    """Folders of paper sessions, of this one and its neighbours: state folders and what they archived."""
    states = [paths.state, *sorted(p for p in paths.state.parent.iterdir() if p.is_dir() and p != paths.state)]
    places = [place for state in states for place in (state, *sorted((state / "archive").glob("*")))]
    return [place for place in places if _is_paper(place)]


def _is_paper(folder: Path) -> bool:
    try:
        found = session.read(Paths(folder))
    except (ConfigError, OSError):
        return False
    return found is not None and found.profile == "paper"


def _rows(folder: Path, strategy: str) -> list[Row]:
    try:
        index = IndexReader(Paths(folder).index)
    except IndexUnusable:
        return []
    try:
        return [row for row in index.windows() if row["strategy"] == strategy]
    except IndexUnusable:
        return []
    finally:
        index.close()
