"""What a core hears from its loop and asks of it: the start, the clock, the disk, the kill switch, the end."""

from messages.base import Inner, Reply
from messages.inner.timers import AnyTimer


class Started(Inner, frozen=True, kw_only=True):
    """The first word a core hears. config: the knobs (`settings.Settings`) as JSON text; versions for the record.

    mono_s   machine time, comparable only within this boot
    halted   the id of the halt that stood when the loop started, "" = none       paused   what the pause's file said then
    """

    actor: str
    boot: int
    config: str
    versions: dict[str, str]
    mono_s: float
    speed: float
    session: str
    halted: str = ""
    paused: str = ""


class Restored(Inner, frozen=True, kw_only=True):
    """What an actor finds again at its start, as opaque bytes in order; said once, after Started.

    executor   the journal's records from the newest snapshot on; last_seq is the journal's newest sequence
    recorder   what its index knows, then the messages it folds rows from; last_seq: up to where no money event is missing
    others     words they said in their last moments, out of their own flight recorder; last_seq 0

    segment    of the journal from which the records come. The recording leaves them out, since they lie there for ever;
               0 = they come from nowhere else
    """

    records: tuple[bytes, ...]
    last_seq: int
    segment: int = 0


class Tick(Inner, frozen=True, kw_only=True):
    """A timer asked for has come. mono_s is machine time."""

    timer: AnyTimer
    mono_s: float


class WakeAt(Inner, frozen=True, kw_only=True):
    """World time: hear Tick(timer) at the first moment ≥ at_ns. The same timer again replaces the earlier wish."""

    timer: AnyTimer
    at_ns: int


class WakeIn(Inner, frozen=True, kw_only=True):
    """Machine time: hear Tick(timer) after `after_s` seconds. The same timer again replaces the earlier wish."""

    timer: AnyTimer
    after_s: float


class NoReply(Reply, frozen=True, kw_only=True):
    """The server said nothing before the deadline: *unknown*, not *no*. `to` is the server, `request` the tag."""

    to: str
    request: str


class Persist(Inner, frozen=True, kw_only=True):
    """Append to the journal and fdatasync before anything said after this goes out. The loop performs it at once."""

    record: bytes
    seq: int


class PersistFailed(Inner, frozen=True, kw_only=True):
    """The disk refused. Nothing said after the Persist went out; the order gate is closed; cancels still go."""

    seq: int
    why: str


class Compact(Inner, frozen=True, kw_only=True):
    """Begin a new journal segment that opens with this full snapshot."""

    snapshot: bytes
    seq: int


class HaltSeen(Inner, frozen=True, kw_only=True):
    """What the halt file says now, "" = nothing: said when that is another halt than before. The loop looks every 100 ms of
    machine time; what stood at the start is in Started.
    """

    halt_id: str
    by: str
    reason_code: str
    reason: str


class WriteHalt(Inner, frozen=True, kw_only=True):
    """Write the halt file if none stands; the first writer wins."""

    by: str
    reason_code: str
    reason: str


class WritePause(Inner, frozen=True, kw_only=True):
    """Write the pause file; why "" takes it away."""

    why: str


class Store(Inner, frozen=True, kw_only=True):
    """recorder: one row for a table of the index, as JSON text of column → value; replaces the row of the same key."""

    table: str
    row: bytes


class Leave(Inner, frozen=True, kw_only=True):
    """Said by a core: I have nothing more to do; end the process with this code. Heard by a core: SIGTERM has come."""

    code: int
    why: str
