"""One uvicorn server on several loopback sockets; which application answers is decided by the port that was called."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


class ByPort:
    """The outermost application: hands each request to the application of the port that was called."""

    def __init__(self, apps: dict[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)


class _QuietServer(uvicorn.Server):
    """Signals are the program's business, not the web server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Web:
    """`start` returns once requests are answered; `stop` within the grace of one second."""

    def __init__(self, apps: dict[str, ASGIApp], sockets: dict[str, socket.socket]) -> None:
        by_port = ByPort({sockets[name].getsockname()[1]: app for name, app in apps.items()})
        config = uvicorn.Config(
            by_port,
            lifespan="off",
            access_log=False,
            log_level="warning",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=1 << 20,
            ws_ping_interval=20.0,
            ws_ping_timeout=60.0,
            timeout_keep_alive=300,
            timeout_graceful_shutdown=1,
            server_header=False,
            date_header=False,
        )
        self._server = _QuietServer(config)
        self._sockets = list(sockets.values())
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve; returns when connections are taken."""
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the web server left before it had started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close every connection and end; waits at most 1.5 s."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=1.5)
