"""recorder: remembers everything, and nothing waits for it. What it writes is a derived index: all of it can be rebuilt.

1. Hears every message with its envelope, and goes by its class in the table: kept ones are written whole, of levels the newest,
   of what may be shed a sample.
2. Money comes twice: at once from the bus, and surely from EventsSince, whose sequence alone moves `applied`.
3. Other kept messages that were missed (a gap, its own absence, another's new boot) are asked for by Resend.
4. One row per window of the calendar and strategy; a window nobody spoke about gets its row once everybody who could
   have spoken has been asked again.
5. Query is answered when all up to a journal sequence is on disk.
"""

from collections.abc import Iterable, Iterator

from messages import (
    Account,
    ActorDied,
    Allocation,
    Done,
    Envelope,
    Event,
    Events,
    EventsSince,
    Fill,
    Health,
    MarketResolved,
    OrderUpdate,
    Positions,
    Prediction,
    Query,
    Resent,
    RiskState,
    RiskVerdict,
    Settlement,
    WindowObserved,
    Word,
    decode_envelope,
    name_of,
    topic_of,
)
from messages.inner import (
    AskMissing,
    NoReply,
    NoteCounts,
    Restored,
    Started,
    Store,
    Tick,
    WakeAt,
    WakeIn,
    WindowRowsDue,
)
from messages.units import NS
from polybot.core.market.windows import GOOD_FOR_S, Window, session_from, slug_of
from polybot.core.recorder import tables
from polybot.core.recorder.catch_up import CatchUp
from polybot.core.recorder.downtime import Absences
from polybot.core.recorder.sampling import Tape
from polybot.core.recorder.session_rows import Calendar
from polybot.core.recorder.tables import MoneyEvent, RestoredIndex
from polybot.core.recorder.window_row import WindowFacts, WindowRow
from polybot.settings import Settings, settings_from, usd_e6
from polybot.topology import CLASS_OF, FEEDS, PATH, TABLE, speaker_of

# Who says kept topics that no journal holds.
SOURCES = tuple(a.name for a in TABLE if not a.journal and any(CLASS_OF[word] == "kept" for word in a.says))
ASK_S = 0.2  # machine seconds between noticing that something is missing and asking: the speaker may just have started
AGAIN_S = 2.0
COMMIT = Store(table="commit", row=b"{}")
WAIT_S, PATIENT_WAITS = 0.25, 8  # a row from silence waits two machine seconds for answers; a later one corrects it
RECONSIDERED = 12  # windows looked at again when an absence is learnt of
VAGUE = ("NO_DECISION", "NO_ANSWER")
_PATH, _FEEDS = tuple(a.name for a in PATH), tuple(a.name for a in FEEDS)
_FIRST = _PATH[0]
# Who may still tell why a window was not traded, besides the executor, whose word comes out of its journal.
_WITNESSES = (*(a.name for a in PATH if not a.journal), speaker_of(ActorDied).name)


