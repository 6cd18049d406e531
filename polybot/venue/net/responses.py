"""JSON answers, and the venue's way of saying no."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response


class HttpRefusal(Exception):
    """Ends a request with this status and `{"error": text}`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def as_json(body: Any, status: int = 200) -> Response:
    """A response with this body as compact JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def refused(_request: Request, exc: Exception) -> Response:
    """Starlette's handler for HttpRefusal: its text as JSON, under its status."""
    assert isinstance(exc, HttpRefusal)
    return as_json({"error": exc.text}, exc.status)


def wanted(request: Request, name: str, text: str) -> str:
    """A query parameter that must be there; 400 otherwise."""
    value = request.query_params.get(name, "")
    if not value:
        raise HttpRefusal(400, text)
    return value


def parsed(data: bytes) -> Any:
    """A JSON body; 400 with the catalogue's text otherwise."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise HttpRefusal(400, "Invalid order payload") from exc
