"""The venue as a program: one process, one event loop, world time's only mover.

Each turn hears the bus, steps the world to where its clock stands, and lets the clock run on to the next horizon. World
time stops with us: nobody can pass an instant that we have not been at.
"""

import asyncio
import gc
import json
import math
import os
import signal
import sys
import time
import traceback
from typing import Any

from messages import Heartbeat, schema_hash
from polybot.core.market.windows import SessionPlan, session_from
from polybot.runtime.base import log
from polybot.runtime.base.clock import WorldClock, mono_s
from polybot.runtime.config import endpoints
from polybot.runtime.loop.bus import Publisher, Subscriber
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.stamping import Stamper
from polybot.settings import usd_e6
from polybot.sim.world.scenarios import scenario_named
from polybot.sim.world.world import World
from polybot.venue.accounts.api_keys import Keys
from polybot.venue.accounts.catalogue import WorldCatalogue
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.order_service import OrderDesk
from polybot.venue.accounts.store import VenueStore
from polybot.venue.channels.binance import BinanceHub
from polybot.venue.channels.oracle_wires import PriceWires
from polybot.venue.channels.polybolt import PolyBolt
from polybot.venue.channels.rtds import Rtds
from polybot.venue.faults.control import Control
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import Script, read_script
from polybot.venue.net import ports
from polybot.venue.net.server import Web
from polybot.venue.pacing.bus_observer import HEARS, SPEAKERS, BusObserver
from polybot.venue.pacing.driver import Driver
from polybot.venue.pacing.instants import Instants
from polybot.venue.pacing.pacer import Pacer, write_waits
from polybot.venue.rest.binance import BinanceRoutes
from polybot.venue.routes import apps
from polybot.venue.wire.binance_frames import WireBars

TURN_S = 0.004
SLOW_TURN_S = 0.04
HEARTBEAT_S = 0.5
GRANT_USD = 1000.0
REPORT_S = 1.0
SKEW_PER_SPEED_S = 1.0  # of machine time, in which a signed stamp may age on its way to us


