"""The session as it happens: a bar of windows and one live line per window on a terminal; plain lines when piped.

What is finished comes from the index, what is under way from the bus. Watching slows nobody: a SUB socket loses when it lags.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from messages import (
    Account,
    Allocation,
    Book,
    Envelope,
    Event,
    OrderUpdate,
    Prediction,
    PriceTick,
    RiskState,
    WindowObserved,
)
from polybot.cli.render import tables
from polybot.core.market.windows import WINDOW_S, slug_of
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.store.index_read import IndexReader, Row
from polybot.runtime.store.index_version import IndexUnusable
from polybot.runtime.supervision import session
from polybot.runtime.supervision.session import Session
from polybot.settings import Settings, usd_e6
from polybot.topology import actors_of

HEARS: tuple[type[Event], ...] = (
    PriceTick,
    Book,
    WindowObserved,
    Prediction,
    Allocation,
    OrderUpdate,
    Account,
    RiskState,
)
LOOK_S = 0.4  # machine seconds between two looks into the index
TURN_MS = 120


@dataclass
class WindowProgress:
    """A window under way, as heard. Cells are "" until something is known."""

    strike: float | None = None
    odds: str = ""
    side: str = ""
    stake: str = ""
    said: str = ""


@dataclass
class Board:
    """Everything the screen shows, folded from what was heard."""

    session: Session
    now_s: float = 0.0
    price: float | None = None
    equity_e6: int | None = None
    state: str = "ACTIVE"

    def __post_init__(self) -> None:
        self.open: dict[str, WindowProgress] = {}
        self.done: dict[tuple[int, str], Row] = {}

    def hear(self, envelope: Envelope) -> None:
        """Take one message of the bus into the board."""
        self.now_s = max(self.now_s, envelope.at_ns / 1e9)
        match envelope.body:
            case PriceTick() as b:
                self.price = b.price
            case Account() as b:
                self.equity_e6 = b.equity_e6
            case RiskState() as b:
                self.state = b.state
            case Book() as b:
                self._of(b.slug).odds = f"{_cents(b.up_asks)}/{_cents(b.down_asks)}"
            case WindowObserved() as b:
                self._of(b.slug).strike = b.strike
            case Prediction() as b:
                window = self._of(b.slug)
                window.side = b.prediction or "-" if not b.reason_code else "-"
                window.said = b.reason_code or "decided"
            case Allocation() as b:
                window = self._of(b.slug)
                window.stake = tables.usd(b.stake_e6) if b.stake_e6 else ""
                window.said = b.reason_code or "sized"
            case OrderUpdate(side="BUY") as b:
                window = self._of(b.slug)
                window.stake = tables.usd(b.stake_e6)
                window.side = b.outcome
                window.said = f"{tables.exact(b.filled_e6)} shares" if b.filled_e6 else b.state.lower()

    def _of(self, slug: str) -> WindowProgress:
        return self.open.setdefault(slug, WindowProgress())

    def take(self, rows: list[Row]) -> list[Row]:
        """Take rows of the index; returns those that have just become finished."""
        fresh = []
        for row in rows:
            key = (row["start_s"], row["strategy"])
            if is_finished(row) and self.done.get(key) != row:
                if key not in self.done:
                    fresh.append(row)
                self.done[key] = row
        return fresh

    @property
    def windows_done(self) -> int:
        """How many windows have a finished row of every strategy."""
        starts = [start_s for start_s, _ in self.done]
        return sum(starts.count(s) >= len(self.session.strategies) for s in dict.fromkeys(starts))

    @property
    def running_s(self) -> int:
        """The start of the window that runs now, in unix seconds."""
        return int(self.now_s) // WINDOW_S * WINDOW_S


def is_finished(row: Row) -> bool:
    """Nothing more is awaited but the venue's final word."""
    return row["state"] != "pending" and row["outcome"] is not None and row["equity_after_e6"] is not None


def _cents(asks: tuple[tuple[int, int], ...]) -> str:
    return f"{asks[0][0] / 1e6:.2f}" if asks else "-"


def watch(paths: Paths, settings: Settings, until: Callable[[], bool]) -> None:
    """Show the session until `until` says it is over; afterwards the rows still missing, whatever their state."""
    found = session.read(paths)
    if found is None:
        return
    board = Board(found, equity_e6=usd_e6(settings.bot.capital_usd))
    if sys.stdout.isatty():
        _live(paths, board, until)
    else:
        _plain(paths, board, until)


# --- piped


def _plain(paths: Paths, board: Board, until: Callable[[], bool]) -> None:
    def say(rows: list[Row]) -> None:
        for row in rows:
            sys.stdout.write(line(row, board.session.windows) + "\n")
        sys.stdout.flush()

    while not until():
        say(board.take(_rows(paths, board.session)))
        time.sleep(LOOK_S)
    rows = _rows(paths, board.session)
    say(board.take(rows))
    say([r for r in rows if not is_finished(r)])