class RecorderCore:
    """Turns everything said into rows; see the head of the file. Hears envelopes, not bare bodies."""

    wants_envelopes = True

    def __init__(self) -> None:
        self.settings = Settings()
        self.speed = 1.0
        self.boot = 0
        self.applied = 0  # journal sequence up to which no money event is missing
        self.newest = 0  # the newest the executor has been heard to speak of
        self.calendar = Calendar()
        self.catch_up = CatchUp(SOURCES)
        self.absences = Absences()
        self.tape = Tape()
        self._asked_money = ""
        self._knows_money = False  # has the executor answered since we started?
        self._count = 0
        self._by_bus: dict[tuple[int, str, str], None] = {}
        self._queries: list[Query] = []
        self._next_n = 1
        self._waits = 0
        self._halts: list[tuple[int, int, str]] = []  # (from_ns, until_ns, reason)
        self._equity: dict[str, tuple[int, int]] = {}
        self._marks: dict[str, tuple[int, int]] = {}
        self._counted: dict[str, int] = {}
        self._before: dict[str, int] = {}  # what earlier boots counted

    def handle(self, word: Word | Envelope, now_ns: int) -> Iterable[Word]:
        """Hear one word; say Store, Resend, EventsSince, timers, and Done to those who asked."""
        match word:
            case Envelope():
                yield from self._envelope(word, now_ns)
            case Started():
                self._start(word)
            case Restored():
                yield from self._restore(word)
            case Tick(timer=AskMissing()):
                yield from self._ask_again()
            case Tick(timer=WindowRowsDue()):
                yield from self._due(now_ns)
            case Tick(timer=NoteCounts()):
                yield from self._note()
                yield WakeIn(timer=NoteCounts(), after_s=1.0)
            case NoReply():
                yield from self._silence(word)

    # --- beginning

    def _start(self, word: Started) -> None:
        self.settings = settings_from(word.config)
        self.speed, self.boot = word.speed, word.boot
        bot = self.settings.bot
        self.calendar.begin(session_from(word.session), bot.strategy_names, bot.account, usd_e6(bot.capital_usd))
        self.tape.begin(word.speed)

    def _restore(self, word: Restored) -> Iterator[Word]:
        """Take in what the index held: the marks of all sources as JSON, then the messages that rows are made of."""
        self.applied = self.newest = word.last_seq
        known = tables.known_from(word.records[0]) if word.records else RestoredIndex()
        for mark in known.marks:
            self.catch_up.restore(mark.source, mark.boot, mark.safe_ns)
            self.absences.restore(mark.source, mark.boot, mark.safe_ns)
        for record in word.records[1:]:
            yield from self._fold(decode_envelope(record).body)
        self._counted, self._before = dict(known.counters), known.counters
        for start_s, account, strategy, code, reason in known.absent:
            facts = self.calendar.facts(slug_of(start_s), account, strategy)
            if facts is not None:
                facts.absent = (code, reason)
        self.catch_up.start(self.boot)
        yield from self._ask_money()
        yield WakeIn(timer=AskMissing(), after_s=ASK_S)
        yield WakeIn(timer=NoteCounts(), after_s=1.0)
        yield from self._wake_for_row()

    # --- hearing

    def _envelope(self, envelope: Envelope, now_ns: int) -> Iterator[Word]:
        body = envelope.body
        if isinstance(body, Event) and self.absences.heard(envelope.source, envelope.boot, envelope.at_ns):
            yield from self._reconsider()
        match body:
            case Event() if CLASS_OF[type(body)] == "shed":
                for kept in self.tape.hear(envelope, body):
                    yield tables.message("tape", kept)
            case Event():
                yield from self._event(envelope, body, now_ns)
            case Resent():
                yield from self._resent(envelope, body)
            case Events():
                yield from self._events(body)
            case Query():
                self._queries.append(body)
                self.newest = max(self.newest, body.upto_journal_seq)
                yield from self._answer()
                yield from self._ask_money()

    def _event(self, envelope: Envelope, body: Event, now_ns: int) -> Iterator[Word]:
        owed = self.catch_up.owes(envelope.source)
        if not self.catch_up.follow(envelope.source, envelope.boot, topic_of(body), envelope.seq, envelope.at_ns):
            return
        if not owed and self.catch_up.owes(envelope.source):
            yield WakeIn(timer=AskMissing(), after_s=ASK_S)
        if CLASS_OF[type(body)] == "level":
            yield tables.level(envelope)
        match body:
            case Health():
                self.absences.health(body, now_ns)
            case RiskState():
                self._halted(body.state == "HALTED", body.since_ns or envelope.at_ns, body.reason)
            case Account():
                yield from self._account(envelope, body)
            case Positions():
                yield from self._money_stands_at(body.journal_seq)
            case OrderUpdate() | Fill() | Settlement():
                yield from self._money(body, envelope)
                yield from self._money_stands_at(body.journal_seq)
            case _ if CLASS_OF[type(body)] == "kept":
                yield from self._kept(envelope)

    def _kept(self, envelope: Envelope) -> Iterator[Word]:
        body = envelope.body
        if isinstance(body, Prediction):
            for sample in self.tape.decided(body, envelope.cause):
                yield tables.message("tape", sample)
        yield tables.message("messages", envelope)
        yield from self._fold(body)

    def _fold(self, body: object) -> Iterator[Word]:
        rows: Iterable[WindowRow] = ()
        match body:
            case WindowObserved() | MarketResolved():
                rows = self.calendar.see(body)
            case Prediction() | Allocation() | RiskVerdict() | OrderUpdate() | Settlement():
                rows = self.calendar.hear(body.slug, body.account, body.strategy, body)
            case ActorDied():
                self.absences.died(body)
                yield from self._reconsider()
        for row in rows:
            yield tables.window(row)

    def _account(self, envelope: Envelope, body: Account) -> Iterator[Word]:
        self._halted(body.halted, envelope.at_ns, body.halt_reason)
        point = (body.journal_seq, body.equity_e6)
        if body.ready and self._equity.get(body.account) != point:
            self._equity[body.account] = point
            yield tables.equity(body, envelope.at_ns)
        if body.purse_e6 > 0 and body.account == self.calendar.account:
            for row in self.calendar.set_purse(body.purse_e6):
                yield tables.window(row)
        yield from self._money_stands_at(body.journal_seq)

    def _halted(self, is_halted: bool, since_ns: int, reason: str) -> None:
        """Note from when to when nothing could trade."""
        standing = self._halts and self._halts[-1][1] == 0
        if is_halted and not standing:
            self._halts.append((since_ns, 0, reason))
        elif not is_halted and standing:
            began_ns, _, why = self._halts[-1]
            if since_ns > began_ns:
                self._halts[-1] = (began_ns, since_ns, why)

    # --- money

    def _money(self, event: MoneyEvent, envelope: Envelope | None) -> Iterator[Word]:
        name, cause, at_ns = "", "", tables.happened_ns(event)
        if envelope is not None:
            name, cause, at_ns = name_of(envelope), envelope.cause, envelope.at_ns
            if event.journal_seq > self.applied:
                self._by_bus[event.journal_seq, type(event).__name__, event.key] = None
        yield tables.money(event, at_ns, name, cause)
        yield tables.newest(event)
        yield from self._fold(event)

    def _money_stands_at(self, journal_seq: int) -> Iterator[Word]:
        if journal_seq > self.newest:
            self.newest = journal_seq
            if not self._asked_money:
                yield WakeIn(timer=AskMissing(), after_s=ASK_S)

    def _ask_money(self) -> Iterator[Word]:
        if not self._asked_money and (self.newest > self.applied or not self._knows_money):
            self._count += 1
            self._asked_money = f"events/{self.boot}/{self._count}"
            yield EventsSince(id=self._asked_money, after=self.applied)

    def _events(self, reply: Events) -> Iterator[Word]:
        if reply.id != self._asked_money:
            return
        self._asked_money, self._knows_money = "", True
        for event in reply.events:
            if (event.journal_seq, type(event).__name__, event.key) not in self._by_bus:
                yield from self._money(event, None)
        last = reply.events[-1].journal_seq if reply.more and reply.events else max(reply.last, self.applied)
        self.applied, self.newest = last, max(self.newest, reply.last)
        self._by_bus = {key: None for key in self._by_bus if key[0] > self.applied}
        yield tables.mark("journal", 0, self.applied)
        yield from self._answer()
        if reply.more:
            yield from self._ask_money()

    # --- being asked

    def _answer(self) -> Iterator[Word]:
        """Those whose sequence is reached, once it is on disk."""
        ready = [q for q in self._queries if q.upto_journal_seq <= self.applied]
        if ready:
            self._queries = [q for q in self._queries if q.upto_journal_seq > self.applied]
            yield from self._note()
            yield COMMIT
        for query in ready:
            yield Done(id=query.id, ok=True)

    def _silence(self, word: NoReply) -> Iterator[Word]:
        if word.id == self._asked_money:
            self._asked_money = ""
            waiting, self._queries = self._queries, []
            for query in waiting:
                why = f"the executor is silent; the index holds the journal up to {self.applied}"
                yield Done(id=query.id, ok=False, reason=why)
        else:
            self.catch_up.unanswered(word.id)
        yield WakeIn(timer=AskMissing(), after_s=AGAIN_S)

    # --- asking again

    def _ask_again(self) -> Iterator[Word]:
        yield from self._ask_money()
        yield from self.catch_up.wishes()

    def _resent(self, answer: Envelope, reply: Resent) -> Iterator[Word]:
        for data in reply.envelopes:
            yield from self._kept(decode_envelope(data))
        self.catch_up.answered(answer.source, answer.at_ns, reply)
        yield from self.catch_up.wishes()
        if not self.catch_up.owes(*SOURCES):
            yield from self._note()

    # --- rows of windows nobody spoke about

    def _wake_for_row(self) -> Iterator[Word]:
        start_s = self.calendar.start_at(self._next_n)
        if start_s is not None:
            yield WakeAt(timer=WindowRowsDue(), at_ns=self._due_ns(start_s))

    def _due_ns(self, start_s: int) -> int:
        """When everything about a window's decision must have been said: good-until has passed, and delivery with it."""
        until_ns = Window(start_s).decide_until_ns()
        return until_ns + int((GOOD_FOR_S + max(5.0, self.speed * 0.5)) * NS)

    def _due(self, now_ns: int) -> Iterator[Word]:
        """Rows for the windows whose time has passed; not while someone who may have spoken still has to be heard."""
        start_s = self.calendar.start_at(self._next_n)
        while start_s is not None and self._due_ns(start_s) <= now_ns:
            if self._is_owed() and self._waits < PATIENT_WAITS:
                self._waits += 1
                yield from self._ask_money()
                yield WakeIn(timer=WindowRowsDue(), after_s=WAIT_S)
                return
            yield from self._conclude(start_s)
            self._next_n += 1
            start_s = self.calendar.start_at(self._next_n)
        self._waits = 0
        yield from self._wake_for_row()

    def _is_owed(self) -> bool:
        return bool(self._asked_money) or self.catch_up.owes(*_WITNESSES)

    def _reconsider(self) -> Iterator[Word]:
        """More is known of who was away: the rows concluded from silence are concluded anew."""
        for n in range(max(1, self._next_n - RECONSIDERED), self._next_n):
            start_s = self.calendar.start_at(n)
            if start_s is not None:
                yield from self._conclude(start_s)

    def _conclude(self, start_s: int) -> Iterator[Word]:
        for facts in self.calendar.of_window(start_s):
            if not facts.is_answered and (facts.absent is None or facts.absent[0] in VAGUE):
                facts.absent = self._why_absent(facts)
        for row in self.calendar.refold(start_s):
            yield tables.window(row)

    def _why_absent(self, facts: WindowFacts) -> tuple[str, str]:
        window, trade = Window(facts.start_s), self.settings.trade
        until_ns = window.decide_until_ns() + GOOD_FOR_S * NS
        for began_ns, ended_ns, why in self._halts:
            if began_ns <= until_ns and (ended_ns == 0 or ended_ns > window.decide_from_ns(trade)):
                return "HALTED", f"trading was halted: {why}" if why else "trading was halted"
        who, what = facts.missing
        path = (*_PATH, *_FEEDS) if who == _FIRST else (who,)
        away = self.absences.reason(path, window.decide_from_ns(trade), until_ns, int(self.speed * NS))
        if away is not None:
            return away
        return ("NO_DECISION" if who == _FIRST else "NO_ANSWER"), f"{who} {what} in time"

    # --- counts and marks

    def _note(self) -> Iterator[Word]:
        """Marks and counters that changed, each machine second and before an answer."""
        for source, mark in self.catch_up.marks.items():
            stands = (mark.boot, mark.safe_ns)
            if self._marks.get(source) != stands:
                self._marks[source] = stands
                yield tables.mark(source, *stands)
        counts = {
            "tape_kept": self.tape.kept,
            "tape_shed": self.tape.shed,
            "gaps": self.catch_up.gaps,
            "resend_lost": self.catch_up.lost,
            "resend_given_up": self.catch_up.given_up,
        }
        for name, here in counts.items():
            value = self._before.get(name, 0) + here
            if self._counted.get(name, 0) != value:
                self._counted[name] = value
                yield tables.counter(name, value)
