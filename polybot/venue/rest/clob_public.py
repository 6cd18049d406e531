"""The CLOB's public REST (facts §4.1, §4.3): the clock, books and prices, market objects."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messages.units import E6, decimal_text
from polybot.sim.venue import Market
from polybot.venue.accounts.engine_service import House
from polybot.venue.net.responses import HttpRefusal, as_json, parsed, wanted
from polybot.venue.wire import clob_frames, gamma_objects

BAD_TOKEN = "Invalid token id"
NO_BOOK = "No orderbook exists for the requested token id"
MAX_BATCH = 500


class ClobPublicRoutes:
    """Handlers over the house; nothing here changes anything."""

    def __init__(self, house: House) -> None:
        self.house = house

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/ok", self.ok),
            Route("/", self.ok),
            Route("/time", self.time),
            Route("/version", self.version),
            Route("/book", self.book),
            Route("/books", self.books, methods=["POST"]),
            Route("/price", self.price),
            Route("/midpoint", self.midpoint),
            Route("/spread", self.spread),
            Route("/last-trade-price", self.last_trade_price),
            Route("/tick-size", self.tick_size),
            Route("/tick-size/{token_id}", self.tick_size),
            Route("/neg-risk", self.neg_risk),
            Route("/fee-rate", self.fee_rate),
            Route("/markets/{condition_id}", self.market),
            Route("/clob-markets/{condition_id}", self.clob_market),
            Route("/markets-by-token/{token_id}", self.by_token),
        ]

    async def ok(self, _request: Request) -> Response:
        """Answers `/ok`: the CLOB is alive."""
        return as_json("OK")

    async def time(self, _request: Request) -> Response:
        """Answers `/time`: world time in whole unix seconds."""
        return as_json(self.house.now_ns() // 1_000_000_000)

    async def version(self, _request: Request) -> Response:
        """Answers `/version`: the order version that is signed for."""
        return as_json({"version": 2})

    async def book(self, request: Request) -> Response:
        """Answers `/book`: the book of one token."""
        return as_json(self._book(wanted(request, "token_id", BAD_TOKEN)))

    async def books(self, request: Request) -> Response:
        """Answers `/books` for several tokens; those without a book are left out."""
        wishes = parsed(await request.body())
        if not isinstance(wishes, list) or not all(isinstance(w, dict) for w in wishes):
            raise HttpRefusal(400, "Invalid payload")
        if len(wishes) > MAX_BATCH:
            raise HttpRefusal(400, "Payload exceeds the limit")
        tokens = [token for w in wishes if not self.house.unknown(token := str(w.get("token_id", "")))]
        found = (self.house.teller.book_object(token) for token in tokens)
        return as_json([book for book in found if book is not None])

    async def price(self, request: Request) -> Response:
        """BUY answers the best bid, SELL the best ask, as the API reference says, or the other way round by the switch;
        never to be traded on."""
        sides = self._sides(wanted(request, "token_id", BAD_TOKEN))
        side = wanted(request, "side", "Invalid side").upper()
        if side not in ("BUY", "SELL"):
            raise HttpRefusal(400, "Invalid side")
        bid, ask = sides.tops()
        names_bid = (side == "BUY") != self.house.engine.switches.price_of_the_taker
        return as_json({"price": bid if names_bid else ask})

    async def midpoint(self, request: Request) -> Response:
        """Answers `/midpoint`: the mean of best bid and best ask."""
        sides = self._sides(wanted(request, "token_id", BAD_TOKEN))
        return as_json({"mid": decimal_text((best_bid(sides) + best_ask(sides)) // 2)})

    async def spread(self, request: Request) -> Response:
        """Answers `/spread`: best ask minus best bid."""
        sides = self._sides(wanted(request, "token_id", BAD_TOKEN))
        return as_json({"spread": decimal_text(best_ask(sides) - best_bid(sides))})

    async def last_trade_price(self, request: Request) -> Response:
        """Answers `/last-trade-price`; with no trade yet it is 0.5 and has no side."""
        token = wanted(request, "token_id", BAD_TOKEN)
        self._market(token)
        last = self.house.teller.last_trade(token)
        return as_json({"price": decimal_text(last[0]), "side": last[1]} if last else {"price": "0.5", "side": ""})

    async def tick_size(self, request: Request) -> Response:
        """Answers `/tick-size`: the market's price grid, as a JSON number."""
        token = request.path_params.get("token_id") or wanted(request, "token_id", BAD_TOKEN)
        return as_json({"minimum_tick_size": number(self._market(token).tick_e6)})

    async def neg_risk(self, request: Request) -> Response:
        """Answers `/neg-risk`: false for every market here."""
        return as_json({"neg_risk": self._market(wanted(request, "token_id", BAD_TOKEN)).neg_risk})

    async def fee_rate(self, request: Request) -> Response:
        """Answers `/fee-rate`: the legacy number that everybody must ignore."""
        self._market(wanted(request, "token_id", BAD_TOKEN))
        return as_json({"base_fee": 1000})

    async def by_token(self, request: Request) -> Response:
        """Answers which market a token belongs to, with its condition and both tokens."""
        market = self._market(request.path_params["token_id"])
        return as_json(
            {
                "condition_id": market.condition_id,
                "primary_token_id": market.up_token,
                "secondary_token_id": market.down_token,
            }
        )

    async def market(self, request: Request) -> Response:
        """The verbose object. `winner` flips later than Gamma's outcomePrices in reality; here with it."""
        market = self._by_condition(request.path_params["condition_id"])
        return as_json(verbose(market, self.house.gamma_now(market), self.house.listing_of(market)))

    async def clob_market(self, request: Request) -> Response:
        """Answers `/clob-markets/{condition_id}`: the compact market object."""
        market = self._by_condition(request.path_params["condition_id"])
        return as_json(compact(market, self.house.flaws(market.start_s)))

    def _book(self, token: str) -> dict[str, Any]:
        if not token.isdigit():
            raise HttpRefusal(400, BAD_TOKEN)
        book = self.house.teller.book_object(token)
        if book is None:
            raise HttpRefusal(404, NO_BOOK)
        unknown = self.house.unknown(token)
        if unknown:
            raise HttpRefusal(503, f"this book is not known now: {unknown}")
        return book

    def _sides(self, token: str) -> clob_frames.Sides:
        self._book(token)
        return self.house.teller.sides(token)

    def _market(self, token: str) -> Market:
        market = self.house.market_of(token)
        if market is None:
            raise HttpRefusal(404 if token.isdigit() else 400, "market not found" if token.isdigit() else BAD_TOKEN)
        return market

    def _by_condition(self, condition_id: str) -> Market:
        market = self.house.market(condition_id)
        if market is None:
            raise HttpRefusal(404, "market not found")
        return market


