"""What connects one core to the world outside: given to the loop by the actor's page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from messages import Word
from polybot.runtime.loop.inbox import Effect, Host, Source

Sync = Callable[[Any], Word | None]


@dataclass
class Wiring:
    """effects run on lanes; sync are carried out by the loop itself, in order, and may answer at once; sources are threads
    that put words into the inbox; hosts are what the effects read from: how they are stands in every heartbeat.
    """

    effects: dict[type[Word], Effect] = field(default_factory=dict)
    sync: dict[type[Word], Sync] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    hosts: tuple[Host, ...] = ()
    every: Callable[[], None] | None = None  # called about each every_s machine seconds, and once more at the end
    every_s: float = 0.05
    on_persist_failed: Callable[[str], None] | None = None
    waits_to_leave: bool = False  # the core hears Leave on SIGTERM and says Leave itself when done
