"""Who was down when: from the watchdog's word, and from the boots that every message carries.

A window that nobody spoke about is a row too: `ACTOR_DOWN` names the first actor on its path that was not there in time.
"""

from dataclasses import dataclass, field
from typing import Final

from messages import ActorDied, Health
from polybot.core.utc import clock_text

FOREVER_NS: Final = 1 << 62


@dataclass
class Down:
    """One absence, world time; back_ns is FOREVER_NS while it lasts."""

    from_ns: int
    back_ns: int
    how: str


@dataclass
class Absences:
    """Boots heard per actor, and the gaps between them."""

    _downs: dict[str, list[Down]] = field(default_factory=dict)
    _heard: dict[str, tuple[int, int]] = field(default_factory=dict)  # actor → (boot, last world time)

    def restore(self, actor: str, boot: int, last_ns: int) -> None:
        """Take in what was known before this recorder started."""
        self._heard[actor] = (boot, last_ns)

    def heard(self, actor: str, boot: int, at_ns: int) -> bool:
        """Something arrived from this boot of an actor; True when that tells of an absence."""
        known = self._heard.get(actor)
        is_new = known is None or boot > known[0]
        if known is None or is_new or at_ns > known[1]:
            self._heard[actor] = (boot, at_ns)
        return is_new and self._back(actor, at_ns, known)

    def died(self, word: ActorDied) -> None:
        """The watchdog saw an actor leave. Heard twice or late, it is the same absence."""
        self._open(word.actor, word.died_ns, word.how)

    def health(self, word: Health, now_ns: int) -> None:
        """Take in the watchdog's level: note whoever is down now."""
        for actor in word.actors:
            if actor.state in ("down", "stopped"):
                self._open(actor.actor, actor.down_since_ns or now_ns, actor.state)

    def reason(self, actors: tuple[str, ...], from_ns: int, until_ns: int, slack_ns: int) -> tuple[str, str] | None:
        """(ACTOR_DOWN, sentence) for the first of these that was away in that time, or back for less than slack_ns.

        slack_ns  what a machine second is in world time
        """
        for actor in actors:
            for down in self._downs.get(actor, ()):
                if down.from_ns <= until_ns and down.back_ns + slack_ns >= from_ns:
                    return "ACTOR_DOWN", _sentence(actor, down)
            if actor not in self._heard:
                return "ACTOR_DOWN", f"{actor} has not been heard in this session"
            if self._heard[actor][1] + 2 * slack_ns < from_ns:
                return "ACTOR_DOWN", f"{actor} was last heard at {clock_text(self._heard[actor][1])} and not since"
        return None

    def _open(self, actor: str, from_ns: int, how: str) -> None:
        downs = self._downs.setdefault(actor, [])
        for down in downs:
            if down.from_ns - 1 <= from_ns <= down.back_ns:
                down.how = how if down.how in ("", "down", "stopped") else down.how
                return
        known = self._heard.get(actor)
        returned = known is not None and known[1] > from_ns
        downs.append(Down(from_ns, known[1] if returned and known else FOREVER_NS, how))
        del downs[:-64]

    def _back(self, actor: str, at_ns: int, known: tuple[int, int] | None) -> bool:
        downs = self._downs.setdefault(actor, [])
        if downs and downs[-1].back_ns == FOREVER_NS:
            downs[-1].back_ns = at_ns
        elif known is not None:
            downs.append(Down(known[1], at_ns, ""))
            del downs[:-64]
        else:
            return False
        return True


def _sentence(actor: str, down: Down) -> str:
    how = f" ({down.how})" if down.how not in ("", "down") else ""
    if down.back_ns == FOREVER_NS:
        return f"{actor} was down from {clock_text(down.from_ns)}{how}"
    return f"{actor} was down from {clock_text(down.from_ns)} to {clock_text(down.back_ns)}{how}"
