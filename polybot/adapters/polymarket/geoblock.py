"""May one trade from this machine's address? The venue's own word (facts §12.4)."""

from messages.inner import GeoblockRead
from polybot.adapters.net.http import HttpConnection, HttpError
from polybot.adapters.polymarket.post_answer import object_of, words_of


def read_geoblock(url: str, timeout_s: float) -> GeoblockRead:
    """Ask once, on a connection of its own. Anything but a clear `blocked` is not known. timeout_s: machine time."""
    try:
        response = HttpConnection(url, timeout_s).read("")
    except HttpError as exc:
        return GeoblockRead(known=False, blocked=False, why=f"the geoblock endpoint is silent: {exc}")
    shown = object_of(response.body) or {}
    blocked = shown.get("blocked")
    if response.status != 200 or not isinstance(blocked, bool):
        why = f"the geoblock endpoint does not say: {words_of(response.status, response.body)}"
        return GeoblockRead(known=False, blocked=False, why=why)
    where = str(shown.get("country") or "an unnamed country")
    said = "takes no orders from" if blocked else "takes orders from"
    return GeoblockRead(known=True, blocked=blocked, why=f"the geoblock endpoint {said} {where}")
