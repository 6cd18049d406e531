"""The applications behind the ports: REST by Starlette routes, WebSockets by the hubs."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from polybot.venue.accounts.order_service import OrderDesk
from polybot.venue.channels.binance import BinanceHub
from polybot.venue.channels.polybolt import PolyBolt
from polybot.venue.channels.rtds import Rtds
from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.frame_faults import FaultyGate
from polybot.venue.faults.http_faults import FaultyHttp
from polybot.venue.net.responses import HttpRefusal, refused
from polybot.venue.net.socket_hub import Connection
from polybot.venue.rest import geoblock
from polybot.venue.rest.binance import BinanceRoutes
from polybot.venue.rest.clob_account import ClobAccount
from polybot.venue.rest.clob_batches import ClobBatches
from polybot.venue.rest.clob_private import ClobPrivate
from polybot.venue.rest.clob_public import ClobPublicRoutes
from polybot.venue.rest.coinbase_coingecko import CoinbaseRest, CoinGeckoRest
from polybot.venue.rest.data_markets import DataMarkets
from polybot.venue.rest.data_wallets import DataRest
from polybot.venue.rest.gamma import GammaRest
from polybot.venue.rest.gamma_lists import GammaLists
from polybot.venue.rest.relayer import RelayerRoutes
from polybot.venue.wire import binance_frames

FROM_ANYWHERE: dict[str, Any] = {"allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"]}
"""Browsers may call the real hosts too."""


def rest(routes: list[Route]) -> Starlette:
    """An application of these routes, with the venue's way of saying no."""
    every: list[BaseRoute] = [*routes]
    return Starlette(
        routes=every,
        exception_handlers={HttpRefusal: refused},
        middleware=[Middleware(CORSMiddleware, **FROM_ANYWHERE)],
    )


def apps(
    desk: OrderDesk, prices: BinanceRoutes, rtds: Rtds, polybolt: PolyBolt, streams: BinanceHub, faults: FaultEngine
) -> dict[str, ASGIApp]:
    """Service → application, one a port; each behind the faults of its name."""
    now_ns = desk.house.now_ns
    feeds: dict[str, ASGIApp] = {
        "rtds": _sockets({"/{path:path}": _timed("rtds", rtds, now_ns, faults)}),
        "polybolt": _sockets({"/ws": _timed("polybolt", polybolt, now_ns, faults)}),
        "binance": rest(prices.routes()),
        "coinbase": rest(CoinbaseRest(prices.bars, now_ns).routes()),
        "coingecko": rest(CoinGeckoRest(prices.bars, now_ns).routes()),
        "binance_ws": _sockets({"/stream": _combined(streams, faults)}),
    }
    return exchange_apps(desk, faults) | _faulty(feeds, faults)


def exchange_apps(desk: OrderDesk, faults: FaultEngine) -> dict[str, ASGIApp]:
    """Where one trades, without any prices from elsewhere: all there is of a venue in a mirror."""
    house, relayer = desk.house, RelayerRoutes(desk.house)
    house.on_step.append(relayer.due)
    bare: dict[str, ASGIApp] = {
        "clob": rest(_clob(desk)),
        "gamma": rest(GammaRest(house).routes() + GammaLists(house).routes()),
        "data": rest(DataRest(house).routes() + DataMarkets(house).routes()),
        "ws": _sockets({"/ws/market": _market(desk, faults), "/ws/user": _user(desk, faults)}),
        "relayer": rest(relayer.routes()),
        "site": rest(geoblock.routes()),
    }
    return _faulty(bare, faults)


def _faulty(bare: dict[str, ASGIApp], faults: FaultEngine) -> dict[str, ASGIApp]:
    return {service: FaultyHttp(app, faults, service) for service, app in bare.items()}


def _clob(desk: OrderDesk) -> list[Route]:
    private = ClobPrivate(desk)
    batches, public = ClobBatches(desk.house), ClobPublicRoutes(desk.house)
    return batches.routes() + public.routes() + private.routes() + ClobAccount(desk, private.key).routes()


Endpoint = Callable[[WebSocket], object]


def _sockets(endpoints: dict[str, Endpoint]) -> Starlette:
    return Starlette(routes=[WebSocketRoute(path, endpoint) for path, endpoint in endpoints.items()])


def _market(desk: OrderDesk, faults: FaultEngine) -> Endpoint:
    channel = desk.house.market_channel

    async def endpoint(socket: WebSocket) -> None:
        connection = Connection(socket, FaultyGate(faults, "market"))
        try:
            await connection.serve(channel.on_text)
        finally:
            channel.leave(connection)

    return endpoint


def _user(desk: OrderDesk, faults: FaultEngine) -> Endpoint:
    channel = desk.house.user_channel

    async def endpoint(socket: WebSocket) -> None:
        connection = Connection(socket, FaultyGate(faults, "user"))
        try:
            await connection.serve(channel.on_text)
        finally:
            channel.leave(connection)

    return endpoint


def _timed(channel: str, wire: Rtds | PolyBolt, now_ns: Callable[[], int], faults: FaultEngine) -> Endpoint:
    """A wire whose frames carry the time at which they were answered."""

    async def endpoint(socket: WebSocket) -> None:
        connection = Connection(socket, FaultyGate(faults, channel))
        try:
            await connection.serve(lambda c, text: wire.on_text(c, text, now_ns()))
        finally:
            wire.leave(connection)

    return endpoint


def _combined(streams: BinanceHub, faults: FaultEngine) -> Endpoint:
    async def endpoint(socket: WebSocket) -> None:
        connection = Connection(socket, FaultyGate(faults, "binance"))
        streams.join(connection, binance_frames.streams_of(socket.query_params.get("streams", "")))
        try:
            await connection.serve(streams.on_text)
        finally:
            streams.leave(connection)

    return endpoint
