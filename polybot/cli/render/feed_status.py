"""What `status` says of the feeds and of the hosts behind them: source, freshness, 24 hours, circuit breakers, quotas."""

from collections.abc import Mapping
from typing import Any

import msgspec

from messages import FeedStatus, Heartbeat

MAIN_SOURCE = {"price": "binance"}  # who ought to be the source; anyone else is worth a line
NEAR = 0.8  # of a quota, worth a line


def feed(said: FeedStatus, beat: Heartbeat | None) -> dict[str, Any]:
    """Drops per hour: reconnects of its socket since the actor's boot, over the actor's age."""
    hours = beat.uptime_s / 3600 if beat and beat.uptime_s > 0 else None
    return {
        "state": said.state,
        "reason": said.reason,
        "age_s": None if said.age_s < 0 else round(said.age_s, 3),
        "bad_frames": said.dropped,
        "drops": said.reconnects,
        "drops_per_hour": round(said.reconnects / hours, 2) if hours else None,
        "source": said.source or None,
        "price": said.price or None,
        "refused": dict(sorted(said.refused.items())),
        "day": msgspec.to_builtins(said.day),
    }


def endpoints(hearts: Mapping[str, Heartbeat]) -> list[dict[str, Any]]:
    """The hosts each actor reads from: circuit breaker, failures, quota."""
    return [
        {"actor": name} | msgspec.to_builtins(host) for name, beat in sorted(hearts.items()) for host in beat.endpoints
    ]


def lines(feeds: dict[str, dict[str, Any]], hosts: list[dict[str, Any]]) -> list[str]:
    """Lines for people: one for all feeds, and one for each that is out of the ordinary."""
    told = []
    if feeds:
        told.append(f"feeds {', '.join(_short(name, each) for name, each in feeds.items())}")
    for name, each in feeds.items():
        if each["reason"]:
            told.append(f"{name}: {each['reason']}")
        if each["refused"]:
            told.append(f"{name} refused: {', '.join(f'{n} {reason}' for reason, n in each['refused'].items())}")
        if each["day"]:
            told.append(_day(each["price"], each["day"]))
    return told + [line for host in hosts if (line := _host(host))]


def _short(name: str, each: dict[str, Any]) -> str:
    drops = f" ({each['drops_per_hour']:g} drops/h)" if each["drops_per_hour"] else ""
    main = MAIN_SOURCE.get(name)
    source = f" by {each['source'] or 'nobody'}" if main and each["source"] != main else ""
    return f"{name} {each['state']}{source}{drops}"


def _day(price: float | None, day: dict[str, Any]) -> str:
    now = f"{price:,.2f} USD, " if price else ""
    return (
        f"{now}24 h: {day['change_pct']:+.2f} %, open {day['open']:,.2f}, high {day['high']:,.2f}, "
        f"low {day['low']:,.2f}, volume {day['volume']:,.1f} BTC"
    )


def _host(host: dict[str, Any]) -> str:
    """ "" when there is nothing to say of it."""
    told = []
    if host["state"] != "closed":
        told.append(f"circuit {host['state'].replace('_', ' ')}, next try in {host['retry_s']:.0f} s: {host['why']}")
    if host["limit"] > 0 and host["used"] >= NEAR * host["limit"]:
        told.append(f"{host['used']} of {host['limit']} of the minute's quota used")
    return f"{host['name']} ({host['actor']}): {'; '.join(told)}" if told else ""
