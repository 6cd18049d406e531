"""The venue in profile paper, as a program: the real books, our orders, on the wall's clock. Nothing of ours leaves it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping

import msgspec

from messages import Heartbeat, schema_hash
from polybot.core.market.windows import session_from
from polybot.runtime.base import log
from polybot.runtime.base.clock import mono_s
from polybot.runtime.config import endpoints
from polybot.runtime.loop.bus import Publisher, new_context
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.stamping import Stamper
from polybot.settings import usd_e6
from polybot.sim.venue.mirror import MirrorEngine
from polybot.venue.accounts.api_keys import Keys
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.order_service import OrderDesk
from polybot.venue.accounts.store import VenueStore
from polybot.venue.faults.control import Control
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import Script
from polybot.venue.mirror.catalogue import MirrorCatalogue
from polybot.venue.mirror.connections import Channel, Rest
from polybot.venue.mirror.follow import Follower
from polybot.venue.net import ports
from polybot.venue.net.server import Web
from polybot.venue.routes import exchange_apps

TURN_S = 0.04
HEARTBEAT_S = 0.5
REPORT_S = 1.0
GRANT_USD = 1000.0
SKEW_PER_SPEED_S = 1.0  # of machine time, in which a signed stamp may age on its way to us, in a rehearsal


class MirrorVenue:
    """Everything wired together; `live` runs until SIGTERM. urls: the real hosts, or what stands in for them."""

    def __init__(
        self,
        context: Context,
        script: Script,
        urls: Mapping[str, str],
        *,
        grant_usd: float = GRANT_USD,
        port: int = 0,
    ) -> None:
        self.context, self.clock = context, context.clock
        session, folder = session_from(context.session), context.paths.venue
        self.store = VenueStore(folder / "venue.sqlite", session.id)
        self.keys = Keys(
            self.store.meta("secret") or b"", max(script.switches.l2_skew_s, self.clock.speed * SKEW_PER_SPEED_S)
        )
        self.faults = FaultEngine(script, session.first_window_s, self.clock.now_ns, mono_s, self.clock.speed)
        self.control = Control(self.faults)
        catalogue, engine = MirrorCatalogue(), MirrorEngine(script.switches)
        self.follower = Follower(engine, catalogue, self.clock.now_ns, mono_s)
        self.house = House(
            self.store,
            self.keys,
            catalogue,
            self.clock.now_ns,
            usd_e6(grant_usd),
            engine=engine,
            unknown=self.follower.unknown,
        )
        engine.set_fate(self.faults.fate)
        self.urls, self.rest = urls, Rest(urls, self.follower)
        self.sockets = ports.bind(port, folder / "ports.json", ports.EXCHANGE)
        self.desk = OrderDesk(self.house, self._delay)
        services = exchange_apps(self.desk, self.faults) | {"control": self.control.app()}
        self.web = Web(services, self.sockets)
        self.publisher = Publisher(new_context(), context.paths.sockets, "venue")
        self.stamper = Stamper("venue", context.boot)
        self.leaving = asyncio.Event()
        self._started_s = mono_s()

    # --- life

    async def live(self) -> None:
        """Come up, say where, follow the real venue until told to leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.leaving.set)
        self.house.restore(wipe=not self.house.engine.switches.orders_survive_restart)
        self.follower.serve(self.house)
        channel = Channel(self.urls["ws_market"], self.follower, loop)
        self.follower.reopen, self.follower.again = channel.socket.reconnect, channel.again
        await self.web.start()
        urls = ports.urls(self.sockets)
        endpoints.write(self.context.paths, urls)
        self.control.write_note(self.context.paths.venue, ports.url(self.sockets["control"]))
        sys.stdout.write(msgspec.json.encode({"v": 1} | urls).decode() + "\n")
        sys.stdout.flush()
        log.event(
            "started",
            actor="venue",
            boot=self.context.boot,
            pid=os.getpid(),
            wiped=self.house.wiped,
            mirrors=self.urls["clob"],
        )
        channel.start()

        def follow() -> None:
            channel.follow(f.pair for f in self.follower.followed.values())

        tasks = [
            asyncio.create_task(self.rest.follow_markets(mono_s, lambda: self.clock.now_ns() / 1e9, follow)),
            asyncio.create_task(self.rest.check_books(mono_s)),
            asyncio.create_task(self._turns()),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        channel.silence()
        await loop.run_in_executor(None, channel.stop)
        await self._leave()
        for task in done:
            task.result()  # what should never end has died: so do we, loudly

    async def _turns(self) -> None:
        """What only needs time: GTD orders, the chain, the dead-man switch, our heartbeat."""
        beat_s = report_s = 0.0
        while not self.leaving.is_set():
            self.house.engine.due(self.clock.now_ns())
            for carry_on in self.house.on_step:
                carry_on(self.clock.now_ns())
            self.house.flush()
            now = mono_s()
            if now >= beat_s:
                beat_s = now + HEARTBEAT_S
                self._beat(now)
            if now >= report_s:
                report_s = now + REPORT_S
                self.desk.cancel_silent(now)
                self.house.flush(durable=True)
            await asyncio.sleep(TURN_S)

    async def _leave(self) -> None:
        self.rest.stop()
        self.house.flush(durable=True)
        await self.web.stop()
        self.publisher.close()
        self.store.close()
        log.event("left", actor="venue", code=0)

    # --- what others call

    async def _delay(self, until_ns: int, _token: str) -> None:
        """Wait out the taker delay on the wall's clock."""
        while self.clock.now_ns() < until_ns:
            await asyncio.sleep(max(0.001, self.clock.wait_s(until_ns)))

    def _beat(self, now_s: float) -> None:
        beat = Heartbeat(
            actor="venue",
            pid=os.getpid(),
            boot=self.context.boot,
            mono_ns=time.monotonic_ns(),
            uptime_s=round(now_s - self._started_s, 3),
            handled=self.follower.heard.frames,
            inbox_lag_ms=0.0,
            gaps=self.follower.heard.losses,
            dropped=self.follower.heard.broken,
            schema=schema_hash(),
        )
        self.publisher.send(*self.stamper.wrap(beat, self.clock.now_ns(), ""))
