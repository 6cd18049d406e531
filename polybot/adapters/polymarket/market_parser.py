"""Gamma's market object and the CLOB's compact one as a MarketListed. Pure; any key may be absent."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from messages import FeeSchedule, MarketListed
from messages.units import E6, NS
from polybot.core.market.settlement_rules import rule_of

Winner = Literal["UP", "DOWN", "SPLIT", ""]


def listed_of(gamma: Mapping[str, Any], clob: Mapping[str, Any] | None) -> MarketListed:
    """Raises ValueError or KeyError where what is needed to trade is missing or contradictory.

    Start is `eventStartTime`; `startDate` is when the market was listed. Of two tick sizes the finer is the newer.
    """
    tokens = _tokens(gamma)
    if clob is not None and "t" in clob and {t["o"]: t["t"] for t in clob["t"]} != tokens:
        raise ValueError("Gamma and the CLOB name different tokens")
    rule, rule_why = rule_of(gamma, clob)
    shown = clob or {}
    ticks = [_e6(t) for t in (gamma.get("orderPriceMinTickSize"), shown.get("mts")) if t is not None]
    sizes = [_e6(s) for s in (gamma.get("orderMinSize"), shown.get("mos")) if s is not None]
    return MarketListed(
        slug=_text(gamma["slug"]),
        condition_id=_text(gamma["conditionId"]),
        up_token=tokens["Up"],
        down_token=tokens["Down"],
        start_s=_second(_start(gamma)),
        end_s=_second(gamma["endDate"]),
        tick_e6=min(ticks),
        min_size_e6=max(sizes),
        fee=_fee(gamma.get("feeSchedule"), shown.get("fd")),
        neg_risk=bool(gamma.get("negRisk")) or bool(shown.get("nr")),
        rule=rule,
        rule_why=rule_why,
        synthetic_books=gamma.get("polybotSyntheticBooks") is True,
        accepting=gamma.get("acceptingOrders", True) is True and shown.get("ao", True) is True,
        taker_delay=shown.get("itode", True) is not False,
    )


def winner_of(gamma: Mapping[str, Any]) -> Winner:
    """The official outcome, by outcome *name*; "" until the market is closed with final prices. Raises on garbage."""
    if gamma.get("closed") is not True:
        return ""
    prices = dict(zip(_list(gamma["outcomes"]), _list(gamma["outcomePrices"]), strict=True))
    match float(prices["Up"]), float(prices["Down"]):
        case (1.0, 0.0):
            return "UP"
        case (0.0, 1.0):
            return "DOWN"
        case (0.5, 0.5):
            return "SPLIT"
        case _:
            return ""


def clob_winner_of(market: Mapping[str, Any]) -> Winner:
    """The same by `GET /markets/{cid}`, which learns it minutes later and does not name a split."""
    won = [t["outcome"] for t in market["tokens"] if t.get("winner") is True]
    if market.get("closed") is not True or len(won) != 1:
        return ""
    match won[0]:
        case "Up":
            return "UP"
        case "Down":
            return "DOWN"
    raise ValueError(f"the winner {won[0]!r:.40} is neither Up nor Down")


def closed_ns(gamma: Mapping[str, Any], otherwise_ns: int) -> int:
    """When the venue closed the market, in ns, from a text like "2026-07-24 00:25:21+00"."""
    text = gamma.get("closedTime")
    return _second(text) * NS if isinstance(text, str) and text else otherwise_ns


def _tokens(gamma: Mapping[str, Any]) -> dict[str, str]:
    """Outcome name → token id; never by position."""
    tokens = dict(zip(_list(gamma["outcomes"]), _list(gamma["clobTokenIds"]), strict=True))
    if set(tokens) != {"Up", "Down"} or len(set(tokens.values())) != 2:
        raise ValueError(f"outcomes are not Up and Down: {sorted(tokens)}")
    if not all(t.isascii() and t.isdigit() for t in tokens.values()):
        raise ValueError("token ids are not decimal numbers")
    return tokens


def _start(gamma: Mapping[str, Any]) -> Any:
    return gamma.get("eventStartTime") or gamma["events"][0]["startTime"]


def _fee(by_gamma: Any, by_clob: Any) -> FeeSchedule | None:
    """None = unknown, which is not zero; two that contradict each other are as good as none."""
    found = []
    for shown, (rate, exponent, taker) in (
        (by_gamma, ("rate", "exponent", "takerOnly")),
        (by_clob, ("r", "e", "to")),
    ):
        if isinstance(shown, dict):
            if not {rate, exponent, taker} <= shown.keys() or int(shown[exponent]) != shown[exponent]:
                return None
            found.append(FeeSchedule(rate_e6=_e6(shown[rate]), exponent=int(shown[exponent]), taker_only=shown[taker]))
    return found[0] if found and all(fee == found[0] for fee in found) else None


def _list(value: Any) -> list[str]:
    """A list out of Gamma, which writes lists as JSON inside strings."""
    try:
        found = msgspec.json.decode(value) if isinstance(value, str) else value
    except msgspec.DecodeError as exc:
        raise ValueError(f"not a list: {value!r:.80}") from exc
    if not isinstance(found, list):
        raise ValueError(f"not a list: {value!r:.80}")
    return [str(v) for v in found]


def _e6(value: Any) -> int:
    """A JSON number by its decimal text: 0.07 is 70000."""
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value)) * E6
        if 0 <= number < 10**15 and number == number.to_integral_value():
            return int(number)
    except InvalidOperation:
        pass
    raise ValueError(f"not a decimal of six places: {value!r:.40}")


def _second(text: Any) -> int:
    if not isinstance(text, str):
        raise ValueError(f"not a time: {text!r:.40}")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text:.40}")
    return int(moment.timestamp())


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {value!r:.40}")
    return value
