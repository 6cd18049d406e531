"""Gamma, Polymarket's catalogue: a market by its slug."""

from typing import Any
from urllib.parse import quote

import msgspec

from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpError
from polybot.adapters.net.reads import Empty, Known, Unknown
from polybot.adapters.polymarket.numbers import GARBAGE
from polybot.adapters.polymarket.post_answer import words_of


class Gamma:
    """Not thread safe: one a lane. timeout_s: machine time, each wait for the network."""

    def __init__(self, where: Endpoint | str, timeout_s: float = 5.0) -> None:
        self._reads = EndpointReader(where, timeout_s)

    def market(self, slug: str) -> Known[dict[str, Any]] | Empty | Unknown:
        """Closed markets are hidden unless asked for: two queries before Empty is believed."""
        for closed in ("", "&closed=true"):
            match self._list(f"/markets?slug={quote(slug)}{closed}", slug):
                case Empty():
                    continue
                case other:
                    return other
        return Empty()

    def _list(self, path: str, slug: str) -> Known[dict[str, Any]] | Empty | Unknown:
        try:
            response = self._reads.read(path)
        except HttpError as exc:
            return Unknown(str(exc))
        if response.status != 200:
            return Unknown(words_of(response.status, response.body))
        try:
            rows = msgspec.json.decode(response.body)
            found = [row for row in rows if row["slug"] == slug]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, *GARBAGE) as exc:
            return Unknown(f"unreadable answer: {exc}")
        return Known(found[0]) if found else Empty()
