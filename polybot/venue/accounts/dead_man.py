"""The dead-man switch of each API key (facts §5.8): opt-in, machine time, ten seconds of silence cancel all of its orders."""

import uuid
from dataclasses import dataclass

LAPSE_S = 10.0
_NAMES = uuid.UUID("6f1a9b52-6f53-4e0e-8f0b-6d1d3a5c0b7e")


@dataclass
class Pulse:
    """expects: the id the next beat must carry. is_on: a lapse switches it off, the next good beat on again."""

    expects: str = ""
    beat_s: float = 0.0
    is_on: bool = False
    count: int = 0


class Pulses:
    """The dead-man switches, one for each API key."""

    def __init__(self) -> None:
        self._by_key: dict[str, Pulse] = {}

    def beat(self, api_key: str, sent: str, mono_s: float) -> tuple[bool, str]:
        """(taken, the id to send next). A stale id extends nothing; an empty one starts a switch that is off."""
        pulse = self._by_key.setdefault(api_key, Pulse())
        if sent != pulse.expects and (pulse.is_on or sent):
            return False, pulse.expects
        pulse.count += 1
        pulse.expects = str(uuid.uuid5(_NAMES, f"{api_key}/{pulse.count}"))
        pulse.beat_s, pulse.is_on = mono_s, True
        return True, pulse.expects

    def lapsed(self, mono_s: float) -> list[str]:
        """Keys whose orders must go now; each is told once."""
        gone = [key for key, pulse in self._by_key.items() if pulse.is_on and mono_s - pulse.beat_s > LAPSE_S]
        for key in gone:
            self._by_key[key].is_on = False
        return gone
