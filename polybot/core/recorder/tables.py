"""What the recorder writes: words as rows of the index's tables. JSON text of column → value; the store knows the keys."""

import msgspec

from messages import Account, Envelope, Event, Fill, OrderUpdate, Settlement, name_of, tag_of, topic_of
from messages.inner import Store
from polybot.core.recorder.window_row import WindowRow

MoneyEvent = OrderUpdate | Fill | Settlement
TABLE_OF: dict[type[Event], str] = {OrderUpdate: "orders", Fill: "fills", Settlement: "settlements"}

_json = msgspec.json.encode


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message heard on the bus (`messages`), or a sample of the market (`tape`). body is the word as JSON text."""

    name: str
    source: str
    topic: str
    tag: str
    at_ns: int
    cause: str
    slug: str
    strategy: str
    body: str


class LevelRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word of a level topic."""

    topic: str
    tag: str
    source: str
    at_ns: int
    body: str


class MoneyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A money event of the executor's journal. name and cause are "" when it was not heard on the bus but asked for."""

    journal_seq: int
    tag: str
    key: str
    at_ns: int
    slug: str
    strategy: str
    order_id: str
    name: str
    cause: str
    body: str


class EquityRow(msgspec.Struct, frozen=True, kw_only=True):
    """The account at a moment, kept whenever money moved."""

    account: str
    at_ns: int
    journal_seq: int
    equity_e6: int
    purse_e6: int
    cash_pnl_e6: int
    reserved_e6: int
    positions_e6: int
    claims_e6: int
    peak_equity_e6: int
    max_drawdown_e6: int


class MarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source is known without a gap."""

    source: str
    boot: int
    safe_ns: int


class RestoredIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What the index hands back first. counters: as they stood.

    absent  (start_s, account, strategy, code, sentence) of rows nobody spoke about
    """

    marks: tuple[MarkRow, ...] = ()
    absent: tuple[tuple[int, str, str, str, str], ...] = ()
    counters: dict[str, int] = {}


class CounterRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something counted over the life of the index."""

    name: str
    value: int


_known = msgspec.json.Decoder(RestoredIndex)


def message(table: str, envelope: Envelope) -> Store:
    """A kept message, or a sample for the tape."""
    body = envelope.body
    assert isinstance(body, Event)
    inside = getattr(body, "prediction", None)
    row = MessageRow(
        name=name_of(envelope),
        source=envelope.source,
        topic=topic_of(body),
        tag=tag_of(body),
        at_ns=envelope.at_ns,
        cause=envelope.cause,
        slug=getattr(body, "slug", "") or getattr(inside, "slug", ""),
        strategy=getattr(body, "strategy", "") or getattr(inside, "strategy", ""),
        body=_json(body).decode(),
    )
    return Store(table=table, row=_json(row))


def level(envelope: Envelope) -> Store:
    """The row for the newest message of a level topic; the one before is replaced."""
    body = envelope.body
    assert isinstance(body, Event)
    row = LevelRow(
        topic=topic_of(body),
        tag=tag_of(body),
        source=envelope.source,
        at_ns=envelope.at_ns,
        body=_json(body).decode(),
    )
    return Store(table="levels", row=_json(row))


def money(event: MoneyEvent, at_ns: int, name: str, cause: str) -> Store:
    """The row for a money event, under the number that the journal gave it."""
    row = MoneyRow(
        journal_seq=event.journal_seq,
        tag=tag_of(event),
        key=event.key,
        at_ns=at_ns,
        slug=event.slug,
        strategy=event.strategy,
        order_id=getattr(event, "order_id", ""),
        name=name,
        cause=cause,
        body=_json(event).decode(),
    )
    return Store(table="money", row=_json(row))


def newest(event: MoneyEvent) -> Store:
    """The newest state of an order, a fill or a settlement."""
    return Store(table=TABLE_OF[type(event)], row=_json(event))


def happened_ns(event: MoneyEvent) -> int:
    """World time of a money event by its own stamp."""
    match event:
        case OrderUpdate():
            return event.updated_ns
        case Fill():
            return event.traded_ns
        case Settlement():
            return event.settled_ns


def equity(account: Account, at_ns: int) -> Store:
    """The row for one point of the equity curve."""
    row = EquityRow(
        account=account.account,
        at_ns=at_ns,
        journal_seq=account.journal_seq,
        equity_e6=account.equity_e6,
        purse_e6=account.purse_e6,
        cash_pnl_e6=account.cash_pnl_e6,
        reserved_e6=account.reserved_e6,
        positions_e6=account.positions_e6,
        claims_e6=account.claims_e6,
        peak_equity_e6=account.peak_equity_e6,
        max_drawdown_e6=account.max_drawdown_e6,
    )
    return Store(table="equity", row=_json(row))


def window(row: WindowRow) -> Store:
    """The row for a window as it stands; the one before is replaced."""
    return Store(table="windows", row=_json(row))


def mark(source: str, boot: int, safe_ns: int) -> Store:
    """The row that says from when this source is to be asked after a restart."""
    return Store(table="marks", row=_json(MarkRow(source=source, boot=boot, safe_ns=safe_ns)))


def known_from(data: bytes) -> RestoredIndex:
    """What the store handed back at start; raises msgspec.MsgspecError when it does not decode."""
    return _known.decode(data)


def counter(name: str, value: int) -> Store:
    """The row for a counter's value, under its name."""
    return Store(table="counters", row=_json(CounterRow(name=name, value=value)))
