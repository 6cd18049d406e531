"""What every actor stands on: its folders, knobs, session, clock, lock and boot number, gathered once at start."""

import json
import sys
from dataclasses import dataclass
from functools import cached_property

import msgspec

import polybot
from messages import schema_hash
from messages.inner import Started
from polybot.runtime.base import log
from polybot.runtime.base.clock import Clock, FollowedClock, WallClock, WorldClock, mono_s
from polybot.runtime.base.paths import Paths
from polybot.runtime.config import config, endpoints
from polybot.runtime.config.errors import ConfigError
from polybot.runtime.safety import live_confirmation, locks, pause
from polybot.settings import Settings

WARM_UP_S = 60  # world seconds before the first window that a fresh demo world begins at


@dataclass
class Context:
    """boot is strictly increasing over restarts of this actor: it fences. session is session.json's text, "" without one.

    cancels_only: opened by the kill switch, which may always cancel: what was confirmed for live is not asked for.
    """

    name: str
    paths: Paths
    settings: Settings
    session: str
    clock: Clock
    boot: int
    lock: locks.Lock
    cancels_only: bool = False

    @classmethod
    def open(cls, name: str, *, cancels_only: bool = False) -> "Context":
        """Take the actor's lock (75 when held), read config (78 when wrong), join the clock. 78 where the session was begun
        with another venue than would be met now; in live 77 unless it was confirmed, however the actor was started.
        """
        settings = config.load_or_exit()
        paths = Paths.of()
        lock = locks.take_or_exit(paths, name)
        session = paths.session.read_text() if paths.session.exists() else ""
        try:
            if not cancels_only:
                _require_venue(paths, settings.bot.profile, session)
            clock = open_clock(paths, settings, session)
        except ConfigError as exc:
            sys.stderr.write(f"{exc}\n")
            sys.exit(78)
        return cls(name, paths, settings, session, clock, lock.next_boot(), lock, cancels_only)

    @cached_property
    def endpoints(self) -> dict[str, str]:
        """The outside world's addresses; in the demo, waits for the local venue to say them."""
        urls = endpoints.wait(self.paths, self.settings)
        if self.settings.bot.profile != "demo" and endpoints.stand_in():
            log.event("rehearsal", venue=urls["clob"], instead_of="the public hosts", by="POLYBOT_ENDPOINTS")
        return urls

    def started(self, halted: str) -> Started:
        """The first word that every core hears; halted: the id of the halt that stands, "" = none."""
        return Started(
            actor=self.name,
            boot=self.boot,
            config=msgspec.json.encode(self.settings).decode(),
            versions={
                "polybot": polybot.__version__,
                "schema": schema_hash(),
                "python": sys.version.split()[0],
            },
            mono_s=mono_s(),
            speed=self.clock.speed,
            session=self.session,
            halted=halted,
            paused=pause.look(self.paths),
        )


def _require_venue(paths: Paths, profile: str, session: str) -> None:
    """A rehearsal never meets the public hosts, nor a real session the local venue. Leaves with 78 or 77."""
    facts = json.loads(session) if session else {}
    if facts and (why := endpoints.other_venue(facts["id"], facts.get("stand_in", ""), profile)):
        raise ConfigError(why)
    if profile == "live":
        live_confirmation.require(paths, str(facts.get("id", "")), endpoints.stands_in(profile))


def outside_clock(profile: str) -> Clock:
    """Paper's and live's time: the wall's, but in a rehearsal that runs faster. Raises ConfigError."""
    file = endpoints.stand_in_clock() if profile != "demo" else None
    if file is None:
        return WallClock()
    try:
        return FollowedClock.follow(file)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"POLYBOT_ENDPOINTS names the clock {file}, which cannot be followed: {exc}") from exc


def open_clock(paths: Paths, settings: Settings, session: str) -> Clock:
    """The demo's shared world clock, a rehearsal's venue's, or the wall. Raises ConfigError."""
    if settings.bot.profile != "demo" or not session:
        return outside_clock(settings.bot.profile)
    facts = json.loads(session)
    origin_ns = (int(facts["first_window_s"]) - WARM_UP_S) * 1_000_000_000
    return WorldClock.open(paths.state, facts["id"], origin_ns, float(facts["speed"]))
