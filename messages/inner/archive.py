"""What the executor asks of its own journal's older segments, which it does not keep in memory."""

from messages.base import Inner
from messages.money import Fill, OrderUpdate, Settlement


class ReadPastEvents(Inner, frozen=True, kw_only=True):
    """The money events after sequence `after`, about `limit`, of before the books' memory. id: the request it is for."""

    id: str
    after: int
    limit: int


class PastEventsRead(Inner, frozen=True, kw_only=True):
    """known False: a segment could not be read, why names it; that is not "nothing was said". more: ask again from the last."""

    id: str
    known: bool
    events: tuple[OrderUpdate | Fill | Settlement, ...]
    more: bool
    why: str


class ReadPastWindow(Inner, frozen=True, kw_only=True):
    """The window that has left the books in which an order or intent of this id was signed, or the window of this slug."""

    value: str


class PastWindowRead(Inner, frozen=True, kw_only=True):
    """past: the window as the entry `Recalled` carries it; b"" = the journal never had it. Meaningless unless known."""

    wish: ReadPastWindow
    known: bool
    past: bytes
    why: str
