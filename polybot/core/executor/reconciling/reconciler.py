"""Our books against the venue's: at start before anything is served, then every 30 s of machine time and after settlements.

1. A round asks: open orders, each order that is not final, trades since the oldest moment that may matter, balances. It
   counts only when every answer is known; otherwise it is asked again, and what failed is said.
2. Orders and trades that the journal never knew are foreign: shown, and new orders stop until the user lifts a halt.
3. Cash that is more or less than the books' is first explained (external_cash.py): payouts of resolved windows, and what the
   Data API's activity says came or went, each booked once. The rest is looked at again and again; after 60 s it halts, with
   both sides printed. So it is with shares of a token.
4. A halt for a difference that the user lifts (`resume --override`) accepts it: the cash is booked as external.
5. A position at the venue of a token we never ordered is foreign like an order (rule 2). The Data API is seconds behind the
   chain and no part of the CLOB: when it is silent a round is known without it, but not before it has answered once
   since the start.
6. Ready = a round was known and nothing differed. A round that has not been known for 60 s takes that back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from messages import Word
from messages.inner import (
    ActivityRead,
    AnyReadPurpose,
    BalanceRead,
    ForDifference,
    ForReconciliation,
    HoldingsRead,
    OpenOrdersRead,
    OrderRead,
    ReadActivity,
    ReadBalance,
    ReadHoldings,
    ReadOpenOrders,
    ReadTrades,
    Reconcile,
    Started,
    TradesRead,
    WakeIn,
    WriteHalt,
)
from messages.units import NS, decimal_text
from polybot.core.executor.books import double_entry
from polybot.core.executor.books.entries import ExternalBooked, ForeignAccepted, Opened
from polybot.core.executor.books.past import token_hash, tokens_gone
from polybot.core.executor.books.settlement import holdings
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders import venue_facts
from polybot.core.executor.orders.account_levels import unsettled
from polybot.core.executor.orders.admission import OrderSwitch
from polybot.core.executor.orders.tracker import OrderTracker
from polybot.core.executor.reconciling.external_cash import ExternalCash
from polybot.settings import Settings, usd_e6

EVERY_S = 30.0
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
STALE_S = 60.0
PATIENCE_S = 60.0
LOOK_BACK_S = 120  # world seconds before the newest thing we know: trades are stamped by the venue's clock, not ours
DIFFERENCE = "BALANCE_DIFFERENCE"
ACTIVITY_BACK_S = 3600  # world seconds before the last time that all agreed: the Data API tells of things late
LOOK = ForDifference()
POSITIONS = "positions"


@dataclass(frozen=True)
class Differs:
    """Since when (machine time) the two sides disagree."""

    since_s: float
    ours_e6: int
    theirs_e6: int


class Reconciler:
    """wallet_e6: the wallet as last read, -1 before. account, purse_e6: whose money, and how much of it is ours to use."""

    def __init__(self, writer: Writer, switch: OrderSwitch, tracker: OrderTracker) -> None:
        self._writer, self._switch, self._tracker = writer, switch, tracker
        self.account, self.purse_e6 = "main", 0
        self.wallet_e6 = -1
        self.why = "the venue's books have not been read yet"
        self.reconciled_ns = 0
        self._mono_s = 0.0  # machine time as of the last round that was due, or of the last watch
        self.rounds = 0  # known ones so far
        self.differences: dict[str, Differs] = {}
        self._known_s = 0.0
        self._round = self._failures = 0
        self._awaited: dict[str, None] = {}
        self._failed = ""
        self._accepts = False
        self._halted_for = ""
        self._external_cash = ExternalCash()
        self._knows_positions = False  # the Data API has answered in this life
        self._is_looking = False  # one look at a time: a venue that hangs must not be asked into a queue

    def start(self, settings: Settings, started: Started) -> None:
        """Whose money it is."""
        self.account, self.purse_e6 = settings.bot.account, usd_e6(settings.bot.capital_usd)
        self._mono_s = started.mono_s

    # --- a round

    def due(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """The timer of the next round has come."""
        self._mono_s = mono_s
        yield from self.begin(now_ns)

    def begin(self, now_ns: int) -> Iterator[Word]:
        """Ask everything anew; answers of an earlier round no longer count."""
        books = self._writer.books
        self._round += 1
        self._failed = ""
        purpose = ForReconciliation(round=self._round)
        tokens = self._tokens()
        asked = ["open", *books.open, "trades", *tokens, ""]
        self._awaited = dict.fromkeys(asked if self._knows_positions else [*asked, POSITIONS])
        yield WakeIn(timer=Reconcile(), after_s=EVERY_S)
        yield ReadOpenOrders(purpose=purpose)
        for order_id in list(books.open):
            yield from self._tracker.ask(order_id, purpose)
        yield ReadTrades(purpose=purpose, after_s=self.trades_since_s(now_ns))
        for token in tokens:
            yield ReadBalance(purpose=purpose, token_id=token)
        yield ReadBalance(purpose=purpose, token_id="")
        yield ReadHoldings(purpose=purpose)

    def trades_since_s(self, now_ns: int) -> int:
        """World seconds: nothing that could matter to our books was traded before it."""
        books = self._writer.books
        if not books.opened_ns:
            return now_ns // NS
        moments = [self.reconciled_ns or books.last_ns]
        moments += [books.orders[order_id].signed_ns for order_id in books.open]
        provisional = [
            fill.matched_s * NS
            for window in unsettled(books)
            for order_id in window.orders
            for fill in books.orders[order_id].fills.values()
            if fill.status == "MATCHED"
        ]
        return max(min(moments + provisional) // NS - LOOK_BACK_S, books.opened_ns // NS)

    def _tokens(self) -> list[str]:
        """Those of which shares are held in windows without an official outcome: a resolved one's are cash at any moment."""
        return sorted(self._held())

    def _held(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for window in unsettled(self._writer.books):
            for holding in holdings(self._writer.books, window).values():
                for token, size in holding.shares.items():
                    if not window.winner:
                        held[token] = held.get(token, 0) + size
        return held

    def _answer(self, purpose: AnyReadPurpose, what: str, known: bool, why: str, now_ns: int) -> Iterator[Word]:
        """Count an answer. One to an earlier round's question is a fact, but completes nothing (rule 1)."""
        if purpose != ForReconciliation(round=self._round) or what not in self._awaited:
            return
        del self._awaited[what]
        if not known:
            self._failed = self._failed or why or "no clear answer"
        if self._awaited:
            return
        if self._failed:
            yield from self._again(f"the venue's books are not known: {self._failed}")
        elif self.differences:
            yield from self._again(self._told())
        else:
            self._failures, self._known_s, self.reconciled_ns = 0, self._mono_s, now_ns
            self.rounds += 1
            self._switch.know_books(True)
            self.why = ""

    def _again(self, why: str) -> Iterator[Word]:
        self._failures += 1
        if not self._switch.is_ready:
            self.why = why
        yield WakeIn(timer=Reconcile(), after_s=RETRY_S[min(self._failures, len(RETRY_S)) - 1])

    # --- answers

    def open_orders(self, word: OpenOrdersRead, now_ns: int) -> Iterator[Word]:
        """Take in what is open at the venue: ours, or foreign."""
        for shown in word.orders if word.known else ():
            found = venue_facts.of_order(self._writer.books, shown, is_authoritative=False)
            yield from self._writer.write_all(found, now_ns)
            if shown.order_id in self._writer.books.orders:
                yield from self._tracker.follow(self._writer.books.orders[shown.order_id], now_ns)
        yield from self._answer(word.purpose, "open", word.known, word.why, now_ns)

    def trades(self, word: TradesRead, now_ns: int) -> Iterator[Word]:
        """Book what was traded, ours or foreign, and count the answer for the round."""
        if word.known:
            yield from self._tracker.trades(word.trades, now_ns)
        yield from self._answer(word.purpose, "trades", word.known, word.why, now_ns)

    def order(self, word: OrderRead, now_ns: int) -> Iterator[Word]:
        """Count the answer for the round; OrderTracker has booked its facts already. Rows of its market that nobody can read
        stop that market, not the round: they would be the same the next time.
        """
        known = word.known or bool(word.unreadable)
        yield from self._answer(word.purpose, word.order_id, known, word.why, now_ns)

    def balance(self, word: BalanceRead, now_ns: int) -> Iterator[Word]:
        """Hold a balance against the books; explain a difference in cash before judging it (rule 3)."""
        if word.purpose == LOOK and not word.token_id:
            self._is_looking = False
        if word.known and word.token_id:
            self._judge(word.token_id, self._held().get(word.token_id, 0), word.balance_e6)
        elif word.known:
            self.wallet_e6 = word.balance_e6
            yield from self._explain(word.balance_e6, now_ns)
            self._judge("", double_entry.cash_e6(self._writer.books), word.balance_e6)
        yield from self._answer(word.purpose, word.token_id, word.known, word.why, now_ns)

    def _explain(self, theirs_e6: int, now_ns: int) -> Iterator[Word]:
        """The session's first sight of the wallet; payouts of resolved windows; what the user accepted."""
        books = self._writer.books
        if not books.opened_ns:
            opened = Opened(account=self.account, purse_e6=self.purse_e6, wallet_e6=theirs_e6)
            yield from self._writer.write(opened, now_ns)
            return
        off = theirs_e6 - double_entry.cash_e6(books)
        yield from self._writer.write_all(self._external_cash.entries(books, off), now_ns)
        off = theirs_e6 - double_entry.cash_e6(books)
        if off and self._accepts:
            entry = ExternalBooked(amount_e6=off, why="a difference the user accepted by lifting the halt")
            yield from self._writer.write(entry, now_ns)
        self._accepts = False

    def activity(self, word: ActivityRead) -> None:
        """Keep what came and went, for the next sight of the wallet."""
        if word.known:
            self._external_cash.remember(word.rows)

    def holdings(self, word: HoldingsRead, now_ns: int) -> Iterator[Word]:
        """Note positions of tokens we never ordered as foreign (rule 5)."""
        books = self._writer.books
        ours = dict.fromkeys(order.intent.token_id for order in books.orders.values())
        gone = tokens_gone(books) if word.known else frozenset()
        for token, size in word.shares.items() if word.known else ():
            if size and token not in ours and token_hash(token) not in gone:
                text = f"position of {decimal_text(size)} shares of token {token[:12]}…, bought by somebody else"
                yield from self._writer.write_all(venue_facts.foreign(books, f"position:{token}", text), now_ns)
        self._knows_positions |= word.known
        why = f"the Data API has not told which positions the wallet holds: {word.why}"
        yield from self._answer(word.purpose, POSITIONS, word.known, why, now_ns)

    # --- differences

    def _judge(self, name: str, ours_e6: int, theirs_e6: int) -> None:
        if ours_e6 == theirs_e6:
            self.differences.pop(name, None)
            return
        before = self.differences.get(name)
        self.differences[name] = Differs(before.since_s if before else self._mono_s, ours_e6, theirs_e6)

    def _told(self) -> str:
        lines = []
        for name, d in self.differences.items():
            what = f"shares of token {name[:16]}…" if name else "USD of cash"
            ours, theirs = decimal_text(d.ours_e6), decimal_text(d.theirs_e6)
            lines.append(
                f"the venue says {theirs} {what}, the books {ours}, off by {decimal_text(d.theirs_e6 - d.ours_e6)}"
            )
        return "; ".join(lines)

    def watch(self, mono_s: float, now_ns: int) -> Iterator[Word]:
        """Each machine second: look again at what differs or is owed; halt when patience is over."""
        self._mono_s = mono_s
        books = self._writer.books
        owed = any(w.winner for w in unsettled(books))
        held = self._held()
        for name in [n for n in self.differences if n and n not in held]:
            del self.differences[name]  # resolved meanwhile: its shares are cash now
        if (self.differences or owed) and not self._is_looking:
            self._is_looking = True
            if self.differences:
                yield ReadTrades(purpose=LOOK, after_s=self.trades_since_s(now_ns))
                yield ReadActivity(purpose=LOOK, after_s=self._activity_since_s())
            for name in [n for n in self.differences if n]:
                yield ReadBalance(purpose=LOOK, token_id=name, refresh=True)
            yield ReadBalance(purpose=LOOK, token_id="", refresh=bool(self.differences))
        oldest_s = min((d.since_s for d in self.differences.values()), default=mono_s)
        if mono_s - oldest_s >= PATIENCE_S and not self._halted_for:
            self._halted_for = self._told()
            yield WriteHalt(by="executor", reason_code=DIFFERENCE, reason=self._halted_for)
        if self._switch.is_ready and mono_s - self._known_s > EVERY_S + STALE_S:
            self._switch.know_books(False)
            self.why = f"the venue's books have not been known for {mono_s - self._known_s:.0f} s: {self._failed}"

    def _activity_since_s(self) -> int:
        """World seconds: not before the session's first sight of the wallet, which has everything earlier in it."""
        opened_s = self._writer.books.opened_ns // NS
        return max(opened_s, self.reconciled_ns // NS - ACTIVITY_BACK_S)

    def lifted(self, code: str, now_ns: int) -> Iterator[Word]:
        """The user lifted a halt: what stood in sight is accepted (rules 2 and 4)."""
        books = self._writer.books
        if books.foreign:
            yield from self._writer.write(ForeignAccepted(ids=tuple(books.foreign)), now_ns)
        self._accepts, self._halted_for = code == DIFFERENCE, ""
        self.differences.clear()
        yield from self.begin(now_ns)
