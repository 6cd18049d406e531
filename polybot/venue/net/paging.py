"""The CLOB's pages: the cursor is base64 of an offset, `LTE=` (−1) says: no more."""

import base64
import binascii
from typing import Any

from polybot.venue.net.responses import HttpRefusal

FIRST_CURSOR, LAST_CURSOR = "MA==", "LTE="
PAGE = 100


def page(rows: list[dict[str, Any]], cursor: str | None, size: int = PAGE) -> dict[str, Any]:
    """One page of a list, from the cursor on, with the cursor of the next."""
    offset = offset_of(cursor or FIRST_CURSOR)
    shown = rows[offset : offset + size]
    more = offset + size < len(rows)
    return {
        "limit": size,
        "count": len(shown),
        "next_cursor": cursor_of(offset + size) if more else LAST_CURSOR,
        "data": shown,
    }


def offset_of(cursor: str) -> int:
    """Where a page begins; 400 when it is no cursor. The last cursor begins beyond everything."""
    try:
        offset = int(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error) as exc:
        raise HttpRefusal(400, "invalid next_cursor") from exc
    return offset if offset >= 0 else 1 << 62


def cursor_of(offset: int) -> str:
    """The cursor that stands for an offset."""
    return base64.b64encode(str(offset).encode()).decode()
