"""What needs a person: a halt, a refused login, a corrected settlement, a feed lost for a minute, a pause that the bot asked
for itself, a trade that nobody can read, the floor. Each is told once.

1. A halt is told by its id, whoever wrote it, also one that was written while nobody was here to tell it.
2. The venue refusing our credentials, or us from where we are, is told when it begins.
3. A settlement that differs from what was said before is told with what it came to.
4. A feed is lost when it has not been up for LOST_S of machine time: down, stale, or its actor silent. A feed that was never
   heard is no loss; one that comes back may be lost again. After a pause of our own everyone has LOST_S anew.
5. A pause is told when the executor asked for it; one by hand has its person.
6. A row of our trades that cannot be understood is told by its market, with what stops for it.
7. An actor that leaves again and again is told, and what became of it; one whose loop halted is told as the halt.
8. That not even a first stake fits above the floor any more is told when it begins, with what to do.
9. The same thing is not told twice within QUIET_NS of world time, over restarts: what was told is recalled from our own
   flight recorder.
"""

from collections.abc import Iterator

from messages import Account, ActorDied, FeedStatus, RiskState, Settlement, Word, decode_word
from messages.inner import HaltSeen, LookAround, Notify, Restored, Started, Tick, WakeIn
from messages.units import NS, usd_text

LOOK_S = 1.0
LOST_S = 60.0
QUIET_NS = 3600 * NS
# states of the venue
_REFUSED = {
    "unauthorized": "our credentials",
    "geoblocked": "us from here",
    "wallet_type": "orders from this kind of wallet",
}
BY_THE_BOT = "paused by executor: "  # as risk says it
PAUSE_S = 10.0  # two looks further apart: we were stopped, or the machine slept


class _Feed:
    """up_s: machine time of the last look at which it had been heard as up."""

    def __init__(self, up_s: float) -> None:
        self.up_s = up_s
        self.is_fresh = False
        self.reason = ""
        self.is_told = False


