"""Memory that stays small: what was used last is kept, what was not used for long is forgotten."""

from collections.abc import Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(dict[Key, Value]):
    """A dict of the `most` keys that were set last. For what is said once a window, a market or a topic: it would grow for as
    long as the process lives. Setting a key again makes it the newest; reading does not.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > self.most:
            del self[next(iter(self))]
