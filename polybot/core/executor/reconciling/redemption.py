"""Winners into cash: after the official word each window that still owes the wallet is redeemed, one at a time.

    due → sending → sent → mined → confirmed → paid            failed, unknown → (looked at) → sending …

1. Due is a window with an official winner, all of whose fills are final, that still owes after its wallet was read: a venue
   that pays by itself is never asked.
2. An attempt is on disk before it goes out. Nothing here moves cash: what the wallet is seen to receive is booked once, by
   the sum of what is owed (external_cash.py), whoever redeemed it.
3. A clear no is tried again with back-off, for as long as the window owes, and shown.
4. What may have been heard (no answer, a transaction nobody knows, a restart in between) is looked at first: the shares, read
   fresh from the chain. Gone: it was done, and the wallet is read. Still there: another attempt; should the first one
   arrive as well, it finds nothing and pays nothing.
5. Confirmed: the venue is made to look at the wallet again (balance-allowance/update) until the payout is seen.
6. A halt does not stop it; SIGTERM and a broken journal do.
"""

from collections.abc import Iterator

from messages import Redeem, Redemption, Redemptions, Word
from messages.inner import (
    BalanceRead,
    ForPayout,
    ForRedemption,
    PollRedeem,
    ReadBalance,
    RedeemAgain,
    RedeemRead,
    SubmitRedeem,
    WakeIn,
)
from polybot.core.executor.books.entries import RedeemBegun, RedeemTold
from polybot.core.executor.books.order_state import standing
from polybot.core.executor.books.settlement import claim_e6, holdings, key_of
from polybot.core.executor.books.state import BookedWindow, Books
from polybot.core.executor.books.writer import Writer
from polybot.core.executor.orders.account_levels import unsettled
from polybot.core.executor.orders.admission import OrderSwitch

POLL_S = (0.1, 0.25, 0.5, 1.0, 2.0)
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
CASH_S = 1.0  # confirmed: how often the wallet is read afresh
STUCK_POLLS = 150  # about five minutes without an end: the relayer has lost it
MOST_CASH_READS = 60  # confirmed, and the wallet has not risen in a minute: are the shares really gone?
UNDER_WAY = ("sending", "sent", "mined")


def owed_e6(books: Books, window: BookedWindow) -> int:
    """What a resolved window owes the wallet over all strategies; 0 before the official word."""
    if not window.winner:
        return 0
    return sum(claim_e6(books, key_of(strategy, window.slug)) for strategy in holdings(books, window))


def redemptions(books: Books) -> tuple[Redemption, ...]:
    """Every window that still owes the wallet, the oldest first."""
    owing = [(w, owed) for w in unsettled(books) if (owed := owed_e6(books, w)) > 0]
    return tuple(_shown(books, window, owed) for window, owed in owing)


def _shown(books: Books, window: BookedWindow, owed: int) -> Redemption:
    row = books.redeems.get(window.slug)
    is_new = row is None or (row.state == "paid" and owed > 0)  # paid once, and owes again after a correction
    return Redemption(
        slug=window.slug,
        condition_id=_condition(books, window),
        amount_e6=owed,
        state="due" if row is None or is_new else row.state,
        attempts=row.attempt if row else 0,
        tx_id=row.tx_id if row else "",
        why=_not_yet(books, window) if row is None or is_new else row.why,
        since_ns=row.since_ns if row else 0,
    )


def _condition(books: Books, window: BookedWindow) -> str:
    return books.orders[window.orders[0]].intent.condition_id


def _not_yet(books: Books, window: BookedWindow) -> str:
    """Why the window is not due: shares of a trade that is not settled would come after the redemption (rule 1)."""
    for order_id in window.orders:
        waiting = [f.trade_id for f in standing(books.orders[order_id]) if f.status != "CONFIRMED"]
        if waiting:
            return f"trade {waiting[0]} is not settled on chain yet"
        if order_id in books.open:
            return f"order {order_id} is not final yet"
    return ""


