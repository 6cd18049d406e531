"""Gamma by REST: one market and one event, each by its slug."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.venue.accounts.engine_service import House
from polybot.venue.net.responses import as_json
from polybot.venue.wire import gamma_objects


class GammaRest:
    """A market or event by its slug; the lists are gamma_lists.py's."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/markets/slug/{slug}", self.market),
            Route("/events/slug/{slug}", self.event),
        ]

    def _found(self, slug: str) -> tuple[gamma_objects.Listing, gamma_objects.Now] | None:
        listing = self.house.catalogue.listing(slug)
        if listing is None:
            return None
        market = self.house.market_of_listing(listing)
        return listing, self.house.gamma_now(market)

    async def market(self, request: Request) -> Response:
        """Answers `/markets/slug/{slug}`: one market, open or closed."""
        return self._one(request, gamma_objects.market_object)

    async def event(self, request: Request) -> Response:
        """Answers `/events/slug/{slug}`: the event with its one market."""
        return self._one(request, gamma_objects.event_object)

    def _one(
        self, request: Request, shape: Callable[[gamma_objects.Listing, gamma_objects.Now], dict[str, Any]]
    ) -> Response:
        found = self._found(request.path_params["slug"])
        if found is None:
            return as_json({"type": "not found error", "error": "slug not found"}, 404)
        return as_json(shape(*found))
