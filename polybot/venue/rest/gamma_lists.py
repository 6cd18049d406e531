"""Gamma's lists (facts §9): events of a series, markets by every name, keyset pages, series and tags.

Closed ones are hidden unless `closed=true` is asked for, which then shows them alone, as in reality; `series_id` narrows
events only. An order of endDate is the only one there is: everything lasts five minutes.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.core.market.windows import WINDOW_S, slug_of
from polybot.venue.accounts.engine_service import House
from polybot.venue.net.responses import HttpRefusal, as_json
from polybot.venue.wire import gamma_objects

Found = tuple[gamma_objects.Listing, gamma_objects.Now]
Shape = Callable[[gamma_objects.Listing, gamma_objects.Now], dict[str, Any]]
LISTED_AHEAD_S = 24 * 3600
MOST_OFFSET, MOST, KEYSET_MOST = 2000, 500, 100
TAG = {"id": "21", "label": "Crypto", "slug": "crypto", "forceShow": False}
SERIES = gamma_objects.SERIES | {
    "seriesType": "single",
    "recurrence": "5m",
    "active": True,
    "closed": False,
    "archived": False,
}
NOT_FOUND = {"type": "not found error", "error": "id not found"}


class GammaLists:
    """Handlers over the house; nothing here changes anything."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler; words stand before ids."""
        return [
            Route("/markets", self.markets),
            Route("/markets/keyset", self.markets_keyset),
            Route("/markets/{id:int}", self.market),
            Route("/markets/{id:int}/tags", self.tags),
            Route("/events", self.events),
            Route("/events/keyset", self.events_keyset),
            Route("/events/{id:int}", self.event),
            Route("/events/{id:int}/tags", self.tags),
            Route("/series", self.series_list),
            Route("/series/{id:int}", self.series),
            Route("/tags", self.tags),
            Route("/tags/{id:int}", self.tag),
            Route("/tags/slug/{slug}", self.tag),
            Route("/public-search", self.search),
            Route("/comments", self.none),
            Route("/teams", self.none),
            Route("/sports", self.none),
        ]

    # --- one

    async def market(self, request: Request) -> Response:
        """Answers for one market by Gamma's own number."""
        return self._one(request, gamma_objects.market_object, 0)

    async def event(self, request: Request) -> Response:
        """Answers for one event by Gamma's own number."""
        return self._one(request, gamma_objects.event_object, gamma_objects.EVENT_ID_OFFSET)

    def _one(self, request: Request, shape: Shape, offset: int) -> Response:
        wished = str(int(request.path_params["id"]) - offset)
        found = next((f for f in self._every() if f[0].gamma_id == wished), None)
        return as_json(NOT_FOUND, 404) if found is None else as_json(shape(*found))

    # --- many

    async def markets(self, request: Request) -> Response:
        """Answers `/markets`; `series_id` is ignored here, as in reality."""
        return self._offset(request, gamma_objects.market_object, self._markets(request.query_params))

    async def events(self, request: Request) -> Response:
        """Answers `/events`: those of these slugs, ids or series."""
        return self._offset(request, gamma_objects.event_object, self._events(request.query_params))

    async def markets_keyset(self, request: Request) -> Response:
        """Answers for all markets, page after page by a cursor."""
        return self._keyset(request, "markets", gamma_objects.market_object, self._markets(request.query_params))

    async def events_keyset(self, request: Request) -> Response:
        """Answers for all events, page after page by a cursor."""
        return self._keyset(request, "events", gamma_objects.event_object, self._events(request.query_params))

    def _markets(self, q: QueryParams) -> list[Found]:
        slugs, ids = set(q.getlist("slug")), set(q.getlist("id"))
        conditions, tokens = set(q.getlist("condition_ids")), set(q.getlist("clob_token_ids"))
        return [
            (listing, now)
            for listing, now in self._listed(q)
            if (not slugs or listing.slug in slugs)
            and (not ids or listing.gamma_id in ids)
            and (not conditions or listing.condition_id in conditions)
            and (not tokens or listing.up_token in tokens or listing.down_token in tokens)
        ]

    def _events(self, q: QueryParams) -> list[Found]:
        slugs, ids = set(q.getlist("slug")), set(q.getlist("id"))
        series = set(q.getlist("series_id")) | set(q.getlist("series_slug"))
        if series and not series & {gamma_objects.SERIES["id"], gamma_objects.SERIES["slug"]}:
            return []
        return [
            (listing, now)
            for listing, now in self._listed(q)
            if (not slugs or listing.slug in slugs) and (not ids or gamma_objects.event_id(listing) in ids)
        ]

    def _listed(self, q: QueryParams) -> list[Found]:
        closed = q.get("closed", "false").lower() == "true"
        since, until = q.get("end_date_min", ""), q.get("end_date_max", "9999")
        rows = [
            found
            for found in self._every(set(q.getlist("slug")))
            if (found[1].winner is not None) == closed and since <= gamma_objects.iso(found[0].end_s) <= until
        ]
        return rows if q.get("ascending", "true").lower() != "false" else rows[::-1]

    def _every(self, slugs: set[str] | None = None) -> list[Found]:
        """Everything that was or is listed, by start; only these slugs when there are any."""
        names = sorted(slugs) if slugs else self._slugs()
        listings = [self.house.catalogue.listing(slug) for slug in names]
        found = [(each, self._now(each)) for each in listings if each is not None]
        return sorted(found, key=lambda f: f[0].start_s)

    def _slugs(self) -> list[str]:
        now_s = self.house.now_ns() // 1_000_000_000 // WINDOW_S * WINDOW_S
        known = {m.slug for m in self.house.engine.state.markets.values()}
        return sorted(known | {slug_of(s) for s in range(now_s, now_s + LISTED_AHEAD_S + 1, WINDOW_S)})

    def _now(self, listing: gamma_objects.Listing) -> gamma_objects.Now:
        market = self.house.market_of_listing(listing)
        return self.house.gamma_now(market)

    # --- search

    async def search(self, request: Request) -> Response:
        """Events whose title or slug has every word of `q`; closed ones too when keep_closed_markets says so."""
        q = request.query_params
        words, limit = q.get("q", "").lower().split(), max(1, min(MOST, _whole(q, "limit_per_type", 10)))
        if not words:
            raise HttpRefusal(422, "q is required")
        first = (max(1, _whole(q, "page", 1)) - 1) * limit
        with_closed = q.get("keep_closed_markets", "0") not in ("0", "", "false")
        found = [
            (listing, now)
            for listing, now in self._every()
            if (with_closed or now.winner is None) and all(word in _searched(listing) for word in words)
        ]
        shown = [gamma_objects.event_object(*each) for each in found[first : first + limit]]
        more = {"hasMore": first + limit < len(found), "totalResults": len(found)}
        return as_json({"events": shown, "tags": [], "profiles": [], "pagination": more})

    async def none(self, _request: Request) -> Response:
        """Answers for comments, teams and sports: there are none here."""
        return as_json([])

    # --- pages

    def _offset(self, request: Request, shape: Shape, rows: list[Found]) -> Response:
        q = request.query_params
        offset, limit = _whole(q, "offset", 0), min(MOST, _whole(q, "limit", 100))
        if offset > MOST_OFFSET:
            word = request.url.path.strip("/")
            raise HttpRefusal(422, f"offset too large, use /{word}/keyset")
        return as_json([shape(*found) for found in rows[offset : offset + limit]])

    def _keyset(self, request: Request, name: str, shape: Shape, rows: list[Found]) -> Response:
        q = request.query_params
        limit = max(1, min(KEYSET_MOST, _whole(q, "limit", 20)))
        after = _last_of(q.get("after_cursor", ""))
        first = next((i + 1 for i, found in enumerate(rows) if found[0].slug == after), 0)
        shown = rows[first : first + limit]
        body: dict[str, Any] = {name: [shape(*found) for found in shown]}
        if first + limit < len(rows):
            body["next_cursor"] = base64.urlsafe_b64encode(shown[-1][0].slug.encode()).decode()
        return as_json(body)

    # --- series and tags

    async def series_list(self, request: Request) -> Response:
        """Answers for all series: the one there is."""
        q = request.query_params
        slugs = q.getlist("slug")
        shown = [SERIES] if (not slugs or SERIES["slug"] in slugs) and not _whole(q, "offset", 0) else []
        return as_json(shown)

    async def series(self, request: Request) -> Response:
        """Answers for one series by its id; 404 for any other."""
        return as_json(SERIES) if str(request.path_params["id"]) == SERIES["id"] else as_json(NOT_FOUND, 404)

    async def tags(self, request: Request) -> Response:
        """Answers for all tags: "crypto", which is everything's."""
        return as_json([] if _whole(request.query_params, "offset", 0) else [TAG])

    async def tag(self, request: Request) -> Response:
        """Answers for one tag by its id or slug; 404 for any other."""
        wished = request.path_params.get("slug") or str(request.path_params["id"])
        return as_json(TAG) if wished in (TAG["id"], TAG["slug"]) else as_json(NOT_FOUND, 404)


def _whole(q: QueryParams, key: str, default: int) -> int:
    try:
        return max(0, int(q.get(key) or default))
    except ValueError as exc:
        raise HttpRefusal(422, f"invalid {key}") from exc


def _searched(listing: gamma_objects.Listing) -> str:
    return f"{gamma_objects.title(listing.start_s, listing.end_s)} {listing.slug}".lower()


def _last_of(cursor: str) -> str:
    """The slug a keyset page ended with."""
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except (ValueError, binascii.Error) as exc:
        raise HttpRefusal(400, "invalid after_cursor") from exc
