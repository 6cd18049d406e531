"""What figures are worth, in one sentence that stands wherever they are shown."""

from polybot.runtime.store.index_read import IndexReader, Row
from polybot.runtime.supervision.session import Session

SYNTHETIC = "synthetic books: no evidence of profit"
PAPER = "paper: real books, local fills"
REHEARSAL = "paper: synthetic books, local fills: no evidence of profit"


def books_label(found: Session | None, index: IndexReader) -> str:
    """ "" only for what was traded at the real venue. The demo's books are made up, also around a recorded day; elsewhere the
    markets themselves say so, as when another local venue stands in for the real one.
    """
    profile = found.profile if found is not None else ""
    is_synthetic = profile == "demo" or any(m["body"].get("synthetic_books") for m in index.messages("MarketListed"))
    if profile == "paper":
        return REHEARSAL if is_synthetic else PAPER
    return SYNTHETIC if is_synthetic else ""


def labelled(rows: list[Row], label: str) -> list[Row]:
    """Rows for programs: each says what it is worth."""
    return [row | {"books": label} for row in rows]