class Redeemer:
    """Its timer is RedeemAgain, on machine time; counters are of this life only."""

    def __init__(self, writer: Writer, switch: OrderSwitch) -> None:
        self._writer, self._switch = writer, switch
        self._polls: dict[str, int] = {}  # looks at the newest attempt, answered or not

    @property
    def _may(self) -> bool:
        return not (self._switch.leaving or self._writer.broken)

    def resume(self) -> Iterator[Word]:
        """After a restart, go on with each redemption from where the journal left it."""
        for owing in redemptions(self._writer.books):
            if owing.state != "due":
                yield from self._wake(owing.slug, BACK_OFF_S[0])

    def go(self, now_ns: int) -> Iterator[Word]:
        """The wallet has just been read: begin with the oldest that still owes, unless one is under way."""
        owing = redemptions(self._writer.books)
        if not self._may or any(r.state in UNDER_WAY for r in owing):
            return
        for found in owing:
            if found.state == "due" and not found.why:
                yield from self._begin(found, now_ns)
                return

    def _begin(self, found: Redemption, now_ns: int) -> Iterator[Word]:
        books, attempt = self._writer.books, found.attempts + 1
        entry = RedeemBegun(slug=found.slug, condition_id=found.condition_id, attempt=attempt)
        yield from self._writer.write(entry, now_ns)
        window = books.windows[found.slug]
        self._polls.pop(found.slug, None)
        yield SubmitRedeem(
            slug=found.slug,
            condition_id=found.condition_id,
            neg_risk=books.orders[window.orders[0]].intent.neg_risk,
            attempt=attempt,
            shares=_winning(books, window),
        )

    # --- answers

    def heard(self, word: RedeemRead, now_ns: int) -> Iterator[Word]:
        """Take in how far the newest attempt is; what is said of an older one is history."""
        books = self._writer.books
        row = books.redeems.get(word.slug)
        if row is None or row.attempt != word.attempt or row.state in ("paid", "confirmed"):
            return
        polls = self._polls[word.slug] = self._polls.get(word.slug, 0) + 1
        state, why = word.state, word.why
        if state in ("sent", "mined", "silent") and polls > STUCK_POLLS:
            state, why = "unknown", f"not confirmed after {polls} looks at it"
        if state != "silent" and (state, word.tx_id or row.tx_id) != (row.state, row.tx_id):
            entry = RedeemTold(slug=word.slug, attempt=word.attempt, state=state, tx_id=word.tx_id, why=why)
            yield from self._writer.write(entry, now_ns)
        match state:
            case "confirmed":
                yield ReadBalance(purpose=ForPayout(), token_id="", refresh=True)
                yield from self._wake(word.slug, CASH_S)
            case "failed" | "unknown":
                yield from self._wake(word.slug, BACK_OFF_S[min(row.failures, len(BACK_OFF_S)) - 1])
            case _:
                yield from self._wake(word.slug, POLL_S[min(polls, len(POLL_S)) - 1])
        yield from self.go(now_ns)

    def shares(self, slug: str, word: BalanceRead, now_ns: int) -> Iterator[Word]:
        """Take in the shares read: of an attempt that may have been heard (rule 4), or whose confirmation brought nothing."""
        found = next((r for r in redemptions(self._writer.books) if r.slug == slug), None)
        if found is None:
            return
        if not word.known:
            yield from self._wake(slug, CASH_S)
        elif found.state == "confirmed":
            if word.balance_e6:
                yield from self._tell(found, "failed", "it was confirmed, and the shares are still there", now_ns)
        elif not word.balance_e6:
            yield from self._tell(found, "confirmed", "the shares are gone from the wallet", now_ns)
        elif found.state in ("sending", "unknown"):
            yield from self._again(found, now_ns)

    def _tell(self, found: Redemption, state: str, why: str, now_ns: int) -> Iterator[Word]:
        entry = RedeemTold(
            slug=found.slug,
            attempt=found.attempts,
            state=state,  # type: ignore[arg-type]
            tx_id="",
            why=why,
        )
        yield from self._writer.write(entry, now_ns)
        yield from self._wake(found.slug, BACK_OFF_S[0])

    def _again(self, found: Redemption, now_ns: int) -> Iterator[Word]:
        """Another attempt; when it is another window's turn, a little later."""
        others = any(r.state in UNDER_WAY and r.slug != found.slug for r in redemptions(self._writer.books))
        if others or not self._may:
            yield from self._wake(found.slug, BACK_OFF_S[0])
        else:
            yield from self._begin(found, now_ns)

    # --- time

    def _wake(self, slug: str, after_s: float) -> Iterator[Word]:
        yield WakeIn(timer=RedeemAgain(slug=slug), after_s=after_s)

    def tick(self, slug: str, now_ns: int) -> Iterator[Word]:
        """Take the next step for one window, by the state its redemption is in."""
        books = self._writer.books
        found = next((r for r in redemptions(books) if r.slug == slug), None)
        if found is None or not self._may:
            return
        match found.state:
            case "sent" | "mined":
                yield PollRedeem(slug=slug, attempt=found.attempts, tx_id=found.tx_id)
            case "sending" | "unknown":
                yield self._look(found)
            case "confirmed":
                reads = self._polls[slug] = self._polls.get(slug, 0) + 1
                yield ReadBalance(purpose=ForPayout(), token_id="", refresh=True)
                if reads % MOST_CASH_READS == 0:
                    yield self._look(found)
                yield from self._wake(slug, CASH_S)
            case "failed":
                yield from self._again(found, now_ns)

    def _look(self, found: Redemption) -> ReadBalance:
        token = next(iter(_winning(self._writer.books, self._writer.books.windows[found.slug])))
        return ReadBalance(purpose=ForRedemption(slug=found.slug), token_id=token, refresh=True)

    # --- the user

    def asked(self, word: Redeem, now_ns: int) -> Iterator[Word]:
        """For `polybot-ctl redeem`: try at once what waits for its next turn; the answer tells how far all of it is."""
        if word.now and self._may:
            for found in redemptions(self._writer.books):
                if found.state in ("failed", "unknown"):
                    yield from self.tick(found.slug, now_ns)
            yield ReadBalance(purpose=ForPayout(), token_id="", refresh=True)
        yield Redemptions(id=word.id, redemptions=(*self._paid(word.slugs), *redemptions(self._writer.books)))

    def _paid(self, slugs: tuple[str, ...]) -> list[Redemption]:
        books = self._writer.books
        return [
            Redemption(
                slug=slug,
                condition_id=row.condition_id,
                amount_e6=sum(books.paid.get(key_of(s, slug), 0) for s in holdings(books, books.windows[slug])),
                state=row.state,
                attempts=row.attempt,
                tx_id=row.tx_id,
                why=row.why,
                since_ns=row.since_ns,
            )
            for slug in slugs
            if (row := books.redeems.get(slug)) is not None and row.state == "paid"
        ]


def _winning(books: Books, window: BookedWindow) -> dict[str, int]:
    """Token → shares that pay something, over all strategies."""
    found: dict[str, int] = {}
    for holding in holdings(books, window).values():
        for token, size in holding.shares.items():
            if size > 0 and window.winner in ("SPLIT", holding.outcome_of[token]):
                found[token] = found.get(token, 0) + size
    return found
