"""One market's real book, and whether it is known. Pure; `now_s` is machine time.

1. Known is what the channel has shown whole, with a hash that is right, and every change since. After each change the best
   prices must be those named beside it.
2. It is fresh for FRESH_S after the channel last spoke of this market. A market on which nothing happens is silent: after
   QUIET_S REST is asked, and its book proves ours when it is the one we have, or had since we asked.
3. REST shows another one while the channel says nothing: the book is in doubt at once. Twice in a row: the channel is
   stalled, and what it showed is lost.
4. What is lost comes back by a new snapshot of the channel; or by REST's book, its hash right and not older than the loss,
   with every later change of the channel on top. REST alone brings nothing back: the channel must speak.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from polybot.sim.venue.mirror import Change
from polybot.sim.venue.types import BookSide, Levels
from polybot.venue.mirror.frames import BookSnapshot, Changes

FRESH_S = 2.0
QUIET_S = 0.7
MEMORY_S = 3.0  # rule 2: so long the books we had are remembered
MOST_LATER = 5_000  # rule 4: changes kept while the book is lost; more of them need a new snapshot

Checked = Literal["proved", "found", "doubt", "stalled", "nothing"]
"""What REST's book came to: ours is proved; a lost one is found again; another one; the second such; or no help."""


@dataclass
class RealBook:
    """Levels in Up's terms: side → price_e6 → size_e6."""

    levels: dict[BookSide, dict[int, int]] = field(default_factory=lambda: {"BID": {}, "ASK": {}})
    is_known: bool = False
    why: str = "nothing was heard of it yet"
    doubts: int = 0
    at_ms: int = 0
    heard_s: float = 0.0
    proved_s: float = 0.0
    asked_s: float = 0.0
    _speaks: bool = False
    _lost_ms: int = 0
    _later: list[Changes] = field(default_factory=list)
    _digest: int = 0
    _had: deque[tuple[float, int]] = field(default_factory=deque)

    # --- what the channel says

    def snapshot(self, shown: BookSnapshot, now_s: float) -> list[Change]:
        """Take the whole book (rule 1); returns what differs from the one before."""
        self._hear(shown.at_ms, now_s)
        if not shown.is_intact:
            self.lose("the hash of a snapshot is not that of what it shows", speaks=True)
            return []
        changed = self._become(shown.bids, shown.asks)
        self._know(now_s)
        return changed

    def change(self, changed: Changes, now_s: float) -> bool:
        """Take one change (rule 1); returns whether the book is known after it."""
        self._hear(changed.at_ms, now_s)
        if not self.is_known:
            self._keep(changed)
            return False
        self._apply(changed.levels)
        if any(tops != self.best() for tops in changed.tops):
            self.lose("the best prices are not those the venue names", speaks=True)
            return False
        self._know(now_s)
        return True

    def lose(self, why: str, speaks: bool) -> None:
        """What is here is not to be believed. speaks: the channel itself goes on."""
        if self.is_known:
            self._lost_ms = self.at_ms
        if self.is_known or not speaks:
            self._later.clear()
        self.is_known, self.why, self._speaks, self.doubts = False, why, speaks, 0

    # --- what REST says

    def wants_check(self, now_s: float) -> bool:
        """Whether it is time to ask REST (rules 2 and 4)."""
        if now_s - self.asked_s < QUIET_S:
            return False
        return self._speaks if not self.is_known else now_s - max(self.heard_s, self.proved_s) >= QUIET_S

    def check(self, shown: BookSnapshot, asked_s: float, now_s: float) -> Checked:
        """Hold the book against REST's answer to what was asked then."""
        if not shown.is_intact:
            return "nothing"
        if not self.is_known:
            return self._find(shown, asked_s, now_s)
        digest = digest_of(shown.bids, shown.asks)
        if digest in self._since(asked_s):
            self.proved_s, self.doubts = max(self.proved_s, asked_s), 0
            return "proved"
        if self.heard_s > asked_s or shown.at_ms < self.at_ms:
            return "nothing"  # it has changed meanwhile, or REST itself is behind
        self.doubts += 1
        if self.doubts < 2:
            return "doubt"
        self.lose("the real book changes and the market channel does not say so", speaks=False)
        return "stalled"

    # --- what may be asked

    def why_not(self, now_s: float) -> str:
        """Why nothing may be filled on it now; "" when it is known and fresh."""
        if not self.is_known:
            return self.why
        if self.doubts:
            return "REST shows another book and the market channel is silent"
        age_s = now_s - max(self.heard_s, self.proved_s)
        return "" if age_s <= FRESH_S else f"nothing was heard of it for {age_s:.1f} s (limit {FRESH_S:g} s)"

    def best(self) -> tuple[int | None, int | None]:
        """The best bid and the best ask, in millionths; None where there is none."""
        return max(self.levels["BID"], default=None), min(self.levels["ASK"], default=None)

    def ladders(self) -> tuple[Levels, Levels]:
        """Bids and asks as (price, size) in millionths, the best first."""
        bids, asks = self.levels["BID"], self.levels["ASK"]
        return tuple((p, bids[p]) for p in sorted(bids, reverse=True)), tuple((p, asks[p]) for p in sorted(asks))

    # --- inside

    def _hear(self, at_ms: int, now_s: float) -> None:
        self.heard_s, self.at_ms, self.doubts, self._speaks = now_s, max(self.at_ms, at_ms), 0, True

    def _keep(self, changed: Changes) -> None:
        if len(self._later) < MOST_LATER:
            self._later.append(changed)
        else:
            self._speaks = False

    def _know(self, now_s: float) -> None:
        self.is_known, self.why = True, ""
        self._later.clear()
        self._had.append((now_s, self._digest))
        while self._had[0][0] < now_s - MEMORY_S and len(self._had) > 1:
            self._had.popleft()

    def _since(self, asked_s: float) -> list[int]:
        """The books we have had since then, and the one we had then."""
        before = [digest for at_s, digest in self._had if at_s <= asked_s]
        return [*before[-1:], *(digest for at_s, digest in self._had if at_s > asked_s)]

    def _find(self, shown: BookSnapshot, asked_s: float, now_s: float) -> Checked:
        if not self._speaks or shown.at_ms < self._lost_ms:
            return "nothing"
        self._become(shown.bids, shown.asks)
        later = [changed for changed in self._later if changed.at_ms >= shown.at_ms]
        for changed in later:
            self._apply(changed.levels)
        if later and any(tops != self.best() for tops in later[-1].tops):
            return "nothing"
        self.at_ms = max(self.at_ms, shown.at_ms)
        self.proved_s = max(self.proved_s, asked_s)
        self._know(now_s)
        return "found"

    def _become(self, bids: Levels, asks: Levels) -> list[Change]:
        wanted: dict[BookSide, dict[int, int]] = {"BID": dict(bids), "ASK": dict(asks)}
        changed: list[Change] = []
        for side, now in wanted.items():
            before = self.levels[side]
            changed += [(side, price, 0) for price in before if price not in now]
            changed += [(side, price, size) for price, size in now.items() if before.get(price) != size]
        self._apply(changed)
        return changed

    def _apply(self, changed: Iterable[Change]) -> None:
        for side, price, size in changed:
            half = self.levels[side]
            before = half.pop(price, 0)
            if before:
                self._digest ^= hash((side == "BID", price, before))
            if size:
                half[price] = size
                self._digest ^= hash((side == "BID", price, size))


def digest_of(bids: Levels, asks: Levels) -> int:
    """A number for a whole book; two different books have the same one by accident only."""
    digest = 0
    for is_bid, levels in ((True, bids), (False, asks)):
        for price, size in levels:
            digest ^= hash((is_bid, price, size))
    return digest
