"""Can the outside world be reached from here? Looked at before anything is started, with sentences for people."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

TRY_S = 5.0  # for a connection to one host; all are tried at once
WAIT_S = 8.0  # in all: a name server that says nothing is not waited for longer


def problems(urls: Mapping[str, str]) -> list[str]:
    """One clause a reason, with the hosts it keeps us from; [] when all is well. The CLOB must also tell the time, which a
    portal in between would not.
    """
    parts = {name: urlsplit(url) for name, url in urls.items()}
    found: dict[str, str] = {where(p): f"tried for {WAIT_S:g} s, no answer" for p in parts.values()}
    threads = []
    for name, part in parts.items():
        look = _time_of if name == "clob" else _connection_to
        threads.append(threading.Thread(target=_keep, args=(found, part, look), daemon=True))
        threads[-1].start()
    deadline = time.monotonic() + WAIT_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    last = dict(found)  # a look that comes back later is not waited for
    reasons = dict.fromkeys(why for why in last.values() if why)
    return [f"cannot reach {', '.join(h for h, its in last.items() if its == why)} ({why})" for why in reasons]


def where(part: SplitResult) -> str:
    """The part's "host:port", as people read it."""
    return f"{part.hostname}:{_port(part)}"


def _keep(found: dict[str, str], part: SplitResult, look: Callable[[SplitResult], str]) -> None:
    try:
        found[where(part)] = look(part)
    except (OSError, http.client.HTTPException) as exc:
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        found[where(part)] = f"looked up and tried once, {TRY_S:g} s at most: {said or type(exc).__name__}"


def _connection_to(part: SplitResult) -> str:
    socket.create_connection((part.hostname or "", _port(part)), timeout=TRY_S).close()
    return ""


def _time_of(part: SplitResult) -> str:
    if part.scheme == "https":
        secure = ssl.create_default_context()
        asked: http.client.HTTPConnection = http.client.HTTPSConnection(
            part.hostname or "", _port(part), timeout=TRY_S, context=secure
        )
    else:
        asked = http.client.HTTPConnection(part.hostname or "", _port(part), timeout=TRY_S)
    try:
        asked.request("GET", f"{part.path.rstrip('/')}/time")
        answer = asked.getresponse()
        body = answer.read(200)
    finally:
        asked.close()
    if answer.status == 200 and body.strip().isdigit():
        return ""
    return f"GET /time is answered with HTTP {answer.status} and not with the time: something stands in between"


def _port(part: SplitResult) -> int:
    return part.port or (443 if part.scheme in ("https", "wss") else 80)
