"""The loop's inbox, as those see it who put words into it."""

from typing import Any

from messages import Word


class ListInbox:
    """An inbox that keeps everything, with the key it was conflated by."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.keys: list[str | None] = []

    def put(self, word: Word, conflate: str | None = None) -> None:
        self.words.append(word)
        self.keys.append(conflate)

    def of(self, *kinds: type) -> list[Any]:
        return [word for word in list(self.words) if isinstance(word, kinds)]
