"""May an approved order go out? Asked before it is signed; the order gate asks again, its lock held, before bytes leave."""

from messages import ApprovedOrder, OrderIntent, RiskState
from messages.inner import HaltSeen, Started
from messages.units import NS, decimal_text
from polybot.core.executor.books import double_entry, order_state
from polybot.core.executor.books.state import BookedOrder, Books
from polybot.core.executor.orders import validation
from polybot.core.reasons import Reason
from polybot.settings import Trade


class OrderSwitch:
    """Whether orders may leave at all: everything that shuts it, each set and lifted by the one who knows.

    risk        its state as last heard         pulse       why the dead-man heartbeat lets nothing out, "" = it does
    is_ready    the venue's books are known     cancelling  everything is being cancelled
    leaving     the process is on its way out   mono_s      machine time as of the last tick
    """

    def __init__(self) -> None:
        self.halt_id = self.halt_text = ""
        self.risk: RiskState | None = None
        self.is_ready = False
        self.cancelling = False
        self.leaving = False
        self.pulse = ""
        self.mono_s = 0.0

    def start(self, started: Started) -> None:
        """Machine time begins; nothing is known yet."""
        self.mono_s = started.mono_s

    def tick(self, mono_s: float) -> None:
        """Machine time is now so far."""
        self.mono_s = mono_s

    def hear_halt(self, word: HaltSeen) -> None:
        """What the halt file says now, also that there is none."""
        self.halt_id = word.halt_id
        self.halt_text = f"{word.reason_code}: {word.reason}" if word.reason_code else word.reason

    def hear_risk(self, word: RiskState) -> None:
        """Its newest life speaks, no older one."""
        if self.risk is None or word.boot >= self.risk.boot:
            self.risk = word

    def know_books(self, known: bool) -> None:
        """Whether the venue's books are known, and agree with ours."""
        self.is_ready = known

    def cancel_all(self, under_way: bool) -> None:
        """Begins, or is over."""
        self.cancelling = under_way

    def leave(self) -> None:
        """SIGTERM has come: nothing new leaves any more."""
        self.leaving = True

    def skip_beat(self, why: str) -> None:
        """The dead-man heartbeat is not as it should be; "" = it is again."""
        self.pulse = why

    @property
    def is_halted(self) -> bool:
        """True while a halt stands, as far as this process has seen."""
        return self.halt_id != ""

    def shut(self, reduce_only: bool) -> Reason | None:
        """Why nothing may leave now; None = ACTIVE, or REDUCING for an exit."""
        if self.is_halted:
            return Reason("HALTED", f"halt {self.halt_id} stands: {self.halt_text}")
        if self.cancelling:
            return Reason("HALTED", "everything is being cancelled")
        if self.leaving:
            return Reason("HALTED", "the executor is leaving")
        if self.pulse:
            return Reason("HEARTBEAT", self.pulse)
        if self.risk is None:
            return Reason("HALTED", "risk has not been heard since the executor started")
        if self.risk.state == "HALTED":
            return Reason("HALTED", f"risk has halted: {self.risk.reason_code}: {self.risk.reason}")
        if self.risk.state == "REDUCING" and not reduce_only:
            return Reason("REDUCING", f"only exits: {self.risk.reason}")
        return None


def fenced(word: ApprovedOrder, books: Books, switch: OrderSwitch, account: str) -> Reason | None:
    """Not ours to judge, and nothing to remember: an older life of risk, or a letter for someone else."""
    newest = max(books.risk_boot, switch.risk.boot if switch.risk else 0)
    if word.risk_boot < newest:
        return Reason("STALE_RISK", f"risk's boot {word.risk_boot} is older than {newest}, which has spoken")
    if word.intent.account != account or word.id != word.intent.id:
        return Reason("BAD_REQUEST", f"intent {word.intent.id} of account {word.intent.account} asked as {word.id}")
    return None


def refusal(
    word: ApprovedOrder, books: Books, switch: OrderSwitch, trade: Trade, wallet_e6: int, now_ns: int
) -> Reason | None:
    """The first reason against it; None = it may be signed."""
    intent = word.intent
    closed = switch.shut(word.reduce_only)
    if closed is not None:
        return closed
    late_ns = now_ns - min(word.good_until_ns, intent.good_until_ns)
    if late_ns > 0:
        return Reason("TOO_LATE", f"{late_ns / NS:.3f} s past good-until")
    left_s = intent.end_s - now_ns / NS
    last_s = 0.0 if word.reduce_only else trade.no_entry_last_s
    if left_s < last_s or left_s <= 0:
        return Reason("OUTSIDE_WINDOW", f"{left_s:.1f} s before the window's end; entries until {last_s:g} s before it")
    if books.foreign:
        first = next(iter(books.foreign))
        return Reason("UNKNOWN_ORDER", f"{len(books.foreign)} orders or trades at the venue are not ours: {first}")
    for order in blocking(books, intent.slug):
        return Reason("UNKNOWN_ORDER", f"{intent.slug} is blocked: the fate of order {order.order_id} is unknown")
    wrong = validation.fault(intent, now_ns)
    return wrong or _cannot_pay(intent, books, wallet_e6)


def _cannot_pay(intent: OrderIntent, books: Books, wallet_e6: int) -> Reason | None:
    if intent.side == "SELL":
        shares = double_entry.sellable_e6(books, intent.token_id)
        if intent.maker_e6 <= shares:
            return None
        text = f"{decimal_text(intent.maker_e6)} shares exceed the {decimal_text(shares)} that are settled and free to sell"
        return Reason("SHARES", text)
    free = double_entry.free_e6(books, wallet_e6)
    if intent.worst_e6 > free:
        return Reason(
            "FUNDS", f"worst case {decimal_text(intent.worst_e6)} USD exceeds free cash {decimal_text(free)} USD"
        )
    return None


def blocking(books: Books, slug: str = "") -> list[BookedOrder]:
    """Orders whose fate is unknown, in one market or all."""
    found = order_state.unknown_of(books.orders[order_id] for order_id in books.open)
    return [order for order in found if slug in ("", order.intent.slug)]


def not_again(order: BookedOrder, switch: OrderSwitch, now_ns: int) -> str:
    """Why the same bytes may not be sent (again); "" = they may. Said of unknown orders that the venue has not heard."""
    closed = switch.shut(order.intent.reduce_only)
    if closed is not None:
        return closed.text
    if order.cancelled:
        return "a cancel was issued for it"
    if now_ns > order.good_until_ns or now_ns >= order.intent.end_s * NS:
        return "its time has passed"
    if order.seen or order.refused or order.lapsed or order.fills or not order.body:
        return "the venue has answered it"
    return ""
