"""Faults on the way of a request: refused at the door, lost on the way in, lost or late on the way out."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.frame_faults import without_sizes
from polybot.venue.faults.script import Fault

TRADING = ("/order", "/orders", "/cancel-all", "/cancel-market-orders")
GEOBLOCK_PATH = "/api/geoblock"
CLOSED_ONLY_PATH = "/auth/ban-status/closed-only"
ORDERING = ("/order", "/orders")
BLOCKED = (
    b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been "
    b"blocked</h1><p>You are unable to access polymarket.com</p></body></html>"
)
POST_ONLY = "post-only mode: only post-only orders and cancels are allowed"
CANCEL_ONLY = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
DISABLED = "Trading is currently disabled. Please try again later."
WRONG_COUNTRY = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in https://www.binance.com/en/terms. "
    "Please contact customer service if you believe you received this message in error."
)
BANNED = "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates to avoid bans."
TOO_MUCH = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
CHANNELS = {"rtds": "rtds", "polybolt": "polybolt", "binance_ws": "binance"}  # the CLOB's are named by their path
Headers = dict[str, str]


class FaultyHttp:
    """One service's application behind its faults. Must stand directly under the server: it may break the connection."""

    def __init__(self, app: ASGIApp, faults: FaultEngine, service: str) -> None:
        self._app, self._faults, self._service = app, faults, service
        self._books: dict[bytes, HeldAnswer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http" or not self._faults.armed:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        request = FaultedRequest(self._service, scope["method"], scope["path"], body)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal.send(send)
        elif self._faults.strikes("lost_request", request.fits):
            await _break(send)
        else:
            await self._answer(request, scope, _once(body, receive), send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A handshake may be refused as any GET; a socket of a channel that is down is cut as soon as it would speak."""
        channel = CHANNELS.get(self._service) or scope["path"].rpartition("/")[2]
        transport = _transport(send)

        async def speak(message: Message) -> None:
            if self._faults.armed and self._faults.on("ws_down", channel):
                transport.abort()
            else:
                await send(message)

        refusal = (
            self._refusal(FaultedRequest(self._service, "GET", scope["path"], b"")) if self._faults.armed else None
        )
        if self._faults.armed and self._faults.on("ws_down", channel):
            transport.abort()
        elif refusal is not None:
            await refusal.deny(send)
        else:
            await self._app(scope, receive, speak)

    async def _answer(self, request: "FaultedRequest", scope: Scope, receive: Receive, send: Send) -> None:
        faults = self._faults
        timeout, lost = faults.strikes("order_timeout", request.fits), faults.strikes("lost_answer", request.fits)
        late = faults.strikes("late_answer", request.fits)
        answer = HeldAnswer()
        await self._app(scope, receive, answer.hear)
        answer = self._stale(request, scope, answer)
        answer = self._without_money(request, answer)
        if request.path == GEOBLOCK_PATH and answer.status == 200 and faults.on("geoblock"):
            answer = HeldAnswer(200, dict(JSON), _text(json.loads(answer.body) | {"blocked": True}))
        if request.path == CLOSED_ONLY_PATH and answer.status == 200 and faults.on("closed_only"):
            answer = HeldAnswer(200, dict(JSON), _text({"closed_only": True}))
        if late is not None:
            await asyncio.sleep(faults.machine_s(late, late.delay_s))
        if lost is not None:
            await _break(send)
        elif timeout is not None and answer.status == 200:
            await _refusal(500, "order timed out").send(send)
        else:
            await answer.send(send)

    def _stale(self, request: "FaultedRequest", scope: Scope, answer: "HeldAnswer") -> "HeldAnswer":
        if request.method != "GET" or request.path != "/book":
            return answer
        if self._faults.on("stale_book") is None:
            self._books.clear()
            return answer
        return self._books.setdefault(scope["query_string"], answer)

    def _without_money(self, request: "FaultedRequest", answer: "HeldAnswer") -> "HeldAnswer":
        """An answer about our money with the amounts left out."""
        if request.method != "GET" or answer.status != 200 or request.service != "clob":
            return answer
        if request.path == "/balance-allowance" and self._faults.strikes("balance_null"):
            return HeldAnswer(200, dict(JSON), _text({"balance": None, "allowances": {}}))
        if request.path == "/data/trades" and self._faults.on("empty_size"):
            page = json.loads(answer.body)
            page["data"] = [without_sizes(trade) for trade in page["data"]]
            return HeldAnswer(200, dict(JSON), _text(page))
        return answer

    def _refusal(self, request: "FaultedRequest") -> "HeldAnswer | None":
        faults = self._faults
        if faults.strikes("geoblock", request.fits) or faults.strikes("403_page", request.fits):
            return HeldAnswer(403, {"content-type": "text/html; charset=UTF-8"}, BLOCKED)
        if faults.strikes("wrong_country", request.fits):
            return HeldAnswer(451, dict(JSON), _text({"code": 0, "msg": WRONG_COUNTRY}))
        banned = faults.strikes("banned", request.fits)
        if banned is not None:
            return HeldAnswer(418, _retry_after(banned), _text({"code": -1003, "msg": BANNED}))
        limited = faults.strikes("rate_limit", request.fits)
        if limited is not None and request.service.startswith("binance"):
            return HeldAnswer(429, _retry_after(limited), _text({"code": -1003, "msg": TOO_MUCH}))
        if limited is not None:
            return _refusal(429, "Too Many Requests", limited.retry_after_s)
        if request.service != "clob":
            return None
        if request.buyer and faults.on("closed_only"):
            return _refusal(400, f"'{request.buyer}' address in closed only mode")
        if request.path == "/v1/heartbeats" and faults.strikes("heartbeat_refused"):
            body = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "00000000-0000-4000-8000-000000000000"}
            return HeldAnswer(400, dict(JSON), json.dumps(body, separators=(",", ":")).encode())
        return self._closed(request) if request.is_trading else None

    def _closed(self, request: "FaultedRequest") -> "HeldAnswer | None":
        restart = self._faults.on("restart")
        if restart is not None:
            fault, elapsed = restart
            if elapsed < fault.for_s:
                return _refusal(425, "service restarting", fault.retry_after_s)
            if request.is_order and not request.is_post_only:
                return _post_only(int(fault.life_s - elapsed) + 1)
        if self._faults.on("trading_disabled"):
            return _refusal(503, DISABLED)
        if request.is_order and self._faults.on("cancel_only"):
            return _refusal(503, CANCEL_ONLY)
        return None


class FaultedRequest:
    """What a fault may look at: the service called, method, path and body."""

    def __init__(self, service: str, method: str, path: str, body: bytes) -> None:
        self.service, self.method, self.path, self.body = service, method, path, body

    def fits(self, fault: Fault) -> bool:
        """Whether a fault is about this request; a path ending in / stands for all below it."""
        if fault.service != self.service or fault.method not in ("", "*", self.method):
            return False
        return fault.path in ("", "*", self.path) or (fault.path.endswith("/") and self.path.startswith(fault.path))

    @property
    def is_trading(self) -> bool:
        """True when it orders or cancels."""
        return self.method in ("POST", "DELETE") and self.path in TRADING

    @property
    def is_order(self) -> bool:
        """True when it posts one order or several."""
        return self.method == "POST" and self.path in ORDERING

    @property
    def is_post_only(self) -> bool:
        """True when every order in it is post-only."""
        legs = self._legs()
        return bool(legs) and all(leg.get("postOnly") is True for leg in legs)

    @property
    def buyer(self) -> str:
        """Who would buy with it, "" if nobody; of a batch the first."""
        orders = [leg.get("order") for leg in self._legs()] if self.is_order else []
        buys = [o for o in orders if isinstance(o, dict) and o.get("side") == "BUY"]
        return str(buys[0].get("maker", "")) if buys else ""

    def _legs(self) -> list[dict[str, Any]]:
        try:
            body = json.loads(self.body)
        except ValueError:
            return []
        legs = body if isinstance(body, list) else [body]
        return [leg if isinstance(leg, dict) else {} for leg in legs]


JSON: Headers = {"content-type": "application/json"}


class HeldAnswer:
    """An answer held back: heard from the application, or made here."""

    def __init__(self, status: int = 0, headers: Headers | None = None, body: bytes = b"") -> None:
        self.status, self.body = status, body
        self._headers = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        if headers is not None:
            self._headers.append((b"content-length", str(len(body)).encode()))

    async def hear(self, message: Message) -> None:
        """Stand in for `send`: keep what the application answers."""
        if message["type"] == "http.response.start":
            self.status, self._headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def deny(self, send: Send) -> None:
        """Send the answer kept instead of a websocket's handshake."""
        await send({"type": "websocket.http.response.start", "status": self.status, "headers": self._headers})
        await send({"type": "websocket.http.response.body", "body": self.body})

    async def send(self, send: Send) -> None:
        """Send the answer that was kept."""
        await send({"type": "http.response.start", "status": self.status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self.body})


def _refusal(status: int, text: str, retry_after_s: int = 0, **more: Any) -> HeldAnswer:
    headers = dict(JSON)
    if retry_after_s:
        headers["retry-after"] = str(retry_after_s)
    return HeldAnswer(status, headers, json.dumps({"error": text, **more}, separators=(",", ":")).encode())


def _text(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _retry_after(fault: Fault) -> Headers:
    return JSON | {"retry-after": str(fault.retry_after_s)}


def _post_only(left_s: int) -> HeldAnswer:
    return _refusal(503, POST_ONLY, left_s, code="post_only_mode", retry_after_seconds=left_s)


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _once(body: bytes, receive: Receive) -> Receive:
    """The request's body once more; after it whatever the connection says."""
    told = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _transport(send: Send) -> Any:
    """ASGI has no word for it: the server's own object, whose method `send` is, holds it."""
    cycle: Any = getattr(send, "__self__", None)
    assert cycle is not None, "faults must stand directly under the web server"
    return cycle.transport


async def _break(send: Send) -> None:
    """Cut the connection under the client without a byte."""
    cycle: Any = getattr(send, "__self__", None)
    _transport(send).abort()
    while not cycle.disconnected:  # else the server would answer 500 for us
        await asyncio.sleep(0)
