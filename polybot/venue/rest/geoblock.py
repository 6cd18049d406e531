"""What the web site itself answers that trading software asks: may one trade from here (facts §12.4)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.venue.net.responses import as_json


def routes() -> list[Route]:
    """Path → handler. Blocking is the fault `geoblock`'s business."""
    return [Route("/api/geoblock", geoblock)]


async def geoblock(_request: Request) -> Response:
    """Answers whether one may trade from here: from loopback one may."""
    return as_json({"blocked": False, "ip": "127.0.0.1", "country": "IE", "region": ""})
