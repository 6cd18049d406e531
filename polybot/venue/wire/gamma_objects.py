"""Market and event objects as Gamma delivers them (facts §9): JSON inside strings, empty keys omitted, nothing from the future.

What is true only after the end (`closed`, `outcomePrices` of 1 and 0, `closedTime`, resolution marks) is added when the
world has resolved the market, never read from the recording. Synthetic books are labelled: `polybotSyntheticBooks`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from messages.units import E6, decimal_text

Rule = Literal["spot", "twap30", "twap60"]
SERIES = {"id": "10684", "ticker": "btc-up-or-down-5m", "slug": "btc-up-or-down-5m", "title": "BTC Up or Down 5m"}
STREAMS = "https://data.chain.link/streams"
NOVEL_S = 45  # a TWAP of so many seconds there has never been
EVENT_ID_OFFSET = 7_000_000
LISTED_BEFORE_S = 86_000  # median of the recorded day: 85,943 s before the start

# Keys of a recorded object that hold at listing time. A list of what may pass, not of what may not.
_AT_LISTING = """
id new cyom icon slug image ready funded endDate feeType negRisk approved archived featured outcomes question
createdAt deploying startDate endDateIso questionID restricted rfqEnabled comboStatus conditionId description
feeSchedule feesEnabled clobTokenIds makerBaseFee negRiskOther orderMinSize startDateIso takerBaseFee
showGmpSeries eventStartTime rewardsMinSize showGmpOutcome enableOrderBook clearBookOnStart hasReviewedDates
manualActivation resolutionSource rewardsMaxSpread pendingDeployment groupItemThreshold marketMakerAddress
automaticallyActive requiresTranslation umaResolutionStatuses holdingRewardsEnabled makerRebatesFeeShareBps
acceptingOrdersTimestamp pagerDutyNotificationEnabled cryptoMarketConfig cryptoMarketConfigId version
"""
PICTURE = "https://polymarket-upload.s3.us-east-2.amazonaws.com/BTC+fullsize.png"
_NEVER = (
    "holdingRewardsEnabled",
    "manualActivation",
    "pagerDutyNotificationEnabled",
    "pendingDeployment",
    "requiresTranslation",
    "rfqEnabled",
    "showGmpOutcome",
    "showGmpSeries",
)
_VOLUMES = tuple(f"volume{span}{kind}" for span in ("24hr", "1wk", "1mo", "1yr") for kind in ("", "Clob"))
KNOWN_AT_LISTING = frozenset(_AT_LISTING.split())


@dataclass(frozen=True)
class Listing:
    """A window's market as the world knows it at listing. raw: the recorded Gamma object, None in a made-up world."""

    slug: str
    start_s: int
    end_s: int
    condition_id: str
    question_id: str
    up_token: str
    down_token: str
    gamma_id: str
    rule: Rule
    raw: Mapping[str, Any] | None = None
    fee_rate_e6: int = 70_000
    fee_exponent: int = 1
    min_size_e6: int = 5_000_000
    has_real_books: bool = False


@dataclass(frozen=True)
class Now:
    """What is true of a market at this moment of world time. None where nothing is known: its key is left out."""

    tick_e6: int
    best_bid_e6: int | None = None
    best_ask_e6: int | None = None
    last_e6: int | None = None
    volume_e6: int = 0
    accepting: bool = True
    resolved_s: int | None = None
    winner: Literal["UP", "DOWN", "SPLIT"] | None = None
    flaws: tuple[str, ...] = ()  # by fault script: "no_fee_schedule", "rule_unknown"


def market_object(listing: Listing, now: Now) -> dict[str, Any]:
    """The market as `GET /markets/slug/{slug}` answers it."""
    if listing.raw is not None:
        body = {k: v for k, v in listing.raw.items() if k in KNOWN_AT_LISTING}
    else:
        body = _listed(listing)
    body["active"] = True
    body["closed"] = now.winner is not None
    body["acceptingOrders"] = now.accepting and now.winner is None
    body["orderPriceMinTickSize"] = _number(now.tick_e6)
    if not listing.has_real_books:
        body["polybotSyntheticBooks"] = True
    body |= _prices(now) | _volumes(now)
    if now.winner is not None and now.resolved_s is not None:
        body |= _resolution(now.winner, now.resolved_s)
    return _flawed(body, now.flaws) if now.flaws else body


