"""The dead-man switch: while we beat, our resting orders live; when we fall silent for 10 s, the venue cancels them all.

1. Armed before the first resting order leaves: that order waits for the first ack. After a restart with orders on the book
   it is armed at once. From then on it beats every 5 s of machine time until the process ends.
2. No ack, for whatever reason, or none within LATE_S: the order gate is shut within the same breath, also to orders that are
   queued behind it, which are dropped. Cancels still go out. It beats again every RETRY_S.
3. After the next ack our books are read anew, for the venue may have cancelled everything; only when a whole round of that
   is known, and every order queued before has been turned away or answered, does the gate open.
4. A mismatch is ours after a start or after an answer that was lost: the expected id is sent at once. One that follows a
   clean ack means that somebody else beats with our credentials; the second of these in a row halts. A venue that refuses
   the very id it asked for has failed (rule 2).
"""

from collections.abc import Iterator

from messages import Word
from messages.inner import BeatHeart, HeartbeatLate, HeartbeatSent, MoveGate, SendHeartbeat, WakeIn, WriteHalt
from polybot.core.executor.orders.admission import OrderSwitch

EVERY_S = 5.0
LATE_S = 0.9
RETRY_S = 0.5
MOST_STRANGE = 2
INSTANCE = "ANOTHER_INSTANCE"


class DeadMan:
    """is_acked: the newest beat was taken. failing: why nothing new may leave, "" = it may."""

    def __init__(self, switch: OrderSwitch) -> None:
        self._switch = switch
        self.is_armed = self.is_acked = False
        self._id = ""
        self._is_out = False  # a beat is not answered yet
        self._in_doubt = True  # an answer may have been lost: the venue may be one id ahead
        self._strange = 0
        self._is_repeat = False  # the beat under way repeats a mismatch: its ack proves nothing
        self._knew = 0  # rounds of reconciliation known when the ack came that ended a failure

    @property
    def state(self) -> str:
        """The heartbeat's state as `Account.pulse_state` carries it: "off", "beating" or "failing"."""
        return "failing" if self._switch.pulse else "beating" if self.is_acked else "off"

    def arm(self) -> Iterator[Word]:
        """Send the first heartbeat, once; the first resting order waits for its answer (rule 1)."""
        if not self.is_armed:
            self.is_armed = True
            yield from self._beat()

    def _beat(self) -> Iterator[Word]:
        if not self._is_out:
            self._is_out = True
            yield SendHeartbeat(heartbeat_id=self._id)
            yield WakeIn(timer=HeartbeatLate(), after_s=LATE_S)

    def due(self) -> Iterator[Word]:
        """The timer BeatHeart has come: the next heartbeat goes out."""
        yield from self._beat()

    def late(self) -> Iterator[Word]:
        """The timer HeartbeatLate: rule 2, unless the answer is here."""
        if self._is_out:
            yield from self._fail(f"the venue has not acknowledged the heartbeat within {LATE_S:g} s")

    def heard(self, word: HeartbeatSent, rounds: int) -> Iterator[Word]:
        """The answer to a beat. rounds: known rounds of reconciliation so far."""
        self._is_out = False
        match word.outcome:
            case "acked":
                yield from self._acked(word, rounds)
            case "mismatch":
                yield from self._mismatch(word)
            case "failed":
                self._in_doubt = True
                yield from self._fail(word.why)
                yield WakeIn(timer=BeatHeart(), after_s=RETRY_S)

    def _acked(self, word: HeartbeatSent, rounds: int) -> Iterator[Word]:
        if not self._is_repeat:
            self._strange = 0
        self._is_repeat = False
        self._id, self._in_doubt = word.heartbeat_id, False
        if self._switch.pulse and not self.is_acked:
            self._knew = rounds
            self._switch.skip_beat("the heartbeat was lost: waiting until the venue's books are known again")
        self.is_acked = True
        yield WakeIn(timer=BeatHeart(), after_s=EVERY_S)

    def _mismatch(self, word: HeartbeatSent) -> Iterator[Word]:
        """Send the id that the venue expects; halt when others keep changing it (rule 4)."""
        if self._is_repeat:  # the id it asked for is refused as well: nobody's fault but the venue's
            self._is_repeat, self._in_doubt = False, True
            yield from self._fail(f"the venue refuses the heartbeat id that it expects: {word.why}")
            yield WakeIn(timer=BeatHeart(), after_s=RETRY_S)
            return
        self._strange += not self._in_doubt
        self._id, self._is_repeat, self._in_doubt = word.heartbeat_id, True, False
        if self._strange >= MOST_STRANGE:
            why = "somebody else sends heartbeats with our credentials: two bots must not trade with one wallet"
            yield from self._fail(why)
            yield WriteHalt(by="executor", reason_code=INSTANCE, reason=why)
        yield from self._beat()

    def _fail(self, why: str) -> Iterator[Word]:
        """Shut the gate, because the venue may cancel what rests (rule 2)."""
        self.is_acked = False
        self._switch.skip_beat(f"no heartbeat: {why}")
        yield MoveGate(why=self._switch.pulse)

    @property
    def waits_for_books(self) -> bool:
        """True when heartbeats are answered again and the gate is still shut."""
        return self.is_acked and self._switch.pulse != ""

    def reopen(self, rounds: int, in_flight: int) -> Iterator[Word]:
        """Open the gate once the books were read anew and no POST is under way (rule 3)."""
        if self.waits_for_books and rounds > self._knew and not in_flight:
            self._switch.skip_beat("")
            yield MoveGate(why="")
