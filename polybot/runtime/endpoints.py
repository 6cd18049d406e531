"""Where the outside world is. Live: the public hosts. Demo and paper: what the local venue wrote when it was ready."""

import json
import socket
import sys
import time
from urllib.parse import urlsplit

from polybot.core.settings import Settings
from polybot.runtime import log
from polybot.runtime.paths import Paths, replace_synced

_PATIENCE_S = 30.0

PUBLIC = {
    "clob": "https://clob.polymarket.com",
    "gamma": "https://gamma-api.polymarket.com",
    "data": "https://data-api.polymarket.com",
    "ws_market": "wss://ws-subscriptions-clob.polymarket.com/ws/market",
    "ws_user": "wss://ws-subscriptions-clob.polymarket.com/ws/user",
    "rtds": "wss://ws-live-data.polymarket.com",
    "binance": "https://api.binance.com",
    "binance_ws": "wss://stream.binance.com:9443",
}
_PRICES = ("rtds", "binance", "binance_ws")  # in paper these are the real ones, books the venue's


def wait(paths: Paths, settings: Settings) -> dict[str, str]:
    """The urls by name. Waits for a local venue that answers; after 30 machine seconds the actor leaves to be restarted."""
    if settings.bot.profile == "live":
        return dict(PUBLIC)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        urls = read(paths)
        if urls and _answers(urls.get("clob", "")):
            return urls if settings.bot.profile == "demo" else urls | {name: PUBLIC[name] for name in _PRICES}
        time.sleep(0.02)
    log.event("venue_missing", waited_s=_PATIENCE_S, file=paths.endpoints)
    sys.exit(1)


def read(paths: Paths) -> dict[str, str]:
    """What the local venue last wrote; {} when it wrote nothing yet."""
    try:
        urls = json.loads(paths.endpoints.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(url) for name, url in urls.items()} if isinstance(urls, dict) else {}


def write(paths: Paths, urls: dict[str, str]) -> None:
    """Said by the venue once it listens."""
    replace_synced(paths.endpoints, json.dumps(urls, indent=1) + "\n")


def _answers(url: str) -> bool:
    """Does anyone listen there? The file of an earlier life may name a port that is nobody's now."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        return False
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1.0).close()
    except OSError:
        return False
    return True