def _flawed(body: dict[str, Any], flaws: tuple[str, ...]) -> dict[str, Any]:
    """The market as the venue might describe it one day: no fee, or a look-back of the TWAP that nobody has seen yet."""
    if "no_fee_schedule" in flaws:
        body.pop("feeSchedule", None)
    if "rule_unknown" in flaws:
        body["resolutionSource"] = f"{STREAMS}/btc-usd-twap-{NOVEL_S}s-streams"
        body["cryptoMarketConfigId"] = f"btc-5m-twap-{NOVEL_S}"
        body["cryptoMarketConfig"] = _twap_config(NOVEL_S)
    return body


def _twap_config(seconds: int) -> dict[str, Any]:
    return {"asset": "btc", "duration": "5m", "twapEnabled": True, "twapLookbackSeconds": seconds}


def event_id(listing: Listing) -> str:
    """The event's number at Gamma; events are numbered apart from markets."""
    return str(int(listing.gamma_id) + EVENT_ID_OFFSET)


def event_object(listing: Listing, now: Now) -> dict[str, Any]:
    """The event around it; the price to beat is not pushed here in time in reality, and not at all by us."""
    market = market_object(listing, now)
    return {
        "id": event_id(listing),
        "ticker": listing.slug,
        "slug": listing.slug,
        "title": market["question"],
        "description": market["description"],
        "startTime": iso(listing.start_s),
        "startDate": market["startDate"],
        "endDate": iso(listing.end_s),
        "active": True,
        "closed": market["closed"],
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "negRisk": False,
        "seriesSlug": SERIES["slug"],
        "series": [SERIES],
        "markets": [market],
    }


def _listed(listing: Listing) -> dict[str, Any]:
    """A made-up world's object, same keys and types as the recorded ones."""
    seconds = {"twap60": 60, "twap30": 30, "spot": 0}[listing.rule]
    listed_s = listing.start_s - LISTED_BEFORE_S
    stream = f"btc-usd-twap-{seconds}s-streams" if seconds else "btc-usd"
    body: dict[str, Any] = {
        "id": listing.gamma_id,
        "new": False,
        "cyom": False,
        "slug": listing.slug,
        "question": title(listing.start_s, listing.end_s),
        "description": _description(seconds, stream),
        "conditionId": listing.condition_id,
        "questionID": listing.question_id,
        "clobTokenIds": json.dumps([listing.up_token, listing.down_token]),
        "outcomes": '["Up", "Down"]',
        "eventStartTime": iso(listing.start_s),
        "endDate": iso(listing.end_s),
        "endDateIso": iso(listing.end_s)[:10],
        "startDate": f"{iso(listed_s)[:-1]}.475646Z",
        "startDateIso": iso(listed_s)[:10],
        "createdAt": f"{iso(listed_s - 3600)[:-1]}.10127Z",
        "acceptingOrdersTimestamp": iso(listed_s),
        "ready": False,
        "funded": False,
        "approved": True,
        "archived": False,
        "featured": False,
        "restricted": True,
        "deploying": False,
        "enableOrderBook": True,
        "clearBookOnStart": False,
        "orderMinSize": _number(listing.min_size_e6),
        "negRisk": False,
        "negRiskOther": False,
        "makerBaseFee": 1000,
        "takerBaseFee": 1000,
        "feesEnabled": True,
        "feeType": "crypto_fees_v2",
        "feeSchedule": {
            "rate": _number(listing.fee_rate_e6),
            "exponent": listing.fee_exponent,
            "takerOnly": True,
            "rebateRate": 0.2,
        },
        "makerRebatesFeeShareBps": 10000,
        "rewardsMinSize": 50,
        "rewardsMaxSpread": 4.5,
        "resolutionSource": f"{STREAMS}/{stream}",
        "umaResolutionStatuses": "[]",
        "groupItemThreshold": "0",
        "marketMakerAddress": "",
        "version": "v1",
        "icon": PICTURE,
        "image": PICTURE,
        "comboStatus": "disabled",
        "automaticallyActive": True,
        "hasReviewedDates": True,
    }
    body |= dict.fromkeys(_NEVER, False)
    if seconds:
        body["cryptoMarketConfigId"] = f"btc-5m-twap-{seconds}"
        body["cryptoMarketConfig"] = _twap_config(seconds)
    return body