def line(row: Row, windows: int) -> str:
    """One finished window in one line of text."""
    head = f"{row['n']:>3}/{windows} {tables.minute(row['start_s'])[6:]} {row['strategy']}"
    if row["state"] == "skipped":
        return f"{head}  skipped {row['reason_code']}: {row['reason']}"
    if row["pnl_e6"] is None:
        return f"{head}  {row['state']} {row['reason']}"
    won = "won" if row["pnl_e6"] > 0 else "lost"
    bet = f"{row['prediction']} {tables.usd(row['stake_e6'])} at {tables.exact(row['price_e6'])}"
    return f"{head}  {bet} {won} {tables.usd(row['pnl_e6'], plus=True)}, equity {tables.usd(row['equity_after_e6'])}"


def _rows(paths: Paths, found: Session) -> list[Row]:
    """This session's rows so far; none while the recorder has not begun."""
    try:
        index = IndexReader(paths.index)
    except IndexUnusable:
        return []
    try:
        return [r for r in index.windows(found.first_window_s) if r["start_s"] < found.end_s]
    except IndexUnusable:
        return []  # being moved aside this very moment: the next look finds the new one
    finally:
        index.close()


# --- on a terminal


def _live(paths: Paths, board: Board, until: Callable[[], bool]) -> None:
    ears = Subscriber(paths.sockets, [a.name for a in actors_of(board.session.profile)], HEARS)
    bar = Progress(
        TextColumn("windows"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn(), expand=True
    )
    task = bar.add_task("windows", total=board.session.windows)
    console = Console(highlight=False)
    next_look = 0.0
    try:
        with Live(console=console, refresh_per_second=8, auto_refresh=False) as live:
            while not until():
                _drain(ears, board)
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + LOOK_S
                    board.take(_rows(paths, board.session))
                    bar.update(task, completed=board.windows_done)
                live.update(Group(bar, screen(board, console.height - 4)), refresh=True)
            board.take(_rows(paths, board.session))
            bar.update(task, completed=board.windows_done)
            live.update(Group(bar, screen(board, 1_000)), refresh=True)
    finally:
        ears.close()


def _drain(ears: Subscriber, board: Board) -> None:
    """Hear everything that arrives within one turn (TURN_MS of machine time)."""
    deadline = time.monotonic() + TURN_MS / 1000
    while (left_ms := int((deadline - time.monotonic()) * 1000)) > 0:
        envelope = ears.recv(left_ms)
        if envelope is not None:
            board.hear(envelope)


def screen(board: Board, height: int) -> Table:
    """The newest windows that fit: finished ones, the one that runs, those whose outcome is awaited."""
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for name, justify in (
        ("window", "left"), ("left/outcome", "right"), ("strike", "right"), ("price", "right"), ("up/down", "right"),
        ("side", "left"), ("stake", "right"), ("result", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify, no_wrap=True, ratio=4 if name == "result" else None)  # type: ignore[arg-type]
    lines = []
    last_s = min(board.running_s, board.session.end_s - WINDOW_S)
    for start_s in range(board.session.first_window_s, last_s + 1, WINDOW_S):
        for strategy in board.session.strategies:
            row = board.done.get((start_s, strategy))
            lines.append(_done_cells(row) if row else _open_cells(board, start_s, strategy))
    for cells in lines[-max(3, height) :]:
        table.add_row(*cells)
    money = f"equity {tables.usd(board.equity_e6)}" if board.equity_e6 is not None else ""
    table.caption = f"{tables.hms(int(board.now_s * 1e9))[:8]} UTC  {money}  {board.state}"
    return table


def _done_cells(row: Row) -> list[Text | str]:
    if row["state"] == "skipped":
        result = Text(f"{row['reason_code']}: {row['reason']}", style="dim")
    else:
        won = (row["pnl_e6"] or 0) > 0
        words = (
            f"{'won' if won else 'lost'} {tables.usd(row['pnl_e6'], plus=True)} → {tables.usd(row['equity_after_e6'])}"
        )
        result = Text(words + (" (provisional)" if row["provisional"] else ""), style="green" if won else "red")
    asks = "/".join("-" if a is None else f"{a / 1e6:.2f}" for a in (row["up_ask_e6"], row["down_ask_e6"]))
    return [
        f"{row['n']:>3} {tables.minute(row['start_s'])[6:]} {row['strategy']}",
        row["outcome"] or "-",
        tables.price(row["strike"]),
        tables.price(row["settle"]),
        asks,
        Text(row["prediction"] or "-", style=tables.STYLE.get(row["prediction"] or "", "")),
        tables.usd(row["stake_e6"]) if row["state"] == "traded" else "-",
        result,
    ]


def _open_cells(board: Board, start_s: int, strategy: str) -> list[Text | str]:
    window = board.open.get(slug_of(start_s)) or WindowProgress()
    n = (start_s - board.session.first_window_s) // WINDOW_S + 1
    left_s = int(start_s + WINDOW_S - board.now_s)
    runs = left_s > 0
    return [
        Text(f"{n:>3} {tables.minute(start_s)[6:]} {strategy}", style="bold" if runs else ""),
        f"{left_s // 60}:{left_s % 60:02d}" if runs else "…",
        tables.price(window.strike),
        tables.price(board.price) if runs else "-",
        window.odds if runs else "-",
        Text(window.side or "-", style=tables.STYLE.get(window.side, "")),
        window.stake or "-",
        Text(window.said if runs else f"{window.said}, awaiting the outcome", style="dim"),
    ]
