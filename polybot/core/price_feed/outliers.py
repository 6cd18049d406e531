"""Which prints of the exchange are believed.

1. Refused, and counted by name: NOT_A_NUMBER, ZERO_PRICE, NEGATIVE_PRICE, BAD_SIZE (negative), FUTURE_STAMP (more than
   TRADE_AHEAD_S ahead of our clock, more at high speed), BACKWARDS_STAMP, REPEATED (the same trade again). A stamp that is
   ahead and believed makes honest ones look backwards for as long: that must end before the price is stale.
2. A print more than LEAP away from the last believed one is held: not said, not refused, and it keeps nothing fresh. All
   that are held are believed once SUCCESSIVE of them in a row agree (each within AGREE of the one before), or another
   source's price lies within ELSEWHERE_AGREES of the newest: a real crash must not blind the bot for ever.
3. A print near the last believed one proves what is held wrong, and one that does not agree begins anew: LEAP.

The very first print has nothing to be measured by and is believed; a wrong one is overruled by rule 2.
"""

import math

from messages import PriceTick
from messages.units import NS
from polybot.core.market.windows import staleness_s

AHEAD_S = 5  # of other sources: their stamps hold nothing back
TRADE_AHEAD_S = 1
LEAP = 0.1
SUCCESSIVE = 3
AGREE = 0.02
ELSEWHERE_AGREES = 0.03  # another instrument, seconds old
UNREADABLE = "UNREADABLE"  # a frame that is no print at all; counted beside them


class TradeFilter:
    """`hear` each print in the order of its arrival; what it returns is believed, oldest first. speed: of market time."""

    def __init__(self, speed: float = 1.0) -> None:
        self._ahead_ns = round(staleness_s(TRADE_AHEAD_S, speed) * NS)
        self.last: PriceTick | None = None
        self.held: tuple[PriceTick, ...] = ()
        self.refused: dict[str, int] = {}

    @property
    def total(self) -> int:
        """How many prints were refused since boot."""
        return sum(self.refused.values())

    def refuse(self, name: str, n: int = 1) -> None:
        """Count n more refused prints under the reason's name."""
        if n:
            self.refused[name] = self.refused.get(name, 0) + n

    def hear(self, tick: PriceTick, now_ns: int) -> tuple[PriceTick, ...]:
        """Take in one print; returns those that are believed now."""
        wrong = self._wrong(tick, now_ns)
        if wrong:
            self.refuse(wrong)
            return ()
        last = self.last
        if last is None or abs(tick.price - last.price) <= LEAP * last.price:
            self.refuse("LEAP", len(self.held))
            self.held = ()
            self.last = tick
            return (tick,)
        if self.held and abs(tick.price - self.held[-1].price) > AGREE * self.held[-1].price:
            self.refuse("LEAP", len(self.held))
            self.held = ()
        self.held = (*self.held, tick)
        return self._release() if len(self.held) >= SUCCESSIVE else ()

    def heard_elsewhere(self, price: float) -> tuple[PriceTick, ...]:
        """Another source's price; the held prints, when it agrees with them."""
        if not self.held or abs(price - self.held[-1].price) > ELSEWHERE_AGREES * self.held[-1].price:
            return ()
        return self._release()

    def _release(self) -> tuple[PriceTick, ...]:
        believed, self.held = self.held, ()
        self.last = believed[-1]
        return believed

    def _wrong(self, tick: PriceTick, now_ns: int) -> str:
        """The name of what is wrong with a print, "" when nothing is (rule 1)."""
        if not (math.isfinite(tick.price) and math.isfinite(tick.size)):
            return "NOT_A_NUMBER"
        if tick.price == 0:
            return "ZERO_PRICE"
        if tick.price < 0:
            return "NEGATIVE_PRICE"
        if tick.size < 0:
            return "BAD_SIZE"
        if tick.traded_ns > now_ns + self._ahead_ns:
            return "FUTURE_STAMP"
        newest = self.held[-1] if self.held else self.last
        if newest is None or tick.traded_ns > newest.traded_ns:
            return ""
        if tick.traded_ns < newest.traded_ns:
            return "BACKWARDS_STAMP"
        return "REPEATED" if tick.trade_id <= newest.trade_id else ""
