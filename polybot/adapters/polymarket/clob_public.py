"""REST of the CLOB that anybody may read, and how its answers are read: in three values, never an assumption."""

import msgspec

from polybot.adapters.net.endpoint import Endpoint, EndpointReader
from polybot.adapters.net.http import HttpConnection, HttpError, Response
from polybot.adapters.net.reads import Empty, Known, Read, Unknown
from polybot.adapters.polymarket.post_answer import object_of, reason_of, words_of


class ClobPublic:
    """Not thread safe: one a lane. timeout_s: machine time, each wait for the network.

    On a bare connection (the order path's) nothing is repeated, and no breaker stands in the way.
    """

    def __init__(self, where: Endpoint | str | HttpConnection, timeout_s: float = 5.0) -> None:
        self._reads = where if isinstance(where, HttpConnection) else EndpointReader(where, timeout_s)

    def time(self) -> Known[int] | Unknown:
        """The venue's clock in whole unix seconds; not known when the answer is no number."""
        match self.read("/time"):
            case Known(int(second)):
                return Known(second)
            case Unknown() as unknown:
                return unknown
            case _:
                return Unknown("unreadable time")

    def market(self, condition_id: str) -> Read:
        """`GET /markets/{cid}`: closed, and the tokens with their winner (minutes after Gamma)."""
        return self.read(f"/markets/{condition_id}")

    def clob_market(self, condition_id: str) -> Read:
        """`GET /clob-markets/{cid}`: tick, minimum, fee, taker delay."""
        return self.read(f"/clob-markets/{condition_id}")

    def read(self, path: str, headers: dict[str, str] | None = None) -> Read:
        """A GET's JSON. Empty is a 404 that says so in JSON; a page of something in between is Unknown."""
        try:
            return answered(self._reads.read(path, headers))
        except HttpError as exc:
            return Unknown(str(exc))


def answered(response: Response) -> Read:
    """A GET's answer in three values: Known JSON, Empty for a 404 with a reason, else Unknown and why."""
    if response.status == 404 and reason_of(object_of(response.body)):
        return Empty()
    if response.status != 200:
        return Unknown(described(response), response.status)
    try:
        return Known(msgspec.json.decode(response.body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        return Unknown(f"unreadable answer: {exc}")


def described(response: Response) -> str:
    """Status and the server's own words, for a `why`."""
    text = reason_of(object_of(response.body))
    return f"HTTP {response.status}: {text}" if text else words_of(response.status, response.body)