def description(listing: Listing) -> str:
    """The text in which Gamma tells the market's rules."""
    return str(market_object(listing, Now(tick_e6=10_000))["description"])


def _description(seconds: int, stream: str) -> str:
    what = f"{seconds}-second TWAP of the Bitcoin price" if seconds else "Bitcoin price"
    return (
        f'This market will resolve to "Up" if the {what} at the end of the time range specified in the title is greater '
        f'than or equal to the one at the beginning of that range. Otherwise, it will resolve to "Down".\n'
        f"The resolution source for this market is information from Chainlink, specifically the data stream available at "
        f"https://data.chain.link/streams/{stream}."
    )


def _prices(now: Now) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if now.best_bid_e6 is not None:
        body["bestBid"] = _number(now.best_bid_e6)
    if now.best_ask_e6 is not None:
        body["bestAsk"] = _number(now.best_ask_e6)
    if now.best_bid_e6 is not None and now.best_ask_e6 is not None:
        body["spread"] = _number(now.best_ask_e6 - now.best_bid_e6)
    if now.last_e6 is not None:
        body["lastTradePrice"] = _number(now.last_e6)
    mid = ((now.best_bid_e6 or 0) + (E6 if now.best_ask_e6 is None else now.best_ask_e6)) // 2
    body["outcomePrices"] = json.dumps([decimal_text(mid), decimal_text(E6 - mid)])
    return body


def _volumes(now: Now) -> dict[str, Any]:
    if not now.volume_e6:
        return {}
    volume = now.volume_e6 / E6
    return {"volume": repr(volume)} | dict.fromkeys(("volumeNum", "volumeClob", *_VOLUMES), volume)


def _resolution(winner: str, resolved_s: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(resolved_s, UTC)
    return {
        "outcomePrices": {"UP": '["1", "0"]', "DOWN": '["0", "1"]', "SPLIT": '["0.5", "0.5"]'}[winner],
        "closedTime": at.strftime("%Y-%m-%d %H:%M:%S+00"),
        "umaEndDate": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "umaResolutionStatus": "resolved",
        "automaticallyResolved": True,
    }


def _number(value_e6: int) -> float | int:
    """Millionths as the JSON number that Gamma writes: 0.01, or 5 without a point."""
    return value_e6 // E6 if value_e6 % E6 == 0 else float(decimal_text(value_e6))


def iso(second: int) -> str:
    """A unix second as Gamma writes it, "2026-11-20T00:00:00Z"."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def title(start_s: int, end_s: int) -> str:
    """Bitcoin Up or Down - November 19, 7:00PM-7:05PM ET."""
    start, end = _eastern(start_s), _eastern(end_s)
    return f"Bitcoin Up or Down - {start:%B} {start.day}, {_hour(start)}-{_hour(end)} ET"


def _hour(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M%p}"


def _eastern(second: int) -> datetime:
    """US Eastern without a time-zone database: daylight time from the second Sunday of March to the first of November."""
    moment = datetime.fromtimestamp(second, UTC)
    begins = _sunday(moment.year, 3, 2) + timedelta(hours=7)
    ends = _sunday(moment.year, 11, 1) + timedelta(hours=6)
    return moment.astimezone(timezone(timedelta(hours=-4 if begins <= moment < ends else -5)))


def _sunday(year: int, month: int, nth: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))