def best_bid(sides: clob_frames.Sides) -> int:
    """The best bid in millionths; 0 when there are no bids."""
    return sides.bids[0][0] if sides.bids else 0


def best_ask(sides: clob_frames.Sides) -> int:
    """The best ask in millionths; a whole dollar when there are no asks."""
    return sides.asks[0][0] if sides.asks else E6


def number(value_e6: int) -> float | int:
    """Millionths as the JSON number that the CLOB writes: 0.01, or 5 without a point."""
    return value_e6 // E6 if value_e6 % E6 == 0 else float(decimal_text(value_e6))


def compact(market: Market, flaws: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body of `GET /clob-markets/{condition_id}`; flaws: keys that the fault script makes wrong."""
    body = {
        "c": market.condition_id,
        "t": [{"t": market.up_token, "o": "Up"}, {"t": market.down_token, "o": "Down"}],
        "mts": number(market.tick_e6),
        "mos": number(market.min_size_e6),
        "fd": {"r": number(market.fee_rate_e6), "e": market.fee_exponent, "to": True},
        "mbf": 1000,
        "tbf": 1000,
        "r": {"mi": 50, "ma": 4.5},
        "itode": market.taker_delay_ns > 0,
        "ao": market.accepting and market.winner is None,
        "aot": gamma_objects.iso(market.start_s - gamma_objects.LISTED_BEFORE_S),
        "cbos": False,
        "v": "v1",
    }
    if "no_fee_schedule" in flaws:
        del body["fd"]
    return body


def verbose(market: Market, now: gamma_objects.Now, listing: gamma_objects.Listing | None) -> dict[str, Any]:
    """`GET /markets/{cid}`. listing None: what only Gamma knows is empty."""
    up = now.last_e6 if now.last_e6 is not None else E6 // 2
    paid = {"UP": (E6, 0), "DOWN": (0, E6), "SPLIT": (E6 // 2, E6 // 2), None: (up, E6 - up)}[market.winner]
    return {
        "condition_id": market.condition_id,
        "question_id": listing.question_id if listing else "",
        "question": gamma_objects.title(market.start_s, market.end_s),
        "description": gamma_objects.description(listing) if listing else "",
        "market_slug": market.slug,
        "active": True,
        "closed": market.winner is not None,
        "archived": False,
        "accepting_orders": market.accepting and market.winner is None,
        "accepting_order_timestamp": gamma_objects.iso(market.start_s - gamma_objects.LISTED_BEFORE_S),
        "enable_order_book": True,
        "minimum_order_size": number(market.min_size_e6),
        "minimum_tick_size": number(market.tick_e6),
        "seconds_delay": 0,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": "",
        "neg_risk_request_id": "",
        "maker_base_fee": 1000,
        "taker_base_fee": 1000,
        "end_date_iso": gamma_objects.iso(market.end_s),
        "game_start_time": gamma_objects.iso(market.start_s),
        "fpmm": "",
        "is_50_50_outcome": market.winner == "SPLIT",
        "notifications_enabled": False,
        "rewards": {"rates": None, "min_size": 50, "max_spread": 4.5},
        "tags": ["Crypto"],
        "icon": gamma_objects.PICTURE,
        "image": gamma_objects.PICTURE,
        "tokens": [
            {"token_id": token, "outcome": name, "price": number(price), "winner": market.winner == name.upper()}
            for token, name, price in zip((market.up_token, market.down_token), ("Up", "Down"), paid, strict=True)
        ],
    }
