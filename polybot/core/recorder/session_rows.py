"""The session's calendar of rows: every window and strategy gets one, whoever was dead; folded in the order of windows."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from messages import MarketResolved, WindowObserved
from polybot.core.market.windows import SessionPlan, slug_of, window_of
from polybot.core.recorder.window_row import Carry, SharedFacts, WindowFacts, WindowRow, fold

Key = tuple[int, str, str]  # start_s, account, strategy


@dataclass
class Calendar:
    """Facts by window and strategy, and the rows they come to. `changed` says only rows that became different."""

    account: str = ""
    purse_e6: int = 0
    session: SessionPlan = field(default_factory=SessionPlan)
    strategies: tuple[str, ...] = ()
    _facts: dict[Key, WindowFacts] = field(default_factory=dict)
    _order: list[Key] = field(default_factory=list)
    _seen: dict[str, SharedFacts] = field(default_factory=dict)
    _rows: dict[Key, WindowRow] = field(default_factory=dict)
    _carries: dict[Key, Carry] = field(default_factory=dict)  # what is carried out of a row
    _waiting: set[int] = field(default_factory=set)  # starts of windows whose facts changed since they were folded

    def facts(self, slug: str, account: str, strategy: str) -> WindowFacts | None:
        """The facts of one row, made when first needed; None when the slug is no window's."""
        window = window_of(slug)
        if window is None:
            return None
        key = (window.start_s, account, strategy)
        found = self._facts.get(key)
        if found is None:
            n = self.session.n_of(window.start_s)
            found = WindowFacts(n, slug, window.start_s, account, strategy, self._seen.setdefault(slug, SharedFacts()))
            self._facts[key] = found
            insort(self._order, key)
            self._waiting.add(window.start_s)
        return found

    def see(self, word: WindowObserved | MarketResolved) -> Iterator[WindowRow]:
        """Something about a window that concerns every strategy's row of it."""
        seen = self._seen.setdefault(word.slug, SharedFacts())
        if isinstance(word, WindowObserved):
            seen.observe(word)
        else:
            seen.resolved = word
        window = window_of(word.slug)
        if window is None:
            return
        at = bisect_left(self._order, (window.start_s, "", ""))
        if at < len(self._order) and self._order[at][0] == window.start_s:
            yield from self.refold(window.start_s)

    def hear(self, slug: str, account: str, strategy: str, word: object) -> Iterator[WindowRow]:
        """Take in a word about one strategy's window, and refold the rows it changes."""
        facts = self.facts(slug, account, strategy)
        if facts is None:
            return
        if facts.hear(word):
            yield from self.refold(facts.start_s)

    def refold(self, from_s: int) -> Iterator[WindowRow]:
        """The rows that differ once this window, and every other that waits to be folded, is folded anew."""
        self._waiting.add(from_s)
        while self._waiting:
            yield from self._fold_on(min(self._waiting))

    def _fold_on(self, from_s: int) -> Iterator[WindowRow]:
        """Fold from this window on, up to one that does not wait and into which nothing else is carried than before."""
        at = bisect_left(self._order, (from_s, "", ""))
        carry = self._carries[self._order[at - 1]] if at else Carry(self.purse_e6, {})
        same_carry = False
        for i in range(at, len(self._order)):
            key = self._order[i]
            if same_carry and key[0] not in self._waiting:
                break
            row, carry = fold(self._facts[key], carry)
            same_carry = self._carries.get(key) == carry
            self._carries[key] = carry
            if self._rows.get(key) != row:
                self._rows[key] = row
                yield row
            if i + 1 == len(self._order) or self._order[i + 1][0] != key[0]:
                self._waiting.discard(key[0])
        self._waiting.discard(from_s)

    def set_purse(self, purse_e6: int) -> Iterator[WindowRow]:
        """The base of equity, when the executor says another than thought."""
        if purse_e6 != self.purse_e6:
            self.purse_e6 = purse_e6
            if self._order:
                yield from self.refold(self._order[0][0])

    def of_window(self, start_s: int) -> list[WindowFacts]:
        """The facts of every strategy of the session for one window, made if need be."""
        found = (self.facts(slug_of(start_s), self.account, strategy) for strategy in self.strategies)
        return [facts for facts in found if facts is not None]

    def begin(self, session: SessionPlan, strategies: tuple[str, ...], account: str, purse_e6: int) -> None:
        """Set the session, strategies, account and purse whose calendar this is."""
        self.session, self.strategies = session, session.strategies or strategies
        self.account, self.purse_e6 = account, purse_e6

    def start_at(self, n: int) -> int | None:
        """Start of the session's window number n; None when there is none."""
        return self.session.start_of(n) if 1 <= n <= self.session.windows else None
