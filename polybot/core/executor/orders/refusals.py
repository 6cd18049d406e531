"""What follows from a refused POST beyond the order itself. Each stops entries by a name, and says what ends it.

1. A refusal after which no order makes sense halts by its name (stoppers.py).
2. A 403 page: the order is in doubt, and the geoblock endpoint is asked. Blocked halts; not blocked ends the state; while it
   is silent it is asked again each ASK_S, and no entry leaves.
3. "not enough balance": that order is lost. The venue is made to look at the chain, and its balance is read until it covers
   the order, meanwhile no entry leaves. Still short after STANDS_S: halts. The same again although the balance read covered
   it: halts, too.
4. SAME orders in a row refused with the same words (ids and numbers apart): risk is asked to pause, which stands until the
   user resumes. What the market itself refuses is not counted: no match, post-only that crosses, less than the minimum.
"""

import re
from collections.abc import Iterator

from messages import Done, OrderIntent, Pause, Word
from messages.inner import (
    AskGeoblock,
    AskShortfall,
    BalanceRead,
    ForShortfall,
    GeoblockRead,
    NoReply,
    PostResult,
    ReadBalance,
    ReadGeoblock,
    Started,
    WakeIn,
    WriteHalt,
)
from polybot.core.executor.books.state import BookedOrder
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.stoppers import STOPPERS, halt_text
from polybot.core.executor.orders.venue_status import VenueState
from polybot.core.reasons import Reason

ASK_S = 10.0  # machine time
LOOK_S = 2.0
STANDS_S = 30.0
SAME = 3
OF_THE_MARKET = ("FAK_NO_MATCH", "FOK_KILLED", "POST_ONLY", "MIN_SIZE")
_VARIES = re.compile(r"0x[0-9a-f]+|\d+(?:\.\d+)?", re.IGNORECASE)


class Refusals:
    """Keeps what the last refusals came to; the rules stand at the head of this file."""

    def __init__(self, switch: OrderSwitch, venue: VenueState) -> None:
        self._switch, self._venue = switch, venue
        self._boot = self._pauses = 0
        self._words, self._in_a_row = "", 0
        self._pause: Pause | None = None  # asked for, and not carried out yet
        self._short: tuple[BookedOrder, str] | None = None  # the order that could not be paid, and the venue's words
        self._short_since_s = 0.0
        self._was_covered = False  # it could be, said the balance read after the last such refusal

    def start(self, started: Started) -> None:
        """Which life this is: what it asks of risk is named by it."""
        self._boot = started.boot

    def shut(self, intent: OrderIntent) -> Reason | None:
        """Why no entry leaves at present, None = it may; exits always may."""
        if intent.side == "SELL":
            return None
        if self._short is not None:
            return Reason("INSUFFICIENT", f"the wallet is being read, since the venue said: {self._short[1]}")
        return Reason("PAUSED", self._pause.reason) if self._pause is not None else None

    # --- the answer to a POST

    def answered(self, order: BookedOrder, result: PostResult) -> Iterator[Word]:
        """Follow up a POST's answer by the rules."""
        is_page = result.outcome == "unknown" and result.code == "GEOBLOCK"
        if is_page:
            yield ReadGeoblock()
        elif result.outcome == "accepted":
            self._words, self._in_a_row, self._was_covered = "", 0, False
            return
        elif result.outcome != "refused":
            return
        if result.code == "INSUFFICIENT":
            yield from self._cannot_pay(order, result.text)
        elif result.code in STOPPERS and not is_page:
            yield self._halt(result.code, result.text)
        else:
            yield from self._count(result)

    @staticmethod
    def _halt(code: str, why: str) -> WriteHalt:
        return WriteHalt(by="executor", reason_code=code, reason=halt_text(code, why))

    def _count(self, result: PostResult) -> Iterator[Word]:
        words = "" if result.code in OF_THE_MARKET else _VARIES.sub("#", result.text.lower())
        self._in_a_row = self._in_a_row + 1 if words == self._words else 1
        self._words = words
        if words and self._in_a_row >= SAME and self._pause is None:
            self._words, self._in_a_row = "", 0
            self._pauses += 1
            why = (
                f"the venue refused {SAME} orders in a row with the same words: {result.text}; "
                "`polybot-ctl why` shows them; once it is mended, `polybot-ctl resume` lifts this"
            )
            self._pause = Pause(id=f"executor/{self._boot}/pause/{self._pauses}", by="executor", reason=why)
            yield self._pause

    def replied(self, word: Done | NoReply) -> Iterator[Word]:
        """risk has paused, and says so from now on; or it has not answered, and is asked again."""
        if self._pause is None or word.id != self._pause.id:
            return
        if isinstance(word, Done) and word.ok:
            self._pause = None
        else:
            yield self._pause

    # --- where we are

    def geoblock(self, word: GeoblockRead) -> Iterator[Word]:
        """Take in what the geoblock endpoint said of this address (rule 2)."""
        if not self._venue.asks_where:
            return
        if not word.known:
            yield WakeIn(timer=AskGeoblock(), after_s=ASK_S)
        elif word.blocked:
            yield self._halt("GEOBLOCK", f"{self._venue.why}; {word.why}")

    def ask_geoblock(self) -> Iterator[Word]:
        """Ask the geoblock endpoint again, while it is not known whether we are blocked."""
        if self._venue.asks_where:
            yield ReadGeoblock()

    # --- what we have

    def _cannot_pay(self, order: BookedOrder, text: str) -> Iterator[Word]:
        if self._was_covered:
            yield self._halt("INSUFFICIENT", f"{text}, again, although its own balance covers the order")
        elif self._short is None:
            self._short, self._short_since_s = (order, text), self._switch.mono_s
            yield from self.ask_balance()

    def ask_balance(self) -> Iterator[Word]:
        """Read what should pay the order, after the venue has looked at the chain; also the timer AskShortfall."""
        if self._short is not None:
            order, _ = self._short
            token = order.intent.token_id if order.intent.side == "SELL" else ""
            yield ReadBalance(purpose=ForShortfall(order_id=order.order_id), token_id=token, refresh=True)

    def balance(self, word: BalanceRead) -> Iterator[Word]:
        """Hold the balance read against the order that could not be paid (rule 3). Not known is neither."""
        if self._short is None or word.purpose != ForShortfall(order_id=self._short[0].order_id):
            return
        order, text = self._short
        need = order.intent.maker_e6 if word.token_id else order.intent.worst_e6
        have = word.balance_e6 if word.token_id else min(word.balance_e6, word.allowance_e6)
        if word.known and have >= need:
            self._short, self._was_covered = None, True
        elif word.known and self._switch.mono_s - self._short_since_s >= STANDS_S:
            self._short = None
            yield self._halt("INSUFFICIENT", text)
        else:
            yield WakeIn(timer=AskShortfall(), after_s=LOOK_S)
