"""A fault script: which fault, when, for how long. Parsed whole or refused with a sentence; nothing here does anything.

seed = 7                      # of every `probability`
[switches]                    # how this venue is built where the real one's behaviour is not known
payout_by_redeem = false      # default true: winners are paid when they redeem; false: at resolution
[[fault]]
kind = "late_answer"          # see KINDS
window = [2, 5]               # in these windows of the session, from 1; without it: from the venue's start
at_s = 10                     # seconds after the window's (or the venue's) start
for_s = 60                    # how long; clock = "machine" counts seconds of the machine, not of the world
nth = [1, 3]                  # of the requests (frames, trades) it applies to, only these
probability = 0.5             # of the rest, this part
times = 2                     # at most so often
delay_s = 5
"""

import tomllib
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from polybot.sim.venue.switches import Switches

Clock = Literal["world", "machine"]
Channel = Literal["market", "user", "rtds", "polybolt", "binance", ""]


class ScriptError(ValueError):
    """The operator must edit the script: the message names the fault, the value and what would be right."""


HONEST = Switches(payout_by_redeem=True)  # of a venue that is told nothing else: who does not redeem is not paid


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does, which fields it takes beside those of time, and their defaults. for_s 0 = until it is cleared."""

    does: str
    takes: dict[str, Any] = field(default_factory=dict)
    for_s: float = 0.0


_REQUEST: dict[str, Any] = {"service": "clob", "method": "POST", "path": "/order"}
KINDS: dict[str, Kind] = {
    "ws_stall": Kind("the socket stays open and answers PING, and nothing else comes", {"channel": "market"}, 60),
    "ws_late": Kind("frames come delay_s late: HTTP answers first", {"channel": "user", "delay_s": 2.0}, 60),
    "user_twice": Kind("every event of the user channel comes twice", {}, 300),
    "user_reorder": Kind("neighbouring events of the user channel change places", {"delay_s": 1.0}, 300),
    "stale_book": Kind("GET /book answers what it answered first", {}, 60),
    "lost_request": Kind("the connection breaks before the venue has read the request", dict(_REQUEST)),
    "lost_answer": Kind("the venue does what was asked and the connection breaks before it answers", dict(_REQUEST)),
    "late_answer": Kind("the venue does it at once and answers delay_s later", _REQUEST | {"delay_s": 5.0}),
    "order_timeout": Kind("500 `order timed out`, with the order taken", dict(_REQUEST)),
    "restart": Kind(
        "425 for for_s, then 503 post-only for post_only_s; takes away resting orders as the switch says",
        {"post_only_s": 120.0, "retry_after_s": 0},
        90,
    ),
    "cancel_only": Kind("503 cancel-only: no new orders", {}, 60),
    "trading_disabled": Kind("503 trading is disabled: neither orders nor cancels", {}, 60),
    "rate_limit": Kind("429 with Retry-After", _REQUEST | {"retry_after_s": 2}, 10),
    "geoblock": Kind("403 with an HTML page, and the geoblock endpoint says that we are blocked", dict(_REQUEST), 60),
    "403_page": Kind(
        "403 with an HTML page of a firewall, which the geoblock endpoint knows nothing of", dict(_REQUEST), 60
    ),
    "closed_only": Kind("the account may only sell: BUYs are refused, and ban-status says so", {}, 60),
    "banned": Kind(
        "418 with Retry-After", {"service": "binance", "method": "GET", "path": "*", "retry_after_s": 120}, 120
    ),
    "wrong_country": Kind("451 with Binance's text", {"service": "binance", "method": "GET", "path": "*"}, 60),
    "ws_down": Kind("sockets are cut without a word, and none can be opened", {"channel": "binance"}, 60),
    "ws_goodbye": Kind("Binance announces its shutdown and closes every socket delay_s later", {"delay_s": 5.0}),
    "heartbeat_refused": Kind("400 Invalid Heartbeat ID, whatever id is sent", {}, 30),
    "trade_fails": Kind('MATCHED, RETRYING, then FAILED (or, ends = "CONFIRMED", mined after all)', {"ends": "FAILED"}),
    "tick_change": Kind("the running window's tick becomes 0.001", {}, 300),
    "resolution_late": Kind("the venue resolves delay_s later than the world", {"delay_s": 600.0}, 300),
    "resolution_wrong": Kind(
        "the wrong side is announced, corrected after correct_after_s", {"correct_after_s": 60.0}, 300
    ),
    "no_fee_schedule": Kind("the window's market is described without what it costs to take", {}, 300),
    "rule_unknown": Kind("the window's market settles by a rule that was never seen before", {}, 300),
    "wide_book": Kind(
        "every book's best bid and ask stand wider_usd further apart, half of it a side", {"wider_usd": 0.1}, 60
    ),
    "oracle_gap": Kind("no settlement price is published", {}, 30),
    "empty_size": Kind('our trades are told with size "": `/data/trades` and the user channel', {}, 60),
    "balance_null": Kind("`/balance-allowance` answers a balance of null", {}, 60),
    "withdrawal": Kind(
        "usd leave every wallet; orders they covered are cancelled for want of balance", {"usd": 10.0}, 300
    ),
}
DESCRIPTIONS = ("no_fee_schedule", "rule_unknown")  # what is wrong with a market as it is listed
_TIMES = ("kind", "name", "window", "at_s", "for_s", "clock", "nth", "probability", "times")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. for_s 0 = until it is cleared; times 0 = as often as it applies; window () = not bound to windows."""

    kind: str
    name: str = ""
    window: tuple[int, ...] = ()
    at_s: float = 0.0
    for_s: float = 0.0
    clock: Clock = "world"
    nth: tuple[int, ...] = ()
    probability: float = 1.0
    times: int = 0
    service: str = ""
    method: str = ""
    path: str = ""
    channel: Channel = ""
    delay_s: float = 0.0
    retry_after_s: int = 0
    usd: float = 0.0
    post_only_s: float = 0.0
    correct_after_s: float = 0.0
    wider_usd: float = 0.0
    ends: Literal["FAILED", "CONFIRMED", ""] = ""

    @property
    def life_s(self) -> float:
        """Seconds from the fault's first moment to its last; 0 = without end."""
        return self.for_s + self.post_only_s if self.for_s else 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """A whole fault script: seed, switches and faults."""

    seed: int = 0
    switches: Switches = HONEST
    faults: tuple[Fault, ...] = ()