class NotifierCore:
    """Decides what a person must be told, and tells it once; the rules stand at the head of this file."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._halted = ""
        self._told: dict[str, int] = {}
        self._is_refused = self._is_paused = self._is_at_floor = False
        self._feeds: dict[str, _Feed] = {}

    def handle(self, word: Word, now_ns: int) -> Iterator[Word]:
        match word:
            case FeedStatus():
                self._heard(word)
            case Account():
                yield from self._login(word, now_ns)
                yield from self._unreadable(word, now_ns)
            case RiskState():
                yield from self._paused(word, now_ns)
                yield from self._floor(word, now_ns)
            case Tick(timer=LookAround()):
                yield from self._look(word.mono_s, now_ns)
            case Settlement(corrected=True):
                yield from self._corrected(word, now_ns)
            case ActorDied(loop="often" | "dropped"):
                yield from self._looped(word, now_ns)
            case HaltSeen() if word.halt_id:
                text = f"halted by {word.by or 'what cannot be read'}: {word.reason_code}: {word.reason}"
                facts = {"id": word.halt_id, "by": word.by, "reason_code": word.reason_code, "reason": word.reason}
                yield from self._tell(Notify(kind="halt", key=word.halt_id, text=text, at_ns=now_ns, facts=facts))
            case Started():
                self._now_s, self._halted = word.mono_s, word.halted
                yield WakeIn(timer=LookAround(), after_s=LOOK_S)
            case Restored():
                yield from self._restored(word, now_ns)

    def _tell(self, notice: Notify) -> Iterator[Word]:
        told_ns = self._told.get(notice.key)
        if told_ns is None or (notice.kind != "halt" and notice.at_ns - told_ns >= QUIET_NS):
            self._told[notice.key] = notice.at_ns
            yield notice

    def _restored(self, word: Restored, now_ns: int) -> Iterator[Word]:
        """Take in what we told in former lives; a halt that stands and is not among it is told now (rules 1 and 9)."""
        for record in word.records:
            notice = decode_word(record)
            if isinstance(notice, Notify):
                self._told[notice.key] = notice.at_ns
        if self._halted:
            text = f"halted since before the notifier started: {self._halted}; polybot-ctl status says why"
            facts = {"id": self._halted}
            yield from self._tell(Notify(kind="halt", key=self._halted, text=text, at_ns=now_ns, facts=facts))

    def _login(self, account: Account, now_ns: int) -> Iterator[Word]:
        was_refused, self._is_refused = self._is_refused, account.venue_state in _REFUSED
        if self._is_refused and not was_refused:
            text = f"the venue refuses {_REFUSED[account.venue_state]}: {account.venue_why}"
            facts = {"account": account.account, "why": account.venue_why}
            yield from self._tell(Notify(kind="login_refused", key="login", text=text, at_ns=now_ns, facts=facts))

    def _paused(self, word: RiskState, now_ns: int) -> Iterator[Word]:
        was_paused, self._is_paused = self._is_paused, word.reason_code == "PAUSED"
        if self._is_paused and not was_paused and word.reason.startswith(BY_THE_BOT):
            facts = {"reason": word.reason}
            yield from self._tell(Notify(kind="paused", key="paused", text=word.reason, at_ns=now_ns, facts=facts))

    def _unreadable(self, account: Account, now_ns: int) -> Iterator[Word]:
        for market, why in account.unreadable.items():
            text = f"a trade of market {market or 'unknown'} cannot be read, no entries there: {why}"
            facts = {"market": market, "why": why}
            key = f"unreadable/{market}"
            yield from self._tell(Notify(kind="unreadable", key=key, text=text, at_ns=now_ns, facts=facts))

    def _floor(self, risk: RiskState, now_ns: int) -> Iterator[Word]:
        was, self._is_at_floor = self._is_at_floor, risk.reason_code == "DRAWDOWN_AHEAD"
        if self._is_at_floor and not was:
            text = f"no more entries: {risk.reason}"
            facts = {"reason_code": risk.reason_code, "reason": risk.reason}
            yield from self._tell(Notify(kind="floor", key="floor", text=text, at_ns=now_ns, facts=facts))

    def _corrected(self, word: Settlement, now_ns: int) -> Iterator[Word]:
        pnl = usd_text(word.pnl_e6)
        text = f"{word.slug} was corrected: {word.outcome} won, {word.strategy} held {word.held}, P&L {pnl} USD"
        facts = {"slug": word.slug, "strategy": word.strategy, "outcome": word.outcome, "pnl_usd": pnl}
        key = f"{word.key}/{word.outcome}/{word.pnl_e6}"
        yield from self._tell(Notify(kind="settlement_corrected", key=key, text=text, at_ns=now_ns, facts=facts))

    def _looped(self, word: ActorDied, now_ns: int) -> Iterator[Word]:
        text = f"{word.actor} ended {word.exits_in_hour} times within an hour ({word.how})"
        if word.loop == "dropped":
            text = f"{text}; trading goes on without it, and it is started again after {word.retry_s:.0f} s"
        facts = {"actor": word.actor, "exits_in_hour": str(word.exits_in_hour), "how": word.how}
        key = f"loop/{word.actor}/{word.loop}"
        yield from self._tell(Notify(kind="crash_loop", key=key, text=text, at_ns=now_ns, facts=facts))

    # --- feeds

    def _heard(self, word: FeedStatus) -> None:
        feed = self._feeds.setdefault(word.feed, _Feed(self._now_s))
        feed.is_fresh, feed.reason = word.state == "up", word.reason

    def _look(self, now_s: float, now_ns: int) -> Iterator[Word]:
        has_paused, self._now_s = now_s - self._now_s > PAUSE_S, now_s
        for name, feed in self._feeds.items():
            if feed.is_fresh or has_paused:
                feed.up_s, feed.is_fresh = now_s, False
                feed.is_told &= has_paused
            elif now_s - feed.up_s >= LOST_S and not feed.is_told:
                feed.is_told = True
                why = feed.reason or "its actor is silent"
                text = f"the {name} feed is lost for {now_s - feed.up_s:.0f} s: {why}"
                facts = {"feed": name, "why": why}
                yield from self._tell(
                    Notify(kind="feed_lost", key=f"feed/{name}", text=text, at_ns=now_ns, facts=facts)
                )
        yield WakeIn(timer=LookAround(), after_s=LOOK_S)
