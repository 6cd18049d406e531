"""Tables and words for people: no escape bytes when piped or with NO_COLOR; world time as UTC."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from messages.units import decimal_text, usd_text
from polybot.cli.support.common import FAILED, NOT_RUNNING, leave
from polybot.runtime.base.paths import Paths
from polybot.runtime.store.index_read import IndexReader, NoIndex
from polybot.runtime.store.index_version import IndexUnusable

if TYPE_CHECKING:  # rich is imported by those who print for people: who asks for JSON need not wait for it
    from rich.console import Console
    from rich.table import Table

LEFT = ("slug", "strategy", "window", "state", "why", "reason", "order", "what", "status", "outcome", "account", "rule")
STYLE = {"UP": "green", "DOWN": "red", "won": "bold green", "lost": "bold red", "traded": "bold"}


def console() -> "Console":
    """A console for words in colour that never cuts a line by itself."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=sys.stdout.isatty() is False)


def index_or_leave(paths: Paths) -> IndexReader:
    """The books; 4 when there are none, 1 when they cannot be read."""
    try:
        return IndexReader(paths.index)
    except NoIndex as exc:
        leave(NOT_RUNNING, str(exc))
    except IndexUnusable as exc:
        leave(FAILED, str(exc))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A plain table; a sentence when there is nothing in it."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        made.add_column(name, justify="left" if name in LEFT else "right", overflow="fold")
    count = 0
    for row in rows:
        made.add_row(*(Text(cell, style=STYLE.get(cell, "")) for cell in row))
        count += 1
    if not count:
        sys.stdout.write(f"{empty}\n")
    elif sys.stdout.isatty():
        console().print(made)
    else:
        _print_whole(made)


def _print_whole(made: "Table") -> None:
    """Piped: a row is a line, however long, without blanks at its end."""
    from rich.console import Console

    wide = Console(width=4000, highlight=False, color_system=None)
    with wide.capture() as text:
        wide.print(made)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.get().splitlines()))


def hms(at_ns: int) -> str:
    """World time as HH:MM:SS.mmm UTC; "-" for never."""
    if not at_ns:
        return "-"
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest // 1_000_000:03d}"


def minute(start_s: int) -> str:
    """A unix second as UTC text without the year, "11-20 00:05"."""
    return f"{datetime.fromtimestamp(start_s, UTC):%m-%d %H:%M}"


def usd(value_e6: int | None, *, plus: bool = False) -> str:
    """Dollars and cents; "-" for unknown; with a sign when asked."""
    if value_e6 is None:
        return "-"
    text = usd_text(value_e6)
    return f"+{text}" if plus and value_e6 > 0 and text != "0.00" else text


def exact(value_e6: int | None) -> str:
    """Millionths with all decimals there are; "-" for unknown."""
    return "-" if value_e6 is None else decimal_text(value_e6)


def price(value: float | None) -> str:
    """An estimate in dollars with cents, "-" when unknown."""
    return "-" if value is None else f"{value:,.2f}"


def short(ident: str) -> str:
    """The head of a long hex id: enough for `why`."""
    return ident[:12] or "-"
