"""A venue on free ports with one market, a clock we move by hand, and a wallet with a known key."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import pytest
from websockets.sync.client import ClientConnection, connect

from messages import OrderType, Side
from messages.inner import SignOrder
from polybot.adapters.polymarket.signing import (
    Credentials,
    OrderSigner,
    RequestSigner,
    Wallet,
    auth_headers,
)
from polybot.core.executor.books.order_state import metadata_of, salt_of
from polybot.sim.venue.engine import VenueEngine
from polybot.sim.venue.switches import Switches
from polybot.venue.accounts.api_keys import Keys
from polybot.venue.accounts.engine_service import House, market_from
from polybot.venue.accounts.order_service import OrderDesk
from polybot.venue.accounts.store import VenueStore
from polybot.venue.channels.binance import BinanceHub
from polybot.venue.channels.polybolt import PolyBolt
from polybot.venue.channels.rtds import Rtds
from polybot.venue.faults.control import Control
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import Script
from polybot.venue.net import ports
from polybot.venue.net.server import Web
from polybot.venue.rest.binance import BinanceRoutes
from polybot.venue.routes import apps
from polybot.venue.wire.binance_frames import WireBars
from polybot.venue.wire.gamma_objects import Listing
from tests.build import Winner, order_fields, window

START_S = 1_795_132_800
KEY = "11" * 32
T = TypeVar("T")
UP = "91348881789320432298294780669777877709298835272408462781006302171545019022093"
DOWN = "76630000000000000000000000000000000000000000000000000000000000000000000003403"
SECOND = 1_000_000_000
CLIENTS = Path(__file__).parent / "clients"


def a_listing(start_s: int = START_S) -> Listing:
    return Listing(
        **window(start_s),
        condition_id="0x" + "74" * 32,
        question_id="0x" + "75" * 32,
        up_token=UP,
        down_token=DOWN,
        gamma_id="3048031",
        rule="twap60",
    )


class Catalogue:
    """The windows of a test."""

    def __init__(self, *listings: Listing) -> None:
        self.listings = listings

    def listing(self, slug: str) -> Listing | None:
        return next((each for each in self.listings if each.slug == slug), None)

    def open_listing(self, condition_id: str = "", token: str = "") -> Listing | None:
        return next(
            (e for e in self.listings if e.condition_id == condition_id or token in (e.up_token, e.down_token)), None
        )


@dataclass
class HandClock:
    """World time, moved by the test."""

    ns: int = START_S * SECOND

    def now_ns(self) -> int:
        return self.ns


@dataclass
class Client:
    """The bot's own signing code, over plain HTTP: what it signs the venue must accept."""

    urls: dict[str, str]
    clock: HandClock
    wallet: Wallet = field(default_factory=lambda: Wallet(KEY))
    logged_in: Credentials | None = None

    @property
    def credentials(self) -> Credentials:
        """Of the last login."""
        assert self.logged_in is not None, "nobody has logged in"
        return self.logged_in

    @credentials.setter
    def credentials(self, credentials: Credentials) -> None:
        self.logged_in = credentials

    def http(
        self, url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as exc:
            status, text = exc.code, exc.read()
        return status, json.loads(text) if text else None

    def get(self, service: str, path: str) -> tuple[int, Any]:
        return self.http(self.urls[service] + path)

    def login(self) -> Credentials:
        headers = auth_headers(self.wallet, self.clock.ns // SECOND)
        status, body = self.http(self.urls["clob"] + "/auth/api-key", "POST", b"", headers)
        assert status == 200, body
        self.credentials = Credentials(body["apiKey"], body["secret"], body["passphrase"])
        return self.credentials

    def private(self, method: str, path: str, body: bytes = b"", skew_s: int = 0) -> tuple[int, Any]:
        signer = RequestSigner(self.wallet.address, self.credentials)
        bare = path.split("?")[0]
        headers = signer.headers(self.clock.ns // SECOND + skew_s, method, bare, body)
        return self.http(self.urls["clob"] + path, method, body or None, headers)

    def signed(
        self,
        intent: str = "main/test/w/1",
        *,
        token_id: str = UP,
        maker_e6: int = 5_000_000,
        taker_e6: int = 9_090_900,
        side: Side = "BUY",
        order_type: OrderType = "FAK",
        post_only: bool = False,
    ) -> tuple[str, bytes]:
        """(order id, body of POST /order)."""
        fields = order_fields(
            salt=salt_of(intent),
            token_id=token_id,
            maker_e6=maker_e6,
            taker_e6=taker_e6,
            side=side,
            timestamp_ms=self.clock.ns // 1_000_000,
            metadata=metadata_of(intent),
            order_type=order_type,
            post_only=post_only,
        )
        done = OrderSigner(self.wallet, self.credentials.api_key).sign(SignOrder(intent_id=intent, fields=fields))
        assert not done.why, done.why
        return done.order_id, done.body

    def resting(self, intent: str = "main/test/rest/1", price_e6: int = 400_000, size_e6: int = 10_000_000) -> str:
        """A post-only GTC BUY; its id."""
        order_id, body = self.signed(
            intent, maker_e6=price_e6 * size_e6 // 1_000_000, taker_e6=size_e6, order_type="GTC", post_only=True
        )
        status, answer = self.private("POST", "/order", body)
        assert (status, answer["status"]) == (200, "live"), answer
        return order_id


@dataclass
class Bench:
    """A running venue in a thread of its own; `do` runs something on its loop."""

    house: House
    listings: tuple[Listing, ...]
    clock: HandClock
    client: Client
    urls: dict[str, str]
    rtds: Rtds
    polybolt: PolyBolt
    streams: BinanceHub
    bars: WireBars
    loop: asyncio.AbstractEventLoop
    delays: list[int]
    faults: FaultEngine
    control: Control

    @property
    def listing(self) -> Listing:
        """Of its first market."""
        return self.listings[0]

    def do(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def quote(self, bid_e6: int = 500_000, ask_e6: int = 520_000, size_e6: int = 200_000_000) -> None:
        def work() -> None:
            levels = [((bid_e6 - i * 10_000, size_e6), (ask_e6 + i * 10_000, size_e6)) for i in range(3)]
            cid = self.listing.condition_id
            self.house.engine.set_levels(cid, tuple(b for b, _ in levels), tuple(a for _, a in levels), self.clock.ns)
            self.house.flush()

        self.do(work)

    def pass_time(self, seconds: float) -> None:
        def work() -> None:
            self.clock.ns += int(seconds * SECOND)
            self.house.engine.due(self.clock.ns)
            for carry_on in self.house.on_step:
                carry_on(self.clock.ns)
            self.house.flush()

        self.do(work)

    def resolve(self, winner: Winner) -> None:
        def work() -> None:
            cid = self.listing.condition_id
            self.house.engine.resolve(cid, winner, self.clock.ns)
            self.house.flush()

        self.do(work)

    def socket(self, service: str, path: str = "") -> ClientConnection:
        return connect(self.urls[service] + path, open_timeout=5, close_timeout=1, compression=None, max_size=1 << 22)


@dataclass
class Opener:
    """Starts venues on one folder, one after another, as a killed and restarted program would."""

    folder: Path
    stops: list[Callable[[], None]] = field(default_factory=list)

    def open(
        self,
        *listings: Listing,
        clock: HandClock | None = None,
        wipe: bool = True,
        switches: Switches | None = None,
    ) -> Bench:
        clock = clock or HandClock()
        ready: list[Bench] = []
        stopped = threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._live(listings or (a_listing(),), clock, wipe, ready, stopped, switches)),
            daemon=True,
        )
        began = threading.Event()
        self._began = began
        thread.start()
        assert began.wait(10), "the venue did not start"

        def stop() -> None:
            stopped.set()
            thread.join(5)

        self.stops.append(stop)
        return ready[0]

    async def _live(
        self,
        listings: tuple[Listing, ...],
        clock: HandClock,
        wipe: bool,
        ready: list[Bench],
        stopped: threading.Event,
        switches: Switches | None,
    ) -> None:
        store = VenueStore(self.folder / "venue.sqlite", "test")
        keys = Keys(store.meta("secret") or b"", (switches or Switches()).l2_skew_s)
        house = House(store, keys, Catalogue(*listings), clock.now_ns, 1_000_000_000, switches)
        house.restore(wipe)
        for listing in listings:
            house.engine.list_market(market_from(listing, house.engine.switches.taker_delay_ms))
        delays: list[int] = []

        async def delay(until_ns: int, _token: str) -> None:
            delays.append(until_ns)
            clock.ns = max(clock.ns, until_ns)

        desk, bars, rtds, streams = OrderDesk(house, delay), WireBars(), Rtds(), BinanceHub()
        is_e18 = house.engine.switches.polybolt_e18
        polybolt = PolyBolt(keys.knows, keys.by_key.__contains__, time.monotonic, e18=is_e18)
        prices = BinanceRoutes(bars, lambda: (1, [(100.0, 1.0)], [(101.0, 2.0)]), clock.now_ns)
        sockets = ports.bind(0, self.folder / "ports.json")
        urls = ports.urls(sockets)
        faults = FaultEngine(Script(), START_S, clock.now_ns, time.monotonic)
        house.engine.set_fate(faults.fate)
        control = Control(faults)
        web = Web(apps(desk, prices, rtds, polybolt, streams, faults) | {"control": control.app()}, sockets)
        control.write_note(self.folder, ports.url(sockets["control"]))
        await web.start()
        loop = asyncio.get_running_loop()
        ready.append(
            Bench(
                house,
                listings,
                clock,
                Client(urls, clock),
                urls,
                rtds,
                polybolt,
                streams,
                bars,
                loop,
                delays,
                faults,
                control,
            )
        )
        self._began.set()
        while not stopped.is_set():
            await asyncio.sleep(0.01)
        await web.stop()
        store.close()

    def close(self) -> None:
        for stop in self.stops:
            stop()
        self.stops.clear()


@pytest.fixture(autouse=True)
def _plays_what_it_says(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test marked `plays(name)` must have run a venue whose switch of that name was not as by default."""
    promised = {str(mark.args[0]) for mark in request.node.iter_markers("plays")}
    played: set[str] = set()
    make = VenueEngine.__init__

    def noting(engine: VenueEngine, switches: Switches | None = None, **more: Any) -> None:
        make(engine, switches, **more)
        default = Switches()
        played.update(f.name for f in fields(Switches) if getattr(engine.switches, f.name) != getattr(default, f.name))

    if promised:
        monkeypatch.setattr(VenueEngine, "__init__", noting)
    yield
    assert promised <= played, f"no venue of this test had {', '.join(sorted(promised - played))} away from its default"


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    made = Opener(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench(opener: Opener) -> Bench:
    made = opener.open()
    made.quote()
    return made


@pytest.fixture
def trader(bench: Bench) -> Client:
    bench.client.login()
    return bench.client


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has the official clients, made once; or the one that is named."""
    given = os.environ.get("POLYBOT_CLIENTS_PYTHON")
    if given:
        return given
    home = tmp_path_factory.mktemp("clients") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    made = str(home / "bin" / "python")
    lock = str(CLIENTS / "requirements.lock")
    command = [made, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", lock]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the official clients cannot be installed here: {done.stderr.strip()[-300:]}")
    return made