def read_script(text: str) -> Script:
    """The file's text as a script; raises ScriptError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ScriptError(f"not TOML: {exc}") from exc
    for key in table:
        if key not in ("seed", "switches", "fault"):
            raise ScriptError(f'unknown table "{key}": a script has seed, [switches] and [[fault]]')
    rows = table.get("fault", [])
    if not isinstance(rows, list) or not isinstance(table.get("seed", 0), int):
        raise ScriptError("seed is a whole number, and every fault begins with [[fault]]")
    faults: list[Fault] = []
    for n, row in enumerate(rows, 1):
        fault = read_fault(row, n)
        if fault.name in [f.name for f in faults]:
            if "name" in row:
                raise ScriptError(f'fault {n} ({fault.kind}): name "{fault.name}" is taken by an earlier one')
            fault = replace(fault, name=f"{fault.name}_{n}")
        faults.append(fault)
    return Script(table.get("seed", 0), _switches(table.get("switches", {})), tuple(faults))


def read_fault(row: Any, n: int = 1) -> Fault:
    """One fault with its kind's defaults; raises ScriptError. Its name, when none is given, is its kind."""
    where = f"fault {n}"
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
        raise ScriptError(f"{where}: kind is missing; one of {', '.join(KINDS)}")
    name = row["kind"]
    kind = KINDS.get(name)
    if kind is None:
        raise ScriptError(f'{where}: unknown kind "{name}"{_near(name, KINDS)}')
    where = f"{where} ({name})"
    for key in row:
        if key not in _TIMES and key not in kind.takes:
            raise ScriptError(f'{where}: unknown field "{key}"{_near(key, [*_TIMES, *kind.takes])}')
    given = {"for_s": kind.for_s, "name": name, **kind.takes, **row}
    if isinstance(given.get("window"), int):
        given["window"] = [given["window"]]
    if given.get("window") and not given["for_s"]:
        given["for_s"] = 300.0
    try:
        fault = msgspec.convert(given, Fault)
    except msgspec.ValidationError as exc:
        raise ScriptError(f"{where}: {exc}") from exc
    _check(fault, where)
    return fault


def _check(fault: Fault, where: str) -> None:
    if not 0 < fault.probability <= 1:
        raise ScriptError(f"{where}: probability {fault.probability} is not above 0 and at most 1")
    if any(n < 1 for n in (*fault.window, *fault.nth)):
        raise ScriptError(f"{where}: window and nth count from 1")
    for name in ("at_s", "for_s", "delay_s", "retry_after_s", "post_only_s", "correct_after_s", "wider_usd", "times"):
        if getattr(fault, name) < 0:
            raise ScriptError(f"{where}: {name} {getattr(fault, name)} is below 0")


def _switches(table: Any) -> Switches:
    names = [f.name for f in fields(Switches)]
    for key in table:
        if key not in names:
            raise ScriptError(f'unknown switch "{key}"{_near(key, names)}')
    try:
        return msgspec.convert({"payout_by_redeem": True} | table, Switches)
    except msgspec.ValidationError as exc:
        raise ScriptError(f"switches: {exc}") from exc


def _near(name: str, known: Any) -> str:
    found = get_close_matches(name, list(known), 1)
    return f': did you mean "{found[0]}"?' if found else f"; one of {', '.join(known)}"
