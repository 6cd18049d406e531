"""Loopback ports: one a service, so that every path is the real one from the root. A restarted venue takes the same again."""

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

SERVICES = (
    "clob",
    "gamma",
    "data",
    "ws",
    "rtds",
    "binance",
    "binance_ws",
    "control",
    "relayer",
    "site",
    "polybolt",
    "coinbase",
    "coingecko",
)

EXCHANGE = ("clob", "gamma", "data", "ws", "control", "relayer", "site")  # what a mirror serves
WHERE = (
    ("clob", "http", "clob", ""),
    ("gamma", "http", "gamma", ""),
    ("data", "http", "data", ""),
    ("binance", "http", "binance", ""),
    ("coinbase", "http", "coinbase", ""),
    ("coingecko", "http", "coingecko", ""),
    ("relayer", "http", "relayer", ""),
    ("ws_market", "ws", "ws", "/ws/market"),
    ("ws_user", "ws", "ws", "/ws/user"),
    ("rtds", "ws", "rtds", ""),
    ("polybolt", "ws", "polybolt", "/ws"),
    ("binance_ws", "ws", "binance_ws", ""),
    ("geoblock", "http", "site", "/api/geoblock"),
)


def bind(first_port: int, remembered: Path, services: Sequence[str] = SERVICES) -> dict[str, socket.socket]:
    """Bind a listening socket for each service: from first_port on when it is set, else where we stood before, else
    anywhere.
    """
    known = _recall(remembered)
    sockets = {}
    for i, service in enumerate(services):
        wished = first_port + i if first_port else known.get(service, 0)
        sockets[service] = _listen(wished, strict=bool(first_port))
    _remember(remembered, {name: s.getsockname()[1] for name, s in sockets.items()})
    return sockets


def _listen(port: int, strict: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        if strict or port == 0:
            raise
        return _listen(0, strict)  # someone took our old port: clients read the new one from endpoints.json
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.listen(256)
    sock.setblocking(False)
    return sock


def urls(sockets: dict[str, socket.socket]) -> dict[str, str]:
    """endpoints.json: where each part of the outside world is, as far as we serve it."""
    port = {name: s.getsockname()[1] for name, s in sockets.items()}
    return {
        name: f"{scheme}://127.0.0.1:{port[service]}{path}" for name, scheme, service, path in WHERE if service in port
    }


def url(sock: socket.socket) -> str:
    """The address at which the service on this socket is called."""
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


def write_atomically(path: Path, text: str) -> None:
    """Write the text whole or not at all, also when the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(path.suffix + ".new")
    with open(fresh, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _recall(path: Path) -> dict[str, int]:
    try:
        known = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {k: int(v) for k, v in known.items()} if isinstance(known, dict) else {}


def _remember(path: Path, ports: dict[str, int]) -> None:
    write_atomically(path, json.dumps(ports))
