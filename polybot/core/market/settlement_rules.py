"""By which rule a market settles: a table of the descriptions we know. Whatever is not in it is not traded (RULE_UNKNOWN).

The venue changed these three times in 2026; a new row is written by hand, after reading the new rule. What a row needs:
every named value equal. Values are compared after `_plain`: Gamma writes lists as JSON inside strings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from messages import SettleRule

OUTCOMES = ["Down", "Up"]
FEE_TYPES = ("crypto_fees_v2",)  # rate 0.07, exponent 1, takers only: every crypto market since 2026-04
ORDER_VERSIONS = ("", "v1")  # signed for Exchange V2; "v2" markets want Exchange V3 signatures, which this bot lacks
STREAMS = "https://data.chain.link/streams/"


@dataclass(frozen=True)
class RuleRow:
    """One known description. lookback None = the object has no cryptoMarketConfig at all."""

    rule: SettleRule
    source: str
    lookback_s: int | None


# as of 2026-11: facts §0.1, §9, §10.3
KNOWN: tuple[RuleRow, ...] = (
    RuleRow("spot", STREAMS + "btc-usd", None),  # until 2026-08-06
    RuleRow("twap30", STREAMS + "btc-usd-twap-30s-streams", 30),  # 2026-08-07 … 08-13
    RuleRow("twap60", STREAMS + "btc-usd-twap-60s-streams", 60),  # since 2026-08-14
)


def rule_of(gamma: Mapping[str, Any], clob: Mapping[str, Any] | None) -> tuple[SettleRule | None, str]:
    """The rule and ""; or None and the sentence that names the value no row knows.

    gamma  the market object of Gamma       clob  `GET /clob-markets/{cid}`, None when the CLOB has not answered
    """
    wrong = _wrong_everywhere(gamma, clob)
    if wrong:
        return None, wrong
    source = gamma.get("resolutionSource")
    row = next((r for r in KNOWN if r.source == source), None)
    if row is None:
        return None, f"resolutionSource {source!r} is in no known row"
    wrong = _wrong_config(gamma, row)
    return (None, wrong) if wrong else (row.rule, "")


def _wrong_everywhere(gamma: Mapping[str, Any], clob: Mapping[str, Any] | None) -> str:
    outcomes = _plain(gamma.get("outcomes"))
    if not isinstance(outcomes, list) or sorted(map(str, outcomes)) != OUTCOMES:
        return f"outcomes {gamma.get('outcomes')!r} are not Up and Down"
    if gamma.get("feeType") not in FEE_TYPES:
        return f"feeType {gamma.get('feeType')!r} is none of {', '.join(FEE_TYPES)}"
    for where, version in (("Gamma", gamma.get("version")), ("the CLOB", (clob or {}).get("v"))):
        if (version or "") not in ORDER_VERSIONS:
            return f"order version {version!r} of {where} is not v1"
    return ""


def _wrong_config(gamma: Mapping[str, Any], row: RuleRow) -> str:
    """cryptoMarketConfig against the row: absent where the row has none, equal in all four values where it has."""
    config = _plain(gamma.get("cryptoMarketConfig"))
    named = gamma.get("cryptoMarketConfigId")
    if row.lookback_s is None:
        if config or named:
            return f"cryptoMarketConfig {config or named!r} beside the spot stream is in no known row"
        return ""
    if named not in (None, f"btc-5m-twap-{row.lookback_s}"):
        return f"cryptoMarketConfigId {named!r} is not 'btc-5m-twap-{row.lookback_s}'"
    if not isinstance(config, Mapping):
        return f"cryptoMarketConfig {config!r} is missing beside {row.source}"
    wanted = {"asset": "btc", "duration": "5m", "twapEnabled": True, "twapLookbackSeconds": row.lookback_s}
    for key, value in wanted.items():
        found = config.get(key)
        if (found.lower() if isinstance(found, str) else found) != value:
            return f"cryptoMarketConfig.{key} {found!r} is not {value!r}"
    return ""


def _plain(value: Any) -> Any:
    """A list or object, also where it stands as JSON inside a string; unreadable text stays the text."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