class Venue:
    """The local venue of demo and rehearsals, wired together; `live` runs until SIGTERM."""

    def __init__(
        self, context: Context, world: World, script: Script, *, grant_usd: float = GRANT_USD, port: int = 0
    ) -> None:
        """grant_usd: what a wallet never seen before finds. port 0: any that are free."""
        assert isinstance(context.clock, WorldClock), "only the demo has a world clock to move"
        self.context, self.clock = context, context.clock
        self.session: SessionPlan = session_from(context.session)
        settings, folder = context.settings, context.paths.venue
        self.store = VenueStore(folder / "venue.sqlite", self.session.id)
        keys = Keys(self.store.meta("secret") or b"", self._skew_s(script.switches.l2_skew_s))
        catalogue = WorldCatalogue(world, self.clock.now_ns)
        grant = usd_e6(grant_usd)
        self.faults = FaultEngine(script, self.session.first_window_s, self.clock.now_ns, mono_s, self.clock.speed)
        self.control = Control(self.faults)
        self.house = House(self.store, keys, catalogue, self.clock.now_ns, grant, script.switches)
        self.house.engine.set_fate(self.faults.fate)
        self.house.flaws = self.faults.flaws_of
        self.bars, self.rtds, self.streams, self.heard = WireBars(), Rtds(), BinanceHub(), BusObserver()
        self.polybolt = PolyBolt(keys.knows, keys.by_key.__contains__, mono_s, e18=script.switches.polybolt_e18)
        self.pacer = Pacer(self.clock, mono_s)
        self.waits_file = context.paths.run / "waits.json"
        self._behind_before_s = self.pacer.restore(self.waits_file, self.session.id)
        self.driver = Driver(
            self.house,
            catalogue,
            self.bars,
            PriceWires(self.rtds, self.polybolt),
            self.streams,
            self.clock.speed,
            self.clock.now_ns(),
            self.faults,
        )
        self.instants = Instants(
            world, self.session, settings.trade, self.pacer, self.heard, self.driver.freshen, mono_s, self.clock.now_ns
        )
        self.driver.on_open = self.instants.plan
        self.sockets = ports.bind(port, folder / "ports.json")
        self.desk = desk = OrderDesk(self.house, self._delay)
        prices = BinanceRoutes(self.bars, self._depth, self.clock.now_ns)
        services = apps(desk, prices, self.rtds, self.polybolt, self.streams, self.faults) | {
            "control": self.control.app()
        }
        self.web = Web(services, self.sockets)
        self.subscriber = Subscriber(context.paths.sockets, SPEAKERS, HEARS)
        self.publisher = Publisher(self.subscriber.socket.context, context.paths.sockets, "venue")
        self.stamper = Stamper("venue", context.boot)
        self.leaving = asyncio.Event()
        self._owes_prints = False
        self.handled = 0
        self._started_s = mono_s()

    def _own_time(self) -> dict[str, Any]:
        """Where a rehearsing bot finds the time here, when it is not the wall's."""
        if not self.is_alone or (self.clock.speed == 1.0 and not self.session.tape):
            return {}
        return {"clock": str(self.context.paths.run / "clock.bin"), "speed": self.clock.speed}

    def _skew_s(self, least_s: float) -> float:
        if self.is_alone and (self.session.tape or self.clock.speed != 1.0):
            return math.inf  # strangers sign with the wall's time, which is not this world's
        return max(least_s, self.clock.speed * SKEW_PER_SPEED_S)

    @property
    def is_alone(self) -> bool:
        """Nobody's session: there is no bot whose actors the world could wait for."""
        return self.session.windows == 0

    # --- life

    async def live(self) -> None:
        """Come up, say where, turn until told to leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.leaving.set)
        was_here = self._owes_prints = self.store.meta("begun") is not None
        self.house.restore(wipe=not self.house.engine.switches.orders_survive_restart)
        self.driver.begin()
        self.store.commit([], meta={"begun": b"1"})
        if not self.is_alone:
            self.pacer.hold(self.clock.now_ns(), "restart" if was_here else "start", self._is_heard)
        await self.web.start()
        urls = ports.urls(self.sockets)
        endpoints.write(self.context.paths, urls)
        self.control.write_note(self.context.paths.venue, ports.url(self.sockets["control"]))
        sys.stdout.write(json.dumps({"v": 1} | urls | self._own_time()) + "\n")
        sys.stdout.flush()
        log.event("started", actor="venue", boot=self.context.boot, pid=os.getpid(), wiped=self.house.wiped)
        loop.add_reader(self.subscriber.socket.FD, self._heard_something)
        gc.collect()
        gc.freeze()
        self.pacer.begin()
        await self._turns()
        loop.remove_reader(self.subscriber.socket.FD)
        await self._leave()

    async def _turns(self) -> None:
        beat_s = report_s = 0.0
        pause = TURN_S if self.pacer.waits_at_all else SLOW_TURN_S
        while not self.leaving.is_set():
            self._turn()
            now = mono_s()
            if now >= beat_s:
                beat_s = now + HEARTBEAT_S
                self._beat(now)
            if now >= report_s:
                report_s = now + REPORT_S
                self.desk.cancel_silent(now)
                self.house.flush(durable=True)
                self._report()
            await asyncio.sleep(pause)

    def _turn(self) -> None:
        """Hear, step, pace. Also called at once when the bus has something: an answer may be what the world waits for."""
        while batch := [envelope.body for envelope, _ in self.subscriber.drain(256)]:
            for word in batch:
                self.heard.hear(word)
        self.handled += 1
        self.driver.step(self.clock.now_ns())
        self.pacer.advance()

    def _heard_something(self) -> None:
        try:
            self._turn()
        except Exception:  # noqa: BLE001 (the event loop would log it and go on: the impossible ends the process)
            log.event("died", why=traceback.format_exc())
            os._exit(70)

    async def _leave(self) -> None:
        self.house.flush(durable=True)
        self._report()
        self.polybolt.drain()
        await self.web.stop()
        self.subscriber.close()
        self.publisher.close()
        self.store.close()
        log.event("left", actor="venue", code=0)

    # --- what others call

    async def _delay(self, until_ns: int, token: str) -> None:
        """The taker delay, in world time: jumped over when the world waits for its actors anyway, else lived through."""
        began_s = mono_s()
        if self.pacer.waits_at_all:
            self.clock.jump(until_ns)
        while self.clock.now_ns() < until_ns:
            await asyncio.sleep(max(0.001, self.clock.wait_s(until_ns)))
        self.driver.step(self.clock.now_ns())
        self.driver.requote(token)
        self.pacer.count("order", mono_s() - began_s)

    def _depth(self) -> tuple[int, tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]:
        now_ns = self.clock.now_ns()
        book = self.driver.world.depth(now_ns)
        return (now_ns // 1_000_000, book.bids, book.asks) if book is not None else (now_ns // 1_000_000, (), ())

    def _is_heard(self) -> bool:
        """Everyone is up and listening: no window is lost to start-up."""
        if self._owes_prints and self.rtds.hearers:
            self._owes_prints = False
            self.driver.reprint()
        listening = self.rtds.hearers and self.streams.wanted("btcusdt@trade") and self.house.market_channel.hearers
        return bool(listening) and self.heard.is_up()

    # --- what we say of ourselves

    def _beat(self, now_s: float) -> None:
        beat = Heartbeat(
            actor="venue",
            pid=os.getpid(),
            boot=self.context.boot,
            mono_ns=time.monotonic_ns(),
            uptime_s=round(now_s - self._started_s, 3),
            handled=self.handled,
            inbox_lag_ms=0.0,
            gaps=self.subscriber.gaps,
            dropped=self.subscriber.dropped,
            schema=schema_hash(),
        )
        self.publisher.send(*self.stamper.wrap(beat, self.clock.now_ns(), ""))

    def _report(self) -> None:
        thinned = self.driver.thinned
        report: dict[str, Any] = {
            "session": self.session.id,
            "world": self.driver.world.label,
            "speed": self.clock.speed,
            "waits": self.pacer.report(),
            "behind_s": round(self._behind_before_s + self.pacer.behind_s(), 3),
            "thinned": {"quotes": thinned.quotes, "takers": thinned.takers, "trades": thinned.trades},
        }
        write_waits(self.waits_file, report)


def script_of(context: Context) -> Script:
    """The session's fault script, where `run --faults` left it. Raises ScriptError."""
    path = context.paths.fault_script
    return read_script(path.read_text()) if path.exists() else Script()


def world_of(session: SessionPlan) -> World:
    """The session's world: its tape, or the seed's, bent by its scenario. Raises TapeError, UnknownScenario."""
    if session.tape:
        from polybot.venue.tape_files import open_tape

        return open_tape(session.tape, session.seed)
    from polybot.sim.world.synthetic import SyntheticWorld

    return SyntheticWorld(session.seed, session.first_window_s, scenario=scenario_named(session.scenario))
