"""Where the outside world is. Live: the public hosts. Demo and paper: what the local venue wrote when it was ready.

POLYBOT_ENDPOINTS=FILE lets another venue stand in for the public hosts, to rehearse paper and live: the JSON line that
`polybot-ctl venue` prints when it is ready. Only addresses of this machine are taken. A venue that runs faster than the
wall also names its clock there, which a rehearsal of live then lives by.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths, replace_synced
from polybot.runtime.config.errors import ConfigError
from polybot.settings import Settings

_PATIENCE_S = 30.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

PUBLIC = {
    "clob": "https://clob.polymarket.com",
    "gamma": "https://gamma-api.polymarket.com",
    "data": "https://data-api.polymarket.com",
    "relayer": "https://relayer-v2.polymarket.com",
    "ws_market": "wss://ws-subscriptions-clob.polymarket.com/ws/market",
    "ws_user": "wss://ws-subscriptions-clob.polymarket.com/ws/user",
    "rtds": "wss://ws-live-data.polymarket.com",
    "geoblock": "https://polymarket.com/api/geoblock",
    "polybolt": "wss://ws-live-v2.polymarket.com/ws",
    "binance": "https://api.binance.com",
    "binance_ws": "wss://stream.binance.com:9443",
    "coinbase": "https://api.coinbase.com",
    "coingecko": "https://api.coingecko.com",
}
POLYGON = "https://polygon.drpc.org"  # a node of the chain: the one that the official client asks
TIME_SERVERS = ("time.cloudflare.com", "pool.ntp.org", "time.google.com")  # asked in turn, by SNTP
# in paper these are the real ones, books the venue's
_PRICES = ("rtds", "binance", "binance_ws", "coinbase", "coingecko")
PAPER = ("clob", "gamma", "ws_market", "rtds", "binance", "binance_ws")  # what paper cannot do without


def wait(paths: Paths, settings: Settings) -> dict[str, str]:
    """The urls by name. Waits for a local venue that answers; after 30 machine seconds the actor leaves to be restarted."""
    if settings.bot.profile == "live":
        return public()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if urls := now(paths, settings):
            return urls
        time.sleep(0.02)
    log.event("venue_missing", waited_s=_PATIENCE_S, file=paths.endpoints)
    sys.exit(1)


def time_servers(settings: Settings) -> tuple[str, ...]:
    """Live's alone; none in a rehearsal, which talks to this machine only."""
    return TIME_SERVERS if settings.bot.profile == "live" and not stand_in() else ()


def now(paths: Paths, settings: Settings) -> dict[str, str]:
    """The urls by name as they are; {} where the profile's local venue does not answer. Raises ConfigError."""
    if settings.bot.profile == "live":
        return public()
    urls = read(paths)
    if not urls or not _answers(urls.get("clob", "")):
        return {}
    outside = {} if settings.bot.profile == "demo" else public()
    if outside:
        urls.pop("polybolt", None)  # it wants credentials, and ours are the local venue's
    return urls | {name: url for name, url in outside.items() if name in _PRICES}


def stand_in() -> str:
    """The file whose venue stands in for the public hosts; "" = none does."""
    return os.environ.get("POLYBOT_ENDPOINTS", "")


def stands_in(profile: str) -> str:
    """The venue that a session of this profile would live by instead of the public one; "" = none. Raises ConfigError."""
    return public()["clob"] if profile != "demo" and stand_in() else ""


def other_venue(session: str, stood_in: str, profile: str) -> str:
    """The sentence for a session that was begun with another venue than the environment names now; "" = with the same.
    Raises ConfigError.
    """
    now = stands_in(profile)
    if stood_in == now:
        return ""
    was, is_now = (f"{name} (a rehearsal)" if name else "the public hosts" for name in (stood_in, now))
    mend = "point POLYBOT_ENDPOINTS at the line of that venue again" if stood_in else "unset POLYBOT_ENDPOINTS"
    return (
        f"session {session} was begun with {was}, here it would meet {is_now}: {mend}, or choose another state folder with "
        "POLYBOT_STATE"
    )


def public(file: str | None = None) -> dict[str, str]:
    """The public hosts by name, or what stands in for all of them. Raises ConfigError for a file that cannot."""
    name = stand_in() if file is None else file
    if not name:
        return dict(PUBLIC)
    told = _told(name)
    missing = sorted(PUBLIC.keys() - told.keys())
    if missing:
        raise ConfigError(f"POLYBOT_ENDPOINTS={name}: no address for {', '.join(missing)}")
    for service in PUBLIC:
        if urlsplit(str(told[service])).hostname not in LOOPBACK:
            raise ConfigError(
                f"POLYBOT_ENDPOINTS={name}: {service} = {told[service]} is not on this machine; only "
                f"{', '.join(LOOPBACK)} may stand in for the public hosts"
            )
    return {service: str(told[service]) for service in PUBLIC}


def stand_in_clock() -> Path | None:
    """The clock of the venue that stands in, where it does not keep the wall's time. Raises ConfigError."""
    name = stand_in()
    if not name:
        return None
    public(name)
    clock = _told(name).get("clock")
    return Path(str(clock)) if clock else None


def _told(name: str) -> dict[str, object]:
    try:
        told = json.loads(Path(name).expanduser().read_text())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"POLYBOT_ENDPOINTS={name}: {exc}") from exc
    if not isinstance(told, dict):
        raise ConfigError(f"POLYBOT_ENDPOINTS={name}: not the JSON object that `polybot-ctl venue` prints")
    return told


def read(paths: Paths) -> dict[str, str]:
    """What the local venue last wrote; {} when it wrote nothing yet."""
    try:
        urls = json.loads(paths.endpoints.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(url) for name, url in urls.items()} if isinstance(urls, dict) else {}


def write(paths: Paths, urls: dict[str, str]) -> None:
    """Write down where the venue listens; the venue says so itself once it does."""
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
